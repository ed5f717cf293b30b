#include "seg/judge/report.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "seg/judge/metrics.h"

const char *mseg_grouped(char text[32], uint64_t value)
{
    char digits[24];
    int count = snprintf(digits, sizeof digits, "%llu", (unsigned long long)value), used = 0;
    for (int i = 0; i < count; i++) {
        if (i && (count - i) % 3 == 0)
            text[used++] = ',';
        text[used++] = digits[i];
    }
    text[used] = 0;
    return text;
}

double mseg_ignored_share(const mseg_score *score)
{
    const double all = (double)(score->pixels + score->ignored_pixels);
    return all > 0 ? (double)score->ignored_pixels / all : NAN;
}

bool mseg_next_setting(const char **line, char name[64], char value[512])
{
    if (!**line)
        return false;
    size_t length = strcspn(*line, "\n"), head = strcspn(*line, ":\n");
    size_t skip = head < length ? head + 1 + strspn(*line + head + 1, " ") : length;
    snprintf(name, 64, "%.*s", (int)head, *line);
    snprintf(value, 512, "%.*s", skip < length ? (int)(length - skip) : 0, *line + skip);
    *line += length + ((*line)[length] == '\n');
    return true;
}

/* ---- JSON -------------------------------------------------------------------------------------------------------------- */

static void add_matrix(mseg_json *root, const mseg_score *score)
{
    mseg_json *rows = mseg_json_add_array(root, "confusion_rows_are_ground_truth");
    for (int t = 0; t < score->classes; t++) {
        mseg_json *row = mseg_json_add_array(rows, NULL);
        for (int p = 0; p < score->classes; p++)
            mseg_json_add_int(row, NULL, (int64_t)score->confusion[t * score->classes + p]);
    }
}

typedef double (*class_figure)(const mseg_class_score *);
static double class_iou(const mseg_class_score *c)
{
    return c->iou;
}
static double class_dice(const mseg_class_score *c)
{
    return c->dice;
}
static double class_precision(const mseg_class_score *c)
{
    return c->precision;
}
static double class_recall(const mseg_class_score *c)
{
    return c->recall;
}
static double class_boundary_iou(const mseg_class_score *c)
{
    return c->boundary_iou;
}

static void add_class_figures(mseg_json *root, const mseg_score *score)
{
    static const struct {
        const char *key;
        class_figure figure;
    } columns[] = {{"iou", class_iou},
                   {"dice", class_dice},
                   {"precision", class_precision},
                   {"recall", class_recall},
                   {"boundary_iou", class_boundary_iou}};
    mseg_json *names = mseg_json_add_array(root, "classes"), *ids = mseg_json_add_array(root, "class_ids");
    mseg_json *averaged = mseg_json_add_array(root, "averaged_class_ids");
    for (int c = 0; c < score->classes; c++) {
        mseg_json_add_string(names, NULL, score->per_class[c].name);
        mseg_json_add_int(ids, NULL, score->per_class[c].id);
        if (score->per_class[c].averaged)
            mseg_json_add_int(averaged, NULL, score->per_class[c].id);
    }
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++) {
        mseg_json *values = mseg_json_add_array(root, columns[i].key);
        for (int c = 0; c < score->classes; c++)
            mseg_json_add_number(values, NULL, columns[i].figure(&score->per_class[c]));
    }
    mseg_json *truth = mseg_json_add_array(root, "ground_truth_pixels");
    for (int c = 0; c < score->classes; c++)
        mseg_json_add_int(truth, NULL, (int64_t)score->per_class[c].truth);
    mseg_json *predicted = mseg_json_add_array(root, "predicted_pixels");
    for (int c = 0; c < score->classes; c++)
        mseg_json_add_int(predicted, NULL, (int64_t)score->per_class[c].predicted);
    mseg_json *voids = mseg_json_add_array(root, "void_predicted_pixels");
    for (int c = 0; c < score->classes; c++)
        mseg_json_add_int(voids, NULL, (int64_t)score->per_class[c].voids);
}

static void add_images(mseg_json *root, const mseg_score *score)
{
    mseg_json *images = mseg_json_add_array(root, "per_image");
    for (size_t i = 0; i < score->images; i++) {
        const mseg_image_score *s = &score->per_image[i];
        mseg_json *image = mseg_json_add_object(images, NULL);
        mseg_json_add_string(image, "id", s->id);
        mseg_json_add_number(image, "miou", s->miou);
        mseg_json_add_number(image, "pixel_accuracy", s->pixel_accuracy);
        mseg_json_add_number(image, "boundary_iou", s->boundary_iou);
        mseg_json_add_int(image, "pixels", (int64_t)s->pixels);
        mseg_json_add_int(image, "width", s->width);
        mseg_json_add_int(image, "height", s->height);
    }
}

void mseg_report_add_notes(mseg_json *root, const mseg_score *score)
{
    mseg_problems_to_json(root, score->problems);
    mseg_json *warnings = mseg_json_add_array(root, "warnings");
    for (int i = 0; i < MSEG_WARNINGS && score->warnings[i]; i++)
        mseg_json_add_string(warnings, NULL, score->warnings[i]);
}

static void add_settings(mseg_json *root, const mseg_report *report)
{
    char name[64], value[512];
    mseg_json *settings = mseg_json_add_object(root, "settings");
    for (const char *line = report->score->settings; mseg_next_setting(&line, name, value);)
        mseg_json_add_string(settings, name, value);
    mseg_report_add_notes(root, report->score);
    if (report->command)
        mseg_json_add_string(root, "command", report->command);
    mseg_json_add_string(root, "version", mseg_version());
}

char *mseg_report_json_text(const mseg_report *report)
{
    const mseg_score *score = report->score;
    mseg_json *root = mseg_json_object();
    mseg_json_add_int(root, "images", (int64_t)score->images);
    mseg_json_add_int(root, "pixels", (int64_t)score->pixels);
    mseg_json_add_int(root, "ignored_pixels", (int64_t)score->ignored_pixels);
    mseg_json_add_number(root, "ignored_share", mseg_ignored_share(score));
    mseg_json_add_int(root, "void_pixels", (int64_t)score->void_pixels);
    mseg_json_add_number(root, "miou", score->miou);
    mseg_json_add_number(root, "mean_dice", score->dice);
    mseg_json_add_number(root, "pixel_accuracy", score->pixel_accuracy);
    mseg_json_add_number(root, "mean_accuracy", score->mean_accuracy);
    mseg_json_add_number(root, "frequency_weighted_iou", score->frequency_weighted_iou);
    mseg_json_add_number(root, "mean_boundary_iou", score->boundary_iou);
    mseg_json_add_number(root, "mean_per_image_miou", score->per_image_miou);
    mseg_json_add_int(root, "classes_present", score->classes_present);
    add_class_figures(root, score);
    add_matrix(root, score);
    add_settings(root, report);
    add_images(root, score);
    char *text = mseg_json_print(root, false);
    mseg_json_free(&root);
    return text;
}

mseg_status mseg_report_json(FILE *file, const mseg_report *report, mseg_error *err)
{
    char *text = mseg_report_json_text(report);
    if (!text)
        return mseg_fail(err, MSEG_NOMEM, NULL);
    fprintf(file, "%s\n", text);
    free(text);
    return MSEG_OK;
}

/* ---- CSV --------------------------------------------------------------------------------------------------------------- */

static void csv_text(FILE *file, const char *text)
{
    if (!strpbrk(text, ",\"\r\n")) {
        fputs(text, file);
        return;
    }
    fputc('"', file);
    for (; *text; text++)
        fprintf(file, *text == '"' ? "\"\"" : "%c", *text);
    fputc('"', file);
}

static void csv_number(FILE *file, double value)
{
    if (!isnan(value))
        fprintf(file, ",%.17g", value);
    else
        fputc(',', file);
}

void mseg_report_csv(FILE *file, const mseg_report *report)
{
    const mseg_score *score = report->score;
    fputs(
        "id,class,iou,dice,precision,recall,boundary_iou,ground_truth_pixels,predicted_pixels,hit_pixels,void_predicted_pixels\n",
        file);
    for (int c = 0; c < score->classes; c++) {
        const mseg_class_score *s = &score->per_class[c];
        fprintf(file, "%d,", s->id);
        csv_text(file, s->name);
        csv_number(file, s->iou);
        csv_number(file, s->dice);
        csv_number(file, s->precision);
        csv_number(file, s->recall);
        csv_number(file, s->boundary_iou);
        fprintf(file, ",%llu,%llu,%llu,%llu\n", (unsigned long long)s->truth, (unsigned long long)s->predicted,
                (unsigned long long)s->hits, (unsigned long long)s->voids);
    }
    fprintf(file, ",(ignored),,,,,,%llu,%llu,,\n", (unsigned long long)score->ignored_pixels,
            (unsigned long long)score->void_pixels);
}
