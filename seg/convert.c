#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/options.h"
#include "base/output.h"
#include "plan/plan.h"
#include "seg/builtin.h"
#include "seg/opened.h"
#include "seg/run/options.h"
#include "write/write.h"

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

/* What the caller gave, checked as far as it can be without the model; format is none that its name has to tell. */
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

static void describe(mseg_converted *result, const mseg_opened *opened, const struct writer *writer,
                     const mseg_write_options *how, size_t bytes)
{
    const mseg_model_info *info = &opened->info;
    *result = (mseg_converted){.format = writer->name,
                               .network = info->network,
                               .width_multiplier = info->width_multiplier,
                               .classes = info->classes,
                               .output_stride = info->output_stride,
                               .width = how->width,
                               .height = how->height,
                               .bytes = bytes};
}

mseg_status mseg_convert(const char *in, const char *out, const mseg_convert_options *given, mseg_converted *result,
                         mseg_error *err)
{
    mseg_convert_options options;
    mseg_write_options how = {0};
    mseg_opened opened = {0};
    mseg_bytes bytes = {0};
    const char **labels = NULL;
    char *name = NULL;
    mseg_converted unwanted;
    result = result ? result : &unwanted;
    *result = (mseg_converted){0};
    mseg_status status = take_options(&options, given, out, err);
    if (!status)
        status = open_model(&opened, in, &options, err);
    if (!status)
        status = choose_canvas(&how, &opened.info, options.size, err);
    if (!status)
        status = take_labels(&labels, &opened, err);
    if (!status && !(name = copy_name(in)))
        status = mseg_fail(err, MSEG_NOMEM, NULL);
    if (status)
        goto done;
    const struct writer *writer = &writers[options.format];
    how.output_stride = opened.info.output_stride;
    how.half = options.half;
    how.name = name;
    how.labels = labels;
    how.n_labels = labels ? opened.info.labels : 0;
    status = writer->write(&bytes, &opened.net, opened.weights, &how, err);
    if (!status)
        status = mseg_output_write(out, bytes.data, bytes.size, err);
    if (!status)
        describe(result, &opened, writer, &how, bytes.size);
done:
    mseg_free(&bytes.data);
    mseg_free(&name);
    mseg_free(&labels);
    mseg_opened_close(&opened);
    return status;
}
