#include <math.h>

#include "plan/nets.h"

#include "kernels/levels.h"
#include "kernels/random.h"
#include "kernels/u8_place.h"

/* Weights of networks in 8 bits as they are packed: what signed bytes cannot hold of them, and what is refused. */

enum { IN = 43, OUT = 37, KERNEL = 3, TAPS = KERNEL * KERNEL, WIDTH = 7, HEIGHT = 5 };

static const float one = 1;

/* Appends a layer whose weights are stored - zero, of scale 1; the net does not copy them. */
static mseg_value add_layer(test_net *t, const char *name, mseg_net_layer layer, const uint8_t *stored, int zero,
                            const int32_t *bias)
{
    mseg_value out;
    const bool depthwise = layer.kind == MSEG_DEPTHWISE;
    snprintf(layer.name, sizeof layer.name, "%s", name);
    layer.stride = layer.rate = 1;
    layer.add = layer.add ? layer.add : -1;
    layer.bias = bias != NULL;
    assert_int_equal(mseg_net_add(&t->net, &layer, &out), MSEG_OK);
    const int in = depthwise ? 1 : t->net.layers[out].in_channels;
    mseg_tensor weight = {.dtype = MSEG_U8,
                          .rank = 4,
                          .shape = {depthwise ? 1 : layer.channels, layer.kernel, layer.kernel, depthwise ? layer.channels : in},
                          .data = stored,
                          .bytes = (size_t)(layer.channels * layer.kernel * layer.kernel * in),
                          .scales = (const void *)&one,
                          .n_scales = 1,
                          .zero_point = zero};
    mseg_tensor sums = {.dtype = MSEG_S32,
                        .rank = 1,
                        .shape = {layer.channels},
                        .data = (const void *)bias,
                        .bytes = (size_t)layer.channels * sizeof *bias,
                        .scales = (const void *)&one,
                        .n_scales = 1};
    snprintf(weight.name, sizeof weight.name, "%.40s.weight", name);
    snprintf(sums.name, sizeof sums.name, "%.40s.bias", name);
    assert_int_equal(mseg_weights_add(t->weights, &weight, NULL), MSEG_OK);
    if (bias)
        assert_int_equal(mseg_weights_add(t->weights, &sums, NULL), MSEG_OK);
    return out;
}

/* A net that begins with a 1x1 convolution, whose bytes go from 0 to 255. */
static mseg_value open_net(test_net *t, int channels)
{
    static uint8_t stored[3 * IN];
    mseg_value picture;
    for (size_t i = 0; i < sizeof stored; i++)
        stored[i] = (uint8_t)random_bits(1, i);
    test_net_open(t, MSEG_SAME, &picture);
    t->net.input.quant = (mseg_quant){.scale = 1, .zero = 128};
    for (int c = 0; c < 3; c++) {
        t->net.input.scale[c] = 1;
        t->net.input.offset[c] = -128;
    }
    const mseg_net_layer first = {
        .kind = MSEG_CONV, .in = {picture}, .n_in = 1, .kernel = 1, .channels = channels, .quant = {.scale = 100, .zero = 128}};
    return add_layer(t, "first", first, stored, 128, NULL);
}

static void close_net(test_net *t)
{
    mseg_net_free(&t->net);
    mseg_weights_close(&t->weights);
}

/* ---- weights that signed bytes cannot hold ---- */

/* Weights are low to high at random, but value at the last input of so many of the last tap's fours of channel 0. terms: of the
 * last tap of the first panel; everywhere: of all taps of all panels. */
typedef struct weight_case {
    const char *what;
    int zero, low, high;
    int value, fours;
    int terms;
    bool everywhere;
} weight_case;

static const weight_case cases[] = {
    {"signed bytes", 128, -128, 127, 127, 0, 1, true},
    {"127", 0, 127, 127, 127, 0, 1, true},
    {"128", 0, 128, 128, 128, 0, 2, true},
    {"254", 0, 254, 254, 254, 0, 2, true},
    {"255", 0, 255, 255, 255, 0, 3, true},
    {"-128", 255, -128, -128, -128, 0, 1, true},
    {"-129", 255, -129, -129, -129, 0, 2, true},
    {"-255", 255, -255, -255, -255, 0, 2, true},
    {"one four", 20, -20, 127, 200, 1, 2, false},
    {"one four in three parts", 0, 0, 127, 255, 1, 3, false},
    {"one four below", 255, -128, 0, -255, 1, 2, false},
    {"four fours", 20, -20, 127, 200, 4, 5, false},
    {"four fours in three parts", 0, 0, 127, 255, 4, 9, false},
    {"five fours", 20, -20, 127, 200, 5, 2, false},
    {"five fours in three parts", 0, 0, 127, 255, 5, 3, false},
    {"all fours", 20, -20, 127, 200, 11, 2, false},
};
enum { CASES = sizeof cases / sizeof *cases };

static int16_t differences[OUT][TAPS][IN];

/* Fours are taken from the last one on, which is not whole. squares: a channel's, added up. */
static const uint8_t *fill_weights(const weight_case *w, double *squares)
{
    static uint8_t stored[OUT * TAPS * IN];
    uint64_t state = 0;
    *squares = 0;
    for (int c = 0, i = 0; c < OUT; c++)
        for (int tap = 0; tap < TAPS; tap++)
            for (int k = 0; k < IN; k++, i++) {
                const bool wide = c == 0 && tap == TAPS - 1 && (k % 4 == 3 || k == IN - 1) && k / 4 > (IN - 1) / 4 - w->fours;
                const int value = random_int(&state, w->low, w->high);
                differences[c][tap][k] = (int16_t)(wide ? w->value : value);
                stored[i] = (uint8_t)(differences[c][tap][k] + w->zero);
                *squares += (double)differences[c][tap][k] * (double)differences[c][tap][k] / OUT;
            }
    return stored;
}

static int part_at(const mseg_u8_panels *panels, const mseg_u8_term *term, int width, int i, int j)
{
    const int place = u8_place(panels->kr, width, i, j);
    const uint8_t *data = panels->data + term->at;
    int16_t wide;
    if (panels->kr == 4)
        return (int8_t)data[place];
    memcpy(&wide, data + (size_t)place * sizeof wide, sizeof wide);
    return wide;
}

/* The parts of a panel's weights add up to them, and what is no weight is 0. */
static void check_panel(const weight_case *w, const mseg_u8_panels *panels, int panel, const mseg_u8_term *terms, int n_terms)
{
    const int n0 = panel * panels->nr, left = OUT - n0, n = left < panels->nr ? left : panels->nr;
    const int width = (n + panels->vec - 1) / panels->vec * panels->vec;
    int sums[TAPS][IN + 1][MSEG_MAX_NR] = {0};
    for (int t = 0; t < n_terms; t++) {
        const mseg_u8_term *term = &terms[t];
        assert_true(term->tap >= 0 && term->tap < TAPS && term->first % 4 == 0 && term->first + term->k <= IN);
        for (int i = 0; i < (panels->kr == 1 ? term->k : (term->k + 3) / 4 * 4); i++)
            for (int j = 0; j < width; j++)
                sums[term->tap][i < term->k ? term->first + i : IN][j] += part_at(panels, term, width, i, j);
    }
    for (int tap = 0; tap < TAPS; tap++)
        for (int i = 0; i <= IN; i++)
            for (int j = 0; j < width; j++) {
                const int weight = i < IN && j < n ? differences[n0 + j][tap][i] : 0;
                if (sums[tap][i][j] != weight)
                    fail_msg("%s: channel %d, tap %d, input %d: %d, not %d", w->what, n0 + j, tap, i, sums[tap][i][j], weight);
            }
}

/* No more terms than are needed, one behind the other. */
static void check_panels(const weight_case *w, const mseg_u8_panels *panels)
{
    size_t bytes = 0;
    int before = 0;
    for (int panel = 0; panel * panels->nr < OUT; panel++) {
        const int terms = panels->ends[panel] - before, last = panels->kr < 4 ? 1 : w->terms;
        const int expected = w->everywhere ? TAPS * last : panel == 0 ? TAPS - 1 + last : TAPS;
        const int left = OUT - panel * panels->nr, n = left < panels->nr ? left : panels->nr;
        const int width = (n + panels->vec - 1) / panels->vec * panels->vec;
        if (terms != expected)
            fail_msg("%s: panel %d has %d terms, not %d", w->what, panel, terms, expected);
        check_panel(w, panels, panel, panels->terms + before, terms);
        for (int t = before; t < panels->ends[panel]; t++) {
            const int k = panels->terms[t].k, deep = panels->kr == 1 ? k : (k + 3) / 4 * 4;
            assert_int_equal(panels->terms[t].at, bytes);
            bytes += (size_t)(width * deep) * (panels->kr == 4 ? sizeof(int8_t) : sizeof(int16_t));
        }
        before = panels->ends[panel];
    }
    assert_int_equal(panels->bytes, bytes);
}

/* The convolution's map is the sums of the map before it, by its own weights. */
static void check_map(const weight_case *w, mseg_map in, mseg_map out, const int32_t *bias, mseg_quant quant)
{
    for (int i = 0; i < WIDTH * HEIGHT * OUT; i++) {
        const int c = i % OUT, x = i / OUT % WIDTH, y = i / OUT / WIDTH;
        int64_t sum = bias[c];
        for (int tap = 0; tap < TAPS; tap++) {
            const int ix = x + tap % KERNEL - 1, iy = y + tap / KERNEL - 1;
            for (int k = 0; k < IN && ix >= 0 && ix < WIDTH && iy >= 0 && iy < HEIGHT; k++)
                sum += (in.bytes[(size_t)iy * in.row + (size_t)ix * in.pixel + (size_t)k] - 128) * differences[c][tap][k];
        }
        volatile float product = (float)sum * (100 * 1.0f / quant.scale);
        const double y_out = (double)rintf(product) + quant.zero;
        const int byte = out.bytes[(size_t)y * out.row + (size_t)x * out.pixel + (size_t)c];
        const int expected = y_out < 0 ? 0 : y_out > 255 ? 255 : (int)y_out;
        if (byte != expected)
            fail_msg("%s: channel %d at %d, %d is %d, not %d", w->what, c, x, y, byte, expected);
    }
}

static void check_case(const weight_case *w, mseg_cpu_level level)
{
    test_net t;
    mseg_packed_net *packed;
    mseg_plan *plan;
    mseg_pool *pool;
    mseg_error err;
    const mseg_cpu cpu = mseg_cpu_detect();
    uint8_t data[WIDTH * HEIGHT * 3];
    int32_t bias[OUT];
    const mseg_value first = open_net(&t, IN);
    double squares;
    const uint8_t *stored = fill_weights(w, &squares);
    for (int i = 0; i < OUT; i++)
        bias[i] = (int32_t)(random_bits(2, (uint64_t)i) % 20000) - 10000;
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)random_bits(3, i);
    const mseg_picture picture = {.data = data, .stride = WIDTH * 3, .width = WIDTH, .height = HEIGHT};
    const mseg_net_layer conv = {.kind = MSEG_CONV,
                                 .in = {first},
                                 .n_in = 1,
                                 .kernel = KERNEL,
                                 .channels = OUT,
                                 .quant = {.scale = (float)(200 * sqrt(squares)), .zero = 120}};
    const mseg_value value = add_layer(&t, "conv", conv, stored, w->zero, bias);
    assert_int_equal(mseg_net_output(&t.net, first), MSEG_OK);
    assert_int_equal(mseg_net_output(&t.net, value), MSEG_OK);
    if (mseg_packed_net_open(&packed, &t.net, t.weights, level_kernels(level), false, true, &err))
        fail_msg("%s", err.text);
    close_net(&t);
    check_panels(w, &packed->layers[value].u8.panels);
    assert_int_equal(mseg_pool_open(&pool, 1), MSEG_OK);
    assert_int_equal(mseg_plan_open(&plan, packed, WIDTH, HEIGHT, 1, &cpu, &err), MSEG_OK);
    mseg_plan_run(plan, &picture, pool);
    check_map(w, mseg_plan_output(plan, 0), mseg_plan_output(plan, 1), bias, conv.quant);
    mseg_plan_close(&plan);
    mseg_pool_close(&pool);
    mseg_packed_net_close(&packed);
}

/* ---- what is refused ---- */

static const uint8_t zeros[64]; /* weights */
static const int32_t no_bias[4];

static mseg_net_layer conv_of(mseg_value in, mseg_quant quant)
{
    return (mseg_net_layer){.kind = MSEG_CONV, .in = {in}, .n_in = 1, .kernel = 1, .channels = 4, .quant = quant};
}

/* Packs the net, whose last layer is its output; why NULL: it is not refused. Takes t. */
static void check_refused(test_net *t, mseg_cpu_level level, const char *why)
{
    mseg_packed_net *packed;
    mseg_error err = {0};
    assert_int_equal(mseg_net_output(&t->net, t->net.count - 1), MSEG_OK);
    const mseg_status status = mseg_packed_net_open(&packed, &t->net, t->weights, level_kernels(level), false, true, &err);
    if (status != (why ? MSEG_UNSUPPORTED : MSEG_OK) || (why && !strstr(err.text, why)) || !packed != !!why)
        fail_msg("status %d (%s), not %s", (int)status, err.text, why ? why : "packed");
    mseg_packed_net_close(&packed);
    close_net(t);
}

/* A convolution 1x1, one with a vector beside its map, or a depthwise one, of weights 100. */
static void check_sums(mseg_layer_kind kind, bool vector, int32_t bias, float scale, const char *why)
{
    test_net t;
    const int32_t all[4] = {0, 0, bias};
    static uint8_t hundreds[64];
    mseg_net_layer layer = conv_of(open_net(&t, 4), (mseg_quant){.scale = scale});
    memset(hundreds, 100, sizeof hundreds);
    layer.kind = kind;
    layer.kernel = kind == MSEG_DEPTHWISE ? 3 : 1;
    if (vector) {
        assert_int_equal(test_pool(&t, "pool", layer.in[0], 0, 0, &layer.in[1]), MSEG_OK);
        t.net.layers[layer.in[1]].quant = t.net.layers[layer.in[0]].quant;
        layer.n_in = 2;
    }
    add_layer(&t, "layer", layer, hundreds, 0, all);
    check_refused(&t, MSEG_CPU_SCALAR, why);
}

/* 255 times all weights, and the bias, are less than 2^31; so it is in steps of the output. */
static void test_sums_of_32_bits(void **state)
{
    (void)state;
    const char *why = "layer: its sums would not fit 32 bits";
    for (int i = 0; i < 3; i++) {
        const mseg_layer_kind kind = i == 2 ? MSEG_DEPTHWISE : MSEG_CONV;
        const int32_t all = 100 * 255 * (i == 0 ? 4 : i == 1 ? 8 : 9);
        check_sums(kind, i == 1, INT32_MAX - all, 200, NULL);
        check_sums(kind, i == 1, INT32_MAX - all + 1, 200, why);
        check_sums(kind, i == 1, all - INT32_MAX, 200, NULL);
        check_sums(kind, i == 1, all - INT32_MAX - 1, 200, why);
        check_sums(kind, i == 1, 0, 100 * (float)all / 2147482000.0f, NULL);
        check_sums(kind, i == 1, 0, 100 * (float)all / 2147484000.0f, why);
    }
}

/* first + layer, of scales in steps of the sum's. */
static void check_add(float first, float layer, const char *why)
{
    test_net t;
    mseg_net_layer conv = conv_of(open_net(&t, 4), (mseg_quant){.scale = 100 * layer / first});
    conv.add = conv.in[0];
    conv.sum = (mseg_quant){.scale = 100 / first};
    add_layer(&t, "layer", conv, zeros, 0, no_bias);
    check_refused(&t, MSEG_CPU_SCALAR, why);
}

static void test_scales_of_sums(void **state)
{
    (void)state;
    const char *why = "layer: the scales of a sum are too far apart";
    const float least = 0x1p-10f, most = 255.5f;
    check_add(1, 1, NULL);
    check_add(least, least, NULL);
    check_add(most, most, NULL);
    check_add(least, most, NULL);
    check_add(most, least, NULL);
    check_add(least / 2, 1, why);
    check_add(1, least / 2, why);
    check_add(256, 1, why);
    check_add(1, 256, why);
}

static void test_max_pool(void **state)
{
    (void)state;
    test_net t;
    mseg_value out;
    const mseg_value first = open_net(&t, 4);
    assert_int_equal(test_pool(&t, "largest", first, 3, 2, &out), MSEG_OK);
    t.net.layers[out].quant = t.net.layers[first].quant;
    check_refused(&t, MSEG_CPU_SCALAR, "largest is a max pool");
}

/* A convolution of two, one of them held as other is, and read as joined is. */
static void check_two_inputs(mseg_quant other, mseg_quant joined, const char *why)
{
    test_net t;
    mseg_net_layer both = conv_of(0, (mseg_quant){.scale = 200});
    const mseg_quant quant = {.scale = 100, .zero = 128};
    const mseg_value first = open_net(&t, 4);
    mseg_net_layer branch = conv_of(first, quant);
    both.in[0] = add_layer(&t, "a", branch, zeros, 0, no_bias);
    branch.quant = other;
    branch.joined = joined;
    both.in[1] = add_layer(&t, "b", branch, zeros, 0, no_bias);
    both.n_in = 2;
    add_layer(&t, "layer", both, zeros, 0, no_bias);
    check_refused(&t, MSEG_CPU_SCALAR, why);
}

static void test_inputs_held_alike(void **state)
{
    (void)state;
    const char *why = "layer: its inputs are not held alike";
    const mseg_quant same = {.scale = 100, .zero = 128}, none = {0};
    check_two_inputs(same, none, NULL);
    check_two_inputs((mseg_quant){.scale = 101, .zero = 128}, none, why);
    check_two_inputs((mseg_quant){.scale = 99, .zero = 128}, none, why);
    check_two_inputs((mseg_quant){.scale = 100, .zero = 127}, none, why);
    check_two_inputs((mseg_quant){.scale = 50, .zero = 3}, same, NULL);
    check_two_inputs(same, (mseg_quant){.scale = 50, .zero = 128}, why);
}

/* A map of that scale beside one that is held as both are read, by a QUANTIZE. */
static void check_quantize(float scale, const char *why)
{
    test_net t;
    const mseg_quant shared = {.scale = 1, .zero = 128};
    mseg_net_layer both = conv_of(0, (mseg_quant){.scale = 200}), branch = conv_of(open_net(&t, 4), shared);
    both.in[0] = add_layer(&t, "a", branch, zeros, 0, no_bias);
    branch.quant.scale = scale;
    branch.joined = shared;
    branch.joining = MSEG_JOINS_BY_QUANTIZE;
    both.in[1] = add_layer(&t, "b", branch, zeros, 0, no_bias);
    both.n_in = 2;
    add_layer(&t, "layer", both, zeros, 0, no_bias);
    check_refused(&t, MSEG_CPU_SCALAR, why);
}

static void test_scales_of_a_quantize(void **state)
{
    (void)state;
    const char *why = "b: the scales of a QUANTIZE are too far apart";
    check_quantize(0x1p-8f, NULL);
    check_quantize(0x1p7f, NULL);
    check_quantize(0x1p-9f, why);
    check_quantize(0x1p8f, why);
}

/* A map that one reader sees in other bytes and another one as it is. */
static void test_held_in_two_ways(void **state)
{
    (void)state;
    const mseg_quant quant = {.scale = 100, .zero = 128};
    for (int kind = 0; kind < 3; kind++) {
        test_net t;
        const mseg_value first = open_net(&t, 4);
        mseg_net_layer twice = conv_of(first, quant), both = conv_of(first, quant);
        twice.joined = (mseg_quant){.scale = 50, .zero = 1};
        twice.joining = MSEG_JOINS_BY_QUANTIZE;
        twice.kind = kind == 2 ? MSEG_DEPTHWISE : MSEG_CONV;
        twice.kernel = kind == 2 ? 3 : 1;
        both.in[0] = add_layer(&t, "twice", twice, zeros, 0, no_bias);
        twice.kind = MSEG_CONV;
        twice.kernel = 1;
        both.in[1] = add_layer(&t, "other", twice, zeros, 0, no_bias);
        both.n_in = 2;
        if (kind == 1)
            add_layer(&t, "reader", conv_of(both.in[0], quant), zeros, 0, no_bias);
        add_layer(&t, "layer", both, zeros, 0, no_bias);
        check_refused(&t, MSEG_CPU_SCALAR, kind ? "twice: its output is held in two ways" : NULL);
    }
}

static void test_maps_of_floats(void **state)
{
    (void)state;
    test_net t;
    mseg_value first = open_net(&t, 4);
    add_layer(&t, "layer", conv_of(first, (mseg_quant){0}), zeros, 0, no_bias);
    check_refused(&t, MSEG_CPU_SCALAR, "layer: its maps are not in 8 bits");
    first = open_net(&t, 4);
    t.net.input.quant.scale = 0;
    add_layer(&t, "layer", conv_of(first, (mseg_quant){.scale = 1}), zeros, 0, no_bias);
    check_refused(&t, MSEG_CPU_SCALAR, "first: its maps are not in 8 bits");
}

/* 49 and 81 taps of four fours of weights 255, in nine terms each where bytes hold weights, are 441 and 729 of 512 that a panel
 * may have. */
static void check_taps(mseg_cpu_level level)
{
    static uint8_t largest[16 * 81 * 4];
    memset(largest, 255, sizeof largest);
    for (int kernel = 7; kernel <= 9; kernel += 2) {
        test_net t;
        mseg_net_layer layer = conv_of(open_net(&t, 16), (mseg_quant){.scale = 1e6f});
        layer.kernel = kernel;
        add_layer(&t, "layer", layer, largest, 0, no_bias);
        const bool fits = kernel == 7 || level_kernels(level)->u8.gemm.kr < 4;
        check_refused(&t, level, fits ? NULL : "layer: too many taps");
    }
}

static void check_level(void *unused, mseg_cpu_level level)
{
    (void)unused;
    need_level(level);
    for (int i = 0; i < CASES; i++)
        check_case(&cases[i], level);
    check_taps(level);
}

LEVELS(DEFINE_LEVEL_TEST)

int main(void)
{
    const struct CMUnitTest tests[] = {LEVELS(LEVEL_TEST) cmocka_unit_test(test_sums_of_32_bits),
                                       cmocka_unit_test(test_scales_of_sums),
                                       cmocka_unit_test(test_max_pool),
                                       cmocka_unit_test(test_inputs_held_alike),
                                       cmocka_unit_test(test_scales_of_a_quantize),
                                       cmocka_unit_test(test_held_in_two_ways),
                                       cmocka_unit_test(test_maps_of_floats)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
