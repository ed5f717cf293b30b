#include "cli/outputs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/output.h"
#include "cli/npy.h"
#include "cli/say.h"

enum { MASKS, OVERLAYS, SCORES, PROBABILITIES, FOLDERS };
static const char *const kinds[FOLDERS] = {"masks", "overlays", "scores", "probabilities"};
static const char *const extensions[FOLDERS] = {"png", "png", "npy", "npy"};
/* Kinds whose files have one name, where folders are one. */
static const int alike[][2] = {{MASKS, OVERLAYS}, {SCORES, PROBABILITIES}};
enum { N_ALIKE = sizeof alike / sizeof *alike };

static void folders_of(const cli_outputs *outputs, const char *folders[FOLDERS])
{
    folders[MASKS] = outputs->masks;
    folders[OVERLAYS] = outputs->overlays;
    folders[SCORES] = outputs->scores;
    folders[PROBABILITIES] = outputs->probabilities;
}

/* Whether a file can be made there: tried, as permissions, full disks and odd file systems are many. */
static mseg_status try_folder(const char *folder, mseg_error *err)
{
    mseg_status status = mseg_make_folder(folder, err);
    if (status)
        return status;
    char *path = cli_format("%s/mseg-try", folder);
    if (!path)
        return mseg_fail(err, MSEG_NOMEM, NULL);
    mseg_output probe = {0};
    status = mseg_output_open(&probe, path, err);
    mseg_output_discard(&probe);
    free(path);
    mseg_output_sweep(folder);
    return status;
}

static bool same_folder(const char *a, const char *b)
{
    struct stat x, y;
    return a && b && !stat(a, &x) && !stat(b, &y) && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

mseg_status cli_outputs_open(const cli_outputs *outputs, const char **folder, mseg_error *err)
{
    const char *folders[FOLDERS];
    folders_of(outputs, folders);
    for (int i = 0; i < FOLDERS; i++) {
        *folder = folders[i];
        mseg_status status = folders[i] ? try_folder(folders[i], err) : MSEG_OK;
        if (status)
            return status;
    }
    for (int i = 0; i < N_ALIKE; i++) {
        *folder = folders[alike[i][1]];
        if (same_folder(folders[alike[i][0]], *folder))
            return mseg_fail(err, MSEG_INVAL, "%s and %s would replace each other; give them two folders", kinds[alike[i][0]],
                             kinds[alike[i][1]]);
    }
    return MSEG_OK;
}

void cli_outputs_mirror(cli_outputs *outputs, const cli_input *input)
{
    const char *folders[FOLDERS];
    folders_of(outputs, folders);
    const char *name = input->path + input->name, *slash = strrchr(name, '/');
    const size_t length = slash && !input->error ? (size_t)(slash - name) : 0;
    if (!length || (length == outputs->mirrored_length && !memcmp(name, outputs->mirrored, length)))
        return;
    free(outputs->mirrored);
    outputs->mirrored = strndup(name, length);
    outputs->mirrored_length = outputs->mirrored ? length : 0;
    for (int k = 0; k < FOLDERS; k++) {
        char *path = folders[k] ? cli_format("%s/%.*s", folders[k], (int)length, name) : NULL;
        if (path && !mseg_make_folder(path, NULL))
            mseg_output_sweep(path);
        free(path);
    }
}

/* FOLDER/NAME.EXTENSION for an input, to be freed; NULL when memory runs out. */
static char *output_path(const cli_outputs *outputs, int kind, const char *folder, const cli_input *input)
{
    const char *name = input->path + input->name;
    if (kind == MASKS && outputs->file)
        return strdup(outputs->file);
    const int length = outputs->keep_extension ? (int)strlen(name) : cli_stem_length(name);
    size_t room = strlen(folder) + strlen(name) + strlen(extensions[kind]) + 3;
    char *path = malloc(room);
    if (path)
        snprintf(path, room, "%s/%.*s.%s", folder, length, name, extensions[kind]);
    return path;
}

char *cli_outputs_mask_path(const cli_outputs *outputs, const cli_input *input)
{
    return output_path(outputs, MASKS, outputs->masks, input);
}

/* Whether no image's file is that of --json or the like; false after a line of error. */
static bool spares_outputs(const cli_outputs *outputs, const cli_inputs *inputs, const cli_guard *guard)
{
    const char *folders[FOLDERS];
    folders_of(outputs, folders);
    for (size_t i = 0; i < inputs->count; i++)
        for (int k = 0; k < FOLDERS && !inputs->items[i].error; k++) {
            char *path = folders[k] ? output_path(outputs, k, folders[k], &inputs->items[i]) : NULL;
            const cli_guarded *found = path ? cli_guard_find_output(guard, path) : NULL;
            if (found)
                cli_say("%s: %s would be the same file as the output %s of %s; choose another one", found->path, found->what,
                        path, inputs->items[i].path);
            free(path);
            if (found)
                return false;
        }
    return true;
}

/* What leads from one folder to one below it, "" when that is not so. To be freed; NULL when memory runs out. */
static char *way_down(const char *folder, const char *below)
{
    char *a = realpath(folder, NULL), *b = realpath(below, NULL), *way = NULL;
    if (a && b) {
        size_t length = strlen(a);
        bool inside = !strncmp(a, b, length) && b[length] == '/';
        way = strdup(inside ? b + length + 1 : "");
    }
    free(a);
    free(b);
    return way;
}

/* Whether no image's name leads from one folder into the other, where its file could be that of another image; false after a line
 * of error. */
static bool stays_apart(const char *folder, const char *below, const cli_inputs *inputs)
{
    char *way = way_down(folder, below);
    size_t length = way ? strlen(way) : 0;
    const cli_input *found = NULL;
    for (size_t i = 0; length && i < inputs->count && !found; i++) {
        const char *name = inputs->items[i].path + inputs->items[i].name;
        if (!inputs->items[i].error && !strncmp(name, way, length) && name[length] == '/')
            found = &inputs->items[i];
    }
    if (!way)
        cli_say("%s: out of memory", folder);
    else if (found)
        cli_say("%s: outputs of %s below %s would go there, too; choose another folder", below, found->path, folder);
    free(way);
    return way && !found;
}

bool cli_outputs_fit(const cli_outputs *outputs, const cli_inputs *inputs, const cli_guard *guard)
{
    const char *folders[FOLDERS];
    folders_of(outputs, folders);
    for (int i = 0; i < N_ALIKE; i++) {
        const char *a = folders[alike[i][0]], *b = folders[alike[i][1]];
        if (a && b && (!stays_apart(a, b, inputs) || !stays_apart(b, a, inputs)))
            return false;
    }
    return !cli_guard_has_output(guard) || spares_outputs(outputs, inputs, guard);
}

/* ---- files ------------------------------------------------------------------------------------------------------------- */

static mseg_status write_scores(const char *path, const mseg_result *result, mseg_error *err)
{
    mseg_output out = {0};
    mseg_status status = cli_npy_open(&out, path, result->logits_height, result->logits_width, result->classes, err);
    if (status)
        return status;
    size_t pixels = (size_t)result->logits_width * (size_t)result->logits_height;
    fwrite(result->logits, sizeof(float) * (size_t)result->classes, pixels, out.file);
    return mseg_output_commit(&out, err);
}

/* A few rows at a time: all of them may be more than there is memory for. */
static mseg_status write_probabilities(const char *path, mseg_session *session, const mseg_result *result, mseg_error *err)
{
    enum { ROWS = 16 };
    const int width = result->labels.width, height = result->labels.height;
    const size_t row = (size_t)width * (size_t)result->classes;
    mseg_output out = {0};
    float *rows = calloc(row, ROWS * sizeof *rows);
    mseg_status status = rows ? cli_npy_open(&out, path, height, width, result->classes, err) : mseg_fail(err, MSEG_NOMEM, NULL);
    for (int y = 0; y < height && !status; y += ROWS) {
        const int n = height - y < ROWS ? height - y : ROWS;
        status = mseg_probabilities(session, y, n, rows, err);
        if (!status && fwrite(rows, sizeof *rows * row, (size_t)n, out.file) != (size_t)n)
            status = mseg_fail(err, MSEG_IO, "cannot write the file: %s", strerror(errno));
    }
    if (!status)
        status = mseg_output_commit(&out, err);
    mseg_output_discard(&out);
    free(rows);
    return status;
}

static mseg_status write_overlay(const char *path, const cli_outputs *outputs, mseg_view photo, const mseg_result *result,
                                 mseg_error *err)
{
    mseg_image picture = {0};
    mseg_status status = mseg_overlay(&picture, photo, result->labels, &outputs->palette, outputs->alpha, err);
    if (!status)
        status = mseg_image_write_png(path, mseg_view_of(&picture), err);
    mseg_image_free(&picture);
    return status;
}

static mseg_status write_one(int kind, const char *path, const cli_outputs *outputs, mseg_view photo, mseg_session *session,
                             const mseg_result *result, mseg_error *err)
{
    switch (kind) {
    case MASKS:
        return mseg_image_write_indexed(path, result->labels, &outputs->palette.colors, err);
    case OVERLAYS:
        return write_overlay(path, outputs, photo, result, err);
    case SCORES:
        return write_scores(path, result, err);
    default:
        return write_probabilities(path, session, result, err);
    }
}

/* Where a file of an input goes, to be freed. */
static mseg_status find_path(char **path, const cli_outputs *outputs, int kind, const char *folder, const cli_guard *guard,
                             const cli_input *input, mseg_error *err)
{
    *path = output_path(outputs, kind, folder, input);
    return *path ? cli_guard_check(guard, *path, err) : mseg_fail(err, MSEG_NOMEM, NULL);
}

static mseg_status fail_writing(mseg_error *err, mseg_status status, const char *path, const mseg_error *reason)
{
    return mseg_fail(err, status, "cannot write %s: %s", path, reason->text);
}

mseg_status cli_outputs_write(const cli_outputs *outputs, const cli_guard *guard, const cli_input *input, mseg_view photo,
                              mseg_session *session, const mseg_result *result, mseg_error *err)
{
    const char *folders[FOLDERS];
    folders_of(outputs, folders);
    mseg_status status = MSEG_OK;
    for (int i = 0; i < FOLDERS && !status; i++) {
        if (!folders[i])
            continue;
        char *path;
        mseg_error reason = {0};
        status = find_path(&path, outputs, i, folders[i], guard, input, err);
        if (!status && (status = write_one(i, path, outputs, photo, session, result, &reason)))
            fail_writing(err, status, path, &reason);
        free(path);
    }
    return status;
}

/* ---- row by row -------------------------------------------------------------------------------------------------------- */

mseg_status cli_row_outputs_open(cli_row_outputs *rows, const cli_outputs *outputs, const cli_guard *guard,
                                 const cli_input *input, int width, int height, mseg_error *err)
{
    const char *folders[] = {outputs->masks, outputs->overlays};
    const mseg_png_format formats[] = {{width, height, MSEG_GRAY, &outputs->palette.colors}, {width, height, MSEG_RGB, NULL}};
    mseg_status status = MSEG_OK;
    *rows = (cli_row_outputs){.outputs = outputs};
    for (int i = 0; i < 2 && !status; i++) {
        mseg_error reason = {0};
        if (!folders[i])
            continue;
        status = find_path(&rows->paths[i], outputs, i, folders[i], guard, input, err);
        if (!status && (status = mseg_row_writer_open(&rows->writers[i], rows->paths[i], &formats[i], &reason)))
            fail_writing(err, status, rows->paths[i], &reason);
    }
    return status;
}

static mseg_status put_overlay(cli_row_outputs *rows, const mseg_tile_rows *part, mseg_error *err)
{
    const cli_outputs *o = rows->outputs;
    mseg_image picture = {0};
    mseg_status status = mseg_overlay_rows(&picture, part->photo, part->labels, part->below, &o->palette, o->alpha, err);
    if (!status)
        status = mseg_row_writer_put(rows->writers[1], mseg_view_of(&picture), err);
    mseg_image_free(&picture);
    return status;
}

mseg_status cli_row_outputs_put(cli_row_outputs *rows, const mseg_tile_rows *part, mseg_error *err)
{
    mseg_error reason = {0};
    mseg_status status = mseg_row_writer_put(rows->writers[0], part->labels, &reason);
    if (status)
        return fail_writing(err, status, rows->paths[0], &reason);
    if (rows->writers[1] && (status = put_overlay(rows, part, &reason)))
        fail_writing(err, status, rows->paths[1], &reason);
    return status;
}

mseg_status cli_row_outputs_commit(cli_row_outputs *rows, mseg_error *err)
{
    mseg_status status = MSEG_OK;
    for (int i = 0; i < 2 && !status; i++) {
        mseg_error reason = {0};
        if (rows->writers[i] && (status = mseg_row_writer_commit(&rows->writers[i], &reason)))
            fail_writing(err, status, rows->paths[i], &reason);
    }
    return status;
}

void cli_row_outputs_close(cli_row_outputs *rows)
{
    for (int i = 0; i < 2; i++) {
        mseg_row_writer_discard(&rows->writers[i]);
        free(rows->paths[i]);
    }
    *rows = (cli_row_outputs){0};
}
