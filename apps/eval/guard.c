#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/say.h"
#include "eval/eval.h"

/* All images in the folders that are named, whether they are in the list or not. */
static mseg_status find_images(cli_inputs *images, const cli_eval_args *args, mseg_error *err)
{
    const char *const folders[] = {args->truth, args->predictions, args->photos};
    const cli_inputs_options how = {.recursive = true, .shard = {1, 1}};
    char *paths[3];
    int count = 0;
    mseg_status status = MSEG_OK;
    for (int i = 0; i < 3 && !status; i++)
        if (folders[i] && !(paths[count++] = strdup(folders[i])))
            status = mseg_fail(err, MSEG_NOMEM, NULL);
    if (!status)
        status = cli_inputs_collect(images, paths, count, &how, err);
    while (count)
        free(paths[--count]);
    return status;
}

bool cli_eval_guard(cli_guard *guard, cli_inputs *images, const cli_eval_args *args)
{
    const char *const options[] = {"--save-counts", "--json", "--csv", "--html"};
    const char *const paths[] = {args->save_counts, args->json, args->csv, args->html};
    mseg_error err = {0};
    bool ok = true;
    cli_guard_streams(guard);
    cli_guard_input(guard, "the list", args->list);
    cli_guard_input(guard, "the classes", args->classes);
    cli_guard_input(guard, "the map", args->map);
    cli_guard_input(guard, "the map", args->prediction_map);
    for (int i = 0; i < 4 && !guard->inputs; i++)
        if (paths[i] && !access(paths[i], F_OK))
            guard->inputs = images;
    if (guard->inputs && find_images(images, args, &err)) {
        cli_say("eval: %s", err.text);
        return false;
    }
    for (int i = 0; i < 4 && ok; i++)
        ok = cli_guard_output(guard, options[i], paths[i]);
    return ok;
}
