#include <stdio.h>
#include <stdlib.h>

#include "cli/say.h"
#include "run/run.h"

/* One input; prints what becomes of it. */
static void print(cli_run_batch *b, const cli_input *input)
{
    static const char *const verbs[CLI_RUN_FATES] = {"segment", "skip", "leave"};
    mseg_error err = {0};
    cli_run_fate fate = CLI_RUN_FAILED;
    char *path = cli_outputs_mask_path(&b->outputs, input);
    if (!path)
        mseg_fail(&err, MSEG_NOMEM, NULL);
    else if (input->error)
        mseg_fail(&err, MSEG_INVAL, "%s", input->error);
    else
        cli_run_look(b, input, &fate, &err);
    if (err.status) {
        fate = CLI_RUN_FAILED;
        cli_say("%s: %s", input->path, err.text);
        cli_tally_add(&b->failures, &err);
    } else {
        printf("%s %s -> %s\n", verbs[fate], input->path, path);
    }
    b->counts[fate]++;
    free(path);
}

void cli_run_dry(cli_run_batch *b)
{
    mseg_error err = {0};
    cli_input input;
    mseg_status status;
    while (!(status = cli_inputs_next(&b->inputs, &input, &err)) && input.path) {
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
