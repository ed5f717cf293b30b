#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <cjson/cJSON.h>
#include <math.h>

#include "base/cpu.h"
#include "golden/npy.h"
#include "kernels/levels.h"
#include "mseg.h"
#include "shared.h"

/* Whole models on real photos against outputs of PyTorch in float64 and of Google's LiteRT, which lie in $MSEG_SHARED or in
 * ../shared beside the checkout. */

static const char what_is[] = "the outputs of whole models are";

/* ---- one model on one image ---- */

typedef struct job {
    const char *model; /* path */
    int output_stride, side;
    mseg_cpu_level level;
    const mseg_image *image;
} job;

typedef struct outcome {
    float *logits;
    int width, height, classes;
    mseg_image labels;
} outcome;

static void run(const job *j, mseg_pool *pool, outcome *out)
{
    mseg_error err;
    mseg_model *model;
    mseg_session *session;
    mseg_result result;
    mseg_model_options options;
    mseg_model_options_init(&options, sizeof options);
    mseg_run_options run_options;
    mseg_run_options_init(&run_options, sizeof run_options);
    options.output_stride = j->output_stride;
    options.precision = MSEG_PRECISION_FLOAT; /* also of the quantised files */
    for (int c = 0; c < 3; c++)
        options.mean[c] = options.std[c] = 127.5; /* the float64 references take x * 2/255 - 1 */
    options.cpu = mseg_cpu_level_name(j->level);
    run_options.resize = MSEG_RESIZE_NONE;
    run_options.size = j->side;
    if (mseg_model_open(&model, j->model, &options, &err) || mseg_session_open(&session, model, pool, &err) ||
        mseg_segment(session, mseg_view_of(j->image), &run_options, &result, &err))
        fail_msg("%s: %s", j->model, err.text);
    assert_string_equal(mseg_model_describe(model).kernels, options.cpu);
    assert_true(result.canvas_width == j->side && result.canvas_height == j->side);
    *out = (outcome){.width = result.logits_width, .height = result.logits_height, .classes = result.classes};
    size_t count = (size_t)out->width * (size_t)out->height * (size_t)out->classes;
    out->logits = malloc(count * sizeof *out->logits);
    assert_non_null(out->logits);
    memcpy(out->logits, result.logits, count * sizeof *out->logits);
    assert_int_equal(mseg_image_create(&out->labels, result.labels.width, result.labels.height, MSEG_GRAY), MSEG_OK);
    for (int y = 0; y < out->labels.height; y++)
        memcpy(out->labels.data + (size_t)y * out->labels.stride, result.labels.data + (size_t)y * result.labels.stride,
               (size_t)out->labels.width);
    mseg_session_close(&session);
    mseg_model_close(&model);
}

static void outcome_free(outcome *out)
{
    free(out->logits);
    mseg_image_free(&out->labels);
}

static void check_same_bits(const outcome *a, const outcome *b)
{
    assert_true(a->width == b->width && a->height == b->height && a->classes == b->classes);
    assert_memory_equal(a->logits, b->logits, (size_t)(a->width * a->height * a->classes) * sizeof *a->logits);
    assert_true(a->labels.width == b->labels.width && a->labels.height == b->labels.height);
    assert_memory_equal(a->labels.data, b->labels.data, a->labels.stride * (size_t)a->labels.height);
}

/* The same with one thread and with two. */
static void run_twice(const job *j, outcome *out)
{
    mseg_pool *pool;
    outcome second;
    assert_int_equal(mseg_pool_open(&pool, 2), MSEG_OK);
    run(j, NULL, out);
    run(j, pool, &second);
    check_same_bits(out, &second);
    outcome_free(&second);
    mseg_pool_close(&pool);
}

/* Returns the largest difference. */
static double check_logits(const outcome *out, const npy *golden, double tolerance, const char *what)
{
    const int *size = golden->shape + golden->rank - 3;
    double worst = 0;
    if (size[0] != out->height || size[1] != out->width || size[2] != out->classes)
        fail_msg("%s: %d x %d x %d logits", what, out->width, out->height, out->classes);
    for (size_t i = 0; i < golden->count; i++) {
        double error = fabs((double)out->logits[i] - (double)golden->data[i]);
        if (!(error <= tolerance))
            fail_msg("%s: logit %zu is %g, not %g", what, i, (double)out->logits[i], (double)golden->data[i]);
        worst = error > worst ? error : worst;
    }
    return worst;
}

/* ---- labels ---- */

/* The two best of the golden logits at pixel (x, y), upsampled to the canvas with align_corners. */
static double margin(const npy *golden, int side, int x, int y)
{
    const int *size = golden->shape + golden->rank - 3;
    double row = (double)y * (size[0] - 1) / (side - 1), column = (double)x * (size[1] - 1) / (side - 1);
    int r = (int)row, c = (int)column, below = r + 1 < size[0], right = c + 1 < size[1];
    double fy = row - r, fx = column - c, first = -INFINITY, second = -INFINITY;
    for (int k = 0; k < size[2]; k++) {
        const float *at = golden->data + ((size_t)r * (size_t)size[1] + (size_t)c) * (size_t)size[2] + k;
        size_t down = below ? (size_t)size[1] * (size_t)size[2] : 0, over = right ? (size_t)size[2] : 0;
        double top = (double)at[0] * (1 - fx) + (double)at[over] * fx;
        double bottom = (double)at[down] * (1 - fx) + (double)at[down + over] * fx;
        double v = top * (1 - fy) + bottom * fy;
        if (v > first) {
            second = first;
            first = v;
        } else if (v > second) {
            second = v;
        }
    }
    return first - second;
}

/* Labels may differ where the two best logits are closer than 1e-3, and in no more pixels than the manifest counts. Returns how
 * many do. */
static int check_labels(const outcome *out, const char *path, const npy *golden, int side, int near_ties, const char *what)
{
    mseg_image expected;
    mseg_error err;
    int differ = 0;
    if (mseg_image_read_labels(&expected, NULL, path, NULL, &err))
        fail_msg("%s: %s", path, err.text);
    assert_true(expected.format == MSEG_GRAY && expected.width == out->labels.width && expected.height == out->labels.height);
    for (int y = 0; y < expected.height; y++)
        for (int x = 0; x < expected.width; x++) {
            int ours = out->labels.data[(size_t)y * out->labels.stride + (size_t)x];
            int theirs = expected.data[(size_t)y * expected.stride + (size_t)x];
            if (ours == theirs)
                continue;
            differ++;
            if (margin(golden, side, x, y) >= 1e-3)
                fail_msg("%s: label %d at (%d, %d), not %d", what, ours, x, y, theirs);
        }
    if (differ > near_ties)
        fail_msg("%s: %d labels differ, of %d near ties", what, differ, near_ties);
    mseg_image_free(&expected);
    return differ;
}

/* ---- PyTorch, float64 ---- */

static const char *text_of(const cJSON *entry, const char *key)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(entry, key);
    assert_true(cJSON_IsString(item));
    return item->valuestring;
}

static int int_of(const cJSON *entry, const char *key)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(entry, key);
    assert_true(cJSON_IsNumber(item));
    return item->valueint;
}

static cJSON *read_manifest(void)
{
    static char text[1 << 18];
    FILE *file = fopen(shared_path("golden/float64/manifest.json"), "rb");
    assert_non_null(file);
    text[fread(text, 1, sizeof text - 1, file)] = 0;
    fclose(file);
    cJSON *manifest = cJSON_Parse(text);
    assert_non_null(manifest);
    return manifest;
}

static void check_entry(const cJSON *entry, mseg_cpu_level level, double *worst, int *differ)
{
    char what[256];
    npy golden;
    mseg_image image;
    mseg_error err;
    outcome out;
    const char *path = shared_path("golden/float64/%s", text_of(entry, "image"));
    need_shared(path, what_is);
    need_shared(shared_path("models/%s", text_of(entry, "model")), what_is);
    if (mseg_image_read(&image, path, MSEG_EXIF_APPLY, NULL, &err))
        fail_msg("%s: %s", path, err.text);
    assert_true(npy_read(&golden, shared_path("golden/float64/%s", text_of(entry, "logits"))));
    const job j = {shared_path("models/%s", text_of(entry, "model")), int_of(entry, "output_stride"), int_of(entry, "canvas"),
                   level, &image};
    snprintf(what, sizeof what, "%s, %s", text_of(entry, "logits"), mseg_cpu_level_name(level));
    run_twice(&j, &out);
    double error = check_logits(&out, &golden, 5e-4, what);
    *worst = error > *worst ? error : *worst;
    *differ += check_labels(&out, shared_path("golden/float64/%s", text_of(entry, "labels")), &golden, j.side,
                            int_of(entry, "pixels_with_margin_below_1e_3"), what);
    outcome_free(&out);
    free(golden.data);
    mseg_image_free(&image);
}

/* Sanitizers make whole models slow: one image a model is enough for them. */
static bool chosen(const cJSON *entry)
{
    return !SLOW || (!strcmp(text_of(entry, "image"), "2011_000003.png") && int_of(entry, "output_stride") == 16);
}

static void check_level(void *unused, mseg_cpu_level level)
{
    (void)unused;
    int checked = 0, strategies = 0, others = 0, differ = 0;
    double worst = 0;
    const cJSON *entry;
    need_shared(shared_path("golden/float64/manifest.json"), what_is);
    need_level(level);
    cJSON *manifest = read_manifest();
    cJSON_ArrayForEach(entry, manifest)
    {
        if (cJSON_HasObjectItem(entry, "multi_scale")) {
            strategies++;
        } else if (!chosen(entry)) {
            others++;
        } else {
            check_entry(entry, level, &worst, &differ);
            checked++;
        }
    }
    print_message("%s: %d goldens, logits within %.2g, %d near ties fell the other way\n", mseg_cpu_level_name(level), checked,
                  worst, differ);
    print_message("%d goldens of the multi-scale strategy are test_strategies' (tests/paper)\n", strategies);
    if (others)
        print_message("SKIP: %d goldens, too slow with sanitizers\n", others);
    assert_true(checked >= 3 && checked + others >= 24);
    cJSON_Delete(manifest);
}

LEVELS(DEFINE_LEVEL_TEST)

/* ---- LiteRT, float32 ---- */

/* The bytes that were normalised; the padding below is 0, which no byte gives. */
static void denormalise(const npy *input, mseg_image *image)
{
    const int height = input->shape[1], width = input->shape[2];
    size_t row = (size_t)width * 3;
    int used = height;
    assert_true(input->rank == 4 && input->shape[0] == 1 && input->shape[3] == 3);
    while (used > 0 && input->data[(size_t)(used - 1) * row] == 0)
        used--;
    assert_int_equal(mseg_image_create(image, width, used, MSEG_RGB), MSEG_OK);
    for (size_t i = 0; i < input->count; i++) {
        size_t y = i / row;
        double byte = ((double)input->data[i] + 1) * 127.5;
        if (y >= (size_t)used) {
            assert_true(input->data[i] == 0);
            continue;
        }
        assert_true(fabs(byte - rint(byte)) < 1e-3);
        image->data[y * image->stride + i % row] = (uint8_t)rint(byte);
    }
}

static void check_litert(const char *name, mseg_cpu_level level)
{
    char file[128];
    npy input, golden;
    mseg_image image;
    outcome out;
    snprintf(file, sizeof file, "input_f32_257_%s.npy", name);
    assert_true(npy_read(&input, shared_path("golden/tflite/%s", file)));
    snprintf(file, sizeof file, "f257_%s_logits33_xnn.npy", name);
    assert_true(npy_read(&golden, shared_path("golden/tflite/%s", file)));
    denormalise(&input, &image);
    const job j = {shared_path("models/deeplabv3_257_mv_gpu.tflite"), 8, 257, level, &image};
    run_twice(&j, &out);
    double error = check_logits(&out, &golden, 1e-3, file);
    print_message("%s, %s: logits within %.2g of LiteRT\n", name, mseg_cpu_level_name(level), error);
    outcome_free(&out);
    mseg_image_free(&image);
    free(input.data);
    free(golden.data);
}

static void test_litert_257(void **state)
{
    (void)state;
    need_shared(shared_path("golden/tflite/f257_2011_000003_logits33_xnn.npy"), what_is);
    need_shared(shared_path("models/deeplabv3_257_mv_gpu.tflite"), what_is);
    for (mseg_cpu_level level = SLOW ? best_level() : MSEG_CPU_SCALAR; level <= best_level(); level++) {
        check_litert("2011_000003", level);
        check_litert("2011_000025", level);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LEVELS(LEVEL_TEST) cmocka_unit_test(test_litert_257),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
