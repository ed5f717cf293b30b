#ifndef MSEG_BASE_CPU_H
#define MSEG_BASE_CPU_H

#include <stddef.h>

/* Kernel sets, weakest first; a machine that has one has all before it. */
typedef enum mseg_cpu_level { MSEG_CPU_SCALAR, MSEG_CPU_AVX2, MSEG_CPU_AVX512, MSEG_CPU_ZEN4, MSEG_CPU_LEVELS } mseg_cpu_level;

typedef struct mseg_cpu {
    mseg_cpu_level level;   /* the kernel set of choice */
    mseg_cpu_level can_run; /* the last one that the processor has the instructions for */
    size_t l1_bytes;        /* data cache of one core */
    size_t l2_bytes;        /* second-level cache of one core */
} mseg_cpu;

/** What this machine can run and what suits it best: zen4 needs no more than avx512 does and is the choice on Zen 4 alone.
 * Thread safe. */
mseg_cpu mseg_cpu_detect(void);

/** "scalar", "avx2", "avx512", "zen4". */
const char *mseg_cpu_level_name(mseg_cpu_level level);

/** The level of that name, or MSEG_CPU_LEVELS when there is none. */
mseg_cpu_level mseg_cpu_level_find(const char *name);

#endif
