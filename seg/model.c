#include "seg/model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/options.h"
#include "heads/classifier.h"
#include "heads/deeplabv3plus.h"
#include "seg/backbones/architecture.h"
#include "seg/backbones/backbone.h"
#include "seg/builtin.h"
#include "weights/load.h"

#define TEXT_OF(number)              #number
#define VERSION(major, minor, patch) TEXT_OF(major) "." TEXT_OF(minor) "." TEXT_OF(patch)

const char *mseg_version(void)
{
    return VERSION(MSEG_VERSION_MAJOR, MSEG_VERSION_MINOR, MSEG_VERSION_PATCH);
}

int mseg_version_number(void)
{
    return MSEG_VERSION_NUMBER;
}

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

static mseg_status choose_kernels(mseg_model *model, const mseg_model_options *options, mseg_error *err)
{
    model->cpu = mseg_cpu_detect();
    if (options->cpu && *options->cpu) {
        mseg_cpu_level wanted = mseg_cpu_level_find(options->cpu);
        if (wanted == MSEG_CPU_LEVELS)
            return mseg_fail(err, MSEG_INVAL, "no kernel set is called '%s': scalar, avx2, avxvnni, avx512 or zen4",
                             options->cpu);
        if (!mseg_cpu_can_run(&model->cpu, wanted))
            return mseg_fail(err, MSEG_INVAL, "this machine cannot run the %s kernels; the best that it can are %s", options->cpu,
                             mseg_cpu_level_name(model->cpu.level));
        model->cpu.level = wanted;
    }
    model->kernel_set = mseg_kernels_for(&model->cpu);
    model->kernels = &model->kernel_set;
    return MSEG_OK;
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

static char *copy_text(const char *text, size_t length)
{
    char *copy = mseg_alloc(length + 1);
    if (copy)
        memcpy(copy, text, length);
    return copy;
}

/* A copy of the file's name without its folder and without extension. */
static char *name_of(const char *source)
{
    static const char extension[] = ".tflite";
    const char *slash = strrchr(source, '/'), *name = slash ? slash + 1 : source;
    size_t length = strlen(name), tail = sizeof extension - 1;
    if (length > tail && !strcmp(name + length - tail, extension))
        length -= tail;
    return copy_text(name, length);
}

/* What the model is called and which file it was. */
static mseg_status identify(mseg_model *model, const char *source, const mseg_weights *weights, mseg_error *err)
{
    const mseg_weights_origin origin = mseg_weights_origin_of(weights);
    mseg_model_info *info = &model->info;
    model->name = name_of(source);
    if (!model->name)
        return mseg_fail(err, MSEG_NOMEM, NULL);
    memcpy(model->sha256, origin.sha256, sizeof model->sha256);
    info->name = model->name;
    info->sha256 = model->sha256;
    info->kernels = mseg_cpu_level_name(model->cpu.level);
    info->format = origin.format;
    info->trained_output_stride = origin.output_stride;
    info->trained_width = origin.input_width;
    info->trained_height = origin.input_height;
    return MSEG_OK;
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

/* Notes why the network cannot run in integers. Errors: MSEG_NOMEM, MSEG_UNSUPPORTED when it was asked to. */
static mseg_status run_in_float(mseg_model *model, const char *reason, mseg_precision asked, mseg_error *err)
{
    model->info.no_integers = model->no_integers = copy_text(reason, strlen(reason));
    if (!model->no_integers)
        return mseg_fail(err, MSEG_NOMEM, NULL);
    if (asked == MSEG_PRECISION_INT8)
        return mseg_fail(err, MSEG_UNSUPPORTED, "cannot run in integers: %s; precision float runs it", reason);
    model->info.precision = MSEG_PRECISION_FLOAT;
    return MSEG_OK;
}

/* How the file holds its maps, and what the network is to run in. */
static mseg_status choose_precision(mseg_model *model, const mseg_net *net, const mseg_weights *weights, mseg_precision precision,
                                    mseg_error *err)
{
    mseg_model_info *info = &model->info;
    const mseg_quant *input = &net->input.quant;
    const char *reason = mseg_weights_no_integers(weights);
    for (int i = 0; i < net->count; i++) {
        const mseg_quant *quant = &net->layers[i].quant;
        info->quantised = info->quantised || quant->scale > 0;
        info->signed_bytes = info->signed_bytes || (quant->scale > 0 && quant->is_signed);
    }
    if (input->scale > 0) {
        info->quant_scale = input->scale;
        info->quant_zero_point = mseg_zero_point(input);
    }
    info->precision = precision == MSEG_PRECISION_FLOAT ? MSEG_PRECISION_FLOAT : MSEG_PRECISION_INT8;
    return reason ? run_in_float(model, reason, precision, err) : MSEG_OK;
}

/* Copies the file's names of the classes, which go with the weights, when they are as many as the classes; a blank line too many
 * at the end is none. */
static mseg_status copy_labels(mseg_model *model, const mseg_weights *weights, mseg_error *err)
{
    int count = mseg_weights_labels(weights);
    size_t bytes = 0;
    if (count == model->info.classes + 1 && !*mseg_weights_label(weights, count - 1))
        count--;
    model->info.labels = count;
    if (count != model->info.classes)
        return MSEG_OK;
    for (int i = 0; i < count; i++)
        bytes += strlen(mseg_weights_label(weights, i)) + 1;
    char *text = model->label_text = mseg_alloc(bytes);
    model->labels = mseg_alloc_array((size_t)count, sizeof *model->labels);
    if (!text || !model->labels)
        return mseg_fail(err, MSEG_NOMEM, NULL);
    for (int i = 0; i < count; i++) {
        const char *label = mseg_weights_label(weights, i);
        const size_t size = strlen(label) + 1;
        model->labels[i] = memcpy(text, label, size);
        text += size;
    }
    return MSEG_OK;
}

/* The network that the weights are of, as data. */
static mseg_status build(mseg_net *net, mseg_model_info *info, const mseg_weights *weights, const mseg_model_options *options,
                         mseg_error *err)
{
    mseg_value features, logits;
    const int trained_stride = mseg_weights_origin_of(weights).output_stride;
    const mseg_backbone *backbone = mseg_backbone_of(weights);
    const mseg_builder builder = {net, weights, err};
    info->output_stride = options->output_stride ? options->output_stride : trained_stride ? trained_stride : 16;
    if (!backbone)
        return mseg_fail(err, MSEG_UNSUPPORTED, "no backbone that mseg knows: MobileNetV2, MobileNetV1 or ResNet");
    net->input = mseg_weights_input(weights);
    take_input(&net->input, options);
    describe_input(info, &net->input);
    mseg_status status = backbone->build(&builder, info->output_stride, &features);
    if (!status)
        status = append_head(&builder, backbone->network, features, info->output_stride, &logits, info);
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

/* Packing sees the numbers, and so may find what the file's operators do not tell. */
static mseg_status pack(mseg_model *model, const mseg_net *net, const mseg_weights *weights, const mseg_model_options *options,
                        mseg_error *err)
{
    mseg_error why = {0};
    mseg_status status = MSEG_UNSUPPORTED;
    if (model->info.precision == MSEG_PRECISION_INT8) {
        status = mseg_packed_net_open(&model->net, net, weights, model->kernels, options->unfused, true, &why);
        if (status == MSEG_UNSUPPORTED)
            status = run_in_float(model, why.text, options->precision, err);
        else if (status)
            return mseg_fail(err, status, "%s", why.text);
    }
    if (model->info.precision == MSEG_PRECISION_FLOAT)
        status = mseg_packed_net_open(&model->net, net, weights, model->kernels, options->unfused, false, err);
    return status;
}

/* What a model is made of: a file, a description of a network, or a file in memory. */
typedef struct source {
    const char *name;
    mseg_status (*open)(mseg_weights **weights, const char *name, mseg_error *err); /* NULL: in memory */
    const uint8_t *bytes;
    size_t size;
} source;

static mseg_status open_weights(mseg_weights **weights, const source *from, mseg_error *err)
{
    return from->open ? from->open(weights, from->name, err) : mseg_weights_open_memory(weights, from->bytes, from->size, err);
}

static mseg_status open_model(mseg_model **out, const source *from, const mseg_model_options *given, mseg_error *err)
{
    *out = NULL;
    mseg_model_options used = default_options;
    const mseg_model_options *options = &used;
    mseg_weights *weights = NULL;
    mseg_net net = {0};
    mseg_status status = mseg_options_take(&used, sizeof used, given, "mseg_model_options_init", err);
    if (!status)
        status = check_options(options, err);
    if (status)
        return status;
    mseg_model *model = mseg_alloc(sizeof *model);
    if (!model)
        return mseg_fail(err, MSEG_NOMEM, NULL);
    status = choose_kernels(model, options, err);
    if (!status)
        status = open_weights(&weights, from, err);
    if (!status)
        status = identify(model, from->name, weights, err);
    if (!status)
        status = build(&net, &model->info, weights, options, err);
    if (!status)
        status = copy_labels(model, weights, err);
    if (!status)
        status = choose_precision(model, &net, weights, options->precision, err);
    if (!status)
        status = pack(model, &net, weights, options, err);
    if (status)
        mseg_model_close(&model);
    mseg_net_free(&net);
    mseg_weights_close(&weights);
    *out = model;
    return status;
}

mseg_status mseg_model_open(mseg_model **model, const char *path, const mseg_model_options *options, mseg_error *err)
{
    return open_model(model, &(source){.name = path, .open = mseg_weights_open}, options, err);
}

mseg_status mseg_model_open_memory(mseg_model **model, const void *bytes, size_t size, const char *name,
                                   const mseg_model_options *options, mseg_error *err)
{
    *model = NULL;
    if (!name || (!bytes && size))
        return mseg_fail(err, MSEG_INVAL, "%s is NULL", name ? "bytes" : "name");
    return open_model(model, &(source){.name = name, .bytes = bytes, .size = size}, options, err);
}

mseg_status mseg_model_open_random(mseg_model **model, const char *architecture, const mseg_model_options *options,
                                   mseg_error *err)
{
    return open_model(model, &(source){.name = architecture, .open = mseg_architecture_weights}, options, err);
}

mseg_status mseg_model_open_builtin(mseg_model **model, const mseg_model_options *options, mseg_error *err)
{
    mseg_status status =
        mseg_model_open_memory(model, mseg_builtin_model, mseg_builtin_model_size, MSEG_BUILTIN_MODEL_NAME, options, err);
    if (status)
        return status;
    mseg_model_info *info = &(*model)->info;
    info->builtin = true;
    if (info->input_from == MSEG_INPUT_ASSUMED)
        info->input_from = MSEG_INPUT_BUILTIN;
    return MSEG_OK;
}

void mseg_model_close(mseg_model **pointer)
{
    if (!*pointer)
        return;
    mseg_packed_net_close(&(*pointer)->net);
    mseg_free(&(*pointer)->name);
    mseg_free(&(*pointer)->labels);
    mseg_free(&(*pointer)->label_text);
    mseg_free(&(*pointer)->no_integers);
    mseg_free(pointer);
}

mseg_model_info mseg_model_describe(const mseg_model *model)
{
    return model->info;
}

const char *mseg_model_label(const mseg_model *model, int class_id)
{
    if (!model->labels || class_id < 0 || class_id >= model->info.classes || !*model->labels[class_id])
        return NULL;
    return model->labels[class_id];
}
