#ifndef CLI_COLLECTOR_H
#define CLI_COLLECTOR_H

#include "cli/inputs.h"

/* The list of inputs while it is made. All zero but for inputs and options to start with. */
typedef struct cli_collector {
    cli_inputs *inputs;
    const cli_inputs_options *options;
    uint64_t skip[4]; /* fingerprints of options->skip, 0 = none */
    uint32_t *table;  /* open addressing by output name: index + 1 of an entry, 0 = free */
    size_t table_size;
    bool out_of_memory;
} cli_collector;

/** Appends an image, taking over path; as an error when its name is taken. name: where in path that starts, as in cli_input. */
void cli_collector_add(cli_collector *c, char *path, size_t name, const struct stat *info);

/** Appends what cannot be an input, taking over path and reason (NULL: memory ran out). */
void cli_collector_refuse(cli_collector *c, char *path, char *reason);

/** The same with the reason of an errno. */
void cli_collector_refuse_errno(cli_collector *c, char *path, int number);

#endif
