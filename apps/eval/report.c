#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/say.h"
#include "cli/sink.h"
#include "eval/eval.h"

bool cli_eval_try_outputs(const cli_eval_args *args)
{
    if (args->save_counts && (cli_sink_descriptor(args->save_counts) >= 0 || cli_is_special(args->save_counts))) {
        cli_say("eval: --save-counts takes a file, not '%s'", args->save_counts);
        return false;
    }
    return cli_sink_try(args->json) && cli_sink_try(args->csv) && cli_sink_try(args->html) && cli_sink_try(args->save_counts);
}

/* ---- writing ----------------------------------------------------------------------------------------------------------- */

static mseg_status write_json(FILE *file, const void *report, mseg_error *err)
{
    return mseg_report_json(file, report, err);
}

static mseg_status write_html(FILE *file, const void *report, mseg_error *err)
{
    return mseg_report_html(file, report, err);
}

static mseg_status write_csv(FILE *file, const void *report, mseg_error *err)
{
    (void)err;
    mseg_report_csv(file, report);
    return MSEG_OK;
}

bool cli_eval_write(const char *path, cli_eval_write_fn write, const void *report)
{
    mseg_error err = {0};
    cli_sink sink;
    if (!cli_sink_open(&sink, path))
        return false;
    if (!path || !write(sink.stream, report, &err))
        return cli_sink_close(&sink);
    cli_say("%s: %s", path, err.text);
    cli_sink_discard(&sink);
    return false;
}

static bool is_standard(const char *path)
{
    return path && cli_sink_descriptor(path) == STDOUT_FILENO;
}

bool cli_eval_shows_table(const cli_eval_args *args)
{
    return !args->quiet && !is_standard(args->json) && !is_standard(args->csv) && !is_standard(args->html);
}

bool cli_eval_utf8(void)
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
        char *line = isnan(image->miou) ? cli_format("%s: nothing to score", image->id)
                                        : cli_format("%s: mIOU %.2f %%, pixel accuracy %.2f %%", image->id, 100 * image->miou,
                                                     100 * image->pixel_accuracy);
        fprintf(stderr, "%s\n", line ? line : "out of memory");
        free(line);
    }
}

bool cli_eval_report(const cli_eval_args *args, const mseg_report *report)
{
    if (args->verbose)
        print_images(report->score);
    if (cli_eval_shows_table(args))
        mseg_report_text(stdout, report, cli_eval_utf8());
    bool json = cli_eval_write(args->json, write_json, report), csv = cli_eval_write(args->csv, write_csv, report);
    bool html = cli_eval_write(args->html, write_html, report);
    return json && csv && html;
}
