#include "seg/model.h"

#include <string.h>

#include "base/alloc.h"
#include "seg/backbones/architecture.h"
#include "seg/opened.h"

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

static mseg_status choose_kernels(mseg_model *model, const mseg_model_options *options, mseg_error *err)
{
    mseg_status status = mseg_cpu_choose(&model->cpu, options->cpu, err);
    if (status)
        return status;
    model->kernel_set = mseg_kernels_for(&model->cpu);
    model->kernels = &model->kernel_set;
    return MSEG_OK;
}

static char *copy_text(const char *text, size_t length)
{
    char *copy = mseg_alloc(length + 1);
    if (copy)
        memcpy(copy, text, length);
    return copy;
}

/* What the model is called and which file it was. */
static mseg_status identify(mseg_model *model, const char *source, const mseg_weights *weights, mseg_error *err)
{
    mseg_model_info *info = &model->info;
    size_t length;
    const char *name = mseg_model_stem(source, &length);
    model->name = copy_text(name, length);
    if (!model->name)
        return mseg_fail(err, MSEG_NOMEM, NULL);
    memcpy(model->sha256, mseg_weights_origin_of(weights).sha256, sizeof model->sha256);
    info->name = model->name;
    info->sha256 = model->sha256;
    info->kernels = mseg_cpu_level_name(model->cpu.level);
    return MSEG_OK;
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

/* Copies the file's names of the classes, which go with the weights, when they are as many as the classes. */
static mseg_status copy_labels(mseg_model *model, const mseg_weights *weights, mseg_error *err)
{
    const int count = model->info.labels;
    size_t bytes = 0;
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

/* features: the backbone's last map is an output, too. */
static mseg_status open_model(mseg_model **out, const mseg_source *from, const mseg_model_options *given, bool features,
                              mseg_error *err)
{
    *out = NULL;
    mseg_model_options options;
    mseg_opened opened = {0};
    mseg_status status = mseg_model_options_take(&options, given, err);
    if (status)
        return status;
    mseg_model *model = mseg_alloc(sizeof *model);
    if (!model)
        return mseg_fail(err, MSEG_NOMEM, NULL);
    status = choose_kernels(model, &options, err);
    if (!status)
        status = mseg_opened_open(&opened, from, &options, err);
    if (!status && features && (status = mseg_net_output(&opened.net, opened.features)))
        mseg_fail(err, status, NULL);
    model->info = opened.info;
    if (!status)
        status = identify(model, from->name, opened.weights, err);
    if (!status)
        status = copy_labels(model, opened.weights, err);
    if (!status)
        status = choose_precision(model, &opened.net, opened.weights, options.precision, err);
    if (!status)
        status = pack(model, &opened.net, opened.weights, &options, err);
    if (status)
        mseg_model_close(&model);
    mseg_opened_close(&opened);
    *out = model;
    return status;
}

mseg_status mseg_model_open(mseg_model **model, const char *path, const mseg_model_options *options, mseg_error *err)
{
    const mseg_source from = mseg_source_file(path);
    return open_model(model, &from, options, false, err);
}

mseg_status mseg_model_open_memory(mseg_model **model, const void *bytes, size_t size, const char *name,
                                   const mseg_model_options *options, mseg_error *err)
{
    *model = NULL;
    if (!name || (!bytes && size))
        return mseg_fail(err, MSEG_INVAL, "%s is NULL", name ? "bytes" : "name");
    return open_model(model, &(mseg_source){.name = name, .bytes = bytes, .size = size}, options, false, err);
}

mseg_status mseg_model_open_random(mseg_model **model, const char *architecture, const mseg_model_options *options,
                                   mseg_error *err)
{
    return open_model(model, &(mseg_source){.name = architecture, .open = mseg_architecture_weights}, options, false, err);
}

mseg_status mseg_model_open_builtin(mseg_model **model, const mseg_model_options *options, mseg_error *err)
{
    const mseg_source from = mseg_source_builtin();
    mseg_status status = open_model(model, &from, options, false, err);
    if (status)
        return status;
    mseg_model_info *info = &(*model)->info;
    info->builtin = true;
    if (info->input_from == MSEG_INPUT_ASSUMED)
        info->input_from = MSEG_INPUT_BUILTIN;
    return MSEG_OK;
}

mseg_status mseg_model_open_features(mseg_model **model, const char *path, const mseg_model_options *options, mseg_error *err)
{
    const mseg_source from = path ? mseg_source_file(path) : mseg_source_builtin();
    return open_model(model, &from, options, true, err);
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
