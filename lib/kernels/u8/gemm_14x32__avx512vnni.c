#include <immintrin.h>
#include <stdbool.h>
#include <string.h>

#include "kernels/registry.h"

#define INLINE static inline __attribute__((always_inline))

enum { MR = 14, NR = 32, VEC = 16 };

/* Four bytes of a pixel for every channel. */
INLINE __m512i four_inputs(const uint8_t *x)
{
    int32_t four;
    memcpy(&four, x, sizeof four);
    return _mm512_set1_epi32(four);
}

/* rows and vectors are constants, and the loops over them are made as in the float AVX-512 kernel, for the same reasons; so are
 * the pixels' addresses. Assembly that says nothing keeps clang from making one base of another; with the intrinsic gcc would
 * move sums about. */
INLINE void multiply(const mseg_u8_gemm_args *g, size_t p, const int rows, const int vectors, __m512i acc[MR][2])
{
    const size_t stride = g->a_stride;
    for (int t = 0; t < g->terms; t++) {
        const int quads = (g->k[t] + 3) / 4;
        const uint8_t *base[(MR + 2) / 3];
#pragma GCC unroll 5
        for (int i = 0; i < 5; i++)
            if (i < (rows + 2) / 3) {
                base[i] = g->a[t] + (p + 3 * (size_t)i) * stride;
                __asm__("" : "+r"(base[i]));
            }
        const int8_t *b = g->b[t];
        for (int q = 0; q < quads; q++) {
            __m512i w[2];
#pragma GCC unroll 2
            for (int v = 0; v < 2; v++)
                if (v < vectors)
                    w[v] = _mm512_loadu_si512(b + v * 4 * VEC);
#pragma GCC unroll 14
            for (int i = 0; i < 14; i++)
                if (i < rows) {
                    const __m512i x = four_inputs(base[i / 3] + (size_t)(i % 3) * stride);
#pragma GCC unroll 2
                    for (int v = 0; v < 2; v++)
                        if (v < vectors)
                            __asm__("vpdpbusd %2, %1, %0" : "+v"(acc[i][v]) : "v"(x), "v"(w[v]));
                }
#pragma GCC unroll 5
            for (int i = 0; i < 5; i++)
                if (i < (rows + 2) / 3)
                    base[i] += 4;
            b += vectors * 4 * VEC;
        }
    }
}

/* Sums begin with the channel's bias. */
INLINE void start(const mseg_u8_gemm_args *g, const int rows, const int vectors, __m512i acc[MR][2])
{
#pragma GCC unroll 2
    for (int v = 0; v < 2; v++)
        if (v < vectors) {
            const __m512i bias = _mm512_loadu_si512(g->bias + v * VEC);
#pragma GCC unroll 14
            for (int i = 0; i < 14; i++)
                if (i < rows)
                    acc[i][v] = bias;
        }
}

INLINE __m512i scaled(__m512i sums, __m512 scale)
{
    return _mm512_cvtps_epi32(_mm512_mul_ps(_mm512_cvtepi32_ps(sums), scale));
}

/* What all pixels of a panel have in common. */
typedef struct panel {
    __m512 scale[2];
    __m512i zero, min, max; /* zero: of 16 bits, min and max: of 8 */
    bool whole;             /* 0 to 255, and zero is 0 */
    bool full;              /* all lanes are channels */
    __mmask32 mask;         /* those that are */
} panel;

/* Four vectors of whole numbers, the zero point not yet added, as bytes. They saturate to 16 bits before zero is added, which is
 * 0 to 255: what was above 32767 stays at least 32767, for that sum saturates, too, and what was below -32768 becomes no more
 * than -32513. Clamped to a byte both are what they would have been, and min and max lie within bytes. Packing goes by quarters
 * of registers: every one then has four bytes of each vector. */
INLINE __m512i bytes(__m512i a, __m512i b, __m512i c, __m512i d, const panel *r)
{
    const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    __m512i ab = _mm512_packs_epi32(a, b), cd = _mm512_packs_epi32(c, d);
    if (r->whole)
        return _mm512_permutexvar_epi32(order, _mm512_packus_epi16(ab, cd));
    ab = _mm512_adds_epi16(ab, r->zero);
    cd = _mm512_adds_epi16(cd, r->zero);
    const __m512i in_range = _mm512_min_epu8(_mm512_max_epu8(_mm512_packus_epi16(ab, cd), r->min), r->max);
    return _mm512_permutexvar_epi32(order, in_range);
}

INLINE void store_two(uint8_t *c, size_t stride, __m512i y, const int pixels, const panel *r)
{
    const __m256i first = _mm512_castsi512_si256(y), second = _mm512_extracti64x4_epi64(y, 1);
    if (r->full)
        _mm256_storeu_si256((__m256i *)c, first);
    else
        _mm256_mask_storeu_epi8(c, r->mask, first);
    if (pixels > 1 && r->full)
        _mm256_storeu_si256((__m256i *)(c + stride), second);
    else if (pixels > 1)
        _mm256_mask_storeu_epi8(c + stride, r->mask, second);
}

INLINE void store_four(uint8_t *c, size_t stride, __m512i y, const int pixels, const panel *r)
{
    const __m128i quarters[4] = {_mm512_castsi512_si128(y), _mm512_extracti32x4_epi32(y, 1), _mm512_extracti32x4_epi32(y, 2),
                                 _mm512_extracti32x4_epi32(y, 3)};
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++)
        if (i < pixels && r->full)
            _mm_storeu_si128((__m128i *)(c + (size_t)i * stride), quarters[i]);
        else if (i < pixels)
            _mm_mask_storeu_epi8(c + (size_t)i * stride, (__mmask16)r->mask, quarters[i]);
}

/* The sums of rows pixels as bytes, in c. */
INLINE void finish(const panel *r, const int rows, const int vectors, __m512i acc[MR][2], uint8_t *c, size_t stride)
{
#pragma GCC unroll 14
    for (int i = 0; i < 14; i++)
        if (i < rows)
#pragma GCC unroll 2
            for (int v = 0; v < 2; v++)
                if (v < vectors)
                    acc[i][v] = scaled(acc[i][v], r->scale[v]);
#pragma GCC unroll 7
    for (int i = 0; i < 14; i += 2) {
        if (i < rows && vectors == 2) {
            const int next = i + 1 < rows ? i + 1 : i;
            const __m512i y = bytes(acc[i][0], acc[i][1], acc[next][0], acc[next][1], r);
            store_two(c + (size_t)i * stride, stride, y, rows - i, r);
        } else if (i < rows && i % 4 == 0) {
            const int b = i + 1 < rows ? i + 1 : i, e = i + 2 < rows ? i + 2 : i, d = i + 3 < rows ? i + 3 : i;
            const __m512i y = bytes(acc[i][0], acc[b][0], acc[e][0], acc[d][0], r);
            store_four(c + (size_t)i * stride, stride, y, rows - i, r);
        }
    }
}

/* Adds a map to m pixels of NR bytes at x. */
static void add_map(const mseg_u8_gemm_args *g, size_t p, int m, const uint8_t *x)
{
    const mseg_u8_add how = *g->how;
    const __m512i x_mul = _mm512_set1_epi32(how.x_mul), y_mul = _mm512_set1_epi32(how.y_mul), bias = _mm512_set1_epi32(how.bias);
    const __m512i zero = _mm512_set1_epi32(how.zero), min = _mm512_set1_epi32(how.min), max = _mm512_set1_epi32(how.max);
    const __m128i shift = _mm_cvtsi32_si128(how.shift);
    const int n = g->n;
    const size_t c_stride = g->c_stride, add_stride = g->add_stride;
    const uint8_t *add = g->add + p * add_stride;
    uint8_t *c = g->c + p * c_stride;
    for (int i = 0; i < m; i++, x += NR, add += add_stride, c += c_stride)
        for (int j = 0; j < n; j += VEC) {
            const __mmask16 mask = n - j >= VEC ? (__mmask16)0xffff : (__mmask16)((1u << (n - j)) - 1);
            const __m512i xs = _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)(x + j)));
            const __m512i ys = _mm512_cvtepu8_epi32(_mm_maskz_loadu_epi8(mask, add + j));
            const __m512i products = _mm512_add_epi32(_mm512_mullo_epi32(xs, x_mul), _mm512_mullo_epi32(ys, y_mul));
            const __m512i sum = _mm512_add_epi32(_mm512_sra_epi32(_mm512_add_epi32(products, bias), shift), zero);
            const __m512i in_range = _mm512_min_epi32(_mm512_max_epi32(sum, min), max);
            _mm_mask_storeu_epi8(c + j, mask, _mm512_cvtepi32_epi8(in_range));
        }
}

INLINE void tile(const mseg_u8_gemm_args *g, const panel *r, size_t p, const int rows, const int vectors)
{
    __m512i acc[MR][2];
    start(g, rows, vectors, acc);
    multiply(g, p, rows, vectors, acc);
    if (!g->how) {
        finish(r, rows, vectors, acc, g->c + p * g->c_stride, g->c_stride);
    } else {
        uint8_t x[MR * NR];
        finish(r, rows, vectors, acc, x, NR);
        add_map(g, p, rows, x);
    }
}

/* Tiles of MR pixels or less, all about as large. */
INLINE void tiles(const mseg_u8_gemm_args *g, int pixels, const int vectors)
{
    const panel r = {.scale = {_mm512_loadu_ps(g->scale), vectors > 1 ? _mm512_loadu_ps(g->scale + VEC) : _mm512_setzero_ps()},
                     .zero = _mm512_set1_epi16((short)g->zero),
                     .min = _mm512_set1_epi8((char)g->min),
                     .max = _mm512_set1_epi8((char)g->max),
                     .whole = g->zero == 0 && g->min == 0 && g->max == 255,
                     .full = g->n == vectors * VEC,
                     .mask = (__mmask32)((UINT64_C(1) << g->n) - 1)};
    const int n = (pixels + MR - 1) / MR, larger = pixels % n;
    for (int i = 0, p = 0, rows; i < n; i++, p += rows) {
        rows = pixels / n + (i < larger);
        switch (rows) {
#define CASE(rows)                                                                                                               \
    case rows:                                                                                                                   \
        tile(g, &r, (size_t)p, rows, vectors);                                                                                   \
        break;
            CASE(1)
            CASE(2)
            CASE(3)
            CASE(4)
            CASE(5)
            CASE(6)
            CASE(7)
            CASE(8)
            CASE(9)
            CASE(10)
            CASE(11)
            CASE(12)
            CASE(13)
            CASE(14)
#undef CASE
        }
    }
}

void mseg_u8_gemm_14x32__avx512vnni(const mseg_u8_gemm_args *g, int pixels)
{
    if (g->n > VEC)
        tiles(g, pixels, 2);
    else
        tiles(g, pixels, 1);
}
