#ifndef CLI_CONVERT_QUANTISE_H
#define CLI_CONVERT_QUANTISE_H

#include "mseg.h"

typedef struct cli_quantise_args {
    const char *photos;      /* of --calibrate */
    const char *voc, *split; /* NULL: nothing is scored */
    int64_t jobs;            /* as cli_threads_open takes it */
    bool quiet;
} cli_quantise_args;

/** Quantises the model of path (NULL: the built-in one) into file out and shows what it lost; model is the same one opened in
 * floats. Returns the exit status; what fails has a line of error. */
int cli_quantise(const cli_quantise_args *args, const char *path, const char *out, const mseg_convert_options *how,
                 mseg_model *model, mseg_converted *done);

#endif
