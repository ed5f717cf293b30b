#ifndef MSEG_WRITE_FLATBUFFER_H
#define MSEG_WRITE_FLATBUFFER_H

#include "write/write.h"

/* Inside lib/write only: a writer of FlatBuffers files. As in Google's, the file grows from its end, so that what a table names
 * is written before the table. The first failure stays in status, and everything written after it is nothing; so that one check
 * at the end will do. Begins all zero. Numbers are little-endian on any host. */

enum { MSEG_FBW_FIELDS = 16, MSEG_FBW_ALIGN = 16 };

/* Where something begins, as bytes from there to the end of the file; 0: nothing, of which a table has no field. */
typedef uint32_t mseg_fbw_ref;

typedef struct mseg_fbw {
    uint8_t *data; /* the file is the last used bytes of room */
    size_t room, used;
    mseg_status status; /* MSEG_NOMEM, MSEG_LIMIT (more than 2 GiB) */
    /* The table in the making. */
    mseg_fbw_ref fields[MSEG_FBW_FIELDS];
    int n_fields;
    size_t before;
    mseg_fbw_ref *layouts; /* of fields, all different, that tables share */
    int n_layouts, layouts_room;
} mseg_fbw;

/** A vector of count numbers of size bytes each. */
mseg_fbw_ref mseg_fbw_numbers(mseg_fbw *w, const void *numbers, size_t count, size_t size);

/** The same as a vector of bytes, which begins at a multiple of MSEG_FBW_ALIGN. */
mseg_fbw_ref mseg_fbw_bytes(mseg_fbw *w, const void *numbers, size_t count, size_t size);

/** A vector of what refs name. */
mseg_fbw_ref mseg_fbw_refs(mseg_fbw *w, const mseg_fbw_ref *refs, size_t count);

mseg_fbw_ref mseg_fbw_text(mseg_fbw *w, const char *text);

/** Begins a table. Only its fields may follow, each once, numbered as in the schema; those that are missing's value are left out.
 */
void mseg_fbw_begin(mseg_fbw *w);
void mseg_fbw_i8(mseg_fbw *w, int field, int8_t value, int8_t missing);
void mseg_fbw_i32(mseg_fbw *w, int field, int32_t value, int32_t missing);
void mseg_fbw_child(mseg_fbw *w, int field, mseg_fbw_ref ref);
mseg_fbw_ref mseg_fbw_end(mseg_fbw *w);

/** Ends the file: root's table, and the four letters that tell its schema. *out is the file, whose data has more bytes of room at
 * its end, and *w is all zero. Errors: those of status; *out is all zero then. */
mseg_status mseg_fbw_finish(mseg_fbw *w, mseg_fbw_ref root, const char identifier[5], size_t more, mseg_bytes *out);

/** Frees and zeroes; safe on an all-zero one. */
void mseg_fbw_free(mseg_fbw *w);

#endif
