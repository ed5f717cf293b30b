#ifndef MSEG_WEIGHTS_FLATBUFFER_H
#define MSEG_WEIGHTS_FLATBUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A reader of FlatBuffers files that trusts nothing: every position is checked against the file, numbers are taken byte by byte
 * (no alignment, any host). The first damage found is kept in the cursor and everything read after it, or that is absent, is
 * empty or the default; so a walk needs one check at its end, and loops end because counts are checked against the file first. */
typedef struct mseg_fb {
    const uint8_t *data;
    size_t size;
    const char *damage; /* what is wrong, NULL while nothing is */
    size_t where;       /* file position of the damage */
} mseg_fb;

/* position 0 (the root offset's own place) stands for an absent table or vector. */
typedef struct mseg_fb_table {
    size_t position, size;
    size_t vtable, vtable_size;
} mseg_fb_table;

typedef struct mseg_fb_vector {
    size_t position; /* of element 0 */
    uint32_t count;
} mseg_fb_vector;

/* Little-endian numbers at any address. */
uint16_t mseg_load_u16(const uint8_t *bytes);
uint32_t mseg_load_u32(const uint8_t *bytes);
uint64_t mseg_load_u64(const uint8_t *bytes);
float mseg_load_f32(const uint8_t *bytes);

mseg_fb_table mseg_fb_root(mseg_fb *fb);

/* Fields are numbered from 0 in the schema's order (a union takes two numbers: type, value). */
int8_t mseg_fb_i8(mseg_fb *fb, mseg_fb_table table, int field, int8_t missing);
int32_t mseg_fb_i32(mseg_fb *fb, mseg_fb_table table, int field, int32_t missing);
uint32_t mseg_fb_u32(mseg_fb *fb, mseg_fb_table table, int field, uint32_t missing);
bool mseg_fb_has(mseg_fb *fb, mseg_fb_table table, int field);
mseg_fb_table mseg_fb_child(mseg_fb *fb, mseg_fb_table table, int field);
mseg_fb_vector mseg_fb_list(mseg_fb *fb, mseg_fb_table table, int field, size_t element_size);

/** Element index of a list of tables (element_size 4); index < count. */
mseg_fb_table mseg_fb_table_at(mseg_fb *fb, mseg_fb_vector list, uint32_t index);

/** Element index of a list of int32; index < count. */
int32_t mseg_fb_i32_at(const mseg_fb *fb, mseg_fb_vector list, uint32_t index);

/** Notes damage at a position unless some was noted before. */
void mseg_fb_damage(mseg_fb *fb, size_t where, const char *what);

#endif
