#include "weights/wire.h"

static bool take_varint(mseg_wire *m, uint64_t *value)
{
    *value = 0;
    for (unsigned shift = 0; shift < 64 && m->size; shift += 7) {
        uint8_t byte = *m->data++;
        m->size--;
        *value |= (uint64_t)(byte & 127) << shift;
        if (byte < 128)
            return true;
    }
    return false;
}

static void skip(mseg_wire *m, size_t bytes)
{
    m->data += bytes;
    m->size -= bytes;
}

bool mseg_wire_take(mseg_wire *m, mseg_wire_field *f)
{
    uint64_t key;
    if (!take_varint(m, &key))
        return false;
    *f = (mseg_wire_field){.number = key >> 3, .wire = (int)(key & 7)};
    size_t fixed = f->wire == MSEG_WIRE_FIXED64 ? 8 : 4;
    switch (f->wire) {
    case MSEG_WIRE_VARINT:
        return f->number && take_varint(m, &f->value);
    case MSEG_WIRE_BYTES:
        if (!f->number || !take_varint(m, &f->value))
            return false;
        f->cut = f->value > m->size;
        f->bytes = (mseg_wire){m->data, f->cut ? m->size : (size_t)f->value};
        skip(m, f->bytes.size);
        return true;
    case MSEG_WIRE_FIXED64:
    case MSEG_WIRE_FIXED32:
        if (!f->number || m->size < fixed)
            return false;
        skip(m, fixed);
        return true;
    default:
        return false;
    }
}
