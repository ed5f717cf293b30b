#include "base/cpu.h"

#include <string.h>
#include <unistd.h>

static const char *const level_names[MSEG_CPU_LEVELS] = {"scalar", "avx2", "avx512"};

static size_t cache_bytes(int name, size_t otherwise)
{
    long bytes = sysconf(name);
    return bytes > 0 ? (size_t)bytes : otherwise;
}

mseg_cpu mseg_cpu_detect(void)
{
    mseg_cpu cpu = {.level = MSEG_CPU_SCALAR};
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        cpu.level = MSEG_CPU_AVX2;
    if (cpu.level == MSEG_CPU_AVX2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq"))
        cpu.level = MSEG_CPU_AVX512;
#endif
    cpu.l1_bytes = cache_bytes(_SC_LEVEL1_DCACHE_SIZE, 32 << 10);
    cpu.l2_bytes = cache_bytes(_SC_LEVEL2_CACHE_SIZE, 512 << 10);
    return cpu;
}

const char *mseg_cpu_level_name(mseg_cpu_level level)
{
    return level < MSEG_CPU_LEVELS ? level_names[level] : "unknown";
}

mseg_cpu_level mseg_cpu_level_find(const char *name)
{
    for (int level = 0; level < MSEG_CPU_LEVELS; level++)
        if (!strcmp(name, level_names[level]))
            return (mseg_cpu_level)level;
    return MSEG_CPU_LEVELS;
}
