#include <float.h>
#include <math.h>

#include "plan/cases.h"

#include "kernels/levels.h"
#include "plan/stages/f32.h"

/* Every network of goldens/ against PyTorch's float64, with every kernel set, fused and unfused, for several cache sizes and one
 * to three threads. Arenas are full of NaN and of another picture's maps before. */

enum { MAX_THREADS = 3 };

typedef struct fixture {
    float *golden;
    mseg_pool *pools[MAX_THREADS + 1];
} fixture;

/* What the plans made use of. */
typedef struct paths {
    int groups, row_classes, streamed, several_rows;
} paths;

static int setup(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    FILE *file = fopen(MSEG_TESTS_DIR "/plan/goldens/values.f32", "rb");
    long size;
    if (!f || !file || fseek(file, 0, SEEK_END) || (size = ftell(file)) <= 0 || fseek(file, 0, SEEK_SET))
        return -1;
    f->golden = malloc((size_t)size);
    if (!f->golden || fread(f->golden, 1, (size_t)size, file) != (size_t)size)
        return -1;
    fclose(file);
    for (int threads = 2; threads <= MAX_THREADS; threads++)
        if (mseg_pool_open(&f->pools[threads], threads))
            return -1;
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fixture *f = *state;
    for (int threads = 0; threads <= MAX_THREADS; threads++)
        mseg_pool_close(&f->pools[threads]);
    free(f->golden);
    free(f);
    return 0;
}

static void note_paths(const mseg_plan *plan, paths *seen)
{
    for (int i = 0; i < plan->n_steps; i++) {
        const mseg_step *step = &plan->steps[i];
        for (int p = 0; p < step->n_passes; p++) {
            int depthwise = 0;
            for (int s = 0; s < step->passes[p].n_stages; s++) {
                const mseg_stage *stage = &step->passes[p].stages[s];
                const bool is_depthwise = stage->run == mseg_stage_f32_depthwise;
                depthwise += is_depthwise;
                seen->groups += is_depthwise && ((const mseg_f32_depthwise *)stage->work)->first > 0;
                seen->row_classes += stage->window.rate_x > 1 && stage->window.rate_y == 1;
                seen->several_rows += stage->rows > 1;
            }
            seen->streamed += depthwise > 1;
        }
    }
}

static void check_values(const net_case *c, const float *out, const float *golden, const char *how)
{
    size_t count = (size_t)c->out_width * (size_t)c->out_height * (size_t)c->out_channels;
    for (size_t i = 0; i * (size_t)c->step < count; i++) {
        size_t at = i * (size_t)c->step, pixel = at / (size_t)c->out_channels;
        double error = fabs((double)out[at] - (double)golden[i]);
        if (!(error <= c->tolerance))
            fail_msg("%s, %s: value (%zu, %zu, %zu) is %g, not %g (tolerance %g)", c->name, how, pixel % (size_t)c->out_width,
                     pixel / (size_t)c->out_width, at % (size_t)c->out_channels, (double)out[at], (double)golden[i],
                     c->tolerance);
    }
}

/* Runs a plan for each number of threads; all must give the same bits. */
static void check_threads(const fixture *f, const net_case *c, const mseg_packed_net *net, size_t cache, bool unfused,
                          paths *seen)
{
    size_t bytes = (size_t)c->out_width * (size_t)c->out_height * (size_t)c->out_channels * sizeof(float);
    float *first = malloc(bytes);
    mseg_picture picture = case_picture(c->picture_width, c->picture_height, c->seed);
    mseg_picture other = case_picture(c->width, c->height, c->seed + 1);
    assert_non_null(first);
    for (int threads = 1; threads <= MAX_THREADS; threads++) {
        char how[96];
        mseg_plan *plan = case_plan(c, net, threads, cache);
        snprintf(how, sizeof how, "%s, %s, %zu bytes of cache, %d threads", net->kernels->gemm.name,
                 unfused ? "unfused" : "fused", cache, threads);
        const mseg_map map = mseg_plan_output(plan, 0);
        assert_true(map.width == c->out_width && map.height == c->out_height && map.channels == c->out_channels);
        memset(plan->arena, 0xFF, mseg_plan_arena_bytes(plan));
        const float *out = test_run(plan, &picture, f->pools[threads]);
        check_values(c, out, f->golden + c->first, how);
        if (threads == 1)
            memcpy(first, out, bytes);
        else if (memcmp(first, out, bytes))
            fail_msg("%s, %s: not the bits of one thread", c->name, how);
        test_run(plan, &other, f->pools[threads]);
        out = test_run(plan, &picture, f->pools[threads]);
        if (memcmp(first, out, bytes))
            fail_msg("%s, %s: another picture leaks into the next run", c->name, how);
        note_paths(plan, seen);
        mseg_plan_close(&plan);
    }
    case_picture_free(&picture);
    case_picture_free(&other);
    free(first);
}

static void check_case(const fixture *f, const net_case *c, mseg_cpu_level level, paths *seen)
{
    for (int unfused = 0; unfused < 2; unfused++) {
        mseg_packed_net *net = case_net(c, level_kernels(level), unfused);
        for (int i = 0; i<CASE_CACHES; i += c->n_ops> 10 ? 2 : 1)
            check_threads(f, c, net, case_caches[i], unfused, seen);
        mseg_packed_net_close(&net);
    }
}

static void check_level(fixture *f, mseg_cpu_level level)
{
    net_case c;
    paths seen = {0};
    int cases = 0;
    if (level > best_level()) {
        print_message("SKIP: this machine has no %s\n", mseg_cpu_level_name(level));
        skip();
    }
    FILE *file = cases_open();
    while (cases_next(file, &c))
        if (c.step) {
            check_case(f, &c, level, &seen);
            cases++;
        }
    fclose(file);
    assert_true(cases > 150);
    assert_true(seen.groups > 0 && seen.row_classes > 0 && seen.streamed > 0 && seen.several_rows > 0);
}

/* ---- how a picture is given ---- */

/* The canvas that a picture lies on, by the input rule in double, right to left when mirrored. */
static float *canvas_of(const mseg_picture *picture, const mseg_input *input, int width, int height, bool mirrored)
{
    float *canvas = calloc((size_t)width * (size_t)height * 3, sizeof *canvas);
    assert_non_null(canvas);
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++)
            for (int c = 0; c < 3; c++) {
                const bool inside = y < picture->height && x < picture->width;
                const double byte = inside ? picture->data[(size_t)y * picture->stride + (size_t)(x * 3 + c)] : 0;
                canvas[(y * width + (mirrored ? width - 1 - x : x)) * 3 + c] =
                    inside ? (float)(byte * (double)input->scale[c] + (double)input->offset[c]) : input->pad[c];
            }
    return canvas;
}

static void check_near(const float *a, const float *b, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!(fabs((double)a[i] - (double)b[i]) <= 1e-5))
            fail_msg("value %zu is %g, not %g", i, (double)a[i], (double)b[i]);
}

/* Bytes or normalised values, mirrored or not: the first convolution alone must see the same canvas. */
static void test_pictures(void **state)
{
    (void)state;
    enum { WIDTH = 13, HEIGHT = 9 };
    static const mseg_input other = {.scale = {0.01f, 0.004f, 0.0075f}, .offset = {-1, 0.5f, -2}, .pad = {0.25f, -0.75f, 1}};
    const net_case c = {
        .name = "picture",
        .width = WIDTH,
        .height = HEIGHT,
        .n_ops = 1,
        .output = 1,
        .ops = {
            {.kind = CASE_CONV, .n_in = 1, .add = -1, .kernel = 3, .stride = 2, .rate = 1, .channels = 3, .out = 5, .seed = 3}}};
    for (mseg_cpu_level level = MSEG_CPU_SCALAR; level <= best_level(); level++) {
        mseg_packed_net *net = case_net(&c, level_kernels(level), false);
        for (int variant = 0; variant < 4; variant++) {
            const bool mirrored = variant % 2;
            net->run.input = variant / 2 ? other : mseg_input_deeplab;
            mseg_plan *plan = case_plan(&c, net, 1, 1 << 20);
            mseg_picture bytes = case_picture(WIDTH - 4, HEIGHT - 2, 5);
            const mseg_input *input = &net->run.input;
            float *straight = canvas_of(&bytes, input, WIDTH, HEIGHT, false);
            float *seen = canvas_of(&bytes, input, WIDTH, HEIGHT, mirrored);
            float expected[7 * 5 * 5];
            memcpy(expected, test_run(plan, &(mseg_picture){.normalised = seen}, NULL), sizeof expected);
            bytes.mirrored = mirrored;
            check_near(test_run(plan, &bytes, NULL), expected, 7 * 5 * 5);
            const mseg_picture floats = {.normalised = straight, .mirrored = mirrored};
            assert_memory_equal(test_run(plan, &floats, NULL), expected, sizeof expected);
            case_picture_free(&bytes);
            free(straight);
            free(seen);
            mseg_plan_close(&plan);
        }
        mseg_packed_net_close(&net);
    }
}

LEVELS(DEFINE_LEVEL_TEST)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LEVELS(LEVEL_TEST) cmocka_unit_test(test_pictures),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
