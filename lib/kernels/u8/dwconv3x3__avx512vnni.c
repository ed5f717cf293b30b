#include <immintrin.h>

#include "kernels/registry.h"
#include "kernels/u8/dwconv_pack.h"

#define INLINE static inline __attribute__((always_inline))

/* A column is a "quad": 16 channels by the bytes of four rows, what vpdpbusd multiplies by four weights and sums. The first
 * output row's weights are (w0, w1, w2, 0), the second's (0, w0, w1, w2). */
enum { PIXELS = 4, PARTS = MSEG_U8_DWCONV_PARTS };

size_t mseg_u8_dwconv3x3_bytes__avx512vnni(int channels)
{
    return mseg_u8_dwconv_bytes(channels);
}

void mseg_u8_dwconv3x3_pack__avx512vnni(void *to, const int16_t *weights, int channels)
{
    mseg_u8_dwconv_pack(to, weights, channels);
}

typedef __m512i column;

typedef struct block {
    __m512i zero, min, max; /* words and bytes */
    __m512i transpose, rows_to_quads;
    __m512i weights[2][3]; /* per output row, of the first part */
    const __m512i *first;  /* [parts][3]: the first output row's */
    int parts;
    __m512i bias;
    __m512 scale;
} block;

typedef struct sums {
    __m512i rows[2][PIXELS];
} sums;

INLINE column load_column(const uint8_t *const *in, size_t at, const block *b, const int lines)
{
    __m512i rows = _mm512_castsi128_si512(_mm_loadu_si128((const __m128i *)(in[0] + at)));
    rows = _mm512_mask_broadcast_i32x4(rows, 0x00f0, _mm_loadu_si128((const __m128i *)(in[1] + at)));
    rows = _mm512_mask_broadcast_i32x4(rows, 0x0f00, _mm_loadu_si128((const __m128i *)(in[2] + at)));
    if (lines == 2)
        rows = _mm512_mask_broadcast_i32x4(rows, 0xf000, _mm_loadu_si128((const __m128i *)(in[3] + at)));
    return _mm512_shuffle_epi8(_mm512_permutexvar_epi32(b->transpose, rows), b->rows_to_quads);
}

INLINE void start(const block *b, sums *s)
{
#pragma GCC unroll 4
    for (int i = 0; i < PIXELS; i++)
        s->rows[0][i] = s->rows[1][i] = b->bias;
}

INLINE void multiply(const block *b, const column *columns, sums *s, const int part, const int pixels, const int lines,
                     const int step)
{
#pragma GCC unroll 3
    for (int tap = 0; tap < 3; tap++) {
        const __m512i w0 = part ? b->first[part * 3 + tap] : b->weights[0][tap];
        const __m512i w1 = part ? _mm512_slli_epi32(w0, 8) : b->weights[1][tap];
#pragma GCC unroll 4
        for (int i = 0; i < PIXELS; i++)
            if (i < pixels)
                s->rows[0][i] = _mm512_dpbusd_epi32(s->rows[0][i], columns[i * step + tap], w0);
#pragma GCC unroll 4
        for (int i = 0; i < PIXELS; i++)
            if (i < pixels && lines == 2)
                s->rows[1][i] = _mm512_dpbusd_epi32(s->rows[1][i], columns[i * step + tap], w1);
    }
}

INLINE __m512i rounded(__m512i sum, const block *b)
{
    return _mm512_cvtps_epi32(_mm512_mul_ps(_mm512_cvtepi32_ps(sum), b->scale));
}

INLINE void store(const block *b, const sums *s, int line, uint8_t *out, size_t out_stride, const int pixels)
{
    const __m512i *sum = s->rows[line], none = _mm512_setzero_si512();
    __m512i low = _mm512_packs_epi32(rounded(sum[0], b), pixels == 4 ? rounded(sum[1], b) : none), high = none;
    low = _mm512_adds_epi16(low, b->zero);
    if (pixels == 4)
        high = _mm512_adds_epi16(_mm512_packs_epi32(rounded(sum[2], b), rounded(sum[3], b)), b->zero);
    __m512i bytes = _mm512_min_epu8(_mm512_max_epu8(_mm512_packus_epi16(low, high), b->min), b->max);
    bytes = _mm512_permutexvar_epi32(b->transpose, bytes);
    _mm_storeu_si128((__m128i *)out, _mm512_castsi512_si128(bytes));
    if (pixels == 4) {
        _mm_storeu_si128((__m128i *)(out + out_stride), _mm512_extracti32x4_epi32(bytes, 1));
        _mm_storeu_si128((__m128i *)(out + 2 * out_stride), _mm512_extracti32x4_epi32(bytes, 2));
        _mm_storeu_si128((__m128i *)(out + 3 * out_stride), _mm512_extracti32x4_epi32(bytes, 3));
    }
}

INLINE void load_block(const mseg_u8_dwconv_args *g, int c, int i, block *b)
{
    b->zero = _mm512_set1_epi16((int16_t)g->zero);
    b->min = _mm512_set1_epi8((char)g->min);
    b->max = _mm512_set1_epi8((char)g->max);
    b->transpose = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    b->rows_to_quads = _mm512_broadcast_i32x4(_mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15));
    /* Compilers that know these make three times as many instructions of them. */
    __asm__("" : "+v"(b->transpose), "+v"(b->rows_to_quads));
    b->first = (const void *)((const char *)g->weights + mseg_u8_dwconv_block(g->channels, (size_t)i));
    b->parts = mseg_u8_dwconv_parts(g->weights, i);
    b->bias = _mm512_loadu_si512(g->bias + c);
    b->scale = _mm512_loadu_ps(g->scale + c);
    for (int tap = 0; tap < 3; tap++) {
        b->weights[0][tap] = b->first[tap];
        b->weights[1][tap] = _mm512_slli_epi32(b->first[tap], 8);
    }
}

#include "kernels/u8/dwconv_strips.h"

enum { COLUMNS = 2 * PIXELS + 1 };

/* Columns from to to of a span are the strip's next ones. */
INLINE void next_columns(strip *s, const block *b, column *columns, const int from, const int to, const int lines)
{
#pragma GCC unroll 9
    for (int x = 0; x < COLUMNS; x++)
        if (from + x < to)
            columns[from + x] = load_column(s->in, (size_t)x * s->tap_step, b, lines);
#pragma GCC unroll 4
    for (int y = 0; y < 4; y++)
        if (y < 2 + lines)
            s->in[y] += (size_t)(to - from) * s->tap_step;
}

/* Pixels whose columns are there. Those of more pixels are loaded before the sums are rounded, which keeps multipliers busy. */
INLINE void span(strip *s, const block *b, column *columns, const int pixels, const int lines, const int step, const int wide,
                 const int more)
{
    sums sum;
    start(b, &sum);
    multiply(b, columns, &sum, 0, pixels, lines, step);
    for (int part = 1; wide && part < b->parts; part++)
        multiply(b, columns, &sum, part, pixels, lines, step);
    const int shared = 3 - step;
#pragma GCC unroll 2
    for (int x = 0; x < 2; x++)
        if (x < shared)
            columns[x] = columns[pixels * step + x];
    if (more)
        next_columns(s, b, columns, shared, shared + more * step, lines);
#pragma GCC unroll 2
    for (int l = 0; l < 2; l++)
        if (l < lines) {
            store(b, &sum, l, s->out[l], s->out_stride, pixels);
            s->out[l] += (size_t)pixels * s->out_stride;
        }
}

INLINE void whole_strip(strip *s, const block *b, const int lines, const int step, const int wide)
{
    column columns[COLUMNS];
    const int shared = 3 - step;
    int left = s->pixels;
    next_columns(s, b, columns, 0, shared, lines);
    if (step < 3 && left >= PIXELS) {
        next_columns(s, b, columns, shared, shared + PIXELS * step, lines);
        for (; left >= 2 * PIXELS; left -= PIXELS)
            span(s, b, columns, PIXELS, lines, step, wide, PIXELS);
        span(s, b, columns, PIXELS, lines, step, wide, 0);
        left -= PIXELS;
    }
    for (; left > 0; left--) {
        next_columns(s, b, columns, shared, 3, lines);
        span(s, b, columns, 1, lines, step, wide, 0);
#pragma GCC unroll 4
        for (int y = 0; y < 4; y++)
            if (y < 2 + lines && step == 3)
                s->in[y] += (ptrdiff_t)(s->pixel_step - 3 * s->tap_step);
    }
}

void mseg_u8_dwconv3x3__avx512vnni(const mseg_u8_dwconv_args *g)
{
    convolve(g);
}
