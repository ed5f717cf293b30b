#include <immintrin.h>
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
    const int quads = (g->k + 3) / 4;
    for (int t = 0; t < g->taps; t++) {
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

/* What a pixel's sums have in common, shift times the sum of its inputs, of rows pixels. */
INLINE __m512i shares(const mseg_u8_gemm_args *g, size_t p, const int rows)
{
    const __mmask16 mask = (__mmask16)((1u << rows) - 1);
    const __m512i order = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    const size_t stride = g->sums_stride;
    __m512i total = _mm512_setzero_si512();
    for (int t = 0; g->shift && t < g->taps; t++) {
        const int32_t *sums = g->sums[t] + p * stride;
        __m512i one;
        if (stride == 1)
            one = _mm512_maskz_loadu_epi32(mask, sums);
        else
            one = _mm512_mask_i32gather_epi32(total, mask, _mm512_mullo_epi32(order, _mm512_set1_epi32((int)stride)), sums, 4);
        total = _mm512_add_epi32(total, one);
    }
    return _mm512_mullo_epi32(total, _mm512_set1_epi32(g->shift));
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

typedef struct range {
    bool whole;             /* 0 to 255, and zero is 0 */
    __m512i zero, min, max; /* zero: of 16 bits, min and max: of 8 */
} range;

/* Four vectors of whole numbers, the zero point not yet added, as bytes. They saturate to 16 bits before zero is added, which is
 * 0 to 255: what was above 32767 stays at least 32767, for that sum saturates, too, and what was below -32768 becomes no more
 * than -32513. Clamped to a byte both are what they would have been, and min and max lie within bytes. Packing goes by quarters
 * of registers: every one then has four bytes of each vector. */
INLINE __m512i bytes(__m512i a, __m512i b, __m512i c, __m512i d, const range *r)
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

INLINE void store(uint8_t *c, size_t stride, __m512i y, const int pixels, const int vectors, __mmask32 mask)
{
    if (vectors == 2) {
        _mm256_mask_storeu_epi8(c, mask, _mm512_castsi512_si256(y));
        if (pixels > 1)
            _mm256_mask_storeu_epi8(c + stride, mask, _mm512_extracti64x4_epi64(y, 1));
        return;
    }
    _mm_mask_storeu_epi8(c, (__mmask16)mask, _mm512_castsi512_si128(y));
    if (pixels > 1)
        _mm_mask_storeu_epi8(c + stride, (__mmask16)mask, _mm512_extracti32x4_epi32(y, 1));
    if (pixels > 2)
        _mm_mask_storeu_epi8(c + 2 * stride, (__mmask16)mask, _mm512_extracti32x4_epi32(y, 2));
    if (pixels > 3)
        _mm_mask_storeu_epi8(c + 3 * stride, (__mmask16)mask, _mm512_extracti32x4_epi32(y, 3));
}

/* The sums of rows pixels as bytes, in c. */
INLINE void finish(const mseg_u8_gemm_args *g, const int rows, const int vectors, __m512i acc[MR][2], const int32_t *share,
                   uint8_t *c, size_t stride)
{
    const __mmask32 mask = (__mmask32)((UINT64_C(1) << g->n) - 1);
    const __m512 scale[2] = {_mm512_loadu_ps(g->scale), vectors > 1 ? _mm512_loadu_ps(g->scale + VEC) : _mm512_setzero_ps()};
    const range r = {g->zero == 0 && g->min == 0 && g->max == 255, _mm512_set1_epi16((short)g->zero),
                     _mm512_set1_epi8((char)g->min), _mm512_set1_epi8((char)g->max)};
#pragma GCC unroll 14
    for (int i = 0; i < 14; i++) {
        if (i < rows)
#pragma GCC unroll 2
            for (int v = 0; v < 2; v++)
                if (v < vectors)
                    acc[i][v] = scaled(_mm512_add_epi32(acc[i][v], _mm512_set1_epi32(share[i])), scale[v]);
    }
#pragma GCC unroll 7
    for (int i = 0; i < 14; i += 2) {
        if (i < rows && vectors == 2) {
            const int next = i + 1 < rows ? i + 1 : i;
            const __m512i y = bytes(acc[i][0], acc[i][1], acc[next][0], acc[next][1], &r);
            store(c + (size_t)i * stride, stride, y, rows - i, vectors, mask);
        } else if (i < rows && i % 4 == 0) {
            const int b = i + 1 < rows ? i + 1 : i, e = i + 2 < rows ? i + 2 : i, d = i + 3 < rows ? i + 3 : i;
            const __m512i y = bytes(acc[i][0], acc[b][0], acc[e][0], acc[d][0], &r);
            store(c + (size_t)i * stride, stride, y, rows - i, vectors, mask);
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

INLINE void tile(const mseg_u8_gemm_args *g, size_t p, const int rows, const int vectors)
{
    __m512i acc[MR][2];
    _Alignas(64) int32_t share[16]; /* added at the end, so that the first products need not wait for it */
    _mm512_store_si512(share, shares(g, p, rows));
    start(g, rows, vectors, acc);
    multiply(g, p, rows, vectors, acc);
    if (!g->how) {
        finish(g, rows, vectors, acc, share, g->c + p * g->c_stride, g->c_stride);
    } else {
        uint8_t x[MR * NR];
        finish(g, rows, vectors, acc, share, x, NR);
        add_map(g, p, rows, x);
    }
}

INLINE void tiles(const mseg_u8_gemm_args *g, size_t p, int m, const int vectors)
{
    switch (m) {
#define CASE(rows)                                                                                                               \
    case rows:                                                                                                                   \
        tile(g, p, rows, vectors);                                                                                               \
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

void mseg_u8_gemm_14x32__avx512vnni(const mseg_u8_gemm_args *g, int p, int m)
{
    if (g->n > VEC)
        tiles(g, (size_t)p, m, 2);
    else
        tiles(g, (size_t)p, m, 1);
}
