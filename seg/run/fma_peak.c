#include "base/clock.h"
#include "base/parallel.h"
#include "seg/model.h"

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
        const double start = mseg_now_ms();
        mseg_pool_for(pool, threads, burn_part, &b);
        const double rate = (double)b.rounds * b.kernels->peak_madds * threads / (mseg_now_ms() - start) * 1e3;
        best = rate > best ? rate : best;
    }
    return best;
}
