#ifndef CLI_INFO_ACTIVATIONS_H
#define CLI_INFO_ACTIVATIONS_H

#include <stdio.h>

#include "mseg.h"

typedef struct cli_activations_args {
    const char *photos; /* a photo, a folder or "-", a list */
    bool recursive, null;
    int64_t jobs; /* threads; 0: all processors */
    bool quiet, json;
    const char *html; /* NULL: no page */
} cli_activations_args;

/** Whether what is for --activations alone goes together, photos being NULL without it; false after a line of error. */
bool cli_activations_check(const cli_activations_args *args);

/** Counts the positive channels of a model in floats and prints them. model_path: its file, or what stands for it; size: side of
 * the canvas; command: as typed. Returns the exit status; what fails has a line of error. */
int cli_activations(const cli_activations_args *args, const mseg_model *model, const char *model_path, int size,
                    const char *command);

/* What has been counted, in a photo at least. */
typedef struct cli_activations_report {
    const mseg_activations *activations;
    const mseg_model *model;
    size_t failed; /* photos that could not be counted */
    const char *command;
} cli_activations_report;

/** The table. */
void cli_activations_print(const cli_activations_report *report);

/** The JSON, to be freed; NULL without memory. */
char *cli_activations_json(const cli_activations_report *report);

/** A page with the figure that stands alone; json: of the same. */
void cli_activations_page(FILE *file, const cli_activations_report *report, const char *json);

#endif
