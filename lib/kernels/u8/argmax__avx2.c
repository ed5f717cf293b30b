#include <immintrin.h>
#include <string.h>

#include "kernels/registry.h"

/* What is compared is the upper 10 bits of 2048 l + (r - l) * fraction + 2^21. With 255 - class instead of the other 22, the
 * largest number is that of the first class of the largest value. */
static __m256i eight_pixels(const int32_t *left, const int32_t *right, int classes, __m256i f)
{
    const __m256i upper = _mm256_set1_epi32(-(1 << 22)), half = _mm256_set1_epi32(1 << 21), last = _mm256_set1_epi32(255);
    __m256i best = _mm256_setzero_si256(), rank = last;
    for (int c = 0; c < classes; c++) {
        const __m256i l = _mm256_set1_epi32(left[c]), way = _mm256_sub_epi32(_mm256_set1_epi32(right[c]), l);
        const __m256i start = _mm256_add_epi32(_mm256_slli_epi32(l, 11), half);
        const __m256i value = _mm256_add_epi32(start, _mm256_mullo_epi32(way, f));
        best = _mm256_max_epi32(best, _mm256_or_si256(_mm256_and_si256(value, upper), rank));
        rank = _mm256_sub_epi32(rank, _mm256_set1_epi32(1));
    }
    return _mm256_sub_epi32(last, _mm256_and_si256(best, last));
}

void mseg_u8_argmax__avx2(const int32_t *row, int classes, const mseg_column_run *runs, int n_runs, const int32_t *fraction,
                          uint8_t *labels)
{
    const __m256i order = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    const __m256i low_bytes = _mm256_setr_epi8(0, 4, 8, 12, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, 0, 4, 8, 12, -1, -1,
                                               -1, -1, -1, -1, -1, -1, -1, -1, -1, -1);
    for (int r = 0; r < n_runs; r++) {
        const int32_t *left = row + (size_t)runs[r].left * (size_t)classes;
        const int32_t *right = row + (size_t)runs[r].right * (size_t)classes;
        for (int x = runs[r].x0; x < runs[r].x1; x += 8) {
            const int n = runs[r].x1 - x < 8 ? runs[r].x1 - x : 8;
            const __m256i f = _mm256_maskload_epi32(fraction + x, _mm256_cmpgt_epi32(_mm256_set1_epi32(n), order));
            const __m256i bytes = _mm256_shuffle_epi8(eight_pixels(left, right, classes, f), low_bytes);
            const __m128i both = _mm_unpacklo_epi32(_mm256_castsi256_si128(bytes), _mm256_extracti128_si256(bytes, 1));
            uint8_t eight[8];
            _mm_storel_epi64((__m128i *)(n == 8 ? labels + x : eight), both);
            if (n < 8)
                memcpy(labels + x, eight, (size_t)n);
        }
    }
}
