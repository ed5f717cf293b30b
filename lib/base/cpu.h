#ifndef MSEG_BASE_CPU_H
#define MSEG_BASE_CPU_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"

/* What a processor can do, one bit a feature. */
enum {
    MSEG_HAS_AVX2 = 1 << 0,
    MSEG_HAS_FMA = 1 << 1,
    MSEG_HAS_AVX512F = 1 << 2,
    MSEG_HAS_AVX512BW = 1 << 3,
    MSEG_HAS_AVX512VL = 1 << 4,
    MSEG_HAS_AVX512DQ = 1 << 5,
    MSEG_HAS_AVX512VNNI = 1 << 6,
    MSEG_HAS_AVXVNNI = 1 << 7,
    MSEG_HAS_AVX512BF16 = 1 << 8
};

/* The features that compilers may use for a kernel, by the end of its file's name (__zen4 is tuned for it and made of AVX-512).
 */
enum {
    MSEG_ISA_SCALAR = 0,
    MSEG_ISA_AVX2 = MSEG_HAS_AVX2 | MSEG_HAS_FMA,
    MSEG_ISA_AVXVNNI = MSEG_ISA_AVX2 | MSEG_HAS_AVXVNNI,
    MSEG_ISA_AVX512 = MSEG_ISA_AVX2 | MSEG_HAS_AVX512F | MSEG_HAS_AVX512BW | MSEG_HAS_AVX512VL | MSEG_HAS_AVX512DQ,
    MSEG_ISA_AVX512VNNI = MSEG_ISA_AVX512 | MSEG_HAS_AVX512VNNI,
    MSEG_ISA_AVX512BF16 = MSEG_ISA_AVX512 | MSEG_HAS_AVX512BF16
};

/* Kernel sets, in the order of preference. */
typedef enum mseg_cpu_level {
    MSEG_CPU_SCALAR,
    MSEG_CPU_AVX2,
    MSEG_CPU_AVXVNNI,
    MSEG_CPU_AVX512,
    MSEG_CPU_ZEN4,
    MSEG_CPU_LEVELS
} mseg_cpu_level;

typedef struct mseg_cpu {
    unsigned features;    /* MSEG_HAS_*: what it can run */
    mseg_cpu_level level; /* what it prefers: the kernel set of choice */
    size_t l2_bytes;      /* second-level cache of one core */
} mseg_cpu;

/** What this machine can run and what suits it best: zen4 needs no more than avx512 does and is the choice on Zen 4 alone.
 * Thread safe. */
mseg_cpu mseg_cpu_detect(void);

/** Whether its features are enough for the kernels of that level, whatever it prefers. */
bool mseg_cpu_can_run(const mseg_cpu *cpu, mseg_cpu_level level);

/** As mseg_cpu_detect, preferring the level of that name; NULL or "": the best. Errors: MSEG_INVAL for a name that is none, or
 * one of kernels that this machine cannot run. Thread safe. */
mseg_status mseg_cpu_choose(mseg_cpu *cpu, const char *name, mseg_error *err);

/** "scalar", "avx2", "avxvnni", "avx512", "zen4". */
const char *mseg_cpu_level_name(mseg_cpu_level level);

/** The level of that name, or MSEG_CPU_LEVELS when there is none. */
mseg_cpu_level mseg_cpu_level_find(const char *name);

#endif
