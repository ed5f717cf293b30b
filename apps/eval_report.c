#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "eval.h"
#include "say.h"

static bool is_special(const char *path)
{
    struct stat info;
    return !stat(path, &info) && !S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode);
}

static bool try_output(const char *path)
{
    mseg_error err = {0};
    mseg_output probe = {0};
    struct stat info;
    if (!path || !strcmp(path, "-") || is_special(path))
        return true;
    mseg_output_sweep_beside(path);
    if (!stat(path, &info) && S_ISDIR(info.st_mode))
        mseg_fail(&err, MSEG_IO, "is a folder");
    else
        mseg_output_open(&probe, path, &err);
    mseg_output_discard(&probe);
    if (err.status)
        mseg_say("%s: %s", path, err.text);
    return !err.status;
}

bool mseg_eval_try_outputs(const mseg_eval_args *args)
{
    if (args->save_counts && (!strcmp(args->save_counts, "-") || is_special(args->save_counts))) {
        mseg_say("eval: --save-counts takes a file, not '%s'", args->save_counts);
        return false;
    }
    return try_output(args->json) && try_output(args->csv) && try_output(args->html) && try_output(args->save_counts);
}

/* ---- writing ----------------------------------------------------------------------------------------------------------- */

typedef mseg_status (*write_fn)(FILE *file, const mseg_report *report, mseg_error *err);

static mseg_status write_csv(FILE *file, const mseg_report *report, mseg_error *err)
{
    (void)err;
    mseg_report_csv(file, report);
    return MSEG_OK;
}

/* To a stream as it is ("-", a pipe, a device), to a file whole or not at all. */
static bool write_output(const char *path, write_fn write, const mseg_report *report)
{
    mseg_error err = {0};
    mseg_output output = {0};
    FILE *stream = NULL;
    if (!path)
        return true;
    if (!strcmp(path, "-"))
        stream = stdout;
    else if (is_special(path) && !(stream = fopen(path, "w")))
        mseg_fail(&err, MSEG_IO, "%s", strerror(errno));
    else if (!stream)
        mseg_output_open(&output, path, &err);
    if (!err.status)
        write(stream ? stream : output.file, report, &err);
    if (!err.status && output.file)
        mseg_output_commit(&output, &err);
    mseg_output_discard(&output);
    if (stream && ((fflush(stream) | ferror(stream)) || (stream != stdout && fclose(stream))) && !err.status)
        mseg_fail(&err, MSEG_IO, "cannot write: %s", strerror(errno));
    if (err.status)
        mseg_say("%s: %s", path, err.text);
    return !err.status;
}

static bool is_standard(const char *path)
{
    return path && !strcmp(path, "-");
}

static bool terminal_is_utf8(void)
{
    const char *const variables[] = {"LC_ALL", "LC_CTYPE", "LANG"};
    for (int i = 0; i < 3; i++) {
        const char *value = getenv(variables[i]);
        if (value && *value)
            return strcasestr(value, "utf-8") || strcasestr(value, "utf8");
    }
    return false;
}

static void print_images(const mseg_score *score)
{
    for (size_t i = 0; i < score->images; i++) {
        const mseg_image_score *image = &score->per_image[i];
        char *line = isnan(image->miou) ? mseg_format("%s: nothing to score", image->id)
                                        : mseg_format("%s: mIOU %.2f %%, pixel accuracy %.2f %%", image->id, 100 * image->miou,
                                                      100 * image->pixel_accuracy);
        fprintf(stderr, "%s\n", line ? line : "out of memory");
        free(line);
    }
}

bool mseg_eval_report(const mseg_eval_args *args, const mseg_report *report)
{
    if (args->verbose)
        print_images(report->score);
    if (!args->quiet && !is_standard(args->json) && !is_standard(args->csv) && !is_standard(args->html))
        mseg_report_text(stdout, report, terminal_is_utf8());
    return write_output(args->json, mseg_report_json, report) && write_output(args->csv, write_csv, report) &&
           write_output(args->html, mseg_report_html, report);
}
