/* Maps and palettes: files of text, bounded whatever they are. Counts: tests/eval. */

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "mseg.h"

static char folder[64];

static int set_up(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/mseg-test-XXXXXX");
    return !mkdtemp(folder);
}

static int tear_down(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

/* A file of that text and then zeros, size bytes in all (0: the text only). */
static const char *file_of(const char *text, off_t size)
{
    static char path[128];
    snprintf(path, sizeof path, "%s/text", folder);
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    fputs(text, out);
    fclose(out);
    assert_int_equal(size ? truncate(path, size) : 0, 0);
    return path;
}

static mseg_status load_map(const char *path, mseg_mask_rules *rules, mseg_error *err)
{
    mseg_palette palette;
    assert_int_equal(mseg_palette_load(&palette, "voc", err), MSEG_OK);
    mseg_mask_rules_init(rules, &palette, 255);
    mseg_status status = mseg_mask_map_load(rules, path, err);
    mseg_palette_free(&palette);
    return status;
}

static mseg_status load_palette(const char *path, mseg_error *err)
{
    mseg_palette palette;
    mseg_status status = mseg_palette_load(&palette, path, err);
    mseg_palette_free(&palette);
    return status;
}

static mseg_status load_counts(const char *path, mseg_error *err)
{
    mseg_counts *counts;
    mseg_status status = mseg_counts_load(&counts, &path, 1, err);
    mseg_counts_close(&counts);
    return status;
}

static void assert_text(mseg_status status, mseg_status expected, const mseg_error *err, const char *text)
{
    if (status != expected || !strstr(err->text, text))
        fail_msg("expected %s with '%s', got %s: '%s'", mseg_status_text(expected), text, mseg_status_text(status), err->text);
}

static void devices_and_folders(void **state)
{
    (void)state;
    mseg_mask_rules rules;
    mseg_error err = {0};
    assert_text(load_map("/dev/zero", &rules, &err), MSEG_IO, &err, "device, not a file");
    assert_text(load_counts("/dev/zero", &err), MSEG_IO, &err, "device, not a file");
    assert_text(load_palette("/dev/zero", &err), MSEG_IO, &err, "device, not a file");
    assert_text(load_map(folder, &rules, &err), MSEG_IO, &err, "a folder");
    assert_text(load_counts(folder, &err), MSEG_IO, &err, "a folder");
    assert_text(load_palette(folder, &err), MSEG_IO, &err, "a folder");
}

static void large_files(void **state)
{
    (void)state;
    mseg_mask_rules rules;
    mseg_error err = {0};
    const off_t large = (off_t)1 << 40; /* a hole: no bytes on the disk */
    assert_text(load_map(file_of("0 0\n", large), &rules, &err), MSEG_LIMIT, &err, "limit of 1048576");
    assert_text(load_counts(file_of("{}", large), &err), MSEG_LIMIT, &err, "limit of 268435456");
    assert_text(load_palette(file_of("0 0 0 0 a\n", large), &err), MSEG_LIMIT, &err, "limit of 1048576");
}

/* A pipe that never ends: read up to the limit. */
static void endless_pipe(void **state)
{
    (void)state;
    mseg_mask_rules rules;
    mseg_error err = {0};
    FILE *yes = popen("yes '# no end'", "r");
    assert_non_null(yes);
    char path[64];
    snprintf(path, sizeof path, "/dev/fd/%d", fileno(yes));
    assert_text(load_map(path, &rules, &err), MSEG_LIMIT, &err, "limit of 1048576");
    pclose(yes);
}

static void a_pipe_that_ends(void **state)
{
    (void)state;
    mseg_mask_rules rules;
    mseg_error err = {0};
    int ends[2];
    char path[64];
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], "3 4\n", 4), 4);
    close(ends[1]);
    snprintf(path, sizeof path, "/dev/fd/%d", ends[0]);
    assert_int_equal(load_map(path, &rules, &err), MSEG_OK);
    close(ends[0]);
    assert_int_equal(rules.map[3], 4);
    assert_int_equal(rules.map[4], -1);
    assert_int_equal(rules.map[255], 255);
}

static void lines_of_maps(void **state)
{
    (void)state;
    mseg_mask_rules rules;
    mseg_error err = {0};
    char text[1024];
    snprintf(text, sizeof text, "# %0300d 9 9\n\t7   20 \r\n\n*\tignore# the rest\n1 2",
             0); /* a comment of 300 bytes is one line */
    assert_int_equal(load_map(file_of(text, 0), &rules, &err), MSEG_OK);
    for (int id = 0; id < 256; id++)
        assert_int_equal(rules.map[id], id == 7 ? 20 : id == 1 ? 2 : 255);
    assert_text(load_map(file_of("1 2\n3 4 5\n", 0), &rules, &err), MSEG_FORMAT, &err, "line 2: expected two words");
    assert_text(load_map(file_of("1 2\n\n3\n", 0), &rules, &err), MSEG_FORMAT, &err, "line 3: expected two words");
    assert_text(load_map(file_of("1 2\n", 10), &rules, &err), MSEG_FORMAT, &err, "not a map");
    assert_int_equal(load_map(file_of("", 0), &rules, &err), MSEG_OK); /* maps nothing */
    assert_int_equal(rules.map[0], -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(devices_and_folders), cmocka_unit_test(large_files),   cmocka_unit_test(endless_pipe),
        cmocka_unit_test(a_pipe_that_ends),    cmocka_unit_test(lines_of_maps),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
