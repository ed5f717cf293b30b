#include "seg/judge/compare.h"

#include <math.h>
#include <stdlib.h>

/* Lengths of .range are shares of its width, from the middle. */
static const char css[] =
    ".big.plain{font-size:2.4rem}\n"
    ".verdict{font-weight:600}\n"
    ".pair{width:100%}\n"
    ".pair th,.pair td{padding:4px 10px;border-bottom:1px solid var(--line);text-align:right;white-space:nowrap}\n"
    ".pair th:first-child{text-align:left;font-weight:500}\n"
    ".pair td.text{text-align:left;white-space:normal;overflow-wrap:anywhere}\n"
    ".pair thead th{font-size:.8rem;font-weight:600;color:var(--soft)}\n"
    ".pair thead th.text{text-align:left}\n"
    ".pair tbody tr:last-child>*{border-bottom:0}\n"
    ".pair td.change{font-weight:600}\n"
    ".pair td.rangecell{width:30%;min-width:110px}\n"
    ".up{color:rgb(var(--hit))}\n"
    ".down{color:rgb(var(--miss))}\n"
    ".range{display:block;position:relative;height:14px;background:linear-gradient(var(--soft),var(--soft)) 50% 0/1px 100% "
    "no-repeat}\n"
    ".range i{position:absolute;top:5px;height:4px;border-radius:2px;background:var(--soft);opacity:.65;min-width:2px}\n"
    ".range b{position:absolute;top:2px;width:10px;height:10px;margin-left:-5px;border-radius:50%;background:var(--soft)}\n"
    ".up .range i,.up .range b{background:rgb(var(--hit))}\n"
    ".down .range i,.down .range b{background:rgb(var(--miss))}\n"
    ".halves{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,420px),1fr));gap:8px 32px}\n"
    ".halves .pair th{overflow-wrap:anywhere;white-space:normal}\n";

/* ---- numbers ----------------------------------------------------------------------------------------------------------- */

static void put_percent(FILE *file, const char *key, double value)
{
    fprintf(file, "<td data-key=%s>", key);
    if (isnan(value))
        fputs("–", file);
    else
        fprintf(file, "%.2f", 100 * value);
    fputs("</td>", file);
}

static void put_change(FILE *file, double change)
{
    char text[16];
    mseg_change_text(text, change, "–");
    fprintf(file, "<td class=change data-key=difference>%s</td>", text);
}

/* "+0.31 … +0.72"; "" for no interval. */
static void interval_text(char text[48], const mseg_difference *difference)
{
    char low[16], high[16];
    text[0] = 0;
    if (isnan(difference->low))
        return;
    mseg_change_text(low, difference->low, "");
    mseg_change_text(high, difference->high, "");
    snprintf(text, 48, "%s … %s", low, high);
}

static const char *direction(const mseg_difference *d)
{
    const int sign = mseg_difference_sign(d);
    return sign > 0 ? "up" : sign < 0 ? "down" : isnan(d->change) ? "absent" : "even";
}

static double larger(double a, double b)
{
    return fabs(b) > a ? fabs(b) : a; /* b may be NaN */
}

/* The largest distance from 0 that is drawn. */
static double widest(const mseg_comparison *c)
{
    const mseg_difference *means[] = {&c->miou, &c->dice, &c->pixel_accuracy, &c->boundary_iou};
    double most = 0;
    for (int i = 0; i < 4 + c->classes; i++) {
        const mseg_difference *d = i < 4 ? means[i] : &c->per_class[i - 4].iou;
        most = larger(larger(larger(most, d->change), d->low), d->high);
    }
    return most > 0 ? most : 1;
}

static void put_range(FILE *file, const mseg_difference *d, double scale)
{
    fputs("<td class=rangecell><span class=range>", file);
    if (!isnan(d->low))
        fprintf(file, "<i style=\"left:%.2f%%;width:%.2f%%\"></i>", 50 + 48 * d->low / scale, 48 * (d->high - d->low) / scale);
    if (!isnan(d->change))
        fprintf(file, "<b style=\"left:%.2f%%\"></b>", 50 + 48 * d->change / scale);
    fputs("</span></td>", file);
}

static void put_difference(FILE *file, const mseg_difference *d, double scale)
{
    char interval[48];
    put_percent(file, "a", d->a);
    put_percent(file, "b", d->b);
    put_change(file, d->change);
    put_range(file, d, scale);
    interval_text(interval, d);
    fprintf(file, "<td data-key=interval>%s</td></tr>\n", *interval ? interval : "–");
}

/* ---- sections ---------------------------------------------------------------------------------------------------------- */

static void put_notes(FILE *file, const char *side, const mseg_score *s)
{
    for (int i = 0; i < MSEG_WARNINGS && s->warnings[i]; i++) {
        fprintf(file, "<li class=warning>%s: ", side);
        mseg_html_text(file, s->warnings[i]);
        fputs("</li>\n", file);
    }
    for (int i = 0; i < MSEG_PROBLEMS; i++) {
        char count[32];
        if (s->problems[i])
            fprintf(file, "<li>%s: <b>%s</b> %s</li>\n", side, mseg_grouped(count, s->problems[i]),
                    mseg_problem_text((mseg_problem)i));
    }
}

static bool has_notes(const mseg_score *s)
{
    bool any = s->warnings[0];
    for (int i = 0; i < MSEG_PROBLEMS; i++)
        any = any || s->problems[i];
    return any;
}

static void put_verdict(FILE *file, const mseg_difference *d)
{
    char interval[48];
    interval_text(interval, d);
    if (*interval)
        fprintf(file, "95 %% interval %s, %s 0", interval, mseg_difference_sign(d) ? "excludes" : "includes");
    else if (isnan(d->change))
        fputs("nothing to compare", file);
    else
        fprintf(file, "no interval: fewer than %d images", MSEG_INTERVAL_IMAGES);
}

static void put_headline(FILE *file, const mseg_comparison *c)
{
    char change[16], images[32];
    mseg_change_text(change, c->miou.change, "–");
    fprintf(
        file,
        "<header>\n<h1>Two sets of predictions compared</h1>\n<div class=headline>\n<div class=main><span class=label>mIOU, B − "
        "A</span><span class=\"big plain %s\"><span data-key=miou_difference>%s</span></span><span class=verdict "
        "data-key=verdict>",
        direction(&c->miou), change);
    put_verdict(file, &c->miou);
    fprintf(file, "</span><span class=sub>percentage points; <span data-key=images>%s</span> image%s</span></div>\n",
            mseg_grouped(images, c->images), c->images == 1 ? "" : "s");
    fprintf(file,
            "<dl class=settings><div><dt>Images better</dt><dd data-key=better>%zu</dd></div><div><dt>Images worse</dt><dd "
            "data-key=worse>%zu</dd></div><div><dt>Images the same</dt><dd data-key=same>%zu</dd></div></dl>\n</div>\n",
            c->better, c->worse, c->same);
    if (has_notes(&c->a) || has_notes(&c->b)) {
        fputs("<ul class=notes aria-label=\"Notes\">\n", file);
        put_notes(file, "A", &c->a);
        put_notes(file, "B", &c->b);
        fputs("</ul>\n", file);
    }
    fputs("</header>\n", file);
}

static void put_mean(FILE *file, const char *name, const mseg_difference *d, double scale)
{
    fprintf(file, "<tr class=%s><th scope=row>%s</th><td></td>", direction(d), name);
    put_difference(file, d, scale);
}

static void put_figures(FILE *file, const mseg_comparison *c)
{
    const double scale = widest(c);
    fputs("<section>\n<h2>Figures</h2>\n<div class=scroll tabindex=0 role=region aria-label=\"Figures of both\">\n<table "
          "id=figures "
          "class=pair>\n<thead><tr><th scope=col>%<th scope=col>Images<th scope=col>A<th scope=col>B<th scope=col>B − A<th "
          "aria-hidden=true><th scope=col>95 % interval</tr></thead>\n<tbody>\n",
          file);
    put_mean(file, "mIOU", &c->miou, scale);
    put_mean(file, "Mean Dice (F1)", &c->dice, scale);
    put_mean(file, "Pixel accuracy", &c->pixel_accuracy, scale);
    put_mean(file, "Boundary IoU", &c->boundary_iou, scale);
    for (int i = 0; i < c->classes; i++) {
        char images[32];
        fprintf(file, "<tr class=%s><th scope=row>IoU, ", direction(&c->per_class[i].iou));
        mseg_html_text(file, c->per_class[i].name);
        fprintf(file, "</th><td>%s</td>", mseg_grouped(images, c->per_class[i].images));
        put_difference(file, &c->per_class[i].iou, scale);
    }
    fprintf(
        file,
        "</tbody>\n</table>\n</div>\n<p class=hint>Coloured: the interval excludes 0. –: nothing to divide by, or an interval "
        "from fewer than %d images. Of twenty classes that got neither better nor worse, about one is coloured by "
        "chance.</p>\n</section>\n",
        MSEG_INTERVAL_IMAGES);
}

static void put_changed(FILE *file, const mseg_comparison *c, bool worse)
{
    const mseg_image_difference *image;
    fprintf(file,
            "<div><h3>%s</h3>\n<table class=pair id=%s>\n<thead><tr><th scope=col>Image<th scope=col>A<th scope=col>B<th "
            "scope=col>B − A</tr></thead>\n<tbody>\n",
            worse ? "Lost most" : "Improved most", worse ? "lost" : "improved");
    for (size_t n = 0; (image = mseg_most_changed(c, n, worse)); n++) {
        fputs("<tr><th scope=row>", file);
        mseg_html_text(file, image->id);
        fputs("</th>", file);
        put_percent(file, "image_a", image->a);
        put_percent(file, "image_b", image->b);
        put_change(file, image->change);
        fputs("</tr>\n", file);
    }
    fputs("</tbody>\n</table></div>\n", file);
}

static void put_side(FILE *file, const char *name, const char *value)
{
    fprintf(file, "<td class=text data-key=%s>", name);
    mseg_html_text(file, *value ? value : "–");
    fputs("</td>", file);
}

static void put_settings(FILE *file, const mseg_comparison_report *report)
{
    mseg_setting_pair pair;
    fputs("<section>\n<h2>How they were made</h2>\n<div class=scroll tabindex=0 role=region aria-label=Settings>\n<table "
          "class=pair "
          "id=settings>\n<thead><tr><th scope=col>Differs in<th class=text scope=col>A<th class=text "
          "scope=col>B</tr></thead>\n<tbody>\n<tr><th scope=row>counts</th>",
          file);
    put_side(file, "file_a", report->a);
    put_side(file, "file_b", report->b);
    fputs("</tr>\n", file);
    for (int place = 0; mseg_next_difference(&pair, &place, report->comparison);) {
        fputs("<tr><th scope=row>", file);
        mseg_html_text(file, pair.name);
        fputs("</th>", file);
        put_side(file, "setting_a", pair.a);
        put_side(file, "setting_b", pair.b);
        fputs("</tr>\n", file);
    }
    fputs("</tbody>\n</table>\n</div>\n", file);
    mseg_html_command(file, report->command);
    fprintf(
        file,
        "<p class=hint>Paired bootstrap over images: %d resamples, seed %llu, the same images for both; the interval runs from "
        "the 2.5th to the 97.5th percentile of the differences (Efron and Tibshirani 1993). mseg %s.</p>\n</section>\n",
        report->comparison->samples, (unsigned long long)report->comparison->seed, mseg_version());
}

mseg_status mseg_comparison_html(FILE *file, const mseg_comparison_report *report, mseg_error *err)
{
    char *json = mseg_comparison_json_text(report);
    if (!json)
        return mseg_fail(err, MSEG_NOMEM, NULL);
    mseg_html_head(file, "Segmentation comparison", css);
    put_headline(file, report->comparison);
    put_figures(file, report->comparison);
    fputs("<section>\n<h2>Images</h2>\n<div class=halves>\n", file);
    put_changed(file, report->comparison, false);
    put_changed(file, report->comparison, true);
    fputs("</div>\n<p class=hint>By the mIOU of the image.</p>\n</section>\n", file);
    put_settings(file, report);
    fputs("</main>\n", file);
    mseg_html_data(file, json);
    fputs("</body>\n</html>\n", file);
    free(json);
    return MSEG_OK;
}
