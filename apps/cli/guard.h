#ifndef MSEG_APPS_GUARD_H
#define MSEG_APPS_GUARD_H

#include "cli/inputs.h"

/* A file that this run reads, or one that it writes at the end. */
typedef struct mseg_guarded {
    const char *what; /* "the model", "--json" */
    const char *path; /* as given; "" for what a standard stream is connected to */
    uint64_t file;    /* fingerprint; 0: not there yet */
    int descriptor;   /* of a stream, or of an output that is open already; else -1 */
    bool output;
} mseg_guarded;

/* The files that no output may replace, whatever names, links and folders lead to them: the inputs and the other outputs.
 * Commands fill it before anything is opened for writing; from then on it may be used by many threads. */
typedef struct mseg_guard {
    mseg_guarded *items;
    size_t count, capacity;
    const mseg_inputs *inputs; /* the images; may be NULL */
    bool out_of_memory;
} mseg_guard;

/** Adds a file that is read; NULL, "-" and what is no file: nothing to guard. what and path are kept by the caller. Running out
 * of memory makes the next mseg_guard_output fail. */
void mseg_guard_input(mseg_guard *guard, const char *what, const char *path);

/** Adds the files that standard input, output and error are connected to. */
void mseg_guard_streams(mseg_guard *guard);

/** Adds the file of an output option ("--json"; path may be NULL), unless it would replace one of the others: then false after a
 * line of error. */
bool mseg_guard_output(mseg_guard *guard, const char *option, const char *path);

/** MSEG_INVAL, with a text that names it, when a file written to path would replace a guarded one. */
mseg_status mseg_guard_check(const mseg_guard *guard, const char *path, mseg_error *err);

/** Whether an output option asks for a file. */
bool mseg_guard_has_output(const mseg_guard *guard);

/** The output option whose file path is, by its name; NULL: none. */
const mseg_guarded *mseg_guard_find_output(const mseg_guard *guard, const char *path);

void mseg_guard_free(mseg_guard *guard);

#endif
