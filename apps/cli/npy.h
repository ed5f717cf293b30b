#ifndef CLI_NPY_H
#define CLI_NPY_H

#include "base/output.h"
#include "mseg.h"

/** Opens a NumPy file of float32 [height, width, classes]: what is written to out->file are its numbers, and mseg_output_commit
 * puts it in place. */
mseg_status cli_npy_open(mseg_output *out, const char *path, int height, int width, int classes, mseg_error *err);

#endif
