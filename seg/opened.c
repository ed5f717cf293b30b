#include "seg/opened.h"

#include <stdio.h>
#include <string.h>

#include "base/options.h"
#include "heads/classifier.h"
#include "heads/deeplabv3plus.h"
#include "seg/backbones/backbone.h"
#include "seg/builtin.h"
#include "weights/load.h"

static const mseg_model_options default_options = {.struct_size = sizeof(mseg_model_options)};

void mseg_model_options_init(mseg_model_options *options, size_t struct_size)
{
    mseg_options_init(options, struct_size, &default_options, sizeof default_options);
}

static bool is_given(const double values[3])
{
    return values[0] != 0 || values[1] != 0 || values[2] != 0; /* also of what is no number */
}

static mseg_status check_options(const mseg_model_options *options, mseg_error *err)
{
    if (options->output_stride && options->output_stride != 8 && options->output_stride != 16 && options->output_stride != 32)
        return mseg_fail(err, MSEG_INVAL, "output stride %d: 8, 16 and 32 are possible", options->output_stride);
    if (options->precision != MSEG_PRECISION_AUTO && options->precision != MSEG_PRECISION_FLOAT &&
        options->precision != MSEG_PRECISION_INT8)
        return mseg_fail(err, MSEG_INVAL, "precision %d is not one of mseg_precision", (int)options->precision);
    if (!is_given(options->std))
        return is_given(options->mean) ? mseg_fail(err, MSEG_INVAL, "mean is given without std") : MSEG_OK;
    for (int c = 0; c < 3; c++) {
        if (!(options->mean[c] >= -1e6 && options->mean[c] <= 1e6))
            return mseg_fail(err, MSEG_INVAL, "mean[%d], %g, is not between -1e6 and 1e6", c, options->mean[c]);
        if (!(options->std[c] >= 1e-6 && options->std[c] <= 1e6))
            return mseg_fail(err, MSEG_INVAL, "std[%d], %g, is not between 1e-6 and 1e6", c, options->std[c]);
    }
    return MSEG_OK;
}

mseg_status mseg_model_options_take(mseg_model_options *used, const mseg_model_options *given, mseg_error *err)
{
    *used = default_options;
    mseg_status status = mseg_options_take(used, sizeof *used, given, "mseg_model_options_init", err);
    return status ? status : check_options(used, err);
}

static mseg_status append_decoder(const mseg_builder *builder, const mseg_network *network, mseg_value features,
                                  int output_stride, mseg_value *logits, mseg_head_info *head)
{
    if (!network->low_level)
        return mseg_fail(builder->err, MSEG_UNSUPPORTED, "a decoder behind %s; mseg knows it behind MobileNetV2", network->name);
    const mseg_value low = mseg_net_find(builder->net, network->low_level);
    return mseg_head_deeplabv3plus(builder, features, low, output_stride, logits, head);
}

/* DeepLabv3's head when the weights have its branches, with DeepLabv3+'s decoder when they have that; else a classifier's. */
static mseg_status append_head(const mseg_builder *builder, const mseg_network *network, mseg_value features, int output_stride,
                               mseg_value *logits, mseg_model_info *info)
{
    mseg_head_info head = {0};
    mseg_status status;
    info->decoder = mseg_weights_has(builder->weights, "head.low_level");
    info->classifier = !info->decoder && !mseg_weights_has(builder->weights, "head.aspp0");
    if (info->decoder)
        status = append_decoder(builder, network, features, output_stride, logits, &head);
    else if (info->classifier)
        status = mseg_head_classifier(builder, features, logits);
    else
        status = mseg_head_deeplabv3(builder, features, output_stride, logits, &head);
    if (status)
        return status;
    info->classes = builder->net->layers[*logits].channels;
    info->aspp = head.aspp;
    info->image_pooling = head.image_pooling;
    if (!info->classifier && info->classes > 256)
        return mseg_fail(builder->err, MSEG_UNSUPPORTED, "%d classes, more than the 256 that a mask can hold", info->classes);
    return MSEG_OK;
}

static double width_of(const mseg_weights *weights, const mseg_backbone *backbone)
{
    char name[64];
    snprintf(name, sizeof name, "%s.weight", backbone->width_layer);
    const mseg_tensor *weight = mseg_weights_find(weights, name);
    return weight ? (double)weight->shape[0] / backbone->full_channels : 0;
}

/* The caller's mean and std, when they are given, instead of what the file tells. */
static void take_input(mseg_input *input, const mseg_model_options *options)
{
    if (!is_given(options->std))
        return;
    for (int c = 0; c < 3; c++)
        mseg_input_normalise(input, c, options->mean[c], options->std[c]);
    input->from = MSEG_INPUT_GIVEN;
}

static void describe_input(mseg_model_info *info, const mseg_input *input)
{
    memcpy(info->input_scale, input->scale, sizeof info->input_scale);
    memcpy(info->input_offset, input->offset, sizeof info->input_offset);
    info->input_from = input->from;
    info->sampling = input->sampling;
}

/* The network that the weights are of, as data. */
static mseg_status build(mseg_opened *opened, const mseg_model_options *options, mseg_error *err)
{
    mseg_value logits;
    mseg_net *net = &opened->net;
    mseg_model_info *info = &opened->info;
    const mseg_weights *weights = opened->weights;
    const int trained_stride = info->trained_output_stride;
    const mseg_backbone *backbone = mseg_backbone_of(weights);
    const mseg_builder builder = {net, weights, err};
    info->output_stride = options->output_stride ? options->output_stride : trained_stride ? trained_stride : 16;
    if (!backbone)
        return mseg_fail(err, MSEG_UNSUPPORTED, "no backbone that mseg knows: MobileNetV2, MobileNetV1 or ResNet");
    net->input = mseg_weights_input(weights);
    take_input(&net->input, options);
    describe_input(info, &net->input);
    mseg_status status = backbone->build(&builder, info->output_stride, &opened->features);
    if (!status)
        status = append_head(&builder, backbone->network, opened->features, info->output_stride, &logits, info);
    if (!status && (status = mseg_net_output(net, logits)))
        mseg_fail(err, status, NULL);
    if (status)
        return status;
    info->network = backbone->network->name;
    info->width_multiplier = width_of(weights, backbone);
    info->logits_stride = mseg_net_stride(net, logits);
    info->params = mseg_net_params(net);
    return MSEG_OK;
}

mseg_source mseg_source_file(const char *path)
{
    return (mseg_source){.name = path, .open = mseg_weights_open};
}

mseg_source mseg_source_builtin(void)
{
    return (mseg_source){.name = MSEG_BUILTIN_MODEL_NAME, .bytes = mseg_builtin_model, .size = mseg_builtin_model_size};
}

static mseg_status open_weights(mseg_weights **weights, const mseg_source *from, mseg_error *err)
{
    return from->open ? from->open(weights, from->name, err) : mseg_weights_open_memory(weights, from->bytes, from->size, err);
}

static void describe_file(mseg_model_info *info, const mseg_weights *weights)
{
    const mseg_weights_origin origin = mseg_weights_origin_of(weights);
    info->format = origin.format;
    info->trained_output_stride = origin.output_stride;
    info->trained_width = origin.input_width;
    info->trained_height = origin.input_height;
}

/* How many names of classes the file has; a blank line too many at the end is none. */
static int count_labels(const mseg_weights *weights, int classes)
{
    const int count = mseg_weights_labels(weights);
    return count == classes + 1 && !*mseg_weights_label(weights, count - 1) ? classes : count;
}

mseg_status mseg_opened_open(mseg_opened *opened, const mseg_source *from, const mseg_model_options *options, mseg_error *err)
{
    *opened = (mseg_opened){0};
    mseg_status status = open_weights(&opened->weights, from, err);
    if (!status) {
        describe_file(&opened->info, opened->weights);
        status = build(opened, options, err);
    }
    if (status)
        mseg_opened_close(opened);
    else
        opened->info.labels = count_labels(opened->weights, opened->info.classes);
    return status;
}

void mseg_opened_close(mseg_opened *opened)
{
    mseg_net_free(&opened->net);
    mseg_weights_close(&opened->weights);
    *opened = (mseg_opened){0};
}

const char *mseg_model_stem(const char *path, size_t *length)
{
    static const char *const extensions[] = {".tflite", ".pb", ".onnx", ".safetensors"};
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    const size_t whole = strlen(name);
    *length = whole;
    for (size_t i = 0; i < sizeof extensions / sizeof *extensions; i++) {
        const size_t tail = strlen(extensions[i]);
        if (whole > tail && !strcmp(name + whole - tail, extensions[i]))
            *length = whole - tail;
    }
    return name;
}
