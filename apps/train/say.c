#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/clock.h"
#include "cli/names.h"
#include "cli/say.h"
#include "train/train.h"

#define REDRAW_MS 100

/* ---- the progress line -------------------------------------------------------------------------------------------------- */

void cli_train_wipe(cli_train *t)
{
    if (t->line)
        fputs("\r\033[K", stderr);
    t->line = false;
}

static const char *figure_name(const cli_train *t)
{
    return t->args->folders ? "accuracy" : "mIOU";
}

static void add_time(cli_text *text, double seconds)
{
    const long whole = lround(seconds > 0 ? seconds : 0);
    cli_text_add(text, "%ld:%02ld:%02ld", whole / 3600, whole / 60 % 60, whole % 60);
}

/* Where the training is, to be freed; loss: to show. NULL without memory. */
static char *line_of(const cli_train *t, double loss)
{
    const mseg_train_state now = mseg_training_state(t->training);
    const cli_train_check *check = cli_train_history_last(&t->history);
    cli_text text = {0};
    cli_text_add(&text, "step %lld/%lld  epoch %.1f", (long long)now.step, (long long)now.steps, now.epoch);
    if (!isnan(loss))
        cli_text_add(&text, "  loss %.4g", loss);
    if (check && !isnan(check->figure))
        cli_text_add(&text, "  %s %.2f %%", figure_name(t), 100 * check->figure);
    if (now.samples_per_second > 0) {
        cli_text_add(&text, "  %.1f samples/s  ETA ", now.samples_per_second);
        add_time(&text, now.seconds_left);
    }
    return cli_text_take(&text);
}

void cli_train_draw(cli_train *t)
{
    const double now = cli_now_ms();
    const bool shared = t->args->json && isatty(STDOUT_FILENO); /* with lines of JSON */
    if (t->args->quiet || shared || !isatty(STDERR_FILENO) || (t->line && now - t->drawn < REDRAW_MS))
        return;
    struct winsize size;
    const int columns = !ioctl(STDERR_FILENO, TIOCGWINSZ, &size) && size.ws_col > 1 ? size.ws_col : 80;
    char *line = line_of(t, t->history.recent);
    fprintf(stderr, "\r%.*s\033[K", columns - 1, line ? line : "");
    free(line);
    t->line = true;
    t->drawn = now;
}

void cli_train_say_check(cli_train *t)
{
    const cli_train_check *check = cli_train_history_last(&t->history);
    if (t->args->quiet || isatty(STDERR_FILENO))
        return;
    char *line = line_of(t, check ? check->loss : cli_train_history_loss(&t->history));
    fprintf(stderr, "%s\n", line ? line : "out of memory");
    free(line);
}

void cli_train_note(void *context, mseg_train_severity severity, const char *file, const char *text)
{
    cli_train *t = context;
    if (t->args->quiet && severity == MSEG_TRAIN_NOTE)
        return;
    cli_train_wipe(t);
    if (file)
        cli_say("%s: %s", file, text);
    else
        cli_say("train: %s", text);
}

/* ---- the beginning ------------------------------------------------------------------------------------------------------ */

static const char *plural(size_t n)
{
    return n == 1 ? "" : "s";
}

static void add_bytes(cli_text *text, uint64_t bytes)
{
    if (bytes < 1000000000u)
        cli_text_add(text, "%.1f MB", (double)bytes / 1e6);
    else
        cli_text_add(text, "%.2f GB", (double)bytes / 1e9);
}

static void add_length(cli_text *text, const cli_train *t, const mseg_train_state *now)
{
    if (t->args->minutes > 0)
        cli_text_add(text, "%g minute%s", t->args->minutes, t->args->minutes == 1 ? "" : "s");
    else
        cli_text_add(text, "%lld step%s", (long long)now->steps, plural((size_t)now->steps));
    if (now->step)
        cli_text_add(text, ", going on behind step %lld", (long long)now->step);
}

void cli_train_say_start(const cli_train *t)
{
    const mseg_train_state now = mseg_training_state(t->training);
    const mseg_model_info *network = &t->network;
    const size_t train = t->set.train.count, validation = t->set.validation.count;
    cli_text text = {0};
    if (t->args->quiet)
        return;
    cli_text_add(&text, "training %s (%s %g), %d classes, on %zu photo%s", network->name, network->network,
                 network->width_multiplier, t->palette.count, train, plural(train));
    if (validation)
        cli_text_add(&text, ", validated with %zu other%s", validation, plural(validation));
    else
        cli_text_add(&text, ", without validation");
    cli_text_add(&text, "; %d x %d, batch %d, ", now.size, now.size, now.batch);
    add_length(&text, t, &now);
    cli_text_add(&text, "\nmemory: ");
    add_bytes(&text, now.bytes_per_sample);
    cli_text_add(&text, " a sample, ");
    add_bytes(&text, now.bytes);
    cli_text_add(&text, " in all, and ");
    add_bytes(&text, now.photo_bytes);
    cli_text_add(&text, " of photos that are kept\n");
    char *lines = cli_text_take(&text);
    fputs(lines ? lines : "out of memory\n", stderr);
    free(lines);
}

/* ---- the end ------------------------------------------------------------------------------------------------------------ */

double cli_train_rate(const cli_train *t)
{
    return t->stepping > 0 ? 1e3 * (double)t->samples / t->stepping : 0;
}

void cli_train_measure_peak(cli_train *t)
{
    const mseg_train_state now = mseg_training_state(t->training);
    const bool whole =
        !t->options.progressive && !t->options.freeze_backbone; /* else a step makes fewer than three times forward */
    const double rate = cli_train_rate(t), peak = whole && rate > 0 ? mseg_peak(t->model, t->pool) : 0;
    t->peak_share = peak > 0 ? 3 * now.madds_per_sample * rate / peak : NAN;
}

/* Of a classifier. */
static void print_classes(const mseg_score *score)
{
    int width = 5;
    for (int c = 0; c < score->classes; c++)
        width = (int)fmax(width, (double)strlen(score->per_class[c].name));
    printf("%-*s  %9s  %8s\n", width, "class", "right", "photos");
    for (int c = 0; c < score->classes; c++) {
        const mseg_class_score *s = &score->per_class[c];
        char right[16] = "-";
        if (!isnan(s->recall))
            snprintf(right, sizeof right, "%.2f %%", 100 * s->recall);
        printf("%-*s  %9s  %8llu\n", width, s->name, right, (unsigned long long)s->truth);
    }
    printf("\naccuracy %.2f %%, mean over classes %.2f %%\n", 100 * score->pixel_accuracy, 100 * score->mean_accuracy);
}

static void print_table(const cli_train *t)
{
    const mseg_report report = {.score = &t->score, .palette = &t->palette};
    if (!t->counts || t->args->quiet || t->args->json)
        return;
    if (t->args->folders)
        print_classes(&t->score);
    else
        mseg_report_text(stdout, &report, cli_eval_utf8());
    fflush(stdout);
}

/* What the figures say that must not be missed. */
static void warn(const cli_train *t)
{
    const cli_train_check *last = cli_train_history_last(&t->history), *best = cli_train_history_best(&t->history);
    for (int i = 0; t->counts && i < MSEG_WARNINGS && t->score.warnings[i]; i++)
        cli_say("warning: %s", t->score.warnings[i]);
    if (t->only_class)
        cli_say("warning: the validation is '%s' everywhere, nothing else has been learnt: train longer, try --lr three times as "
                "large or as small, look whether masks and photos belong together",
                t->only_class);
    if (last && best && best->figure - last->figure >= 0.01)
        cli_say(
            "warning: %s was %.2f %% at step %lld, %.2f points more than at the end; fewer steps, a smaller --lr or more photos "
            "may keep that",
            figure_name(t), 100 * best->figure, (long long)best->step, 100 * (best->figure - last->figure));
}

void cli_train_say_end(cli_train *t, uint64_t bytes)
{
    const mseg_train_state now = mseg_training_state(t->training);
    const double rate = cli_train_rate(t);
    cli_train_wipe(t);
    print_table(t);
    warn(t);
    if (t->args->quiet)
        return;
    cli_text text = {0};
    cli_text_add(&text, "trained %lld step%s, %.1f epochs, in ", (long long)now.step, plural((size_t)now.step), now.epoch);
    add_time(&text, now.seconds);
    if (rate > 0)
        cli_text_add(&text, ": %.1f samples/s", rate);
    if (!isnan(t->peak_share))
        cli_text_add(&text, ", %.1f %% of the FMA peak", 100 * t->peak_share);
    cli_text_add(&text, "\nwrote %s: %llu bytes\n", t->args->out, (unsigned long long)bytes);
    char *lines = cli_text_take(&text);
    fputs(lines ? lines : "out of memory\n", stderr);
    free(lines);
}
