/* CPU quotas of control groups, in trees that stand for a system's: /proc/self/cgroup, /proc/self/mountinfo and what they name.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/processors.h"

#define V2     "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
#define OTHERS "22 1 254:1 / / rw,relatime shared:1 - ext4 /dev/root rw\n23 22 0:21 / /sys rw - sysfs sysfs rw\n"

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *where)
{
    (void)info, (void)kind, (void)where;
    return remove(path);
}

static int make_root(void **state)
{
    char *root = strdup("/tmp/mseg-processors-XXXXXX");
    *state = root;
    return root && mkdtemp(root) ? 0 : -1;
}

static int remove_root(void **state)
{
    const int failed = nftw(*state, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    free(*state);
    return failed;
}

/* Writes a file, and the folders that it is in. */
static void put(const char *root, const char *name, const char *text)
{
    char path[4096];
    assert_true(snprintf(path, sizeof path, "%s%s", root, name) < (int)sizeof path);
    for (char *slash = path + strlen(root) + 1; (slash = strchr(slash, '/')); *slash++ = '/') {
        *slash = 0;
        mkdir(path, 0700);
    }
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void put_proc(const char *root, const char *groups, const char *mounts)
{
    put(root, "/proc/self/cgroup", groups);
    put(root, "/proc/self/mountinfo", mounts);
}

static void version_2(void **state)
{
    const char *root = *state;
    const struct {
        const char *text;
        int processors;
    } cases[] = {
        {"max 100000\n", 0},
        {"100000 100000\n", 1},
        {"150000 100000\n", 2},
        {"200000 100000\n", 2},
        {"200001 100000\n", 3},
        {"1000 100000\n", 1},
        {"50000 10000\n", 5},
        {"6400000 100000", 64},
        {"9223372036854775807 1\n", 2147483647},
        /* no such numbers: nothing is limited */
        {"", 0},
        {"\n", 0},
        {"100000\n", 0},
        {"0 100000\n", 0},
        {"100000 0\n", 0},
        {"-1 100000\n", 0},
        {"100000 -5\n", 0},
        {"many 100000\n", 0},
        {"100000 many\n", 0},
        {"99999999999999999999 1\n", 0},
    };
    put_proc(root, "0::/\n", OTHERS V2);
    assert_int_equal(mseg_cpu_quota(root), 0); /* no file: the root group of a system */
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        put(root, "/sys/fs/cgroup/cpu.max", cases[i].text);
        if (mseg_cpu_quota(root) != cases[i].processors)
            fail_msg("'%s': %d", cases[i].text, mseg_cpu_quota(root));
    }
}

/* The least of the own group's and of those around it; not those beside and below. */
static void nested(void **state)
{
    const char *root = *state;
    put_proc(root, "0::/a.slice/b c.service\n", OTHERS V2);
    put(root, "/sys/fs/cgroup/a.slice/b c.service/cpu.max", "700000 100000\n");
    put(root, "/sys/fs/cgroup/a.slice/b c.service/below/cpu.max", "100000 100000\n");
    put(root, "/sys/fs/cgroup/a.slice/b/cpu.max", "100000 100000\n");
    put(root, "/sys/fs/cgroup/a.slice/cpu.max", "max 100000\n");
    put(root, "/sys/fs/cpu.max", "100000 100000\n");
    assert_int_equal(mseg_cpu_quota(root), 7);
    put(root, "/sys/fs/cgroup/a.slice/cpu.max", "50000 20000\n");
    assert_int_equal(mseg_cpu_quota(root), 3);
    put(root, "/sys/fs/cgroup/cpu.max", "200000 100000\n"); /* of a container in a namespace of its own */
    assert_int_equal(mseg_cpu_quota(root), 2);
}

/* A container whose own group is mounted, without a namespace: only what is below that is seen; a space in a path. */
static void part_of_the_tree(void **state)
{
    const char *root = *state;
    const char *mounts = OTHERS "31 23 0:26 /docker/0a1b /mnt/c\\040g rw - cgroup2 cgroup2 rw\n";
    put_proc(root, "0::/docker/0a1b/job\n", mounts);
    put(root, "/mnt/c g/cpu.max", "400000 100000\n");
    assert_int_equal(mseg_cpu_quota(root), 4);
    put(root, "/mnt/c g/job/cpu.max", "300000 100000\n");
    put(root, "/mnt/c gc/cpu.max", "100000 100000\n");
    assert_int_equal(mseg_cpu_quota(root), 3);
    put_proc(root, "0::/docker/0a1b\n", mounts);
    assert_int_equal(mseg_cpu_quota(root), 4);
    const char *others[] = {"0::/docker/0a1bc\n", "0::/docker\n", "0::/\n", "0::/../0a1b\n", "0::/docker/0a1b/../x\n"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) { /* other groups than the one that is seen */
        put_proc(root, others[i], mounts);
        assert_int_equal(mseg_cpu_quota(root), 0);
    }
}

static void version_1(void **state)
{
    const char *root = *state;
    put_proc(root, "12:cpuset:/other\n4:cpu,cpuacct:/docker/1\n1:name=systemd:/docker/1\n",
             OTHERS "33 23 0:30 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n"
                    "34 23 0:31 / /sys/fs/cgroup/cpu,cpuacct rw shared:9 - cgroup cgroup rw,cpu,cpuacct\n"
                    "35 23 0:32 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd\n");
    const char *others[] = {"cpuset/other", "cpuset/docker/1", "cpu,cpuacct/other", "systemd/docker/1"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        for (int period = 0; period < 2; period++) {
            char name[100];
            snprintf(name, sizeof name, "/sys/fs/cgroup/%s/cpu.cfs_%s_us", others[i], period ? "period" : "quota");
            put(root, name, "100000\n");
        }
    put(root, "/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "-1\n");
    put(root, "/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n");
    assert_int_equal(mseg_cpu_quota(root), 0);
    put(root, "/sys/fs/cgroup/cpu,cpuacct/docker/1/cpu.cfs_quota_us", "250000\n");
    assert_int_equal(mseg_cpu_quota(root), 0);
    put(root, "/sys/fs/cgroup/cpu,cpuacct/docker/1/cpu.cfs_period_us", "100000\n");
    assert_int_equal(mseg_cpu_quota(root), 3);
    put(root, "/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "200000\n");
    assert_int_equal(mseg_cpu_quota(root), 2);
}

/* Both at once, each with groups of its own: v1 has the quotas, v2 none or the lesser. */
static void hybrid(void **state)
{
    const char *root = *state;
    put_proc(root, "1:cpu:/one\n0::/two\n",
             OTHERS "31 23 0:28 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n"
                    "40 23 0:37 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n");
    put(root, "/sys/fs/cgroup/cpu/one/cpu.cfs_quota_us", "600000\n");
    put(root, "/sys/fs/cgroup/cpu/one/cpu.cfs_period_us", "100000\n");
    put(root, "/sys/fs/cgroup/cpu/two/cpu.max", "100000 100000\n");
    put(root, "/sys/fs/cgroup/unified/one/cpu.max", "100000 100000\n");
    assert_int_equal(mseg_cpu_quota(root), 6);
    put(root, "/sys/fs/cgroup/unified/two/cpu.max", "500000 100000\n");
    assert_int_equal(mseg_cpu_quota(root), 5);
}

static void garbage(void **state)
{
    const char *root = *state;
    const char *groups[] = {"", "\n", "0", "0:", "::", "0:::/", ":cpu:/", "0::\n", "0::x\n", "4:cpu:/\n", "1::/\n"};
    const char *mounts[] = {"",
                            "\n",
                            " - ",
                            "a - b\n",
                            "1 2 3 / /sys/fs/cgroup rw -\n",
                            "1 2 3 / /sys/fs/cgroup rw - cgroup2\n",
                            "1 2 3 / /sys/fs/cgroup rw - cgroup2 x\n",
                            "1 2 3 / - cgroup2 x y\n",
                            "1 2 3 \\ /x\\0 - cgroup2 x y\n",
                            OTHERS};
    assert_int_equal(mseg_cpu_quota(root), 0); /* nothing at all */
    put(root, "/sys/fs/cgroup/cpu.max", "100000 100000\n");
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++) {
        put_proc(root, groups[i], OTHERS V2);
        mseg_cpu_quota(root); /* ends, and reads nothing that is not there */
    }
    for (size_t i = 0; i < sizeof mounts / sizeof *mounts; i++) {
        put_proc(root, "0::/\n", mounts[i]);
        assert_int_equal(mseg_cpu_quota(root), 0);
    }
    char *group = malloc(10000);
    assert_non_null(group);
    memset(group, 'x', 9999);
    memcpy(group, "0::/", 4);
    group[9999] = 0;
    put_proc(root, group, OTHERS V2);
    free(group);
    assert_int_equal(mseg_cpu_quota(root), 0);
}

static void processors(void **state)
{
    const char *root = *state;
    put_proc(root, "0::/\n", OTHERS V2);
    const int all = mseg_processors(root);
    assert_true(all >= 1);
    put(root, "/sys/fs/cgroup/cpu.max", "90000 100000\n");
    assert_int_equal(mseg_processors(root), 1);
    put(root, "/sys/fs/cgroup/cpu.max", "99900000 100000\n");
    assert_int_equal(mseg_processors(root), all < 999 ? all : 999);
    assert_true(mseg_processors("") >= 1 && mseg_processors("") <= all);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_root, remove_root)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(version_2), TEST(nested), TEST(part_of_the_tree), TEST(version_1), TEST(hybrid), TEST(garbage), TEST(processors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
