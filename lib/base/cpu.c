#include "base/cpu.h"

#include <stdbool.h>
#include <string.h>
#include <unistd.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

static const char *const level_names[MSEG_CPU_LEVELS] = {"scalar", "avx2", "avx512", "zen4"};

static size_t cache_bytes(int name, size_t otherwise)
{
    long bytes = sysconf(name);
    return bytes > 0 ? (size_t)bytes : otherwise;
}

#if defined(__x86_64__)
/* AMD's family 19h is Zen 3 and Zen 4, and of these Zen 4 alone has AVX-512. */
static bool is_zen4(void)
{
    unsigned a, b, c, d;
    if (!__get_cpuid(0, &a, &b, &c, &d) || b != signature_AMD_ebx || !__get_cpuid(1, &a, &b, &c, &d))
        return false;
    return (a >> 8 & 15) + (a >> 20 & 255) == 0x19;
}
#endif

mseg_cpu mseg_cpu_detect(void)
{
    mseg_cpu cpu = {.level = MSEG_CPU_SCALAR, .can_run = MSEG_CPU_SCALAR};
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        cpu.level = cpu.can_run = MSEG_CPU_AVX2;
    if (cpu.level == MSEG_CPU_AVX2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq")) {
        cpu.level = is_zen4() ? MSEG_CPU_ZEN4 : MSEG_CPU_AVX512;
        cpu.can_run = MSEG_CPU_ZEN4;
    }
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
