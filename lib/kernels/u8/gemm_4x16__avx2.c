#include "kernels/registry.h"
#include "kernels/u8/gemm_ymm.h"

enum { MR = 4 };

/* Even inputs of four, then odd ones, as pairs of 16 bits: of what is added up nothing saturates. Weights come one vector at a
 * time: sums, inputs and products leave no register for more. */
INLINE void multiply(const mseg_u8_gemm_args *g, size_t p, const int rows, const int vectors, __m256i acc[SUMS])
{
    const size_t stride = g->a_stride;
    const __m256i low = _mm256_set1_epi16(255);
    for (int t = 0; t < g->terms; t++) {
        const int quads = (g->k[t] + 3) / 4;
        const uint8_t *base = g->a[t] + p * stride;
        const __m256i *b = g->b[t];
        for (int q = 0; q < quads; q++) {
#pragma GCC unroll 2
            for (int h = 0; h < 2; h++) {
                __m256i x[MR];
#pragma GCC unroll 4
                for (int i = 0; i < 4; i++)
                    if (i < rows) {
                        const __m256i four = four_inputs(base + (size_t)i * stride);
                        x[i] = h ? _mm256_srli_epi16(four, 8) : _mm256_and_si256(four, low);
                    }
#pragma GCC unroll 2
                for (int v = 0; v < 2; v++)
                    if (v < vectors) {
                        const __m256i w = _mm256_loadu_si256(b + h * vectors + v);
#pragma GCC unroll 4
                        for (int i = 0; i < 4; i++)
                            if (i < rows)
                                acc[i * vectors + v] = _mm256_add_epi32(acc[i * vectors + v], _mm256_madd_epi16(x[i], w));
                    }
            }
            base += 4;
            b += 2 * vectors;
        }
    }
}

/* Tiles of MR pixels or one less, all about as large. */
INLINE void tiles(const mseg_u8_gemm_args *g, int pixels, const int vectors)
{
    const int n = (pixels + MR - 1) / MR, larger = pixels % n;
    for (int i = 0, p = 0, rows; i < n; i++, p += rows) {
        rows = pixels / n + (i < larger);
        switch (rows) {
#define CASE(rows)                                                                                                               \
    case rows:                                                                                                                   \
        tile(g, (size_t)p, rows, vectors);                                                                                       \
        break;
            CASE(1)
            CASE(2)
            CASE(3)
            CASE(4)
#undef CASE
        }
    }
}

void mseg_u8_gemm_4x16__avx2(const mseg_u8_gemm_args *g, int pixels)
{
    if (g->n > VEC)
        tiles(g, pixels, 2);
    else
        tiles(g, pixels, 1);
}
