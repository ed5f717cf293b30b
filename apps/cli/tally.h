#ifndef CLI_TALLY_H
#define CLI_TALLY_H

#include "mseg.h"

enum { CLI_TALLY_REASONS = 12 };

/* How often what went wrong, for a summary. All zero: nothing did. */
typedef struct cli_tally {
    struct {
        char text[64];
        size_t count;
    } reasons[CLI_TALLY_REASONS];
    size_t others; /* for which there was no room */
} cli_tally;

/** One more. Errors that differ only in numbers and names count as one. */
void cli_tally_add(cli_tally *tally, const mseg_error *err);

/** "12 truncated PNG, 3 zero bytes", the most frequent first; to be freed, NULL when memory runs out. */
char *cli_tally_text(const cli_tally *tally);

#endif
