#include "train/loss.h"

#include <string.h>

#include "base/alloc.h"
#include "kernels/train/cross_entropy.h"
#include "net/sampling.h"

enum { LABELS = 256 };

/* Where things are in the caller's memory, which begins with the line: two rows of the map mixed, [width][lanes]. Then that
 * line's gradient, and how the columns of the labels lie between the map's. */
typedef struct work {
    size_t gradient, fraction, runs, bytes;
} work;

static size_t lanes_of(const mseg_loss_map *map)
{
    return mseg_round_up((size_t)map->classes, MSEG_TRAIN_VEC);
}

static work layout(const mseg_loss_map *map, const mseg_loss_labels *labels)
{
    const size_t width = (size_t)map->width;
    const size_t line = mseg_round_up(width * lanes_of(map) * sizeof(mseg_real), MSEG_ALIGN);
    const size_t fraction = mseg_round_up((size_t)labels->width * sizeof(mseg_real), MSEG_ALIGN);
    return (work){.gradient = line,
                  .fraction = 2 * line,
                  .runs = 2 * line + fraction,
                  .bytes = 2 * line + fraction + mseg_round_up(width * sizeof(mseg_column_run), MSEG_ALIGN)};
}

size_t mseg_loss_work(const mseg_loss_map *map, const mseg_loss_labels *labels)
{
    return layout(map, labels).bytes;
}

/* Element x of n lies between *low and *high of k; returns how far, unrounded. */
static mseg_real between(mseg_sampling sampling, int x, int n, int k, int *low, int *high)
{
    const double at = mseg_sampling_at(sampling, x, n, k);
    float fraction;
    mseg_sampling_between(at, k, low, high, &fraction);
    return (mseg_real)(at - *low);
}

/* Fills fraction and runs, which go from left to right; returns how many runs there are. */
static int find_columns(const mseg_loss_map *map, const mseg_loss_labels *labels, mseg_real *fraction, mseg_column_run *runs)
{
    int n = 0;
    for (int x = 0; x < labels->width; x++) {
        int left, right;
        fraction[x] = between(labels->sampling, x, labels->width, map->width, &left, &right);
        if (!n || runs[n - 1].left != left)
            runs[n++] = (mseg_column_run){x, x, left, right};
        runs[n - 1].x1 = x + 1;
    }
    return n;
}

/* Weights by label; 0 of what is no class. */
static void usable_weights(int classes, const float *weights, mseg_real *usable)
{
    for (int label = 0; label < LABELS; label++)
        usable[label] = label < classes ? (mseg_real)weights[label] : 0;
}

static void mix_rows(const mseg_loss_map *map, int low, int high, mseg_real f, mseg_real *line)
{
    const size_t lanes = lanes_of(map), stride = (size_t)map->stride, row = (size_t)map->width * stride;
    const mseg_real *l = map->logits + (size_t)low * row, *h = map->logits + (size_t)high * row;
    for (int x = 0; x < map->width; x++, l += stride, h += stride, line += lanes)
        for (int c = 0; c < map->classes; c++)
            line[c] = l[c] + (h[c] - l[c]) * f;
}

static void add_scaled(const mseg_loss_map *map, const mseg_real *line, mseg_real factor, int y)
{
    const size_t lanes = lanes_of(map), stride = (size_t)map->stride;
    mseg_real *to = map->gradient + (size_t)y * (size_t)map->width * stride;
    for (int x = 0; x < map->width; x++, to += stride, line += lanes)
        for (int c = 0; c < map->classes; c++)
            to[c] += line[c] * factor;
}

/* By how many labels of each kind there are, so that their order does not matter. */
static mseg_loss_sum sum_weights(const mseg_loss_labels *labels, const mseg_real *weights)
{
    mseg_loss_sum sum = {0};
    int64_t counts[LABELS] = {0};
    for (int y = 0; y < labels->height; y++)
        for (int x = 0; x < labels->width; x++)
            counts[labels->labels[(size_t)y * labels->row_bytes + (size_t)x]]++;
    for (int label = 0; label < LABELS; label++)
        if (weights[label] > 0) {
            sum.weight += (double)weights[label] * (double)counts[label];
            sum.counted += counts[label];
        }
    return sum;
}

double mseg_loss_weight(const mseg_loss_labels *labels, int64_t *counted)
{
    mseg_real weights[LABELS];
    usable_weights(LABELS, labels->weights, weights);
    const mseg_loss_sum sum = sum_weights(labels, weights);
    *counted = sum.counted;
    return sum.weight;
}

/* Rows of the labels, one after another, share the row that was mixed for them and its gradient. */
void mseg_loss_hard(mseg_loss_sum *sum, const mseg_loss_map *map, const mseg_loss_labels *labels, double scale, void *memory,
                    const mseg_cpu *cpu)
{
    const work at = layout(map, labels);
    const size_t line_bytes = (size_t)map->width * lanes_of(map) * sizeof(mseg_real);
    const mseg_cross_entropy_fn cross_entropy = mseg_cross_entropy_for(cpu);
    char *bytes = memory;
    mseg_real weights[LABELS], *line = (mseg_real *)bytes, *gradient = (mseg_real *)(bytes + at.gradient);
    mseg_real *fraction = (mseg_real *)(bytes + at.fraction);
    mseg_column_run *runs = (mseg_column_run *)(bytes + at.runs);
    usable_weights(map->classes, labels->weights, weights);
    *sum = sum_weights(labels, weights);
    memset(map->gradient, 0, (size_t)map->height * (size_t)map->width * (size_t)map->stride * sizeof(mseg_real));
    if (!sum->counted)
        return;
    memset(line, 0, line_bytes);
    mseg_cross_entropy_args args = {.logits = line,
                                    .gradient = gradient,
                                    .classes = map->classes,
                                    .runs = runs,
                                    .n_runs = find_columns(map, labels, fraction, runs),
                                    .fraction = fraction,
                                    .weights = weights,
                                    .scale = (mseg_real)scale};
    for (int y = 0; y < labels->height; y++) {
        int low, high;
        const mseg_real f = between(labels->sampling, y, labels->height, map->height, &low, &high);
        args.labels = labels->labels + (size_t)y * labels->row_bytes;
        mix_rows(map, low, high, f, line);
        memset(gradient, 0, line_bytes);
        cross_entropy(&args);
        add_scaled(map, gradient, 1 - f, low);
        add_scaled(map, gradient, f, high);
    }
    sum->loss = args.loss;
    sum->hits = args.hits;
}
