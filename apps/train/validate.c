#include <math.h>
#include <stdlib.h>

#include "cli/clock.h"
#include "cli/say.h"
#include "cli/stop.h"
#include "train/train.h"

static int stop_when_signalled(void *context, int64_t done, int64_t total)
{
    (void)context;
    (void)done;
    (void)total;
    return cli_stop_signal();
}

/* The class that everything is predicted as although the truth has others, too; NULL: there is none. */
static const char *find_only_class(const mseg_score *score)
{
    const char *only = NULL;
    int predicted = 0, there = 0;
    for (int c = 0; c < score->classes; c++) {
        there += score->per_class[c].truth > 0;
        predicted += score->per_class[c].predicted > 0;
        only = score->per_class[c].predicted > 0 ? score->per_class[c].name : only;
    }
    return predicted == 1 && there > 1 ? only : NULL;
}

/* Takes over counts; false after a line of error. */
static bool take_counts(cli_train *t, mseg_counts *counts)
{
    const mseg_train_state now = mseg_training_state(t->training);
    mseg_error err = {0};
    double classes[256] = {0};
    mseg_score_close(&t->score);
    mseg_counts_close(&t->counts);
    t->only_class = NULL;
    if (mseg_score_open(&t->score, counts, NULL, &err)) {
        cli_say("train: %s", err.text);
        mseg_counts_close(&counts);
        return false;
    }
    t->counts = counts;
    for (int c = 0; c < t->score.classes; c++)
        classes[c] = t->args->folders ? t->score.per_class[c].recall : t->score.per_class[c].iou;
    const double figure = t->args->folders ? t->score.pixel_accuracy : t->score.miou;
    if (!cli_train_history_check(&t->history, now.step, now.epoch, figure, classes)) {
        cli_say("train: out of memory");
        return false;
    }
    t->only_class = find_only_class(&t->score);
    return true;
}

/* A line when the validation has come to be of one class. */
static void warn(cli_train *t, bool before)
{
    if (!t->only_class || before)
        return;
    cli_train_wipe(t);
    cli_say(
        "warning: the validation is '%s' everywhere so far; early on that is usual, later it tells of a --lr that is too large "
        "or of masks that do not belong to their photos",
        t->only_class);
}

void cli_train_validate(cli_train *t)
{
    const bool before = t->only_class;
    const double began = cli_now_ms();
    mseg_counts *counts = NULL;
    mseg_error err = {0};
    mseg_status status = MSEG_OK;
    t->history.due = true;
    if (t->set.validation.count)
        status = mseg_training_validate(t->training, &counts, stop_when_signalled, NULL, &err);
    if (status == MSEG_CANCELLED)
        return;
    t->history.due = false;
    if (status) {
        cli_train_wipe(t);
        cli_say("train: validation: %s", err.text);
    }
    if (status || (counts && !take_counts(t, counts)))
        t->failed = true;
    if (counts && t->counts) {
        cli_train_take_pictures(t);
        cli_train_event_check(t);
        warn(t, before);
    }
    cli_train_say_check(t);
    if (!cli_train_write_page(t))
        t->failed = true;
    t->validating += cli_now_ms() - began;
}
