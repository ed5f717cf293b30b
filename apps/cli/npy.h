#ifndef CLI_NPY_H
#define CLI_NPY_H

#include "base/output.h"
#include "mseg.h"

/** Opens a NumPy file of float32 [height, width, classes]: what is written to out->file are its numbers, and mseg_output_commit
 * puts it in place. mark (NULL: none; up to 128 characters of ASCII): stands in its header as a comment of Python. */
mseg_status cli_npy_open(mseg_output *out, const char *path, int height, int width, int classes, const char *mark,
                         mseg_error *err);

/* Bytes of a file's beginning that tell all of it, and of a mark with its final 0. */
enum { CLI_NPY_HEADER = 256, CLI_NPY_MARK_SIZE = 129 };

/* What the beginning of a file tells. */
typedef struct cli_npy {
    bool cut;                     /* the beginning of a NumPy file, which ends within the header */
    char mark[CLI_NPY_MARK_SIZE]; /* "": none, as in files of others */
    uint64_t size;                /* of a marked file when it is whole */
    size_t pixel;                 /* bytes of each of its pixels */
} cli_npy;

cli_npy cli_npy_look(const char *bytes, size_t size);

#endif
