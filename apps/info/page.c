#include <string.h>

#include "base/html.h"
#include "info/activations.h"

static const char css[] =
    ".plot{width:100%;height:auto;display:block;font-size:11px;fill:var(--soft)}\n"
    ".plot line{stroke:var(--line)}\n"
    ".plot .range{stroke:var(--soft);stroke-width:1.5}\n"
    ".plot .most{fill:rgb(var(--hit));opacity:.75}\n"
    ".plot .depthwise .most{opacity:.35}\n"
    ".plot .mean{fill:var(--ink)}\n"
    ".plot .total{stroke:var(--soft);stroke-dasharray:2 2}\n"
    ".plot .threshold{stroke:rgb(var(--miss));stroke-width:2.5}\n"
    ".legend i{display:inline-block;width:14px;height:10px;margin-right:.4em;vertical-align:0}\n"
    "#layers{width:100%}\n"
    "#layers th,#layers td{padding:4px 8px;border-bottom:1px solid var(--line);text-align:right;white-space:nowrap}\n"
    "#layers th:first-child{text-align:left;font-weight:500}\n"
    "#layers thead th{font-size:.8rem;font-weight:600;color:var(--soft)}\n"
    "#layers tbody tr:last-child>*{border-bottom:0}\n"
    "#layers td.short{color:rgb(var(--miss));font-weight:600}\n";

/* Places in the picture. */
enum { LEFT = 48, TOP = 8, STEP = 26, PLOT = 260, NAMES = 130 };

/* ---- the figure -------------------------------------------------------------------------------------------------------- */

/* One plot: counts up to full, or shares of the channels. */
typedef struct plot {
    FILE *file;
    double full;
    bool shares;
} plot;

static double place(const plot *p, const mseg_activity *a, double count)
{
    return TOP + PLOT * (1 - count / (p->shares ? a->channels : p->full));
}

/* What is behind the first dot of a layer's name. */
static const char *short_name(const char *name)
{
    const char *dot = strchr(name, '.');
    return dot ? dot + 1 : name;
}

static void put_layer(const plot *p, const mseg_activity *a, int index)
{
    const int x = LEFT + STEP * index + STEP / 2;
    const double low = place(p, a, a->percentile5), high = place(p, a, a->percentile95), threshold = place(p, a, a->threshold);
    fprintf(p->file, "<g%s><title>", strcmp(a->kind, "conv") ? " class=depthwise" : "");
    mseg_html_text(p->file, a->name);
    fprintf(p->file,
            ": mean %.1f of %d, %d to %d</title><line class=range x1=%d x2=%d y1=%.1f y2=%.1f /><rect class=most x=%d width=12 "
            "y=%.1f height=%.1f /><circle class=mean cx=%d cy=%.1f r=2.5 />",
            a->mean, a->channels, a->min, a->max, x, x, place(p, a, a->min), place(p, a, a->max), x - 6, high,
            low - high > 1 ? low - high : 1, x, place(p, a, a->mean));
    if (!p->shares)
        fprintf(p->file, "<line class=total x1=%d x2=%d y1=%.1f y2=%.1f />", x - 9, x + 9, place(p, a, a->channels),
                place(p, a, a->channels));
    if (a->threshold && threshold >= TOP)
        fprintf(p->file, "<line class=threshold x1=%d x2=%d y1=%.1f y2=%.1f />", x - 9, x + 9, threshold, threshold);
    fprintf(p->file, "<text text-anchor=end transform=\"translate(%d %d) rotate(-90)\">", x + 4, TOP + PLOT + 8);
    mseg_html_text(p->file, short_name(a->name));
    fputs("</text></g>\n", p->file);
}

static void put_plot(const plot *p, const mseg_activations *activations, int layers)
{
    const int width = LEFT + STEP * layers + 8;
    fprintf(p->file,
            "<h3>%s</h3>\n<div class=scroll tabindex=0 role=region aria-label=Plot>\n<svg class=plot role=img "
            "aria-label=\"Positive channels by layer\" viewBox=\"0 0 %d %d\" style=\"min-width:%dpx\">\n",
            p->shares ? "Share of the channels" : "Number of channels", width, TOP + PLOT + NAMES, width * 3 / 4);
    for (int i = 0; i <= 4; i++) {
        const int y = TOP + PLOT - PLOT * i / 4;
        fprintf(p->file, "<line x1=%d x2=%d y1=%d y2=%d /><text x=%d y=%d text-anchor=end>%.4g</text>\n", LEFT, width - 8, y, y,
                LEFT - 6, y + 4, (p->shares ? 1 : p->full) * i / 4);
    }
    for (int i = 0; i < layers; i++) {
        const mseg_activity a = mseg_activations_at(activations, i);
        put_layer(p, &a, i);
    }
    fputs("</svg>\n</div>\n", p->file);
}

static void put_figure(FILE *file, const mseg_activations *activations, int layers)
{
    plot p = {.file = file};
    for (int i = 0; i < layers; i++) {
        const mseg_activity a = mseg_activations_at(activations, i);
        p.full = a.channels > p.full ? a.channels : p.full;
    }
    fputs("<section>\n<h2>Positive channels behind each ReLU</h2>\n<p class=legend><span><i "
          "style=\"background:rgb(var(--hit)/.75)\"></i>5th to 95th percentile</span><span><i "
          "style=\"background:rgb(var(--hit)/.35)\"></i>of a depthwise convolution</span><span><i "
          "style=\"background:var(--soft);height:2px;vertical-align:.25em\"></i>least to most</span><span><i "
          "style=\"background:var(--ink);width:6px;height:6px;border-radius:50%\"></i>mean</span><span><i "
          "style=\"background:rgb(var(--miss));height:3px;vertical-align:.2em\"></i>needed</span><span><i "
          "style=\"border-top:2px dotted var(--soft);height:0;vertical-align:.25em\"></i>all channels</span></p>\n",
          file);
    put_plot(&p, activations, layers);
    p.shares = true;
    put_plot(&p, activations, layers);
    fputs(
        "<p class=hint>Figure 7 of <a href=\"https://arxiv.org/abs/1801.04381\">arXiv 1801.04381</a>: channels above 0 at each "
        "position of each photo. Needed are as many as the 1x1 convolution in front of the ReLU reads, 1/6 of an expansion by 6; "
        "with fewer the ReLU cannot be undone (the paper's lemma 2). Depthwise convolutions are held to the expansion that they "
        "read. No mark: nothing is known, or it lies above the plot.</p>\n</section>\n",
        file);
}

/* ---- the table --------------------------------------------------------------------------------------------------------- */

static void put_row(FILE *file, const mseg_activity *a)
{
    fputs("<tr><th scope=row>", file);
    mseg_html_text(file, a->name);
    fprintf(file,
            "</th><td>%d</td><td>%.1f</td><td>%.1f</td><td>%.1f</td><td>%d</td><td>%d</td><td>%d</td><td>%d</td><td>%d</td>",
            a->channels, a->mean, 100 * a->mean / a->channels, a->deviation, a->min, a->percentile5, a->median, a->percentile95,
            a->max);
    if (a->threshold)
        fprintf(file, "<td>%d</td><td%s>%.2f</td>", a->threshold, a->below ? " class=short" : "",
                100.0 * (double)a->below / (double)a->positions);
    else
        fputs("<td>–</td><td>–</td>", file);
    fprintf(file, "<td>%.2f</td></tr>\n", a->at_six);
}

static void put_table(FILE *file, const mseg_activations *activations, int layers)
{
    fputs("<section>\n<h2>Layers</h2>\n<div class=scroll tabindex=0 role=region aria-label=Layers>\n<table "
          "id=layers>\n<thead><tr><th scope=col>Layer<th scope=col>Channels<th scope=col>Mean<th scope=col>%<th "
          "scope=col>Deviation<th scope=col>Min<th scope=col>5 %<th scope=col>Median<th scope=col>95 %<th scope=col>Max<th "
          "scope=col>Needed<th scope=col>Fewer, %<th scope=col>At 6</tr></thead>\n<tbody>\n",
          file);
    for (int i = 0; i < layers; i++) {
        const mseg_activity a = mseg_activations_at(activations, i);
        put_row(file, &a);
    }
    fputs("</tbody>\n</table>\n</div>\n<p class=hint>At 6: channels that ReLU6 cuts off, on average.</p>\n</section>\n", file);
}

/* ---- the page ---------------------------------------------------------------------------------------------------------- */

static void put_header(FILE *file, const cli_activations_report *report, const mseg_activations_info *info)
{
    const mseg_model_info model = mseg_model_describe(report->model);
    fputs("<header>\n<h1>How many channels are positive</h1>\n<dl class=settings>\n<div><dt>Model</dt><dd data-key=model>", file);
    mseg_html_text(file, model.name);
    fprintf(file,
            "</dd></div><div><dt>Canvas</dt><dd>%d × %d</dd></div><div><dt>Output stride</dt><dd "
            "data-key=output_stride>%d</dd></div><div><dt>Photos</dt><dd data-key=photos>%lld</dd></div>",
            info->size, info->size, model.output_stride, (long long)info->photos);
    if (report->failed)
        fprintf(file, "<div><dt>Photos that failed</dt><dd data-key=failed>%zu</dd></div>", report->failed);
    fputs("\n</dl>\n</header>\n", file);
}

void cli_activations_page(FILE *file, const cli_activations_report *report, const char *json)
{
    const mseg_activations_info info = mseg_activations_describe(report->activations);
    mseg_html_head(file, "Positive channels", css);
    put_header(file, report, &info);
    put_figure(file, report->activations, info.layers);
    put_table(file, report->activations, info.layers);
    fputs("<section>\n<h2>How it was made</h2>\n", file);
    mseg_html_command(file, report->command);
    fprintf(file, "<p class=hint>mseg %s.</p>\n</section>\n</main>\n", mseg_version());
    mseg_html_data(file, json);
    fputs("</body>\n</html>\n", file);
}
