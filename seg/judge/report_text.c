#include "seg/judge/report.h"

#include <math.h>
#include <string.h>

enum { BAR = 20 };

/* "81.66 %" as "81.66", or "-" where there is no figure. */
static const char *percent(char text[16], double value)
{
    if (isnan(value))
        return "-";
    snprintf(text, 16, "%.2f", 100 * value);
    return text;
}

static void print_bar(FILE *file, double value, bool unicode)
{
    static const char *const eighths[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
    int steps = isnan(value) ? 0 : (int)lrint(value * BAR * 8), cells = (steps + 7) / 8;
    if (!unicode) {
        cells = isnan(value) ? 0 : (int)lrint(value * BAR);
        fprintf(file, "%.*s%*s", cells, "####################", BAR - cells, "");
        return;
    }
    for (int i = 0; i < steps / 8; i++)
        fputs("█", file);
    fprintf(file, "%s%*s", eighths[steps % 8], BAR - cells, "");
}

static void print_figure(FILE *file, const char *name, double value, const char *remark)
{
    char text[16];
    bool none = isnan(value);
    fprintf(file, "%-24s%7s%s%s%s\n", name, percent(text, value), none ? "" : " %", *remark ? "  " : "", remark);
}

static int widest_name(const mseg_score *score)
{
    int width = 5;
    for (int c = 0; c < score->classes; c++)
        if ((int)strlen(score->per_class[c].name) > width)
            width = (int)strlen(score->per_class[c].name);
    return width;
}

void mseg_report_text(FILE *file, const mseg_report *report, bool unicode)
{
    const mseg_score *score = report->score;
    int width = widest_name(score);
    fprintf(file, "%-*s  %6s %*s %6s %9s %7s %8s %15s\n", width, "class", "IoU", BAR, "", "Dice", "precision", "recall",
            "boundary", "pixels");
    for (int c = 0; c < score->classes; c++) {
        const mseg_class_score *s = &score->per_class[c];
        char iou[16], dice[16], precision[16], recall[16], boundary[16], pixels[32];
        fprintf(file, "%-*s  %6s ", width, s->name, percent(iou, s->iou));
        print_bar(file, s->iou, unicode);
        fprintf(file, " %6s %9s %7s %8s %15s\n", percent(dice, s->dice), percent(precision, s->precision),
                percent(recall, s->recall), percent(boundary, s->boundary_iou), mseg_grouped(pixels, s->truth));
    }
    char remark[64], images[32], pixels[32], count[32];
    snprintf(remark, sizeof remark, "over %d of %d classes", score->classes_present, score->classes_averaged);
    fputc('\n', file);
    print_figure(file, "mIOU", score->miou, remark);
    print_figure(file, "mean Dice (F1)", score->dice, "");
    print_figure(file, "pixel accuracy", score->pixel_accuracy, "");
    print_figure(file, "mean accuracy", score->mean_accuracy, "");
    print_figure(file, "frequency-weighted IoU", score->frequency_weighted_iou, "");
    print_figure(file, "boundary IoU", score->boundary_iou, "");
    print_figure(file, "per-image mIOU", score->per_image_miou, "mean over images");
    fprintf(file, "\n%s image%s scored, %s pixels\n", mseg_grouped(images, score->images), score->images == 1 ? "" : "s",
            mseg_grouped(pixels, score->pixels));
    if (score->ignored_pixels)
        fprintf(file, "%s pixel%s (%.1f %%) of the ground truth ignored\n", mseg_grouped(pixels, score->ignored_pixels),
                score->ignored_pixels == 1 ? "" : "s", 100 * mseg_ignored_share(score));
    if (score->void_pixels)
        fprintf(file, "%s pixel%s predicted as no class, missed\n", mseg_grouped(pixels, score->void_pixels),
                score->void_pixels == 1 ? "" : "s");
    for (int i = 0; i < MSEG_PROBLEMS; i++)
        if (score->problems[i])
            fprintf(file, "%s %s\n", mseg_grouped(count, score->problems[i]), mseg_problem_text((mseg_problem)i));
}
