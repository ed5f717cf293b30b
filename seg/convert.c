#include "seg/convert.h"

#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/options.h"
#include "base/output.h"
#include "plan/plan.h"
#include "seg/builtin.h"
#include "seg/run/options.h"

/* By mseg_model_format. */
static const struct writer {
    const char *name, *extension;
    mseg_status (*write)(mseg_bytes *out, const mseg_net *net, const mseg_weights *weights, const mseg_write_options *options,
                         mseg_error *err);
} writers[] = {
    {0},
    {"tflite", ".tflite", mseg_write_tflite},
    {"onnx", ".onnx", mseg_write_onnx},
    {"safetensors", ".safetensors", mseg_write_safetensors},
};
enum { WRITERS = sizeof writers / sizeof *writers };

static const mseg_convert_options default_options = {.struct_size = sizeof(mseg_convert_options)};

void mseg_convert_options_init(mseg_convert_options *options, size_t struct_size)
{
    mseg_options_init(options, struct_size, &default_options, sizeof default_options);
}

mseg_model_format mseg_model_format_of(const char *path)
{
    const size_t length = strlen(path);
    for (int i = 1; i < WRITERS; i++) {
        const size_t tail = strlen(writers[i].extension);
        if (length > tail && path[length - tail - 1] != '/' && !strcasecmp(path + length - tail, writers[i].extension))
            return (mseg_model_format)i;
    }
    return MSEG_MODEL_BY_NAME;
}

static mseg_status take_options(mseg_convert_options *used, const mseg_convert_options *given, const char *out, mseg_error *err)
{
    *used = default_options;
    mseg_status status = mseg_options_take(used, sizeof *used, given, "mseg_convert_options_init", err);
    if (status)
        return status;
    if (!out)
        return mseg_fail(err, MSEG_INVAL, "out is NULL");
    if ((int)used->format < 0 || (int)used->format >= WRITERS)
        return mseg_fail(err, MSEG_INVAL, "format %d is not one of mseg_model_format", (int)used->format);
    if (used->size < 0)
        return mseg_fail(err, MSEG_INVAL, "size %d is negative", used->size);
    if (!used->format)
        used->format = mseg_model_format_of(out);
    if (!used->format)
        return mseg_fail(err, MSEG_INVAL, "the name ends in none of .tflite, .onnx and .safetensors, which tell the format");
    return MSEG_OK;
}

static mseg_status open_model(mseg_opened *opened, const char *in, const mseg_convert_options *options, mseg_error *err)
{
    mseg_model_options given, used;
    mseg_model_options_init(&given, sizeof given);
    given.output_stride = options->output_stride;
    memcpy(given.mean, options->mean, sizeof given.mean);
    memcpy(given.std, options->std, sizeof given.std);
    const mseg_source from = in ? mseg_source_file(in) : mseg_source_builtin();
    mseg_status status = mseg_model_options_take(&used, &given, err);
    return status ? status : mseg_opened_open(opened, &from, &used, err);
}

/* The canvas of the new file's graph. */
static mseg_status choose_canvas(mseg_write_options *how, const mseg_model_info *info, int size, mseg_error *err)
{
    const mseg_canvas_rule rule = {info->output_stride, info->sampling};
    how->width = how->height = size;
    if (!size) {
        const bool told = info->trained_width > 0 && info->trained_height > 0;
        how->width = told ? info->trained_width : mseg_default_side(info);
        how->height = told ? info->trained_height : how->width;
    } else if (!info->classifier && size != mseg_own_side(info) && !mseg_side_suits(size, &rule)) {
        return mseg_fail(err, MSEG_INVAL, "size %d is not k * %d + 1", size, rule.output_stride);
    }
    if ((int64_t)how->width * how->height > MSEG_MAX_CANVAS)
        return mseg_fail(err, MSEG_LIMIT, "a canvas of %d x %d pixels is over the limit of 2^30", how->width, how->height);
    return MSEG_OK;
}

static mseg_status take_labels(const char ***labels, const mseg_opened *opened, mseg_error *err)
{
    const int count = opened->info.labels;
    if (!count || count != opened->info.classes)
        return MSEG_OK;
    *labels = mseg_alloc_array((size_t)count, sizeof **labels);
    if (!*labels)
        return mseg_fail(err, MSEG_NOMEM, NULL);
    for (int i = 0; i < count; i++)
        (*labels)[i] = mseg_weights_label(opened->weights, i);
    return MSEG_OK;
}

static char *copy_name(const char *in)
{
    size_t length;
    const char *name = mseg_model_stem(in ? in : MSEG_BUILTIN_MODEL_NAME, &length);
    char *copy = mseg_alloc(length + 1);
    return copy ? memcpy(copy, name, length) : NULL;
}

void mseg_converting_close(mseg_converting *converting)
{
    mseg_free(&converting->name);
    mseg_free(&converting->labels);
    mseg_opened_close(&converting->opened);
    *converting = (mseg_converting){0};
}

mseg_status mseg_converting_open(mseg_converting *c, const char *in, const char *out, const mseg_convert_options *given,
                                 mseg_error *err)
{
    mseg_convert_options options;
    *c = (mseg_converting){0};
    mseg_status status = take_options(&options, given, out, err);
    if (!status)
        status = open_model(&c->opened, in, &options, err);
    if (!status)
        status = choose_canvas(&c->how, &c->opened.info, options.size, err);
    if (!status)
        status = take_labels(&c->labels, &c->opened, err);
    if (!status && !(c->name = copy_name(in)))
        status = mseg_fail(err, MSEG_NOMEM, NULL);
    if (status) {
        mseg_converting_close(c);
        return status;
    }
    c->format = options.format;
    c->cpu = options.cpu;
    c->how.output_stride = c->opened.info.output_stride;
    c->how.half = options.half;
    c->how.name = c->name;
    c->how.labels = c->labels;
    c->how.n_labels = c->labels ? c->opened.info.labels : 0;
    return MSEG_OK;
}

static void describe(mseg_converted *result, const mseg_converting *c, size_t bytes)
{
    const mseg_model_info *info = &c->opened.info;
    *result = (mseg_converted){.format = writers[c->format].name,
                               .network = info->network,
                               .width_multiplier = info->width_multiplier,
                               .classes = info->classes,
                               .output_stride = info->output_stride,
                               .width = c->how.width,
                               .height = c->how.height,
                               .bytes = bytes};
}

mseg_status mseg_converting_make(mseg_bytes *bytes, const mseg_converting *c, const mseg_net *net, mseg_error *err)
{
    return writers[c->format].write(bytes, net, c->opened.weights, &c->how, err);
}

mseg_status mseg_converting_save(const mseg_converting *c, const mseg_bytes *bytes, const char *out, mseg_converted *result,
                                 mseg_error *err)
{
    mseg_status status = mseg_output_write(out, bytes->data, bytes->size, err);
    if (!status && result)
        describe(result, c, bytes->size);
    return status;
}

mseg_status mseg_convert(const char *in, const char *out, const mseg_convert_options *options, mseg_converted *result,
                         mseg_error *err)
{
    mseg_converting converting;
    mseg_bytes bytes = {0};
    if (result)
        *result = (mseg_converted){0};
    mseg_status status = mseg_converting_open(&converting, in, out, options, err);
    if (!status)
        status = mseg_converting_make(&bytes, &converting, &converting.opened.net, err);
    if (!status)
        status = mseg_converting_save(&converting, &bytes, out, result, err);
    mseg_free(&bytes.data);
    mseg_converting_close(&converting);
    return status;
}
