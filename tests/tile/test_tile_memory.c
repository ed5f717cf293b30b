/* The memory that mseg_segment_tiled promises (seg/mseg.h), measured: the peak of a process that segments a picture of 48
 * megapixels into a mask and an overlay, and of one a sixth as high. The pictures are written by libpng and libjpeg. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include <jpeglib.h>
#include <png.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "seg/mseg.h"

enum { WIDTH = 6000, HEIGHT = 8000, LOW = 1300, STRIDE = 32, THREADS = 2, MB = 1 << 20 };
/* What is not counted in the promise: codecs, the two writers, strips of the overlay, stacks of threads. */
enum { SLACK = 6 * MB };

/* Sanitizers keep and shadow memory: there the run is what is tested, with less of it. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { MEASURED = 0, SHRINK = 5, TILE = 257 };
#else
enum { MEASURED = 1, SHRINK = 1, TILE = 1025 };
#endif

/* ---- pictures ---- */

static void fill_row(uint8_t *row, int width, int y)
{
    for (int x = 0; x < width; x++, row += 3) {
        row[0] = (uint8_t)(x / 7 + y / 3);
        row[1] = (uint8_t)((x / 150 + y / 130) * 50);
        row[2] = (uint8_t)(y / 16);
    }
}

static void write_png(FILE *out, int width, int height)
{
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    uint8_t *row = malloc((size_t)width * 3);
    assert_true(info && row);
    png_init_io(png, out);
    png_set_IHDR(png, info, (png_uint_32)width, (png_uint_32)height, 8, PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_set_compression_level(png, 1);
    png_set_filter(png, PNG_FILTER_TYPE_BASE, PNG_FILTER_UP);
    png_write_info(png, info);
    for (int y = 0; y < height; y++) {
        fill_row(row, width, y);
        png_write_row(png, row);
    }
    png_write_end(png, NULL);
    png_destroy_write_struct(&png, &info);
    free(row);
}

static void write_jpeg(FILE *out, int width, int height)
{
    struct jpeg_compress_struct jpeg;
    struct jpeg_error_mgr errors;
    JSAMPROW row = malloc((size_t)width * 3);
    assert_non_null(row);
    jpeg.err = jpeg_std_error(&errors);
    jpeg_create_compress(&jpeg);
    jpeg_stdio_dest(&jpeg, out);
    jpeg.image_width = (JDIMENSION)width;
    jpeg.image_height = (JDIMENSION)height;
    jpeg.input_components = 3;
    jpeg.in_color_space = JCS_RGB;
    jpeg_set_defaults(&jpeg);
    jpeg_start_compress(&jpeg, TRUE);
    for (int y = 0; y < height; y++) {
        fill_row(row, width, y);
        jpeg_write_scanlines(&jpeg, &row, 1);
    }
    jpeg_finish_compress(&jpeg);
    jpeg_destroy_compress(&jpeg);
    free(row);
}

static void make_picture(char path[32], void (*write)(FILE *, int, int), int width, int height)
{
    strcpy(path, "/tmp/mseg-test-XXXXXX");
    FILE *out = fdopen(mkstemp(path), "wb");
    assert_non_null(out);
    write(out, width, height);
    assert_int_equal(fclose(out), 0);
}

/* ---- the process ---- */

/* Bytes of a line of /proc/self/status. */
static long memory(const char *name)
{
    char line[256];
    long kilobytes = -1;
    FILE *file = fopen("/proc/self/status", "r");
    while (file && fgets(line, sizeof line, file))
        if (!strncmp(line, name, strlen(name)))
            kilobytes = strtol(line + strlen(name) + 1, NULL, 10);
    if (file)
        fclose(file);
    return kilobytes * 1024;
}

typedef struct sink {
    mseg_row_writer *mask, *overlay;
    mseg_palette palette;
} sink;

static mseg_status take(void *context, const mseg_tile_rows *rows, mseg_error *err)
{
    sink *s = context;
    mseg_image part = {0};
    mseg_status status = mseg_row_writer_put(s->mask, rows->labels, err);
    if (!status)
        status = mseg_overlay_rows(&part, rows->photo, rows->labels, rows->below, &s->palette, 0.5, err);
    if (!status)
        status = mseg_row_writer_put(s->overlay, mseg_view_of(&part), err);
    mseg_image_free(&part);
    return status;
}

static mseg_status segment(mseg_session *session, mseg_image_reader *reader, mseg_error *err)
{
    const mseg_tile_options options = {sizeof(mseg_tile_options), TILE, -1};
    const int width = mseg_image_reader_width(reader), height = mseg_image_reader_height(reader);
    sink s = {0};
    mseg_tiled result;
    mseg_status status = mseg_palette_load(&s.palette, "voc", err);
    const mseg_png_format mask = {width, height, MSEG_GRAY, &s.palette.colors}, overlay = {width, height, MSEG_RGB, NULL};
    if (!status)
        status = mseg_row_writer_open(&s.mask, "/dev/null", &mask, err);
    if (!status)
        status = mseg_row_writer_open(&s.overlay, "/dev/null", &overlay, err);
    if (!status)
        status = mseg_segment_tiled(session, reader, &options, take, &s, &result, err);
    if (!status)
        status = mseg_row_writer_commit(&s.mask, err);
    if (!status)
        status = mseg_row_writer_commit(&s.overlay, err);
    mseg_row_writer_discard(&s.mask);
    mseg_row_writer_discard(&s.overlay);
    mseg_palette_free(&s.palette);
    return status;
}

/* Bytes before the picture is touched, at the peak, and that the promise allows between them. */
typedef struct figures {
    long before, peak, promised;
} figures;

static mseg_status measure(const char *path, figures *f, mseg_error *err)
{
    mseg_model_options options;
    mseg_model_options_init(&options, sizeof options);
    mseg_model *model = NULL;
    mseg_pool *pool = NULL;
    mseg_session *session = NULL;
    mseg_image_reader *reader = NULL;
    mseg_plan_info plan;
    options.output_stride = STRIDE;
    mseg_status status = mseg_model_open_random(&model, "mnv2:0.35", &options, err);
    if (!status)
        status = mseg_pool_open(&pool, THREADS);
    f->before = memory("VmRSS:");
    if (!status)
        status = mseg_session_open(&session, model, pool, err);
    if (!status)
        status = mseg_session_plan(session, TILE, TILE, &plan, err);
    if (!status)
        status = mseg_image_reader_open(&reader, path, MSEG_EXIF_APPLY, NULL, err);
    if (!status) {
        const long w = mseg_image_reader_width(reader), classes = mseg_model_describe(model).classes;
        f->promised = (long)plan.arena_bytes + 3 * w * (TILE + STRIDE + 1) +
                      4 * classes * (w / STRIDE + 2) * (TILE / STRIDE + 3 + THREADS) + 70 * w;
        status = segment(session, reader, err);
    }
    f->peak = memory("VmHWM:");
    mseg_image_reader_close(&reader);
    mseg_session_close(&session);
    mseg_pool_close(&pool);
    mseg_model_close(&model);
    return status;
}

/* In a process of its own, so that its peak is that of this picture. */
static figures measure_apart(const char *path)
{
    struct {
        figures figures;
        mseg_error err;
        mseg_status status;
    } told = {0};
    int ends[2], code;
    assert_int_equal(pipe(ends), 0);
    fflush(NULL);
    pid_t child = fork();
    if (!child) {
        told.status = measure(path, &told.figures, &told.err);
        _exit(write(ends[1], &told, sizeof told) != sizeof told);
    }
    close(ends[1]);
    assert_int_equal(read(ends[0], &told, sizeof told), sizeof told);
    close(ends[0]);
    assert_int_equal(waitpid(child, &code, 0), child);
    assert_int_equal(code, 0);
    if (told.status)
        fail_msg("%s", told.err.text);
    return told.figures;
}

static void check(void (*write)(FILE *, int, int), const char *name)
{
    char high[32], low[32];
    const int width = WIDTH / SHRINK, height = HEIGHT / SHRINK;
    make_picture(high, write, width, height);
    make_picture(low, write, width, LOW / SHRINK);
    const figures f = measure_apart(high), g = measure_apart(low);
    unlink(high);
    unlink(low);
    printf("%s %d x %d: %.1f MB over the %.1f before, %.1f promised and %d for codecs; %d rows: %.1f MB\n", name, width, height,
           (double)(f.peak - f.before) / MB, (double)f.before / MB, (double)f.promised / MB, SLACK / MB, LOW / SHRINK,
           (double)(g.peak - g.before) / MB);
    if (!MEASURED)
        return;
    assert_true(f.before > 0 && f.peak > f.before);
    assert_true(f.peak - f.before <= f.promised + SLACK);
    assert_true(f.promised + SLACK < (long)width * height * 3 / 2); /* half of the picture: it cannot have been there */
    assert_true(labs((f.peak - f.before) - (g.peak - g.before)) < 3 * MB);
}

static void test_png(void **state)
{
    (void)state;
    check(write_png, "PNG");
}

static void test_jpeg(void **state)
{
    (void)state;
    check(write_jpeg, "JPEG");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_png), cmocka_unit_test(test_jpeg)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
