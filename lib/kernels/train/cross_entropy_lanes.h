#include <math.h>

#include "kernels/train/cross_entropy.h"

/* The body of the mseg_train_cross_entropy kernels whose lanes are classes. The includer has vec, LANES floats, its kind of whole
 * numbers ivec, and of his instruction set: larger(a, b), of every lane the larger one, b where one is no number; largest(a),
 * total(a), of all lanes; same(a, b), a bit for every lane that is equal. */

#define INLINE static inline __attribute__((always_inline))

enum { CLASSES = 256, VECS = CLASSES / LANES, PENDING = 64 };

INLINE vec every(float x)
{
    return x - (vec){0};
}

INLINE vec load(const float *x)
{
    vec v;
    __builtin_memcpy(&v, x, sizeof v);
    return v;
}

INLINE void store(float *x, vec v)
{
    __builtin_memcpy(x, &v, sizeof v);
}

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
    vec p = every(1.9875691500e-4f);
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * (r * r) + (r + 1.0f);
    const ivec power = ((ivec)n_bits << 23) + (127 << 23);
    return only(p * (vec)power, ~(ivec)(x < -87.0f));
}

/* log(x) of numbers from 1 to 2^127: x = 2^n m, m between the roots of 1/2 and 2, and Cephes' logf of m: within 1e-7 of the
 * larger of log(x) and x - 1. */
INLINE vec logarithm(vec x)
{
    const ivec n = ((ivec)x - 0x3f3504f3) >> 23;
    const vec f = (vec)((ivec)x - (n << 23)) - 1.0f, exponent = __builtin_convertvector(n, vec);
    vec p = every(7.0376836292e-2f);
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

/* Pixels whose logarithms are yet to be taken. */
typedef struct pending {
    float sum[PENDING], gap[PENDING], weight[PENDING]; /* gap: the largest logit less the label's */
    int n;
} pending;

INLINE void add_pending(mseg_cross_entropy_args *a, pending *p)
{
    for (int i = 0; i < p->n; i += LANES)
        store(p->sum + i, logarithm(load(p->sum + i)));
    for (int i = 0; i < p->n; i++)
        a->loss += (double)p->weight[i] * ((double)p->sum[i] + (double)p->gap[i]);
    p->n = 0;
}

/* What is the same for all pixels of a run. */
typedef struct between {
    const float *left, *right;
    ivec last; /* the lanes of the last vector that are classes */
} between;

/* Logits y f of the way; returns the largest. */
INLINE float mix(const between *b, float f, int vecs, vec *y)
{
    vec most = every(-INFINITY);
    for (int v = 0; v < vecs; v++) {
        const vec left = load(b->left + v * LANES);
        y[v] = left + (load(b->right + v * LANES) - left) * f;
        if (v == vecs - 1)
            y[v] = only(y[v], b->last) + only(every(-INFINITY), ~b->last);
        most = larger(most, y[v]);
    }
    return largest(most);
}

/* The first class of the largest logits; -1: none is a number. */
INLINE int first_of(const vec *y, float most, int vecs)
{
    for (int v = 0; v < vecs; v++) {
        const unsigned lanes = same(y[v], every(most));
        if (lanes)
            return v * LANES + __builtin_ctz(lanes);
    }
    return -1;
}

/* The pixels of a run; vecs, a constant or not, is how many vectors hold classes. */
INLINE void add_run(mseg_cross_entropy_args *a, const between *b, const mseg_column_run *run, int vecs, ivec first, vec *left,
                    vec *right, pending *p)
{
    vec y[VECS];
    for (int x = run->x0; x < run->x1; x++) {
        const int label = a->labels[x];
        const float weight = a->weights[label], f = a->fraction[x];
        if (!(weight > 0))
            continue;
        const float most = mix(b, f, vecs, y);
        const bool hit = first_of(y, most, vecs) == label;
        const float wanted = hit ? most : b->left[label] + (b->right[label] - b->left[label]) * f;
        vec sums = every(0);
        for (int v = 0; v < vecs; v++)
            sums += y[v] = exponential(y[v] - most);
        const float sum = total(sums), all = weight * a->scale, share = all / sum;
        for (int v = 0; v < vecs; v++) {
            const vec g = y[v] * share - only(every(all), first + v * LANES == label);
            left[v] += g * (1 - f);
            right[v] += g * f;
        }
        a->hits += hit;
        if (p->n == PENDING)
            add_pending(a, p);
        p->sum[p->n] = sum;
        p->gap[p->n] = most - wanted;
        p->weight[p->n++] = weight;
    }
}

INLINE void add_to(float *at, const vec *x, int vecs)
{
    for (int v = 0; v < vecs; v++)
        store(at + v * LANES, load(at + v * LANES) + x[v]);
}

INLINE void add_runs(mseg_cross_entropy_args *a, int vecs)
{
    const size_t lanes = (size_t)(a->classes + MSEG_TRAIN_VEC - 1) / MSEG_TRAIN_VEC * MSEG_TRAIN_VEC;
    ivec first;
    for (int i = 0; i < LANES; i++)
        first[i] = i;
    pending p = {.n = 0};
    for (int i = 0; i < PENDING; i++)
        p.sum[i] = 1;
    between b = {.last = first + (vecs - 1) * LANES < a->classes};
    for (const mseg_column_run *run = a->runs; run < a->runs + a->n_runs; run++) {
        vec left[VECS], right[VECS];
        for (int v = 0; v < vecs; v++)
            left[v] = right[v] = every(0);
        b.left = a->logits + (size_t)run->left * lanes;
        b.right = a->logits + (size_t)run->right * lanes;
        add_run(a, &b, run, vecs, first, left, right, &p);
        add_to(a->gradient + (size_t)run->left * lanes, left, vecs);
        add_to(a->gradient + (size_t)run->right * lanes, right, vecs);
    }
    add_pending(a, &p);
}

/* Of few classes all is in registers. */
INLINE void cross_entropy(mseg_cross_entropy_args *a)
{
    const int vecs = (a->classes + LANES - 1) / LANES;
    if (vecs == 1)
        add_runs(a, 1);
    else if (vecs == 2)
        add_runs(a, 2);
    else if (vecs == 3)
        add_runs(a, 3);
    else
        add_runs(a, vecs);
}
