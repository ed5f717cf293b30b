#ifndef MSEG_KERNELS_TRAIN_CROSS_ENTROPY_H
#define MSEG_KERNELS_TRAIN_CROSS_ENTROPY_H

#include <stdint.h>

#include "kernels/kernels.h"
#include "kernels/train/train.h"

/* A row of labelled pixels, each between two columns of logits as mseg_column_run says. Columns are [lanes] reals, lanes being
 * classes rounded up to MSEG_TRAIN_VEC; those behind the last class are read and do not matter. */
typedef struct mseg_cross_entropy_args {
    const mseg_real *logits;
    mseg_real *gradient; /* of scale * the row's loss in the columns, added to; 0 behind the last class */
    int classes;         /* 1 .. 256 */
    const mseg_column_run *runs;
    int n_runs;
    const mseg_real *fraction; /* by pixel */
    const uint8_t *labels;     /* by pixel */
    const mseg_real *weights;  /* [256], by label: 0: does not count, as is the case behind the last class */
    mseg_real scale;
    double loss;  /* added to: weight * (log of the sum of exp(logits) - the label's logit) of the runs' pixels */
    int64_t hits; /* added to: pixels that count and whose first largest logit is the label's */
} mseg_cross_entropy_args;

/** What is not a number among the logits of a pixel that counts makes loss so, too. */
typedef void (*mseg_cross_entropy_fn)(mseg_cross_entropy_args *args);

/** The last row of train/cross_entropy.def that cpu->features are enough for and that asks for no later level. Thread safe. */
mseg_cross_entropy_fn mseg_cross_entropy_for(const mseg_cpu *cpu);

#define ROW(name, needs, prefers) void name(mseg_cross_entropy_args *);
#include "kernels/train/cross_entropy.def"

#endif
