#ifndef CLI_MARK_H
#define CLI_MARK_H

#include "mseg.h"

/* What mseg run puts into each file that it writes, to know it again: a PNG has a text "mseg", a NumPy file a comment in its
 * header. "0.1.0 model 0123456789abcdef options fedcba9876543210 photo 183211": the version; the first 16 digits of the model's
 * SHA-256; a checksum of all options that change the numbers in files of that kind; the photo's size in bytes. */

typedef enum cli_mark_kind {
    CLI_MARK_MASK,
    CLI_MARK_OVERLAY,
    CLI_MARK_SCORES,
    CLI_MARK_PROBABILITIES,
    CLI_MARK_KINDS
} cli_mark_kind;

enum { CLI_MARK_SIZE = 128 }; /* bytes of the longest mark, with its final 0 */

/* What a run does to every photo. */
typedef struct cli_mark_facts {
    mseg_model_info model;
    const mseg_run_options *run;
    const mseg_palette *palette;
    double alpha;
    int orientation;   /* mseg_orientation */
    int tile, overlap; /* tile 0: not in tiles */
} cli_mark_facts;

/** The mark of files of that kind but for the photo. */
void cli_mark_make(char mark[CLI_MARK_SIZE], cli_mark_kind kind, const cli_mark_facts *facts);

/** The same with the photo's size. */
void cli_mark_photo(char whole[CLI_MARK_SIZE], const char *mark, uint64_t bytes);

/* What stands where a file is to be written. */
typedef enum cli_found {
    CLI_FOUND_NOTHING,
    CLI_FOUND_EQUAL,  /* the mark that was asked for, in a file that is whole */
    CLI_FOUND_OURS,   /* mseg wrote it, but not so; or what is left of a file after a crash: nothing, zero bytes, a beginning that
                         ends before a mark would */
    CLI_FOUND_FOREIGN /* mseg did not write it, or nobody may read it to tell */
} cli_found;

/** Looks at path. mark, whole: NULL: any will do, CLI_FOUND_EQUAL is not found. Costs one failed call when nothing is there, and
 * the decoding of the file when its mark is that one. What is no regular file counts as CLI_FOUND_OURS: writing it tells what it
 * is. Thread safe. Errors: MSEG_IO. */
mseg_status cli_mark_look(cli_found *found, const char *path, cli_mark_kind kind, const char *mark, mseg_error *err);

#endif
