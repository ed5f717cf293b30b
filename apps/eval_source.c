#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "eval.h"
#include "say.h"

/* ---- folders ----------------------------------------------------------------------------------------------------------- */

static bool is_folder(const char *path)
{
    struct stat info;
    if (!path)
        return true;
    if (stat(path, &info))
        mseg_say("%s: %s", path, errno == ENOENT ? mseg_status_text(MSEG_NOENT) : strerror(errno));
    else if (!S_ISDIR(info.st_mode))
        mseg_say("%s: not a folder", path);
    else
        return true;
    return false;
}

bool mseg_eval_check_folders(const mseg_eval_args *args, const mseg_eval_source *source)
{
    const bool photos_needed = args->photos_given || (!args->merge && !source->predictions);
    return is_folder(args->voc) && is_folder(source->truth) && is_folder(source->predictions) &&
           is_folder(photos_needed ? source->photos : NULL);
}

/* ---- files ------------------------------------------------------------------------------------------------------------- */

static mseg_status named(const char *path, mseg_status status, const mseg_error *why, mseg_error *err)
{
    return status ? mseg_fail(err, status, "%s: %s", path, why->text) : MSEG_OK;
}

/* Spells the extension at the end of path in one way after the other until there is such a file: the letters of a way's bits are
 * capitals. */
static bool try_cases(char *extension, const char *path)
{
    const int letters = (int)strlen(extension), ways = 1 << letters;
    for (int way = 0; way < ways; way++) {
        const int capitals = way == 1 ? ways - 1 : way == ways - 1 ? 1 : way; /* all of them are tried second */
        for (int i = 0; i < letters; i++)
            extension[i] = (char)(capitals >> i & 1 ? extension[i] & ~0x20 : extension[i] | 0x20);
        if (!access(path, F_OK))
            return true;
    }
    return false;
}

/* The path of id's file, to be freed, its extension in capitals or not; *there is false when there is none, and the path then
 * ends with the first of the extensions. NULL without memory. */
static char *find_file(const char *folder, const char *id, const char *const extensions[], bool *there)
{
    enum { LONGEST = 4 };
    const size_t start = strlen(folder) + strlen(id) + 2;
    char *path = malloc(start + LONGEST + 1);
    *there = false;
    for (int i = 0; path && extensions[i] && !*there; i++) {
        sprintf(path, "%s/%s.%s", folder, id, extensions[i]);
        *there = try_cases(path + start, path);
    }
    if (path && !*there)
        strcpy(path + start, extensions[0]);
    return path;
}

static const char *const mask_extensions[] = {"png", NULL};
static const char *const photo_extensions[] = {"jpg", "jpeg", "png", NULL};

static mseg_status read_mask(const mseg_eval_source *source, const char *folder, const char *id, const mseg_mask_rules *rules,
                             mseg_image *mask, mseg_eval_tally *tally, mseg_error *err)
{
    bool there;
    char *path = find_file(folder, id, mask_extensions, &there);
    mseg_error why = {0};
    uint64_t unknown = 0;
    if (!path)
        return mseg_fail(err, MSEG_NOMEM, NULL);
    mseg_status status = mseg_mask_read(mask, path, rules, &source->limits, &unknown, &why);
    tally->unknown_pixels += unknown;
    named(path, status, &why, err);
    free(path);
    return status;
}

mseg_status mseg_eval_load_photo(const mseg_eval_source *source, const char *id, mseg_image *photo, mseg_error *err)
{
    if (!source->photos)
        return MSEG_NOENT;
    bool there;
    char *path = find_file(source->photos, id, photo_extensions, &there);
    mseg_error why = {0};
    mseg_status status = MSEG_OK;
    if (!path)
        return mseg_fail(err, MSEG_NOMEM, NULL);
    if (there)
        status = named(path, mseg_image_read(photo, path, source->orientation, &source->limits, &why), &why, err);
    else
        status = mseg_fail(err, MSEG_NOENT, "%s: no such photo (nor .jpeg, .png)", path);
    free(path);
    return status;
}

static mseg_status segment(const mseg_eval_source *source, mseg_session *session, const char *id, mseg_image *prediction,
                           mseg_error *err)
{
    mseg_image photo = {0};
    mseg_result result = {0};
    mseg_status status = mseg_eval_load_photo(source, id, &photo, err);
    mseg_error why = {0};
    if (!status)
        status = named(id, mseg_segment(session, &photo, &source->run, &result, &why), &why, err);
    if (!status && mseg_image_create(prediction, result.labels.width, result.labels.height, 1))
        status = mseg_fail(err, MSEG_NOMEM, "%s: out of memory", id);
    for (int y = 0; y < prediction->height && !status; y++)
        memcpy(prediction->data + (size_t)y * prediction->stride, result.labels.data + (size_t)y * result.labels.stride,
               (size_t)prediction->width);
    mseg_image_free(&photo);
    return status;
}

/* Whether there is a mask of the image; if not, what stands for it. */
static mseg_status check_missing(const mseg_eval_source *source, const char *id, const mseg_image *truth, mseg_image *prediction,
                                 mseg_eval_tally *tally, mseg_error *err)
{
    bool there;
    char *path = find_file(source->predictions, id, mask_extensions, &there);
    if (!path)
        return mseg_fail(err, MSEG_NOMEM, NULL);
    tally->missing = !there;
    mseg_status status = MSEG_OK;
    if (tally->missing && source->missing == MSEG_MISSING_BACKGROUND) {
        if (mseg_image_create(prediction, truth->width, truth->height, 1))
            status = mseg_fail(err, MSEG_NOMEM, NULL);
    } else if (tally->missing) {
        status = mseg_fail(err, MSEG_NOENT, "%s: no prediction", path);
    }
    free(path);
    return status;
}

mseg_status mseg_eval_load(const mseg_eval_source *source, mseg_session *session, const char *id, mseg_image *truth,
                           mseg_image *prediction, mseg_eval_tally *tally, mseg_error *err)
{
    *tally = (mseg_eval_tally){0};
    mseg_status status = read_mask(source, source->truth, id, &source->truth_rules, truth, tally, err);
    if (status)
        return status;
    if (!source->predictions)
        return segment(source, session, id, prediction, err);
    status = check_missing(source, id, truth, prediction, tally, err);
    if (status || tally->missing)
        return status;
    return read_mask(source, source->predictions, id, &source->prediction_rules, prediction, tally, err);
}
