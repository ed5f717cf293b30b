/* What the processor can run and what is chosen on it, against the kernel's own account of it: /proc/cpuinfo. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cpu.h"

typedef struct account {
    char flags[16384]; /* with a space before and behind each */
    bool amd;
    int family;
} account;

static void read_account(account *a)
{
    static char line[16384];
    FILE *file = fopen("/proc/cpuinfo", "r");
    *a = (account){.family = -1};
    while (file && fgets(line, sizeof line, file) && *line != '\n') {
        const char *colon = strchr(line, ':');
        if (!colon)
            continue;
        if (!strncmp(line, "vendor_id", 9))
            a->amd = strstr(colon, "AuthenticAMD");
        else if (!strncmp(line, "cpu family", 10))
            a->family = atoi(colon + 1);
        else if (!strncmp(line, "flags", 5))
            snprintf(a->flags, sizeof a->flags, "%.*s ", (int)strcspn(colon + 1, "\n"), colon + 1);
    }
    if (file)
        fclose(file);
}

static bool all_there(const account *a, const char *const *flags, int n)
{
    for (int i = 0; i < n; i++) {
        char word[32];
        snprintf(word, sizeof word, " %s ", flags[i]);
        if (!strstr(a->flags, word))
            return false;
    }
    return true;
}

/* zen4's kernels need no more than AVX-512 but are chosen on Zen 4 alone: AMD's family 25 (Zen 3 and 4) with AVX-512. */
static void features_and_choice(void **state)
{
    (void)state;
    static const char *const flags[] = {"avx2",     "fma",         "avx512f",  "avx512bw",   "avx512vl",
                                        "avx512dq", "avx512_vnni", "avx_vnni", "avx512_bf16"};
    static const unsigned bits[] = {MSEG_HAS_AVX2,       MSEG_HAS_FMA,      MSEG_HAS_AVX512F,
                                    MSEG_HAS_AVX512BW,   MSEG_HAS_AVX512VL, MSEG_HAS_AVX512DQ,
                                    MSEG_HAS_AVX512VNNI, MSEG_HAS_AVXVNNI,  MSEG_HAS_AVX512BF16};
    static account a;
    read_account(&a);
    if (!*a.flags) {
        print_message("SKIP: /proc/cpuinfo has no flags of an x86 processor\n");
        skip();
    }
    const mseg_cpu cpu = mseg_cpu_detect();
    for (int i = 0; i < 9; i++)
        assert_int_equal(!(cpu.features & bits[i]), !all_there(&a, flags + i, 1));
    const bool avx2 = all_there(&a, flags, 2), avxvnni = avx2 && all_there(&a, flags + 7, 1);
    const bool avx512 = all_there(&a, flags, 6), zen4 = avx512 && a.amd && a.family == 25;
    assert_int_equal(cpu.level, zen4      ? MSEG_CPU_ZEN4
                                : avx512  ? MSEG_CPU_AVX512
                                : avxvnni ? MSEG_CPU_AVXVNNI
                                : avx2    ? MSEG_CPU_AVX2
                                          : MSEG_CPU_SCALAR);
    assert_true(cpu.l2_bytes >= 4096);
}

/* Every feature of a level is asked for, and nothing else. */
static void what_levels_need(void **state)
{
    (void)state;
    static const unsigned avx2 = MSEG_HAS_AVX2 | MSEG_HAS_FMA;
    static const unsigned avx512 = MSEG_HAS_AVX512F | MSEG_HAS_AVX512BW | MSEG_HAS_AVX512VL | MSEG_HAS_AVX512DQ;
    for (unsigned features = 0; features <= 255; features++) {
        const mseg_cpu cpu = {.features = features};
        const bool has_avx2 = (features & avx2) == avx2, has_avx512 = has_avx2 && (features & avx512) == avx512;
        assert_true(mseg_cpu_can_run(&cpu, MSEG_CPU_SCALAR));
        assert_int_equal(mseg_cpu_can_run(&cpu, MSEG_CPU_AVX2), has_avx2);
        assert_int_equal(mseg_cpu_can_run(&cpu, MSEG_CPU_AVXVNNI), has_avx2 && (features & MSEG_HAS_AVXVNNI));
        assert_int_equal(mseg_cpu_can_run(&cpu, MSEG_CPU_AVX512), has_avx512);
        assert_int_equal(mseg_cpu_can_run(&cpu, MSEG_CPU_ZEN4), has_avx512);
        assert_false(mseg_cpu_can_run(&cpu, MSEG_CPU_LEVELS));
    }
}

static void names(void **state)
{
    (void)state;
    static const char *const all[] = {"scalar", "avx2", "avxvnni", "avx512", "zen4"};
    for (int level = 0; level < MSEG_CPU_LEVELS; level++) {
        assert_string_equal(mseg_cpu_level_name((mseg_cpu_level)level), all[level]);
        assert_int_equal(mseg_cpu_level_find(all[level]), level);
    }
    assert_string_equal(mseg_cpu_level_name(MSEG_CPU_LEVELS), "unknown");
    assert_int_equal(mseg_cpu_level_find("AVX2"), MSEG_CPU_LEVELS);
    assert_int_equal(mseg_cpu_level_find(""), MSEG_CPU_LEVELS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(features_and_choice), cmocka_unit_test(what_levels_need),
                                       cmocka_unit_test(names)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
