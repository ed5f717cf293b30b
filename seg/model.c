#include "seg/model.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "heads/deeplabv3.h"
#include "seg/architecture.h"
#include "seg/backbone.h"
#include "weights/weights.h"

const char *mseg_version(void)
{
    return MSEG_VERSION;
}

mseg_model_options mseg_model_options_default(void)
{
    return (mseg_model_options){.output_stride = 16, .cpu = getenv("MSEG_CPU")};
}

static mseg_status choose_kernels(mseg_model *model, const mseg_model_options *options, mseg_error *err)
{
    model->cpu = mseg_cpu_detect();
    if (options->cpu && *options->cpu) {
        mseg_cpu_level wanted = mseg_cpu_level_find(options->cpu);
        if (wanted == MSEG_CPU_LEVELS)
            return mseg_fail(err, MSEG_INVAL, "no kernel set is called '%s': scalar, avx2 or avx512", options->cpu);
        if (wanted > model->cpu.level)
            return mseg_fail(err, MSEG_INVAL, "this machine has no %s", options->cpu);
        model->cpu.level = wanted;
    }
    model->kernels = mseg_kernels_for(model->cpu.level);
    return model->kernels ? MSEG_OK
                          : mseg_fail(err, MSEG_INVAL, "this build has no %s kernels", mseg_cpu_level_name(model->cpu.level));
}

static mseg_status build(mseg_model *model, const mseg_weights *weights, const mseg_model_options *options, mseg_error *err)
{
    mseg_value features, logits;
    mseg_head_info head;
    const mseg_pad_rule rule = mseg_weights_padding(weights) == MSEG_PAD_SAME ? MSEG_PAD_SAME_TF : MSEG_PAD_BOTH;
    const mseg_backbone *backbone = mseg_backbone_of(weights);
    if (!backbone)
        return mseg_fail(err, MSEG_UNSUPPORTED, "no backbone that mseg knows: MobileNetV2, MobileNetV1 or ResNet");
    mseg_status status = mseg_graph_open(&model->graph, model->kernels, rule, options->unfused);
    if (status)
        return mseg_fail(err, status, NULL);
    const mseg_builder builder = {model->graph, weights, err};
    if ((status = backbone->build(&builder, options->output_stride, &features)))
        return status;
    if ((status = mseg_head_deeplabv3(&builder, features, options->output_stride, &logits, &head)))
        return status;
    if (head.classes > 256)
        return mseg_fail(err, MSEG_UNSUPPORTED, "%d classes, more than the 256 that a mask can hold", head.classes);
    mseg_graph_output(model->graph, logits);
    mseg_weights_origin origin = mseg_weights_origin_of(weights);
    model->info = (mseg_model_info){
        .network = backbone->network,
        .width_multiplier = (double)mseg_graph_channels(model->graph, features) / backbone->full_channels,
        .output_stride = options->output_stride,
        .classes = head.classes,
        .aspp = head.aspp,
        .image_pooling = head.image_pooling,
        .params = mseg_graph_params(model->graph),
        .kernels = mseg_cpu_level_name(model->cpu.level),
        .format = origin.format,
        .trained_output_stride = origin.output_stride,
        .trained_width = origin.input_width,
        .trained_height = origin.input_height,
    };
    return MSEG_OK;
}

static mseg_status open_model(mseg_model **out, const char *source, const mseg_model_options *options,
                              mseg_status (*open_weights)(mseg_weights **, const char *, mseg_error *), mseg_error *err)
{
    *out = NULL;
    mseg_model_options defaults = mseg_model_options_default();
    mseg_weights *weights = NULL;
    options = options ? options : &defaults;
    if (options->output_stride != 8 && options->output_stride != 16 && options->output_stride != 32)
        return mseg_fail(err, MSEG_INVAL, "output stride %d: 8, 16 and 32 are possible", options->output_stride);
    mseg_model *model = mseg_alloc(sizeof *model);
    if (!model)
        return mseg_fail(err, MSEG_NOMEM, NULL);
    mseg_status status = choose_kernels(model, options, err);
    if (!status)
        status = open_weights(&weights, source, err);
    if (!status)
        status = build(model, weights, options, err);
    if (status)
        mseg_model_close(&model);
    mseg_weights_close(&weights);
    *out = model;
    return status;
}

mseg_status mseg_model_open(mseg_model **model, const char *path, const mseg_model_options *options, mseg_error *err)
{
    return open_model(model, path, options, mseg_weights_open, err);
}

mseg_status mseg_model_open_random(mseg_model **model, const char *architecture, const mseg_model_options *options,
                                   mseg_error *err)
{
    return open_model(model, architecture, options, mseg_architecture_weights, err);
}

void mseg_model_close(mseg_model **pointer)
{
    if (!*pointer)
        return;
    mseg_graph_close(&(*pointer)->graph);
    mseg_free(pointer);
}

mseg_model_info mseg_model_describe(const mseg_model *model)
{
    return model->info;
}
