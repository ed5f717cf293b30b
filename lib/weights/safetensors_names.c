#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "weights/safetensors.h"

/* What other people call the layers of networks that mseg knows, one row a layer or its batch norm. */

typedef enum kind { CONV, DEPTHWISE, DENSE, NORM, LEFT_OUT } kind;

typedef struct row {
    kind kind;
    const char *theirs, *ours; /* with %d for a number at most */
    float epsilon;             /* of NORM */
    int first, last;           /* their number; 0, 0: there is none */
    int shift;                 /* ours less theirs */
} row;

/* ---- Hugging Face transformers, modeling_mobilenet_v2.py ------------------------------------------------------------------ */

#define HF(kind, theirs, ours, ...)                                                                                              \
    {kind, theirs ".convolution", ours, __VA_ARGS__},                                                                            \
    {                                                                                                                            \
        NORM, theirs ".normalization", ours, __VA_ARGS__                                                                         \
    }

static const row hf_backbone[] = {
    HF(CONV, "mobilenet_v2.conv_stem.first_conv", "backbone.stem", 1e-3f),
    HF(DEPTHWISE, "mobilenet_v2.conv_stem.conv_3x3", "backbone.block0.depthwise", 1e-3f),
    HF(CONV, "mobilenet_v2.conv_stem.reduce_1x1", "backbone.block0.project", 1e-3f),
    HF(CONV, "mobilenet_v2.layer.%d.expand_1x1", "backbone.block%d.expand", 1e-3f, 0, 15, 1),
    HF(DEPTHWISE, "mobilenet_v2.layer.%d.conv_3x3", "backbone.block%d.depthwise", 1e-3f, 0, 15, 1),
    HF(CONV, "mobilenet_v2.layer.%d.reduce_1x1", "backbone.block%d.project", 1e-3f, 0, 15, 1),
};
static const row hf_segmentation[] = {
    {LEFT_OUT, "mobilenet_v2.conv_1x1"},
    HF(CONV, "segmentation_head.conv_pool", "head.image_pooling", 1e-5f),
    HF(CONV, "segmentation_head.conv_aspp", "head.aspp0", 1e-5f),
    HF(CONV, "segmentation_head.conv_projection", "head.projection", 1e-5f),
    {CONV, "segmentation_head.classifier.convolution", "head.classifier"},
};
static const row hf_classifier[] = {
    HF(CONV, "mobilenet_v2.conv_1x1", "backbone.last", 1e-3f),
    {DENSE, "classifier", "head.classifier"},
};

/* ---- torchvision, models/mobilenetv2.py ----------------------------------------------------------------------------------- */

static const row torchvision[] = {
    {CONV, "features.0.0", "backbone.stem"},
    {NORM, "features.0.1", "backbone.stem", 1e-5f},
    {DEPTHWISE, "features.1.conv.0.0", "backbone.block0.depthwise"},
    {NORM, "features.1.conv.0.1", "backbone.block0.depthwise", 1e-5f},
    {CONV, "features.1.conv.1", "backbone.block0.project"},
    {NORM, "features.1.conv.2", "backbone.block0.project", 1e-5f},
    {CONV, "features.%d.conv.0.0", "backbone.block%d.expand", 0, 2, 17, -1},
    {NORM, "features.%d.conv.0.1", "backbone.block%d.expand", 1e-5f, 2, 17, -1},
    {DEPTHWISE, "features.%d.conv.1.0", "backbone.block%d.depthwise", 0, 2, 17, -1},
    {NORM, "features.%d.conv.1.1", "backbone.block%d.depthwise", 1e-5f, 2, 17, -1},
    {CONV, "features.%d.conv.2", "backbone.block%d.project", 0, 2, 17, -1},
    {NORM, "features.%d.conv.3", "backbone.block%d.project", 1e-5f, 2, 17, -1},
    {CONV, "features.18.0", "backbone.last"},
    {NORM, "features.18.1", "backbone.last", 1e-5f},
    {DENSE, "classifier.1", "head.classifier"},
};

/* ---- whose they are ------------------------------------------------------------------------------------------------------- */

typedef struct table {
    const row *rows;
    int count;
} table;

#define TABLE(rows)                                                                                                              \
    {                                                                                                                            \
        rows, sizeof rows / sizeof *rows                                                                                         \
    }

typedef struct scheme {
    const char *whose;
    const char *mark; /* a tensor that no other scheme before has */
    table tables[2];
    mseg_padding padding;
    mseg_sampling sampling;
    double mean[3], std[3]; /* of pictures of 0 to 1 */
    int output_stride;      /* 0: the names do not tell */
} scheme;

/* Hugging Face's MobileNetV2 are TensorFlow's weights and padded as these; what they call DeepLabv3+ has no decoder. */
static const scheme schemes[] = {
    {"Hugging Face's MobileNetV2ForSemanticSegmentation",
     "segmentation_head.classifier.convolution.weight",
     {TABLE(hf_backbone), TABLE(hf_segmentation)},
     MSEG_SAME,
     MSEG_ALIGN_CORNERS,
     {0.5, 0.5, 0.5},
     {0.5, 0.5, 0.5},
     0},
    {"Hugging Face's MobileNetV2ForImageClassification",
     "mobilenet_v2.conv_stem.first_conv.convolution.weight",
     {TABLE(hf_backbone), TABLE(hf_classifier)},
     MSEG_SAME,
     MSEG_ALIGN_CORNERS,
     {0.5, 0.5, 0.5},
     {0.5, 0.5, 0.5},
     32},
    {"torchvision's mobilenet_v2",
     "features.1.conv.0.0.weight",
     {TABLE(torchvision)},
     MSEG_SYMMETRIC,
     MSEG_HALF_PIXEL,
     {0.485, 0.456, 0.406},
     {0.229, 0.224, 0.225},
     32},
};

enum { SCHEMES = sizeof schemes / sizeof *schemes, TABLES = sizeof schemes->tables / sizeof *schemes->tables };

static bool begins(const char *name, const char *with)
{
    return !strncmp(name, with, strlen(with));
}

/* Without what wrappers of PyTorch modules put before every name. */
static const char *strip(const char *name)
{
    static const char *const wrappers[] = {"module.", "model.", "_orig_mod."};
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

static const scheme *find_scheme(const mseg_st_file *file)
{
    for (int i = 0; i < SCHEMES; i++)
        if (has(file, schemes[i].mark))
            return &schemes[i];
    return NULL;
}

/* ---- one name ------------------------------------------------------------------------------------------------------------- */

/* What follows the row's name in name, behind a point; NULL: it is not of that row. *number: theirs. */
static const char *rest_of(const row *r, const char *name, int *number)
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

static const module_part *parts_of(const row *r)
{
    static const module_part none[] = {{NULL}};
    return r->kind == LEFT_OUT ? none : r->kind == NORM ? norm_parts : conv_parts;
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
static mseg_status add_epsilon(mseg_weights *weights, const row *r, int number, mseg_error *err)
{
    mseg_tensor epsilon = {.dtype = MSEG_F32, .rank = 1, .shape = {1}, .bytes = sizeof r->epsilon};
    put_name(epsilon.name, r->ours, number, "norm.epsilon");
    epsilon.data = (const uint8_t *)&r->epsilon; /* little-endian, as all that mseg runs on */
    return mseg_weights_add(weights, &epsilon, err);
}

static mseg_status add_as(mseg_weights *weights, const mseg_st_tensor *t, const row *r, int number, const module_part *p,
                          mseg_error *err)
{
    static const mseg_st_layout layouts[] = {[CONV] = MSEG_ST_CONV, [DEPTHWISE] = MSEG_ST_DEPTHWISE, [DENSE] = MSEG_ST_DENSE};
    char name[MSEG_MAX_LAYER_NAME];
    if (!*p->ours)
        return MSEG_OK;
    put_name(name, r->ours, number, p->ours);
    if (mseg_weights_find(weights, name))
        return mseg_fail(err, MSEG_UNSUPPORTED, "%.60s is there twice, with something before its name and without",
                         strip(t->name));
    const bool matrix = p == conv_parts; /* the first: weights */
    mseg_status status = mseg_st_add(weights, t, matrix ? layouts[r->kind] : MSEG_ST_AS_IT_IS, name, err);
    return !status && !strcmp(p->ours, "norm.variance") ? add_epsilon(weights, r, number, err) : status;
}

/* Adds the tensor when it is of that row; *found: whether it is. */
static mseg_status add_if(mseg_weights *weights, const mseg_st_tensor *t, const row *r, bool *found, mseg_error *err)
{
    int number;
    const char *rest = rest_of(r, strip(t->name), &number);
    *found = rest && r->kind == LEFT_OUT;
    for (const module_part *p = parts_of(r); rest && p->theirs; p++)
        if (!strcmp(rest, p->theirs)) {
            *found = true;
            return add_as(weights, t, r, number + r->shift, p, err);
        }
    return MSEG_OK;
}

static mseg_status add_tensor(mseg_weights *weights, const mseg_st_tensor *t, const scheme *s, mseg_error *err)
{
    for (int i = 0; i < TABLES; i++)
        for (int k = 0; k < s->tables[i].count; k++) {
            bool found;
            mseg_status status = add_if(weights, t, &s->tables[i].rows[k], &found, err);
            if (found)
                return status;
        }
    return mseg_fail(err, MSEG_UNSUPPORTED, "the tensor %.60s is not one of %s", t->name, s->whose);
}

/* Whether the layer of that row has what it cannot be without. */
static mseg_status check_row(const mseg_weights *weights, const row *r, const char *whose, mseg_error *err)
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

static mseg_status check_complete(const mseg_weights *weights, const scheme *s, mseg_error *err)
{
    mseg_status status = MSEG_OK;
    for (int i = 0; i < TABLES; i++)
        for (int k = 0; k < s->tables[i].count && !status; k++)
            status = check_row(weights, &s->tables[i].rows[k], s->whose, err);
    return status;
}

/* ---- all of them ---------------------------------------------------------------------------------------------------------- */

static mseg_status add_named(mseg_weights *weights, const mseg_st_file *file, const scheme *s, mseg_error *err)
{
    mseg_status status = MSEG_OK;
    for (int i = 0; i < file->count && !status; i++)
        status = add_tensor(weights, &file->tensors[i], s, err);
    if (!status)
        status = check_complete(weights, s, err);
    weights->padding = s->padding;
    weights->origin.output_stride = s->output_stride;
    weights->input.sampling = s->sampling;
    weights->input.from = MSEG_INPUT_NAMES;
    for (int c = 0; c < 3; c++)
        mseg_input_normalise(&weights->input, c, 255 * s->mean[c], 255 * s->std[c]);
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
        "a safetensors file %s%.40s%s%.40s%s, no network that mseg knows; it reads MobileNetV2 by the names of Hugging "
        "Face and torchvision, and its own",
        file->count ? "with " : "without tensors", names[0], file->count > 1 ? ", " : "", names[1],
        file->count > 2 ? " ..." : "");
}

mseg_status mseg_st_add_all(mseg_weights *weights, const mseg_st_file *file, mseg_error *err)
{
    const scheme *s = find_scheme(file);
    if (s)
        return add_named(weights, file, s, err);
    if ((file->format && !strcmp(file->format, "mseg")) || has(file, "backbone.stem.weight") ||
        has(file, "backbone.stem1.weight"))
        return add_canonical(weights, file, err);
    return fail_unknown(file, err);
}
