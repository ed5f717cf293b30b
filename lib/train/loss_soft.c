#include <math.h>
#include <string.h>

#include "train/loss.h"

/* In double: maps are small, and exp and log are what costs. */

static size_t points(const mseg_loss_map *map)
{
    return (size_t)map->height * (size_t)map->width;
}

static int first_largest_real(const mseg_real *y, int n)
{
    int first = 0;
    for (int c = 1; c < n; c++)
        first = y[c] > y[first] ? c : first;
    return first;
}

static int first_largest(const float *y, int n)
{
    int first = 0;
    for (int c = 1; c < n; c++)
        first = y[c] > y[first] ? c : first;
    return first;
}

/* One point; returns its cross-entropy. Its gradient times factor goes to gradient. */
static double soft_point(const mseg_real *logits, const float *targets, int classes, double factor, mseg_real *gradient)
{
    const double most = (double)logits[first_largest_real(logits, classes)];
    double sum = 0, all = 0, loss = 0;
    for (int c = 0; c < classes; c++) {
        sum += exp((double)logits[c] - most);
        all += (double)targets[c];
    }
    const double log_sum = log(sum);
    for (int c = 0; c < classes; c++) {
        const double log_p = (double)logits[c] - most - log_sum, target = (double)targets[c];
        loss -= target * log_p;
        gradient[c] = (mseg_real)(factor * (all * exp(log_p) - target));
    }
    return loss;
}

void mseg_loss_soft(mseg_loss_sum *sum, const mseg_loss_map *map, const float *targets, const float *weights, double scale)
{
    const size_t classes = (size_t)map->classes, stride = (size_t)map->stride;
    *sum = (mseg_loss_sum){0};
    memset(map->gradient, 0, points(map) * stride * sizeof(mseg_real));
    for (size_t p = 0; p < points(map); p++) {
        const mseg_real *logits = map->logits + p * stride;
        const float *target = targets + p * classes;
        const double weight = (double)weights[p];
        if (!(weight > 0))
            continue;
        sum->loss += weight * soft_point(logits, target, map->classes, weight * scale, map->gradient + p * stride);
        sum->weight += weight;
        sum->counted++;
        sum->hits += first_largest_real(logits, map->classes) == first_largest(target, map->classes);
    }
}

void mseg_loss_features(mseg_loss_sum *sum, const mseg_loss_map *map, const float *targets, const float *weights, double scale)
{
    const size_t channels = (size_t)map->classes, stride = (size_t)map->stride;
    *sum = (mseg_loss_sum){0};
    memset(map->gradient, 0, points(map) * stride * sizeof(mseg_real));
    for (size_t p = 0; p < points(map); p++) {
        if (!(weights[p] > 0))
            continue;
        double squares = 0;
        for (size_t c = 0; c < channels; c++) {
            const double off = (double)map->logits[p * stride + c] - (double)targets[p * channels + c];
            squares += off * off;
            map->gradient[p * stride + c] = (mseg_real)(2 * scale / (double)channels * off);
        }
        sum->loss += squares / (double)channels;
        sum->weight += 1;
        sum->counted++;
    }
}
