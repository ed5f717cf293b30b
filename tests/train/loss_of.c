/* loss_of: the losses of lib/train, for test_loss.py. On standard input: int32 kind (0 hard labels, 1 soft ones, 2 features),
 * height, width, classes, the labels' height and width, sampling; double scale; logits (double); then labels (bytes) and 256
 * weights, or targets and weights (float). On standard output, as double: loss, weight, counted, hits and the gradient. */
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "train/loss.h"

enum { KIND, HEIGHT, WIDTH, CLASSES, LABEL_HEIGHT, LABEL_WIDTH, SAMPLING, NUMBERS };

static void *read_array(size_t count, size_t size)
{
    void *array = mseg_alloc_array(count, size);
    if (!array || fread(array, size, count, stdin) != count) {
        fprintf(stderr, "loss_of: too little input\n");
        exit(2);
    }
    return array;
}

static void hard(mseg_loss_sum *sum, const mseg_loss_map *map, const int32_t *n, double scale)
{
    const mseg_cpu cpu = mseg_cpu_detect();
    uint8_t *pixels = read_array((size_t)n[LABEL_HEIGHT] * (size_t)n[LABEL_WIDTH], 1);
    float *weights = read_array(256, sizeof *weights);
    const mseg_loss_labels labels = {pixels,  n[LABEL_HEIGHT],           n[LABEL_WIDTH], (size_t)n[LABEL_WIDTH],
                                     weights, (mseg_sampling)n[SAMPLING]};
    void *work = mseg_alloc(mseg_loss_work(map, &labels));
    if (!work)
        exit(2);
    mseg_loss_hard(sum, map, &labels, scale, work, &cpu);
    mseg_free(&work);
    mseg_free(&weights);
    mseg_free(&pixels);
}

static void soft(mseg_loss_sum *sum, const mseg_loss_map *map, int kind, double scale)
{
    const size_t points = (size_t)map->height * (size_t)map->width;
    float *targets = read_array(points * (size_t)map->classes, sizeof *targets), *weights = read_array(points, sizeof *weights);
    (kind == 1 ? mseg_loss_soft : mseg_loss_features)(sum, map, targets, weights, scale);
    mseg_free(&weights);
    mseg_free(&targets);
}

int main(void)
{
    int32_t *n = read_array(NUMBERS, sizeof *n);
    double *scale = read_array(1, sizeof *scale);
    const size_t stride = mseg_round_up((size_t)n[CLASSES], MSEG_TRAIN_VEC), points = (size_t)n[HEIGHT] * (size_t)n[WIDTH];
    const size_t classes = (size_t)n[CLASSES];
    double *given = read_array(points * classes, sizeof *given);
    mseg_real *logits = mseg_alloc_array(points * stride, sizeof *logits);
    mseg_real *gradient = mseg_alloc_array(points * stride, sizeof *gradient);
    mseg_loss_sum sum;
    if (!logits || !gradient)
        return 2;
    for (size_t i = 0; i < points * classes; i++)
        logits[i / classes * stride + i % classes] = (mseg_real)given[i];
    const mseg_loss_map map = {logits, gradient, n[HEIGHT], n[WIDTH], n[CLASSES], (int)stride};
    if (n[KIND])
        soft(&sum, &map, n[KIND], *scale);
    else
        hard(&sum, &map, n, *scale);
    for (size_t i = 0; i < points * classes; i++)
        given[i] = (double)gradient[i / classes * stride + i % classes];
    const double sums[] = {sum.loss, sum.weight, (double)sum.counted, (double)sum.hits};
    fwrite(sums, sizeof *sums, 4, stdout);
    fwrite(given, sizeof *given, points * classes, stdout);
    mseg_free(&gradient);
    mseg_free(&logits);
    mseg_free(&given);
    mseg_free(&scale);
    mseg_free(&n);
    return 0;
}
