#ifndef MSEG_TESTS_CASES_H
#define MSEG_TESTS_CASES_H

#include "kernels/random.h"
#include "plan/nets.h"

/* The networks that make_goldens.py wrote to goldens/cases.txt. */
enum { CASE_OPS = 40 };

typedef enum case_kind { CASE_CONV, CASE_BLOCK, CASE_POOL, CASE_MAX_POOL } case_kind;

typedef struct case_op {
    case_kind kind;
    int in[MSEG_MAX_INPUTS], n_in, add;
    int kernel, stride, rate, symmetric;
    int channels, expanded, out;
    int residual, activations[2], bias;
    uint64_t seed; /* of the first weights; bias, and the block's next convolutions, follow */
    int scales[3];
    int64_t madds, params;
    int width, height;
} case_op;

typedef struct net_case {
    char name[64];
    int width, height, picture_width, picture_height, both;
    uint64_t seed;
    case_op ops[CASE_OPS];
    int n_ops;
    int output, out_width, out_height, out_channels;
    int first, step; /* golden values: every step-th of the output; step 0: none, counts only */
    double tolerance;
    int64_t madds, params;
} net_case;

static inline FILE *cases_open(void)
{
    FILE *file = fopen(MSEG_TESTS_DIR "/plan/goldens/cases.txt", "r");
    assert_non_null(file);
    return file;
}

static inline void parse_op(const char *line, case_op *op)
{
    long long madds = 0, params = 0;
    unsigned long long seed = 0;
    *op = (case_op){.n_in = 1, .add = -1, .stride = 1, .rate = 1, .kernel = 1, .width = 1, .height = 1};
    if (sscanf(line, "pool in=%d channels=%d", &op->in[0], &op->channels) == 2) {
        op->kind = CASE_POOL;
        op->out = op->channels;
    } else if (!strncmp(line, "maxpool ", 8)) {
        op->kind = CASE_MAX_POOL;
        int n = sscanf(line, "maxpool in=%d kernel=%d stride=%d channels=%d size=%dx%d", &op->in[0], &op->kernel, &op->stride,
                       &op->channels, &op->width, &op->height);
        assert_int_equal(n, 6);
        op->out = op->channels;
    } else if (!strncmp(line, "conv ", 5)) {
        int *in = op->in, *act = op->activations;
        int n =
            sscanf(line,
                   "conv in=%d,%d,%d,%d,%d add=%d kernel=%d stride=%d rate=%d symmetric=%d channels=%d,%d activation=%d bias=%d "
                   "seed=%llu "
                   "scale=%d madds=%lld params=%lld size=%dx%d",
                   &in[0], &in[1], &in[2], &in[3], &in[4], &op->add, &op->kernel, &op->stride, &op->rate, &op->symmetric,
                   &op->channels, &op->out, &act[0], &op->bias, &seed, &op->scales[0], &madds, &params, &op->width, &op->height);
        assert_int_equal(n, 20);
        while (op->n_in < MSEG_MAX_INPUTS && in[op->n_in] >= 0)
            op->n_in++;
    } else {
        int *act = op->activations, *scale = op->scales;
        op->kind = CASE_BLOCK;
        op->kernel = 3;
        int n = sscanf(line,
                       "block in=%d stride=%d rate=%d channels=%d,%d,%d residual=%d activations=%d,%d bias=%d seed=%llu "
                       "scales=%d,%d,%d madds=%lld params=%lld size=%dx%d",
                       &op->in[0], &op->stride, &op->rate, &op->channels, &op->expanded, &op->out, &op->residual, &act[0],
                       &act[1], &op->bias, &seed, &scale[0], &scale[1], &scale[2], &madds, &params, &op->width, &op->height);
        assert_int_equal(n, 18);
    }
    op->seed = seed;
    op->madds = madds;
    op->params = params;
}

/* The next case; false at the end. */
static inline bool cases_next(FILE *file, net_case *c)
{
    char line[512];
    unsigned long long seed;
    long long madds, params;
    memset(c, 0, sizeof *c);
    if (!fgets(line, sizeof line, file))
        return false;
    assert_int_equal(sscanf(line, "case %63s canvas=%dx%d picture=%dx%d both=%d seed=%llu", c->name, &c->width, &c->height,
                            &c->picture_width, &c->picture_height, &c->both, &seed),
                     7);
    c->seed = seed;
    while (fgets(line, sizeof line, file) && strncmp(line, "end ", 4)) {
        assert_true(c->n_ops < CASE_OPS);
        parse_op(line, &c->ops[c->n_ops++]);
    }
    assert_int_equal(sscanf(line, "end output=%d size=%dx%dx%d first=%d step=%d tolerance=%lf madds=%lld params=%lld", &c->output,
                            &c->out_width, &c->out_height, &c->out_channels, &c->first, &c->step, &c->tolerance, &madds, &params),
                     9);
    c->madds = madds;
    c->params = params;
    return true;
}

/* ---- building ---- */

static inline float *case_floats(uint64_t seed, size_t count, int exponent)
{
    float *data = malloc(count * sizeof *data), scale = exponent < 0 ? 1.0f / (float)(1 << -exponent) : (float)(1 << exponent);
    assert_non_null(data);
    for (size_t i = 0; i < count; i++)
        data[i] = random_value(seed, i) * scale;
    return data;
}

/* What filters point to, freed when the net is packed. */
typedef struct case_memory {
    float *blocks[6 * CASE_OPS];
    int n;
} case_memory;

static inline const float *case_values(case_memory *memory, uint64_t seed, size_t count, int exponent)
{
    assert_true(memory->n < 6 * CASE_OPS);
    return memory->blocks[memory->n++] = case_floats(seed, count, exponent);
}

/* Weights and, when the operator has biases, n of them, from the next seeds. */
static inline test_filter case_filter(case_memory *memory, const case_op *op, uint64_t *seed, size_t weights, int n, int scale)
{
    test_filter filter = {.weight = case_values(memory, (*seed)++, weights, scale)};
    if (op->bias)
        filter.bias = case_values(memory, (*seed)++, (size_t)n, 0);
    return filter;
}

static inline mseg_activation case_activation(int code)
{
    return code == 6 ? MSEG_RELU6 : code == 1 ? MSEG_RELU : MSEG_LINEAR;
}

static inline mseg_status case_conv(test_net *net, case_memory *memory, const case_op *op, const char *name, mseg_value *out)
{
    uint64_t seed = op->seed;
    size_t weights = (size_t)op->out * (size_t)op->kernel * (size_t)op->kernel * (size_t)op->channels;
    mseg_net_layer conv = {.n_in = op->n_in,
                           .add = op->add,
                           .kernel = op->kernel,
                           .stride = op->stride,
                           .rate = op->rate,
                           .channels = op->out,
                           .padding = op->symmetric ? MSEG_SYMMETRIC : MSEG_SAME,
                           .activation = case_activation(op->activations[0])};
    memcpy(conv.in, op->in, sizeof conv.in);
    return test_conv(net, name, conv, case_filter(memory, op, &seed, weights, op->out, op->scales[0]), out);
}

static inline mseg_status case_block(test_net *net, case_memory *memory, const case_op *op, const char *name, mseg_value *out)
{
    uint64_t seed = op->seed;
    int wide = op->expanded ? op->expanded : op->channels;
    test_block block = {.input = op->in[0],
                        .expanded = op->expanded,
                        .stride = op->stride,
                        .rate = op->rate,
                        .channels = op->out,
                        .residual = op->residual,
                        .depthwise_activation = case_activation(op->activations[0]),
                        .activation = case_activation(op->activations[1])};
    if (op->expanded)
        block.expand = case_filter(memory, op, &seed, (size_t)wide * (size_t)op->channels, wide, op->scales[0]);
    block.depthwise = case_filter(memory, op, &seed, 9 * (size_t)wide, wide, op->scales[1]);
    block.project = case_filter(memory, op, &seed, (size_t)op->out * (size_t)wide, op->out, op->scales[2]);
    return test_inverted_residual(net, name, &block, out);
}

static inline mseg_status case_append(test_net *net, case_memory *memory, const case_op *op, const char *name, mseg_value *out)
{
    switch (op->kind) {
    case CASE_CONV:
        return case_conv(net, memory, op, name, out);
    case CASE_BLOCK:
        return case_block(net, memory, op, name, out);
    case CASE_MAX_POOL:
        return test_pool(net, name, op->in[0], op->kernel, op->stride, out);
    default:
        return test_pool(net, name, op->in[0], 0, 0, out);
    }
}

/* values: what each operator's output became, from 1 on, 0 being the picture. */
static inline mseg_packed_net *case_net(const net_case *c, const mseg_kernels *kernels, bool unfused)
{
    test_net net;
    case_memory memory = {.n = 0};
    mseg_value values[CASE_OPS + 1];
    test_net_open(&net, c->both ? MSEG_SYMMETRIC : MSEG_SAME, &values[0]);
    for (int i = 0; i < c->n_ops; i++) {
        case_op op = c->ops[i];
        char name[16];
        snprintf(name, sizeof name, "op%d", i + 1);
        for (int k = 0; k < op.n_in; k++)
            op.in[k] = values[op.in[k]];
        op.add = op.add >= 0 ? values[op.add] : -1;
        assert_int_equal(case_append(&net, &memory, &op, name, &values[i + 1]), MSEG_OK);
        assert_int_equal(net.net.layers[values[i + 1]].channels, op.out);
    }
    assert_int_equal(mseg_net_output(&net.net, values[c->output]), MSEG_OK);
    mseg_packed_net *packed = test_net_pack(&net, kernels, unfused);
    for (int i = 0; i < memory.n; i++)
        free(memory.blocks[i]);
    return packed;
}

/* The case's picture, or another one of that seed. Free its data. */
static inline mseg_picture case_picture(int width, int height, uint64_t seed)
{
    size_t count = (size_t)width * (size_t)height * 3;
    uint8_t *data = malloc(count);
    assert_non_null(data);
    for (size_t i = 0; i < count; i++)
        data[i] = (uint8_t)(random_bits(seed, i) >> 56);
    return (mseg_picture){.data = data, .stride = (size_t)width * 3, .width = width, .height = height};
}

static inline void case_picture_free(mseg_picture *picture)
{
    void *data;
    memcpy(&data, &picture->data, sizeof data);
    free(data);
}

static inline mseg_plan *case_plan(const net_case *c, const mseg_packed_net *net, int threads, size_t l2_bytes)
{
    mseg_plan *plan;
    mseg_error err;
    mseg_cpu cpu = mseg_cpu_detect();
    cpu.l2_bytes = l2_bytes;
    if (mseg_plan_open(&plan, net, c->width, c->height, threads, &cpu, &err))
        fail_msg("%s: %s", c->name, err.text);
    return plan;
}

/* Cache sizes to plan for: the smaller ones split blocks into groups of channels and stream maps from operator to operator. The
 * first and the third suffice for long networks. */
enum { CASE_CACHES = 4 };
static const size_t case_caches[CASE_CACHES] = {4 << 10, 1 << 10, 1 << 20, 64 << 10};

#endif
