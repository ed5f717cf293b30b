#include "kernels/registry.h"

static bool suits(const mseg_cpu *cpu, unsigned needs, mseg_cpu_level prefers)
{
    return !(needs & ~cpu->features) && prefers <= cpu->level;
}

/* Later rows win. */
mseg_kernels mseg_kernels_for(const mseg_cpu *cpu)
{
    mseg_kernels set = {.level = cpu->level};

#define PLAIN                    NULL, NULL
#define PAIRS(paired, pair_sums) paired, pair_sums
#define ROW(name, needs, prefers, mr, nr, vec, pack)                                                                             \
    if (suits(cpu, needs, prefers))                                                                                              \
        set.gemm = (mseg_gemm_kernel){#name, name, mr, nr, vec, pack};
#include "kernels/f32/gemm.def"

#define ROW(name, needs, prefers, vec)                                                                                           \
    if (suits(cpu, needs, prefers)) {                                                                                            \
        set.dwconv = name;                                                                                                       \
        set.dwconv_vec = vec;                                                                                                    \
    }
#include "kernels/f32/dwconv3x3.def"

#define ROW(name, needs, prefers, madds)                                                                                         \
    if (suits(cpu, needs, prefers)) {                                                                                            \
        set.peak = name;                                                                                                         \
        set.peak_madds = madds;                                                                                                  \
    }
#include "kernels/f32/fma_peak.def"

#define ROW(name, needs, prefers)                                                                                                \
    if (suits(cpu, needs, prefers))                                                                                              \
        set.normalise = name;
#include "kernels/pixels/normalise.def"

#define ROW(name, needs, prefers)                                                                                                \
    if (suits(cpu, needs, prefers))                                                                                              \
        set.argmax = name;
#include "kernels/pixels/argmax.def"

#define ROW(name, needs, prefers)                                                                                                \
    if (suits(cpu, needs, prefers))                                                                                              \
        set.softmax = name;
#include "kernels/pixels/softmax_add.def"

#define ROW(name, needs, prefers, nr, vec, kr)                                                                                   \
    if (suits(cpu, needs, prefers))                                                                                              \
        set.u8.gemm = (mseg_u8_gemm_kernel){#name, name, nr, vec, kr};
#include "kernels/u8/gemm.def"

#define ROW(name, needs, prefers, vec, bytes, pack)                                                                              \
    if (suits(cpu, needs, prefers))                                                                                              \
        set.u8.dwconv = (mseg_u8_dwconv_kernel){#name, name, vec, bytes, pack};
#include "kernels/u8/dwconv3x3.def"

#define ROW(name, needs, prefers)                                                                                                \
    if (suits(cpu, needs, prefers))                                                                                              \
        set.u8.argmax = name;
#include "kernels/u8/argmax.def"

#define ROW(name, needs, prefers, madds)                                                                                         \
    if (suits(cpu, needs, prefers)) {                                                                                            \
        set.u8.peak = name;                                                                                                      \
        set.u8.peak_madds = madds;                                                                                               \
    }
#include "kernels/u8/dot_peak.def"

#define ROW(name, needs, prefers)                                                                                                \
    if (suits(cpu, needs, prefers))                                                                                              \
        set.stretch = name;
#include "kernels/pixels/stretch.def"

#define ROW(name, needs, prefers)                                                                                                \
    if (suits(cpu, needs, prefers))                                                                                              \
        set.blend = name;
#include "kernels/pixels/blend.def"

    return set;
}
