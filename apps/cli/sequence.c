#include "cli/sequence.h"

#include <pthread.h>
#include <stdlib.h>

typedef struct slot {
    bool full;
    void *item;
} slot;

struct cli_sequence {
    pthread_mutex_t lock;
    pthread_cond_t moved;
    int64_t next; /* the index to emit next */
    int slots;
    cli_emit_fn emit;
    void *context;
    slot ring[];
};

mseg_status cli_sequence_open(cli_sequence **out, int slots, cli_emit_fn emit, void *context)
{
    cli_sequence *sequence = calloc(1, sizeof *sequence + (size_t)slots * sizeof sequence->ring[0]);
    *out = sequence;
    if (!sequence)
        return MSEG_NOMEM;
    pthread_mutex_init(&sequence->lock, NULL);
    pthread_cond_init(&sequence->moved, NULL);
    sequence->slots = slots;
    sequence->emit = emit;
    sequence->context = context;
    return MSEG_OK;
}

void cli_sequence_close(cli_sequence **sequence)
{
    if (!*sequence)
        return;
    pthread_cond_destroy(&(*sequence)->moved);
    pthread_mutex_destroy(&(*sequence)->lock);
    free(*sequence);
    *sequence = NULL;
}

void cli_sequence_wait(cli_sequence *sequence, int64_t index)
{
    pthread_mutex_lock(&sequence->lock);
    while (index - sequence->next >= sequence->slots)
        pthread_cond_wait(&sequence->moved, &sequence->lock);
    pthread_mutex_unlock(&sequence->lock);
}

void cli_sequence_put(cli_sequence *sequence, int64_t index, void *item)
{
    pthread_mutex_lock(&sequence->lock);
    sequence->ring[index % sequence->slots] = (slot){true, item};
    slot *next = &sequence->ring[sequence->next % sequence->slots];
    while (next->full) {
        sequence->emit(sequence->context, next->item);
        *next = (slot){0};
        sequence->next++;
        next = &sequence->ring[sequence->next % sequence->slots];
    }
    pthread_cond_broadcast(&sequence->moved);
    pthread_mutex_unlock(&sequence->lock);
}
