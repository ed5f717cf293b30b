/* A network and what is read of the .tflite file that it is written to give the same logits, bit for bit. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "mseg.h"
#include "seg/backbones/architecture.h"
#include "write/networks.h"
#include "write/write.h"

static mseg_bytes write_file(const char *architecture, int size, int output_stride)
{
    mseg_weights *weights;
    mseg_net net;
    mseg_bytes bytes;
    const mseg_write_options options = {.height = size, .width = size, .output_stride = output_stride};
    assert_int_equal(mseg_architecture_weights(&weights, architecture, NULL), MSEG_OK);
    assert_int_equal(build_net(&net, weights, output_stride, NULL), MSEG_OK);
    assert_int_equal(mseg_write_tflite(&bytes, &net, weights, &options, NULL), MSEG_OK);
    mseg_net_free(&net);
    mseg_weights_close(&weights);
    return bytes;
}

static mseg_image picture(int size)
{
    mseg_image image;
    assert_int_equal(mseg_image_create(&image, size, size, MSEG_RGB), MSEG_OK);
    uint32_t state = 1;
    for (int y = 0; y < size; y++)
        for (int i = 0; i < size * 3; i++) {
            state = state * 1664525u + 1013904223u;
            image.data[(size_t)y * image.stride + (size_t)i] = (uint8_t)(state >> 24);
        }
    return image;
}

/* The session of the model after a run; its logits are its own. */
static mseg_session *run(const mseg_model *model, const mseg_image *image, mseg_result *result)
{
    mseg_session *session;
    mseg_plan_info plan;
    assert_int_equal(mseg_session_open(&session, model, NULL, NULL), MSEG_OK);
    assert_int_equal(mseg_session_plan(session, image->width, image->height, &plan, NULL), MSEG_OK);
    assert_int_equal(mseg_session_forward(session, mseg_view_of(image), result, NULL), MSEG_OK);
    return session;
}

static void check_logits(const char *architecture, int size, int output_stride)
{
    mseg_model *model, *again;
    mseg_model_options options;
    mseg_result wanted, found;
    mseg_error err = {0};
    mseg_image image = picture(size);
    mseg_bytes file = write_file(architecture, size, output_stride);
    mseg_model_options_init(&options, sizeof options);
    options.output_stride = output_stride;
    assert_int_equal(mseg_model_open_random(&model, architecture, &options, NULL), MSEG_OK);
    if (mseg_model_open_memory(&again, file.data, file.size, "again", NULL, &err))
        fail_msg("%s: %s", architecture, err.text);
    mseg_session *first = run(model, &image, &wanted), *second = run(again, &image, &found);
    assert_int_equal(mseg_model_describe(again).output_stride, output_stride);
    assert_int_equal(found.logits_height, wanted.logits_height);
    assert_int_equal(found.logits_width, wanted.logits_width);
    assert_int_equal(found.classes, wanted.classes);
    assert_memory_equal(found.logits, wanted.logits,
                        sizeof(float) * (size_t)found.logits_height * (size_t)found.logits_width * (size_t)found.classes);
    mseg_session_close(&first);
    mseg_session_close(&second);
    mseg_model_close(&model);
    mseg_model_close(&again);
    mseg_image_free(&image);
    mseg_free(&file.data);
}

static void test_logits_are_the_same(void **state)
{
    (void)state;
    check_logits("mnv2:0.1", 65, 16);
    check_logits("mnv2:0.1:aspp", 65, 8);
    check_logits("mnv2:0.1:separable:nopool", 49, 16);
    check_logits("mnv2:0.1:decoder", 65, 16);
    check_logits("mnv2:0.1:imagenet", 64, 32);
    check_logits("mnv1:0.1", 64, 32);
    check_logits("mnv1:0.1:imagenet", 33, 32);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_logits_are_the_same)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
