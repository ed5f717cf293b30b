#include "base/processors.h"

#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A line of /proc/self/mountinfo: what part of a hierarchy is seen where. */
typedef struct mount {
    char *part, *point;
    const char *type, *options;
} mount;

static FILE *open_file(const char *root, const char *folder, const char *name)
{
    char path[PATH_MAX];
    const int length = snprintf(path, sizeof path, "%s%s/%s", root, folder, name);
    return length > 0 && length < (int)sizeof path ? fopen(path, "re") : NULL;
}

/* The numbers, more than 0, at the front of a file. */
static bool read_numbers(const char *root, const char *folder, const char *name, long long *numbers, int n)
{
    char line[64];
    FILE *file = open_file(root, folder, name);
    if (!file)
        return false;
    bool ok = fgets(line, sizeof line, file) != NULL;
    fclose(file);
    char *at = line;
    for (int i = 0; i < n && ok; i++) {
        char *end;
        errno = 0;
        numbers[i] = strtoll(at, &end, 10);
        ok = end != at && !errno && numbers[i] > 0;
        at = end;
    }
    return ok;
}

static int least(int limit, int other)
{
    return !limit || (other && other < limit) ? other : limit;
}

/* Of one group; v2 says "max", v1 -1, where there is no quota. */
static int group_quota(const char *root, const char *folder, bool v2)
{
    long long n[2]; /* quota, period: microseconds of processor time in each period of real time */
    if (v2 ? !read_numbers(root, folder, "cpu.max", n, 2)
           : !read_numbers(root, folder, "cpu.cfs_quota_us", n, 1) || !read_numbers(root, folder, "cpu.cfs_period_us", n + 1, 1))
        return 0;
    const long long processors = n[0] / n[1] + (n[0] % n[1] != 0);
    return processors < INT_MAX ? (int)processors : INT_MAX;
}

/* Of the group and of those around it as far as the mount shows them. */
static int groups_quota(const char *root, const mount *m, const char *group, bool v2)
{
    char folder[PATH_MAX];
    const size_t part = strcmp(m->part, "/") ? strlen(m->part) : 0, point = strlen(m->point);
    if (strncmp(group, m->part, part) || (group[part] && group[part] != '/') || strstr(group, "/.."))
        return 0; /* it shows another part */
    const int length = snprintf(folder, sizeof folder, "%s%s", m->point, group + part);
    if (length < 0 || length >= (int)sizeof folder)
        return 0;
    int limit = group_quota(root, folder, v2);
    for (char *end; (end = strrchr(folder, '/')) && end >= folder + point;) {
        *end = 0;
        limit = least(limit, group_quota(root, folder, v2));
    }
    return limit;
}

static bool has_word(const char *list, const char *word)
{
    const size_t length = strlen(word);
    for (; list; list = strchr(list, ',')) {
        list += *list == ',';
        if (!strncmp(list, word, length) && (!list[length] || list[length] == ','))
            return true;
    }
    return false;
}

/* In place: spaces and the like stand there as a backslash and three octal digits. */
static void unescape(char *text)
{
    char *to = text;
    for (const char *from = text; *from; to++) {
        if (from[0] == '\\' && from[1] && from[2] && from[3]) {
            *to = (char)((from[1] - '0') << 6 | (from[2] - '0') << 3 | (from[3] - '0'));
            from += 4;
        } else {
            *to = *from++;
        }
    }
    *to = 0;
}

/* Takes a line apart: 36 35 98:0 /part /point options [optional fields] - type source options-of-all. False: not such a line. */
static bool parse_mount(mount *m, char *line)
{
    char *save, *fields[5], *rest = strstr(line, " - ");
    if (!rest)
        return false;
    *rest = 0;
    for (int i = 0; i < 5; i++)
        if (!(fields[i] = strtok_r(i ? NULL : line, " ", &save)))
            return false;
    m->part = fields[3];
    m->point = fields[4];
    unescape(m->part);
    unescape(m->point);
    m->type = strtok_r(rest + 3, " ", &save);
    if (!strtok_r(NULL, " ", &save))
        return false;
    m->options = strtok_r(NULL, " ", &save);
    return m->options != NULL;
}

/* Of a group by its path in the hierarchy, wherever that is mounted. */
static int mounts_quota(const char *root, const char *group, bool v2)
{
    char *line = NULL;
    size_t capacity = 0;
    int limit = 0;
    FILE *file = open_file(root, "/proc/self", "mountinfo");
    while (file && getline(&line, &capacity, file) > 0) {
        mount m;
        line[strcspn(line, "\n")] = 0;
        if (parse_mount(&m, line) && !strcmp(m.type, v2 ? "cgroup2" : "cgroup") && (v2 || has_word(m.options, "cpu")))
            limit = least(limit, groups_quota(root, &m, group, v2));
    }
    free(line);
    if (file)
        fclose(file);
    return limit;
}

int mseg_cpu_quota(const char *root)
{
    char *line = NULL;
    size_t capacity = 0;
    int limit = 0;
    FILE *file = open_file(root, "/proc/self", "cgroup");
    while (file && getline(&line, &capacity, file) > 0) { /* 4:cpu,cpuacct:/group of v1, 0::/group of v2 */
        line[strcspn(line, "\n")] = 0;
        char *controllers = strchr(line, ':'), *group = controllers ? strchr(controllers + 1, ':') : NULL;
        if (!group)
            continue;
        *controllers++ = *group++ = 0;
        const bool v2 = !*controllers && !strcmp(line, "0");
        if (v2 || has_word(controllers, "cpu"))
            limit = least(limit, mounts_quota(root, group, v2));
    }
    free(line);
    if (file)
        fclose(file);
    return limit;
}

static int scheduled(void)
{
    cpu_set_t set;
    if (!sched_getaffinity(0, sizeof set, &set))
        return CPU_COUNT(&set);
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    return online > 0 ? (int)online : 1;
}

int mseg_processors(const char *root)
{
    return least(scheduled(), mseg_cpu_quota(root));
}
