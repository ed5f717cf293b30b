#include <stdlib.h>

#include "base/parallel.h"
#include "cli/say.h"
#include "cli/threads.h"
#include "run/run.h"

/* What became of one image. */
typedef struct outcome {
    char *json; /* its line; NULL when failed or not wanted */
    char *line; /* for stderr; NULL: nothing to say */
    cli_run_times ms;
    bool failed;
} outcome;

static mseg_status segment(cli_run_batch *b, mseg_session *session, const cli_input *input, outcome *out, mseg_error *err)
{
    if (input->error)
        return mseg_fail(err, MSEG_INVAL, "%s", input->error);
    cli_run_figures f = {0};
    mseg_status status = cli_run_image(b, session, input, &f, err);
    out->ms = f.ms;
    if (!status && b->json.stream && !(out->json = cli_run_json(b, input, &f)))
        status = mseg_fail(err, MSEG_NOMEM, NULL);
    if (!status && b->args->verbose)
        out->line = cli_run_line(input, &f);
    if (!status && b->args->verbose && !out->line)
        status = mseg_fail(err, MSEG_NOMEM, NULL);
    return status;
}

static void segment_task(void *context, int task, int worker)
{
    cli_run_batch *b = context;
    const cli_input *input = &b->inputs.items[task];
    cli_sequence_wait(b->sequence, task);
    mseg_error err = {0};
    outcome *out = calloc(1, sizeof *out);
    if (out && segment(b, b->sessions[worker], input, out, &err)) {
        out->failed = true;
        out->line = cli_format("mseg: %s: %s", input->path, err.text);
    }
    cli_sequence_put(b->sequence, task, out);
}

static void add_times(cli_run_times *sum, const cli_run_times *ms)
{
    sum->decode += ms->decode;
    sum->resize += ms->resize;
    sum->network += ms->network;
    sum->label += ms->label;
    sum->write += ms->write;
}

/* Called in the order of the inputs, one at a time. */
static void emit(void *context, void *item)
{
    cli_run_batch *b = context;
    outcome *done = item;
    const char *path = b->inputs.items[b->emitted++].path;
    const bool failed = !done || done->failed;
    if (done && done->line) {
        cli_progress_print(&b->progress, done->line);
    } else if (failed) { /* not even memory for a line */
        cli_progress_hide(&b->progress);
        cli_say("%s: out of memory", path);
        cli_progress_show(&b->progress);
    }
    if (!failed && done->json)
        cli_sink_line(&b->json, &b->progress, done->json);
    b->failed += failed;
    if (!failed)
        add_times(&b->times, &done->ms);
    cli_progress_step(&b->progress);
    if (done) {
        free(done->json);
        free(done->line);
    }
    free(done);
}

/* What would fail for every image fails here. */
static mseg_status prepare_session(const cli_run_batch *b, mseg_session *session, mseg_error *err)
{
    const int tile = (int)b->args->tile;
    mseg_plan_info info;
    return tile ? mseg_session_plan(session, tile, tile, &info, err) : mseg_session_prepare(session, &b->run, err);
}

/* At least as many images as threads: a session per worker, threads over images. Fewer, or each of them much work: one session,
 * threads inside. */
mseg_status cli_run_open_sessions(cli_run_batch *b, mseg_error *err)
{
    mseg_status status = cli_threads_open(&b->pool, b->args->network.jobs, err);
    if (status)
        return status;
    const int jobs = mseg_pool_threads(b->pool);
    const bool heavy = b->args->tile || cli_network_repeats(&b->args->network);
    b->n_sessions = b->inputs.count >= (size_t)jobs && !heavy ? jobs : 1;
    b->sessions = calloc((size_t)b->n_sessions, sizeof *b->sessions);
    if (!b->sessions)
        return mseg_fail(err, MSEG_NOMEM, NULL);
    if ((status = cli_sequence_open(&b->sequence, 16 * jobs, emit, b)))
        return mseg_fail(err, status, NULL);
    for (int i = 0; i < b->n_sessions && !status; i++)
        status = mseg_session_open(&b->sessions[i], b->model, b->n_sessions == 1 ? b->pool : NULL, err);
    for (int i = 0; i < b->n_sessions && !status; i++)
        status = prepare_session(b, b->sessions[i], err);
    return status;
}

double cli_run_all(cli_run_batch *b)
{
    cli_progress_start(&b->progress, b->inputs.count, b->args->quiet);
    mseg_pool_for(b->n_sessions > 1 ? b->pool : NULL, (int)b->inputs.count, segment_task, b);
    return cli_progress_stop(&b->progress);
}
