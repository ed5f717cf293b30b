#include "kernels/train/cross_entropy.h"

mseg_cross_entropy_fn mseg_cross_entropy_for(const mseg_cpu *cpu)
{
    mseg_cross_entropy_fn fn = NULL;
#define ROW(name, needs, prefers)                                                                                                \
    if (!((needs) & ~cpu->features) && (prefers) <= cpu->level)                                                                  \
        fn = name;
#include "kernels/train/cross_entropy.def"
    return fn;
}
