#include "kernels/registry.h"

/* Bytes are widened to words: vpmaddubsw would saturate. Twelve sums; assembly, because compilers spill or drop such loops. */
void mseg_u8_dot_peak__avx2(long rounds)
{
    __asm__ volatile("vzeroall" ::
                         : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11",
                           "xmm12", "xmm13", "xmm14", "xmm15");
    for (long i = 0; i < rounds; i++)
        __asm__ volatile("vpmaddwd %%ymm14, %%ymm15, %%ymm12\n"
                         "vpaddd %%ymm12, %%ymm0, %%ymm0\n"
                         "vpmaddwd %%ymm14, %%ymm15, %%ymm13\n"
                         "vpaddd %%ymm13, %%ymm1, %%ymm1\n"
                         "vpmaddwd %%ymm14, %%ymm15, %%ymm12\n"
                         "vpaddd %%ymm12, %%ymm2, %%ymm2\n"
                         "vpmaddwd %%ymm14, %%ymm15, %%ymm13\n"
                         "vpaddd %%ymm13, %%ymm3, %%ymm3\n"
                         "vpmaddwd %%ymm14, %%ymm15, %%ymm12\n"
                         "vpaddd %%ymm12, %%ymm4, %%ymm4\n"
                         "vpmaddwd %%ymm14, %%ymm15, %%ymm13\n"
                         "vpaddd %%ymm13, %%ymm5, %%ymm5\n"
                         "vpmaddwd %%ymm14, %%ymm15, %%ymm12\n"
                         "vpaddd %%ymm12, %%ymm6, %%ymm6\n"
                         "vpmaddwd %%ymm14, %%ymm15, %%ymm13\n"
                         "vpaddd %%ymm13, %%ymm7, %%ymm7\n"
                         "vpmaddwd %%ymm14, %%ymm15, %%ymm12\n"
                         "vpaddd %%ymm12, %%ymm8, %%ymm8\n"
                         "vpmaddwd %%ymm14, %%ymm15, %%ymm13\n"
                         "vpaddd %%ymm13, %%ymm9, %%ymm9\n"
                         "vpmaddwd %%ymm14, %%ymm15, %%ymm12\n"
                         "vpaddd %%ymm12, %%ymm10, %%ymm10\n"
                         "vpmaddwd %%ymm14, %%ymm15, %%ymm13\n"
                         "vpaddd %%ymm13, %%ymm11, %%ymm11\n" ::
                             : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11",
                               "xmm12", "xmm13");
}
