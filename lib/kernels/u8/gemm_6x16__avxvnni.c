#include "kernels/registry.h"
#include "kernels/u8/gemm_ymm.h"

enum { MR = 6 };

/* Loops and pixels' addresses as in the float AVX2 kernel. With the intrinsic gcc would keep sums in memory;
 * vex: the processor may have no AVX-512. */
INLINE void multiply(const mseg_u8_gemm_args *g, size_t p, const int rows, const int vectors, __m256i acc[SUMS])
{
    const size_t stride = g->a_stride;
    for (int t = 0; t < g->terms; t++) {
        const int quads = (g->k[t] + 3) / 4;
        const uint8_t *base[2] = {g->a[t] + p * stride, NULL};
        if (rows > 3)
            base[1] = base[0] + 3 * stride;
        const __m256i *b = g->b[t];
        for (int q = 0; q < quads; q++) {
            __m256i w[2];
#pragma GCC unroll 2
            for (int v = 0; v < 2; v++)
                if (v < vectors)
                    w[v] = _mm256_loadu_si256(b + v);
#pragma GCC unroll 6
            for (int i = 0; i < 6; i++)
                if (i < rows) {
                    const __m256i x = four_inputs(base[i / 3] + (size_t)(i % 3) * stride);
#pragma GCC unroll 2
                    for (int v = 0; v < 2; v++)
                        if (v < vectors)
                            __asm__("%{vex%} vpdpbusd %2, %1, %0" : "+x"(acc[i * vectors + v]) : "x"(x), "x"(w[v]));
                }
            base[0] += 4;
            if (rows > 3)
                base[1] += 4;
            b += vectors;
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

void mseg_u8_gemm_6x16__avxvnni(const mseg_u8_gemm_args *g, int pixels)
{
    if (g->n > VEC)
        tiles(g, pixels, 2);
    else
        tiles(g, pixels, 1);
}
