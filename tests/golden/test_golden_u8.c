#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "golden/npy.h"
#include "kernels/levels.h"
#include "plan/plan.h"
#include "seg/model.h"
#include "shared.h"

/* Whole models in 8 bits on real photos against Google's LiteRT (XNNPACK), whose outputs lie in $MSEG_SHARED or in ../shared
 * beside the checkout: every byte of maps inside and every label is the same, with every kernel set and any number of threads. */

static const char what_is[] = "the outputs of whole models in 8 bits are";
enum { SIDE = 513 };

typedef struct model_case {
    const char *file, *name;
} model_case;

static const model_case models[] = {{"deeplabv3_mnv2_pascal_quant", "q100"}, {"deeplabv3_mnv2_dm05_pascal_quant", "q050"}};
static const char *const photos[] = {"2011_000003", "2011_000025"};
enum { MODELS = 2, PHOTOS = 2 };

/* What lies inside, with the layer that makes it. */
static const struct {
    const char *golden, *layer;
} maps[] = {{"firstadd", "backbone.block2.project"}, {"backbone", "backbone.block16.project"}, {"logits33", "head.classifier"}};
enum { MAPS = 3 };

static void read_golden(npy *golden, const char *model, const char *photo, const char *what)
{
    const char *path = shared_path("golden/tflite/%s_%s_%s_xnn.npy", model, photo, what);
    if (!npy_read_bytes(golden, path))
        fail_msg("%s: cannot be read", path);
}

static void check_bytes(const uint8_t *ours, const npy *golden, const char *what)
{
    for (size_t i = 0; i < golden->count; i++)
        if (ours[i] != golden->bytes[i])
            fail_msg("%s: byte %zu is %d, not %d", what, i, ours[i], golden->bytes[i]);
}

static mseg_model *open_model(const char *file, mseg_cpu_level level)
{
    mseg_error err;
    mseg_model *model;
    mseg_model_options options;
    mseg_model_options_init(&options, sizeof options);
    options.cpu = mseg_cpu_level_name(level);
    options.precision = MSEG_PRECISION_INT8;
    if (mseg_model_open(&model, shared_path("models/%s.tflite", file), &options, &err))
        fail_msg("%s", err.text);
    return model;
}

static void read_photo(mseg_image *photo, const char *name)
{
    mseg_error err;
    if (mseg_image_read(photo, shared_path("golden/tflite/input_u8_513_%s.png", name), MSEG_EXIF_APPLY, NULL, &err))
        fail_msg("%s", err.text);
    assert_true(photo->width == SIDE && photo->height == SIDE);
}

/* ---- maps inside ---- */

/* The model's net with the maps as outputs. */
static mseg_packed_net *pack(const mseg_model *model, const char *file)
{
    mseg_error err;
    mseg_net net;
    mseg_weights *weights;
    mseg_packed_net *packed = NULL;
    assert_int_equal(mseg_net_copy(&net, &model->net->net), MSEG_OK);
    net.n_outputs = 0;
    for (int i = 0; i < MAPS; i++)
        assert_int_equal(mseg_net_output(&net, mseg_net_find(&net, maps[i].layer)), MSEG_OK);
    if (mseg_weights_open(&weights, shared_path("models/%s.tflite", file), &err) ||
        mseg_packed_net_open(&packed, &net, weights, model->kernels, false, true, &err))
        fail_msg("%s", err.text);
    mseg_net_free(&net);
    mseg_weights_close(&weights);
    return packed;
}

static void check_map(const mseg_map *map, const npy *golden, const char *what)
{
    const int *size = golden->shape + golden->rank - 3;
    assert_true(map->height == size[0] && map->width == size[1] && map->channels == size[2] && map->bytes);
    npy pixel = {.count = (size_t)map->channels};
    for (int y = 0; y < map->height; y++)
        for (int x = 0; x < map->width; x++) {
            pixel.bytes = golden->bytes + (size_t)(y * map->width + x) * pixel.count;
            check_bytes(map->bytes + (size_t)y * map->row + (size_t)x * map->pixel, &pixel, what);
        }
}

static void check_inside(const mseg_model *model, const model_case *c, int threads)
{
    mseg_pool *pool;
    mseg_plan *plan;
    mseg_packed_net *net = pack(model, c->file);
    assert_int_equal(mseg_pool_open(&pool, threads), MSEG_OK);
    assert_int_equal(mseg_plan_open(&plan, net, SIDE, SIDE, threads, &model->cpu, NULL), MSEG_OK);
    for (int p = 0; p < PHOTOS; p++) {
        mseg_image photo;
        read_photo(&photo, photos[p]);
        mseg_plan_run(plan, &(mseg_picture){.data = photo.data, .stride = photo.stride, .width = SIDE, .height = SIDE}, pool);
        for (int i = 0; i < MAPS; i++) {
            npy golden;
            char what[128];
            const mseg_map map = mseg_plan_output(plan, i);
            read_golden(&golden, c->name, photos[p], maps[i].golden);
            snprintf(what, sizeof what, "%s, %s, %s, %d threads", c->file, maps[i].layer, photos[p], threads);
            check_map(&map, &golden, what);
            free(golden.bytes);
        }
        mseg_image_free(&photo);
    }
    mseg_plan_close(&plan);
    mseg_packed_net_close(&net);
    mseg_pool_close(&pool);
}

/* ---- labels ---- */

static void check_labels(const mseg_model *model, const model_case *c, int threads)
{
    mseg_error err;
    mseg_pool *pool;
    mseg_session *session;
    mseg_run_options options;
    mseg_run_options_init(&options, sizeof options);
    options.resize = MSEG_RESIZE_NONE;
    options.size = SIDE;
    assert_int_equal(mseg_pool_open(&pool, threads), MSEG_OK);
    assert_int_equal(mseg_session_open(&session, model, pool, &err), MSEG_OK);
    for (int p = 0; p < PHOTOS; p++) {
        mseg_image photo;
        mseg_result result;
        npy golden, row = {.count = SIDE};
        read_photo(&photo, photos[p]);
        read_golden(&golden, c->name, photos[p], "labels");
        if (mseg_segment(session, mseg_view_of(&photo), &options, &result, &err))
            fail_msg("%s", err.text);
        assert_int_equal(golden.count, SIDE * SIDE);
        for (size_t y = 0; y < SIDE; y++) {
            row.bytes = golden.bytes + y * SIDE;
            check_bytes(result.labels.data + y * result.labels.stride, &row, c->name);
        }
        free(golden.bytes);
        mseg_image_free(&photo);
    }
    mseg_session_close(&session);
    mseg_pool_close(&pool);
}

static void check_level(void *unused, mseg_cpu_level level)
{
    (void)unused;
    need_shared(shared_path("golden/tflite/q100_2011_000003_logits33_xnn.npy"), what_is);
    need_level(level);
    for (int i = 0; i < MODELS; i++) {
        need_shared(shared_path("models/%s.tflite", models[i].file), what_is);
        mseg_model *model = open_model(models[i].file, level);
        for (int threads = 1; threads <= (SLOW ? 1 : 3); threads++) {
            check_inside(model, &models[i], threads);
            check_labels(model, &models[i], threads);
        }
        mseg_model_close(&model);
    }
}

LEVELS(DEFINE_LEVEL_TEST)

int main(void)
{
    const struct CMUnitTest tests[] = {LEVELS(LEVEL_TEST)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
