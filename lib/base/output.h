#ifndef MSEG_BASE_OUTPUT_H
#define MSEG_BASE_OUTPUT_H

#include <stdio.h>

#include "base/status.h"

/* A file that appears under its final name whole or not at all: an unnamed file (O_TMPFILE) linked into place when complete, or,
 * on file systems without that, a temporary name in the same folder renamed into place. */
typedef struct mseg_output {
    FILE *file;      /* write here */
    char *path;      /* final name; NULL for devices and pipes, which are written to directly */
    char *temporary; /* temporary name, NULL when unnamed */
    int code;        /* errno of what failed while it was written; 0: nothing, or unknown */
} mseg_output;

/* Standard output: it is written to, and the file that it may be connected to not replaced. */
#define MSEG_STDOUT "/dev/stdout"

/** Opens an output for path; its folder must exist. A symbolic link's target is what gets written. On failure *out is all zero.
 */
mseg_status mseg_output_open(mseg_output *out, const char *path, mseg_error *err);

/** Has what was written so far brought to the disk, so that a power cut after the commit leaves the old file or the new one. */
void mseg_output_sync(mseg_output *out);

/** Flushes, checks for write errors and puts the file in place, replacing an older one. *out is all zero afterwards, whatever
 * happened; on failure nothing is left behind and an older file is untouched. */
mseg_status mseg_output_commit(mseg_output *out, mseg_error *err);

/** The same, but what has come to stand under that name since the output was opened stays: MSEG_IO, "cannot write the file: File
 * exists". Not so with what was there before then and is no regular file, which was opened itself. */
mseg_status mseg_output_commit_new(mseg_output *out, mseg_error *err);

/** Throws the output away; safe on an all-zero *out. */
void mseg_output_discard(mseg_output *out);

/** Writes bytes to path in one go by the three calls above. */
mseg_status mseg_output_write(const char *path, const void *bytes, size_t size, mseg_error *err);

/** mkdir -p. MSEG_OK when the folder exists already; MSEG_IO or MSEG_FULL with the reason otherwise. */
mseg_status mseg_make_folder(const char *path, mseg_error *err);

/** Removes temporary files that a killed run left in folder (only names that mseg_output_open makes, and only when the process
 * that made them is gone). Returns how many. */
int mseg_output_sweep(const char *folder);

/** The same for the folder that an output for path would be made in: before a program's first one there. */
int mseg_output_sweep_beside(const char *path);

#endif
