/* The depthwise kernels of 256 bits, which multiply words in pairs. */

#include "kernels/u8/bytes_ymm.h"
#include "kernels/u8/dwconv_pack.h"

/* 8 channels at a time, and a row at a time: nine products take five instructions, three of the first and the third row in pairs,
 * column by column, and two of the second row's columns in pairs. Two rows of output would share no pairs. */
enum { PARTS = 1, LANES = 8, HALVES = MSEG_U8_DWCONV_VEC / LANES };

/* The pairs of weights: by columns (w0, w6), (w1, w7), (w2, w8); of the second row what its pairs of columns need, be it that
 * a pixel begins with the first of a pair, (w3, w4) and (w5, 0), or with the second, (0, w3) and (w4, w5). */
typedef enum pair_kind { OUTER, LEFT = 3, RIGHT_ALONE, LEFT_ALONE, RIGHT, PAIR_KINDS } pair_kind;

typedef int16_t pairs[HALVES][PAIR_KINDS][LANES][2];

static inline size_t pairs_bytes(int channels)
{
    return mseg_u8_dwconv_blocks(channels) * sizeof(pairs);
}

/* pairs [channels / 16]; a kind's of a half are a vector. */
static inline void pack_pairs(void *to, const int16_t *weights, int channels)
{
    pairs *blocks = to;
    memset(to, 0, pairs_bytes(channels));
    for (int c = 0; c < channels; c++) {
        int16_t w[9];
        for (int tap = 0; tap < 9; tap++)
            w[tap] = weights[tap * channels + c];
        const int16_t of_kinds[PAIR_KINDS][2] = {{w[0], w[6]}, {w[1], w[7]}, {w[2], w[8]}, {w[3], w[4]},
                                                 {w[5], 0},    {0, w[3]},    {w[4], w[5]}};
        const int i = c % MSEG_U8_DWCONV_VEC;
        for (int kind = 0; kind < PAIR_KINDS; kind++)
            memcpy(blocks[c / MSEG_U8_DWCONV_VEC][i / LANES][kind][i % LANES], of_kinds[kind], sizeof of_kinds[kind]);
    }
}

typedef struct half {
    __m256i weights[PAIR_KINDS], bias;
    __m256 scale;
} half;

typedef struct block {
    half halves[HALVES];
    range range;
    int parts;
} block;

INLINE void load_block(const mseg_u8_dwconv_args *g, int c, int i, block *b)
{
    const __m256i *packed = (const __m256i *)g->weights + i * HALVES * PAIR_KINDS;
    for (int h = 0; h < HALVES; h++) {
        half *to = &b->halves[h];
        for (int kind = 0; kind < PAIR_KINDS; kind++)
            to->weights[kind] = _mm256_loadu_si256(packed + h * PAIR_KINDS + kind);
        to->bias = _mm256_loadu_si256((const __m256i *)(g->bias + c + h * LANES));
        to->scale = _mm256_loadu_ps(g->scale + c + h * LANES);
    }
    b->range = make_range(g->zero, g->min, g->max);
    b->parts = 1;
}

#include "kernels/u8/dwconv_strips.h"

/* Where a pixel's first column begins in three rows, and the bytes from column to column. */
typedef struct place {
    const uint8_t *rows[3];
    size_t step;
} place;

INLINE void advance(place *at, size_t bytes)
{
    for (int y = 0; y < 3; y++)
        at->rows[y] += bytes;
}

INLINE __m256i pairs_of(const uint8_t *first, const uint8_t *second)
{
    const __m128i a = _mm_loadl_epi64((const __m128i *)first), b = _mm_loadl_epi64((const __m128i *)second);
    return _mm256_cvtepu8_epi16(_mm_unpacklo_epi8(a, b));
}

/* The first and the third row of a column. */
INLINE __m256i outer(const place *at, const int column)
{
    return pairs_of(at->rows[0] + (size_t)column * at->step, at->rows[2] + (size_t)column * at->step);
}

/* The second row of a column and the next one. */
INLINE __m256i inner(const place *at, const int column)
{
    return pairs_of(at->rows[1] + (size_t)column * at->step, at->rows[1] + (size_t)(column + 1) * at->step);
}

INLINE __m256i inner_alone(const place *at, const int column)
{
    return _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)(at->rows[1] + (size_t)column * at->step)));
}

/* What a kernel defines: sum and the products of pairs. */
INLINE __m256i madd(__m256i sum, __m256i x, __m256i weights);

/* A pixel of three columns and two pairs of the second row, of which its columns begin with the first, or else the second. */
INLINE __m256i pixel(const half *h, __m256i x, __m256i y, __m256i z, __m256i left, __m256i right, const int first)
{
    __m256i sum = madd(h->bias, x, h->weights[OUTER]);
    sum = madd(sum, left, h->weights[first ? LEFT : LEFT_ALONE]);
    sum = madd(sum, y, h->weights[OUTER + 1]);
    sum = madd(sum, right, h->weights[first ? RIGHT_ALONE : RIGHT]);
    sum = madd(sum, z, h->weights[OUTER + 2]);
    return scaled(sum, h->scale);
}

/* What two pixels share with the two before: at step 1 two columns and a pair, at step 2 a column. */
typedef struct shared {
    __m256i outer[2], inner;
} shared;

INLINE shared load_shared(const place *at, const int step)
{
    if (step == 2)
        return (shared){.outer[0] = outer(at, 0)};
    return (shared){{outer(at, 0), outer(at, 1)}, inner(at, 0)};
}

INLINE void two_pixels(const half *h, place *at, shared *s, const int step, __m256i y[2])
{
    if (step == 2) {
        const __m256i middle = outer(at, 2), last = outer(at, 4), pair = inner(at, 2);
        y[0] = pixel(h, s->outer[0], outer(at, 1), middle, inner(at, 0), pair, 1);
        y[1] = pixel(h, middle, outer(at, 3), last, pair, inner_alone(at, 4), 1);
        *s = (shared){.outer[0] = last};
    } else {
        const shared next = {{outer(at, 2), outer(at, 3)}, inner(at, 2)};
        y[0] = pixel(h, s->outer[0], s->outer[1], next.outer[0], s->inner, next.inner, 1);
        y[1] = pixel(h, s->outer[1], next.outer[0], next.outer[1], s->inner, next.inner, 0);
        *s = next;
    }
    advance(at, 2 * (size_t)step * at->step);
}

INLINE void half_strip(const strip *s, const half *h, const range *r, place at, uint8_t *out, const int step)
{
    int left = s->pixels;
    if (step < 3 && left >= 4) {
        shared before = load_shared(&at, step);
        for (; left >= 4; left -= 4, out += 4 * s->out_stride) {
            __m256i y[4];
            two_pixels(h, &at, &before, step, y);
            two_pixels(h, &at, &before, step, y + 2);
            store_pixels(out, s->out_stride, bytes(y[0], y[1], y[2], y[3], r), 4, 1);
        }
    }
    for (; left > 0; left--, out += s->out_stride) {
        const __m256i y = pixel(h, outer(&at, 0), outer(&at, 1), outer(&at, 2), inner(&at, 0), inner_alone(&at, 2), 1);
        store_pixels(out, s->out_stride, bytes(y, y, y, y, r), 1, 1);
        advance(&at, s->pixel_step);
    }
}

INLINE void whole_strip(strip *s, const block *b, const int lines, const int step, const int wide)
{
    (void)wide;
    for (int l = 0; l < lines; l++)
        for (int i = 0; i < HALVES; i++) {
            const place at = {{s->in[l] + i * LANES, s->in[l + 1] + i * LANES, s->in[l + 2] + i * LANES}, s->tap_step};
            half_strip(s, &b->halves[i], &b->range, at, s->out[l] + i * LANES, step);
        }
}
