#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/say.h"
#include "eval/eval.h"

/* All images in the folders that are named, whether they are in the list or not. */
static mseg_status find_images(mseg_inputs *images, const mseg_eval_args *args, mseg_error *err)
{
    const char *const folders[] = {args->truth, args->predictions, args->photos};
    const mseg_inputs_options how = {.recursive = true, .shard = {1, 1}};
    char *paths[3];
    int count = 0;
    mseg_status status = MSEG_OK;
    for (int i = 0; i < 3 && !status; i++)
        if (folders[i] && !(paths[count++] = strdup(folders[i])))
            status = mseg_fail(err, MSEG_NOMEM, NULL);
    if (!status)
        status = mseg_inputs_collect(images, paths, count, &how, err);
    while (count)
        free(paths[--count]);
    return status;
}

bool mseg_eval_guard(mseg_guard *guard, mseg_inputs *images, const mseg_eval_args *args)
{
    const char *const options[] = {"--save-counts", "--json", "--csv", "--html"};
    const char *const paths[] = {args->save_counts, args->json, args->csv, args->html};
    mseg_error err = {0};
    bool ok = true;
    mseg_guard_streams(guard);
    mseg_guard_input(guard, "the list", args->list);
    mseg_guard_input(guard, "the classes", args->classes);
    mseg_guard_input(guard, "the map", args->map);
    mseg_guard_input(guard, "the map", args->prediction_map);
    for (int i = 0; i < 4 && !guard->inputs; i++)
        if (paths[i] && !access(paths[i], F_OK))
            guard->inputs = images;
    if (guard->inputs && find_images(images, args, &err)) {
        mseg_say("eval: %s", err.text);
        return false;
    }
    for (int i = 0; i < 4 && ok; i++)
        ok = mseg_guard_output(guard, options[i], paths[i]);
    return ok;
}
