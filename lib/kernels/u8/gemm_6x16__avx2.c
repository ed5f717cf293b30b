#include "kernels/registry.h"
#include "kernels/u8/gemm_ymm.h"

enum { MR = 6, BLOCK = 8 };

/* Eight fours of inputs of every pixel, [h][pixel]: inputs h and h + 2 of each as pairs of 16 bits. They are widened once and not
 * for every four: that would take as many instructions as a fourth of the products. */
typedef struct pairs {
    _Alignas(32) int32_t at[2][MR][BLOCK];
} pairs;

/* Reads the first n fours of eight. */
INLINE __m256i fours(const uint8_t *x, int n)
{
    if (n >= BLOCK)
        return _mm256_loadu_si256((const __m256i *)x);
    const __m256i mask = _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
    return _mm256_maskload_epi32((const int *)(const void *)x, mask);
}

INLINE void widen(const uint8_t *x, size_t stride, int n, const int rows, pairs *to)
{
    const __m256i low = _mm256_set1_epi16(255);
#pragma GCC unroll 6
    for (int i = 0; i < 6; i++)
        if (i < rows) {
            const __m256i bytes = fours(x + (size_t)i * stride, n);
            _mm256_store_si256((__m256i *)to->at[0][i], _mm256_and_si256(bytes, low));
            _mm256_store_si256((__m256i *)to->at[1][i], _mm256_srli_epi16(bytes, 8));
        }
}

/* Of what is added up nothing saturates. With the intrinsic gcc would gather the products first and keep sums in memory; it
 * would also make one large loop body of a block's fours. */
INLINE void multiply(const mseg_u8_gemm_args *g, size_t p, const int rows, const int vectors, __m256i acc[SUMS])
{
    const size_t stride = g->a_stride;
    for (int t = 0; t < g->terms; t++) {
        const uint8_t *a = g->a[t] + p * stride;
        const __m256i *b = g->b[t];
        for (int left = (g->k[t] + 3) / 4; left > 0; left -= BLOCK, a += 4 * BLOCK) {
            pairs x;
            widen(a, stride, left, rows, &x);
            const int n = left < BLOCK ? left : BLOCK;
#pragma GCC unroll 1
            for (int q = 0; q < n; q++)
#pragma GCC unroll 2
                for (int h = 0; h < 2; h++, b += vectors) {
                    __m256i w[2];
#pragma GCC unroll 2
                    for (int v = 0; v < 2; v++)
                        if (v < vectors)
                            w[v] = _mm256_loadu_si256(b + v);
#pragma GCC unroll 6
                    for (int i = 0; i < 6; i++)
                        if (i < rows) {
                            const __m256i two = _mm256_set1_epi32(x.at[h][i][q]);
#pragma GCC unroll 2
                            for (int v = 0; v < 2; v++)
                                if (v < vectors) {
                                    const __m256i products = _mm256_madd_epi16(two, w[v]);
                                    __asm__("vpaddd %1, %0, %0" : "+x"(acc[i * vectors + v]) : "x"(products));
                                }
                        }
                }
        }
    }
}

/* Tiles of MR pixels or one less, all about as large. */
INLINE void tiles(const mseg_u8_gemm_args *g, int pixels, const int vectors)
{
    const panel r = load_panel(g, vectors);
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
#undef CASE
        }
    }
}

void mseg_u8_gemm_6x16__avx2(const mseg_u8_gemm_args *g, int pixels)
{
    if (g->n > VEC)
        tiles(g, pixels, 2);
    else
        tiles(g, pixels, 1);
}
