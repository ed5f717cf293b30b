#include "plan/u8_nets.h"

#include "kernels/levels.h"
#include "net/sampling.h"
#include "plan/stages/u8.h"

/* Random networks in 8 bits, fused with one and with three threads and layer by layer, against sums in 64 bits written down here:
 * every byte is the same. */

enum { NETS = 60 };

/* ---- the same in plain sums ---- */

typedef struct map {
    uint8_t *data; /* [height][width][channels] */
    int width, height, channels;
} map;

static int clamp(double value, int least, int most)
{
    return value < least ? least : value > most ? most : (int)value;
}

static int at(const map *m, int y, int x, int c, int outside)
{
    return y < 0 || y >= m->height || x < 0 || x >= m->width ? outside : m->data[(y * m->width + x) * m->channels + c];
}

/* A byte of value as its reader of several inputs holds it. */
static int joined(const random_net *r, mseg_value value, int byte)
{
    const mseg_net_layer *layer = layer_at(r, value);
    const mseg_quant from = held(r, value), to = layer->joined;
    if (to.scale <= 0 || layer->joining == MSEG_JOINS_AS_IT_IS)
        return byte;
    const long factor = lrint(256.0 * (double)(from.scale / to.scale));
    return clamp(floor((double)((byte - from.zero) * factor + 128) / 256) + to.zero, 0, 255);
}

static int requantise(int64_t sum, float scale, int zero)
{
    volatile float product = (float)sum * scale;
    return clamp((double)rintf(product) + zero, 0, 255);
}

static int64_t difference_at(const random_net *r, mseg_value value, int out, int tap, int in, int ins)
{
    const mseg_net_layer *layer = layer_at(r, value);
    const int taps = layer->kernel * layer->kernel;
    return layer->kind == MSEG_DEPTHWISE ? r->constants[value].difference[tap * layer->channels + out]
                                         : r->constants[value].difference[(out * taps + tap) * ins + in];
}

/* The sum of an output channel over one input, channels first ... of all. */
static int64_t sum_of(const random_net *r, mseg_value value, const map *maps, int input, int first, int y, int x, int c)
{
    const mseg_net_layer *layer = layer_at(r, value);
    const mseg_value from = layer->in[input];
    const map *in = &maps[from];
    const bool several = layer->n_in > 1, depthwise = layer->kind == MSEG_DEPTHWISE;
    const int zero = several && layer_at(r, from)->joined.scale > 0 ? layer_at(r, from)->joined.zero : held(r, from).zero;
    const bool everywhere = layer_at(r, from)->vector;
    const int pad_y = mseg_pad_before(layer->padding, in->height, layer->kernel, layer->stride, layer->rate);
    const int pad_x = mseg_pad_before(layer->padding, in->width, layer->kernel, layer->stride, layer->rate);
    int64_t sum = 0;
    for (int tap = 0; tap < layer->kernel * layer->kernel; tap++) {
        const int iy = everywhere ? 0 : y * layer->stride - pad_y + tap / layer->kernel * layer->rate;
        const int ix = everywhere ? 0 : x * layer->stride - pad_x + tap % layer->kernel * layer->rate;
        for (int k = depthwise ? c : 0; k < (depthwise ? c + 1 : in->channels); k++) {
            int byte = at(in, iy, ix, k, -1);
            byte = byte < 0 ? zero : several ? joined(r, from, byte) : byte;
            sum += (byte - zero) * difference_at(r, value, c, tap, first + k, layer->in_channels);
        }
    }
    return sum;
}

static int add_of(const random_net *r, mseg_value value, int x, int y)
{
    const mseg_net_layer *layer = layer_at(r, value);
    const mseg_quant a = layer->quant, b = held(r, layer->add), out = layer->sum;
    const float ra = a.scale / out.scale, rb = b.scale / out.scale;
    const int shift = 20 - (int)floor(log2((double)fmaxf(ra, rb)));
    const double ma = rint(ldexp((double)ra, shift)), mb = rint(ldexp((double)rb, shift));
    return clamp(floor(((x - a.zero) * ma + (y - b.zero) * mb) / ldexp(1, shift) + 0.5) + out.zero, 0, 255);
}

static void run_conv(const random_net *r, mseg_value value, map *maps)
{
    const mseg_net_layer *layer = layer_at(r, value);
    const map *in = &maps[mseg_layer_map(&r->t.net, layer)];
    map *out = &maps[value];
    out->width = mseg_out_size(in->width, layer->stride);
    out->height = mseg_out_size(in->height, layer->stride);
    out->data = calloc((size_t)(out->width * out->height), (size_t)out->channels);
    const mseg_value last = layer->in[layer->n_in - 1];
    const float scale =
        layer->n_in > 1 && layer_at(r, last)->joined.scale > 0 ? layer_at(r, last)->joined.scale : held(r, last).scale;
    for (int i = 0; i < out->width * out->height * out->channels; i++) {
        const int c = i % out->channels, x = i / out->channels % out->width, y = i / out->channels / out->width;
        int64_t sum = r->constants[value].bias[c];
        for (int input = 0, first = 0; input < layer->n_in; first += maps[layer->in[input++]].channels)
            sum += sum_of(r, value, maps, input, first, y, x, c);
        int byte = requantise(sum, scale * r->constants[value].scale[c] / layer->quant.scale, layer->quant.zero);
        if (layer->bounds.most)
            byte = clamp(byte, layer->bounds.least, layer->bounds.most);
        if (layer->add >= 0)
            byte = add_of(r, value, byte, at(&maps[layer->add], y, x, c, 0));
        out->data[i] = (uint8_t)byte;
    }
}

static void run_pool(const random_net *r, mseg_value value, map *maps)
{
    const mseg_net_layer *layer = layer_at(r, value);
    const map *in = &maps[layer->in[0]];
    map *out = &maps[value];
    const int pixels = in->width * in->height, middle = held(r, layer->in[0]).is_signed ? 128 : 0;
    out->width = out->height = 1;
    out->data = calloc(1, (size_t)out->channels);
    for (int c = 0; c < out->channels; c++) {
        double sum = 0;
        for (int i = 0; i < pixels; i++)
            sum += in->data[i * in->channels + c];
        if (layer->mean)
            out->data[c] =
                (uint8_t)requantise((int64_t)sum - (int64_t)pixels * held(r, layer->in[0]).zero,
                                    held(r, layer->in[0]).scale / ((float)pixels * layer->quant.scale), layer->quant.zero);
        else
            out->data[c] = (uint8_t)(round((sum - (double)middle * pixels) / pixels) + middle);
    }
}

static void run_join(const random_net *r, mseg_value value, map *maps)
{
    const mseg_net_layer *layer = layer_at(r, value);
    const map *size = &maps[layer->in[layer->n_in - 1]];
    map *out = &maps[value];
    out->width = size->width;
    out->height = size->height;
    out->data = calloc((size_t)(out->width * out->height), (size_t)out->channels);
    for (int y = 0; y < out->height; y++)
        for (int x = 0; x < out->width; x++)
            for (int i = 0, first = 0; i < layer->n_in; first += maps[layer->in[i++]].channels) {
                const map *in = &maps[layer->in[i]];
                int top = y, bottom = y, left = x, right = x;
                int32_t fy = 0, fx = 0;
                if (in->width != out->width || in->height != out->height) {
                    mseg_sampling_u8(r->t.net.input.sampling, y, out->height, in->height, &top, &bottom, &fy);
                    mseg_sampling_u8(r->t.net.input.sampling, x, out->width, in->width, &left, &right, &fx);
                }
                for (int c = 0; c < in->channels; c++) {
                    const int64_t sum =
                        (int64_t)(at(in, top, left, c, 0) * (2048 - fx) + at(in, top, right, c, 0) * fx) * (2048 - fy) +
                        (int64_t)(at(in, bottom, left, c, 0) * (2048 - fx) + at(in, bottom, right, c, 0) * fx) * fy;
                    out->data[(y * out->width + x) * out->channels + first + c] =
                        (uint8_t)joined(r, layer->in[i], (int)((sum + (1 << 21)) >> 22));
                }
            }
}

static void run_all(const random_net *r, const mseg_picture *picture, int width, int height, map *maps)
{
    const mseg_input *input = &r->t.net.input;
    for (int i = 0; i < r->t.net.count; i++)
        maps[i] = (map){.channels = layer_at(r, i)->channels};
    maps[0].width = width;
    maps[0].height = height;
    maps[0].data = calloc((size_t)(width * height), 3);
    for (int i = 0; i < width * height * 3; i++) {
        const int x = i / 3 % width, y = i / 3 / width;
        const bool inside = x < picture->width && y < picture->height;
        maps[0].data[i] =
            (uint8_t)(inside ? picture->data[(size_t)y * picture->stride + (size_t)x * 3 + (size_t)(i % 3)]
                             : clamp((double)rintf(input->pad[i % 3] / input->quant.scale) + input->quant.zero, 0, 255));
    }
    for (int i = 1; i < r->t.net.count; i++) {
        if (layer_at(r, i)->kind == MSEG_GLOBAL_POOL)
            run_pool(r, i, maps);
        else if (layer_at(r, i)->kind == MSEG_JOIN)
            run_join(r, i, maps);
        else
            run_conv(r, i, maps);
    }
}

/* ---- one against the other ---- */

static void check_output(mseg_map out, const map *expected, const char *what)
{
    assert_true(out.bytes && !out.data && out.width == expected->width && out.height == expected->height &&
                out.channels == expected->channels);
    for (int y = 0, i = 0; y < out.height; y++)
        for (int x = 0; x < out.width; x++)
            for (int c = 0; c < out.channels; c++, i++) {
                const int byte = out.bytes[(size_t)y * out.row + (size_t)x * out.pixel + (size_t)c];
                if (byte != expected->data[i])
                    fail_msg("%s: byte %d is %d, not %d", what, i, byte, expected->data[i]);
            }
}

static void check_plan(const random_net *r, mseg_cpu_level level, bool unfused, int threads, const mseg_picture *picture,
                       const map *maps, int width, int height)
{
    char what[128];
    snprintf(what, sizeof what, "%s, seed %d, %s, %d threads", mseg_cpu_level_name(level), (int)(r->keep.random >> 20),
             unfused ? "layer by layer" : "fused", threads);
    mseg_packed_net *packed;
    mseg_plan *plan;
    mseg_pool *pool;
    mseg_error err;
    mseg_cpu cpu = mseg_cpu_detect();
    cpu.l2_bytes = threads > 1 ? 4096 : 1 << 20; /* also where everything streams */
    if (mseg_packed_net_open(&packed, &r->t.net, r->t.weights, level_kernels(level), unfused, true, &err))
        fail_msg("%s", err.text);
    assert_int_equal(mseg_pool_open(&pool, threads), MSEG_OK);
    assert_int_equal(mseg_plan_open(&plan, packed, width, height, threads, &cpu, &err), MSEG_OK);
    for (int time = 0; time < 2; time++) { /* the second finds what the first left */
        mseg_plan_run(plan, picture, pool);
        for (int i = 0; i < r->t.net.n_outputs; i++)
            check_output(mseg_plan_output(plan, i), &maps[r->t.net.outputs[i]], what);
    }
    mseg_plan_close(&plan);
    mseg_pool_close(&pool);
    mseg_packed_net_close(&packed);
}

static void check_level(void *unused, mseg_cpu_level level)
{
    (void)unused;
    need_level(level);
    for (uint64_t seed = 1; seed <= (SLOW ? NETS / 6 : NETS); seed++) {
        static random_net r;
        map maps[MOST];
        r = (random_net){0};
        build(&r, seed);
        keep *k = &r.keep;
        const int most = pick(k, 0, 1) ? 40 : 6, width = pick(k, 1, most), height = pick(k, 1, most);
        uint8_t *data = keep_bytes(k, (size_t)(width * height) * 3);
        for (int i = 0; i < width * height * 3; i++)
            data[i] = (uint8_t)pick(k, 0, 255);
        const mseg_picture picture = {
            .data = data, .stride = (size_t)width * 3, .width = pick(k, 1, width), .height = pick(k, 1, height)};
        run_all(&r, &picture, width, height, maps);
        check_plan(&r, level, false, 1, &picture, maps, width, height);
        check_plan(&r, level, false, 3, &picture, maps, width, height);
        check_plan(&r, level, true, 1, &picture, maps, width, height);
        for (int i = 0; i < r.t.net.count; i++)
            free(maps[i].data);
        mseg_net_free(&r.t.net);
        mseg_weights_close(&r.t.weights);
        keep_free(k);
    }
}

/* More than 2^31 / 255 pixels, which here are one and the same. */
static void averages_of_many_pixels(void **state)
{
    (void)state;
    uint8_t byte = 200, out = 0, *tensors[] = {&byte, &out};
    const mseg_bases bases = {.tensors = tensors};
    for (int mean = 0; mean < 2; mean++) {
        const mseg_quant quant = {.scale = 1, .zero = 3};
        const mseg_u8_average work = {quant, quant, mean};
        const mseg_step step = {.in = {.height = 9, .width = 2000000, .slots = 1},
                                .out = {.tensor = 1, .height = 1, .width = 1, .slots = 1},
                                .work = &work};
        mseg_step_u8_average(&step, &bases, 0, 1);
        assert_int_equal(out, 200);
    }
}

LEVELS(DEFINE_LEVEL_TEST)

/* Averages that lie between two bytes as near as floats can, as Google's runtime had them for unsigned and signed bytes: the
 * scale is si / (n * so), and (si / so) / n would give each another byte. */
static void means_have_one_scale(void **state)
{
    (void)state;
    static const struct {
        int height, width;
        float in, out;
        int sum, expected;
    } cases[] = {{5, 9, 0.05715110898017883f, 0.005748201161623001f, 912, 202},
                 {9, 13, 0.07367736101150513f, 0.08154098689556122f, 23243, 179},
                 {33, 33, 0.054799120873212814f, 0.06614582240581512f, 193887, 148},
                 {33, 33, 0.0989350974559784f, 0.07818128913640976f, 84765, 98},
                 {65, 65, 0.0934571847319603f, 0.07000210881233215f, 362352, 115},
                 {65, 65, 0.0932181179523468f, 0.07702446728944778f, 207717, 59}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        enum { MOST_PIXELS = 65 * 65 };
        uint8_t in[MOST_PIXELS], out;
        const int width = cases[i].width, pixels = cases[i].height * width;
        for (int p = 0; p < pixels; p++)
            in[p] = (uint8_t)(cases[i].sum / pixels + (p < cases[i].sum % pixels));
        const mseg_u8_average work = {{cases[i].in, 0, false}, {cases[i].out, 0, false}, true};
        const mseg_step step = {
            .work = &work,
            .in = {.height = cases[i].height, .width = width, .slots = cases[i].height, .pixel = 1, .row = (size_t)width},
            .out = {.tensor = 1, .height = 1, .width = 1, .slots = 1, .pixel = 1, .row = 1}};
        mseg_step_u8_average(&step, &(mseg_bases){.tensors = (uint8_t *[]){in, &out}}, 0, 1);
        assert_int_equal(out, cases[i].expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {LEVELS(LEVEL_TEST) cmocka_unit_test(averages_of_many_pixels),
                                       cmocka_unit_test(means_have_one_scale)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
