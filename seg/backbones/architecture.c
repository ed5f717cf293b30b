#include "seg/backbones/architecture.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/networks.h"
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
    bool aspp, separable, nopool, decoder, last, exact, beta, imagenet;
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

/* slim's MobileNetV1 cuts off, down to 8. */
static int channels_v1(const architecture *a, int full)
{
    const int wanted = (int)(full * a->width);
    return wanted < 8 ? 8 : wanted;
}

static mseg_status add(mseg_weights *weights, int out, int kernel, int in, const char *format, int index, const char *part)
{
    char layer[64];
    snprintf(layer, sizeof layer, format, index, part);
    return mseg_weights_seeded_add(weights, layer, out, kernel, in);
}

static mseg_status add_block(mseg_weights *weights, const mseg_network *network, int index, int in, int out)
{
    char layer[MSEG_MAX_LAYER_NAME];
    const int expansion = network->blocks[index].expansion, wide = expansion ? divisible(expansion * in, 8) : in;
    mseg_status status = MSEG_OK;
    if (expansion) {
        mseg_block_name(layer, index, "expand");
        status = mseg_weights_seeded_add(weights, layer, wide, 1, in);
    }
    mseg_block_name(layer, index, "depthwise");
    if (!status)
        status = mseg_weights_seeded_add_depthwise(weights, layer, wide);
    mseg_block_name(layer, index, network->pointwise);
    return status ? status : mseg_weights_seeded_add(weights, layer, out, 1, wide);
}

/* Stem and blocks, their channels rounded by that rule. */
static mseg_status add_blocks(mseg_weights *weights, const architecture *a, const mseg_network *network, int stem,
                              int (*rounded)(const architecture *, int), int *features)
{
    mseg_status status = mseg_weights_seeded_add(weights, "backbone.stem", stem, 3, 3);
    *features = stem;
    for (int i = 0; i < network->n_blocks && !status; i++) {
        const int out = rounded(a, network->blocks[i].channels);
        status = add_block(weights, network, i, *features, out);
        *features = out;
    }
    return status;
}

static mseg_status mobilenet_v2(mseg_weights *weights, const architecture *a, int *features)
{
    const mseg_network *v2 = &mseg_mobilenet_v2;
    const int stem = a->exact ? divisible(v2->stem * a->width, 8) : channels(a, v2->stem); /* DeepLab's is a multiple of 8 */
    mseg_status status = add_blocks(weights, a, v2, stem, channels, features);
    if ((!a->last && !a->imagenet) || status)
        return status;
    const int in = *features;
    *features = a->width < 1 ? v2->last : channels(a, v2->last); /* arXiv 1801.04381, section 6.1: it is not made narrower */
    return mseg_weights_seeded_add(weights, "backbone.last", *features, 1, in);
}

static mseg_status mobilenet_v1(mseg_weights *weights, const architecture *a, int *features)
{
    return add_blocks(weights, a, &mseg_mobilenet_v1, channels_v1(a, mseg_mobilenet_v1.stem), channels_v1, features);
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
    const mseg_network *network = &mseg_resnet;
    const int half = channels(a, network->stem);
    int in = a->beta ? channels(a, 2 * network->stem) : half;
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
    for (int block = 0, index = 0; block < network->n_blocks; block++) {
        const int base = channels(a, network->blocks[block].channels / 4);
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

static mseg_status add_separable(mseg_weights *weights, const char *part, int index, int in)
{
    char layer[MSEG_MAX_LAYER_NAME];
    snprintf(layer, sizeof layer, "head.%s%d.depthwise", part, index);
    mseg_status status = mseg_weights_seeded_add_depthwise(weights, layer, in);
    snprintf(layer, sizeof layer, "head.%s%d.pointwise", part, index);
    return status ? status : mseg_weights_seeded_add(weights, layer, MSEG_HEAD_DEPTH, 1, in);
}

/* As MobileNetV2's models have it: separable. */
static mseg_status decoder(mseg_weights *weights)
{
    char name[MSEG_MAX_LAYER_NAME];
    snprintf(name, sizeof name, "%s.weight", mseg_mobilenet_v2.low_level);
    const mseg_tensor *low = mseg_weights_find(weights, name);
    mseg_status status = mseg_weights_seeded_add(weights, "head.low_level", MSEG_LOW_LEVEL_DEPTH, 1, low->shape[3]);
    for (int i = 0; i < MSEG_DECODER_CONVS && !status; i++)
        status = add_separable(weights, "decoder", i, MSEG_HEAD_DEPTH + (i ? 0 : MSEG_LOW_LEVEL_DEPTH));
    return status;
}

static mseg_status deeplab_head(mseg_weights *weights, const architecture *a, int features)
{
    enum { DEPTH = MSEG_HEAD_DEPTH };
    const int branches = !a->nopool + (a->aspp || a->separable ? MSEG_ASPP_BRANCHES : 1);
    mseg_status status = MSEG_OK;
    if (!a->nopool)
        status = mseg_weights_seeded_add(weights, "head.image_pooling", DEPTH, 1, features);
    if (!status)
        status = mseg_weights_seeded_add(weights, "head.aspp0", DEPTH, 1, features);
    for (int i = 1; i < MSEG_ASPP_BRANCHES && !status; i++) {
        if (a->separable)
            status = add_separable(weights, "aspp", i, features);
        else if (a->aspp)
            status = add(weights, DEPTH, 3, features, "head.aspp%d%s", i, "");
    }
    if (!status)
        status = mseg_weights_seeded_add(weights, "head.projection", DEPTH, 1, branches * DEPTH);
    if (!status && a->decoder)
        status = decoder(weights);
    return status ? status : mseg_weights_seeded_add(weights, "head.classifier", a->classes, 1, DEPTH);
}

/* One word behind the network's name; false when it means nothing. */
static bool option(architecture *a, const char *word)
{
    const struct {
        const char *name;
        bool *flag;
    } flags[] = {{"aspp", &a->aspp}, {"separable", &a->separable}, {"nopool", &a->nopool}, {"decoder", &a->decoder},
                 {"last", &a->last}, {"exact", &a->exact},         {"beta", &a->beta},     {"imagenet", &a->imagenet}};
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
    if ((a->last || a->exact || a->decoder) && a->family->backbone != mobilenet_v2)
        return "last, exact and decoder are for mnv2";
    if (a->beta && a->family->backbone != resnet)
        return "beta is for resnet";
    if (a->aspp && a->separable)
        return "aspp and separable exclude each other";
    if (a->imagenet && (a->aspp || a->separable || a->nopool || a->decoder || a->last))
        return "imagenet is another head, without aspp, separable, nopool, decoder and last";
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
                "'%s' in '%s' is neither a width multiplier (0.1 to 4) nor one of aspp, separable, nopool, decoder, last, "
                "exact, beta, imagenet, classes=N",
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
