#include "base/clock.h"
#include "base/parallel.h"
#include "seg/model.h"

typedef struct burn {
    mseg_peak_fn peak;
    long rounds;
} burn;

static void burn_part(void *context, int task, int worker)
{
    const burn *b = context;
    (void)task;
    (void)worker;
    b->peak(b->rounds);
}

static bool in_integers(const mseg_model *model)
{
    return model->info.precision == MSEG_PRECISION_INT8;
}

double mseg_peak(const mseg_model *model, mseg_pool *pool)
{
    enum { TRIES = 7 };
    const int threads = mseg_pool_threads(pool);
    const mseg_kernels *kernels = model->kernels;
    const int madds = in_integers(model) ? kernels->u8.peak_madds : kernels->peak_madds;
    burn b = {in_integers(model) ? kernels->u8.peak : kernels->peak, 1000000};
    double best = 0;
    for (int i = 0; i < TRIES; i++) {
        const double start = mseg_now_ms();
        mseg_pool_for(pool, threads, burn_part, &b);
        const double rate = (double)b.rounds * madds * threads / (mseg_now_ms() - start) * 1e3;
        best = rate > best ? rate : best;
    }
    return best;
}

/* What the kernels multiply with follows from how they have the weights packed. */
const char *mseg_arithmetic(const mseg_model *model)
{
    const int kr = model->kernels->u8.gemm.kr;
    return !in_integers(model) ? "FMA" : kr == 4 ? "VNNI" : kr == 2 ? "vpmaddwd" : "8-bit";
}
