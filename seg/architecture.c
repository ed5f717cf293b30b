#include "seg/architecture.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "weights/seeded.h"

typedef struct architecture {
    double width;
    bool aspp, pooling;
} architecture;

/* slim's _make_divisible: the nearest multiple of 8, at least 8, and not below 90% of the wanted number. */
static int channels(double wanted)
{
    int rounded = (int)(wanted + 4) / 8 * 8;
    rounded = rounded < 8 ? 8 : rounded;
    return rounded < 0.9 * wanted ? rounded + 8 : rounded;
}

static mseg_status parse(architecture *a, const char *description, mseg_error *err)
{
    *a = (architecture){.width = 1, .pooling = true};
    size_t n = strcspn(description, ":");
    if (n != 4 || strncmp(description, "mnv2", n))
        return mseg_fail(err, MSEG_INVAL, "no architecture is called '%.*s': mnv2 is", (int)n, description);
    for (const char *at = description + n; *at; at += n) {
        char word[16], *end;
        n = strcspn(++at, ":");
        snprintf(word, sizeof word, "%.*s", (int)n, at);
        if (!strcmp(word, "aspp"))
            a->aspp = true;
        else if (!strcmp(word, "nopool"))
            a->pooling = false;
        else if ((a->width = strtod(word, &end)) < 0.1 || a->width > 4 || *end)
            return mseg_fail(err, MSEG_INVAL, "'%s' in '%s' is neither a width multiplier (0.1 to 4) nor aspp or nopool", word,
                             description);
    }
    return MSEG_OK;
}

static mseg_status backbone(mseg_weights *weights, const architecture *a, int *features)
{
    static const int outputs[] = {16, 24, 24, 32, 32, 32, 64, 64, 64, 64, 96, 96, 96, 160, 160, 160, 320};
    int in = channels(32 * a->width);
    mseg_status status = mseg_weights_seeded_add(weights, "backbone.stem", in, 3, 3);
    for (int i = 0; i < 17 && !status; i++) {
        char layer[48];
        int expanded = i ? 6 * in : in, out = channels(outputs[i] * a->width);
        snprintf(layer, sizeof layer, "backbone.block%d.expand", i);
        if (i)
            status = mseg_weights_seeded_add(weights, layer, expanded, 1, in);
        snprintf(layer, sizeof layer, "backbone.block%d.depthwise", i);
        if (!status)
            status = mseg_weights_seeded_add_depthwise(weights, layer, expanded);
        snprintf(layer, sizeof layer, "backbone.block%d.project", i);
        if (!status)
            status = mseg_weights_seeded_add(weights, layer, out, 1, expanded);
        in = out;
    }
    *features = in;
    return status;
}

static mseg_status head(mseg_weights *weights, const architecture *a, int features)
{
    enum { DEPTH = 256, CLASSES = 21 };
    const int branches = a->pooling + 1 + 3 * a->aspp;
    mseg_status status = MSEG_OK;
    if (a->pooling)
        status = mseg_weights_seeded_add(weights, "head.image_pooling", DEPTH, 1, features);
    if (!status)
        status = mseg_weights_seeded_add(weights, "head.aspp0", DEPTH, 1, features);
    for (int i = 1; i <= 3 && a->aspp && !status; i++) {
        char layer[32];
        snprintf(layer, sizeof layer, "head.aspp%d", i);
        status = mseg_weights_seeded_add(weights, layer, DEPTH, 3, features);
    }
    if (!status)
        status = mseg_weights_seeded_add(weights, "head.projection", DEPTH, 1, branches * DEPTH);
    return status ? status : mseg_weights_seeded_add(weights, "head.classifier", CLASSES, 1, DEPTH);
}

mseg_status mseg_architecture_weights(mseg_weights **weights, const char *description, mseg_error *err)
{
    architecture a;
    int features;
    *weights = NULL;
    mseg_status status = parse(&a, description, err);
    if (status)
        return status;
    if ((status = mseg_weights_seeded(weights)) || (status = backbone(*weights, &a, &features)) ||
        (status = head(*weights, &a, features))) {
        mseg_weights_close(weights);
        return mseg_fail(err, status, NULL);
    }
    return MSEG_OK;
}
