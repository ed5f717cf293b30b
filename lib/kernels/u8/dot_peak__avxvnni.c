#include "kernels/registry.h"

/* Twelve independent accumulators cover the latency of two multipliers; assembly, because compilers spill or drop such loops. */
void mseg_u8_dot_peak__avxvnni(long rounds)
{
    __asm__ volatile("vzeroall" ::
                         : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11",
                           "xmm12", "xmm13", "xmm14", "xmm15");
    for (long i = 0; i < rounds; i++)
        __asm__ volatile("%{vex%} vpdpbusd %%ymm14, %%ymm15, %%ymm0\n"
                         "%{vex%} vpdpbusd %%ymm14, %%ymm15, %%ymm1\n"
                         "%{vex%} vpdpbusd %%ymm14, %%ymm15, %%ymm2\n"
                         "%{vex%} vpdpbusd %%ymm14, %%ymm15, %%ymm3\n"
                         "%{vex%} vpdpbusd %%ymm14, %%ymm15, %%ymm4\n"
                         "%{vex%} vpdpbusd %%ymm14, %%ymm15, %%ymm5\n"
                         "%{vex%} vpdpbusd %%ymm14, %%ymm15, %%ymm6\n"
                         "%{vex%} vpdpbusd %%ymm14, %%ymm15, %%ymm7\n"
                         "%{vex%} vpdpbusd %%ymm14, %%ymm15, %%ymm8\n"
                         "%{vex%} vpdpbusd %%ymm14, %%ymm15, %%ymm9\n"
                         "%{vex%} vpdpbusd %%ymm14, %%ymm15, %%ymm10\n"
                         "%{vex%} vpdpbusd %%ymm14, %%ymm15, %%ymm11\n" ::
                             : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11");
}
