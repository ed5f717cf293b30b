#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/parallel.h"
#include "cli/model.h"
#include "cli/progress.h"
#include "cli/say.h"
#include "cli/sequence.h"
#include "eval/eval.h"

typedef struct scoring {
    const cli_eval_source *source;
    const cli_eval_list *list;
    mseg_session **sessions;
    mseg_counts **counts; /* one per worker */
    cli_sequence *sequence;
    cli_progress progress;
    bool saves; /* counts, whose JSON holds nothing but UTF-8 */
} scoring;

static mseg_status score_image(scoring *s, const char *id, int worker, mseg_error *err)
{
    mseg_image truth = {0}, prediction = {0};
    cli_eval_tally tally;
    mseg_error why = {0};
    mseg_counts *counts = s->counts[worker];
    mseg_session *session = s->sessions ? s->sessions[worker] : NULL;
    mseg_status status = cli_eval_load(s->source, session, id, &truth, &prediction, &tally, err);
    if (!status) {
        status = mseg_counts_add(counts, id, mseg_view_of(&truth), mseg_view_of(&prediction), &why);
        cli_eval_named(id, status, &why, err);
    }
    const bool absent = tally.missing && status == MSEG_NOENT;
    if (absent && s->source->missing == CLI_MISSING_IGNORE) {
        mseg_counts_note(counts, MSEG_PROBLEM_missing_ignored, 1);
        status = MSEG_OK;
    } else if (status) {
        mseg_counts_note(counts, absent ? MSEG_PROBLEM_missing : MSEG_PROBLEM_failed, 1);
    } else {
        mseg_counts_note(counts, MSEG_PROBLEM_missing_background, tally.missing);
        mseg_counts_note(counts, MSEG_PROBLEM_unknown_color_pixels, tally.unknown_pixels);
    }
    mseg_image_free(&truth);
    mseg_image_free(&prediction);
    return status;
}

/* What goes to emit() in place of a line that there was no memory for. */
static char lost_line[] = "mseg: out of memory";

static void score_task(void *context, int task, int worker)
{
    scoring *s = context;
    const cli_eval_item *item = &s->list->items[task];
    cli_sequence_wait(s->sequence, task);
    mseg_error err = {0};
    char *line = NULL;
    bool told = true;
    if (item->mistake) {
        mseg_counts_note(s->counts[worker], item->problem, 1);
        line = cli_format("mseg: %s", item->mistake);
    } else if (s->saves && !mseg_is_utf8(item->id)) {
        mseg_counts_note(s->counts[worker], MSEG_PROBLEM_failed, 1);
        line = cli_format("mseg: %s: the name is not UTF-8, which --save-counts needs: rename the files", item->id);
    } else if (score_image(s, item->id, worker, &err)) {
        line = cli_format("mseg: %s", err.text);
    } else {
        told = false;
    }
    cli_sequence_put(s->sequence, task, told && !line ? lost_line : line);
}

/* Called in the order of the list, one at a time. */
static void emit(void *context, void *item)
{
    scoring *s = context;
    if (item)
        cli_progress_print(&s->progress, item);
    cli_progress_step(&s->progress, true);
    if (item != lost_line)
        free(item);
}

static mseg_status open_counts(scoring *s, int workers, const char *settings, mseg_error *err)
{
    mseg_status status = MSEG_OK;
    for (int i = 0; i < workers && !status; i++)
        status = mseg_counts_open(&s->counts[i], &s->source->truth_rules, settings, err);
    return status;
}

static mseg_status merge_counts(scoring *s, int workers, mseg_counts **counts, mseg_error *err)
{
    mseg_status status = MSEG_OK;
    for (int i = 1; i < workers && !status; i++)
        status = mseg_counts_merge(s->counts[0], s->counts[i], err);
    if (!status) {
        mseg_counts_note(s->counts[0], MSEG_PROBLEM_blank_lines, s->list->blank_lines);
        mseg_counts_note(s->counts[0], MSEG_PROBLEM_crlf_lines, s->list->crlf_lines);
        *counts = s->counts[0];
        s->counts[0] = NULL;
    }
    return status;
}

static void summarise(const scoring *s, const mseg_model *model, double seconds, int workers)
{
    size_t n = s->list->count;
    fprintf(stderr, "judged %zu image%s in %.2f s on %d thread%s, %.0f images/s", n, n == 1 ? "" : "s", seconds, workers,
            workers == 1 ? "" : "s", seconds > 0 ? (double)n / seconds : 0);
    if (model) {
        const mseg_model_info info = mseg_model_describe(model);
        cli_entry_say_assumed(&info);
    }
    fputc('\n', stderr);
}

bool cli_eval_score(const cli_eval_args *args, const cli_eval_source *source, const cli_eval_list *list, mseg_pool *pool,
                    mseg_session **sessions, int n_sessions, const mseg_model *model, const char *settings, mseg_counts **counts)
{
    /* One session: its threads are inside the image, so the images come one after the other. */
    mseg_pool *across = sessions && n_sessions == 1 ? NULL : pool;
    int workers = mseg_pool_threads(across);
    scoring s = {.source = source, .list = list, .sessions = sessions, .saves = args->save_counts};
    mseg_error err = {0};
    s.counts = calloc((size_t)workers, sizeof *s.counts);
    mseg_status status = s.counts ? open_counts(&s, workers, settings, &err) : mseg_fail(&err, MSEG_NOMEM, NULL);
    if (!status && (status = cli_sequence_open(&s.sequence, 16 * workers, emit, &s)))
        mseg_fail(&err, status, NULL);
    if (!status) {
        cli_progress_start(&s.progress, list->count, args->quiet);
        mseg_pool_for(across, (int)list->count, score_task, &s);
        double seconds = cli_progress_stop(&s.progress);
        if (!args->quiet)
            summarise(&s, model, seconds, mseg_pool_threads(pool));
        if (!args->quiet && model)
            cli_model_say_fallback(model, args->network.model, &source->run);
        status = merge_counts(&s, workers, counts, &err);
    }
    if (status)
        cli_say("eval: %s", err.text);
    cli_sequence_close(&s.sequence);
    for (int i = 0; s.counts && i < workers; i++)
        mseg_counts_close(&s.counts[i]);
    free(s.counts);
    return !status;
}
