/* Counts files that are well formed but hold what no evaluation can have counted, and the limits of counts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mseg.h"
#include "rules.h"

/* A file of some classes and two images of 4 pixels, of which the matrix, the boundary's sums and each image's classes are given:
 * says NULL when it is a good one. */
static void check_rows_of(const char *names, const char *matrix, const char *boundary, const char *one, const char *two,
                          const char *says)
{
    static const char path[] = "rows.counts";
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    int n = 0;
    char ids[64] = "", zeros[64] = "";
    for (const char *c = names; *c; c++)
        if (*c == '"' && (c == names || c[-1] == ',')) {
            snprintf(ids + strlen(ids), sizeof ids - strlen(ids), "%s%d", n ? "," : "", n);
            strcat(zeros, n++ ? ",0" : "0");
        }
    fprintf(file, "{\"mseg_counts\":2,\"classes\":[%s],\"class_ids\":[%s],\"ignored_classes\":[],", names, ids);
    fprintf(file, "\"void_predicted_pixels\":[%s],\"ignore\":null,\"settings\":\"\",\"problems\":{", zeros);
#define PROBLEM_MEMBER(name, text) "\"" #name "\":0,"
    fprintf(file, "%s\"\":0},", MSEG_PROBLEM(PROBLEM_MEMBER));
    fprintf(file, "\"confusion_rows_are_ground_truth\":[%s],\"boundary_hits_truth_predicted\":[%s],\"images\":[", matrix,
            boundary);
    fprintf(file, "{\"id\":\"x\",\"width\":4,\"height\":1,\"classes\":[%s]},", one);
    fprintf(file, "{\"id\":\"y\",\"width\":2,\"height\":2,\"classes\":[%s]}]}", two);
    fclose(file);
    mseg_counts *counts;
    mseg_error err = {0};
    assert_int_equal(mseg_counts_load(&counts, (const char *const[]){path}, 1, &err), says ? MSEG_FORMAT : MSEG_OK);
    if (says && !strstr(err.text, says))
        fail_msg("'%s' does not say '%s'", err.text, says);
    mseg_counts_close(&counts);
    unlink(path);
}

static void check_rows(const char *matrix, const char *boundary, const char *one, const char *two, const char *says)
{
    check_rows_of("\"a\",\"b\"", matrix, boundary, one, two, says);
}

/* Counts that no image can have, one way at a time, in files whose sums are right. */
static void impossible_counts(void **state)
{
    (void)state;
    static const char eight[] = "[4,0],[0,4]", strips[] = "[2,2,2],[2,2,2]",
                      damaged[] = "damaged counts file: the classes of an image";
    static const char good[] = "[0,2,2,2,1,1,1],[1,2,2,2,1,1,1]";
    check_rows(eight, strips, good, good, NULL);
    /* More hits than true pixels, than predicted ones. */
    check_rows(eight, strips, "[0,2,1,2,1,1,1],[1,2,3,2,1,1,1]", "[0,2,3,2,1,1,1],[1,2,1,2,1,1,1]", damaged);
    check_rows(eight, strips, "[0,2,2,1,1,1,1],[1,2,2,3,1,1,1]", "[0,2,2,3,1,1,1],[1,2,2,1,1,1,1]", damaged);
    /* The same of the boundary. */
    check_rows(eight, strips, "[0,2,2,2,2,1,2],[1,2,2,2,1,1,1]", "[0,2,2,2,0,1,0],[1,2,2,2,1,1,1]", damaged);
    check_rows(eight, strips, "[0,2,2,2,2,2,1],[1,2,2,2,1,1,1]", "[0,2,2,2,0,0,1],[1,2,2,2,1,1,1]", damaged);
    check_rows(eight, "[4,2,4],[2,2,2]", "[0,2,2,2,2,1,2],[1,2,2,2,1,1,1]", "[0,2,2,2,2,1,2],[1,2,2,2,1,1,1]", damaged);
    check_rows(eight, "[4,4,2],[2,2,2]", "[0,2,2,2,2,2,1],[1,2,2,2,1,1,1]", "[0,2,2,2,2,2,1],[1,2,2,2,1,1,1]", damaged);
    /* More of the boundary than of the region. */
    check_rows(eight, "[2,4,2],[2,2,2]", "[0,2,2,2,1,3,1],[1,2,2,2,1,1,1]", good, damaged);
    check_rows(eight, "[2,2,4],[2,2,2]", "[0,2,2,2,1,1,3],[1,2,2,2,1,1,1]", good, damaged);
    /* Pixels of the prediction only, which are never scored. */
    check_rows("[4,1],[1,2]", strips, "[0,2,2,2,1,1,1],[1,1,2,1,1,1,1]", "[0,2,3,3,1,1,1],[1,1,1,2,1,1,1]",
               "damaged counts file: an image with more pixels of its prediction");
}

/* Classes of an image in ascending order, each once, and only those that there are. */
static void classes_of_rows(void **state)
{
    (void)state;
    static const char eight[] = "[4,0],[0,4]", strips[] = "[2,2,2],[2,2,2]",
                      damaged[] = "damaged counts file: the classes of an image";
    static const char good[] = "[0,2,2,2,1,1,1],[1,2,2,2,1,1,1]";
    check_rows(eight, strips, good, "[1,2,2,2,1,1,1],[0,2,2,2,1,1,1]", damaged);
    check_rows("[4,0],[0,2]", "[2,2,2],[1,1,1]", "[0,1,1,1,1,1,1],[0,1,1,1,0,0,0],[1,1,1,1,1,1,1]",
               "[0,2,2,2,1,1,1],[1,1,1,1,0,0,0]", "damaged counts file: an image"); /* three in an image, of two */
    check_rows("[4,0],[0,0]", "[2,2,2],[0,0,0]", "[0,1,1,1,1,1,1],[0,1,1,1,0,0,0]", "[0,2,2,2,1,1,1]", damaged);
    check_rows("[4,0],[0,2]", "[2,2,2],[1,1,1]", good, "[0,2,2,2,1,1,1],[2,2,2,2,1,1,1]", damaged);
    check_rows("[4,0],[0,2]", "[2,2,2],[1,1,1]", good, "[0,2,2,2,1,1,1]", NULL);
    check_rows("[4,0],[0,2]", "[2,2,2]", good, "[0,2,2,2,1,1,1]", "damaged counts file: boundary counts");
    check_rows("[4,0],[0,2]", "[2,2,2],[1,1,0]", good, "[0,2,2,2,1,1,1]",
               "damaged counts file: the boundary counts are not the sum");
    check_rows("[4,0],[0,2]", "[2,2,2],[1,2,1]", good, "[0,2,2,2,1,1,1]",
               "damaged counts file: the boundary counts are not the sum");
    check_rows("[4,0],[0,2]", "[1,2,2],[1,1,1]", good, "[0,2,2,2,1,1,1]",
               "damaged counts file: the boundary counts are not the sum");
    check_rows("[4,1],[0,2]", "[2,2,2],[1,1,1]", good, "[0,2,2,2,1,1,1]",
               "damaged counts file: the confusion matrix is not the sum");
    check_rows("[3,1],[1,1]", "[2,2,2],[1,1,1]", good, "[0,2,2,2,1,1,1]",
               "damaged counts file: the confusion matrix is not the sum");
}

static void no_classes(void **state)
{
    (void)state;
    check_rows_of("", "", "", "", "", "damaged counts file: classes");
}

/* Of three classes, two of three pixels right: the matrix has the images' hits and one of its two sums right. */
static void matrix_sums(void **state)
{
    (void)state;
    static const char three[] = "\"a\",\"b\",\"c\"", strips[] = "[0,0,0],[0,0,0],[0,0,0]";
    static const char one[] = "[0,1,1,1,0,0,0],[1,1,1,1,0,0,0],[2,1,1,1,0,0,0]", two[] = "[0,1,2,2,0,0,0],[1,0,1,1,0,0,0]";
    static const char wrong[] = "damaged counts file: the confusion matrix is not the sum";
    check_rows_of(three, "[2,1,0],[1,1,0],[0,0,1]", strips, one, two, NULL);
    check_rows_of(three, "[2,1,0],[0,1,0],[1,0,1]", strips, one, two, wrong); /* the columns are right */
    check_rows_of(three, "[2,0,1],[1,1,0],[0,0,1]", strips, one, two, wrong); /* the rows are right */
}

/* A file of two classes and one image, with 2^53 for every M. */
static void write_many(const char *path, int id, const char *matrix, const char *rows)
{
    static const char most[] = "9007199254740992";
    char *text = NULL;
    size_t size;
    FILE *memory = open_memstream(&text, &size), *file = fopen(path, "wb");
    assert_true(memory && file);
    fprintf(memory, "{\"mseg_counts\":2,\"classes\":[\"a\",\"b\"],\"class_ids\":[0,1],\"ignored_classes\":[],");
    fprintf(memory, "\"void_predicted_pixels\":[0,0],\"ignore\":null,\"settings\":\"\",\"problems\":{%s\"\":0},",
            MSEG_PROBLEM(PROBLEM_MEMBER));
    fprintf(memory, "\"confusion_rows_are_ground_truth\":[%s],\"boundary_hits_truth_predicted\":[[0,0,0],[0,0,0]],", matrix);
    fprintf(memory, "\"images\":[{\"id\":\"%d\",\"width\":2147483647,\"height\":2147483647,\"classes\":[%s]}]}", id, rows);
    fclose(memory);
    for (const char *c = text; *c; c++)
        if (*c == 'M')
            fputs(most, file);
        else
            fputc(*c, file);
    free(text);
    fclose(file);
}

/* What a JSON number cannot hold exactly is not saved: 2^53 pixels in each of two files, true ones and predicted ones of class 0.
 */
static void too_many_pixels(void **state)
{
    (void)state;
    static const char *const paths[] = {"many0.counts", "many1.counts"};
    static const struct {
        const char *matrix[2], *rows[2];
    } cases[] = {
        {{"[M,0],[0,0]", "[0,0],[M,0]"}, {"[0,M,M,M,0,0,0]", "[0,0,0,M,0,0,0],[1,0,M,0,0,0,0]"}},
        {{"[M,0],[0,0]", "[0,M],[0,0]"}, {"[0,M,M,M,0,0,0]", "[0,0,M,0,0,0,0],[1,0,0,M,0,0,0]"}},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        mseg_counts *counts;
        mseg_error err = {0};
        for (int i = 0; i < 2; i++) {
            write_many(paths[i], i, cases[k].matrix[i], cases[k].rows[i]);
            assert_int_equal(mseg_counts_load(&counts, &paths[i], 1, &err), MSEG_OK);
            assert_int_equal(mseg_counts_save(counts, "sum.counts", &err), MSEG_OK);
            mseg_counts_close(&counts);
            unlink("sum.counts");
        }
        assert_int_equal(mseg_counts_load(&counts, paths, 2, &err), MSEG_OK);
        assert_int_equal(mseg_counts_save(counts, "sum.counts", &err), MSEG_LIMIT);
        assert_int_equal(access("sum.counts", F_OK), -1);
        mseg_counts_close(&counts);
        unlink(paths[0]);
        unlink(paths[1]);
    }
}

static void bounds_of_classes(void **state)
{
    (void)state;
    static const struct {
        int classes, ignore;
        mseg_status status;
    } cases[] = {{0, 255, MSEG_INVAL}, {1, 255, MSEG_OK},     {256, 255, MSEG_OK},
                 {257, 0, MSEG_INVAL}, {21, 256, MSEG_INVAL}, {21, -1, MSEG_OK}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const mseg_mask_rules rules = rules_of(cases[i].classes, cases[i].ignore);
        mseg_counts *counts;
        mseg_error err;
        assert_int_equal(mseg_counts_open(&counts, &rules, NULL, &err), cases[i].status);
        assert_int_equal(counts != NULL, cases[i].status == MSEG_OK);
        mseg_counts_close(&counts);
    }
    const mseg_mask_rules few = rules_of(5, 255), six = rules_of(6, 255);
    mseg_counts *a, *b;
    mseg_error err;
    assert_int_equal(mseg_counts_open(&a, &six, NULL, NULL), MSEG_OK);
    assert_int_equal(mseg_counts_open(&b, &few, NULL, NULL), MSEG_OK);
    assert_int_equal(mseg_counts_merge(a, b, &err), MSEG_MISMATCH);
    assert_string_equal(err.text, "it has 5 classes, the others 6");
    mseg_counts_close(&a);
    mseg_counts_close(&b);
}

int main(void)
{
    char folder[] = "/tmp/mseg-counts-XXXXXX";
    if (!mkdtemp(folder) || chdir(folder))
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(impossible_counts), cmocka_unit_test(classes_of_rows), cmocka_unit_test(no_classes),
        cmocka_unit_test(matrix_sums),       cmocka_unit_test(too_many_pixels), cmocka_unit_test(bounds_of_classes),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    rmdir(folder);
    return failed;
}
