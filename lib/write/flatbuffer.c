#include "write/flatbuffer.h"

#include <string.h>

#include "base/alloc.h"

enum { LENGTH = 4, VTABLE_HEAD = 4 };

/* Room for more bytes, the used ones at its end. */
static bool grow(mseg_fbw *w, size_t more)
{
    enum { LEAST = 1 << 12 };
    const size_t needed = w->used + more;
    if (needed <= w->room)
        return true;
    size_t room = w->room * 2 > LEAST ? w->room * 2 : LEAST;
    room = room > needed ? room : needed;
    uint8_t *data = mseg_alloc(room);
    if (!data) {
        w->status = MSEG_NOMEM;
        return false;
    }
    if (w->used)
        memcpy(data + room - w->used, w->data + w->room - w->used, w->used);
    mseg_free(&w->data);
    w->data = data;
    w->room = room;
    return true;
}

/* That many zeros in front of the file; NULL: none. */
static uint8_t *take(mseg_fbw *w, size_t bytes)
{
    if (w->status)
        return NULL;
    if (bytes > INT32_MAX - w->used) {
        w->status = MSEG_LIMIT;
        return NULL;
    }
    if (!grow(w, bytes))
        return NULL;
    w->used += bytes;
    return w->data + w->room - w->used;
}

/* Zeros until what begins that many bytes from now on lies at a multiple of align, as the file's size will be one. */
static void pad(mseg_fbw *w, size_t bytes, size_t align)
{
    take(w, (align - (w->used + bytes) % align) % align);
}

static void store(uint8_t *to, const void *from, size_t size)
{
    const uint8_t *bytes = from;
    for (size_t i = 0; i < size; i++)
        to[i] = bytes[__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? size - 1 - i : i];
}

static mseg_fbw_ref put(mseg_fbw *w, const void *number, size_t size)
{
    pad(w, size, size);
    uint8_t *at = take(w, size);
    if (at)
        store(at, number, size);
    return (mseg_fbw_ref)w->used;
}

static mseg_fbw_ref put_u32(mseg_fbw *w, uint32_t number)
{
    return put(w, &number, sizeof number);
}

/* How far it is from the number that is written next to ref. */
static uint32_t distance(mseg_fbw *w, mseg_fbw_ref ref)
{
    pad(w, LENGTH, LENGTH);
    return (uint32_t)(w->used + LENGTH - ref);
}

/* A vector that says that it has length elements. */
static mseg_fbw_ref put_vector(mseg_fbw *w, const void *numbers, size_t count, size_t size, size_t align, size_t length)
{
    const uint8_t *from = numbers;
    pad(w, count * size, align > LENGTH ? align : LENGTH);
    uint8_t *at = take(w, count * size);
    for (size_t i = 0; at && i < count; i++)
        store(at + i * size, from + i * size, size);
    return put_u32(w, (uint32_t)length);
}

mseg_fbw_ref mseg_fbw_numbers(mseg_fbw *w, const void *numbers, size_t count, size_t size)
{
    return put_vector(w, numbers, count, size, size, count);
}

mseg_fbw_ref mseg_fbw_bytes(mseg_fbw *w, const void *numbers, size_t count, size_t size)
{
    return put_vector(w, numbers, count, size, MSEG_FBW_ALIGN, count * size);
}

mseg_fbw_ref mseg_fbw_refs(mseg_fbw *w, const mseg_fbw_ref *refs, size_t count)
{
    pad(w, 0, LENGTH);
    for (size_t i = count; i-- > 0;)
        put_u32(w, distance(w, refs[i]));
    return put_u32(w, (uint32_t)count);
}

mseg_fbw_ref mseg_fbw_text(mseg_fbw *w, const char *text)
{
    const size_t length = strlen(text);
    pad(w, length + 1, LENGTH);
    take(w, 1);
    uint8_t *at = take(w, length);
    if (at)
        memcpy(at, text, length);
    return put_u32(w, (uint32_t)length);
}

/* ---- tables ------------------------------------------------------------------------------------------------------------ */

void mseg_fbw_begin(mseg_fbw *w)
{
    memset(w->fields, 0, sizeof w->fields);
    w->n_fields = 0;
    w->before = w->used;
}

static void set(mseg_fbw *w, int field, mseg_fbw_ref ref)
{
    w->fields[field] = ref;
    w->n_fields = field >= w->n_fields ? field + 1 : w->n_fields;
}

void mseg_fbw_i8(mseg_fbw *w, int field, int8_t value, int8_t missing)
{
    if (value != missing)
        set(w, field, put(w, &value, sizeof value));
}

void mseg_fbw_i32(mseg_fbw *w, int field, int32_t value, int32_t missing)
{
    if (value != missing)
        set(w, field, put(w, &value, sizeof value));
}

void mseg_fbw_child(mseg_fbw *w, int field, mseg_fbw_ref ref)
{
    if (ref)
        set(w, field, put_u32(w, distance(w, ref)));
}

/* An earlier layout like the size bytes of one; 0: none. */
static mseg_fbw_ref same_layout(const mseg_fbw *w, const uint8_t *layout, size_t size)
{
    for (int i = 0; i < w->n_layouts; i++)
        if (w->layouts[i] >= size && memcmp(w->data + w->room - w->layouts[i], layout, size) == 0) /* their sizes come first */
            return w->layouts[i];
    return 0;
}

static mseg_fbw_ref put_layout(mseg_fbw *w, const uint8_t *layout, size_t size)
{
    uint8_t *at = take(w, size);
    if (!at)
        return 0;
    memcpy(at, layout, size);
    if (!mseg_grow(&w->layouts, &w->layouts_room, w->n_layouts + 1, sizeof *w->layouts)) {
        w->status = MSEG_NOMEM;
        return 0;
    }
    return w->layouts[w->n_layouts++] = (mseg_fbw_ref)w->used;
}

mseg_fbw_ref mseg_fbw_end(mseg_fbw *w)
{
    uint8_t layout[VTABLE_HEAD + 2 * MSEG_FBW_FIELDS];
    const mseg_fbw_ref table = put_u32(w, 0);
    const size_t size = VTABLE_HEAD + 2 * (size_t)w->n_fields;
    const uint16_t head[2] = {(uint16_t)size, (uint16_t)(table - w->before)};
    store(layout, &head[0], 2);
    store(layout + 2, &head[1], 2);
    for (int i = 0; i < w->n_fields; i++) {
        const uint16_t place = (uint16_t)(w->fields[i] ? table - w->fields[i] : 0);
        store(layout + VTABLE_HEAD + 2 * i, &place, 2);
    }
    if (w->status)
        return 0;
    mseg_fbw_ref found = same_layout(w, layout, size);
    if (!found)
        found = put_layout(w, layout, size);
    const int32_t away = (int32_t)found - (int32_t)table;
    if (!w->status)
        store(w->data + w->room - table, &away, sizeof away);
    return w->status ? 0 : table;
}

/* ---- the file ---------------------------------------------------------------------------------------------------------- */

mseg_status mseg_fbw_finish(mseg_fbw *w, mseg_fbw_ref root, const char identifier[5], size_t more, mseg_bytes *out)
{
    enum { IDENTIFIER = 4 };
    *out = (mseg_bytes){0};
    pad(w, LENGTH + IDENTIFIER, MSEG_FBW_ALIGN);
    uint8_t *at = take(w, IDENTIFIER);
    if (at)
        memcpy(at, identifier, IDENTIFIER);
    put_u32(w, distance(w, root));
    if (!w->status && more > INT32_MAX - w->used)
        w->status = MSEG_LIMIT;
    if (!w->status && grow(w, more)) {
        memmove(w->data, w->data + w->room - w->used, w->used);
        *out = (mseg_bytes){w->data, w->used};
        w->data = NULL;
    }
    const mseg_status status = w->status;
    mseg_fbw_free(w);
    return status;
}

void mseg_fbw_free(mseg_fbw *w)
{
    mseg_free(&w->data);
    mseg_free(&w->layouts);
    *w = (mseg_fbw){0};
}
