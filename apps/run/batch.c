#include <stdlib.h>
#include <string.h>

#include "base/parallel.h"
#include "cli/say.h"
#include "cli/stop.h"
#include "cli/threads.h"
#include "run/run.h"

/* What became of one input. */
typedef struct outcome {
    cli_input input;
    char *json; /* its line; NULL when not wanted */
    char *line; /* for stderr; NULL: nothing to say */
    mseg_error error;
    cli_run_times ms;
    cli_run_fate fate;
} outcome;

static void stop(cli_run_batch *b, cli_run_end why)
{
    int none = CLI_RUN_WHOLE;
    atomic_compare_exchange_strong(&b->end, &none, (int)why);
}

static mseg_status segment(cli_run_batch *b, mseg_session *session, const cli_outputs_job *job, outcome *out)
{
    cli_run_figures f = {0};
    mseg_error *err = &out->error;
    mseg_status status = cli_run_image(b, session, job, &f, err);
    out->ms = f.ms;
    if (!status && b->journal.sink.stream && !(out->json = cli_run_json(b, &out->input, &f)))
        status = mseg_fail(err, MSEG_NOMEM, NULL);
    if (!status && b->args->verbose && !(out->line = cli_run_line(&out->input, &f)))
        status = mseg_fail(err, MSEG_NOMEM, NULL);
    return status;
}

mseg_status cli_run_look(const cli_run_batch *b, const cli_input *input, cli_outputs_job *job, mseg_error *err)
{
    if (input->error)
        return mseg_fail(err, MSEG_INVAL, "%s", input->error);
    mseg_status status = cli_outputs_look(job, &b->outputs, &b->guard, input, err);
    if (!status && job->plan == CLI_OUTPUTS_DONE && b->journal.lines && !cli_journal_has(&b->journal, input))
        job->plan = CLI_OUTPUTS_WRITE;
    return status;
}

/* Does what is still to be done of an input. */
static void work_on(cli_run_batch *b, mseg_session *session, outcome *out)
{
    static const cli_run_fate fates[] = {
        [CLI_OUTPUTS_WRITE] = CLI_RUN_DONE, [CLI_OUTPUTS_DONE] = CLI_RUN_SKIPPED, [CLI_OUTPUTS_LEFT_ALONE] = CLI_RUN_LEFT};
    cli_outputs_job job;
    const bool no_folder = out->error.status == MSEG_FULL;
    mseg_status status = no_folder ? MSEG_FULL : cli_run_look(b, &out->input, &job, &out->error);
    out->fate = no_folder ? CLI_RUN_NOT_DONE : status ? CLI_RUN_FAILED : fates[job.plan];
    if (!status && job.plan == CLI_OUTPUTS_WRITE && segment(b, session, &job, out))
        out->fate = out->error.status == MSEG_FULL ? CLI_RUN_NOT_DONE : CLI_RUN_FAILED;
    if (out->fate == CLI_RUN_NOT_DONE)
        stop(b, CLI_RUN_FULL);
    else if (out->fate == CLI_RUN_FAILED && b->args->fail_fast)
        stop(b, CLI_RUN_FAILURE);
}

/* The next input; NULL when there is none, or no more are to be begun. Its number is that of all before it. */
static outcome *take(cli_run_batch *b, int64_t *number)
{
    mseg_error err = {0};
    mseg_status status = MSEG_OK;
    outcome *out = NULL;
    pthread_mutex_lock(&b->feed);
    if (cli_stop_signal())
        stop(b, CLI_RUN_SIGNAL);
    if (b->end == CLI_RUN_WHOLE && !(out = calloc(1, sizeof *out)))
        status = mseg_fail(&err, MSEG_NOMEM, NULL);
    if (out)
        status = cli_inputs_next(&b->inputs, &out->input, &err);
    if (out && (status || !out->input.path)) {
        free(out);
        out = NULL;
    }
    if (out) {
        *number = (int64_t)b->begun++;
        cli_outputs_mirror(&b->outputs, &out->input, &out->error);
    }
    const double share = out && b->begun % 64 == 0 ? cli_inputs_share_read(&b->inputs) : 0;
    if (share > 0)
        cli_progress_expect(&b->progress, (size_t)((double)b->begun / share));
    if (status && b->end == CLI_RUN_WHOLE && status != MSEG_CANCELLED) {
        cli_progress_hide(&b->progress);
        cli_say("run: %s", err.text);
        cli_progress_show(&b->progress);
    }
    if (status)
        stop(b, status == MSEG_CANCELLED ? CLI_RUN_SIGNAL : CLI_RUN_NO_LIST);
    pthread_mutex_unlock(&b->feed);
    return out;
}

static void work(void *context, int task, int worker)
{
    cli_run_batch *b = context;
    int64_t number;
    (void)task;
    for (outcome *out; (out = take(b, &number));) {
        cli_sequence_wait(b->sequence, number);
        work_on(b, b->sessions[worker], out);
        cli_sequence_put(b->sequence, number, out);
    }
}

static void add_times(cli_run_times *sum, const cli_run_times *ms)
{
    sum->decode += ms->decode;
    sum->resize += ms->resize;
    sum->network += ms->network;
    sum->label += ms->label;
    sum->write += ms->write;
}

static void say(cli_run_batch *b, const char *path, const mseg_error *err)
{
    cli_progress_hide(&b->progress);
    cli_say("%s: %s", path, err->text);
    cli_progress_show(&b->progress);
}

/* Writes its line into --json; false when that cannot be done: the image counts as not done then. */
static bool add_line(cli_run_batch *b, outcome *done)
{
    if (!done->json || cli_journal_has(&b->journal, &done->input))
        return true;
    const bool known = b->journal.lost || b->journal.sink.stream == stdout; /* of which main tells */
    if (!cli_journal_add(&b->journal, &b->progress, done->json, &done->error))
        return true;
    if (!known && (b->end != CLI_RUN_FULL || !b->counts[CLI_RUN_NOT_DONE]))
        say(b, b->args->json, &done->error);
    stop(b, b->journal.file && done->error.status == MSEG_FULL ? CLI_RUN_FULL : CLI_RUN_NO_JSON);
    return false;
}

/* Called in the order of the inputs, one at a time. */
static void emit(void *context, void *item)
{
    cli_run_batch *b = context;
    outcome *done = item;
    if (done->fate == CLI_RUN_FAILED || (done->fate == CLI_RUN_NOT_DONE && !b->counts[CLI_RUN_NOT_DONE]))
        say(b, done->input.path, &done->error);
    else if (done->line)
        cli_progress_print(&b->progress, done->line);
    if (done->fate == CLI_RUN_DONE && !add_line(b, done))
        done->fate = CLI_RUN_NOT_DONE;
    if (done->fate == CLI_RUN_FAILED)
        cli_tally_add(&b->failures, &done->error);
    else if (done->fate == CLI_RUN_DONE)
        add_times(&b->times, &done->ms);
    b->counts[done->fate]++;
    cli_progress_step(&b->progress, done->fate == CLI_RUN_DONE || done->fate == CLI_RUN_FAILED);
    cli_input_free(&done->input);
    free(done->json);
    free(done->line);
    free(done);
}

/* What would fail for every image fails here. */
static mseg_status prepare_session(const cli_run_batch *b, mseg_session *session, mseg_error *err)
{
    const int tile = (int)b->args->tile;
    mseg_plan_info info;
    return tile ? mseg_session_plan(session, tile, tile, &info, err) : mseg_session_prepare(session, &b->run, err);
}

mseg_status cli_run_open_sessions(cli_run_batch *b, mseg_error *err)
{
    mseg_status status = cli_threads_open(&b->pool, b->args->network.jobs, err);
    if (status)
        return status;
    const int jobs = mseg_pool_threads(b->pool);
    const bool heavy = b->args->tile || cli_network_repeats(&b->args->network);
    b->n_sessions = (b->total >= (size_t)jobs || !b->all_known) && !heavy ? jobs : 1;
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
    cli_progress_start(&b->progress, b->all_known ? b->total : 0, b->args->quiet);
    pthread_mutex_init(&b->feed, NULL);
    mseg_pool_for(b->n_sessions > 1 ? b->pool : NULL, b->n_sessions, work, b);
    pthread_mutex_destroy(&b->feed);
    return cli_progress_stop(&b->progress);
}
