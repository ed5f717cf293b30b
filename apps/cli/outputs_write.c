#include "cli/outputs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/output.h"
#include "cli/npy.h"

/* ---- what is there ----------------------------------------------------------------------------------------------------- */

static mseg_status fail_writing(mseg_error *err, mseg_status status, const char *path, const mseg_error *reason)
{
    return mseg_fail(err, status, "cannot write %s: %s", path, reason->text);
}

static mseg_status refuse_foreign(mseg_error *err, const char *path)
{
    const char *dots;
    const char *tail = cli_path_tail(path, 130, &dots);
    return mseg_fail(err, MSEG_INVAL,
                     "cannot write %s%s: it exists and mseg did not write it; --overwrite replaces it, --skip-existing leaves it",
                     dots, tail);
}

/* Whether the file at path may be written: it is none of those that this run reads or writes elsewhere. */
static mseg_status check_path(const cli_outputs_job *job, const char *path, mseg_error *err)
{
    struct stat there, input;
    if (!strcmp(path, MSEG_STDOUT))
        return MSEG_OK;
    const bool same = !stat(path, &there) && S_ISREG(there.st_mode) && !stat(job->input->path, &input) &&
                      cli_fingerprint(&there) == cli_fingerprint(&input);
    return same ? mseg_fail(err, MSEG_INVAL, "would replace the input %s; choose another output folder", job->input->path)
                : cli_guard_check(job->guard, path, err);
}

/* The mark that a file of this image and kind has. */
static void mark_of(char mark[CLI_MARK_SIZE], const cli_outputs_job *job, int kind)
{
    cli_mark_photo(mark, job->outputs->marks[kind], job->photo);
}

/* What is there of one kind; CLI_FOUND_EQUAL when that is not wanted. compare: whether it matters that it is what would be
 * written. */
static mseg_status look_at(cli_found *found, const cli_outputs_job *job, cli_mark_kind kind, bool compare, mseg_error *err)
{
    char *path, mark[CLI_MARK_SIZE];
    mseg_error reason = {0};
    *found = CLI_FOUND_EQUAL;
    mseg_status status = cli_outputs_path(&path, job->outputs, kind, job->input, err);
    if (!path)
        return status;
    mark_of(mark, job, kind);
    if (!strcmp(path, MSEG_STDOUT))
        *found = CLI_FOUND_OURS;
    else if ((status = cli_mark_look(found, path, kind, compare ? mark : NULL, &reason)))
        fail_writing(err, status, path, &reason);
    else if (*found != CLI_FOUND_NOTHING)
        status = check_path(job, path, err);
    if (!status && *found == CLI_FOUND_FOREIGN && !job->outputs->skip_existing)
        status = refuse_foreign(err, path);
    free(path);
    return status;
}

mseg_status cli_outputs_look(cli_outputs_job *job, const cli_outputs *outputs, const cli_guard *guard, const cli_input *input,
                             mseg_error *err)
{
    struct stat photo;
    bool all = outputs->skip_existing, foreign = false;
    *job = (cli_outputs_job){.outputs = outputs, .guard = guard, .input = input};
    job->photo = input->bytes ? input->size : stat(input->path, &photo) ? 0 : (uint64_t)photo.st_size;
    mseg_status status = cli_outputs_check(outputs, input, guard, err);
    for (int i = 0; i < CLI_MARK_KINDS && !status && !foreign; i++) {
        cli_found found = CLI_FOUND_OURS;
        if (!outputs->overwrite)
            status = look_at(&found, job, (cli_mark_kind)i, all, err);
        job->replace[i] = found != CLI_FOUND_NOTHING;
        all = all && found == CLI_FOUND_EQUAL;
        foreign = found == CLI_FOUND_FOREIGN;
    }
    job->plan = foreign ? CLI_OUTPUTS_LEFT_ALONE : all ? CLI_OUTPUTS_DONE : CLI_OUTPUTS_WRITE;
    return status;
}

/* A new file of an image could not be put in its place for the reason given: perhaps for another run, that has done the very
 * same, perhaps for a file of somebody else. */
static mseg_status fail_new(const cli_outputs_job *job, cli_mark_kind kind, const char *path, mseg_status status,
                            const mseg_error *reason, mseg_error *err)
{
    char mark[CLI_MARK_SIZE];
    cli_found found = CLI_FOUND_NOTHING;
    mark_of(mark, job, kind);
    if (!job->replace[kind] && !cli_mark_look(&found, path, kind, mark, NULL)) {
        if (found == CLI_FOUND_EQUAL)
            return MSEG_OK;
        if (found == CLI_FOUND_FOREIGN)
            return refuse_foreign(err, path);
    }
    return fail_writing(err, status, path, reason);
}

/* ---- files ------------------------------------------------------------------------------------------------------------- */

/* One image's file of one kind, about to be written. */
typedef struct place {
    const char *path, *mark;
    bool replace;
} place;

static mseg_status commit(mseg_output *out, const place *to, mseg_error *err)
{
    return to->replace ? mseg_output_commit(out, err) : mseg_output_commit_new(out, err);
}

static mseg_status commit_rows(mseg_row_writer **writer, bool replace, mseg_error *err)
{
    return replace ? mseg_row_writer_commit(writer, err) : mseg_row_writer_commit_new(writer, err);
}

static mseg_status write_scores(const place *to, const mseg_result *result, mseg_error *err)
{
    mseg_output out = {0};
    mseg_status status =
        cli_npy_open(&out, to->path, result->logits_height, result->logits_width, result->classes, to->mark, err);
    if (status)
        return status;
    size_t pixels = (size_t)result->logits_width * (size_t)result->logits_height;
    if (fwrite(result->logits, sizeof(float) * (size_t)result->classes, pixels, out.file) == pixels)
        return commit(&out, to, err);
    status = mseg_fail_errno(err, "cannot write the file", errno);
    mseg_output_discard(&out);
    return status;
}

/* A few rows at a time: all of them may be more than there is memory for. */
static mseg_status write_probabilities(const place *to, mseg_session *session, const mseg_result *result, mseg_error *err)
{
    enum { ROWS = 16 };
    const int width = result->labels.width, height = result->labels.height;
    const size_t row = (size_t)width * (size_t)result->classes;
    mseg_output out = {0};
    float *rows = calloc(row, ROWS * sizeof *rows);
    mseg_status status =
        rows ? cli_npy_open(&out, to->path, height, width, result->classes, to->mark, err) : mseg_fail(err, MSEG_NOMEM, NULL);
    for (int y = 0; y < height && !status; y += ROWS) {
        const int n = height - y < ROWS ? height - y : ROWS;
        status = mseg_probabilities(session, y, n, rows, err);
        if (!status && fwrite(rows, sizeof *rows * row, (size_t)n, out.file) != (size_t)n)
            status = mseg_fail_errno(err, "cannot write the file", errno);
    }
    if (!status)
        status = commit(&out, to, err);
    mseg_output_discard(&out);
    free(rows);
    return status;
}

static mseg_status write_png(const place *to, mseg_view picture, const mseg_colors *colors, mseg_error *err)
{
    const mseg_png_format format = {picture.width, picture.height, picture.format, colors, to->mark};
    mseg_row_writer *writer;
    mseg_status status = mseg_row_writer_open(&writer, to->path, &format, err);
    if (!status)
        status = mseg_row_writer_put(writer, picture, err);
    if (!status)
        status = commit_rows(&writer, to->replace, err);
    mseg_row_writer_discard(&writer);
    return status;
}

static mseg_status write_overlay(const place *to, const cli_outputs *outputs, mseg_view photo, const mseg_result *result,
                                 mseg_error *err)
{
    mseg_image picture = {0};
    mseg_status status = mseg_overlay(&picture, photo, result->labels, &outputs->palette, outputs->alpha, err);
    if (!status)
        status = write_png(to, mseg_view_of(&picture), NULL, err);
    mseg_image_free(&picture);
    return status;
}

static mseg_status write_kind(cli_mark_kind kind, const place *to, const cli_outputs *outputs, mseg_view photo,
                              mseg_session *session, const mseg_result *result, mseg_error *err)
{
    switch (kind) {
    case CLI_MARK_MASK:
        return write_png(to, result->labels, &outputs->palette.colors, err);
    case CLI_MARK_OVERLAY:
        return write_overlay(to, outputs, photo, result, err);
    case CLI_MARK_SCORES:
        return write_scores(to, result, err);
    default:
        return write_probabilities(to, session, result, err);
    }
}

static mseg_status write_one(const cli_outputs_job *job, cli_mark_kind kind, mseg_view photo, mseg_session *session,
                             const mseg_result *result, mseg_error *err)
{
    char *path, mark[CLI_MARK_SIZE];
    mseg_error reason = {0};
    mseg_status status = cli_outputs_path(&path, job->outputs, kind, job->input, err);
    if (!path)
        return status;
    mark_of(mark, job, kind);
    status = check_path(job, path, err);
    if (!status) {
        const place to = {path, mark, job->replace[kind]};
        status = write_kind(kind, &to, job->outputs, photo, session, result, &reason);
        if (status)
            status = fail_new(job, kind, path, status, &reason, err);
    }
    free(path);
    return status;
}

mseg_status cli_outputs_write(const cli_outputs_job *job, mseg_view photo, mseg_session *session, const mseg_result *result,
                              mseg_error *err)
{
    static const cli_mark_kind order[CLI_MARK_KINDS] = {CLI_MARK_OVERLAY, CLI_MARK_SCORES, CLI_MARK_PROBABILITIES, CLI_MARK_MASK};
    mseg_status status = MSEG_OK;
    for (int i = 0; i < CLI_MARK_KINDS && !status; i++)
        status = write_one(job, order[i], photo, session, result, err);
    return status;
}

/* ---- row by row -------------------------------------------------------------------------------------------------------- */

mseg_status cli_row_outputs_open(cli_row_outputs *rows, const cli_outputs_job *job, int width, int height, mseg_error *err)
{
    const mseg_colors *colors[] = {&job->outputs->palette.colors, NULL};
    mseg_status status = MSEG_OK;
    *rows = (cli_row_outputs){.job = job};
    for (int i = 0; i < 2 && !status; i++) {
        char mark[CLI_MARK_SIZE];
        mseg_error reason = {0};
        status = cli_outputs_path(&rows->paths[i], job->outputs, (cli_mark_kind)i, job->input, err);
        if (!rows->paths[i])
            continue;
        mark_of(mark, job, (cli_mark_kind)i);
        const mseg_png_format format = {width, height, colors[i] ? MSEG_GRAY : MSEG_RGB, colors[i], mark};
        status = check_path(job, rows->paths[i], err);
        if (!status && (status = mseg_row_writer_open(&rows->writers[i], rows->paths[i], &format, &reason)))
            fail_writing(err, status, rows->paths[i], &reason);
    }
    return status;
}

static mseg_status put_overlay(cli_row_outputs *rows, const mseg_tile_rows *part, mseg_error *err)
{
    const cli_outputs *o = rows->job->outputs;
    mseg_image picture = {0};
    mseg_status status = mseg_overlay_rows(&picture, part->photo, part->labels, part->below, &o->palette, o->alpha, err);
    if (!status)
        status = mseg_row_writer_put(rows->writers[CLI_MARK_OVERLAY], mseg_view_of(&picture), err);
    mseg_image_free(&picture);
    return status;
}

mseg_status cli_row_outputs_put(cli_row_outputs *rows, const mseg_tile_rows *part, mseg_error *err)
{
    mseg_error reason = {0};
    mseg_status status = mseg_row_writer_put(rows->writers[CLI_MARK_MASK], part->labels, &reason);
    if (status)
        return fail_writing(err, status, rows->paths[CLI_MARK_MASK], &reason);
    if (rows->writers[CLI_MARK_OVERLAY] && (status = put_overlay(rows, part, &reason)))
        fail_writing(err, status, rows->paths[CLI_MARK_OVERLAY], &reason);
    return status;
}

mseg_status cli_row_outputs_commit(cli_row_outputs *rows, mseg_error *err)
{
    static const cli_mark_kind order[] = {CLI_MARK_OVERLAY, CLI_MARK_MASK};
    mseg_status status = MSEG_OK;
    for (int k = 0; k < 2 && !status; k++) {
        const cli_mark_kind i = order[k];
        mseg_error reason = {0};
        if (rows->writers[i] && (status = commit_rows(&rows->writers[i], rows->job->replace[i], &reason)))
            status = fail_new(rows->job, i, rows->paths[i], status, &reason, err);
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
