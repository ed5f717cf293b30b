#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "train/history.h"

/* ---- writing ------------------------------------------------------------------------------------------------------------ */

static void add_checks(mseg_json *root, const cli_train_history *h)
{
    mseg_json *checks = mseg_json_add_array(root, "validations");
    for (size_t i = 0; i < h->n_checks; i++) {
        const cli_train_check *check = &h->checks[i];
        mseg_json *item = mseg_json_add_object(checks, NULL);
        mseg_json_add_int(item, "step", check->step);
        mseg_json_add_number(item, "epoch", check->epoch);
        mseg_json_add_number(item, "loss", check->loss);
        mseg_json_add_number(item, "figure", check->figure);
        mseg_json *classes = mseg_json_add_array(item, "classes");
        for (int c = 0; c < h->classes; c++)
            mseg_json_add_number(classes, NULL, check->classes[c]);
    }
}

static void add_examples(mseg_json *root, const cli_train_history *h)
{
    mseg_json *examples = mseg_json_add_array(root, "examples");
    for (int i = 0; i < h->n_examples; i++) {
        const cli_train_example *example = &h->examples[i];
        mseg_json *item = mseg_json_add_object(examples, NULL);
        mseg_json_add_int(item, "index", (int64_t)example->index);
        mseg_json_add_string(item, "name", example->name);
        mseg_json_add_string(item, "photo", example->photo);
        mseg_json_add_string(item, "truth", example->truth);
        mseg_json *shots = mseg_json_add_array(item, "shots");
        for (int k = 0; k < example->n_shots; k++) {
            mseg_json *shot = mseg_json_add_object(shots, NULL);
            mseg_json_add_int(shot, "step", example->shots[k].step);
            mseg_json_add_string(shot, "uri", example->shots[k].uri);
        }
    }
}

char *cli_train_history_print(const cli_train_history *h)
{
    mseg_json *root = mseg_json_object();
    mseg_json_add_int(root, "stride", h->stride);
    mseg_json_add_number(root, "sum", h->sum);
    mseg_json_add_int(root, "steps", h->steps);
    mseg_json_add_int(root, "counted", h->counted);
    mseg_json_add_number(root, "loss_sum", h->loss_sum);
    mseg_json_add_int(root, "loss_count", h->loss_count);
    mseg_json_add_number(root, "recent", h->recent);
    mseg_json_add_int(root, "due", h->due);
    mseg_json *points = mseg_json_add_array(root, "points");
    for (int i = 0; i < h->n_points; i++) {
        mseg_json_add_int(points, NULL, h->points[i].step);
        mseg_json_add_number(points, NULL, h->points[i].loss);
    }
    add_checks(root, h);
    add_examples(root, h);
    char *text = mseg_json_print(root, false);
    mseg_json_free(&root);
    return text;
}

/* ---- reading ------------------------------------------------------------------------------------------------------------ */

/* A whole number; *ok is false when there is none. */
static int64_t whole(const mseg_json *value, bool *ok)
{
    uint64_t count = 0;
    *ok = *ok && mseg_json_count(value, &count);
    return (int64_t)count;
}

/* A number or null, which is NaN. */
static double number(const mseg_json *value, bool *ok)
{
    double real = NAN;
    *ok = *ok && (mseg_json_number(value, &real) || mseg_json_is_null(value));
    return real;
}

static bool read_points(cli_train_history *h, const mseg_json *points)
{
    bool ok = true;
    for (const mseg_json *item = mseg_json_first(points); ok && item; item = mseg_json_next(item)) {
        cli_train_point *point = &h->points[h->n_points++];
        point->step = whole(item, &ok);
        item = mseg_json_next(item);
        point->loss = number(item, &ok);
        ok = ok && item && h->n_points < CLI_POINTS;
        if (!item)
            break;
    }
    return ok;
}

/* Validations come with increasing steps; *memory is false when it ran out. */
static bool read_checks(cli_train_history *h, const mseg_json *checks, bool *memory)
{
    bool ok = true;
    double *classes = calloc((size_t)h->classes + 1, sizeof *classes);
    *memory = classes;
    for (const mseg_json *item = mseg_json_first(checks); ok && *memory && item; item = mseg_json_next(item)) {
        const mseg_json *list = mseg_json_get(item, "classes");
        const int64_t step = whole(mseg_json_get(item, "step"), &ok);
        const double epoch = number(mseg_json_get(item, "epoch"), &ok), loss = number(mseg_json_get(item, "loss"), &ok);
        const double figure = number(mseg_json_get(item, "figure"), &ok);
        int c = 0;
        ok = ok && mseg_json_length(list) == h->classes;
        for (const mseg_json *value = mseg_json_first(list); ok && value; value = mseg_json_next(value))
            classes[c++] = number(value, &ok);
        *memory = !ok || cli_train_history_check(h, step, epoch, figure, classes);
        if (ok && *memory)
            h->checks[h->n_checks - 1].loss = loss;
    }
    free(classes);
    return ok;
}

/* A copy of a text; NULL, and *ok false, where there is none. */
static char *copy(const mseg_json *value, bool *ok)
{
    const char *text = mseg_json_text(value);
    char *own = text ? strdup(text) : NULL;
    *ok = *ok && own;
    return own;
}

static bool read_examples(cli_train_history *h, const mseg_json *examples)
{
    bool ok = mseg_json_length(examples) <= CLI_EXAMPLES;
    for (const mseg_json *item = mseg_json_first(examples); ok && item; item = mseg_json_next(item)) {
        cli_train_example *example = &h->examples[h->n_examples++];
        example->index = (size_t)whole(mseg_json_get(item, "index"), &ok);
        example->name = copy(mseg_json_get(item, "name"), &ok);
        example->photo = copy(mseg_json_get(item, "photo"), &ok);
        example->truth = copy(mseg_json_get(item, "truth"), &ok);
        const mseg_json *shots = mseg_json_get(item, "shots");
        for (const mseg_json *shot = mseg_json_first(shots); ok && shot; shot = mseg_json_next(shot)) {
            const int64_t step = whole(mseg_json_get(shot, "step"), &ok);
            cli_train_history_shot(example, step, copy(mseg_json_get(shot, "uri"), &ok));
        }
    }
    return ok;
}

mseg_status cli_train_history_read(cli_train_history *h, const char *text, mseg_error *err)
{
    mseg_json *root = NULL;
    bool memory = true;
    mseg_status status = mseg_json_parse(&root, text, strlen(text), err);
    if (status)
        return status;
    bool ok = read_points(h, mseg_json_get(root, "points")) && read_checks(h, mseg_json_get(root, "validations"), &memory) &&
              read_examples(h, mseg_json_get(root, "examples"));
    h->stride = whole(mseg_json_get(root, "stride"), &ok);
    h->sum = number(mseg_json_get(root, "sum"), &ok);
    h->steps = whole(mseg_json_get(root, "steps"), &ok);
    h->counted = whole(mseg_json_get(root, "counted"), &ok);
    h->loss_sum = number(mseg_json_get(root, "loss_sum"), &ok);
    h->loss_count = whole(mseg_json_get(root, "loss_count"), &ok);
    h->recent = number(mseg_json_get(root, "recent"), &ok);
    h->due = whole(mseg_json_get(root, "due"), &ok) != 0;
    mseg_json_free(&root);
    if (!memory)
        return mseg_fail(err, MSEG_NOMEM, NULL);
    return ok && h->stride > 0 ? MSEG_OK : mseg_fail(err, MSEG_FORMAT, "its curve is damaged");
}
