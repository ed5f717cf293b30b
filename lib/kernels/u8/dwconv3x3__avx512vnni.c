#include <immintrin.h>

#include "kernels/registry.h"
#include "kernels/u8/dwconv_pack.h"

#define INLINE static inline __attribute__((always_inline))

/* A column of the picture is held as a "quad": 16 channels by the bytes of four rows, what vpdpbusd multiplies by four weights
 * and sums. The first output row's weights are (w0, w1, w2, 0), the second's (0, w0, w1, w2), and neighbouring output pixels
 * share their columns' quads. */
enum { VEC = 16, PIXELS = 4, COLUMNS = 2 * PIXELS + 1, STRETCH = 64 };

size_t mseg_u8_dwconv3x3_bytes__avx512vnni(int channels)
{
    return mseg_u8_dwconv_bytes(channels, VEC);
}

void mseg_u8_dwconv3x3_pack__avx512vnni(void *to, const int16_t *weights, int channels)
{
    mseg_u8_dwconv_pack(to, weights, channels, VEC);
}

typedef struct block {
    __m512i weights[2][3]; /* per output row, of the first part */
    const __m512i *parts;  /* [parts][3] */
    int n_parts;
    __m512i bias;
    __m512 scale;
} block;

typedef struct ends {
    __m512i zero, min, max; /* words and bytes */
    __m512i transpose, rows_to_quads;
} ends;

/* Every phases-th pixel of a row, so that rates above 1 share their columns, too. */
typedef struct strip {
    const uint8_t *in[4]; /* of the next column that has no quad */
    uint8_t *out[2];
    size_t tap_step, pixel_step, out_stride;
    int pixels;
} strip;

INLINE __m512i load_quad(const strip *s, const ends *e, size_t at, const int lines)
{
    __m512i rows = _mm512_castsi128_si512(_mm_loadu_si128((const __m128i *)(s->in[0] + at)));
    rows = _mm512_mask_broadcast_i32x4(rows, 0x00f0, _mm_loadu_si128((const __m128i *)(s->in[1] + at)));
    rows = _mm512_mask_broadcast_i32x4(rows, 0x0f00, _mm_loadu_si128((const __m128i *)(s->in[2] + at)));
    if (lines == 2)
        rows = _mm512_mask_broadcast_i32x4(rows, 0xf000, _mm_loadu_si128((const __m128i *)(s->in[3] + at)));
    return _mm512_shuffle_epi8(_mm512_permutexvar_epi32(e->transpose, rows), e->rows_to_quads);
}

INLINE __m512i rounded(__m512i sum, const block *b)
{
    return _mm512_cvtps_epi32(_mm512_mul_ps(_mm512_cvtepi32_ps(sum), b->scale));
}

INLINE void store(const strip *s, const block *b, const ends *e, const __m512i *sums, uint8_t *out, const int pixels)
{
    const __m512i none = _mm512_setzero_si512();
    __m512i low = _mm512_packs_epi32(rounded(sums[0], b), pixels == 4 ? rounded(sums[1], b) : none), high = none;
    low = _mm512_adds_epi16(low, e->zero);
    if (pixels == 4)
        high = _mm512_adds_epi16(_mm512_packs_epi32(rounded(sums[2], b), rounded(sums[3], b)), e->zero);
    __m512i bytes = _mm512_min_epu8(_mm512_max_epu8(_mm512_packus_epi16(low, high), e->min), e->max);
    bytes = _mm512_permutexvar_epi32(e->transpose, bytes);
    _mm_storeu_si128((__m128i *)out, _mm512_castsi512_si128(bytes));
    if (pixels == 4) {
        _mm_storeu_si128((__m128i *)(out + s->out_stride), _mm512_extracti32x4_epi32(bytes, 1));
        _mm_storeu_si128((__m128i *)(out + 2 * s->out_stride), _mm512_extracti32x4_epi32(bytes, 2));
        _mm_storeu_si128((__m128i *)(out + 3 * s->out_stride), _mm512_extracti32x4_epi32(bytes, 3));
    }
}

/* Quads from to to of a span are those of the strip's next columns. */
INLINE void next_quads(strip *s, const ends *e, __m512i *quads, const int from, const int to, const int lines)
{
#pragma GCC unroll 8
    for (int x = 0; x < 2 * PIXELS; x++)
        if (from + x < to)
            quads[from + x] = load_quad(s, e, (size_t)x * s->tap_step, lines);
#pragma GCC unroll 4
    for (int y = 0; y < 4; y++)
        if (y < 2 + lines)
            s->in[y] += (size_t)(to - from) * s->tap_step;
}

INLINE void multiply(const block *b, const __m512i *quads, __m512i (*sums)[PIXELS], const int part, const int pixels,
                     const int lines, const int step)
{
#pragma GCC unroll 3
    for (int tap = 0; tap < 3; tap++) {
        const __m512i w0 = part ? b->parts[part * 3 + tap] : b->weights[0][tap];
        const __m512i w1 = part ? _mm512_slli_epi32(w0, 8) : b->weights[1][tap];
#pragma GCC unroll 4
        for (int i = 0; i < PIXELS; i++)
            if (i < pixels)
                sums[0][i] = _mm512_dpbusd_epi32(sums[0][i], quads[i * step + tap], w0);
#pragma GCC unroll 4
        for (int i = 0; i < PIXELS; i++)
            if (i < pixels && lines == 2)
                sums[1][i] = _mm512_dpbusd_epi32(sums[1][i], quads[i * step + tap], w1);
    }
}

/* 16 channels of 1 or 4 pixels in each of lines rows, all constants, whose quads are there. step: columns from pixel to pixel, 3:
 * none is shared. The quads of more pixels are loaded before the sums are rounded, which keeps the multipliers busy. */
INLINE void span(strip *s, const block *b, const ends *e, __m512i *quads, const int pixels, const int lines, const int step,
                 const int wide, const int more)
{
    __m512i sums[2][PIXELS];
#pragma GCC unroll 4
    for (int i = 0; i < PIXELS; i++)
        sums[0][i] = sums[1][i] = b->bias;
    multiply(b, quads, sums, 0, pixels, lines, step);
    for (int part = 1; wide && part < b->n_parts; part++)
        multiply(b, quads, sums, part, pixels, lines, step);
    const int shared = 3 - step;
#pragma GCC unroll 2
    for (int x = 0; x < 2; x++)
        if (x < shared)
            quads[x] = quads[pixels * step + x];
    if (more)
        next_quads(s, e, quads, shared, shared + more * step, lines);
#pragma GCC unroll 2
    for (int l = 0; l < 2; l++)
        if (l < lines) {
            store(s, b, e, sums[l], s->out[l], pixels);
            s->out[l] += (size_t)pixels * s->out_stride;
        }
}

INLINE void whole_strip(strip *s, const block *b, const ends *e, const int lines, const int step, const int wide)
{
    __m512i quads[COLUMNS];
    const int shared = 3 - step;
    next_quads(s, e, quads, 0, shared, lines);
    int left = s->pixels;
    if (step < 3 && left >= PIXELS) {
        next_quads(s, e, quads, shared, shared + PIXELS * step, lines);
        for (; left >= 2 * PIXELS; left -= PIXELS)
            span(s, b, e, quads, PIXELS, lines, step, wide, PIXELS);
        span(s, b, e, quads, PIXELS, lines, step, wide, 0);
        left -= PIXELS;
    }
    for (; left > 0; left--) {
        next_quads(s, e, quads, shared, 3, lines);
        span(s, b, e, quads, 1, lines, step, wide, 0);
#pragma GCC unroll 4
        for (int y = 0; y < 4; y++)
            if (y < 2 + lines && step == 3)
                s->in[y] += (ptrdiff_t)(s->pixel_step - 3 * s->tap_step);
    }
}

/* n pixels from pixel first on. */
INLINE void one_block(const mseg_u8_dwconv_args *g, const block *b, const ends *e, int first, int n, int c, const int phases,
                      const int lines, const int step)
{
    for (int x = first; x < first + phases && x < first + n; x++) {
        const size_t from = (size_t)x * g->pixel_step + (size_t)c, to = (size_t)x * g->out_stride + (size_t)c;
        strip s = {.in = {g->rows[0] + from, g->rows[1] + from, g->rows[2] + from, lines == 2 ? g->rows[3] + from : NULL},
                   .out = {g->out + to, lines == 2 ? g->second + to : NULL},
                   .tap_step = g->tap_step,
                   .pixel_step = g->pixel_step * (size_t)phases,
                   .out_stride = g->out_stride * (size_t)phases,
                   .pixels = (first + n - x + phases - 1) / phases};
        if (b->n_parts == 1)
            whole_strip(&s, b, e, lines, step, 0);
        else
            whole_strip(&s, b, e, lines, step, 1);
    }
}

/* Stretches of a row whose columns stay in the first-level cache from one block of channels to the next. */
INLINE void all_channels(const mseg_u8_dwconv_args *g, const ends *e, const int phases, const int lines, const int step)
{
    const mseg_u8_dwconv_packed packed = mseg_u8_dwconv_unpack(g->weights, g->channels, VEC);
    for (int first = 0, n; first < g->pixels; first += n) {
        n = g->pixels - first < STRETCH * 3 / 2 ? g->pixels - first : STRETCH;
        for (int c = 0, i = 0; c < g->channels; c += VEC, i++) {
            block b = {.parts = (const void *)(packed.weights + (size_t)i * packed.block),
                       .n_parts = packed.parts[i],
                       .bias = _mm512_loadu_si512(g->bias + c),
                       .scale = _mm512_loadu_ps(g->scale + c)};
            for (int tap = 0; tap < 3; tap++) {
                b.weights[0][tap] = b.parts[tap];
                b.weights[1][tap] = _mm512_slli_epi32(b.parts[tap], 8);
            }
            one_block(g, &b, e, first, n, c, phases, lines, step);
        }
    }
}

INLINE void all_lines(const mseg_u8_dwconv_args *g, const ends *e, const int phases, const int step)
{
    if (g->second)
        all_channels(g, e, phases, 2, step);
    else
        all_channels(g, e, phases, 1, step);
}

void mseg_u8_dwconv3x3__avx512vnni(const mseg_u8_dwconv_args *g)
{
    ends e = {
        .zero = _mm512_set1_epi16((int16_t)g->zero),
        .min = _mm512_set1_epi8((char)g->min),
        .max = _mm512_set1_epi8((char)g->max),
        .transpose = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15),
        .rows_to_quads = _mm512_broadcast_i32x4(_mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15)),
    };
    /* Compilers that know these make three times as many instructions of them. */
    __asm__("" : "+v"(e.transpose), "+v"(e.rows_to_quads));
    const int phases = mseg_u8_dwconv_phases(g);
    if (g->tap_step == g->pixel_step * (size_t)phases)
        all_lines(g, &e, phases, 1);
    else if (g->pixel_step == 2 * g->tap_step)
        all_lines(g, &e, 1, 2);
    else
        all_lines(g, &e, 1, 3);
}
