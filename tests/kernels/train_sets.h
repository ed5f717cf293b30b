#ifndef TESTS_KERNELS_TRAIN_SETS_H
#define TESTS_KERNELS_TRAIN_SETS_H

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "kernels/guard.h"
#include "kernels/random.h"
#include "kernels/train/registry.h"

/* Every set of kernels for training that this machine can run, on buffers between guard pages: random cells and reals, and what
 * they are in double. */

#ifdef MSEG_TRAIN_DOUBLE
#define REAL_EPSILON DBL_EPSILON
#else
#define REAL_EPSILON (double)FLT_EPSILON
#endif

typedef struct train_set {
    const mseg_train_kernels *kernels;
    unsigned needs;
    bool half;
} train_set;

#define ROW(name, needs, prefers, half) {&name, needs, half},
static const train_set train_sets[] = {
#include "kernels/train/train.def"
};
enum { TRAIN_SETS = sizeof train_sets / sizeof *train_sets };

enum { GUARDS = 16 };

typedef struct memory {
    const train_set *set;
    const mseg_train_kernels *k;
    guard guards[GUARDS];
    guard_side side;
    uint64_t values, choices;
} memory;

/* Calls check with every set that runs here. */
static inline void each_set(void (*check)(memory *m))
{
    static memory m;
    for (int i = 0; i < TRAIN_SETS; i++) {
        if (train_sets[i].needs & ~mseg_cpu_detect().features) {
            print_message("SKIP: this machine cannot run %s\n", train_sets[i].kernels->name);
            continue;
        }
        m = (memory){.set = &train_sets[i], .k = train_sets[i].kernels};
        for (int g = 0; g < GUARDS; g++)
            guard_open(&m.guards[g]);
        check(&m);
        for (int g = 0; g < GUARDS; g++)
            guard_close(&m.guards[g]);
    }
}

static inline void check_guards(const memory *m)
{
    for (int g = 0; g < GUARDS; g++)
        guard_check(&m->guards[g]);
}

static inline int choose(memory *m, int low, int high)
{
    return random_int(&m->choices, low, high);
}

static inline bool maybe(memory *m)
{
    return choose(m, 0, 1);
}

static inline float next_value(memory *m)
{
    return 4 * random_value(5, m->values++);
}

/* The bfloat16 next to x, to even where there are two. */
static inline uint16_t half_of(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return (uint16_t)((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
}

static inline double half_value(uint16_t half)
{
    const uint32_t bits = (uint32_t)half << 16;
    float x;
    memcpy(&x, &bits, sizeof x);
    return (double)x;
}

/* Number at of an array of cells or operands. */
static inline double cell_at(const memory *m, const void *cells, size_t at)
{
    return m->set->half ? half_value(((const uint16_t *)cells)[at]) : (double)((const mseg_real *)cells)[at];
}

static inline void set_cell(const memory *m, void *cells, size_t at, float x)
{
    if (m->set->half)
        ((uint16_t *)cells)[at] = half_of(x);
    else
        ((mseg_real *)cells)[at] = (mseg_real)x;
}

/* What x is as a cell. */
static inline double as_cell(const memory *m, double x)
{
    return m->set->half ? half_value(half_of((float)x)) : x;
}

/* Bytes that are all 0xFF. */
static inline void *blank(memory *m, int g, size_t bytes)
{
    return guard_place(&m->guards[g], bytes, m->side);
}

static inline void *blank_cells(memory *m, int g, size_t count)
{
    return blank(m, g, count * m->k->cell);
}

static inline void *random_cells(memory *m, int g, size_t count)
{
    void *cells = blank_cells(m, g, count);
    for (size_t i = 0; i < count; i++)
        set_cell(m, cells, i, next_value(m));
    return cells;
}

static inline mseg_real *random_reals(memory *m, int g, size_t count)
{
    mseg_real *reals = blank(m, g, count * sizeof(mseg_real));
    for (size_t i = 0; i < count; i++)
        reals[i] = (mseg_real)next_value(m);
    return reals;
}

/* A copy to compare with later; the caller frees it. */
static inline void *copy_of(const void *data, size_t bytes)
{
    void *copy = malloc(bytes + 1);
    assert_non_null(copy);
    return memcpy(copy, data, bytes);
}

/* A number and how far off what is computed of it in reals may be. */
typedef struct close_to {
    double value, error;
} close_to;

static inline void check_real(const memory *m, const char *what, size_t at, double actual, close_to expected)
{
    if (!(fabs(actual - expected.value) <= expected.error))
        fail_msg("%s: %s %zu is %.9g, not %.9g (off by %g)", m->k->name, what, at, actual, expected.value, expected.error);
}

/* The same of a cell, which may be rounded. */
static inline void check_cell(const memory *m, const char *what, size_t at, const void *cells, close_to expected)
{
    if (m->set->half)
        expected.error += ldexp(fabs(expected.value) + expected.error, -8);
    check_real(m, what, at, cell_at(m, cells, at), expected);
}

static inline void check_blank(const memory *m, const char *what, size_t at, const void *cells)
{
    const uint8_t *bytes = (const uint8_t *)cells + at * m->k->cell;
    for (size_t i = 0; i < m->k->cell; i++)
        if (bytes[i] != 0xFF)
            fail_msg("%s: %s %zu was written", m->k->name, what, at);
}

/* One of the ways to read a map of so many channels, its numbers in guards g and g + 1. */
static inline mseg_train_reading random_reading(memory *m, int g, int channels)
{
    static const float limits[][2] = {{-INFINITY, INFINITY}, {0, INFINITY}, {0, 1}, {-INFINITY, 0.5f}};
    const float *limit = limits[choose(m, 0, 3)];
    mseg_train_reading how = {.lo = (mseg_real)limit[0], .hi = (mseg_real)limit[1]};
    if (choose(m, 0, 3)) {
        how.scale = random_reals(m, g, (size_t)channels);
        how.shift = random_reals(m, g + 1, (size_t)channels);
    }
    return how;
}

/* What a stored number of channel c stands for, not yet clamped. */
static inline close_to unclamped_number(const mseg_train_reading *how, double stored, size_t c)
{
    if (!how->scale)
        return (close_to){stored, 0};
    const double product = stored * (double)how->scale[c], shift = (double)how->shift[c];
    return (close_to){product + shift, 2 * REAL_EPSILON * (fabs(product) + fabs(shift))};
}

static inline close_to clamped_number(const mseg_train_reading *how, close_to x)
{
    x.value = fmin(fmax(x.value, (double)how->lo), (double)how->hi);
    return x;
}

/* Of x, what a gradient of it passes by; where x is too close to a limit to tell, either is right, and the error says so. */
static inline close_to passed(const mseg_train_reading *how, close_to x, close_to gradient)
{
    const double lo = (double)how->lo, hi = (double)how->hi;
    if (x.error > 0 && (fabs(x.value - lo) <= x.error || fabs(x.value - hi) <= x.error))
        return (close_to){gradient.value, fabs(gradient.value) + gradient.error};
    return lo < x.value && x.value < hi ? gradient : (close_to){0, 0};
}

/* Sums of values and of values times factors, on top of what was there. */
typedef struct two_sums {
    close_to sum, sum2;
    double size, size2;
    int n;
} two_sums;

static inline void add_to_sums(two_sums *s, close_to value, close_to factor)
{
    s->sum.value += value.value;
    s->sum.error += value.error;
    s->size += fabs(value.value);
    s->sum2.value += value.value * factor.value;
    s->sum2.error += value.error * fabs(factor.value) + factor.error * fabs(value.value) + value.error * factor.error;
    s->size2 += fabs(value.value * factor.value);
    s->n++;
}

/* before: what sum [channels] and sum2 held. */
static inline void check_sums(const memory *m, const two_sums *s, size_t channels, const mseg_real *sum, const mseg_real *before,
                              const mseg_real *sum2, const mseg_real *before2)
{
    for (size_t c = 0; c < channels; c++) {
        const double old = (double)before[c], old2 = (double)before2[c];
        const double rounding = (s[c].n + 2) * REAL_EPSILON;
        check_real(m, "sum of channel", c, (double)sum[c],
                   (close_to){s[c].sum.value + old, s[c].sum.error + rounding * (s[c].size + fabs(old))});
        check_real(m, "second sum of channel", c, (double)sum2[c],
                   (close_to){s[c].sum2.value + old2, s[c].sum2.error + rounding * (s[c].size2 + fabs(old2))});
    }
}

#endif
