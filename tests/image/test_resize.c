/* Resizing against check sums of what Pillow's resize(BILINEAR) makes of the same pictures (make_goldens.py): bit for bit. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <zlib.h>

#include "base/alloc.h"
#include "image/files.h"
#include "image/resize.h"
#include "image/view.h"
#include "kernels/guard.h"
#include "kernels/levels.h"

/* The picture of make_goldens.py's noise(), each row followed by spare bytes. */
static mseg_image make_noise(int width, int height, int channels)
{
    mseg_image image = {width, height, channels == 3 ? MSEG_RGB : MSEG_GRAY, (size_t)(width * channels) + 3, NULL};
    uint32_t state = 12345;
    image.data = mseg_alloc(image.stride * (size_t)height);
    assert_non_null(image.data);
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width * channels; x++) {
            state = (state * 1103515245u + 12345u) & 0x7fffffff;
            image.data[(size_t)y * image.stride + (size_t)x] = (uint8_t)(state >> 16);
        }
    return image;
}

/* Every kernel set makes the picture's bytes, in memory that holds something else. */
static void check_levels(mseg_view in, const mseg_image *wanted)
{
    const mseg_cpu cpu = mseg_cpu_detect();
    mseg_image out;
    for (mseg_cpu_level level = MSEG_CPU_SCALAR; level < MSEG_CPU_LEVELS; level++) {
        const size_t bytes = wanted->stride * (size_t)wanted->height;
        if (!mseg_cpu_can_run(&cpu, level))
            continue;
        assert_int_equal(mseg_image_create(&out, wanted->width, wanted->height, wanted->format), MSEG_OK);
        memset(out.data, 77, bytes);
        assert_int_equal(mseg_image_resize_to(&out, in, level_kernels(level)), MSEG_OK);
        if (memcmp(out.data, wanted->data, bytes))
            fail_msg("%dx%d to %dx%d differs with %s", in.width, in.height, out.width, out.height, mseg_cpu_level_name(level));
        mseg_image_free(&out);
    }
}

static void as_pillow(void **state)
{
    (void)state;
    FILE *goldens = fopen(GOLDEN "resize.txt", "r");
    int channels, w, h, to_w, to_h, lines = 0;
    unsigned long sum;
    assert_non_null(goldens);
    while (fscanf(goldens, "%d %d %d %d %d %lu", &channels, &w, &h, &to_w, &to_h, &sum) == 6) {
        mseg_image in = make_noise(w, h, channels), out;
        mseg_error err;
        lines++;
        assert_int_equal(mseg_image_resize(&out, mseg_view_of(&in), to_w, to_h, &err), MSEG_OK);
        assert_int_equal(out.width, to_w);
        assert_int_equal(out.height, to_h);
        assert_int_equal(out.format, in.format);
        assert_int_equal(out.stride, to_w * channels);
        if (crc32(0, out.data, (unsigned)(out.stride * (size_t)to_h)) != sum)
            fail_msg("%d channels, %dx%d to %dx%d differs from Pillow", channels, w, h, to_w, to_h);
        check_levels(mseg_view_of(&in), &out);
        mseg_image_free(&in);
        mseg_image_free(&out);
    }
    fclose(goldens);
    assert_int_equal(lines, 40);
}

static void even_stays_even(void **state)
{
    (void)state;
    mseg_image in, out;
    mseg_error err;
    assert_int_equal(mseg_image_create(&in, 91, 50, MSEG_RGB), MSEG_OK);
    memset(in.data, 255, in.stride * 50);
    for (int size = 1; size < 200; size += 13) {
        assert_int_equal(mseg_image_resize(&out, mseg_view_of(&in), size, 201 - size, &err), MSEG_OK);
        for (size_t i = 0; i < out.stride * (size_t)out.height; i++)
            assert_int_equal(out.data[i], 255);
        mseg_image_free(&out);
    }
    mseg_image_free(&in);
}

/* Every pair of sizes: the filter stays inside the picture (the sanitizer watches). */
static void every_small_size(void **state)
{
    (void)state;
    for (int from = 1; from <= 24; from++)
        for (int to = 1; to <= 24; to++) {
            mseg_image in = make_noise(from, 25 - from, 3), out;
            mseg_error err;
            assert_int_equal(mseg_image_resize(&out, mseg_view_of(&in), to, 25 - to, &err), MSEG_OK);
            check_levels(mseg_view_of(&in), &out);
            mseg_image_free(&in);
            mseg_image_free(&out);
        }
}

/* Nothing is read before the picture's first byte or behind its last one: there are pages that fault. */
static void stays_inside(void **state)
{
    (void)state;
    guard g;
    guard_open(&g);
    for (int width = 1; width <= 40; width++)
        for (int channels = 1; channels <= 3; channels += 2) {
            const size_t stride = (size_t)(width * channels);
            const guard_side side = width % 4 < 2 ? GUARD_END : GUARD_START;
            for (int to = width; to < 2 * width + 30; to += 7) {
                uint8_t *data = guard_place(&g, 3 * stride, side);
                mseg_image out;
                mseg_error err;
                const mseg_view in = {width, 3, channels == 3 ? MSEG_BGR : MSEG_GRAY, stride, data};
                assert_int_equal(mseg_image_resize(&out, in, to, 5, &err), MSEG_OK);
                check_levels(in, &out);
                mseg_image_free(&out);
            }
        }
    guard_close(&g);
}

static void refuses(void **state)
{
    (void)state;
    mseg_image in, out, empty = {0};
    mseg_error err;
    assert_int_equal(mseg_image_create(&in, 4, 4, MSEG_RGB), MSEG_OK);
    assert_int_equal(mseg_image_resize(&out, mseg_view_of(&in), 0, 4, &err), MSEG_INVAL);
    assert_int_equal(mseg_image_resize(&out, mseg_view_of(&in), 4, -1, &err), MSEG_INVAL);
    assert_int_equal(mseg_image_resize(&out, mseg_view_of(&empty), 4, 4, &err), MSEG_INVAL);
    assert_null(out.data);
    assert_int_equal(mseg_image_create(&out, 0, 1, MSEG_GRAY), MSEG_INVAL);
    assert_int_equal(mseg_image_create(&out, 1, 1, (mseg_format)5), MSEG_INVAL);
    assert_int_equal(mseg_image_create(&out, 1, 1, (mseg_format)-1), MSEG_INVAL);
    assert_null(out.data);
    assert_int_equal(mseg_image_create(&out, INT32_MAX, INT32_MAX, MSEG_BGRA), MSEG_NOMEM);
    mseg_image_free(&in);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_pillow),    cmocka_unit_test(even_stays_even), cmocka_unit_test(every_small_size),
        cmocka_unit_test(stays_inside), cmocka_unit_test(refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
