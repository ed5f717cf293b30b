#include "seg/architecture.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "weights/seeded.h"

typedef struct architecture architecture;

typedef struct family {
    const char *name;
    mseg_status (*backbone)(mseg_weights *weights, const architecture *a, int *features);
    int units[4]; /* ResNet: per block */
} family;

struct architecture {
    const family *family;
    double width;
    int classes;
    bool aspp, separable, nopool, last, exact, beta, imagenet;
};

/* slim's _make_divisible: the nearest multiple of step, at least step, and not below 90% of the wanted number. */
static int divisible(double wanted, int step)
{
    int rounded = (int)(wanted + step / 2.0) / step * step;
    rounded = rounded < step ? step : rounded;
    return rounded < 0.9 * wanted ? rounded + step : rounded;
}

static int channels(const architecture *a, int full)
{
    return divisible(full * a->width, a->exact ? 1 : 8);
}

static mseg_status add(mseg_weights *weights, int out, int kernel, int in, const char *format, int index, const char *part)
{
    char layer[64];
    snprintf(layer, sizeof layer, format, index, part);
    return mseg_weights_seeded_add(weights, layer, out, kernel, in);
}

static mseg_status add_depthwise(mseg_weights *weights, int width, const char *format, int index)
{
    char layer[64];
    snprintf(layer, sizeof layer, format, index);
    return mseg_weights_seeded_add_depthwise(weights, layer, width);
}

static mseg_status mobilenet_v2(mseg_weights *weights, const architecture *a, int *features)
{
    static const int outputs[] = {16, 24, 24, 32, 32, 32, 64, 64, 64, 64, 96, 96, 96, 160, 160, 160, 320};
    int in = a->exact ? divisible(32 * a->width, 8) : channels(a, 32); /* DeepLab's stem is a multiple of 8 */
    mseg_status status = mseg_weights_seeded_add(weights, "backbone.stem", in, 3, 3);
    for (int i = 0; i < 17 && !status; i++) {
        const int expanded = i ? divisible(6 * in, 8) : in, out = channels(a, outputs[i]);
        if (i)
            status = add(weights, expanded, 1, in, "backbone.block%d.%s", i, "expand");
        if (!status)
            status = add_depthwise(weights, expanded, "backbone.block%d.depthwise", i);
        if (!status)
            status = add(weights, out, 1, expanded, "backbone.block%d.%s", i, "project");
        in = out;
    }
    *features = in;
    if ((!a->last && !a->imagenet) || status)
        return status;
    *features = a->width < 1 ? 1280 : channels(a, 1280); /* arXiv 1801.04381, section 6.1: the last layer is not made narrower */
    return mseg_weights_seeded_add(weights, "backbone.last", *features, 1, in);
}

/* slim's MobileNetV1 cuts off, down to 8. */
static int channels_v1(const architecture *a, int full)
{
    const int wanted = (int)(full * a->width);
    return wanted < 8 ? 8 : wanted;
}

static mseg_status mobilenet_v1(mseg_weights *weights, const architecture *a, int *features)
{
    static const int outputs[] = {64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024};
    int in = channels_v1(a, 32);
    mseg_status status = mseg_weights_seeded_add(weights, "backbone.stem", in, 3, 3);
    for (int i = 0; i < 13 && !status; i++) {
        const int out = channels_v1(a, outputs[i]);
        status = add_depthwise(weights, in, "backbone.block%d.depthwise", i);
        if (!status)
            status = add(weights, out, 1, in, "backbone.block%d.%s", i, "pointwise");
        in = out;
    }
    *features = in;
    return status;
}

static mseg_status resnet_unit(mseg_weights *weights, int index, bool shortcut, int in, int base)
{
    mseg_status status = MSEG_OK;
    if (shortcut)
        status = add(weights, 4 * base, 1, in, "backbone.unit%d.%s", index, "shortcut");
    if (!status)
        status = add(weights, base, 1, in, "backbone.unit%d.%s", index, "reduce");
    if (!status)
        status = add(weights, base, 3, base, "backbone.unit%d.%s", index, "conv");
    return status ? status : add(weights, 4 * base, 1, base, "backbone.unit%d.%s", index, "expand");
}

static mseg_status resnet(mseg_weights *weights, const architecture *a, int *features)
{
    const int half = channels(a, 64);
    int in = a->beta ? channels(a, 128) : half;
    mseg_status status = MSEG_OK;
    if (a->beta) {
        status = add(weights, half, 3, 3, "backbone.stem%d%s", 1, "");
        if (!status)
            status = add(weights, half, 3, half, "backbone.stem%d%s", 2, "");
        if (!status)
            status = add(weights, in, 3, half, "backbone.stem%d%s", 3, "");
    } else {
        status = mseg_weights_seeded_add(weights, "backbone.stem", in, 7, 3);
    }
    for (int block = 0, index = 0; block < 4; block++) {
        const int base = channels(a, 64 << block);
        for (int i = 0; i < a->family->units[block] && !status; i++, index++) {
            status = resnet_unit(weights, index, i == 0, in, base);
            in = 4 * base;
        }
    }
    *features = in;
    return status;
}

static const family families[] = {
    {"mnv2", mobilenet_v2, {0}},        {"mnv1", mobilenet_v1, {0}},          {"resnet14", resnet, {1, 1, 1, 1}},
    {"resnet50", resnet, {3, 4, 6, 3}}, {"resnet101", resnet, {3, 4, 23, 3}},
};

static mseg_status deeplab_head(mseg_weights *weights, const architecture *a, int features)
{
    enum { DEPTH = 256 };
    const int branches = !a->nopool + 1 + 3 * (a->aspp || a->separable);
    mseg_status status = MSEG_OK;
    if (!a->nopool)
        status = mseg_weights_seeded_add(weights, "head.image_pooling", DEPTH, 1, features);
    if (!status)
        status = mseg_weights_seeded_add(weights, "head.aspp0", DEPTH, 1, features);
    for (int i = 1; i <= 3 && !status; i++) {
        if (a->separable) {
            status = add_depthwise(weights, features, "head.aspp%d.depthwise", i);
            if (!status)
                status = add(weights, DEPTH, 1, features, "head.aspp%d.%s", i, "pointwise");
        } else if (a->aspp) {
            status = add(weights, DEPTH, 3, features, "head.aspp%d%s", i, "");
        }
    }
    if (!status)
        status = mseg_weights_seeded_add(weights, "head.projection", DEPTH, 1, branches * DEPTH);
    return status ? status : mseg_weights_seeded_add(weights, "head.classifier", a->classes, 1, DEPTH);
}

/* One word behind the network's name; false when it means nothing. */
static bool option(architecture *a, const char *word)
{
    const struct {
        const char *name;
        bool *flag;
    } flags[] = {{"aspp", &a->aspp},   {"separable", &a->separable}, {"nopool", &a->nopool},    {"last", &a->last},
                 {"exact", &a->exact}, {"beta", &a->beta},           {"imagenet", &a->imagenet}};
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
        if (!strcmp(word, flags[i].name)) {
            *flags[i].flag = true;
            return true;
        }
    char *end;
    if (!strncmp(word, "classes=", 8)) {
        long classes = strtol(word + 8, &end, 10);
        a->classes = (int)classes;
        return !*end && classes >= 1 && classes <= 65536;
    }
    a->width = strtod(word, &end);
    return !*end && a->width >= 0.1 && a->width <= 4;
}

static const family *find_family(const char *description)
{
    size_t n = strcspn(description, ":");
    for (size_t i = 0; i < sizeof families / sizeof *families; i++)
        if (strlen(families[i].name) == n && !strncmp(description, families[i].name, n))
            return &families[i];
    return NULL;
}

bool mseg_architecture_known(const char *description)
{
    return find_family(description) != NULL;
}

/* What is wrong with options that each exist; NULL when nothing is. */
static const char *contradiction(const architecture *a)
{
    if ((a->last || a->exact) && a->family->backbone != mobilenet_v2)
        return "last and exact are for mnv2";
    if (a->beta && a->family->backbone != resnet)
        return "beta is for resnet";
    if (a->aspp && a->separable)
        return "aspp and separable exclude each other";
    if (a->imagenet && (a->aspp || a->separable || a->nopool || a->last))
        return "imagenet is another head, without aspp, separable, nopool and last";
    return NULL;
}

static mseg_status parse(architecture *a, const char *description, mseg_error *err)
{
    *a = (architecture){.width = 1, .family = find_family(description)};
    size_t n = strcspn(description, ":");
    if (!a->family)
        return mseg_fail(err, MSEG_NOENT, "no network is called '%.*s'; there are mnv2, mnv1, resnet14, resnet50, resnet101",
                         (int)n, description);
    for (const char *at = description + n; *at; at += n) {
        char word[24];
        n = strcspn(++at, ":");
        snprintf(word, sizeof word, "%.*s", (int)n, at);
        if (n >= sizeof word || !option(a, word))
            return mseg_fail(
                err, MSEG_INVAL,
                "'%s' in '%s' is neither a width multiplier (0.1 to 4) nor one of aspp, separable, nopool, last, exact, "
                "beta, imagenet, classes=N",
                word, description);
    }
    if (!a->classes)
        a->classes = a->imagenet ? 1001 : 21;
    const char *wrong = contradiction(a);
    return wrong ? mseg_fail(err, MSEG_INVAL, "%s", wrong) : MSEG_OK;
}

mseg_status mseg_architecture_weights(mseg_weights **weights, const char *description, mseg_error *err)
{
    architecture a;
    int features;
    *weights = NULL;
    mseg_status status = parse(&a, description, err);
    if (status)
        return status;
    status = mseg_weights_seeded(weights);
    if (!status)
        status = a.family->backbone(*weights, &a, &features);
    if (!status && a.imagenet)
        status = mseg_weights_seeded_add(*weights, "head.classifier", a.classes, 1, features);
    else if (!status)
        status = deeplab_head(*weights, &a, features);
    if (status) {
        mseg_weights_close(weights);
        return mseg_fail(err, status, NULL);
    }
    return MSEG_OK;
}
