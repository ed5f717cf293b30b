/* Photos in every format: the same bits as in MSEG_RGB from all that takes them, whatever is in alpha and between the rows. What
 * keeps or refuses a format, and what a copy in MSEG_RGB holds, pixel by pixel. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mseg.h"

enum { WIDTH = 47, HEIGHT = 38, CLASSES = 5 };
#define FORMATS (MSEG_BGRA + 1)

/* Where red, green and blue are in a pixel of each format. */
static const int places[FORMATS][3] = {{0, 0, 0}, {0, 1, 2}, {2, 1, 0}, {0, 1, 2}, {2, 1, 0}};
static const int channels[FORMATS] = {1, 3, 3, 4, 4};

typedef struct fixture {
    mseg_model *model, *classifier;
    mseg_session *session, *classifying;
    uint8_t *bytes[FORMATS]; /* of those below; not of MSEG_GRAY */
    mseg_view photos[FORMATS];
} fixture;

/* The colours of one photo; what is not colour differs by format. */
static mseg_view draw(uint8_t **bytes, mseg_format format)
{
    const size_t stride = (size_t)(WIDTH * channels[format] + 3 + (int)format);
    *bytes = malloc(stride * HEIGHT);
    assert_non_null(*bytes);
    for (size_t i = 0; i < stride * HEIGHT; i++)
        (*bytes)[i] = (uint8_t)(i * 89 + format * 31);
    for (int y = 0; y < HEIGHT; y++)
        for (int x = 0; x < WIDTH; x++)
            for (int c = 0; c < 3; c++)
                (*bytes)[(size_t)y * stride + (size_t)(x * channels[format] + places[format][c])] =
                    (uint8_t)((x / 5 * 53 + y / 4 * 37) * (c + 1) + x * y % 7);
    return (mseg_view){WIDTH, HEIGHT, format, stride, *bytes};
}

static int set_up(void **state)
{
    static fixture f;
    mseg_error err;
    *state = &f;
    for (mseg_format format = MSEG_RGB; format < FORMATS; format++)
        f.photos[format] = draw(&f.bytes[format], format);
    return mseg_model_open_random(&f.model, "mnv2:0.1:classes=5", NULL, &err) ||
           mseg_model_open_random(&f.classifier, "mnv2:0.1:imagenet:classes=5", NULL, &err) ||
           mseg_session_open(&f.session, f.model, NULL, &err) || mseg_session_open(&f.classifying, f.classifier, NULL, &err);
}

static int tear_down(void **state)
{
    fixture *f = *state;
    for (mseg_format format = MSEG_RGB; format < FORMATS; format++)
        free(f->bytes[format]);
    mseg_session_close(&f->session);
    mseg_session_close(&f->classifying);
    mseg_model_close(&f->model);
    mseg_model_close(&f->classifier);
    return 0;
}

/* Probabilities tell more than labels. */
static void run(const fixture *f, mseg_view photo, const mseg_run_options *options, float *out)
{
    mseg_result result;
    mseg_error err;
    if (mseg_segment(f->session, photo, options, &result, &err) || mseg_probabilities(f->session, 0, HEIGHT, out, &err))
        fail_msg("%s", err.text);
    assert_int_equal(result.labels.format, MSEG_GRAY);
}

/* As it is, resized, and at two scales turned. */
static void segmented(void **state)
{
    const fixture *f = *state;
    static float wanted[HEIGHT * WIDTH * CLASSES], got[HEIGHT * WIDTH * CLASSES];
    for (int how = 0; how < 3; how++) {
        mseg_run_options options;
        mseg_run_options_init(&options, sizeof options);
        options.size = how ? 33 : 49;
        options.resize = how ? MSEG_RESIZE_FIT : MSEG_RESIZE_NONE;
        if (how == 2) {
            options.n_scales = 2;
            options.scales[0] = 1;
            options.scales[1] = 1.5;
            options.flip = true;
        }
        run(f, f->photos[MSEG_RGB], &options, wanted);
        for (mseg_format format = MSEG_BGR; format < FORMATS; format++) {
            run(f, f->photos[format], &options, got);
            assert_memory_equal(got, wanted, sizeof got);
            mseg_view other = f->photos[format]; /* red and blue do count */
            other.format = format == MSEG_BGR ? MSEG_RGB : format == MSEG_RGBA ? MSEG_BGRA : MSEG_RGBA;
            run(f, other, &options, got);
            assert_memory_not_equal(got, wanted, sizeof got);
        }
    }
}

static void forwarded(void **state)
{
    const fixture *f = *state;
    float wanted[4 * CLASSES];
    for (mseg_format format = MSEG_RGB; format < FORMATS; format++) {
        mseg_view part = f->photos[format];
        mseg_result result;
        mseg_error err;
        part.width = part.height = 17;
        assert_int_equal(mseg_session_forward(f->session, part, &result, &err), MSEG_OK);
        assert_int_equal(result.logits_width * result.logits_height, 4);
        if (format == MSEG_RGB)
            memcpy(wanted, result.logits, sizeof wanted);
        assert_memory_equal(result.logits, wanted, sizeof wanted);
    }
}

static void classified(void **state)
{
    const fixture *f = *state;
    float wanted[CLASSES];
    for (mseg_format format = MSEG_RGB; format < FORMATS; format++) {
        const float *scores;
        mseg_error err;
        assert_int_equal(mseg_classify(f->classifying, f->photos[format], 33, 0.8, &scores, &err), MSEG_OK);
        if (format == MSEG_RGB)
            memcpy(wanted, scores, sizeof wanted);
        assert_memory_equal(scores, wanted, sizeof wanted);
    }
}

static void overlaid(void **state)
{
    const fixture *f = *state;
    static uint8_t ids[HEIGHT * WIDTH];
    const mseg_view labels = {WIDTH, HEIGHT, MSEG_GRAY, WIDTH, ids};
    mseg_image wanted, got;
    mseg_palette voc;
    assert_int_equal(mseg_palette_load(&voc, "voc", NULL), MSEG_OK);
    for (int i = 0; i < HEIGHT * WIDTH; i++)
        ids[i] = (uint8_t)(i / 90 % 21);
    assert_int_equal(mseg_overlay(&wanted, f->photos[MSEG_RGB], labels, &voc, 0.4, NULL), MSEG_OK);
    for (mseg_format format = MSEG_BGR; format < FORMATS; format++) {
        assert_int_equal(mseg_overlay(&got, f->photos[format], labels, &voc, 0.4, NULL), MSEG_OK);
        assert_int_equal(got.format, MSEG_RGB);
        assert_memory_equal(got.data, wanted.data, wanted.stride * HEIGHT);
        mseg_image_free(&got);
    }
    mseg_image_free(&wanted);
    mseg_palette_free(&voc);
}

static void copied(void **state)
{
    const fixture *f = *state;
    for (mseg_format format = MSEG_GRAY; format < FORMATS; format++) {
        mseg_view from = f->photos[format];
        if (format == MSEG_GRAY)
            from = (mseg_view){WIDTH, HEIGHT, MSEG_GRAY, WIDTH + 2, f->bytes[MSEG_RGB]};
        mseg_image rgb;
        assert_int_equal(mseg_image_to_rgb(&rgb, from, NULL), MSEG_OK);
        assert_int_equal(rgb.format, MSEG_RGB);
        assert_true(rgb.width == WIDTH && rgb.height == HEIGHT);
        assert_int_equal(mseg_format_channels(format), channels[format]);
        for (int y = 0; y < HEIGHT; y++)
            for (int x = 0; x < WIDTH; x++)
                for (int c = 0; c < 3; c++)
                    assert_int_equal(rgb.data[(size_t)y * rgb.stride + (size_t)(3 * x + c)],
                                     from.data[(size_t)y * from.stride + (size_t)(x * channels[format] + places[format][c])]);
        mseg_image_free(&rgb);
    }
    assert_int_equal(mseg_format_channels((mseg_format)5), 0);
    assert_int_equal(mseg_format_channels((mseg_format)-1), 0);
}

/* MSEG_BGR stays what it is when resized, and becomes the file of the same photo. */
static void written(void **state)
{
    const fixture *f = *state;
    const mseg_view bgr = f->photos[MSEG_BGR];
    mseg_image wanted, got;
    uint8_t *files[2][2] = {{NULL}};
    size_t sizes[2][2];
    for (int i = 0; i < 2; i++) {
        assert_int_equal(mseg_image_encode_png(f->photos[MSEG_RGB + i], NULL, &files[i][0], &sizes[i][0], NULL), MSEG_OK);
        assert_int_equal(mseg_image_encode_jpeg(f->photos[MSEG_RGB + i], 90, &files[i][1], &sizes[i][1], NULL), MSEG_OK);
    }
    for (int kind = 0; kind < 2; kind++) {
        assert_int_equal(sizes[0][kind], sizes[1][kind]);
        assert_memory_equal(files[0][kind], files[1][kind], sizes[0][kind]);
        mseg_bytes_free(&files[0][kind]);
        mseg_bytes_free(&files[1][kind]);
    }
    assert_int_equal(mseg_image_resize(&wanted, f->photos[MSEG_RGB], 20, 31, NULL), MSEG_OK);
    assert_int_equal(mseg_image_resize(&got, bgr, 20, 31, NULL), MSEG_OK);
    assert_int_equal(got.format, MSEG_BGR);
    for (int i = 0; i < 20 * 31 * 3; i++)
        assert_int_equal(got.data[i], wanted.data[i / 3 * 3 + 2 - i % 3]);
    mseg_image_free(&wanted);
    mseg_image_free(&got);
    const mseg_png_format format = {WIDTH, HEIGHT, MSEG_BGR, NULL};
    mseg_row_writer *writer;
    mseg_error err;
    assert_int_equal(mseg_row_writer_open(&writer, "/dev/null", &format, &err), MSEG_INVAL);
    assert_string_equal(err.text, "format 2: a PNG is written as MSEG_GRAY or MSEG_RGB");
}

/* ---- examples of a report, which callers fill ---- */

typedef struct filler {
    const fixture *f;
    mseg_format photo, truth;
} filler;

static mseg_status copy(mseg_image *to, mseg_view from)
{
    const mseg_status status = mseg_image_create(to, from.width, from.height, from.format);
    for (int y = 0; y < from.height && !status; y++)
        memcpy(to->data + (size_t)y * to->stride, from.data + (size_t)y * from.stride, to->stride);
    return status;
}

static mseg_status fill(void *context, const char *id, mseg_example *example)
{
    const filler *how = context;
    const mseg_view gray = {WIDTH, HEIGHT, MSEG_GRAY, WIDTH, how->f->bytes[MSEG_RGB]};
    (void)id;
    mseg_status status = copy(&example->photo, how->photo == MSEG_GRAY ? gray : how->f->photos[how->photo]);
    if (!status)
        status = mseg_image_create(&example->truth, WIDTH, HEIGHT, how->truth);
    return status ? status : mseg_image_create(&example->prediction, WIDTH, HEIGHT, MSEG_GRAY);
}

/* The page, to be freed. */
static char *page(const mseg_report *report)
{
    char *text;
    size_t size;
    FILE *file = open_memstream(&text, &size);
    assert_non_null(file);
    assert_int_equal(mseg_report_html(file, report, NULL), MSEG_OK);
    assert_int_equal(fclose(file), 0);
    return text;
}

static void reported(void **state)
{
    static const uint8_t zeros[HEIGHT * WIDTH];
    const mseg_view ids = {WIDTH, HEIGHT, MSEG_GRAY, WIDTH, zeros};
    mseg_palette voc;
    mseg_mask_rules rules;
    mseg_counts *counts;
    mseg_score score;
    assert_int_equal(mseg_palette_load(&voc, "voc", NULL), MSEG_OK);
    mseg_mask_rules_init(&rules, &voc, 255);
    assert_int_equal(mseg_counts_open(&counts, &rules, NULL, NULL), MSEG_OK);
    assert_int_equal(mseg_counts_add(counts, "a", ids, ids, NULL), MSEG_OK);
    assert_int_equal(mseg_score_open(&score, counts, NULL, NULL), MSEG_OK);
    filler how = {.f = *state, .photo = MSEG_RGB, .truth = MSEG_GRAY};
    const mseg_report report = {.score = &score, .palette = &voc, .example = fill, .context = &how};
    char *wanted = page(&report);
    assert_non_null(strstr(wanted, "alt=\"Photo of a\""));
    for (mseg_format format = MSEG_BGR; format < FORMATS; format++) {
        how.photo = format;
        char *got = page(&report);
        assert_string_equal(got, wanted);
        free(got);
    }
    how.photo = MSEG_GRAY; /* no photo: the example goes without */
    char *without = page(&report);
    assert_null(strstr(without, "alt=\"Photo of a\""));
    assert_non_null(strstr(without, "alt=\"Errors of a\""));
    how.truth = MSEG_RGB; /* no labels: no example */
    char *none = page(&report);
    assert_null(strstr(none, "alt=\"Errors of a\""));
    free(none);
    free(without);
    free(wanted);
    mseg_score_close(&score);
    mseg_counts_close(&counts);
    mseg_palette_free(&voc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(segmented), cmocka_unit_test(forwarded), cmocka_unit_test(classified), cmocka_unit_test(overlaid),
        cmocka_unit_test(copied),    cmocka_unit_test(written),   cmocka_unit_test(reported),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
