#include <immintrin.h>

#include "kernels/registry.h"
#include "kernels/u8/dwconv_pack.h"

#define INLINE static inline __attribute__((always_inline))
#include "kernels/u8/dwconv_ymm.h"

/* A column is 16 channels by the rows in pairs of words, first and third, second and fourth, what vpmaddwd multiplies by two
 * weights and sums. */
enum { PARTS = 1 };

/* Of a tap of a row, [2 halves]: its three weights in pairs. */
typedef enum pair_kind { OUTER, UPPER, LOWER, PAIR_KINDS } pair_kind; /* (w0, w2), (w1, 0), (0, w1) */

typedef int16_t pairs[3][PAIR_KINDS][MSEG_U8_DWCONV_VEC][2];

size_t mseg_u8_dwconv3x3_bytes__avx2(int channels)
{
    return mseg_u8_dwconv_blocks(channels) * sizeof(pairs);
}

/* pairs [channels / 16]. */
void mseg_u8_dwconv3x3_pack__avx2(void *to, const int16_t *weights, int channels)
{
    pairs *blocks = to;
    memset(to, 0, mseg_u8_dwconv3x3_bytes__avx2(channels));
    for (int c = 0; c < channels; c++)
        for (int tap = 0; tap < 3; tap++) {
            const int16_t *w = weights + tap * channels + c;
            pairs *at = blocks + c / MSEG_U8_DWCONV_VEC;
            const int i = c % MSEG_U8_DWCONV_VEC;
            (*at)[tap][OUTER][i][0] = w[0];
            (*at)[tap][OUTER][i][1] = w[6 * channels];
            (*at)[tap][UPPER][i][0] = (*at)[tap][LOWER][i][1] = w[3 * channels];
        }
}

typedef struct column {
    __m256i even[2], odd[2];
} column;

typedef struct block {
    ends ends;
    __m256i weights[3][PAIR_KINDS][2];
    int parts;
} block;

INLINE __m256i words(const uint8_t *from)
{
    return _mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *)from));
}

INLINE column load_column(const uint8_t *const *in, size_t at, const block *b, const int lines)
{
    (void)b;
    const __m256i r0 = words(in[0] + at), r1 = words(in[1] + at), r2 = words(in[2] + at);
    const __m256i r3 = lines == 2 ? words(in[3] + at) : _mm256_setzero_si256();
    return (column){{_mm256_unpacklo_epi16(r0, r2), _mm256_unpackhi_epi16(r0, r2)},
                    {_mm256_unpacklo_epi16(r1, r3), _mm256_unpackhi_epi16(r1, r3)}};
}

INLINE void start(const block *b, sums *s)
{
    start_at(b->ends.bias, s);
}

INLINE __m256i two_products(__m256i sum, __m256i even, __m256i even_weights, __m256i odd, __m256i odd_weights)
{
    return _mm256_add_epi32(sum, _mm256_add_epi32(_mm256_madd_epi16(even, even_weights), _mm256_madd_epi16(odd, odd_weights)));
}

INLINE void multiply(const block *b, const column *columns, sums *s, const int part, const int pixels, const int lines,
                     const int step)
{
    (void)part;
#pragma GCC unroll 3
    for (int tap = 0; tap < 3; tap++)
#pragma GCC unroll 2
        for (int half = 0; half < 2; half++)
#pragma GCC unroll 2
            for (int i = 0; i < PIXELS; i++)
                if (i < pixels) {
                    const __m256i even = columns[i * step + tap].even[half], odd = columns[i * step + tap].odd[half];
                    const __m256i outer = b->weights[tap][OUTER][half];
                    s->rows[0][i][half] = two_products(s->rows[0][i][half], even, outer, odd, b->weights[tap][UPPER][half]);
                    if (lines == 2)
                        s->rows[1][i][half] = two_products(s->rows[1][i][half], even, b->weights[tap][LOWER][half], odd, outer);
                }
}

INLINE void store(const block *b, const sums *s, int line, uint8_t *out, size_t out_stride, const int pixels)
{
    store_row(&b->ends, s->rows[line], out, out_stride, pixels);
}

INLINE void load_block(const mseg_u8_dwconv_args *g, int c, int i, block *b)
{
    const int16_t(*packed)[PAIR_KINDS][MSEG_U8_DWCONV_VEC][2] =
        (const void *)((const char *)g->weights + (size_t)i * sizeof(pairs));
    load_ends(g, c, &b->ends);
    b->parts = 1;
    for (int tap = 0; tap < 3; tap++)
        for (int kind = 0; kind < PAIR_KINDS; kind++)
            load_split(packed[tap][kind], b->weights[tap][kind]);
}

#include "kernels/u8/dwconv_frame.h"

void mseg_u8_dwconv3x3__avx2(const mseg_u8_dwconv_args *g)
{
    convolve(g);
}
