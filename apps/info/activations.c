#include "info/activations.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/guard.h"
#include "cli/inputs.h"
#include "cli/network.h"
#include "cli/options.h"
#include "cli/photos.h"
#include "cli/say.h"
#include "cli/sink.h"
#include "cli/threads.h"

bool cli_activations_check(const cli_activations_args *args)
{
    const char *without = args->html        ? "html"
                          : args->recursive ? "recursive"
                          : args->null      ? "null"
                          : args->jobs      ? "jobs"
                          : args->quiet     ? "quiet"
                                            : NULL;
    if (!args->photos && without)
        cli_say("info: --%s is for --activations", without);
    else if (args->json && args->html && cli_sink_descriptor(args->html) == STDOUT_FILENO)
        cli_say("%s: --html would go where --json does; choose a file", args->html);
    else
        return true;
    return false;
}

/* ---- what is shown ------------------------------------------------------------------------------------------------------ */

/* False after a line of error. path: NULL: none is wanted. */
static bool write_page(const char *path, const cli_activations_report *report, const char *json)
{
    cli_sink sink;
    if (!cli_sink_open(&sink, path))
        return false;
    if (path)
        cli_activations_page(sink.stream, report, json);
    return cli_sink_close(&sink);
}

/* False after a line of error. */
static bool show(const cli_activations_args *args, const cli_activations_report *report)
{
    char *json = args->json || args->html ? cli_activations_json(report) : NULL;
    if ((args->json || args->html) && !json) {
        cli_say("info: out of memory");
        return false;
    }
    if (args->json)
        printf("%s\n", json);
    else if (!args->quiet && (!args->html || cli_sink_descriptor(args->html) != STDOUT_FILENO))
        cli_activations_print(report);
    const bool written = write_page(args->html, report, json);
    free(json);
    return written;
}

/* ---- all ---------------------------------------------------------------------------------------------------------------- */

/* Whether the page may be written; false after a line of error. */
static bool check_output(const cli_activations_args *args, const cli_inputs *inputs, const char *model_path)
{
    cli_guard guard = {.inputs = inputs};
    cli_guard_streams(&guard);
    cli_guard_input(&guard, "the model", model_path);
    const bool ok = cli_guard_output(&guard, "--html", args->html) && cli_sink_try(args->html);
    cli_guard_free(&guard);
    return ok;
}

static mseg_status add_photo(void *context, mseg_view photo, mseg_error *err)
{
    return mseg_activations_add(context, photo, err);
}

/* Returns the exit status. */
static int count(const cli_activations_args *args, const cli_inputs *inputs, mseg_activations *activations,
                 const mseg_model *model, const char *command)
{
    const size_t failed = cli_photos_each(inputs, args->quiet, add_photo, activations);
    const cli_activations_report report = {activations, model, failed, command};
    if (failed == inputs->count || !show(args, &report))
        return CLI_EXIT_UNUSABLE;
    return failed ? CLI_EXIT_SOME_FAILED : CLI_EXIT_OK;
}

int cli_activations(const cli_activations_args *args, const mseg_model *model, const char *model_path, int size,
                    const char *command)
{
    const cli_inputs_options how = {.recursive = args->recursive, .shard = {1, 1}, .null = args->null};
    cli_inputs inputs = {0};
    mseg_pool *pool = NULL;
    mseg_activations *activations = NULL;
    mseg_error err = {0};
    char *photos = strdup(args->photos);
    int status = CLI_EXIT_UNUSABLE;
    if (!photos)
        mseg_fail(&err, MSEG_NOMEM, NULL);
    if (!photos || cli_threads_open(&pool, args->jobs, &err)) {
        cli_say("info: %s", err.text);
        goto done;
    }
    if (cli_inputs_collect(&inputs, &photos, 1, &how, &err)) {
        cli_say("%s: %s", args->photos, err.text);
        goto done;
    }
    if (!args->quiet)
        cli_inputs_say_foreign(&inputs);
    if (!check_output(args, &inputs, model_path))
        goto done;
    if (mseg_activations_open(&activations, model, size, pool, &err)) {
        cli_say("%s: %s", mseg_model_describe(model).name, err.text);
        goto done;
    }
    status = count(args, &inputs, activations, model, command);
done:
    mseg_activations_close(&activations);
    mseg_pool_close(&pool);
    cli_inputs_free(&inputs);
    free(photos);
    return status;
}
