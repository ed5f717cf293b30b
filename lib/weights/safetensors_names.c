#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "weights/safetensors_schemes.h"

static bool begins(const char *name, const char *with)
{
    return !strncmp(name, with, strlen(with));
}

/* Without what wrappers of PyTorch modules put before every name. */
static const char *strip(const char *name)
{
    static const char *const wrappers[] = {"module.", "model.", "_orig_mod.", "backbone."};
    for (size_t i = 0; i < sizeof wrappers / sizeof *wrappers; i++)
        if (begins(name, wrappers[i]))
            return strip(name + strlen(wrappers[i]));
    return name;
}

static bool has(const mseg_st_file *file, const char *name)
{
    for (int i = 0; i < file->count; i++)
        if (!strcmp(strip(file->tensors[i].name), name))
            return true;
    return false;
}

static const mseg_st_scheme *find_scheme(const mseg_st_file *file)
{
    const mseg_st_scheme *s = mseg_st_schemes;
    while (s->marks[0] && !(has(file, s->marks[0]) && (!s->marks[1] || has(file, s->marks[1]))))
        s++;
    return s->marks[0] ? s : NULL;
}

/* ---- one name ------------------------------------------------------------------------------------------------------------- */

/* What follows the row's name in name, behind a point; NULL: it is not of that row. *number: theirs. */
static const char *rest_of(const mseg_st_row *r, const char *name, int *number)
{
    const char *mark = strstr(r->theirs, "%d");
    const size_t before = mark ? (size_t)(mark - r->theirs) : strlen(r->theirs);
    *number = 0;
    if (strncmp(name, r->theirs, before) != 0)
        return NULL;
    name += before;
    if (mark) {
        const char *digits = name;
        for (; *name >= '0' && *name <= '9' && name < digits + 3; name++)
            *number = 10 * *number + (*name - '0');
        if (name == digits || (*digits == '0' && name > digits + 1) || *number < r->first || *number > r->last ||
            !begins(name, mark + 2))
            return NULL;
        name += strlen(mark + 2);
    }
    return *name == '.' ? name + 1 : NULL;
}

/* A tensor of a module; ours "": it is not needed. */
typedef struct module_part {
    const char *theirs, *ours;
    bool required;
} module_part;

static const module_part conv_parts[] = {{"weight", "weight", true}, {"bias", "bias"}, {NULL}};
static const module_part norm_parts[] = {{"weight", "norm.gamma"},
                                         {"bias", "norm.beta"},
                                         {"running_mean", "norm.mean", true},
                                         {"running_var", "norm.variance", true},
                                         {"num_batches_tracked", ""},
                                         {NULL}};

static const module_part *parts_of(const mseg_st_row *r)
{
    static const module_part none[] = {{NULL}};
    return r->kind == MSEG_ST_LEFT_OUT ? none : r->kind == MSEG_ST_NORM ? norm_parts : conv_parts;
}

static void put_name(char name[MSEG_MAX_LAYER_NAME], const char *pattern, int number, const char *part)
{
    const char *mark = strstr(pattern, "%d");
    if (mark)
        snprintf(name, MSEG_MAX_LAYER_NAME, "%.*s%d%s.%s", (int)(mark - pattern), pattern, number, mark + 2, part);
    else
        snprintf(name, MSEG_MAX_LAYER_NAME, "%s.%s", pattern, part);
}

/* Once for every batch norm: what no file holds. */
static mseg_status add_epsilon(mseg_weights *weights, const mseg_st_row *r, int number, mseg_error *err)
{
    mseg_tensor epsilon = {.dtype = MSEG_F32, .rank = 1, .shape = {1}, .bytes = sizeof r->epsilon};
    put_name(epsilon.name, r->ours, number, "norm.epsilon");
    epsilon.data = (const uint8_t *)&r->epsilon; /* little-endian, as all that mseg runs on */
    return mseg_weights_add(weights, &epsilon, err);
}

static mseg_status add_as(mseg_weights *weights, const mseg_st_tensor *t, const mseg_st_row *r, int number, const module_part *p,
                          mseg_error *err)
{
    char name[MSEG_MAX_LAYER_NAME];
    if (!*p->ours)
        return MSEG_OK;
    put_name(name, r->ours, number, p->ours);
    if (mseg_weights_find(weights, name))
        return mseg_fail(err, MSEG_UNSUPPORTED, "%.60s is there twice, with something before its name and without",
                         strip(t->name));
    const bool matrix = p == conv_parts; /* the first: weights */
    mseg_status status = mseg_st_add(weights, t, matrix ? (mseg_st_layout)r->kind : MSEG_ST_AS_IT_IS, name, err);
    return !status && !strcmp(p->ours, "norm.variance") ? add_epsilon(weights, r, number, err) : status;
}

/* Adds the tensor when it is of that row; *found: whether it is. */
static mseg_status add_if(mseg_weights *weights, const mseg_st_tensor *t, const mseg_st_row *r, bool *found, mseg_error *err)
{
    int number;
    const char *rest = rest_of(r, strip(t->name), &number);
    *found = rest && r->kind == MSEG_ST_LEFT_OUT;
    for (const module_part *p = parts_of(r); rest && p->theirs; p++)
        if (!strcmp(rest, p->theirs)) {
            *found = true;
            return add_as(weights, t, r, number + r->shift, p, err);
        }
    return MSEG_OK;
}

static mseg_status add_tensor(mseg_weights *weights, const mseg_st_tensor *t, const mseg_st_scheme *s, mseg_error *err)
{
    for (int i = 0; i < MSEG_ST_TABLES; i++)
        for (int k = 0; k < s->tables[i].count; k++) {
            bool found;
            mseg_status status = add_if(weights, t, &s->tables[i].rows[k], &found, err);
            if (found)
                return status;
        }
    return mseg_fail(err, MSEG_UNSUPPORTED, "the tensor %.60s is not one of %s", t->name, s->whose);
}

/* Whether the layer of that row has what it cannot be without. */
static mseg_status check_row(const mseg_weights *weights, const mseg_st_row *r, const char *whose, mseg_error *err)
{
    char name[MSEG_MAX_LAYER_NAME];
    for (const module_part *p = parts_of(r); p->theirs; p++)
        for (int number = r->first; p->required && number <= r->last; number++) {
            put_name(name, r->ours, number + r->shift, p->ours);
            if (mseg_weights_find(weights, name))
                continue;
            put_name(name, r->theirs, number, p->theirs);
            return mseg_fail(err, MSEG_UNSUPPORTED, "%s without its tensor %s", whose, name);
        }
    return MSEG_OK;
}

static mseg_status check_complete(const mseg_weights *weights, const mseg_st_scheme *s, mseg_error *err)
{
    mseg_status status = MSEG_OK;
    for (int i = 0; i < MSEG_ST_TABLES; i++)
        for (int k = 0; k < s->tables[i].count && !status; k++)
            status = check_row(weights, &s->tables[i].rows[k], s->whose, err);
    return status;
}

/* ---- all of them ---------------------------------------------------------------------------------------------------------- */

static mseg_status add_named(mseg_weights *weights, const mseg_st_file *file, const mseg_st_scheme *s, mseg_error *err)
{
    mseg_status status = MSEG_OK;
    for (int i = 0; i < file->count && !status; i++)
        status = add_tensor(weights, &file->tensors[i], s, err);
    if (!status)
        status = check_complete(weights, s, err);
    weights->padding = s->rules->padding;
    weights->origin.output_stride = s->output_stride;
    s->rules->input(&weights->input);
    weights->input.sampling = s->rules->sampling;
    return status;
}

static bool is_canonical(const char *name)
{
    return begins(name, "backbone.") || begins(name, "head.");
}

/* The names that mseg itself gives. */
static mseg_status add_canonical(mseg_weights *weights, const mseg_st_file *file, mseg_error *err)
{
    mseg_status status = MSEG_OK;
    for (int i = 0; i < file->count && !status; i++) {
        const mseg_st_tensor *t = &file->tensors[i];
        if (!is_canonical(t->name) || strlen(t->name) >= MSEG_MAX_LAYER_NAME)
            return mseg_fail(err, MSEG_UNSUPPORTED, "the tensor %.60s is not one of mseg's", t->name);
        status = mseg_st_add(weights, t, MSEG_ST_AS_IT_IS, t->name, err);
    }
    return status;
}

static mseg_status fail_unknown(const mseg_st_file *file, mseg_error *err)
{
    const char *names[2] = {"", ""};
    for (int i = 0; i < file->count && i < 2; i++)
        names[i] = file->tensors[i].name;
    return mseg_fail(
        err, MSEG_UNSUPPORTED,
        "a safetensors file %s%.40s%s%.40s%s, no network that mseg knows; it reads MobileNetV2 and ResNet by the names "
        "of Hugging Face and torchvision, and its own",
        file->count ? "with " : "without tensors", names[0], file->count > 1 ? ", " : "", names[1],
        file->count > 2 ? " ..." : "");
}

mseg_status mseg_st_add_all(mseg_weights *weights, const mseg_st_file *file, mseg_error *err)
{
    const mseg_st_scheme *s = find_scheme(file);
    if (s)
        return add_named(weights, file, s, err);
    if ((file->format && !strcmp(file->format, "mseg")) || has(file, "stem.weight") || has(file, "stem1.weight"))
        return add_canonical(weights, file, err);
    return fail_unknown(file, err);
}
