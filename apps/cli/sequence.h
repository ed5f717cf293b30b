#ifndef MSEG_APPS_SEQUENCE_H
#define MSEG_APPS_SEQUENCE_H

#include "mseg.h"

/* Hands on what several threads make, in the order of the tasks, holding back no more than a fixed number of items: so the output
 * of a batch does not depend on the number of threads, nor its memory on the number of images. */
typedef struct mseg_sequence mseg_sequence;

/** Called for item 0, 1, 2 ... in this order, by one thread at a time. item may be NULL. */
typedef void (*mseg_emit_fn)(void *context, void *item);

/** slots: items that may be held back, at least the number of threads. */
mseg_status mseg_sequence_open(mseg_sequence **sequence, int slots, mseg_emit_fn emit, void *context);

/** NULL-safe; sets *sequence to NULL. */
void mseg_sequence_close(mseg_sequence **sequence);

/** Before task index is begun: waits while too many items are held back. Tasks must be begun in rising order. */
void mseg_sequence_wait(mseg_sequence *sequence, int index);

/** Task index made item: it and all that were waiting for it are emitted as soon as it is their turn. */
void mseg_sequence_put(mseg_sequence *sequence, int index, void *item);

#endif
