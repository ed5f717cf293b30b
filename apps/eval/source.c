#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/names.h"
#include "cli/say.h"
#include "eval/eval.h"

/* ---- folders ----------------------------------------------------------------------------------------------------------- */

static bool is_folder(const char *path)
{
    struct stat info;
    if (!path)
        return true;
    if (stat(path, &info))
        cli_say("%s: %s", path, errno == ENOENT ? mseg_status_text(MSEG_NOENT) : strerror(errno));
    else if (!S_ISDIR(info.st_mode))
        cli_say("%s: not a folder", path);
    else
        return true;
    return false;
}

bool cli_eval_check_folders(const cli_eval_args *args, const cli_eval_source *source)
{
    const bool photos_needed = args->photos_given || (!args->merge && !source->predictions.path);
    return is_folder(args->voc) && is_folder(source->truth.path) && is_folder(source->predictions.path) &&
           is_folder(photos_needed ? source->photos.path : NULL);
}

/* ---- files ------------------------------------------------------------------------------------------------------------- */

mseg_status cli_eval_named(const char *path, mseg_status status, const mseg_error *why, mseg_error *err)
{
    const char *dots, *tail = cli_path_tail(path, 100, &dots);
    return status ? mseg_fail(err, status, "%s%s: %s", dots, tail, why->text) : MSEG_OK;
}

static mseg_status read_mask(const cli_eval_source *source, const char *path, const mseg_mask_rules *rules, mseg_image *mask,
                             cli_eval_tally *tally, mseg_error *err)
{
    mseg_error why = {0};
    uint64_t unknown = 0;
    mseg_status status = mseg_mask_read(mask, path, rules, &source->limits, &unknown, &why);
    tally->unknown_pixels += unknown;
    return cli_eval_named(path, status, &why, err);
}

mseg_status cli_eval_load_photo(const cli_eval_source *source, const char *id, mseg_image *photo, mseg_error *err)
{
    if (!source->photos.path)
        return MSEG_NOENT;
    bool there;
    char *path;
    mseg_error why = {0};
    mseg_status status = cli_eval_find(&source->photos, &source->truth, id, &path, &there, err);
    if (status)
        return status;
    if (there)
        status = cli_eval_named(path, mseg_image_read(photo, path, source->orientation, &source->limits, &why), &why, err);
    else
        status = mseg_fail(err, MSEG_NOENT, "%s: no such photo (nor .jpeg, .png, .jfif, .jpe, .webp, .tif, .tiff)", path);
    free(path);
    return status;
}

static mseg_status segment(const cli_eval_source *source, mseg_session *session, const char *id, mseg_image *prediction,
                           mseg_error *err)
{
    mseg_image photo = {0};
    mseg_result result = {0};
    mseg_status status = cli_eval_load_photo(source, id, &photo, err);
    mseg_error why = {0};
    if (!status)
        status = cli_eval_named(id, mseg_segment(session, mseg_view_of(&photo), &source->run, &result, &why), &why, err);
    if (!status && mseg_image_create(prediction, result.labels.width, result.labels.height, MSEG_GRAY))
        status = mseg_fail(err, MSEG_NOMEM, "%s: out of memory", id);
    for (int y = 0; y < prediction->height && !status; y++)
        memcpy(prediction->data + (size_t)y * prediction->stride, result.labels.data + (size_t)y * result.labels.stride,
               (size_t)prediction->width);
    mseg_image_free(&photo);
    return status;
}

/* What stands for a mask that is missing. */
static mseg_status fill_missing(const cli_eval_source *source, const char *path, const mseg_image *truth, mseg_image *prediction,
                                mseg_error *err)
{
    if (source->missing != CLI_MISSING_BACKGROUND)
        return mseg_fail(err, MSEG_NOENT, "%s: no prediction", path);
    return mseg_image_create(prediction, truth->width, truth->height, MSEG_GRAY) ? mseg_fail(err, MSEG_NOMEM, NULL) : MSEG_OK;
}

static mseg_status load_prediction(const cli_eval_source *source, const char *id, const mseg_image *truth, mseg_image *prediction,
                                   cli_eval_tally *tally, mseg_error *err)
{
    bool there;
    char *path;
    mseg_status status = cli_eval_find(&source->predictions, &source->truth, id, &path, &there, err);
    if (status)
        return status;
    tally->missing = !there;
    if (there)
        status = read_mask(source, path, &source->prediction_rules, prediction, tally, err);
    else
        status = fill_missing(source, path, truth, prediction, err);
    free(path);
    return status;
}

mseg_status cli_eval_load(const cli_eval_source *source, mseg_session *session, const char *id, mseg_image *truth,
                          mseg_image *prediction, cli_eval_tally *tally, mseg_error *err)
{
    bool there;
    char *path = cli_eval_folder_path(&source->truth, id, &there);
    *tally = (cli_eval_tally){0};
    mseg_status status =
        path ? read_mask(source, path, &source->truth_rules, truth, tally, err) : mseg_fail(err, MSEG_NOMEM, NULL);
    free(path);
    if (status)
        return status;
    if (!source->predictions.path)
        return segment(source, session, id, prediction, err);
    return load_prediction(source, id, truth, prediction, tally, err);
}

/* ---- names ------------------------------------------------------------------------------------------------------------- */

void cli_eval_source_name(cli_eval_source *source, const cli_eval_args *args)
{
    cli_eval_folder_init(&source->truth, args->truth, args->truth_suffix, false);
    cli_eval_folder_init(&source->predictions, args->predictions, args->prediction_suffix, false);
    cli_eval_folder_init(&source->photos, args->photos, args->photo_suffix, true);
}

bool cli_eval_source_index(cli_eval_source *source, const cli_eval_args *args)
{
    cli_eval_folder *const folders[] = {&source->truth, &source->predictions, &source->photos};
    mseg_error err = {0};
    for (int i = 0; i < 3 && args->recursive; i++)
        if (folders[i]->path && cli_eval_folder_index(folders[i], &err)) {
            cli_say("%s: %s", folders[i]->path, err.text);
            return false;
        }
    return true;
}

void cli_eval_source_free(cli_eval_source *source)
{
    cli_eval_folder_free(&source->truth);
    cli_eval_folder_free(&source->predictions);
    cli_eval_folder_free(&source->photos);
}
