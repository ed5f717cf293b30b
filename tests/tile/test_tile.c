/* mseg_segment_tiled: the labels against each tile run by itself (mseg_segment on the part cut out) and blended over the whole
 * picture in double; one tile against mseg_segment. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernels/random.h"
#include "seg/model.h"
#include "seg/run/tile.h"

#define TILES(size, overlap)                                                                                                     \
    {                                                                                                                            \
        sizeof(mseg_tile_options), size, overlap                                                                                 \
    }

#define GOLDEN MSEG_TESTS_DIR "/image/golden/"

/* ---- pictures ---- */

enum { MAX_THREADS = 3 };

enum { OUTPUT_STRIDE = 16 };

typedef struct fixture {
    mseg_model *model;
    int stride; /* of the logits */
    mseg_pool *pools[MAX_THREADS + 1];
    mseg_session *sessions[MAX_THREADS + 1]; /* by threads */
    char path[32];
} fixture;

static int open_fixture(void **state, const char *architecture, int stride)
{
    fixture *f = calloc(1, sizeof *f);
    *state = f;
    strcpy(f->path, "/tmp/mseg-test-XXXXXX");
    close(mkstemp(f->path));
    /* Without image pooling, so that what a point sees is a matter of distance. */
    if (mseg_model_open_random(&f->model, architecture, NULL, NULL))
        return -1;
    const mseg_model_info info = mseg_model_describe(f->model);
    f->stride = stride;
    if (info.output_stride != OUTPUT_STRIDE || info.logits_stride != stride || info.decoder != (stride == 4))
        return -1;
    for (int i = 1; i <= MAX_THREADS; i++)
        if ((i > 1 && mseg_pool_open(&f->pools[i], i)) || mseg_session_open(&f->sessions[i], f->model, f->pools[i], NULL))
            return -1;
    return 0;
}

static int setup(void **state)
{
    return open_fixture(state, "mnv2:0.35:nopool", OUTPUT_STRIDE);
}

static int setup_decoder(void **state)
{
    return open_fixture(state, "mnv2:0.1:nopool:decoder", 4);
}

static int teardown(void **state)
{
    fixture *f = *state;
    for (int i = 1; i <= MAX_THREADS; i++) {
        mseg_session_close(&f->sessions[i]);
        mseg_pool_close(&f->pools[i]);
    }
    mseg_model_close(&f->model);
    unlink(f->path);
    free(f);
    return 0;
}

/* Squares of several sizes in random colours. */
static mseg_image picture(int width, int height, uint64_t seed)
{
    mseg_image image;
    assert_int_equal(mseg_image_create(&image, width, height, MSEG_RGB), MSEG_OK);
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++)
            for (int c = 0; c < 3; c++) {
                const uint64_t coarse = random_bits(seed, (uint64_t)(y / 40 * 1000 + x / 40) * 3 + (uint64_t)c);
                const uint64_t fine = random_bits(seed + 1, (uint64_t)(y / 5 * 10000 + x / 5));
                image.data[(size_t)y * image.stride + (size_t)x * 3 + (size_t)c] = (uint8_t)(coarse % 200 + fine % 56);
            }
    return image;
}

/* What take gathers, and what it compares the rows with. */
typedef struct gathered {
    const mseg_image *photo;
    mseg_image labels, overlay;
    const mseg_palette *palette;
    int rows;
    int fails_at; /* >= 0: the row at which it refuses */
} gathered;

static mseg_status gather(void *context, const mseg_tile_rows *rows, mseg_error *err)
{
    gathered *g = context;
    const mseg_image *photo = g->photo;
    assert_int_equal(rows->first, g->rows);
    assert_true(rows->photo.height == rows->labels.height && rows->labels.height >= 1);
    assert_true(rows->first + rows->labels.height <= photo->height);
    assert_int_equal(!rows->below, rows->first + rows->labels.height == photo->height);
    if (g->fails_at >= 0 && rows->first + rows->labels.height > g->fails_at)
        return mseg_fail(err, MSEG_IO, "no more");
    for (int y = 0; y < rows->labels.height; y++) {
        const size_t to = (size_t)(rows->first + y);
        assert_memory_equal(rows->photo.data + (size_t)y * rows->photo.stride, photo->data + to * photo->stride,
                            (size_t)photo->width * 3);
        memcpy(g->labels.data + to * g->labels.stride, rows->labels.data + (size_t)y * rows->labels.stride, (size_t)photo->width);
    }
    g->rows += rows->labels.height;
    if (g->palette) {
        mseg_image part;
        assert_int_equal(mseg_overlay_rows(&part, rows->photo, rows->labels, rows->below, g->palette, 0.5, err), MSEG_OK);
        memcpy(g->overlay.data + (size_t)rows->first * g->overlay.stride, part.data, part.stride * (size_t)part.height);
        mseg_image_free(&part);
    }
    return MSEG_OK;
}

static mseg_status run_tiled(fixture *f, int threads, const mseg_tile_options *options, gathered *g, mseg_error *err)
{
    mseg_image_reader *reader;
    mseg_tiled result;
    assert_int_equal(mseg_image_reader_open(&reader, f->path, MSEG_EXIF_APPLY, NULL, NULL), MSEG_OK);
    mseg_status status = mseg_segment_tiled(f->sessions[threads], reader, options, gather, g, &result, err);
    mseg_image_reader_close(&reader);
    if (!status)
        assert_int_equal(g->rows, g->photo->height);
    return status;
}

/* The labels of the picture, which stays in f->path. Free them. */
static mseg_image tiled(fixture *f, int threads, const mseg_image *photo, const mseg_tile_options *options)
{
    gathered g = {.photo = photo, .fails_at = -1};
    mseg_error err = {0};
    assert_int_equal(mseg_image_create(&g.labels, photo->width, photo->height, MSEG_GRAY), MSEG_OK);
    assert_int_equal(mseg_image_write_png(f->path, mseg_view_of(photo), NULL), MSEG_OK);
    if (run_tiled(f, threads, options, &g, &err))
        fail_msg("%s", err.text);
    return g.labels;
}

/* ---- against tiles run by themselves ---- */

enum { CLASSES = 21 };

static int divide_up(int a, int b)
{
    return (a + b - 1) / b;
}

/* The distance from the outside of a tile of side points, in points. */
static double tent(int i, int side)
{
    return i < 0 || i >= side ? 0 : fmin(i + 1, side - i);
}

/* Adds tile (left, top), in points, to sums and weights on the whole grid, in double. */
static void add_tile(fixture *f, const mseg_image *photo, int left, int top, int size, int columns, int rows, double *sums,
                     double *weights)
{
    const mseg_run_options options = {
        .struct_size = sizeof options, .resize = MSEG_RESIZE_NONE, .pad = MSEG_PAD_SQUARE, .size = size};
    const int side = divide_up(size, f->stride), x0 = left * f->stride, y0 = top * f->stride;
    mseg_image part = *photo;
    part.data += (size_t)y0 * photo->stride + (size_t)x0 * 3;
    part.width = photo->width - x0 < size ? photo->width - x0 : size;
    part.height = photo->height - y0 < size ? photo->height - y0 : size;
    mseg_result result;
    assert_int_equal(mseg_segment(f->sessions[1], mseg_view_of(&part), &options, &result, NULL), MSEG_OK);
    assert_true(result.logits_width == side && result.logits_height == side && result.classes == CLASSES);
    for (int y = 0; y < side && top + y < rows; y++)
        for (int x = 0; x < side && left + x < columns; x++) {
            const size_t to = (size_t)(top + y) * (size_t)columns + (size_t)(left + x);
            const double weight = tent(x, side) * tent(y, side);
            weights[to] += weight;
            for (int c = 0; c < CLASSES; c++)
                sums[to * CLASSES + (size_t)c] += weight * (double)result.logits[(y * side + x) * CLASSES + c];
        }
}

/* Where pixel x lies among n points. */
static double place(const fixture *f, int x, int n)
{
    const bool half = f->model->net->net.input.sampling == MSEG_HALF_PIXEL;
    const double at = half ? (x + 0.5) / f->stride - 0.5 : (double)x / f->stride;
    return fmax(0, fmin(at, n - 1));
}

/* Points that a picture's axis has: with one tile all of its, else those of whole output strides. */
static int points(const fixture *f, int length, int size)
{
    if (f->model->net->net.input.sampling == MSEG_ALIGN_CORNERS)
        return divide_up(length - 1, f->stride) + 1;
    return divide_up(length > size ? length : size, OUTPUT_STRIDE) * (OUTPUT_STRIDE / f->stride);
}

/* Class c at pixel (x, y), between the grid's points. */
static double at(const fixture *f, const double *sums, const double *weights, int columns, int rows, int x, int y, int c)
{
    const double u = place(f, x, columns), v = place(f, y, rows);
    double value = 0;
    for (int j = (int)v; j <= (int)v + 1 && j < rows; j++)
        for (int i = (int)u; i <= (int)u + 1 && i < columns; i++) {
            const size_t p = (size_t)j * (size_t)columns + (size_t)i;
            value += (1 - fabs(u - i)) * (1 - fabs(v - j)) * sums[p * CLASSES + (size_t)c] / weights[p];
        }
    return value;
}

static void check_blend(fixture *f, int width, int height, const mseg_tile_options *options)
{
    mseg_image photo = picture(width, height, 3), labels = tiled(f, 1, &photo, options);
    const mseg_canvas_rule rule = {OUTPUT_STRIDE, f->model->net->net.input.sampling};
    const mseg_tile_axis across = mseg_tile_axis_of(width, &rule, f->stride, options);
    const mseg_tile_axis down = mseg_tile_axis_of(height, &rule, f->stride, options);
    const int columns = points(f, width, options->size), rows = points(f, height, options->size);
    double *sums = calloc((size_t)columns * (size_t)rows * CLASSES, sizeof *sums);
    double *weights = calloc((size_t)columns * (size_t)rows, sizeof *weights), largest = 0;
    assert_true(sums && weights);
    for (int j = 0; j < down.tiles; j++)
        for (int i = 0; i < across.tiles; i++)
            add_tile(f, &photo, mseg_tile_origin(&across, i), mseg_tile_origin(&down, j), options->size, columns, rows, sums,
                     weights);
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            const int ours = labels.data[(size_t)y * labels.stride + (size_t)x];
            double best = -INFINITY;
            assert_in_range(ours, 0, CLASSES - 1);
            for (int c = 0; c < CLASSES; c++)
                best = fmax(best, at(f, sums, weights, columns, rows, x, y, c));
            largest = fmax(largest, fabs(best));
            if (!(best - at(f, sums, weights, columns, rows, x, y, ours) <= 1e-5 * largest))
                fail_msg("%d x %d in tiles of %d, overlap %d: label %d at (%d, %d)", width, height, options->size,
                         options->overlap, ours, x, y);
        }
    free(sums);
    free(weights);
    mseg_image_free(&photo);
    mseg_image_free(&labels);
}

static void test_blend(void **state)
{
    static const struct {
        int width, height;
        mseg_tile_options options;
    } cases[] = {
        {200, 150, TILES(65, -1)}, {131, 223, TILES(65, 0)}, {97, 97, TILES(65, 32)}, {98, 81, TILES(65, 48)},
        {66, 65, TILES(65, 16)},   {40, 300, TILES(65, 16)}, {300, 30, TILES(33, 0)}, {70, 50, TILES(17, 0)},
        {50, 90, TILES(33, 16)},   {1, 200, TILES(65, 1)},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_blend(*state, cases[i].width, cases[i].height, &cases[i].options);
}

static void set_sampling(fixture *f, mseg_sampling sampling)
{
    f->model->net->net.input.sampling = f->model->info.sampling = sampling;
}

static void test_blend_without_aligned_corners(void **state)
{
    fixture *f = *state;
    static const struct {
        int width, height;
        mseg_tile_options options;
    } cases[] = {
        {200, 150, TILES(64, -1)}, {131, 223, TILES(64, 0)}, {96, 96, TILES(64, 32)}, {98, 81, TILES(64, 48)},
        {65, 64, TILES(64, 16)},   {40, 300, TILES(64, 16)}, {70, 50, TILES(16, 0)},  {1, 200, TILES(64, 1)},
    };
    for (mseg_sampling sampling = MSEG_HALF_PIXEL; sampling <= MSEG_LEGACY; sampling++) {
        set_sampling(f, sampling);
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
            check_blend(f, cases[i].width, cases[i].height, &cases[i].options);
    }
    set_sampling(f, MSEG_ALIGN_CORNERS);
}

/* ---- against the whole picture in one run ---- */

static void check_one_tile(fixture *f, int size)
{
    static const int sizes[][2] = {{64, 64}, {1, 1}, {64, 17}, {33, 64}, {5, 50}, {48, 32}, {65, 65}, {33, 65}};
    const mseg_tile_options options = TILES(size, -1);
    const mseg_run_options plain = {
        .struct_size = sizeof plain, .resize = MSEG_RESIZE_NONE, .pad = MSEG_PAD_SQUARE, .size = size};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes && sizes[i][1] <= size; i++) {
        mseg_result result;
        mseg_image photo = picture(sizes[i][0], sizes[i][1], 20 + i), labels = tiled(f, 2, &photo, &options);
        assert_int_equal(mseg_segment(f->sessions[1], mseg_view_of(&photo), &plain, &result, NULL), MSEG_OK);
        for (int y = 0; y < photo.height; y++)
            assert_memory_equal(labels.data + (size_t)y * labels.stride, result.labels.data + (size_t)y * result.labels.stride,
                                (size_t)photo.width);
        mseg_image_free(&photo);
        mseg_image_free(&labels);
    }
}

static void test_one_tile(void **state)
{
    fixture *f = *state;
    check_one_tile(f, 65);
    for (mseg_sampling sampling = MSEG_HALF_PIXEL; sampling <= MSEG_LEGACY; sampling++) {
        set_sampling(f, sampling);
        check_one_tile(f, 64);
    }
    set_sampling(f, MSEG_ALIGN_CORNERS);
}

/* The share of pixels in columns x0 .. x1 - 1 whose labels differ, b being read shift columns further right. */
static double differing(mseg_view a, mseg_view b, int x0, int x1, int shift)
{
    int count = 0;
    for (int y = 0; y < a.height; y++)
        for (int x = x0; x < x1; x++)
            count += a.data[(size_t)y * a.stride + (size_t)x] != b.data[(size_t)y * b.stride + (size_t)(x + shift)];
    return (double)count / a.height / (x1 - x0);
}

/* A point sees 245 pixels to each side (stride 16, no image pooling: 3x3 convolutions at strides 2 to 16, the last three of rate
 * 2, make 491): further from where a tile ends, a tile and the whole picture give the same. */
static void test_alignment(void **state)
{
    enum { SIZE = 545, SIGHT = 256 };
    fixture *f = *state;
    const mseg_tile_options options = TILES(SIZE, 0);
    const mseg_run_options plain = {.struct_size = sizeof plain, .resize = MSEG_RESIZE_NONE, .pad = MSEG_PAD_TIGHT, .size = SIZE};
    mseg_image photo = picture(3 * (SIZE - 1) + 1, SIZE, 40), labels = tiled(f, 2, &photo, &options);
    mseg_result result;
    assert_int_equal(mseg_segment(f->sessions[2], mseg_view_of(&photo), &plain, &result, NULL), MSEG_OK);
    for (int tile = 0; tile < 3; tile++) {
        const int left = tile * (SIZE - 1), x0 = tile == 0 ? 0 : left + SIGHT,
                  x1 = tile == 2 ? photo.width - 2 : left + SIZE - SIGHT;
        assert_true(differing(mseg_view_of(&labels), result.labels, x0, x1, 0) < 1e-4);
        assert_true(differing(mseg_view_of(&labels), result.labels, x0, x1, 2) >
                    0.01); /* two pixels beside it would be noticed */
    }
    assert_true(differing(mseg_view_of(&labels), result.labels, SIZE - 40, SIZE + 40, 0) >
                1e-3); /* and so is a border, when near */
    mseg_image_free(&photo);
    mseg_image_free(&labels);
}

/* ---- the rest ---- */

static void test_threads(void **state)
{
    const mseg_tile_options options = TILES(65, 16);
    mseg_image photo = picture(150, 170, 60), one = tiled(*state, 1, &photo, &options);
    for (int threads = 2; threads <= MAX_THREADS; threads++) {
        mseg_image more = tiled(*state, threads, &photo, &options);
        assert_memory_equal(more.data, one.data, one.stride * (size_t)one.height);
        mseg_image_free(&more);
    }
    mseg_image_free(&photo);
    mseg_image_free(&one);
}

/* An overlay made of strips is the one of the whole picture, boundaries included. */
static void test_overlay(void **state)
{
    fixture *f = *state;
    mseg_palette palette;
    assert_int_equal(mseg_palette_load(&palette, "voc", NULL), MSEG_OK);
    mseg_image photo = picture(90, 300, 70), whole;
    gathered g = {.photo = &photo, .palette = &palette, .fails_at = -1};
    assert_int_equal(mseg_image_create(&g.labels, photo.width, photo.height, MSEG_GRAY), MSEG_OK);
    assert_int_equal(mseg_image_create(&g.overlay, photo.width, photo.height, MSEG_RGB), MSEG_OK);
    assert_int_equal(mseg_image_write_png(f->path, mseg_view_of(&photo), NULL), MSEG_OK);
    assert_int_equal(run_tiled(f, 1, &(mseg_tile_options)TILES(65, 16), &g, NULL), MSEG_OK);
    assert_int_equal(mseg_overlay(&whole, mseg_view_of(&photo), mseg_view_of(&g.labels), &palette, 0.5, NULL), MSEG_OK);
    assert_memory_equal(g.overlay.data, whole.data, whole.stride * (size_t)whole.height);
    mseg_image_free(&photo);
    mseg_image_free(&whole);
    mseg_image_free(&g.labels);
    mseg_image_free(&g.overlay);
    mseg_palette_free(&palette);
}

static void test_refusals(void **state)
{
    fixture *f = *state;
    static const struct {
        mseg_tile_options options;
        const char *text;
        mseg_status status;
    } cases[] = {
        {TILES(64, 0), "size 64 of a tile is not k * 16 + 1 with k of at least 1", MSEG_INVAL},
        {TILES(1, 0), "size 1 of a tile is not k * 16 + 1 with k of at least 1", MSEG_INVAL},
        {TILES(-15, 0), "size -15 of a tile is not k * 16 + 1 with k of at least 1", MSEG_INVAL},
        {TILES(32769, 0), "a tile of 32769 x 32769 pixels is over the limit of 2^30", MSEG_LIMIT},
        {TILES(2147483633, 0), "a tile of 2147483633 x 2147483633 pixels is over the limit of 2^30", MSEG_LIMIT},
        {TILES(65, 49), "overlap 49 is more than the 48 that tiles of 65 can share", MSEG_INVAL},
    };
    mseg_error err;
    mseg_image photo = picture(100, 200, 80);
    gathered g = {.photo = &photo, .fails_at = -1};
    assert_int_equal(mseg_image_create(&g.labels, photo.width, photo.height, MSEG_GRAY), MSEG_OK);
    assert_int_equal(mseg_image_write_png(f->path, mseg_view_of(&photo), NULL), MSEG_OK);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(run_tiled(f, 1, &cases[i].options, &g, &err), cases[i].status);
        assert_string_equal(err.text, cases[i].text);
    }
    const mseg_run_options any = {.struct_size = sizeof any, .size = 64};
    mseg_result result;
    assert_int_equal(mseg_segment(f->sessions[1], mseg_view_of(&photo), &any, &result, &err), MSEG_INVAL); /* not k * 16 + 1 */
    set_sampling(f, MSEG_HALF_PIXEL);
    assert_int_equal(run_tiled(f, 1, &(mseg_tile_options)TILES(65, 0), &g, &err), MSEG_INVAL);
    assert_string_equal(err.text, "size 65 of a tile is not k * 16 with k of at least 1");
    assert_int_equal(run_tiled(f, 1, &(mseg_tile_options)TILES(64, 49), &g, &err), MSEG_INVAL);
    assert_string_equal(err.text, "overlap 49 is more than the 48 that tiles of 64 can share");
    assert_int_equal(mseg_segment(f->sessions[1], mseg_view_of(&photo), &any, &result, &err), MSEG_OK);
    set_sampling(f, MSEG_ALIGN_CORNERS);
    g.fails_at = 100;
    assert_int_equal(run_tiled(f, 1, &(mseg_tile_options)TILES(65, 0), &g, &err), MSEG_IO);
    assert_string_equal(err.text, "no more");
    assert_in_range(g.rows, 1, 100);
    assert_int_equal(truncate(f->path, 1000), 0);
    g.rows = 0;
    g.fails_at = -1;
    assert_int_equal(run_tiled(f, 1, &(mseg_tile_options)TILES(65, 0), &g, &err), MSEG_FORMAT);
    assert_string_equal(err.text, "truncated PNG");
    mseg_image_free(&photo);
    mseg_image_free(&g.labels);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_blend_without_aligned_corners),
        cmocka_unit_test(test_blend),
        cmocka_unit_test(test_one_tile),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_overlay),
        cmocka_unit_test(test_alignment),
        cmocka_unit_test(test_refusals),
    };
    const struct CMUnitTest of_decoder[] = {
        cmocka_unit_test(test_blend_without_aligned_corners),
        cmocka_unit_test(test_blend),
        cmocka_unit_test(test_one_tile),
        cmocka_unit_test(test_threads),
    };
    const int failed = cmocka_run_group_tests(tests, setup, teardown);
    return failed + cmocka_run_group_tests(of_decoder, setup_decoder, teardown);
}
