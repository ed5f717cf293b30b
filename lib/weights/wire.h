#ifndef MSEG_WEIGHTS_WIRE_H
#define MSEG_WEIGHTS_WIRE_H

/* Inside lib/weights only. The fields of a protocol buffer's message one by one, in place: for files that are to be told by what
 * they hold, and for messages that are too large to be unpacked whole. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MSEG_WIRE_VARINT = 0, MSEG_WIRE_FIXED64 = 1, MSEG_WIRE_BYTES = 2, MSEG_WIRE_FIXED32 = 5 };

typedef struct mseg_wire {
    const uint8_t *data;
    size_t size; /* that are left */
} mseg_wire;

typedef struct mseg_wire_field {
    uint64_t number;
    int wire;
    uint64_t value;  /* of a VARINT */
    mseg_wire bytes; /* of BYTES; cut where the message ends */
    bool cut;
} mseg_wire_field;

/** The next field; false at the end and when it is none. */
bool mseg_wire_take(mseg_wire *m, mseg_wire_field *f);

#endif
