#ifndef CLI_SEQUENCE_H
#define CLI_SEQUENCE_H

#include "mseg.h"

/* Hands on what several threads make, in the order of the tasks, holding back no more than a fixed number of items: so the output
 * of a batch does not depend on the number of threads, nor its memory on the number of images. */
typedef struct cli_sequence cli_sequence;

/** Called for item 0, 1, 2 ... in this order, by one thread at a time. item may be NULL. */
typedef void (*cli_emit_fn)(void *context, void *item);

/** slots: items that may be held back, at least the number of threads. */
mseg_status cli_sequence_open(cli_sequence **sequence, int slots, cli_emit_fn emit, void *context);

/** NULL-safe; sets *sequence to NULL. */
void cli_sequence_close(cli_sequence **sequence);

/** Before task index is begun: waits while too many items are held back. Tasks must be begun in rising order. */
void cli_sequence_wait(cli_sequence *sequence, int64_t index);

/** Task index made item: it and all that were waiting for it are emitted as soon as it is their turn. */
void cli_sequence_put(cli_sequence *sequence, int64_t index, void *item);

#endif
