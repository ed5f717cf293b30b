#ifndef CLI_SEEN_H
#define CLI_SEEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A set of names that does not hold the names: 12 bytes for each place, of which three quarters are used at most, so 16 to 32
 * bytes a name (200 MB for ten million), and half of that again while it grows. Two names are taken for one when their 64 bits
 * are the same: of ten million once in 370,000 times. All zero: empty. */
typedef struct cli_seen {
    uint64_t *hashes; /* 0: free */
    uint32_t *numbers;
    size_t places, count;
} cli_seen;

/** 64 bits of a name, never 0. */
uint64_t cli_seen_hash(const char *bytes, size_t length);

/** Adds a name with a number of its own (more than 32 bits: cut), unless it is there already: then *earlier is its number. False
 * when memory runs out; *added says which. */
bool cli_seen_add(cli_seen *seen, uint64_t hash, uint64_t number, bool *added, uint32_t *earlier);

/** Whether it is there. */
bool cli_seen_has(const cli_seen *seen, uint64_t hash);

void cli_seen_free(cli_seen *seen);

#endif
