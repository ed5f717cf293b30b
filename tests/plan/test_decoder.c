#include <math.h>

#include "plan/cases.h"
#include "plan/stage.h"

#include "kernels/levels.h"
#include "plan/stages/f32.h"

/* Maps joined at one size, and a decoder of them, against sums in double of the maps that they read: every kernel set and
 * sampling, fused and not, for several cache sizes and threads. */

enum { MAX_THREADS = 3, SAMPLINGS = 3 };
static const mseg_sampling samplings[SAMPLINGS] = {MSEG_ALIGN_CORNERS, MSEG_HALF_PIXEL, MSEG_LEGACY};

enum { FINE = 12, COARSE = 21, LOW = 10, JOINED = COARSE + LOW, DEPTH = 18, CLASSES = 5 };

/* By a layer's index: weights, at most so many, and biases. */
enum { CONVS = 8, MOST = 27 * JOINED * JOINED };
static float weights[CONVS][MOST], biases[CONVS][JOINED];

static void fill_weights(void)
{
    for (uint64_t layer = 0; layer < CONVS; layer++) {
        for (uint64_t i = 0; i < MOST; i++)
            weights[layer][i] = random_value(2 * layer, i) / 4;
        for (uint64_t i = 0; i < JOINED; i++)
            biases[layer][i] = random_value(2 * layer + 1, i);
    }
}

static test_filter filter(int layer)
{
    return (test_filter){weights[layer], biases[layer]};
}

static mseg_value add(test_net *t, const char *name, int layer, mseg_net_layer shape)
{
    mseg_value out;
    shape.n_in = 1;
    assert_int_equal(test_layer(t, name, shape, filter(layer), &out), MSEG_OK);
    return out;
}

static mseg_value join(test_net *t, const mseg_value *inputs, int n)
{
    mseg_value out;
    mseg_net_layer layer = {.kind = MSEG_JOIN, .name = "join", .n_in = n, .add = -1, .kernel = 1, .stride = 1, .rate = 1};
    for (int i = 0; i < n; i++) {
        layer.in[i] = inputs[i];
        layer.channels += t->net.layers[inputs[i]].channels;
    }
    assert_int_equal(mseg_net_add(&t->net, &layer, &out), MSEG_OK);
    return out;
}

/* A fine map and a coarse one, at strides 1 and 3. */
static void maps(test_net *t, mseg_sampling sampling, mseg_value *fine, mseg_value *coarse)
{
    mseg_value picture;
    test_net_open(t, MSEG_SAME, &picture);
    t->net.input.sampling = sampling;
    *fine = add(t, "fine", 0,
                (mseg_net_layer){.kind = MSEG_CONV, .in = {picture}, .kernel = 3, .channels = FINE, .activation = MSEG_RELU6});
    *coarse =
        add(t, "coarse", 1, (mseg_net_layer){.kind = MSEG_CONV, .in = {*fine}, .kernel = 3, .stride = 3, .channels = COARSE});
}

static mseg_value separable(test_net *t, const char *name, int layer, mseg_value in)
{
    char part[MSEG_MAX_LAYER_NAME];
    const int channels = t->net.layers[in].channels;
    snprintf(part, sizeof part, "%s.depthwise", name);
    const mseg_net_layer depthwise = {
        .kind = MSEG_DEPTHWISE, .in = {in}, .kernel = 3, .channels = channels, .activation = MSEG_RELU};
    const mseg_value half = add(t, part, layer, depthwise);
    const mseg_net_layer pointwise = {.kind = MSEG_CONV, .in = {half}, .kernel = 1, .channels = DEPTH, .activation = MSEG_RELU};
    return add(t, name, layer + 1, pointwise);
}

/* ---- in double ---- */

typedef struct plane {
    int width, height, channels;
    double *data;
} plane;

static plane plane_of(int width, int height, int channels)
{
    plane p = {width, height, channels, calloc((size_t)(width * height * channels), sizeof *p.data)};
    assert_non_null(p.data);
    return p;
}

static double *point(const plane *p, int x, int y)
{
    return p->data + (size_t)(y * p->width + x) * (size_t)p->channels;
}

static plane plane_from(const mseg_map *map)
{
    plane p = plane_of(map->width, map->height, map->channels);
    for (int y = 0; y < p.height; y++)
        for (int x = 0; x < p.width; x++)
            for (int c = 0; c < p.channels; c++)
                point(&p, x, y)[c] = (double)map->data[(size_t)y * map->row + (size_t)x * map->pixel + (size_t)c];
    return p;
}

/* SAME, stride 1, ReLU where asked for. kernel 3 and depthwise, or kernel 1 to out channels; frees what it reads. */
static plane convolved(plane in, int layer, int kernel, int out, bool relu)
{
    const bool depthwise = kernel == 3;
    plane to = plane_of(in.width, in.height, out);
    for (int y = 0; y < to.height; y++)
        for (int x = 0; x < to.width; x++)
            for (int j = 0; j < out; j++) {
                double sum = (double)biases[layer][j];
                for (int tap = 0; tap < kernel * kernel; tap++) {
                    const int ix = x + tap % kernel - kernel / 2, iy = y + tap / kernel - kernel / 2;
                    if (ix < 0 || iy < 0 || ix >= in.width || iy >= in.height)
                        continue;
                    const double *from = point(&in, ix, iy);
                    for (int c = 0; c < (depthwise ? 1 : in.channels); c++)
                        sum += depthwise ? from[j] * (double)weights[layer][tap * out + j]
                                         : from[c] * (double)weights[layer][j * in.channels + c];
                }
                point(&to, x, y)[j] = relu && sum < 0 ? 0 : sum;
            }
    free(in.data);
    return to;
}

/* TensorFlow's ResizeBilinear: where output x of n lies on an input of k. */
static double source(mseg_sampling sampling, int x, int n, int k)
{
    if (sampling == MSEG_ALIGN_CORNERS)
        return n > 1 ? x * ((k - 1) / (double)(n - 1)) : 0;
    const double scale = k / (double)n;
    return sampling == MSEG_HALF_PIXEL ? fmax((x + 0.5) * scale - 0.5, 0) : x * scale;
}

/* Channels first and on of *to become from, resized. */
static void resize_into(const plane *to, int first, const plane *from, mseg_sampling sampling)
{
    for (int y = 0; y < to->height; y++)
        for (int x = 0; x < to->width; x++)
            for (int c = 0; c < from->channels; c++) {
                const double u = source(sampling, x, to->width, from->width), v = source(sampling, y, to->height, from->height);
                double sum = 0;
                for (int j = (int)v; j <= (int)v + 1; j++)
                    for (int i = (int)u; i <= (int)u + 1; i++)
                        sum += (1 - fabs(u - i)) * (1 - fabs(v - j)) *
                               point(from, i < from->width ? i : from->width - 1, j < from->height ? j : from->height - 1)[c];
                point(to, x, y)[first + c] = sum;
            }
}

/* ---- comparing ---- */

typedef struct setting {
    mseg_sampling sampling;
    mseg_cpu_level level;
    bool unfused;
    size_t cache;
    int width, height;
} setting;

static void assert_near(const mseg_map *map, plane expected, const setting *s, double tolerance)
{
    double largest = 1;
    const plane out = plane_from(map);
    assert_true(out.width == expected.width && out.height == expected.height && out.channels == expected.channels);
    const int count = out.width * out.height * out.channels;
    for (int i = 0; i < count; i++)
        largest = fmax(largest, fabs(expected.data[i]));
    for (int i = 0; i < count; i++)
        if (!(fabs(out.data[i] - expected.data[i]) <= tolerance * largest))
            fail_msg("%s, sampling %d, %s, %zu bytes of cache, %d x %d: value %d is %g, not %g", mseg_cpu_level_name(s->level),
                     s->sampling, s->unfused ? "unfused" : "fused", s->cache, s->width, s->height, i, out.data[i],
                     expected.data[i]);
    free(out.data);
    free(expected.data);
}

static mseg_plan *planned(const mseg_packed_net *net, const setting *s, int threads)
{
    const net_case c = {.name = "decoder", .width = s->width, .height = s->height};
    mseg_plan *plan = case_plan(&c, net, threads, s->cache);
    memset(plan->arena, 0xFF, mseg_plan_arena_bytes(plan));
    return plan;
}

/* Calls check with every setting; the rest of s is check's. */
static void for_settings(void (*check)(setting *))
{
    static const int sizes[][2] = {{19, 19}, {1, 1}, {16, 25}, {31, 2}, {4, 40}, {49, 33}};
    fill_weights();
    for (mseg_cpu_level level = SLOW ? best_level() : MSEG_CPU_SCALAR; level <= best_level(); level++)
        for (int sampling = 0; sampling < SAMPLINGS; sampling++)
            for (size_t size = 0; size < sizeof sizes / sizeof *sizes; size++)
                for (int variant = 0; variant < 3; variant++)
                    check(&(setting){samplings[sampling], level, variant == 2, variant ? 1 << 20 : 1 << 10, sizes[size][0],
                                     sizes[size][1]});
}

/* ---- tests ---- */

/* Its work has room for a row of every input. */
static void check_line(const mseg_plan *plan)
{
    int joins = 0;
    for (int i = 0; i < plan->n_stages; i++) {
        const mseg_stage *stage = &plan->stages[i];
        const mseg_join *work = stage->work;
        for (int k = 0; k < stage->n_in && stage->run == mseg_stage_f32_join; k++, joins++)
            assert_true((size_t)(stage->in[k].width * work->channels[k]) * sizeof(float) <= work->line.row);
    }
    assert_int_equal(joins, 4);
}

/* Two maps in turns; the one with that index, the last, gives the size. */
static void check_join_of(const setting *s, int last)
{
    test_net t;
    mseg_value both[2];
    maps(&t, s->sampling, &both[1], &both[0]);
    const mseg_value other = both[!last], inputs[] = {other, both[last], other, both[last]}, joined = join(&t, inputs, 4);
    assert_int_equal(mseg_net_stride(&t.net, joined), last ? 1 : 3);
    assert_int_equal(mseg_net_output(&t.net, joined), MSEG_OK);
    for (int i = 0; i < 2; i++)
        assert_int_equal(mseg_net_output(&t.net, both[i]), MSEG_OK);
    mseg_packed_net *net = test_net_pack(&t, level_kernels(s->level), s->unfused);
    mseg_plan *plan = planned(net, s, 1);
    mseg_picture picture = case_picture(s->width, s->height, 9);
    check_line(plan);
    mseg_plan_run(plan, &picture, NULL);
    const mseg_map all = mseg_plan_output(plan, 0), read[] = {mseg_plan_output(plan, 1), mseg_plan_output(plan, 2)};
    const plane from[] = {plane_from(&read[0]), plane_from(&read[1])};
    plane expected = plane_of(from[last].width, from[last].height, 2 * COARSE + 2 * FINE);
    for (int i = 0, first = 0; i < 4; i++) {
        const plane *input = &from[i % 2 ? last : !last];
        resize_into(&expected, first, input, s->sampling);
        first += input->channels;
    }
    assert_near(&all, expected, s, 1e-6);
    free(from[0].data);
    free(from[1].data);
    case_picture_free(&picture);
    mseg_plan_close(&plan);
    mseg_packed_net_close(&net);
}

static void check_join(setting *s)
{
    check_join_of(s, 0);
    check_join_of(s, 1);
}

static void test_join(void **state)
{
    (void)state;
    for_settings(check_join);
}

/* DeepLabv3+'s decoder; outputs: the logits, the coarse map and the fine one. */
static mseg_packed_net *decoder_net(const setting *s)
{
    test_net t;
    mseg_value fine, inputs[2];
    maps(&t, s->sampling, &fine, &inputs[0]);
    const mseg_net_layer low = {.kind = MSEG_CONV, .in = {fine}, .kernel = 1, .channels = LOW, .activation = MSEG_RELU};
    inputs[1] = add(&t, "low", 2, low);
    const mseg_value first = separable(&t, "first", 3, join(&t, inputs, 2)), second = separable(&t, "second", 5, first);
    const mseg_net_layer last = {.kind = MSEG_CONV, .in = {second}, .kernel = 1, .channels = CLASSES};
    const mseg_value outputs[] = {add(&t, "last", 7, last), inputs[0], fine};
    for (int i = 0; i < 3; i++)
        assert_int_equal(mseg_net_output(&t.net, outputs[i]), MSEG_OK);
    return test_net_pack(&t, level_kernels(s->level), s->unfused);
}

static plane expected_logits(const mseg_map *coarse, const mseg_map *fine, mseg_sampling sampling)
{
    const plane from = plane_from(coarse), low = convolved(plane_from(fine), 2, 1, LOW, true);
    plane all = plane_of(low.width, low.height, JOINED);
    resize_into(&all, 0, &from, sampling);
    resize_into(&all, COARSE, &low, sampling);
    free(from.data);
    free(low.data);
    all = convolved(convolved(all, 3, 3, JOINED, true), 4, 1, DEPTH, true);
    all = convolved(convolved(all, 5, 3, DEPTH, true), 6, 1, DEPTH, true);
    return convolved(all, 7, 1, CLASSES, false);
}

/* The longest pass that makes a join. */
static int stages_with_join(const mseg_plan *plan)
{
    int most = 0;
    for (int i = 0; i < plan->n_passes; i++) {
        bool joins = false;
        for (int k = 0; k < plan->passes[i].n_stages; k++)
            joins = joins || plan->passes[i].stages[k].run == mseg_stage_f32_join;
        most = joins && plan->passes[i].n_stages > most ? plan->passes[i].n_stages : most;
    }
    return most;
}

static void check_decoder(setting *s)
{
    mseg_packed_net *net = decoder_net(s);
    mseg_picture picture = case_picture(s->width, s->height, 9);
    const size_t bytes = (size_t)(s->width * s->height * CLASSES) * sizeof(float);
    float *one = malloc(bytes);
    assert_non_null(one);
    for (int threads = 1; threads <= MAX_THREADS; threads++) {
        mseg_pool *pool;
        assert_int_equal(mseg_pool_open(&pool, threads), MSEG_OK);
        mseg_plan *plan = planned(net, s, threads);
        mseg_plan_run(plan, &picture, pool);
        const mseg_map logits = mseg_plan_output(plan, 0), coarse = mseg_plan_output(plan, 1), fine = mseg_plan_output(plan, 2);
        if (threads == 1) {
            assert_near(&logits, expected_logits(&coarse, &fine, s->sampling), s, 1e-5);
            memcpy(one, logits.data, bytes);
        }
        assert_memory_equal(logits.data, one, bytes);
        /* All of it in one pass when maps do not fit into the cache: low, join, two times two, last. */
        if (!s->unfused && s->cache == 1 << 10 && s->width * s->height > 200)
            assert_true(stages_with_join(plan) >= 7);
        mseg_plan_close(&plan);
        mseg_pool_close(&pool);
    }
    free(one);
    case_picture_free(&picture);
    mseg_packed_net_close(&net);
}

static void test_decoder(void **state)
{
    (void)state;
    for_settings(check_decoder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_join),
        cmocka_unit_test(test_decoder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
