#ifndef CLI_COLLECTOR_H
#define CLI_COLLECTOR_H

#include "cli/inputs.h"
#include "cli/seen.h"

/* The list of inputs while it is made. All zero but for inputs and options to start with. */
typedef struct cli_collector {
    cli_inputs *inputs;
    const cli_inputs_options *options;
    uint64_t skip[4]; /* fingerprints of options->skip, 0 = none */
    uint32_t *table;  /* open addressing by output name: index + 1 of an entry, 0 = free */
    size_t table_size;
    bool out_of_memory;
    /* For the lines of a list, of which inputs holds only those that are still to be done. */
    const struct cli_collector *before; /* what was there before the list; NULL: this is no list */
    cli_seen names;                     /* of the lines that have been */
    uint64_t line;                      /* number of the one that is added */
    bool added;                         /* whether anything ever was */
} cli_collector;

/** Adds a file or what a folder holds; takes over path (NULL: memory ran out). */
void cli_collector_walk(cli_collector *c, char *path);

/** Appends an image, taking over path; as an error when its name is taken. name: where in path that starts, as in cli_input. */
void cli_collector_add(cli_collector *c, char *path, size_t name, const struct stat *info);

/** Appends what cannot be an input, taking over path and reason (NULL: memory ran out). */
void cli_collector_refuse(cli_collector *c, char *path, char *reason);

/** The same with the reason of an errno. */
void cli_collector_refuse_errno(cli_collector *c, char *path, int number);

/** Frees what belongs to it alone: not the inputs. */
void cli_collector_free(cli_collector *c);

#endif
