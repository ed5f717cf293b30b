#include "seg/run/options.h"

#include "base/options.h"

static const mseg_run_options default_options = {
    .struct_size = sizeof(mseg_run_options), .resize = MSEG_RESIZE_FIT, .pad = MSEG_PAD_SQUARE, .size = 513};

void mseg_run_options_init(mseg_run_options *options, size_t struct_size)
{
    mseg_options_init(options, struct_size, &default_options, sizeof default_options);
}

mseg_status mseg_refuse_classifier(const mseg_model_info *info, mseg_error *err)
{
    return info->classifier ? mseg_fail(err, MSEG_INVAL, "the model is a classifier: 'mseg classify' runs it") : MSEG_OK;
}

mseg_canvas_rule mseg_canvas_rule_of(const mseg_model *model)
{
    return (mseg_canvas_rule){model->info.output_stride, model->net->net.input.sampling};
}

int mseg_own_side(const mseg_model_info *info)
{
    return info->trained_width > 0 && info->trained_width == info->trained_height ? info->trained_width : 0;
}

int mseg_default_side(const mseg_model_info *info)
{
    enum { CLASSIFIER = 224 };
    const int own = mseg_own_side(info);
    if (own || info->classifier)
        return own ? own : CLASSIFIER;
    return info->sampling == MSEG_ALIGN_CORNERS ? default_options.size : default_options.size - 1;
}

static mseg_status check(const mseg_run_options *options, const mseg_model *model, mseg_error *err)
{
    const mseg_canvas_rule rule = mseg_canvas_rule_of(model);
    if (mseg_refuse_classifier(&model->info, err))
        return MSEG_INVAL;
    if (options->resize != MSEG_RESIZE_FIT && options->resize != MSEG_RESIZE_NONE && options->resize != MSEG_RESIZE_STRETCH)
        return mseg_fail(err, MSEG_INVAL, "resize %d is not one of mseg_resize", (int)options->resize);
    if (options->pad != MSEG_PAD_SQUARE && options->pad != MSEG_PAD_TIGHT)
        return mseg_fail(err, MSEG_INVAL, "pad %d is not one of mseg_pad", (int)options->pad);
    if (!mseg_side_suits(options->size, &rule) && options->size != mseg_own_side(&model->info))
        return mseg_fail(err, MSEG_INVAL, "size %d is not k * %d + 1", options->size, rule.output_stride);
    if (options->n_scales < 0 || options->n_scales > MSEG_MOST_SCALES)
        return mseg_fail(err, MSEG_INVAL, "n_scales %d is not between 0 and %d", options->n_scales, MSEG_MOST_SCALES);
    for (int i = 0; i < options->n_scales; i++)
        if (!(options->scales[i] >= 0.01 && options->scales[i] <= 16))
            return mseg_fail(err, MSEG_INVAL, "scales[%d], %g, is not between 0.01 and 16", i, options->scales[i]);
    return MSEG_OK;
}

mseg_status mseg_run_options_take(mseg_run_options *used, const mseg_run_options *given, const mseg_model *model, mseg_error *err)
{
    *used = default_options;
    mseg_status status = mseg_options_take(used, sizeof *used, given, "mseg_run_options_init", err);
    if (!status && !used->size)
        used->size = mseg_default_side(&model->info);
    return status ? status : check(used, model, err);
}
