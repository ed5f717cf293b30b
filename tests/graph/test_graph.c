#include <float.h>
#include <math.h>

#include "graph/cases.h"
#include "graph/stage.h"

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
    FILE *file = fopen(MSEG_TESTS_DIR "/graph/goldens/values.f32", "rb");
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
        seen->streamed += step->first_op != step->last_op;
        for (int p = 0; p < step->n_passes; p++)
            for (int s = 0; s < step->passes[p].n_stages; s++) {
                const mseg_stage *stage = &step->passes[p].stages[s];
                seen->groups += stage->k0 > 0;
                seen->row_classes += stage->rate_x > 1 && stage->rate_y == 1;
                seen->several_rows += stage->rows > 1;
            }
    }
}

static void check_values(const graph_case *c, const float *out, const float *golden, const char *how)
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
static void check_threads(const fixture *f, const graph_case *c, const mseg_graph *graph, size_t cache, bool unfused, paths *seen)
{
    size_t bytes = (size_t)c->out_width * (size_t)c->out_height * (size_t)c->out_channels * sizeof(float);
    float *first = malloc(bytes);
    mseg_picture picture = case_picture(c->picture_width, c->picture_height, c->seed);
    mseg_picture other = case_picture(c->width, c->height, c->seed + 1);
    assert_non_null(first);
    for (int threads = 1; threads <= MAX_THREADS; threads++) {
        char how[96];
        int width, height, channels;
        mseg_plan *plan = case_plan(c, graph, threads, cache);
        snprintf(how, sizeof how, "%s, %s, %zu bytes of cache, %d threads", graph->kernels->gemm.name,
                 unfused ? "unfused" : "fused", cache, threads);
        mseg_plan_output_size(plan, &width, &height, &channels);
        assert_true(width == c->out_width && height == c->out_height && channels == c->out_channels);
        memset(plan->arena, 0xFF, mseg_plan_arena_bytes(plan));
        const float *out = mseg_plan_run(plan, &picture, f->pools[threads]);
        check_values(c, out, f->golden + c->first, how);
        if (threads == 1)
            memcpy(first, out, bytes);
        else if (memcmp(first, out, bytes))
            fail_msg("%s, %s: not the bits of one thread", c->name, how);
        mseg_plan_run(plan, &other, f->pools[threads]);
        out = mseg_plan_run(plan, &picture, f->pools[threads]);
        if (memcmp(first, out, bytes))
            fail_msg("%s, %s: another picture leaks into the next run", c->name, how);
        note_paths(plan, seen);
        mseg_plan_close(&plan);
    }
    case_picture_free(&picture);
    case_picture_free(&other);
    free(first);
}

static void check_case(const fixture *f, const graph_case *c, mseg_cpu_level level, paths *seen)
{
    for (int unfused = 0; unfused < 2; unfused++) {
        mseg_graph *graph = case_graph(c, mseg_kernels_for(level), unfused);
        for (int i = 0; i<CASE_CACHES; i += c->n_ops> 10 ? 2 : 1)
            check_threads(f, c, graph, case_caches[i], unfused, seen);
        mseg_graph_close(&graph);
    }
}

static void check_level(fixture *f, mseg_cpu_level level)
{
    graph_case c;
    paths seen = {0};
    int cases = 0;
    if (level > mseg_cpu_detect().level) {
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

/* The canvas that case_picture lies on, normalised in double, right to left when mirrored. */
static float *canvas_of(const mseg_picture *picture, int width, int height, bool mirrored)
{
    float *canvas = calloc((size_t)width * (size_t)height * 3, sizeof *canvas);
    assert_non_null(canvas);
    for (int y = 0; y < height && y < picture->height; y++)
        for (int x = 0; x < width && x < picture->width; x++)
            for (int c = 0; c < 3; c++) {
                int to = mirrored ? width - 1 - x : x;
                canvas[(y * width + to) * 3 + c] =
                    (float)(picture->data[(size_t)y * picture->stride + (size_t)(x * 3 + c)] * 2.0 / 255 - 1);
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
    const graph_case c = {
        .name = "picture",
        .width = WIDTH,
        .height = HEIGHT,
        .n_ops = 1,
        .output = 1,
        .ops = {
            {.kind = CASE_CONV, .n_in = 1, .add = -1, .kernel = 3, .stride = 2, .rate = 1, .channels = 3, .out = 5, .seed = 3}}};
    for (mseg_cpu_level level = MSEG_CPU_SCALAR; level <= mseg_cpu_detect().level; level++) {
        mseg_graph *graph = case_graph(&c, mseg_kernels_for(level), false);
        mseg_plan *plan = case_plan(&c, graph, 1, 1 << 20);
        for (int mirrored = 0; mirrored < 2; mirrored++) {
            mseg_picture bytes = case_picture(WIDTH - 4, HEIGHT - 2, 5);
            float *straight = canvas_of(&bytes, WIDTH, HEIGHT, false), *seen = canvas_of(&bytes, WIDTH, HEIGHT, mirrored);
            float expected[7 * 5 * 5];
            memcpy(expected, mseg_plan_run(plan, &(mseg_picture){.normalised = seen}, NULL), sizeof expected);
            bytes.mirrored = mirrored;
            check_near(mseg_plan_run(plan, &bytes, NULL), expected, 7 * 5 * 5);
            const mseg_picture floats = {.normalised = straight, .mirrored = mirrored};
            assert_memory_equal(mseg_plan_run(plan, &floats, NULL), expected, sizeof expected);
            case_picture_free(&bytes);
            free(straight);
            free(seen);
        }
        mseg_plan_close(&plan);
        mseg_graph_close(&graph);
    }
}

typedef struct direct {
    int side, kernel, stride, pad, out;
    const float *picture, *weights;
} direct;

/* Channel j at (y, x) of a convolution of a picture; *size: the sum of its terms' magnitudes. */
static double direct_sum(const direct *d, int y, int x, int j, double *size)
{
    double sum = *size = 0;
    for (int ky = 0; ky < d->kernel; ky++)
        for (int kx = 0; kx < d->kernel; kx++)
            for (int c = 0; c < 3; c++) {
                const int iy = y * d->stride - d->pad + ky, ix = x * d->stride - d->pad + kx;
                if (iy < 0 || ix < 0 || iy >= d->side || ix >= d->side)
                    continue;
                double term = (double)d->picture[(iy * d->side + ix) * 3 + c] *
                              (double)d->weights[((j * d->kernel + ky) * d->kernel + kx) * 3 + c];
                sum += term;
                *size += fabs(term);
            }
    return sum;
}

static mseg_graph *open_graph(mseg_cpu_level level, mseg_value *picture)
{
    mseg_graph *graph;
    assert_int_equal(mseg_graph_open(&graph, mseg_kernels_for(level), MSEG_PAD_SAME_TF, false), MSEG_OK);
    assert_int_equal(mseg_graph_input(graph, picture), MSEG_OK);
    return graph;
}

static void fill(float *values, int count, uint64_t seed, float magnitude)
{
    for (int i = 0; i < count; i++)
        values[i] = magnitude * random_value(seed, (uint64_t)i);
}

/* First convolutions of every kernel size at the picture's borders, after another picture has been in the same memory. */
static void test_stems(void **state)
{
    (void)state;
    enum { SIDE = 13, OUT = 33 };
    float pictures[2][SIDE * SIDE * 3], weights[OUT * 7 * 7 * 3];
    fill(pictures[0], SIDE * SIDE * 3, 1, 50);
    fill(pictures[1], SIDE * SIDE * 3, 2, 1);
    fill(weights, OUT * 7 * 7 * 3, 3, 1);
    for (mseg_cpu_level level = MSEG_CPU_SCALAR; level <= mseg_cpu_detect().level; level++)
        for (int kernel = 1; kernel <= 7; kernel += 2)
            for (int stride = 1; stride <= 2; stride++) {
                mseg_value value;
                mseg_graph *graph = open_graph(level, &value);
                const mseg_conv conv = {.name = "stem",
                                        .inputs = {value},
                                        .n_inputs = 1,
                                        .add = -1,
                                        .kernel = kernel,
                                        .stride = stride,
                                        .rate = 1,
                                        .out_channels = OUT,
                                        .symmetric = true,
                                        .filter = {.weight = weights}};
                assert_int_equal(mseg_graph_conv(graph, &conv, &value), MSEG_OK);
                mseg_graph_output(graph, value);
                const graph_case c = {.name = "stems", .width = SIDE, .height = SIDE};
                mseg_plan *plan = case_plan(&c, graph, 1, 1 << 20);
                const float *out = NULL;
                for (int i = 0; i < 2; i++)
                    out = mseg_plan_run(plan, &(mseg_picture){.normalised = pictures[i]}, NULL);
                const direct d = {SIDE, kernel, stride, (kernel - 1) / 2, OUT, pictures[1], weights};
                const int side = (SIDE + stride - 1) / stride;
                for (int i = 0; i < side * side * OUT; i++) {
                    double size, sum = direct_sum(&d, i / OUT / side, i / OUT % side, i % OUT, &size);
                    if (!(fabs((double)out[i] - sum) <= 150 * (double)FLT_EPSILON * size))
                        fail_msg("%s, %dx%d, stride %d: value %d is %g, not %g", mseg_cpu_level_name(level), kernel, kernel,
                                 stride, i, (double)out[i], sum);
                }
                mseg_plan_close(&plan);
                mseg_graph_close(&graph);
            }
}

/* Two maps read as one, the first of which a depthwise convolution wants in whole vectors; that one adds nothing. */
static void test_concatenation_of_unlike_maps(void **state)
{
    (void)state;
    enum { SIDE = 5, CHANNELS = 12 };
    static const float zeros[CHANNELS * CHANNELS];
    float picture[SIDE * SIDE * 3], first[CHANNELS * 3], second[CHANNELS * 3], weights[CHANNELS * 2 * CHANNELS];
    fill(picture, SIDE * SIDE * 3, 1, 1);
    fill(first, CHANNELS * 3, 2, 1);
    fill(second, CHANNELS * 3, 3, 1);
    fill(weights, CHANNELS * 2 * CHANNELS, 4, 1);
    for (mseg_cpu_level level = MSEG_CPU_SCALAR; level <= mseg_cpu_detect().level; level++) {
        mseg_value input, maps[2], nothing, value;
        mseg_graph *graph = open_graph(level, &input);
        mseg_conv conv = {.name = "first", .inputs = {input}, .n_inputs = 1, .add = -1, .kernel = 1, .stride = 1, .rate = 1};
        conv.out_channels = CHANNELS;
        conv.filter.weight = first;
        assert_int_equal(mseg_graph_conv(graph, &conv, &maps[0]), MSEG_OK);
        conv.filter.weight = second;
        assert_int_equal(mseg_graph_conv(graph, &conv, &maps[1]), MSEG_OK);
        const mseg_inverted_residual block = {.name = "nothing",
                                              .input = maps[0],
                                              .expanded = CHANNELS,
                                              .stride = 1,
                                              .rate = 1,
                                              .out_channels = CHANNELS,
                                              .depthwise = {.weight = zeros},
                                              .project = {.weight = zeros}};
        assert_int_equal(mseg_graph_inverted_residual(graph, &block, &nothing), MSEG_OK);
        conv = (mseg_conv){.name = "both", .inputs = {maps[0], maps[1]}, .n_inputs = 2, .add = nothing, .kernel = 1, .stride = 1};
        conv.rate = 1;
        conv.out_channels = CHANNELS;
        conv.filter.weight = weights;
        assert_int_equal(mseg_graph_conv(graph, &conv, &value), MSEG_OK);
        mseg_graph_output(graph, value);
        const graph_case c = {.name = "concatenation", .width = SIDE, .height = SIDE};
        mseg_plan *plan = case_plan(&c, graph, 1, 1 << 20);
        const float *out = mseg_plan_run(plan, &(mseg_picture){.normalised = picture}, NULL);
        const direct d[2] = {{SIDE, 1, 1, 0, CHANNELS, picture, first}, {SIDE, 1, 1, 0, CHANNELS, picture, second}};
        for (int i = 0; i < SIDE * SIDE * CHANNELS; i++) {
            double sum = 0, unused;
            for (int k = 0; k < 2 * CHANNELS; k++)
                sum += direct_sum(&d[k / CHANNELS], i / CHANNELS / SIDE, i / CHANNELS % SIDE, k % CHANNELS, &unused) *
                       (double)weights[i % CHANNELS * 2 * CHANNELS + k];
            if (!(fabs((double)out[i] - sum) <= 1e-5))
                fail_msg("%s: value %d is %g, not %g", mseg_cpu_level_name(level), i, (double)out[i], sum);
        }
        mseg_plan_close(&plan);
        mseg_graph_close(&graph);
    }
}

enum { FOLD_SIDE = 23, FOLD_EXPANDED = 56, FOLD_MIDDLE = 38, FOLD_OUT = 24 };

/* A head like DeepLabv3's behind a linear block; layers 2 and *conv may be one. */
static mseg_graph *fold_graph(mseg_cpu_level level, bool unfused, int rate, bool pool_last, mseg_value *conv)
{
    static float weights[FOLD_EXPANDED * FOLD_MIDDLE + FOLD_MIDDLE * FOLD_OUT], bias[FOLD_EXPANDED];
    fill(weights, sizeof weights / sizeof *weights, 5, 1);
    fill(bias, FOLD_EXPANDED, 6, 1);
    mseg_value value, branches[2], pooled;
    mseg_graph *graph;
    assert_int_equal(mseg_graph_open(&graph, mseg_kernels_for(level), MSEG_PAD_SAME_TF, unfused), MSEG_OK);
    assert_int_equal(mseg_graph_input(graph, &value), MSEG_OK);
    mseg_conv shape = {.name = "conv", .inputs = {value}, .n_inputs = 1, .add = -1, .kernel = 3, .stride = 1, .rate = 1};
    shape.out_channels = 16;
    shape.activation = MSEG_RELU6;
    shape.filter = (mseg_filter){weights, bias};
    assert_int_equal(mseg_graph_conv(graph, &shape, &value), MSEG_OK);
    const mseg_inverted_residual block = {.name = "block",
                                          .input = value,
                                          .expanded = FOLD_EXPANDED,
                                          .stride = 1,
                                          .rate = rate,
                                          .out_channels = FOLD_MIDDLE,
                                          .depthwise_activation = MSEG_RELU6,
                                          .expand = {weights, bias},
                                          .depthwise = {weights, bias},
                                          .project = {weights, bias}};
    assert_int_equal(mseg_graph_inverted_residual(graph, &block, &value), MSEG_OK);
    shape = (mseg_conv){.name = "branch", .inputs = {value}, .n_inputs = 1, .add = -1, .kernel = 1, .stride = 1, .rate = 1};
    shape.out_channels = FOLD_OUT;
    shape.activation = MSEG_RELU;
    shape.filter = (mseg_filter){weights, bias};
    if (pool_last)
        assert_int_equal(mseg_graph_conv(graph, &shape, conv), MSEG_OK);
    assert_int_equal(mseg_graph_global_pool(graph, "pool", value, &pooled), MSEG_OK);
    if (!pool_last)
        assert_int_equal(mseg_graph_conv(graph, &shape, conv), MSEG_OK);
    branches[0] = *conv;
    shape.inputs[0] = pooled;
    assert_int_equal(mseg_graph_conv(graph, &shape, &branches[1]), MSEG_OK);
    shape.name = "both";
    shape.inputs[0] = branches[0];
    shape.inputs[1] = branches[1];
    shape.n_inputs = 2;
    shape.activation = MSEG_LINEAR;
    assert_int_equal(mseg_graph_conv(graph, &shape, &value), MSEG_OK);
    mseg_graph_output(graph, value);
    return graph;
}

/* A projection and the convolution behind it as one, against whole layers one by one; bit for bit with any number of threads. */
static void test_folding(void **state)
{
    (void)state;
    enum { COUNT = FOLD_SIDE * FOLD_SIDE * FOLD_OUT };
    static float expected[COUNT], once[COUNT];
    const graph_case c = {.name = "folding", .width = FOLD_SIDE, .height = FOLD_SIDE};
    const mseg_picture picture = case_picture(FOLD_SIDE, FOLD_SIDE, 9);
    for (mseg_cpu_level level = MSEG_CPU_SCALAR; level <= mseg_cpu_detect().level; level++)
        for (int variant = 0; variant < 2 * 3 * 2; variant++) {
            const int rate = 1 + variant / 2 % 3;
            const size_t cache = variant / 6 ? 1 << 20 : 1 << 10; /* which splits the block, so that it cannot be one */
            mseg_value conv;
            mseg_graph *graph = fold_graph(level, true, rate, variant % 2, &conv);
            mseg_plan *plan = case_plan(&c, graph, 1, cache);
            assert_true(mseg_plan_layer_at(plan, 2).step != mseg_plan_layer_at(plan, conv).step);
            memcpy(expected, mseg_plan_run(plan, &picture, NULL), sizeof expected);
            mseg_plan_close(&plan);
            mseg_graph_close(&graph);
            graph = fold_graph(level, false, rate, variant % 2, &conv);
            for (int threads = 1; threads <= MAX_THREADS; threads++) {
                mseg_pool *pool;
                assert_int_equal(mseg_pool_open(&pool, threads), MSEG_OK);
                plan = case_plan(&c, graph, threads, cache);
                assert_true((mseg_plan_layer_at(plan, 2).step == mseg_plan_layer_at(plan, conv).step) == (cache == 1 << 20));
                const float *out = mseg_plan_run(plan, &picture, pool);
                double largest = 0;
                for (int i = 0; i < COUNT; i++)
                    largest = fmax(largest, fabs((double)expected[i]));
                for (int i = 0; i < COUNT; i++)
                    if (!(fabs((double)out[i] - (double)expected[i]) <= 3e-6 * largest))
                        fail_msg("%s, variant %d: value %d is %g, not %g", mseg_cpu_level_name(level), variant, i, (double)out[i],
                                 (double)expected[i]);
                if (threads == 1)
                    memcpy(once, out, sizeof once);
                assert_memory_equal(out, once, sizeof once);
                mseg_plan_close(&plan);
                mseg_pool_close(&pool);
            }
            mseg_graph_close(&graph);
        }
    mseg_picture used = picture;
    case_picture_free(&used);
}

enum { MAGNITUDES_SIDE = 5, MAGNITUDES_CHANNELS = 48, NO_WEIGHTS = 5 };

/* out: first a 1x1 convolution of the picture, then one of that, whose channel NO_WEIGHTS has a bias only. */
static void check_magnitude(const float *out, const float *picture, const float *first, const float *second, const char *what)
{
    const direct d = {MAGNITUDES_SIDE, 1, 1, 0, MAGNITUDES_CHANNELS, picture, first};
    for (int p = 0; p < MAGNITUDES_SIDE * MAGNITUDES_SIDE; p++)
        for (int j = 0; j < MAGNITUDES_CHANNELS; j++) {
            double sum = j == NO_WEIGHTS, size = sum, unused;
            for (int k = 0; k < MAGNITUDES_CHANNELS; k++) {
                double term = direct_sum(&d, p / MAGNITUDES_SIDE, p % MAGNITUDES_SIDE, k, &unused) *
                              (double)second[j * MAGNITUDES_CHANNELS + k];
                sum += term;
                size += fabs(term);
            }
            double value = (double)out[p * MAGNITUDES_CHANNELS + j];
            if (!(fabs(value - sum) <= 2 * MAGNITUDES_CHANNELS * (double)FLT_EPSILON * size))
                fail_msg("%s: pixel %d, channel %d is %g, not %g", what, p, j, value, sum);
            if (j == NO_WEIGHTS)
                assert_true(value == 1);
        }
}

/* A 1x1 convolution of maps that are small or large all over is as exact as of any other, whatever its kernel's arithmetic. */
static void test_magnitudes(void **state)
{
    (void)state;
    static const float magnitudes[] = {1e-6f, 1e-3f, 1, 10, 1e3f, 1e6f};
    float picture[MAGNITUDES_SIDE * MAGNITUDES_SIDE * 3], first[MAGNITUDES_CHANNELS * 3];
    float second[MAGNITUDES_CHANNELS * MAGNITUDES_CHANNELS], bias[MAGNITUDES_CHANNELS] = {[NO_WEIGHTS] = 1};
    fill(picture, MAGNITUDES_SIDE * MAGNITUDES_SIDE * 3, 1, 1);
    fill(second, MAGNITUDES_CHANNELS * MAGNITUDES_CHANNELS, 3, 1);
    memset(second + NO_WEIGHTS * MAGNITUDES_CHANNELS, 0, MAGNITUDES_CHANNELS * sizeof *second);
    for (mseg_cpu_level level = MSEG_CPU_SCALAR; level <= mseg_cpu_detect().level; level++)
        for (size_t m = 0; m < sizeof magnitudes / sizeof *magnitudes; m++) {
            char what[64];
            mseg_value value;
            mseg_graph *graph = open_graph(level, &value);
            snprintf(what, sizeof what, "%s, magnitude %g", mseg_cpu_level_name(level), (double)magnitudes[m]);
            fill(first, MAGNITUDES_CHANNELS * 3, 2, magnitudes[m]);
            mseg_conv conv = {.name = "first", .inputs = {value}, .n_inputs = 1, .add = -1, .kernel = 1, .stride = 1, .rate = 1};
            conv.out_channels = MAGNITUDES_CHANNELS;
            conv.filter = (mseg_filter){.weight = first};
            assert_int_equal(mseg_graph_conv(graph, &conv, &value), MSEG_OK);
            conv.name = "second";
            conv.inputs[0] = value;
            conv.filter = (mseg_filter){.weight = second, .bias = bias};
            assert_int_equal(mseg_graph_conv(graph, &conv, &value), MSEG_OK);
            mseg_graph_output(graph, value);
            const graph_case c = {.name = "magnitudes", .width = MAGNITUDES_SIDE, .height = MAGNITUDES_SIDE};
            mseg_plan *plan = case_plan(&c, graph, 1, 1 << 20);
            check_magnitude(mseg_plan_run(plan, &(mseg_picture){.normalised = picture}, NULL), picture, first, second, what);
            mseg_plan_close(&plan);
            mseg_graph_close(&graph);
        }
}

static void test_scalar(void **state)
{
    check_level(*state, MSEG_CPU_SCALAR);
}

static void test_avx2(void **state)
{
    check_level(*state, MSEG_CPU_AVX2);
}

static void test_avx512(void **state)
{
    check_level(*state, MSEG_CPU_AVX512);
}

static void test_zen4(void **state)
{
    check_level(*state, MSEG_CPU_ZEN4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pictures),   cmocka_unit_test(test_stems),
        cmocka_unit_test(test_folding),    cmocka_unit_test(test_concatenation_of_unlike_maps),
        cmocka_unit_test(test_magnitudes), cmocka_unit_test(test_scalar),
        cmocka_unit_test(test_avx2),       cmocka_unit_test(test_avx512),
        cmocka_unit_test(test_zen4),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
