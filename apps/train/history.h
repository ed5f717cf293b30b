#ifndef CLI_TRAIN_HISTORY_H
#define CLI_TRAIN_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

enum { CLI_POINTS = 400, CLI_EXAMPLES = 6, CLI_SHOTS = 6 };

/* The mean loss of some steps, the last of which is step. */
typedef struct cli_train_point {
    int64_t step;
    double loss;
} cli_train_point;

/* A validation. Figures from 0 to 1, NaN: undefined. */
typedef struct cli_train_check {
    int64_t step;
    double epoch, loss; /* loss: mean of the steps since the one before */
    double figure;      /* mIOU, of a classifier the share of right ones */
    double *classes;    /* IoU, of a classifier the share of right ones, by place of the class; the history's */
} cli_train_check;

/* A picture of the validation over time. */
typedef struct cli_train_shot {
    int64_t step;
    char *uri; /* of the prediction */
} cli_train_shot;
typedef struct cli_train_example {
    size_t index;               /* of the photo */
    char *name, *photo, *truth; /* the last two as URIs */
    cli_train_shot shots[CLI_SHOTS + 1];
    int n_shots;
} cli_train_example;

/* What happened so far. It goes along in checkpoints, so that curves do not end where a training was stopped. All zero but for
 * classes to start with. */
typedef struct cli_train_history {
    int classes;
    cli_train_point points[CLI_POINTS];
    int n_points;
    int64_t stride;         /* steps of a point */
    double sum;             /* of the losses of the point that is not full yet */
    int64_t steps, counted; /* its steps; those that had a loss */
    double loss_sum;        /* since the last validation */
    int64_t loss_count;
    double recent; /* loss, a moving average; NaN before the first */
    cli_train_check *checks;
    size_t n_checks, capacity;
    cli_train_example examples[CLI_EXAMPLES];
    int n_examples;
    bool due; /* a validation, which was not made because of a signal */
} cli_train_history;

void cli_train_history_start(cli_train_history *history, int classes);
void cli_train_history_free(cli_train_history *history);

/** Notes the loss of a step; NaN: it had none. */
void cli_train_history_step(cli_train_history *history, int64_t step, double loss);

/** Mean loss since the last validation, NaN: no step. */
double cli_train_history_loss(const cli_train_history *history);

/** Appends a validation, in place of an older one of the same step; its loss is the one above, counted anew from here on.
 * classes: [history->classes], copied. False without memory. */
bool cli_train_history_check(cli_train_history *history, int64_t step, double epoch, double figure, const double *classes);

/** The newest validation, the best one (the first of equal ones); NULL: none. */
const cli_train_check *cli_train_history_last(const cli_train_history *history);
const cli_train_check *cli_train_history_best(const cli_train_history *history);

/** Appends a picture, taking over uri; of more than CLI_SHOTS one goes, so that those left are spread over the steps. */
void cli_train_history_shot(cli_train_example *example, int64_t step, char *uri);

/** Frees what it holds and zeroes it. */
void cli_train_example_free(cli_train_example *example);

/** As text, to be freed with free(); NULL without memory. */
char *cli_train_history_print(const cli_train_history *history);

/** Fills a history that was just started with what print made. MSEG_FORMAT, MSEG_NOMEM. */
mseg_status cli_train_history_read(cli_train_history *history, const char *text, mseg_error *err);

#endif
