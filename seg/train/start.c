#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "seg/backbones/architecture.h"
#include "seg/builtin.h"
#include "seg/train/training.h"
#include "seg/train/widen.h"

/* ---- the network -------------------------------------------------------------------------------------------------------- */

static const char classifier_layer[] = "head.classifier";

/* The description with the number of classes that the data has; freed by the caller. */
static char *describe(const mseg_train_options *options, int classes)
{
    const size_t room = strlen(options->architecture) + 64;
    char *text = mseg_alloc(room);
    const bool told = strstr(options->architecture, ":classes="), kind = strstr(options->architecture, ":imagenet");
    char number[32] = "";
    if (!told)
        snprintf(number, sizeof number, ":classes=%d", classes);
    if (text)
        snprintf(text, room, "%s%s%s", options->architecture, options->classifier && !kind ? ":imagenet" : "", number);
    return text;
}

static mseg_status open_source(const mseg_train_options *options, const mseg_source *from, mseg_opened *opened, mseg_error *err)
{
    mseg_model_options given, used;
    mseg_model_options_init(&given, sizeof given);
    given.output_stride = options->output_stride;
    mseg_status status = mseg_model_options_take(&used, &given, err);
    return status ? status : mseg_opened_open(opened, from, &used, err);
}

static mseg_status open_architecture(const mseg_train_options *options, int classes, mseg_opened *opened, mseg_error *err)
{
    char *text = describe(options, classes);
    const mseg_source from = {.name = text, .open = mseg_architecture_weights};
    mseg_status status = text ? open_source(options, &from, opened, err) : mseg_fail(err, MSEG_NOMEM, NULL);
    mseg_free(&text);
    return status;
}

static mseg_status open_start(const mseg_training *t, mseg_opened *opened, mseg_error *err)
{
    const mseg_train_options *options = &t->options;
    if (mseg_train_is_random(options))
        return open_architecture(options, t->classes, opened, err);
    const bool file = options->model && strcmp(options->model, "builtin");
    const mseg_source from = file ? mseg_source_file(options->model) : mseg_source_builtin();
    return open_source(options, &from, opened, err);
}

static mseg_status check_classes(const mseg_training *t, const mseg_model_info *info, mseg_error *err)
{
    return info->classes == t->classes
               ? MSEG_OK
               : mseg_fail(err, MSEG_MISMATCH, "the network is to have %d classes, the data have %d", info->classes, t->classes);
}

/* The network with the channels of the architecture. */
static mseg_status widen(mseg_training *t, mseg_error *err)
{
    mseg_opened wide = {0};
    mseg_error why = {0};
    mseg_status status = open_architecture(&t->options, t->classes, &wide, err);
    if (!status)
        status = check_classes(t, &wide.info, err);
    if (!status && (status = mseg_widen_net(&t->net, &wide.net, &why)))
        mseg_fail(err, status, "%s: %s", t->options.architecture, why.text);
    if (!status) {
        t->info.width_multiplier = wide.info.width_multiplier;
        t->info.params = mseg_net_params(&t->net);
    }
    mseg_opened_close(&wide);
    return status;
}

static mseg_status check_network(const mseg_training *t, const mseg_opened *opened, mseg_error *err)
{
    if (opened->info.classifier != t->options.classifier)
        return mseg_fail(err, MSEG_MISMATCH,
                         opened->info.classifier ? "the model classifies whole pictures, the data are masks"
                                                 : "the model makes masks, the data are folders of classes");
    return mseg_train_is_random(&t->options) ? check_classes(t, &opened->info, err) : MSEG_OK;
}

/* ---- classes ------------------------------------------------------------------------------------------------------------ */

/* What the model calls a class; a model of 21 classes that names none is taken for one of VOC's. NULL: unknown. */
static const char *class_name(const mseg_opened *opened, const mseg_palette *voc, int c)
{
    if (opened->info.labels == opened->info.classes)
        return mseg_weights_label(opened->weights, c);
    return opened->info.classes == voc->count ? voc->names[c] : NULL;
}

static int find_class(const mseg_opened *opened, const mseg_palette *voc, const char *name)
{
    for (int c = 0; c < opened->info.classes; c++) {
        const char *known = class_name(opened, voc, c);
        if (known && *name && !strcasecmp(known, name))
            return c;
    }
    return -1;
}

/* from[c]: the class of the model that class c of the data begins with; says what differs. Returns whether anything does. */
static bool match_classes(const mseg_training *t, const mseg_opened *opened, int from[256], mseg_error *err)
{
    const mseg_palette *classes = &t->options.rules->palette;
    mseg_palette voc = {0};
    int known = 0, moved = 0;
    if (t->options.classifier || mseg_palette_load(&voc, "voc", err))
        voc.count = -1;
    for (int c = 0; c < t->classes; c++) {
        from[c] = find_class(opened, &voc, classes->names[c]);
        known += from[c] >= 0;
        moved += from[c] >= 0 && from[c] != c;
    }
    const bool same = known == t->classes && !moved && opened->info.classes == t->classes;
    if (voc.count > 0)
        mseg_palette_free(&voc);
    if (same)
        return false;
    if (known == t->classes && opened->info.classes == t->classes)
        mseg_training_tell(t, MSEG_TRAIN_NOTE, NULL,
                           "classes are in another order than the model's: each begins with its own weights");
    else if (!known)
        mseg_training_tell(t, MSEG_TRAIN_NOTE, NULL,
                           "a new classifier: the model has %d classes, none of which is among the %d of the data",
                           opened->info.classes, t->classes);
    else
        mseg_training_tell(
            t, MSEG_TRAIN_NOTE, NULL,
            "a new classifier: of the %d classes of the data the model knows %d, the others begin with random weights",
            t->classes, known);
    return true;
}

/* ---- the engine --------------------------------------------------------------------------------------------------------- */

/* Bytes that could be had now; 0: unknown. */
size_t mseg_train_available(void)
{
    char line[128];
    size_t kilobytes = 0;
    FILE *file = fopen("/proc/meminfo", "r");
    while (file && !kilobytes && fgets(line, sizeof line, file))
        if (sscanf(line, "MemAvailable: %zu", &kilobytes) != 1)
            kilobytes = 0;
    if (file)
        fclose(file);
    return kilobytes << 10;
}

/* What is kept of a teacher's answers about all photos that the training comes to. */
static size_t answer_bytes(const mseg_training *t)
{
    const double samples = (double)t->options.steps * t->options.batch, photos = (double)t->options.n_train;
    const double all = t->teacher ? (double)mseg_train_teacher_bytes(t->teacher) : 0;
    return (size_t)(samples > 0 && samples < photos ? all * samples / photos : all);
}

static mseg_status check_memory(mseg_training *t, const mseg_net *net, const mseg_engine_options *how, mseg_error *err)
{
    mseg_engine_options one = *how;
    one.batch = 1;
    const size_t maps = mseg_engine_bytes(net, how), alone = mseg_engine_bytes(net, &one), there = mseg_train_available();
    const size_t answers = answer_bytes(t), all = maps + answers;
    t->state.bytes = all;
    t->state.photo_bytes = mseg_train_data_kept(t->data);
    t->state.bytes_per_sample = how->batch > 1 ? (maps - alone) / (size_t)(how->batch - 1) : maps;
    if (!maps || !there || all <= there)
        return MSEG_OK;
    if (answers > there)
        return mseg_fail(err, MSEG_LIMIT,
                         "what the teacher says of %zu photos takes %.1f GB, %.1f GB are there: take fewer photos or steps",
                         t->options.n_train, (double)answers / 1e9, (double)there / 1e9);
    const size_t each = t->state.bytes_per_sample, least = alone - each + answers;
    const int fits = there > least ? (int)((there - least) / each) : 0;
    char advice[64] = "not even one would fit, a smaller size is needed";
    if (fits > 0)
        snprintf(advice, sizeof advice, "batch %d would fit", fits);
    return mseg_fail(err, MSEG_LIMIT, "batches of %d pictures of %d x %d take %.1f GB, %.1f GB are there: %s", how->batch,
                     how->width, how->height, (double)all / 1e9, (double)there / 1e9, advice);
}

/* Few pixels a step: a mean and variance of the coarsest map of the batch say little. */
static void choose_norms(mseg_training *t)
{
    enum { FEW = 256 };
    const mseg_train_options *o = &t->options;
    const int side = (o->size + t->info.output_stride - 1) / t->info.output_stride, pixels = o->batch * side * side;
    t->norming = MSEG_NORM_BATCH;
    if (o->norms == MSEG_NORMS_FREEZE || (o->norms == MSEG_NORMS_AUTO && pixels < FEW && !mseg_train_is_random(o)))
        t->norming = MSEG_NORM_FIXED;
    if (o->norms == MSEG_NORMS_AUTO && t->norming == MSEG_NORM_FIXED)
        mseg_training_tell(t, MSEG_TRAIN_NOTE, NULL,
                           "a step has %d pixels at stride %d, too few for batch statistics: norms are frozen (a larger batch or "
                           "size trains them)",
                           pixels, t->info.output_stride);
    else if (o->norms == MSEG_NORMS_AUTO && pixels < FEW)
        mseg_training_tell(t, MSEG_TRAIN_WARNING, NULL,
                           "a step has %d pixels at stride %d, few for batch statistics: take a larger batch or size", pixels,
                           t->info.output_stride);
}

void mseg_train_measure(mseg_training *t, mseg_norming norming, bool unfold)
{
    enum { PHOTOS = 256 };
    const size_t used = mseg_train_data_figures(t->data)->used;
    const int64_t photos = used < PHOTOS ? (int64_t)used : PHOTOS;
    mseg_engine_measure(t->engine);
    for (int64_t first = 0; first < photos; first += t->options.batch) {
        const int n = photos - first < t->options.batch ? (int)(photos - first) : t->options.batch;
        mseg_train_fill_plain(t, t->data, first, n);
        mseg_engine_forward(t->engine, n, norming, 0);
    }
    mseg_engine_measured(t->engine, unfold);
}

static const char hint_layer[] = "features";

/* The network as it is trained: with features to learn a linear convolution of the backbone's last map makes them as a second
 * output, a hint (Romero et al. 2015). *net is freed by the caller. */
static mseg_status add_hint(const mseg_training *t, const mseg_opened *opened, mseg_net *net, mseg_error *err)
{
    mseg_value features;
    mseg_status status = mseg_net_copy(net, &t->net);
    if (!status && t->options.features > 0) {
        mseg_net_layer hint = {.kind = MSEG_CONV,
                               .in = {opened->features},
                               .n_in = 1,
                               .add = -1,
                               .kernel = 1,
                               .stride = 1,
                               .rate = 1,
                               .bias = true,
                               .channels = mseg_train_teacher_features(t->teacher)};
        memcpy(hint.name, hint_layer, sizeof hint_layer);
        status = mseg_net_add(net, &hint, &features);
        if (!status)
            status = mseg_net_output(net, features);
    }
    return status ? mseg_fail(err, status, NULL) : MSEG_OK;
}

#define COPY_NOISE 0.01 /* of a copied weight: enough for copies to part, and the network still says what the model says */

static mseg_status open_engine(mseg_training *t, const mseg_opened *opened, const int *from, mseg_error *err)
{
    const mseg_train_options *o = &t->options;
    mseg_net net = {0};
    const mseg_engine_options how = {.kernels = t->kernels,
                                     .pool = t->pool,
                                     .batch = o->batch,
                                     .height = o->size,
                                     .width = o->size,
                                     .frozen = o->freeze_backbone ? "backbone." : NULL,
                                     .renewed = from ? classifier_layer : NULL,
                                     .from = from,
                                     .added = o->features > 0 ? hint_layer : NULL,
                                     .seed = o->seed};
    mseg_weights *widened = NULL;
    mseg_status status = MSEG_OK;
    if (mseg_train_is_widened(o))
        status = mseg_widen_weights(&widened, &t->net, &opened->net, opened->weights, COPY_NOISE, o->seed, err);
    if (from)
        t->net.layers[mseg_net_find(&t->net, classifier_layer)].channels = t->classes;
    if (!status)
        status = add_hint(t, opened, &net, err);
    if (!status)
        status = check_memory(t, &net, &how, err);
    if (!status)
        status = mseg_engine_open(&t->engine, &net, widened ? widened : opened->weights, &how, err);
    mseg_net_free(&net);
    mseg_weights_close(&widened);
    if (status)
        return status;
    if (mseg_train_is_random(o))
        mseg_engine_randomise(t->engine, NULL, o->seed);
    else
        mseg_train_measure(t, MSEG_NORM_NONE, true); /* a file's norms are folded away: then they are there again */
    t->state.madds_per_sample = (double)mseg_engine_madds(t->engine);
    return MSEG_OK;
}

/* The side of crops that nobody asked for: what photos of VOC's size still show well, no more than the model's own. */
static int default_size(const mseg_train_options *o, const mseg_model_info *info)
{
    const int own = info->trained_width == info->trained_height ? info->trained_width : 0, usual = o->classifier ? 224 : 257;
    return own && own < usual ? own : usual;
}

mseg_status mseg_train_network(mseg_training *t, mseg_opened *opened, mseg_error *err)
{
    mseg_status status = open_start(t, opened, err);
    if (status)
        return status;
    status = check_network(t, opened, err);
    if (!status && mseg_net_find(&opened->net, classifier_layer) < 0)
        status = mseg_fail(err, MSEG_UNSUPPORTED, "the model has no layer that is called its classifier");
    if (!status && mseg_net_copy(&t->net, &opened->net))
        status = mseg_fail(err, MSEG_NOMEM, NULL);
    for (int i = 0; i < t->net.count && !status; i++) /* a norm's shift is one */
        t->net.layers[i].bias = t->net.layers[i].kind == MSEG_CONV || t->net.layers[i].kind == MSEG_DEPTHWISE;
    t->info = opened->info;
    if (!status && mseg_train_is_widened(&t->options))
        status = widen(t, err);
    if (status) {
        mseg_opened_close(opened);
        return status;
    }
    t->info.classes = t->classes;
    t->options.output_stride = opened->info.output_stride;
    t->options.size = t->options.size ? t->options.size : default_size(&t->options, &opened->info);
    return MSEG_OK;
}

mseg_status mseg_train_start(mseg_training *t, const mseg_opened *opened, mseg_error *err)
{
    int from[256];
    choose_norms(t);
    if (t->options.freeze_backbone)
        mseg_training_tell(t, MSEG_TRAIN_NOTE, NULL, "the backbone is frozen: the head alone is trained");
    const bool renewed = !mseg_train_is_random(&t->options) && match_classes(t, opened, from, err);
    return open_engine(t, opened, renewed ? from : NULL, err);
}
