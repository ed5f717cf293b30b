#ifndef CLI_GUARD_H
#define CLI_GUARD_H

#include "cli/inputs.h"

/* A file that this run reads, or one that it writes at the end. */
typedef struct cli_guarded {
    const char *what; /* "the model", "--json" */
    const char *path; /* as given; "" for what a standard stream is connected to */
    uint64_t file;    /* fingerprint; 0: not there yet */
    int descriptor;   /* of a stream, or of an output that is open already; else -1 */
    bool output;
} cli_guarded;

/* The files that no output may replace, whatever names, links and folders lead to them: the inputs and the other outputs.
 * Commands fill it before anything is opened for writing; from then on it may be used by many threads. */
typedef struct cli_guard {
    cli_guarded *items;
    size_t count, capacity;
    const cli_inputs *inputs; /* the images; may be NULL */
    bool out_of_memory;
} cli_guard;

/** Adds a file that is read; NULL, "-" and what is no file: nothing to guard. what and path are kept by the caller. Running out
 * of memory makes the next cli_guard_output fail. */
void cli_guard_input(cli_guard *guard, const char *what, const char *path);

/** Adds the files that standard input, output and error are connected to. */
void cli_guard_streams(cli_guard *guard);

/** Adds the file of an output option ("--json"; path may be NULL), unless it would replace one of the others or any picture: then
 * false after a line of error. */
bool cli_guard_output(cli_guard *guard, const char *option, const char *path);

/** MSEG_INVAL, with a text that names it, when a file written to path would replace a guarded one. */
mseg_status cli_guard_check(const cli_guard *guard, const char *path, mseg_error *err);

/** Whether an output option asks for a file. */
bool cli_guard_has_output(const cli_guard *guard);

/** The output option whose file path is, by its name; NULL: none. */
const cli_guarded *cli_guard_find_output(const cli_guard *guard, const char *path);

void cli_guard_free(cli_guard *guard);

#endif
