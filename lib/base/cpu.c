#include "base/cpu.h"

#include <string.h>
#include <unistd.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

static const struct {
    const char *name;
    unsigned needs;
} levels[MSEG_CPU_LEVELS] = {
    [MSEG_CPU_SCALAR] = {"scalar", MSEG_ISA_SCALAR},    [MSEG_CPU_AVX2] = {"avx2", MSEG_ISA_AVX2},
    [MSEG_CPU_AVXVNNI] = {"avxvnni", MSEG_ISA_AVXVNNI}, [MSEG_CPU_AVX512] = {"avx512", MSEG_ISA_AVX512},
    [MSEG_CPU_ZEN4] = {"zen4", MSEG_ISA_AVX512},
};

static size_t cache_bytes(int name, size_t otherwise)
{
    long bytes = sysconf(name);
    return bytes > 0 ? (size_t)bytes : otherwise;
}

#if defined(__x86_64__)
/* Compilers of 2022 have no name for it: leaf 7, subleaf 1, eax bit 4 (Intel's manual, CPUID). */
static bool has_avxvnni(void)
{
    unsigned a, b, c, d;
    return __builtin_cpu_supports("avx2") && __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a >> 4 & 1);
}

static unsigned detect_features(void)
{
    __builtin_cpu_init();
    return (__builtin_cpu_supports("avx2") ? MSEG_HAS_AVX2 : 0u) | (__builtin_cpu_supports("fma") ? MSEG_HAS_FMA : 0u) |
           (__builtin_cpu_supports("avx512f") ? MSEG_HAS_AVX512F : 0u) |
           (__builtin_cpu_supports("avx512bw") ? MSEG_HAS_AVX512BW : 0u) |
           (__builtin_cpu_supports("avx512vl") ? MSEG_HAS_AVX512VL : 0u) |
           (__builtin_cpu_supports("avx512dq") ? MSEG_HAS_AVX512DQ : 0u) |
           (__builtin_cpu_supports("avx512vnni") ? MSEG_HAS_AVX512VNNI : 0u) |
           (__builtin_cpu_supports("avx512bf16") ? MSEG_HAS_AVX512BF16 : 0u) | (has_avxvnni() ? MSEG_HAS_AVXVNNI : 0u);
}

/* AMD's family 19h is Zen 3 and Zen 4, and of these Zen 4 alone has AVX-512. */
static bool is_zen4(void)
{
    unsigned a, b, c, d;
    if (!__get_cpuid(0, &a, &b, &c, &d) || b != signature_AMD_ebx || !__get_cpuid(1, &a, &b, &c, &d))
        return false;
    return (a >> 8 & 15) + (a >> 20 & 255) == 0x19;
}
#else
static unsigned detect_features(void)
{
    return 0;
}

static bool is_zen4(void)
{
    return false;
}
#endif

bool mseg_cpu_can_run(const mseg_cpu *cpu, mseg_cpu_level level)
{
    return level < MSEG_CPU_LEVELS && !(levels[level].needs & ~cpu->features);
}

mseg_cpu mseg_cpu_detect(void)
{
    mseg_cpu cpu = {.features = detect_features(), .l2_bytes = cache_bytes(_SC_LEVEL2_CACHE_SIZE, 512 << 10)};
    for (mseg_cpu_level level = MSEG_CPU_SCALAR; level < MSEG_CPU_LEVELS; level++)
        if (mseg_cpu_can_run(&cpu, level) && (level != MSEG_CPU_ZEN4 || is_zen4()))
            cpu.level = level;
    return cpu;
}

const char *mseg_cpu_level_name(mseg_cpu_level level)
{
    return level < MSEG_CPU_LEVELS ? levels[level].name : "unknown";
}

mseg_cpu_level mseg_cpu_level_find(const char *name)
{
    for (int level = 0; level < MSEG_CPU_LEVELS; level++)
        if (!strcmp(name, levels[level].name))
            return (mseg_cpu_level)level;
    return MSEG_CPU_LEVELS;
}

mseg_status mseg_cpu_choose(mseg_cpu *cpu, const char *name, mseg_error *err)
{
    *cpu = mseg_cpu_detect();
    if (!name || !*name)
        return MSEG_OK;
    const mseg_cpu_level wanted = mseg_cpu_level_find(name);
    if (wanted == MSEG_CPU_LEVELS)
        return mseg_fail(err, MSEG_INVAL, "no kernel set is called '%s': scalar, avx2, avxvnni, avx512 or zen4", name);
    if (!mseg_cpu_can_run(cpu, wanted))
        return mseg_fail(err, MSEG_INVAL, "this machine cannot run the %s kernels; the best that it can are %s", name,
                         mseg_cpu_level_name(cpu->level));
    cpu->level = wanted;
    return MSEG_OK;
}
