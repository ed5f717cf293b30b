/* Counts files: damaged ones, ones that do not belong together, and the problems that they carry. */
#include "scenes.h"

static void write_replaced(const char *path, const char *text, const char *old, const char *new)
{
    const char *at = strstr(text, old);
    assert_non_null(at);
    FILE *file = fopen(path, "wb");
    fprintf(file, "%.*s%s%s", (int)(at - text), text, new, at + strlen(old));
    fclose(file);
}

static void assert_refused(const char *const *paths, int n, mseg_status status, const char *wanted)
{
    mseg_counts *counts;
    mseg_error err = {0};
    assert_int_equal(mseg_counts_load(&counts, paths, n, &err), status);
    assert_null(counts);
    if (!strstr(err.text, wanted))
        fail_msg("'%s' does not say '%s'", err.text, wanted);
}

static void damaged_files(void **state)
{
    (void)state;
    static const char path[] = "whole.counts", bad[] = "bad.counts";
    static const struct {
        const char *old, *new, *says;
        mseg_status status;
    } damages[] = {
        {"10303", "10304", "not the sum", MSEG_FORMAT},
        {"10303", "-1", "confusion matrix", MSEG_FORMAT},
        {"10303", "10303.5", "confusion matrix", MSEG_FORMAT},
        {"10303", "1e300", "confusion matrix", MSEG_FORMAT},
        {"10303,", "", "confusion matrix", MSEG_FORMAT},
        {"\"mseg_counts\":2", "\"mseg_counts\":1", "version 1", MSEG_UNSUPPORTED},
        {"\"mseg_counts\":2", "\"other\":2", "not a counts file", MSEG_FORMAT},
        {"\"ignore\":255", "\"ignore\":300", "ignore label", MSEG_FORMAT},
        {"\"width\":61", "\"width\":6", "more pixels", MSEG_FORMAT},
        {"\"id\":\"scene1\"", "\"id\":\"scene2\"", "is in it twice", MSEG_FORMAT},
        {"\"class f\"", "6", "classes, ignore label", MSEG_FORMAT},
        {"[0,1,2,3,4,5]", "[0,1,2,3,4,4]", "classes, ignore label", MSEG_FORMAT},
        {"[0,1,2,3,4,5]", "[0,1,2,3,4]", "classes, ignore label", MSEG_FORMAT},
        {"[0,1,2,3,4,5]", "[0,1,2,3,4,256]", "classes, ignore label", MSEG_FORMAT},
        {"\"ignored_classes\":[]", "\"ignored_classes\":[9]", "ignored classes", MSEG_FORMAT},
        {"\"ignored_classes\":[]", "\"ignored_classes\":[1]", "the classes of an image", MSEG_FORMAT},
        {"\"void_predicted_pixels\":[0", "\"void_predicted_pixels\":[1", "not the sum", MSEG_FORMAT},
        {"\"images\":[", "\"images\":[[", "not valid JSON", MSEG_FORMAT},
    };
    mseg_counts *counts = open_counts();
    for (int i = 0; i < IMAGES; i++)
        add_scene(counts, i);
    assert_int_equal(mseg_counts_save(counts, path, NULL), MSEG_OK);
    mseg_counts_close(&counts);
    char *text = slurp(path);
    for (size_t i = 0; i < sizeof damages / sizeof *damages; i++) {
        write_replaced(bad, text, damages[i].old, damages[i].new);
        assert_refused((const char *const[]){bad}, 1, damages[i].status, damages[i].says);
    }
    for (size_t length = strlen(text) - 1; length > 0; length -= length < 97 ? length : 97) {
        char *cut = strndup(text, length);
        write_replaced(bad, cut, "", "");
        free(cut);
        assert_refused((const char *const[]){bad}, 1, MSEG_FORMAT, "bad.counts: ");
    }
    assert_refused((const char *const[]){"no such file"}, 1, MSEG_NOENT, "no such file: ");
    free(text);
    unlink(path);
    unlink(bad);
}

static void foreign_files(void **state)
{
    (void)state;
    static const char a[] = "a.counts", b[] = "b.counts";
    mseg_counts *counts = open_counts();
    add_scene(counts, 3);
    assert_int_equal(mseg_counts_save(counts, a, NULL), MSEG_OK);
    mseg_counts_close(&counts);
    char *text = slurp(a);
    write_replaced(b, text, "scene3", "other");
    assert_int_equal(mseg_counts_load(&counts, (const char *const[]){a, b}, 2, NULL), MSEG_OK);
    mseg_counts_close(&counts);
    write_replaced(b, text, "class c", "class x");
    assert_refused((const char *const[]){a, b}, 2, MSEG_MISMATCH,
                   "b.counts: class 2 is 'class x' in it, 'class c' in the others");
    write_replaced(b, text, "\"ignore\":255", "\"ignore\":254");
    assert_refused((const char *const[]){a, b}, 2, MSEG_MISMATCH, "b.counts: its ignore label is 254, that of the others 255");
    write_replaced(b, text, "size: 513", "size: 257");
    assert_refused((const char *const[]){a, b}, 2, MSEG_MISMATCH,
                   "b.counts: made with other settings: 'size: 257', the others 'size: 513'");
    assert_refused((const char *const[]){a, a}, 2, MSEG_MISMATCH, "image scene3 is in both a.counts and a.counts");
    free(text);
    unlink(a);
    unlink(b);
}

/* Every counter, in the sum, in a file and gone from what was merged. */
static void problems_add_up(void **state)
{
    (void)state;
    static const char path[] = "problems.counts";
    mseg_counts *a = open_counts(), *b = open_counts(), *sum;
    mseg_score s;
    for (int i = 0; i < MSEG_PROBLEMS; i++) {
        mseg_counts_note(a, (mseg_problem)i, 1 + (uint64_t)i);
        mseg_counts_note(b, (mseg_problem)i, 100 * (1 + (uint64_t)i));
    }
    assert_int_equal(mseg_counts_merge(a, b, NULL), MSEG_OK);
    assert_int_equal(mseg_counts_merge(a, b, NULL), MSEG_OK); /* b is empty now */
    assert_int_equal(mseg_counts_save(a, path, NULL), MSEG_OK);
    assert_int_equal(mseg_counts_load(&sum, (const char *const[]){path}, 1, NULL), MSEG_OK);
    assert_int_equal(mseg_score_open(&s, sum, NULL, NULL), MSEG_OK);
    for (int i = 0; i < MSEG_PROBLEMS; i++)
        assert_int_equal(s.problems[i], 101 * (1 + i));
    mseg_score_close(&s);
    mseg_counts_close(&a);
    mseg_counts_close(&b);
    mseg_counts_close(&sum);
    unlink(path);
}

/* What was asked for is no mistake. */
static void mistakes(void **state)
{
    (void)state;
    for (int i = 0; i < MSEG_PROBLEMS; i++) {
        const bool asked =
            i == MSEG_PROBLEM_missing_ignored || i == MSEG_PROBLEM_missing_background || i == MSEG_PROBLEM_unknown_color_pixels;
        mseg_counts *counts = open_counts();
        mseg_score s;
        mseg_counts_note(counts, (mseg_problem)i, 1);
        assert_int_equal(mseg_score_open(&s, counts, NULL, NULL), MSEG_OK);
        assert_int_equal(mseg_score_has_mistakes(&s), !asked);
        mseg_score_close(&s);
        mseg_counts_close(&counts);
    }
}

int main(void)
{
    char folder[] = "/tmp/mseg-counts-XXXXXX";
    if (!mkdtemp(folder) || chdir(folder))
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mistakes),
        cmocka_unit_test(damaged_files),
        cmocka_unit_test(foreign_files),
        cmocka_unit_test(problems_add_up),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    rmdir(folder);
    return failed;
}
