#include <time.h>

#include "seg/model.h"

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

typedef struct burn {
    const mseg_kernels *kernels;
    long rounds;
} burn;

static void burn_part(void *context, int task, int worker)
{
    const burn *b = context;
    (void)task;
    (void)worker;
    b->kernels->peak(b->rounds);
}

double mseg_fma_peak(const mseg_model *model, mseg_pool *pool)
{
    enum { TRIES = 7 };
    const int threads = mseg_pool_threads(pool);
    burn b = {model->kernels, 1000000};
    double best = 0;
    for (int i = 0; i < TRIES; i++) {
        double start = now();
        mseg_pool_for(pool, threads, burn_part, &b);
        double rate = (double)b.rounds * b.kernels->peak_madds * threads / (now() - start);
        best = rate > best ? rate : best;
    }
    return best;
}
