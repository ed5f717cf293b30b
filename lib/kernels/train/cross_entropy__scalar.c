#include <math.h>
#include <tgmath.h>

#include "kernels/train/cross_entropy.h"

enum { CLASSES = 256 };

/* A logit f of the way between two columns. */
static mseg_real mixed(const mseg_real *left, const mseg_real *right, mseg_real f, int c)
{
    return left[c] + (right[c] - left[c]) * f;
}

/* One pixel that counts. */
static void add_pixel(mseg_cross_entropy_args *a, const mseg_column_run *run, int x)
{
    const size_t lanes = (size_t)(a->classes + MSEG_TRAIN_VEC - 1) / MSEG_TRAIN_VEC * MSEG_TRAIN_VEC;
    const size_t left_at = (size_t)run->left * lanes, right_at = (size_t)run->right * lanes;
    const mseg_real *left = a->logits + left_at, *right = a->logits + right_at;
    const int label = a->labels[x];
    const mseg_real f = a->fraction[x], weight = a->weights[label];
    mseg_real y[CLASSES], most = (mseg_real)-INFINITY, sum = 0;
    int first = -1;
    for (int c = 0; c < a->classes; c++) {
        y[c] = mixed(left, right, f, c);
        if (y[c] > most) {
            most = y[c];
            first = c;
        }
    }
    for (int c = 0; c < a->classes; c++)
        sum += y[c] = exp(y[c] - most);
    for (int c = 0; c < a->classes; c++) {
        const mseg_real g = weight * a->scale * (y[c] / sum - (mseg_real)(c == label));
        a->gradient[left_at + (size_t)c] += g * (1 - f);
        a->gradient[right_at + (size_t)c] += g * f;
    }
    a->loss += (double)weight * ((double)log(sum) + (double)(most - mixed(left, right, f, label)));
    a->hits += first == label;
}

void mseg_train_cross_entropy__scalar(mseg_cross_entropy_args *a)
{
    for (const mseg_column_run *run = a->runs; run < a->runs + a->n_runs; run++)
        for (int x = run->x0; x < run->x1; x++)
            if (a->weights[a->labels[x]] > 0)
                add_pixel(a, run, x);
}
