#include <math.h>
#include <string.h>

#include "base/html.h"
#include "cli/sink.h"
#include "train/train.h"

enum { WIDTH = 520, HEIGHT = 200, LEFT = 52, BOTTOM = 24 };

static const char css[] =
    ".curves{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,420px),1fr));gap:8px 32px}\n"
    ".curves svg{width:100%;height:auto}\n"
    ".curves text{font-size:12px;fill:var(--soft)}\n"
    ".curves line{stroke:var(--line)}\n"
    ".curves polyline{fill:none;stroke:var(--accent);stroke-width:2}\n"
    ".curves circle{fill:var(--accent)}\n";

static const char *figure_name(const cli_train *t)
{
    return t->args->folders ? "Accuracy" : "mIOU";
}

static void put_percent(FILE *file, double value)
{
    if (isnan(value))
        fputs("–", file);
    else
        fprintf(file, "%.2f", 100 * value);
}

/* ---- curves ------------------------------------------------------------------------------------------------------------- */

typedef struct curve {
    const char *name, *unit;
    double (*x)(const cli_train *t, size_t i), (*y)(const cli_train *t, size_t i); /* y NaN: no point */
    size_t count;
    double most; /* of y; 0: the largest there is */
    bool dots;
} curve;

static double loss_x(const cli_train *t, size_t i)
{
    return (double)t->history.points[i].step;
}

static double loss_y(const cli_train *t, size_t i)
{
    return t->history.points[i].loss;
}

static double figure_x(const cli_train *t, size_t i)
{
    return (double)t->history.checks[i].step;
}

static double figure_y(const cli_train *t, size_t i)
{
    return 100 * t->history.checks[i].figure;
}

static double largest(const cli_train *t, const curve *c)
{
    double most = 0;
    for (size_t i = 0; i < c->count; i++)
        most = fmax(most, c->y(t, i)); /* NaN is passed over */
    return most > 0 ? most : 1;
}

static void put_axes(FILE *file, const curve *c, double most, double steps)
{
    for (int i = 0; i <= 4; i++) {
        const double y = (HEIGHT - BOTTOM) * (1 - i / 4.0) + 4;
        fprintf(file, "<line x1=%d y1=%.1f x2=%d y2=%.1f /><text x=%d y=%.1f text-anchor=end>%.3g%s</text>\n", LEFT, y, WIDTH, y,
                LEFT - 6, y + 4, most * i / 4, c->unit);
    }
    fprintf(file, "<text x=%d y=%d>0</text><text x=%d y=%d text-anchor=end>step %.0f</text>\n", LEFT, HEIGHT, WIDTH, HEIGHT,
            steps);
}

static void put_curve(FILE *file, const cli_train *t, const curve *c, double steps)
{
    const double most = c->most > 0 ? c->most : largest(t, c);
    fprintf(file, "<figure>\n<svg viewBox=\"0 0 %d %d\" role=img aria-label=\"%s by step\">\n", WIDTH, HEIGHT + 6, c->name);
    put_axes(file, c, most, steps);
    fprintf(file, "<polyline data-key=%s points=\"", c->dots ? "figure" : "loss");
    for (int dots = 0; dots < 1 + c->dots; dots++) {
        for (size_t i = 0; i < c->count; i++) {
            const double value = c->y(t, i), x = LEFT + (WIDTH - LEFT - 4) * c->x(t, i) / steps;
            const double y = (HEIGHT - BOTTOM) * (1 - fmin(value / most, 1)) + 4;
            if (isnan(value))
                continue;
            if (dots)
                fprintf(file, "<circle cx=%.1f cy=%.1f r=3><title>step %.0f: %.4g%s</title></circle>\n", x, y, c->x(t, i), value,
                        c->unit);
            else
                fprintf(file, "%.1f,%.1f ", x, y);
        }
        fputs(dots ? "" : "\"/>\n", file);
    }
    fprintf(file, "</svg>\n<figcaption>%s</figcaption>\n</figure>\n", c->name);
}

static void put_curves(FILE *file, const cli_train *t)
{
    const mseg_train_state now = mseg_training_state(t->training);
    const double steps = fmax(1, (double)(now.steps > now.step ? now.steps : now.step));
    const curve loss = {"Loss", "", loss_x, loss_y, (size_t)t->history.n_points, 0, false};
    const curve figure = {figure_name(t), "&nbsp;%", figure_x, figure_y, t->history.n_checks, 100, true};
    fputs("<section>\n<h2>Curves</h2>\n<div class=curves>\n", file);
    put_curve(file, t, &loss, steps);
    if (t->history.n_checks)
        put_curve(file, t, &figure, steps);
    fputs("</div>\n</section>\n", file);
}

/* ---- headline ----------------------------------------------------------------------------------------------------------- */

static void put_tile(FILE *file, const char *name, double value)
{
    fprintf(file, "<div class=tile><dt>%s</dt><dd>", name);
    put_percent(file, value);
    fputs("</dd></div>\n", file);
}

static void put_figures(FILE *file, const cli_train *t, const cli_train_check *best)
{
    char name[64];
    fprintf(file, "<dl class=tiles>\n");
    if (best) {
        snprintf(name, sizeof name, "Best, at step %lld", (long long)best->step);
        put_tile(file, name, best->figure);
    }
    if (t->counts && !t->args->folders) {
        put_tile(file, "Pixel accuracy", t->score.pixel_accuracy);
        put_tile(file, "Mean Dice (F1)", t->score.dice);
    }
    if (t->counts)
        put_tile(file, "Mean accuracy", t->score.mean_accuracy);
    fputs("</dl>\n", file);
}

static void put_headline(FILE *file, const cli_train *t)
{
    const mseg_train_state now = mseg_training_state(t->training);
    const cli_train_check *last = cli_train_history_last(&t->history), *best = cli_train_history_best(&t->history);
    fputs("<header>\n<h1>Training report</h1>\n<div class=headline>\n", file);
    fprintf(file, "<div class=main><span class=label>%s</span><span class=big><span data-key=figure>", figure_name(t));
    put_percent(file, last ? last->figure : NAN);
    fprintf(file, "</span><small>%%</small></span><span class=sub>step <span data-key=step>%lld</span> of %lld, epoch %.1f<br>",
            (long long)now.step, (long long)now.steps, now.epoch);
    if (!isnan(t->history.recent))
        fprintf(file, "loss <span data-key=loss>%.4g</span>", t->history.recent);
    fputs("</span></div>\n", file);
    put_figures(file, t, best);
    fputs("</div>\n", file);
    if (t->only_class) {
        fputs("<ul class=notes aria-label=Notes><li class=warning>The validation is “", file);
        mseg_html_text(file, t->only_class);
        fputs("” everywhere: nothing else has been learnt yet.</li></ul>\n", file);
    }
    fputs("</header>\n", file);
}

/* ---- classes ------------------------------------------------------------------------------------------------------------ */

static void put_class(FILE *file, const cli_train *t, const cli_train_check *last, const cli_train_check *best, int c)
{
    const mseg_class_score *s = &t->score.per_class[c];
    const uint8_t *rgb = t->palette.colors.rgb[s->id];
    const double value = last->classes[c];
    fprintf(file, "<tr%s><th scope=row><i class=dot style=\"background:#%02x%02x%02x\"></i>", isnan(value) ? " class=absent" : "",
            rgb[0], rgb[1], rgb[2]);
    mseg_html_text(file, s->name);
    fputs("</th><td class=iou>", file);
    put_percent(file, value);
    fprintf(file, "</td><td class=barcell><span class=bar style=\"width:%.2f%%\"></span></td><td>",
            isnan(value) ? 0 : 100 * value);
    put_percent(file, best ? best->classes[c] : NAN);
    fprintf(file, "</td><td>%llu</td></tr>\n", (unsigned long long)s->truth);
}

static void put_classes(FILE *file, const cli_train *t)
{
    const cli_train_check *last = cli_train_history_last(&t->history), *best = cli_train_history_best(&t->history);
    if (!t->counts || !last)
        return;
    fprintf(file,
            "<section>\n<h2>Classes</h2>\n<div class=scroll tabindex=0 role=region aria-label=\"Figures per class\">\n<table "
            "id=classes>\n<thead><tr><th scope=col>Class<th scope=col>%s&nbsp;%%<th aria-hidden=true><th scope=col>At the "
            "best<th scope=col>%s</tr></thead>\n<tbody>\n",
            t->args->folders ? "Right" : "IoU", t->args->folders ? "Photos" : "Pixels");
    for (int c = 0; c < t->score.classes; c++)
        put_class(file, t, last, best, c);
    fputs("</tbody>\n</table>\n</div>\n</section>\n", file);
}

/* ---- pictures ----------------------------------------------------------------------------------------------------------- */

static void put_figure(FILE *file, const char *uri, const char *name, const char *caption)
{
    fputs("<figure><img loading=lazy alt=\"", file);
    fprintf(file, "%s of ", caption);
    mseg_html_text(file, name);
    fprintf(file, "\" src=\"%s\"><figcaption>%s</figcaption></figure>\n", uri, caption);
}

static void put_pictures(FILE *file, const cli_train *t)
{
    if (!t->history.n_examples)
        return;
    fputs("<section>\n<h2>Validation over time</h2>\n", file);
    for (int i = 0; i < t->history.n_examples; i++) {
        const cli_train_example *example = &t->history.examples[i];
        fputs("<article class=example>\n<h4>", file);
        mseg_html_text(file, example->name);
        fprintf(file, "</h4>\n<div class=strip style=\"grid-template-columns:repeat(%d,1fr)\">\n", CLI_SHOTS + 2);
        put_figure(file, example->photo, example->name, "Photo");
        put_figure(file, example->truth, example->name, t->args->teacher ? "Teacher" : "Ground truth");
        for (int k = 0; k < example->n_shots; k++) {
            char caption[40];
            snprintf(caption, sizeof caption, "Step %lld", (long long)example->shots[k].step);
            put_figure(file, example->shots[k].uri, example->name, caption);
        }
        fputs("</div>\n</article>\n", file);
    }
    fputs("</section>\n", file);
}

/* ---- settings ----------------------------------------------------------------------------------------------------------- */

static void put_setting(FILE *file, const char *name, const char *value)
{
    fprintf(file, "<div><dt>%s</dt><dd>", name);
    mseg_html_text(file, value);
    fputs("</dd></div>\n", file);
}

static void put_settings(FILE *file, const cli_train *t)
{
    const mseg_train_state now = mseg_training_state(t->training);
    char text[128];
    fputs("<section>\n<h2>How it was made</h2>\n", file);
    mseg_html_command(file, t->command);
    fputs("<dl class=settings>\n", file);
    put_setting(file, "Started from", t->network.name);
    snprintf(text, sizeof text, "%s %g", t->network.network, t->network.width_multiplier);
    put_setting(file, "Network", text);
    snprintf(text, sizeof text, "%zu", t->set.train.count);
    put_setting(file, "Photos", text);
    snprintf(text, sizeof text, "%zu", t->set.validation.count);
    put_setting(file, "Validation", text);
    snprintf(text, sizeof text, "%d x %d", now.size, now.size);
    put_setting(file, "Size", text);
    snprintf(text, sizeof text, "%d", now.batch);
    put_setting(file, "Batch", text);
    snprintf(text, sizeof text, "%.0f s", now.seconds);
    put_setting(file, "Time", text);
    put_setting(file, "mseg", mseg_version());
    fputs("</dl>\n</section>\n", file);
}

bool cli_train_write_page(cli_train *t)
{
    cli_sink sink;
    if (!t->args->html)
        return true;
    if (!cli_sink_open(&sink, t->args->html))
        return false;
    mseg_html_head(sink.stream, "Training report", css);
    put_headline(sink.stream, t);
    put_curves(sink.stream, t);
    put_classes(sink.stream, t);
    put_pictures(sink.stream, t);
    put_settings(sink.stream, t);
    fputs("</main>\n</body>\n</html>\n", sink.stream);
    return cli_sink_close(&sink);
}
