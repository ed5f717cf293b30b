#include <stdlib.h>

#include "cli/classes.h"
#include "cli/network.h"
#include "cli/say.h"
#include "eval/eval.h"

/* What scoring a model on VOC's folders needs. */
typedef struct voc {
    cli_eval_args args;
    cli_eval_source source;
    cli_eval_list list;
    char *truth, *photos, *lines, *settings;
    mseg_palette classes;
    mseg_session *session;
    mseg_counts *counts;
} voc;

/* False without memory. */
static bool name_files(voc *v)
{
    cli_eval_args *args = &v->args;
    args->truth = v->truth = cli_path("%s/SegmentationClass", args->voc);
    args->photos = v->photos = cli_path("%s/JPEGImages", args->voc);
    args->list = v->lines = cli_path("%s/ImageSets/Segmentation/%s.txt", args->voc, args->split ? args->split : "val");
    if (v->truth && v->photos && v->lines)
        cli_eval_source_name(&v->source, args);
    else
        cli_say("convert: out of memory");
    return v->truth && v->photos && v->lines;
}

/* As eval without options does it; false after a line of error. */
static bool set_rules(voc *v, mseg_model *model)
{
    const mseg_model_info info = mseg_model_describe(model);
    if (!cli_classes_load(&v->classes, NULL, model))
        return false;
    if (info.classes != v->classes.count || info.classes != v->classes.entries) {
        cli_say("convert: the model has %d classes, those of %s are %d", info.classes, cli_classes_source(NULL, model),
                v->classes.count);
        return false;
    }
    mseg_mask_rules_init(&v->source.truth_rules, &v->classes, v->classes.listed[255] ? -1 : 255);
    mseg_mask_rules_init(&v->source.prediction_rules, &v->classes, v->classes.listed[255] ? -1 : 255);
    mseg_run_options_init(&v->source.run, sizeof v->source.run);
    v->source.run.resize = MSEG_RESIZE_NONE;
    v->source.run.size = cli_canvas_side(&info, MSEG_RESIZE_NONE);
    v->source.orientation = MSEG_EXIF_IGNORE;
    v->source.limits = cli_network_limits(&v->args.network);
    return true;
}

/* False after a line of error. */
static bool read_list(voc *v)
{
    mseg_error err = {0};
    if (!cli_eval_list_read(&v->list, &v->source, v->args.list, false, (cli_shard){1, 1}, &err))
        return cli_eval_list_check(&v->list, &v->args);
    cli_say("%s: %s", v->args.list, err.text);
    return false;
}

/* False after a line of error. */
static bool count(voc *v, mseg_model *model, mseg_pool *pool)
{
    mseg_error err = {0};
    mseg_status status = mseg_session_open(&v->session, model, pool, &err);
    if (!status && !(v->settings = cli_eval_settings(&v->args, &v->source, model)))
        status = mseg_fail(&err, MSEG_NOMEM, NULL);
    if (status)
        cli_say("convert: %s", err.text);
    return !status && cli_eval_score(&v->args, &v->source, &v->list, pool, &v->session, 1, model, v->settings, &v->counts);
}

/* False after a line of error. */
static bool sum_up(const voc *v, cli_eval_voc_score *score)
{
    mseg_score all;
    mseg_error err = {0};
    bool average[256];
    const char *names[256];
    cli_eval_class_names(names, v->counts);
    if (!cli_eval_average(NULL, names, average))
        return false;
    if (mseg_score_open(&all, v->counts, average, &err)) {
        cli_say("%s: %s", v->args.voc, err.text);
        return false;
    }
    *score = (cli_eval_voc_score){all.miou, (uint64_t)all.images};
    mseg_score_close(&all);
    return true;
}

bool cli_eval_voc(cli_eval_voc_score *score, const char *folder, const char *split, mseg_model *model, mseg_pool *pool)
{
    voc v = {.args = {.network = cli_network_defaults(), .voc = folder, .split = split, .ignore = 255, .quiet = true}};
    v.args.network.resize = MSEG_RESIZE_NONE;
    v.args.orientation = MSEG_EXIF_IGNORE;
    const bool ok = name_files(&v) && set_rules(&v, model) && cli_eval_check_folders(&v.args, &v.source) && read_list(&v) &&
                    count(&v, model, pool) && sum_up(&v, score);
    mseg_counts_close(&v.counts);
    mseg_session_close(&v.session);
    mseg_palette_free(&v.classes);
    cli_eval_list_free(&v.list);
    cli_eval_source_free(&v.source);
    free(v.truth);
    free(v.photos);
    free(v.lines);
    free(v.settings);
    return ok;
}
