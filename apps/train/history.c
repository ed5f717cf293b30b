#include "train/history.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define RECENT 0.95 /* of the moving average, what a step leaves */

void cli_train_history_start(cli_train_history *history, int classes)
{
    *history = (cli_train_history){.classes = classes, .stride = 1, .recent = NAN};
}

void cli_train_example_free(cli_train_example *example)
{
    free(example->name);
    free(example->photo);
    free(example->truth);
    for (int i = 0; i < example->n_shots; i++)
        free(example->shots[i].uri);
    *example = (cli_train_example){0};
}

void cli_train_history_free(cli_train_history *history)
{
    for (size_t i = 0; i < history->n_checks; i++)
        free(history->checks[i].classes);
    free(history->checks);
    for (int i = 0; i < history->n_examples; i++)
        cli_train_example_free(&history->examples[i]);
    *history = (cli_train_history){0};
}

/* ---- noting ------------------------------------------------------------------------------------------------------------- */

/* Twice as many steps a point. Where only one of two has a loss, that stands for both. */
static void halve_points(cli_train_history *h)
{
    for (int i = 0; i < CLI_POINTS / 2; i++) {
        const cli_train_point *a = &h->points[2 * i], *b = a + 1;
        const double loss = isnan(a->loss) ? b->loss : isnan(b->loss) ? a->loss : (a->loss + b->loss) / 2;
        h->points[i] = (cli_train_point){b->step, loss};
    }
    h->n_points = CLI_POINTS / 2;
    h->stride *= 2;
}

void cli_train_history_step(cli_train_history *h, int64_t step, double loss)
{
    if (!isnan(loss)) {
        h->sum += loss;
        h->counted++;
        h->loss_sum += loss;
        h->loss_count++;
        h->recent = isnan(h->recent) ? loss : RECENT * h->recent + (1 - RECENT) * loss;
    }
    if (++h->steps < h->stride)
        return;
    h->points[h->n_points++] = (cli_train_point){step, h->counted ? h->sum / (double)h->counted : NAN};
    h->sum = 0;
    h->steps = h->counted = 0;
    if (h->n_points == CLI_POINTS)
        halve_points(h);
}

double cli_train_history_loss(const cli_train_history *h)
{
    return h->loss_count ? h->loss_sum / (double)h->loss_count : NAN;
}

/* The place of a new validation; NULL without memory. */
static cli_train_check *append_check(cli_train_history *h)
{
    if (h->n_checks == h->capacity) {
        const size_t capacity = 2 * h->capacity + 32;
        cli_train_check *grown = reallocarray(h->checks, capacity, sizeof *grown);
        if (!grown)
            return NULL;
        h->checks = grown;
        h->capacity = capacity;
    }
    double *classes = calloc((size_t)h->classes, sizeof *classes);
    if (!classes)
        return NULL;
    cli_train_check *check = &h->checks[h->n_checks++];
    *check = (cli_train_check){.classes = classes};
    return check;
}

bool cli_train_history_check(cli_train_history *h, int64_t step, double epoch, double figure, const double *classes)
{
    cli_train_check *last = h->n_checks ? &h->checks[h->n_checks - 1] : NULL;
    const bool again = last && last->step == step;
    cli_train_check *check = again ? last : append_check(h);
    if (!check)
        return false;
    double *own = check->classes;
    *check = (cli_train_check){step, epoch, again ? check->loss : cli_train_history_loss(h), figure, own};
    memcpy(own, classes, (size_t)h->classes * sizeof *own);
    h->loss_sum = 0;
    h->loss_count = 0;
    return true;
}

const cli_train_check *cli_train_history_last(const cli_train_history *h)
{
    return h->n_checks ? &h->checks[h->n_checks - 1] : NULL;
}

const cli_train_check *cli_train_history_best(const cli_train_history *h)
{
    const cli_train_check *best = NULL;
    for (size_t i = 0; i < h->n_checks; i++)
        if (!isnan(h->checks[i].figure) && (!best || h->checks[i].figure > best->figure))
            best = &h->checks[i];
    return best;
}

void cli_train_history_shot(cli_train_example *example, int64_t step, char *uri)
{
    cli_train_shot *shots = example->shots;
    if (example->n_shots && shots[example->n_shots - 1].step == step)
        free(shots[--example->n_shots].uri);
    shots[example->n_shots++] = (cli_train_shot){step, uri};
    if (example->n_shots <= CLI_SHOTS)
        return;
    int least = 1;
    for (int i = 2; i < CLI_SHOTS; i++)
        if (shots[i + 1].step - shots[i - 1].step < shots[least + 1].step - shots[least - 1].step)
            least = i;
    free(shots[least].uri);
    memmove(&shots[least], &shots[least + 1], (size_t)(CLI_SHOTS - least) * sizeof *shots);
    example->n_shots--;
}
