#include "kernels/train/registry.h"

/* Later rows win. */
const mseg_train_kernels *mseg_train_kernels_for(const mseg_cpu *cpu, bool half)
{
    const mseg_train_kernels *set = NULL;
#define ROW(name, needs, prefers, is_half)                                                                                       \
    if (!((needs) & ~cpu->features) && (prefers) <= cpu->level && (is_half) == half)                                             \
        set = &name;
#include "kernels/train/train.def"
    return set;
}
