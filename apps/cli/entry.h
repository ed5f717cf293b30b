#ifndef CLI_ENTRY_H
#define CLI_ENTRY_H

#include "base/json.h"
#include "cli/options.h"
#include "mseg.h"

/* How a picture enters the network: what --mean and --std ask for, and how the rule in use is told. */
typedef struct cli_entry_args {
    const char *mean, *std; /* "123.675,116.28,103.53" or "127.5"; NULL: what the file tells */
} cli_entry_args;

/* --mean and --std, in a table of options whose struct has its cli_entry_args at field. */
#define CLI_ENTRY_OPTIONS(field)                                                                                                 \
    {0,                                                                                                                          \
     "mean",                                                                                                                     \
     CLI_OPTION_TEXT,                                                                                                            \
     (field) + offsetof(cli_entry_args, mean),                                                                                   \
     "R,G,B",                                                                                                                    \
     .help = "with --std: bytes 0 to 255 enter the network as (byte - mean) / std, e.g. 123.675,116.28,103.53; one value "       \
             "stands for all three (default: what the file tells)"},                                                             \
    {                                                                                                                            \
        0, "std", CLI_OPTION_TEXT, (field) + offsetof(cli_entry_args, std), "R,G,B",                                             \
            .help = "see --mean, e.g. 58.395,57.12,57.375"                                                                       \
    }

/** Fills in the options' mean and std; false after one line of error. */
bool cli_entry_take(const char *command, const cli_entry_args *args, mseg_model_options *options);

/** The rule and what told it: "-1 to 1: (byte - 127.5) / 127.5, assumed". To be freed; NULL without memory. */
char *cli_entry_text(const mseg_model_info *model);

/** Prints ", input assumed to be -1 to 1" on standard error when nothing tells the rule: the end of a line of summary. */
void cli_entry_say_assumed(const mseg_model_info *model);

/** The model's sampling in words, "corners aligned". */
const char *cli_sampling_text(mseg_sampling sampling);

/** "input": the rule and what told it. */
void cli_entry_add_json(mseg_json *object, const mseg_model_info *model);

/** "sampling": a word of JSON for the model's. */
void cli_sampling_add_json(mseg_json *object, const mseg_model_info *model);

#endif
