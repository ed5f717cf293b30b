#include <math.h>

#include "kernels/train/cross_entropy.h"

/* The body of the mseg_train_cross_entropy kernels whose lanes are pixels. The includer has kernels/train/vectors.h and, of his
 * instruction set: totals(v), of LANES vectors each one's sum; get_first(x, n) and get_labels(x, n), the first n, up to LANES,
 * and 0 behind them; look_up(x, at), of 256 floats those. */

enum { CLASSES = 256 };

typedef uint32_t uvec __attribute__((vector_size(LANES * sizeof(uint32_t))));
typedef double dvec __attribute__((vector_size(LANES * sizeof(double))));

/* Pixels next to each other, of one run or several. Rows have room for a vector that begins in the last lane. */
typedef struct block {
    float y[CLASSES][2 * LANES] __attribute__((aligned(64))); /* logits, then e^(y - the largest), then the gradient */
    int start, filled;                                        /* pixels */
    int n;                                                    /* parts of runs: pixels from to to, counted from start */
    int from[LANES], to[LANES];
    size_t left[LANES], right[LANES]; /* their columns */
    dvec loss;
    ivec hits;
} block;

/* Where lanes is all ones; 0 elsewhere. */
INLINE vec only(vec x, ivec lanes)
{
    return (vec)((ivec)x & lanes);
}

/* e^x for x <= 0, 0 below -87 (so that 2^n is a normal number): 2^n e^r, |r| <= log(2) / 2. n is rounded by adding 1.5 * 2^23,
 * which leaves it in the last bits; the polynomial and the two parts of log(2) are Cephes' expf (S. Moshier): within 1e-7. */
INLINE vec exponential(vec x)
{
    const vec n_bits = x * 1.44269504f + 12582912.0f, n = n_bits - 12582912.0f;
    const vec r = (x - n * 0.693359375f) - n * -2.12194440e-4f;
    vec p = splat(1.9875691500e-4f);
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * (r * r) + (r + 1.0f);
    const uvec power = ((uvec)n_bits << 23) + (127u << 23);
    return only(p * (vec)power, ~(ivec)(x < -87.0f));
}

/* log(x) of numbers from 1 to 2^127: x = 2^n m, m between the roots of 1/2 and 2, and Cephes' logf of m: within 1e-7 of the
 * larger of log(x) and x - 1. */
INLINE vec logarithm(vec x)
{
    const ivec n = ((ivec)x - 0x3f3504f3) >> 23;
    const vec f = (vec)((uvec)x - ((uvec)n << 23)) - 1.0f, exponent = __builtin_convertvector(n, vec);
    vec p = splat(7.0376836292e-2f);
    p = p * f + -1.1514610310e-1f;
    p = p * f + 1.1676998740e-1f;
    p = p * f + -1.2420140846e-1f;
    p = p * f + 1.4249322787e-1f;
    p = p * f + -1.6668057665e-1f;
    p = p * f + 2.0000714765e-1f;
    p = p * f + -2.4999993993e-1f;
    p = p * f + 3.3333331174e-1f;
    const vec small = (p * f - 0.5f) * (f * f) + exponent * -2.12194440e-4f;
    return (small + f) + exponent * 0.693359375f + (x - x); /* of no number: none */
}

/* The interpolated logits of pixels x0 <= x < x1 of one run, behind those that the block has. */
INLINE void collect(block *b, const mseg_cross_entropy_args *a, const mseg_column_run *run, int x0, int x1)
{
    const size_t lanes = (size_t)(a->classes + MSEG_TRAIN_VEC - 1) / MSEG_TRAIN_VEC * MSEG_TRAIN_VEC;
    const int at = b->filled;
    b->from[b->n] = at;
    b->to[b->n] = b->filled = at + x1 - x0;
    b->left[b->n] = (size_t)run->left * lanes;
    b->right[b->n] = (size_t)run->right * lanes;
    const float *left = a->logits + b->left[b->n], *right = a->logits + b->right[b->n];
    b->n++;
    const vec f = get_first(a->fraction + x0, x1 - x0);
    for (int c = 0; c < a->classes; c++)
        put(b->y[c] + at, left[c] + (right[c] - left[c]) * f);
}

/* The largest logits, the first classes that have them, and the labels' logits. */
INLINE vec find_largest(const block *b, int classes, ivec label, ivec *first, vec *wanted)
{
    vec most = splat(-INFINITY);
    *wanted = splat(0);
    *first = label - label - 1;
    for (int c = 0; c < classes; c++) {
        const vec y = get(b->y[c]);
        const ivec larger = y > most;
        *first = (*first & ~larger) | (larger & c);
        most = (vec)(((ivec)most & ~larger) | ((ivec)y & larger));
        *wanted = (vec)((ivec)*wanted | ((ivec)y & (label == c)));
    }
    return most;
}

/* Sums the gradient of a part of the block, LANES classes at a time. */
INLINE void scatter(const block *b, const mseg_cross_entropy_args *a, int part, vec fraction, ivec lane)
{
    const ivec mine = (lane >= b->from[part]) & (lane < b->to[part]);
    const vec shares[2] = {only(1 - fraction, mine), only(fraction, mine)};
    for (int c0 = 0; c0 < a->classes; c0 += LANES)
        for (int side = 0; side < 2; side++) {
            float *to = a->gradient + (side ? b->right : b->left)[part] + c0;
            vec v[LANES];
            for (int i = 0; i < LANES; i++)
                v[i] = c0 + i < a->classes ? get(b->y[c0 + i]) * shares[side] : splat(0);
            put(to, get(to) + totals(v));
        }
}

/* Adds what the block's pixels give, and empties it. */
INLINE void finish(block *b, const mseg_cross_entropy_args *a, ivec lane)
{
    const ivec label = get_labels(a->labels + b->start, b->filled);
    const vec weight = only(look_up(a->weights, label), lane < b->filled), scaled = weight * a->scale;
    const ivec counts = weight > 0;
    ivec first;
    vec wanted, sum = splat(0);
    const vec most = find_largest(b, a->classes, label, &first, &wanted);
    for (int c = 0; c < a->classes; c++) {
        const vec e = exponential(get(b->y[c]) - most);
        put(b->y[c], e);
        sum += e;
    }
    const vec share = scaled / sum;
    for (int c = 0; c < a->classes; c++)
        put(b->y[c], only(get(b->y[c]) * share - only(scaled, label == c), counts));
    for (int part = 0; part < b->n; part++)
        scatter(b, a, part, get_first(a->fraction + b->start, b->filled), lane);
    const vec loss = only(logarithm(sum) + (most - wanted), counts);
    b->loss += __builtin_convertvector(weight, dvec) * __builtin_convertvector(loss, dvec);
    b->hits -= (first == label) & counts;
    b->n = b->filled = 0;
}

INLINE void cross_entropy(mseg_cross_entropy_args *a)
{
    block b;
    ivec lane;
    for (int i = 0; i < LANES; i++) {
        lane[i] = i;
        b.loss[i] = 0;
    }
    b.hits = lane - lane;
    b.start = b.filled = b.n = 0;
    for (const mseg_column_run *run = a->runs; run < a->runs + a->n_runs; run++)
        for (int x = run->x0, end; x < run->x1; x = end) {
            if (b.filled && (b.filled == LANES || x != b.start + b.filled))
                finish(&b, a, lane);
            if (!b.filled)
                b.start = x;
            end = run->x1 < b.start + LANES ? run->x1 : b.start + LANES;
            collect(&b, a, run, x, end);
        }
    if (b.filled)
        finish(&b, a, lane);
    for (int i = 0; i < LANES; i++) {
        a->loss += b.loss[i];
        a->hits += b.hits[i];
    }
}
