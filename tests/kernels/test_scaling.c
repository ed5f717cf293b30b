#include "kernels/guard.h"
#include "kernels/random.h"
#include "kernels/rows.h"

/* The kernels that pictures are scaled by, stretch and blend: bit for bit, by sums in 64 bits. */

typedef struct stretch_row {
    const char *name;
    mseg_stretch_fn fn;
    unsigned needs;
} stretch_row;

typedef struct blend_row {
    const char *name;
    mseg_blend_fn fn;
    unsigned needs;
} blend_row;

#define ROW(name, needs, prefers) {#name, name, needs},
static const stretch_row stretch_rows[] = {
#include "kernels/pixels/stretch.def"
};
#define ROW(name, needs, prefers) {#name, name, needs},
static const blend_row blend_rows[] = {
#include "kernels/pixels/blend.def"
};

enum { WHOLE = 1 << 22, WINDOW = 16 };

/* Bytes with many of both ends: their sums come nearest to what does not fit. */
static void fill_bytes(uint8_t *bytes, size_t n, uint64_t seed)
{
    for (size_t i = 0; i < n; i++) {
        const uint64_t bits = random_bits(seed, i);
        bytes[i] = (uint8_t)(bits & 0x300 ? bits & 255 : bits & 0x400 ? 255 : 0);
    }
}

/* A weight of 22 bits; none, half and all are among them. */
static uint32_t make_weight(uint64_t seed, uint64_t i)
{
    const uint64_t bits = random_bits(seed, i);
    return bits & 0x70000000 ? (uint32_t)(bits & (WHOLE - 1)) : (uint32_t)(WHOLE / 2 * (bits % 3));
}

static int rounded(int64_t sum)
{
    const int64_t v = (sum + WHOLE / 2) / WHOLE;
    return (int)(v < 255 ? v : 255);
}

static void make_group(mseg_stretch_group *group, size_t row, uint64_t seed)
{
    group->at = random_bits(seed, 0) % (row - WINDOW + 1);
    for (int i = 0; i < 16; i += 2) {
        const uint32_t first = make_weight(seed, (uint64_t)(i + 1));
        const int off = (int)(random_bits(seed, (uint64_t)(i + 101)) % 3) - 1; /* of the sum of both */
        const uint32_t second = (uint32_t)((int)(WHOLE - first) + (first < WHOLE && first ? off : 0));
        const uint32_t weights[] = {first, second};
        for (int t = 0; t < 2; t++) {
            group->pick[i + t] = (uint8_t)(random_bits(seed, (uint64_t)(i + t + 201)) % WINDOW);
            group->high[i + t] = (int16_t)(weights[t] >> 11);
            group->low[i + t] = (int16_t)(weights[t] & 2047);
        }
    }
}

static void check_stretch(const stretch_row *kernel, guard guards[3], int n_groups, guard_side side)
{
    const size_t row = (size_t)(WINDOW + n_groups % 40), n = 8 * (size_t)n_groups;
    uint8_t *in = guard_place(&guards[0], row, side), *out = guard_place(&guards[1], n, side);
    mseg_stretch_group *groups = guard_place(&guards[2], (size_t)n_groups * sizeof *groups, side);
    fill_bytes(in, row, (uint64_t)n_groups);
    for (int g = 0; g < n_groups; g++)
        make_group(&groups[g], row, (uint64_t)(1000 * n_groups + g));
    kernel->fn(in, groups, n_groups, out);
    for (size_t i = 0; i < n; i++) {
        const mseg_stretch_group *g = &groups[i / 8];
        int64_t sum = 0;
        for (size_t j = 2 * (i % 8), t = 0; t < 2; t++)
            sum += (int64_t)in[g->at + g->pick[j + t]] * (2048 * (int64_t)g->high[j + t] + g->low[j + t]);
        if (out[i] != rounded(sum))
            fail_msg("%s, %d groups: byte %zu is %d, not %d", kernel->name, n_groups, i, out[i], rounded(sum));
    }
    for (int i = 0; i < 3; i++)
        guard_check(&guards[i]);
}

static void test_stretch(void **state)
{
    (void)state;
    guard guards[3];
    for (int i = 0; i < 3; i++)
        guard_open(&guards[i]);
    for (size_t k = 0; k < sizeof stretch_rows / sizeof *stretch_rows; k++)
        for (int n = 0; n <= 200 && row_runs(stretch_rows[k].name, stretch_rows[k].needs); n++)
            check_stretch(&stretch_rows[k], guards, n, n % 2 ? GUARD_END : GUARD_START);
    for (int i = 0; i < 3; i++)
        guard_close(&guards[i]);
}

enum { MAX_ROWS = 9 };

/* Weights that add up to 2^22 and a little: over 255 by rounding only, as a resize makes them. */
static void make_weights(uint32_t weights[MAX_ROWS], int n_rows, uint64_t seed)
{
    uint32_t left = WHOLE + (uint32_t)n_rows / 2;
    for (int r = 0; r < n_rows; r++) {
        const uint32_t weight = make_weight(seed, (uint64_t)r);
        weights[r] = r == n_rows - 1 || weight > left ? left : weight;
        left -= weights[r];
    }
}

static void check_blend(const blend_row *kernel, guard guards[MAX_ROWS + 1], int n_rows, int n, guard_side side)
{
    const uint8_t *rows[MAX_ROWS];
    uint32_t weights[MAX_ROWS];
    const uint64_t seed = (uint64_t)(1000 * n + n_rows);
    uint8_t *out = guard_place(&guards[MAX_ROWS], (size_t)n, side);
    for (int r = 0; r < n_rows; r++) {
        uint8_t *row = guard_place(&guards[r], (size_t)n, side);
        fill_bytes(row, (size_t)n, seed + (uint64_t)r);
        rows[r] = row;
    }
    make_weights(weights, n_rows, seed);
    kernel->fn(rows, weights, n_rows, out, (size_t)n);
    for (int i = 0; i < n; i++) {
        int64_t sum = 0;
        for (int r = 0; r < n_rows; r++)
            sum += (int64_t)rows[r][i] * weights[r];
        if (out[i] != rounded(sum))
            fail_msg("%s, %d rows of %d: byte %d is %d, not %d", kernel->name, n_rows, n, i, out[i], rounded(sum));
    }
    for (int r = 0; r < n_rows; r++)
        guard_check(&guards[r]);
    guard_check(&guards[MAX_ROWS]);
}

static void test_blend(void **state)
{
    (void)state;
    guard guards[MAX_ROWS + 1];
    for (int i = 0; i <= MAX_ROWS; i++)
        guard_open(&guards[i]);
    for (size_t k = 0; k < sizeof blend_rows / sizeof *blend_rows; k++)
        for (int n = 0; n <= 300 && row_runs(blend_rows[k].name, blend_rows[k].needs); n++)
            for (int n_rows = 1; n_rows <= MAX_ROWS; n_rows++)
                check_blend(&blend_rows[k], guards, n_rows, n, n % 2 ? GUARD_END : GUARD_START);
    for (int i = 0; i <= MAX_ROWS; i++)
        guard_close(&guards[i]);
}

/* A sum over what 255 rounds to is cut. */
static void test_blend_is_cut(void **state)
{
    (void)state;
    enum { N = 77 };
    uint8_t white[N], out[N];
    const uint8_t *rows[] = {white, white, white};
    const uint32_t weights[] = {WHOLE, WHOLE / 100, 0};
    memset(white, 255, sizeof white);
    for (size_t k = 0; k < sizeof blend_rows / sizeof *blend_rows; k++)
        for (int n_rows = 2; n_rows <= 3 && row_runs(blend_rows[k].name, blend_rows[k].needs); n_rows++) {
            memset(out, 0, sizeof out);
            blend_rows[k].fn(rows, weights, n_rows, out, N);
            for (int i = 0; i < N; i++)
                assert_int_equal(out[i], 255);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_stretch), cmocka_unit_test(test_blend),
                                       cmocka_unit_test(test_blend_is_cut)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
