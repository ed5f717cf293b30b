#include <immintrin.h>

#include "kernels/registry.h"

/* What is compared is the upper 10 bits of 2048 l + (r - l) * fraction + 2^21. With 255 - class instead of the other 22, the
 * largest number is that of the first class of the largest value. */
void mseg_u8_argmax__avx512(const int32_t *row, int classes, const mseg_column_run *runs, int n_runs, const int32_t *fraction,
                            uint8_t *labels)
{
    enum { UPPER_OR = 0xea }; /* (a & b) | c */
    const __m512i upper = _mm512_set1_epi32(-(1 << 22)), half = _mm512_set1_epi32(1 << 21), last = _mm512_set1_epi32(255);
    for (int r = 0; r < n_runs; r++) {
        const int32_t *left = row + (size_t)runs[r].left * (size_t)classes;
        const int32_t *right = row + (size_t)runs[r].right * (size_t)classes;
        for (int x = runs[r].x0; x < runs[r].x1; x += 16) {
            const int n = runs[r].x1 - x;
            const __mmask16 lanes = n >= 16 ? (__mmask16)0xffff : (__mmask16)((1u << n) - 1);
            const __m512i f = _mm512_maskz_loadu_epi32(lanes, fraction + x);
            __m512i best = _mm512_setzero_si512(), rank = last;
            for (int c = 0; c < classes; c++) {
                const __m512i l = _mm512_set1_epi32(left[c]), way = _mm512_sub_epi32(_mm512_set1_epi32(right[c]), l);
                const __m512i start = _mm512_add_epi32(_mm512_slli_epi32(l, 11), half);
                const __m512i value = _mm512_add_epi32(start, _mm512_mullo_epi32(way, f));
                best = _mm512_max_epi32(best, _mm512_ternarylogic_epi32(value, upper, rank, UPPER_OR));
                rank = _mm512_sub_epi32(rank, _mm512_set1_epi32(1));
            }
            _mm512_mask_cvtepi32_storeu_epi8(labels + x, lanes, _mm512_sub_epi32(last, _mm512_and_si512(best, last)));
        }
    }
}
