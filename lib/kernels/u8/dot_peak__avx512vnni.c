#include "kernels/registry.h"

/* Twelve independent accumulators cover the latency of two multipliers; assembly, because compilers spill or drop such loops. */
void mseg_u8_dot_peak__avx512vnni(long rounds)
{
    __asm__ volatile("vzeroall" ::
                         : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11",
                           "xmm12", "xmm13", "xmm14", "xmm15");
    for (long i = 0; i < rounds; i++)
        __asm__ volatile("vpdpbusd %%zmm14, %%zmm15, %%zmm0\n"
                         "vpdpbusd %%zmm14, %%zmm15, %%zmm1\n"
                         "vpdpbusd %%zmm14, %%zmm15, %%zmm2\n"
                         "vpdpbusd %%zmm14, %%zmm15, %%zmm3\n"
                         "vpdpbusd %%zmm14, %%zmm15, %%zmm4\n"
                         "vpdpbusd %%zmm14, %%zmm15, %%zmm5\n"
                         "vpdpbusd %%zmm14, %%zmm15, %%zmm6\n"
                         "vpdpbusd %%zmm14, %%zmm15, %%zmm7\n"
                         "vpdpbusd %%zmm14, %%zmm15, %%zmm8\n"
                         "vpdpbusd %%zmm14, %%zmm15, %%zmm9\n"
                         "vpdpbusd %%zmm14, %%zmm15, %%zmm10\n"
                         "vpdpbusd %%zmm14, %%zmm15, %%zmm11\n" ::
                             : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11");
}
