#include <immintrin.h>

#include "kernels/registry.h"
#include "kernels/u8/dwconv_pack.h"

#define INLINE static inline __attribute__((always_inline))
#include "kernels/u8/dwconv_ymm.h"

/* A column is 16 channels by the bytes of four rows, what vpdpbusd multiplies by four weights and sums. The first output row's
 * weights are (w0, w1, w2, 0), the second's (0, w0, w1, w2). */
enum { PARTS = MSEG_U8_DWCONV_PARTS };

size_t mseg_u8_dwconv3x3_bytes__avxvnni(int channels)
{
    return mseg_u8_dwconv_bytes(channels);
}

void mseg_u8_dwconv3x3_pack__avxvnni(void *to, const int16_t *weights, int channels)
{
    mseg_u8_dwconv_pack(to, weights, channels);
}

typedef struct column {
    __m256i quads[2];
} column;

typedef struct block {
    ends ends;
    __m256i weights[PARTS][2][3][2]; /* [part][output row][tap] */
    int parts;
} block;

INLINE __m256i two_rows(const uint8_t *a, const uint8_t *b)
{
    const __m128i x = _mm_loadu_si128((const __m128i *)a), y = _mm_loadu_si128((const __m128i *)b);
    return _mm256_set_m128i(_mm_unpackhi_epi8(x, y), _mm_unpacklo_epi8(x, y));
}

INLINE column load_column(const uint8_t *const *in, size_t at, const block *b, const int lines)
{
    (void)b;
    const __m256i upper = two_rows(in[0] + at, in[1] + at), lower = two_rows(in[2] + at, in[lines == 2 ? 3 : 2] + at);
    return (column){{_mm256_unpacklo_epi16(upper, lower), _mm256_unpackhi_epi16(upper, lower)}};
}

INLINE void start(const block *b, sums *s)
{
    start_at(b->ends.bias, s);
}

INLINE void multiply(const block *b, const column *columns, sums *s, const int part, const int pixels, const int lines,
                     const int step)
{
#pragma GCC unroll 3
    for (int tap = 0; tap < 3; tap++)
#pragma GCC unroll 2
        for (int half = 0; half < 2; half++)
#pragma GCC unroll 2
            for (int l = 0; l < 2; l++)
#pragma GCC unroll 2
                for (int i = 0; i < PIXELS; i++)
                    if (i < pixels && l < lines)
                        s->rows[l][i][half] = _mm256_dpbusd_avx_epi32(s->rows[l][i][half], columns[i * step + tap].quads[half],
                                                                      b->weights[part][l][tap][half]);
}

INLINE void store(const block *b, const sums *s, int line, uint8_t *out, size_t out_stride, const int pixels)
{
    store_row(&b->ends, s->rows[line], out, out_stride, pixels);
}

INLINE void load_block(const mseg_u8_dwconv_args *g, int c, int i, block *b)
{
    const char *packed = (const char *)g->weights + mseg_u8_dwconv_block(g->channels, (size_t)i);
    load_ends(g, c, &b->ends);
    b->parts = mseg_u8_dwconv_parts(g->weights, i);
    for (int part = 0; part < b->parts; part++)
        for (int tap = 0; tap < 3; tap++) {
            load_split(packed + (part * 3 + tap) * MSEG_U8_DWCONV_TAP, b->weights[part][0][tap]);
            for (int half = 0; half < 2; half++)
                b->weights[part][1][tap][half] = _mm256_slli_epi32(b->weights[part][0][tap][half], 8);
        }
}

#include "kernels/u8/dwconv_frame.h"

void mseg_u8_dwconv3x3__avxvnni(const mseg_u8_dwconv_args *g)
{
    convolve(g);
}
