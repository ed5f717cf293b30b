#include <stdlib.h>

#include "weights/graphdef.h"

/* What protobuf-c may take for one message. */
typedef struct memory {
    size_t left;
    mseg_status status;
} memory;

static void *take(void *data, size_t size)
{
    memory *m = data;
    if (size > m->left) {
        m->status = MSEG_LIMIT;
        return NULL;
    }
    m->left -= size;
    void *taken = malloc(size ? size : 1);
    if (!taken)
        m->status = MSEG_NOMEM;
    return taken;
}

static void give_back(void *data, void *taken)
{
    (void)data;
    free(taken);
}

mseg_status mseg_gd_open(MsegGraphdef__Node **message, const gd_reader *r, const gd_node *node)
{
    enum { MOST = 32, SMALL = 4096 };
    memory m = {.left = node->text.size * MOST + SMALL};
    ProtobufCAllocator allocator = {.alloc = take, .free = give_back, .allocator_data = &m};
    *message = mseg_graphdef__node__unpack(&allocator, node->text.size, node->text.data);
    if (*message)
        return MSEG_OK;
    if (m.status == MSEG_NOMEM)
        return mseg_fail(r->err, MSEG_NOMEM, NULL);
    return m.status ? mseg_gd_fail(r, node, MSEG_LIMIT, "becomes much larger than it is in the file")
                    : mseg_gd_fail(r, node, MSEG_FORMAT, "is no message that can be read");
}

void mseg_gd_close(MsegGraphdef__Node *message)
{
    ProtobufCAllocator allocator = {.alloc = take, .free = give_back};
    mseg_graphdef__node__free_unpacked(message, &allocator);
}
