#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/clock.h"
#include "cli/say.h"
#include "cli/stop.h"
#include "train/train.h"

enum { CHECKS = 20, EVENTS = 100 }; /* of a whole training */
#define VALIDATING 0.15             /* share of the time that validations by themselves may take */

/* ---- checkpoints -------------------------------------------------------------------------------------------------------- */

/* False after a line of error. */
static bool save(cli_train *t)
{
    mseg_error err = {0};
    char *text = cli_train_history_print(&t->history);
    if (text ? mseg_training_save(t->training, t->checkpoint, text, &err) : mseg_fail(&err, MSEG_NOMEM, NULL)) {
        cli_train_wipe(t);
        cli_say("%s: %s", t->checkpoint, err.text);
        t->failed = true;
    } else {
        t->saved_step = mseg_training_state(t->training).step;
    }
    t->saved = cli_now_ms();
    free(text);
    return !err.status;
}

/* Returns the exit status for a program that no signal ends: the checkpoint could not be written. */
static int stop(cli_train *t)
{
    const mseg_train_state now = mseg_training_state(t->training);
    const bool saved = save(t);
    cli_train_wipe(t);
    if (saved) {
        cli_say("stopped at step %lld of %lld; --resume goes on from %s, with the other options as they were",
                (long long)now.step, (long long)now.steps, t->checkpoint);
        cli_train_event_end(t, "stopped", t->checkpoint, 0);
    }
    return CLI_EXIT_UNUSABLE;
}

/* Returns the exit status. */
static int fail(cli_train *t, const mseg_error *why)
{
    const mseg_train_state now = mseg_training_state(t->training);
    cli_train_wipe(t);
    if (why->status == MSEG_FORMAT)
        cli_say("stopped at step %lld: %s; a smaller --lr helps, or a longer --warmup", (long long)now.step, why->text);
    else
        cli_say("stopped at step %lld: %s", (long long)now.step, why->text);
    if (t->saved_step >= 0)
        cli_say("%s: is as of step %lld, before that", t->checkpoint, (long long)t->saved_step);
    cli_train_event_end(t, "failed", why->text, 0);
    return CLI_EXIT_UNUSABLE;
}

/* ---- steps -------------------------------------------------------------------------------------------------------------- */

/* Whether one of so many parts of the training was finished between. */
static bool crossed(const mseg_train_state *before, const mseg_train_state *now, int parts)
{
    return floor(now->progress * parts) > floor(before->progress * parts);
}

/* Whether it is time to validate. The last validation comes at the end by itself. */
static bool is_due(const cli_train *t, const mseg_train_state *before, const mseg_train_state *now)
{
    if (now->finished)
        return false;
    if (t->args->val_every)
        return now->step % t->args->val_every == 0;
    return crossed(before, now, CHECKS) && t->validating <= VALIDATING * (cli_now_ms() - t->began);
}

/* One step and what comes with it. */
static mseg_status take_step(cli_train *t, mseg_error *err)
{
    const mseg_train_state before = mseg_training_state(t->training);
    const double began = cli_now_ms();
    const mseg_status status = mseg_training_step(t->training, err);
    if (status)
        return status;
    const mseg_train_state now = mseg_training_state(t->training);
    t->stepping += cli_now_ms() - began;
    t->samples += now.batch;
    cli_train_history_step(&t->history, now.step, now.loss);
    if (crossed(&before, &now, EVENTS))
        cli_train_event_step(t);
    cli_train_draw(t);
    if (is_due(t, &before, &now))
        cli_train_validate(t);
    if (!cli_stop_signal() && !now.finished && cli_now_ms() - t->saved >= 1e3 * t->args->checkpoint_every)
        save(t);
    return MSEG_OK;
}

/* ---- the end ------------------------------------------------------------------------------------------------------------ */

int64_t cli_train_left_out(const cli_train *t)
{
    const mseg_train_state now = mseg_training_state(t->training);
    return (int64_t)t->set.left_out + now.left_out + now.damaged;
}

/* Returns the exit status. */
static int finish(cli_train *t)
{
    mseg_error err = {0};
    uint64_t bytes = 0;
    if (mseg_training_write(t->training, t->args->out, &bytes, &err)) {
        cli_train_wipe(t);
        cli_say("%s: %s", t->args->out, err.text);
        if (save(t))
            cli_say("%s: holds what was learnt; --resume writes it", t->checkpoint);
        return CLI_EXIT_UNUSABLE;
    }
    unlink(t->checkpoint);
    if (!t->args->quiet || t->args->json)
        cli_train_measure_peak(t);
    cli_train_say_end(t, bytes);
    cli_train_event_end(t, "end", NULL, bytes);
    const bool scored = !t->counts || !mseg_score_has_mistakes(&t->score);
    return scored && !t->failed && !cli_train_left_out(t) ? CLI_EXIT_OK : CLI_EXIT_SOME_FAILED;
}

int cli_train_run(cli_train *t, int *signal)
{
    mseg_error err = {0};
    cli_stop_catch();
    cli_train_say_start(t);
    cli_train_event_start(t);
    t->began = t->saved = cli_now_ms();
    if (t->history.due && !mseg_training_state(t->training).finished)
        cli_train_validate(t);
    while (!cli_stop_signal() && !mseg_training_state(t->training).finished)
        if (take_step(t, &err))
            return fail(t, &err);
    const bool finished = mseg_training_state(t->training).finished;
    t->history.due = t->history.due || finished;
    if (finished && !cli_stop_signal())
        cli_train_validate(t);
    *signal = t->history.due || !finished ? cli_stop_signal() : 0;
    return *signal ? stop(t) : finish(t);
}
