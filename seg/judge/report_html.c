#include "seg/judge/report.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A percentage with two decimals, or "–" for none. */
static void put_percent(FILE *file, double value)
{
    if (isnan(value))
        fputs("–", file);
    else
        fprintf(file, "%.2f", 100 * value);
}

/* ---- headline ---------------------------------------------------------------------------------------------------------- */

static void put_tile(FILE *file, const char *key, const char *name, double value, const char *explained)
{
    fprintf(file, "<div class=tile title=\"%s\"><dt>%s</dt><dd data-key=%s>", explained, name, key);
    put_percent(file, value);
    fputs("</dd></div>\n", file);
}

static void put_notes(FILE *file, const mseg_score *s)
{
    char count[32];
    bool any = s->warnings[0] || s->ignored_pixels || s->void_pixels;
    for (int i = 0; i < MSEG_PROBLEMS; i++)
        any = any || s->problems[i];
    if (!any)
        return;
    fputs("<ul class=notes aria-label=\"Notes\">\n", file);
    for (int i = 0; i < MSEG_WARNINGS && s->warnings[i]; i++) {
        fputs("<li class=warning>", file);
        mseg_html_text(file, s->warnings[i]);
        fputs("</li>\n", file);
    }
    if (s->ignored_pixels)
        fprintf(file, "<li><b data-key=ignored_pixels>%s</b> pixels (%.1f %%) of the ground truth ignored</li>\n",
                mseg_grouped(count, s->ignored_pixels), 100 * mseg_ignored_share(s));
    if (s->void_pixels)
        fprintf(file, "<li><b data-key=void_pixels>%s</b> pixels predicted as no class, missed</li>\n",
                mseg_grouped(count, s->void_pixels));
    for (int i = 0; i < MSEG_PROBLEMS; i++)
        if (s->problems[i])
            fprintf(file, "<li><b>%s</b> %s</li>\n", mseg_grouped(count, s->problems[i]), mseg_problem_text((mseg_problem)i));
    fputs("</ul>\n", file);
}

static void put_headline(FILE *file, const mseg_score *s)
{
    char images[32], pixels[32];
    fputs("<header>\n<h1>Segmentation report</h1>\n<div class=headline>\n<div class=main><span class=label>mIOU</span>"
          "<span class=big><span data-key=miou>",
          file);
    put_percent(file, s->miou);
    fprintf(file,
            "</span><small>%%</small></span><span class=sub>mean over %d of %d classes<br><span data-key=images>%s</span> "
            "image%s, <span data-key=pixels>%s</span> pixels</span></div>\n<dl class=tiles>\n",
            s->classes_present, s->classes_averaged, mseg_grouped(images, s->images), s->images == 1 ? "" : "s",
            mseg_grouped(pixels, s->pixels));
    put_tile(file, "mean_dice", "Mean Dice (F1)", s->dice, "2 hits / (ground truth + prediction), mean over the classes");
    put_tile(file, "pixel_accuracy", "Pixel accuracy", s->pixel_accuracy, "correct pixels / all pixels");
    put_tile(file, "mean_accuracy", "Mean accuracy", s->mean_accuracy, "mean of the recalls of the classes in the ground truth");
    put_tile(file, "frequency_weighted_iou", "Weighted IoU", s->frequency_weighted_iou,
             "mean of the classes' IoU, weighted by their share of the ground truth");
    put_tile(file, "mean_boundary_iou", "Boundary IoU", s->boundary_iou,
             "IoU of the strips along the regions' edges, 2 % of the diagonal wide");
    put_tile(file, "mean_per_image_miou", "Per-image mIOU", s->per_image_miou, "mIOU of each image by itself, averaged");
    fputs("</dl>\n</div>\n", file);
    put_notes(file, s);
    fputs("</header>\n", file);
}

/* ---- classes ----------------------------------------------------------------------------------------------------------- */

static void put_class_row(FILE *file, const mseg_report *report, int c)
{
    const mseg_score *score = report->score;
    const mseg_class_score *s = &score->per_class[c];
    const uint8_t *rgb = report->palette->colors.rgb[s->id];
    char pixels[32];
    fprintf(file, "<tr%s><th scope=row><i class=dot style=\"background:#%02x%02x%02x\"></i>",
            isnan(s->iou) ? " class=absent" : "", rgb[0], rgb[1], rgb[2]);
    mseg_html_text(file, score->per_class[c].name);
    fputs("</th><td class=iou data-key=iou>", file);
    put_percent(file, s->iou);
    fprintf(file, "</td><td class=barcell><span class=bar style=\"width:%.2f%%\"></span></td>", isnan(s->iou) ? 0 : 100 * s->iou);
    fputs("<td data-key=dice>", file);
    put_percent(file, s->dice);
    fputs("</td><td data-key=precision>", file);
    put_percent(file, s->precision);
    fputs("</td><td data-key=recall>", file);
    put_percent(file, s->recall);
    fputs("</td><td data-key=boundary_iou>", file);
    put_percent(file, s->boundary_iou);
    fprintf(file, "</td><td data-key=ground_truth_pixels>%s</td></tr>\n", mseg_grouped(pixels, s->truth));
}

static void put_classes(FILE *file, const mseg_report *report)
{
    fputs("<section>\n<h2>Classes</h2>\n<div class=scroll tabindex=0 role=region aria-label=\"Figures per class\">\n<table "
          "id=classes>\n<thead><tr><th scope=col>Class<th scope=col>IoU&nbsp;%<th aria-hidden=true><th scope=col>Dice<th "
          "scope=col>Precision<th "
          "scope=col>Recall<th scope=col>Boundary<th scope=col>Pixels</tr></thead>\n<tbody>\n",
          file);
    for (int c = 0; c < report->score->classes; c++)
        put_class_row(file, report, c);
    fputs("</tbody>\n</table>\n</div>\n", file);
    if (report->score->classes_present < report->score->classes)
        fputs("<p class=hint>–: nothing to divide by: the class occurs neither in the ground truth nor in a prediction, or is "
              "ignored, and does not enter the means.</p>\n",
              file);
    fputs("</section>\n", file);
}

/* ---- confusion matrix -------------------------------------------------------------------------------------------------- */

/* Pixels of class place t that are predicted as p; the column behind the last class is that of no class. */
static uint64_t cell(const mseg_score *score, int t, int p)
{
    return p < score->classes ? score->confusion[t * score->classes + p] : score->per_class[t].voids;
}

static const char *column_name(const mseg_score *score, int p)
{
    return p < score->classes ? score->per_class[p].name : "(no class)";
}

static int columns_of(const mseg_score *score)
{
    return score->classes + (score->void_pixels > 0);
}

static void put_matrix_row(FILE *file, const mseg_score *score, int t)
{
    uint64_t sum = score->per_class[t].truth;
    fputs("<tr><th scope=row>", file);
    mseg_html_text(file, score->per_class[t].name);
    fputs("</th>", file);
    for (int p = 0; p < columns_of(score); p++) {
        uint64_t count = cell(score, t, p);
        const char *kind = t == p ? " class=hit" : "";
        if (!count) {
            fprintf(file, "<td%s>", kind);
            continue;
        }
        double share = (double)count / (double)sum;
        char pixels[32];
        fprintf(file, "<td%s style=\"--a:%.3f\" title=\"", kind, 0.06 + 0.94 * sqrt(share));
        mseg_html_text(file, score->per_class[t].name);
        fputs(" → ", file);
        mseg_html_text(file, column_name(score, p));
        fprintf(file, ": %s pixels, %.2f %%\" data-n=%llu>", mseg_grouped(pixels, count), 100 * share, (unsigned long long)count);
    }
    fputs("</tr>\n", file);
}

static void put_matrix(FILE *file, const mseg_score *score)
{
    fprintf(file,
            "<section>\n<h2>Confusion matrix</h2>\n<p class=hint>Rows: ground truth. Columns: prediction. The stronger the "
            "colour, the "
            "larger the share of the row's pixels (square-root scale): <span class=nowrap><i class=\"key hit\"></i>right</span>, "
            "<span "
            "class=nowrap><i class=\"key miss\"></i>wrong</span>. Point at a cell or tap it for its numbers.</p>\n<p id=readout "
            "role=status aria-live=polite>&nbsp;</p>\n<div class=scroll tabindex=0 role=region aria-label=\"Confusion "
            "matrix\">\n<table id=matrix style=\"--n:%d\">\n<thead><tr><td>",
            columns_of(score));
    for (int c = 0; c < columns_of(score); c++) {
        fputs("<th scope=col><span>", file);
        mseg_html_text(file, column_name(score, c));
        fputs("</span>", file);
    }
    fputs("</tr></thead>\n<tbody>\n", file);
    for (int t = 0; t < score->classes; t++)
        put_matrix_row(file, score, t);
    fputs("</tbody>\n</table>\n</div>\n</section>\n", file);
}

/* ---- settings and data ------------------------------------------------------------------------------------------------- */

static void put_settings(FILE *file, const mseg_report *report)
{
    char name[64], value[512];
    fputs("<section>\n<h2>How it was made</h2>\n", file);
    mseg_html_command(file, report->command);
    fputs("<dl class=settings>\n", file);
    for (const char *line = report->score->settings; mseg_next_setting(&line, name, value);) {
        fputs("<div><dt>", file);
        mseg_html_text(file, name);
        fputs("</dt><dd>", file);
        mseg_html_text(file, value);
        fputs("</dd></div>\n", file);
    }
    fprintf(file,
            "<div><dt>mseg</dt><dd>%s</dd></div>\n</dl>\n<p class=hint>One confusion matrix over all images; pixels whose ground "
            "truth is ignored do not count. IoU = hits / (ground truth + prediction − hits). Boundary IoU after Cheng et "
            "al. 2021.</p>\n</section>\n",
            mseg_version());
}

mseg_status mseg_report_html(FILE *file, const mseg_report *report, mseg_error *err)
{
    mseg_html_head(file, "Segmentation report", "");
    put_headline(file, report->score);
    put_classes(file, report);
    put_matrix(file, report->score);
    mseg_status status = mseg_report_pictures(file, report, err);
    if (status)
        return status;
    put_settings(file, report);
    fputs("</main>\n", file);
    char *json = mseg_report_json_text(report);
    if (!json)
        return mseg_fail(err, MSEG_NOMEM, NULL);
    mseg_html_data(file, json);
    free(json);
    fprintf(file, "<script>\n%s</script>\n</body>\n</html>\n", mseg_report_js);
    return MSEG_OK;
}
