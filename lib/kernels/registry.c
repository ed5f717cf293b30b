#include "kernels/registry.h"

#define GEMM_ROW(isa, lvl, m, n, v)                                                                                              \
    [MSEG_CPU_##lvl].level = MSEG_CPU_##lvl,                                                                                     \
    [MSEG_CPU_##lvl].gemm = {"f32_gemm_" #m "x" #n "__" #isa, mseg_f32_gemm_##m##x##n##__##isa, m, n, v},
#define DWCONV_ROW(isa, lvl, v)   [MSEG_CPU_##lvl].dwconv = mseg_f32_dwconv3x3__##isa, [MSEG_CPU_##lvl].dwconv_vec = v,
#define NORMALISE_ROW(isa, lvl)   [MSEG_CPU_##lvl].normalise = mseg_u8_f32_normalise__##isa,
#define ARGMAX_ROW(isa, lvl)      [MSEG_CPU_##lvl].argmax = mseg_f32_argmax__##isa,
#define SOFTMAX_ROW(isa, lvl)     [MSEG_CPU_##lvl].softmax = mseg_f32_softmax_add__##isa,
#define PEAK_ROW(isa, lvl, madds) [MSEG_CPU_##lvl].peak = mseg_fma_peak__##isa, [MSEG_CPU_##lvl].peak_madds = madds,
#define PAIRS_ROW(isa, lvl)                                                                                                      \
    [MSEG_CPU_##lvl].gemm.paired = mseg_f32_paired__##isa, [MSEG_CPU_##lvl].gemm.pair_sums = mseg_f32_pair_sums__##isa,

static const mseg_kernels sets[MSEG_CPU_LEVELS] = {
    MSEG_REGISTRY(GEMM_ROW, DWCONV_ROW, NORMALISE_ROW, ARGMAX_ROW, SOFTMAX_ROW, PEAK_ROW, PAIRS_ROW)};

const mseg_kernels *mseg_kernels_for(mseg_cpu_level level)
{
    return level < MSEG_CPU_LEVELS && sets[level].gemm.fn ? &sets[level] : NULL;
}
