#include <string.h>

#include "weights/flatbuffer.h"
#include "weights/foreign_inside.h"

/* PKWARE's APPNOTE, 4.3.12 and 4.3.16: a zip file ends with its directory and a record that says where that is. */
enum { LOCAL_BYTES = 30, ENTRY_BYTES = 46, END_BYTES = 22, MAX_COMMENT = 65535 };

bool mseg_foreign_is_zip(const uint8_t *data, size_t size)
{
    return size >= LOCAL_BYTES && memcmp(data, "PK\3\4", 4) == 0;
}

/* The position of the last record, or size when there is none. */
static size_t find_end(const uint8_t *data, size_t size)
{
    for (size_t back = END_BYTES; back <= size && back <= END_BYTES + MAX_COMMENT; back++)
        if (memcmp(data + size - back, "PK\5\6", 4) == 0)
            return size - back;
    return size;
}

static bool ends_with(const uint8_t *name, size_t length, const char *ending)
{
    size_t bytes = strlen(ending);
    return length >= bytes && memcmp(name + length - bytes, ending, bytes) == 0;
}

bool mseg_foreign_zip_holds(const uint8_t *data, size_t size, const char *ending)
{
    size_t end = mseg_foreign_is_zip(data, size) ? find_end(data, size) : size;
    if (end == size)
        return false;
    size_t at = mseg_load_u32(data + end + 16);
    while (at < end && end - at >= ENTRY_BYTES && memcmp(data + at, "PK\1\2", 4) == 0) {
        size_t name = mseg_load_u16(data + at + 28);
        size_t rest = (size_t)mseg_load_u16(data + at + 30) + mseg_load_u16(data + at + 32);
        if (name > end - at - ENTRY_BYTES)
            return false;
        if (ends_with(data + at + ENTRY_BYTES, name, ending))
            return true;
        at += ENTRY_BYTES + name + rest;
    }
    return false;
}
