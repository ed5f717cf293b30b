#include <stdio.h>
#include <stdlib.h>

#include "cli/say.h"
#include "cli/stop.h"
#include "run/run.h"

/* One input; prints what becomes of it. */
static void print(cli_run_batch *b, const cli_input *input)
{
    static const char *const verbs[] = {
        [CLI_OUTPUTS_WRITE] = "segment", [CLI_OUTPUTS_DONE] = "skip", [CLI_OUTPUTS_LEFT_ALONE] = "leave"};
    mseg_error err = {0};
    cli_outputs_job job;
    char *path = NULL;
    if (cli_run_look(b, input, &job, &err) || cli_outputs_path(&path, &b->outputs, CLI_MARK_MASK, input, &err)) {
        cli_say("%s: %s", input->path, err.text);
        b->counts[CLI_RUN_FAILED]++;
    } else {
        char *line = cli_format("%s %s -> %s", verbs[job.plan], input->path, path);
        puts(line ? line : "out of memory");
        free(line);
        b->counts[CLI_RUN_DONE] += job.plan == CLI_OUTPUTS_WRITE;
    }
    free(path);
}

/* As cli_inputs_next, until a signal comes. */
static mseg_status next(cli_run_batch *b, cli_input *input, mseg_error *err)
{
    return cli_stop_signal() ? mseg_fail(err, MSEG_CANCELLED, NULL) : cli_inputs_next(&b->inputs, input, err);
}

void cli_run_dry(cli_run_batch *b)
{
    mseg_error err = {0};
    cli_input input;
    mseg_status status;
    while (!(status = next(b, &input, &err)) && input.path) {
        b->begun++;
        print(b, &input);
        cli_input_free(&input);
    }
    if (status && status != MSEG_CANCELLED)
        cli_say("run: %s", err.text);
    if (status)
        b->end = status == MSEG_CANCELLED ? CLI_RUN_SIGNAL : CLI_RUN_NO_LIST;
    if (!b->args->quiet)
        fprintf(stderr, "would segment %zu of %zu image%s\n", b->counts[CLI_RUN_DONE], b->begun, b->begun == 1 ? "" : "s");
}
