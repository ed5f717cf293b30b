#include "kernels/guard.h"
#include "kernels/random.h"
#include "kernels/rows.h"

/* The argmax of logits in 8 bits, every buffer between guard pages: the first class of the largest value, in int64_t. */

typedef struct row {
    const char *name;
    mseg_u8_argmax_fn fn;
    unsigned needs;
} row;

#define ROW(name, needs, prefers) {#name, name, needs},
static const row rows[] = {
#include "kernels/u8/argmax.def"
};

typedef struct buffers {
    guard logits, runs, fraction, labels;
} buffers;

/* What logits are: sums of any bytes, of few ones so that most pixels tie, all alike, or the ends. */
typedef enum logit_kind { ANY, FEW, ALIKE, ENDS, LOGIT_KINDS } logit_kind;

static void for_buffers(buffers *b, void (*fn)(guard *))
{
    fn(&b->logits);
    fn(&b->runs);
    fn(&b->fraction);
    fn(&b->labels);
}

static void check_guard(guard *g)
{
    guard_check(g);
}

/* The sum of two bytes by weights that add up to 2048. */
static int32_t random_logit(logit_kind kind, uint64_t *state)
{
    const int low = kind == FEW ? 100 : 0, high = kind == FEW ? 102 : kind == ALIKE ? 0 : 255;
    const int weight = random_int(state, 0, 2048);
    if (kind == ENDS)
        return random_int(state, 0, 1) * 255 * 2048;
    return (2048 - weight) * random_int(state, low, high) + weight * random_int(state, low, high);
}

static int expected_label(const int32_t *l, const int32_t *r, int classes, int32_t fraction)
{
    int best = 0;
    int64_t max = -1;
    for (int c = 0; c < classes; c++) {
        const int64_t value = ((2048 - fraction) * (int64_t)l[c] + fraction * (int64_t)r[c] + (1 << 21)) / (1 << 22);
        if (value > max) {
            max = value;
            best = c;
        }
    }
    return best;
}

static void check_argmax(const row *kernel, buffers *b, int classes, int length, logit_kind kind, uint64_t *state)
{
    enum { COLUMNS = 4, RUNS = 3, UNTOUCHED = 0xFF };
    static const int between[RUNS][2] = {{0, 1}, {1, 2}, {3, 3}};
    const guard_side side = random_int(state, 0, 1) ? GUARD_END : GUARD_START;
    const int gap = random_int(state, 0, 2), n = RUNS * (gap + length); /* pixels between runs stay as they are */
    int32_t *logits = guard_place(&b->logits, (size_t)(COLUMNS * classes) * sizeof *logits, side);
    mseg_column_run *runs = guard_place(&b->runs, RUNS * sizeof *runs, side);
    int32_t *fraction = guard_place(&b->fraction, (size_t)n * sizeof *fraction, side);
    uint8_t *labels = guard_place(&b->labels, (size_t)n, side);
    for (int i = 0; i < COLUMNS * classes; i++)
        logits[i] = random_logit(kind, state);
    for (int x = 0; x < n; x++)
        fraction[x] = random_int(state, 0, 3) ? random_int(state, 0, 2048) : random_int(state, 0, 1) * 2048;
    for (int r = 0; r < RUNS; r++)
        runs[r] = (mseg_column_run){r * (gap + length) + gap, (r + 1) * (gap + length), between[r][0], between[r][1]};
    kernel->fn(logits, classes, runs, RUNS, fraction, labels);
    for (int x = 0; x < n; x++) {
        const mseg_column_run *run = &runs[x / (gap + length)];
        const int expected =
            x < run->x0 ? UNTOUCHED
                        : expected_label(logits + run->left * classes, logits + run->right * classes, classes, fraction[x]);
        if (labels[x] != expected)
            fail_msg("%s, %d classes, runs of %d, logits %d: label of pixel %d is %d, not %d", kernel->name, classes, length,
                     (int)kind, x, labels[x], expected);
    }
    for_buffers(b, check_guard);
}

static void test_every_u8_argmax_kernel(void **state)
{
    (void)state;
    static const int classes[] = {1, 2, 3, 21, 150, 256};
    static buffers b;
    for_buffers(&b, guard_open);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint64_t numbers = 0;
        for (size_t c = 0; c < sizeof classes / sizeof *classes && row_runs(rows[i].name, rows[i].needs); c++)
            for (int length = 1; length <= 40; length++)
                for (int kind = 0; kind < LOGIT_KINDS; kind++)
                    check_argmax(&rows[i], &b, classes[c], length, (logit_kind)kind, &numbers);
    }
    for_buffers(&b, guard_close);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_u8_argmax_kernel)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
