#include <math.h>
#include <string.h>

#include "weights/graphdef.h"

/* Arithmetic on numbers, on maps, and over the dimensions of maps. */

enum { NO_CODE = -1 };

static const struct {
    const char *op;
    mseg_sizes_operation operation;
    int code; /* of maps and a constant */
} binary[] = {
    {"Add", MSEG_SIZES_ADD, TFL_OP_ADD},         {"AddV2", MSEG_SIZES_ADD, TFL_OP_ADD},
    {"Sub", MSEG_SIZES_SUB, TFL_OP_SUB},         {"Mul", MSEG_SIZES_MUL, TFL_OP_MUL},
    {"RealDiv", MSEG_SIZES_DIV, TFL_OP_DIV},     {"Div", MSEG_SIZES_DIV, TFL_OP_DIV},
    {"Maximum", MSEG_SIZES_MAX, TFL_OP_MAXIMUM}, {"Minimum", MSEG_SIZES_MIN, TFL_OP_MINIMUM},
    {"FloorDiv", MSEG_SIZES_FLOOR_DIV, NO_CODE}, {"FloorMod", MSEG_SIZES_FLOOR_MOD, NO_CODE},
    {"Greater", MSEG_SIZES_GREATER, NO_CODE},    {"GreaterEqual", MSEG_SIZES_GREATER_EQUAL, NO_CODE},
    {"Less", MSEG_SIZES_LESS, NO_CODE},          {"LessEqual", MSEG_SIZES_LESS_EQUAL, NO_CODE},
    {"Equal", MSEG_SIZES_EQUAL, NO_CODE},        {"NotEqual", MSEG_SIZES_NOT_EQUAL, NO_CODE},
    {"LogicalAnd", MSEG_SIZES_AND, NO_CODE},     {"LogicalOr", MSEG_SIZES_OR, NO_CODE},
};

static const struct {
    const char *op;
    mseg_sizes_operation operation;
} unary[] = {
    {"LogicalNot", MSEG_SIZES_NOT}, {"Neg", MSEG_SIZES_NEG},    {"Floor", MSEG_SIZES_FLOOR}, {"Ceil", MSEG_SIZES_CEIL},
    {"Round", MSEG_SIZES_ROUND},    {"Rint", MSEG_SIZES_ROUND}, {"Sqrt", MSEG_SIZES_SQRT},   {"Rsqrt", MSEG_SIZES_RSQRT},
};

/* ---- many numbers -------------------------------------------------------------------------------------------------------- */

/* As TensorFlow computes them, in float32. b NULL: of one. */
static mseg_status compute_many(gd_reader *r, gd_call *c, mseg_sizes_operation operation, const gd_constant *a,
                                const gd_constant *b)
{
    const gd_constant *larger = b && (b->count > a->count || (b->count == a->count && b->sizes.rank > a->sizes.rank)) ? b : a;
    const mseg_sizes shape = larger->sizes;
    const size_t n = a->count, m = b ? b->count : 1, count = larger->count;
    if (!n || !m || a->sizes.integer || (b && b->sizes.integer) || mseg_sizes_compares(operation) ||
        (b && !mseg_sizes_ends_with(&shape, larger == a ? &b->sizes : &a->sizes)))
        return mseg_gd_foreign(r, c);
    mseg_status status = MSEG_OK;
    const float *x = mseg_gd_values(r, c->in[0], &status), *y = !status && b ? mseg_gd_values(r, c->in[1], &status) : NULL;
    float *values = status ? NULL : mseg_weights_room(r->weights, count * sizeof *values, r->err);
    if (!values)
        return r->err->status;
    for (size_t i = 0; i < count; i++)
        values[i] = (float)mseg_sizes_compute(operation, (double)x[i % n], y ? (double)y[i % m] : 0, false);
    return mseg_gd_give_values(r, c, &shape, values);
}

mseg_status mseg_gd_unary(gd_reader *r, gd_call *c)
{
    size_t row = 0;
    while (!mseg_gd_text_is(c->node->op, unary[row].op))
        row++;
    const mseg_sizes *few = mseg_gd_numbers(r, c, 0);
    mseg_sizes out;
    if (few && mseg_sizes_apply(&out, unary[row].operation, few, NULL))
        return mseg_gd_give(r, c, &out);
    if (c->in[0].kind != GD_CONSTANT || few)
        return mseg_gd_foreign(r, c);
    return compute_many(r, c, unary[row].operation, &r->constants[c->in[0].index], NULL);
}

/* ---- maps ---------------------------------------------------------------------------------------------------------------- */

/* One value for a map of that rank, or one for each of its last dimension. */
static bool is_per_channel(const gd_constant *k, int rank)
{
    const mseg_sizes *s = &k->sizes;
    return s->rank <= rank && (k->count == 1 || (s->rank && (size_t)s->shape[s->rank - 1] == k->count));
}

/* A map and a constant, in the order in which they stand. */
static mseg_status with_constant(gd_reader *r, gd_call *c, int code, int map)
{
    const gd_value in = c->in[map];
    const tfl_tensor *t = mseg_gd_map(r, c, map);
    const bool arithmetic = code != TFL_OP_MAXIMUM && code != TFL_OP_MINIMUM;
    int shape[4], constant;
    tfl_operator *op;
    if (!t || code == NO_CODE || !is_per_channel(&r->constants[c->in[1 - map].index], t->rank - (in.batchless ? 1 : 0)))
        return mseg_gd_foreign(r, c);
    memcpy(shape, t->shape, sizeof shape);
    const int rank = t->rank;
    mseg_status status = mseg_gd_constant_tensor(r, c, c->in[1 - map], GD_VALUES, &constant);
    c->in[0] = in;
    if (!status)
        status = mseg_gd_emit(r, c, code, rank, shape, &op);
    if (status)
        return status;
    mseg_gd_add_input(op, constant);
    if (map == 1) {
        op->inputs[1] = op->inputs[0];
        op->inputs[0] = constant;
    }
    c->out.picture = in.picture && arithmetic;
    c->out.batchless = in.batchless;
    return MSEG_OK;
}

static mseg_status of_maps(gd_reader *r, gd_call *c, int code)
{
    const tfl_tensor *a = mseg_gd_map(r, c, 0), *b = mseg_gd_map(r, c, 1);
    int shape[4];
    tfl_operator *op;
    if (!a || !b || code != TFL_OP_ADD || a->rank != b->rank ||
        memcmp(a->shape, b->shape, (size_t)a->rank * sizeof *a->shape) != 0)
        return mseg_gd_foreign(r, c);
    memcpy(shape, a->shape, sizeof shape);
    mseg_status status = mseg_gd_emit(r, c, code, a->rank, shape, &op);
    if (!status)
        mseg_gd_add_input(op, c->in[1].index);
    return status;
}

mseg_status mseg_gd_binary(gd_reader *r, gd_call *c)
{
    size_t row = 0;
    while (!mseg_gd_text_is(c->node->op, binary[row].op))
        row++;
    const mseg_sizes *a = mseg_gd_numbers(r, c, 0), *b = mseg_gd_numbers(r, c, 1);
    const gd_kind first = c->in[0].kind, second = c->in[1].kind;
    mseg_sizes out;
    if (a && b && mseg_sizes_apply(&out, binary[row].operation, a, b))
        return mseg_gd_give(r, c, &out);
    if (first == GD_CONSTANT && second == GD_CONSTANT)
        return compute_many(r, c, binary[row].operation, &r->constants[c->in[0].index], &r->constants[c->in[1].index]);
    if (first == GD_MAP && second == GD_CONSTANT)
        return with_constant(r, c, binary[row].code, 0);
    if (first == GD_CONSTANT && second == GD_MAP)
        return with_constant(r, c, binary[row].code, 1);
    return of_maps(r, c, binary[row].code);
}

mseg_status mseg_gd_bias_add(gd_reader *r, gd_call *c)
{
    const tfl_tensor *map = mseg_gd_map(r, c, 0);
    mseg_status status = mseg_gd_check_format(r, c);
    if (status || !map || c->in[1].kind != GD_CONSTANT)
        return status ? status : mseg_gd_foreign(r, c);
    const gd_constant *k = &r->constants[c->in[1].index];
    if (map->rank < 1 || k->sizes.rank != 1 || k->sizes.shape[0] != map->shape[map->rank - 1])
        return mseg_gd_fail(r, c->node, MSEG_FORMAT, "adds %zu values to a map of %d channels", k->count,
                            map->rank < 1 ? 0 : map->shape[map->rank - 1]);
    return with_constant(r, c, TFL_OP_ADD, 0);
}

/* The rank or axes of a list, from 0; false: they are none of the map. */
static bool read_axes(const gd_reader *r, const gd_call *c, int rank, int *axes, int *n)
{
    const mseg_sizes *given = mseg_gd_numbers(r, c, 1);
    *n = given ? mseg_sizes_count(given->rank, given->shape) : -1;
    if (*n < 1 || *n > 4 || !mseg_gd_integers(r, c, 1, *n, axes))
        return false;
    for (int i = 0; i < *n; i++) {
        axes[i] += axes[i] < 0 ? rank : 0;
        if (axes[i] < 0 || axes[i] >= rank)
            return false;
    }
    return true;
}

mseg_status mseg_gd_mean(gd_reader *r, gd_call *c)
{
    int axes[4], n, shape[4], given, rank = 0;
    bool keep = false, goes[4] = {false};
    tfl_operator *op;
    const tfl_tensor *map = mseg_gd_map(r, c, 0);
    mseg_status status = mseg_gd_bool(r, c, "keep_dims", &keep);
    if (status || !map || !read_axes(r, c, map->rank, axes, &n))
        return status ? status : mseg_gd_foreign(r, c);
    for (int i = 0; i < n; i++)
        goes[axes[i]] = true;
    for (int i = 0; i < map->rank; i++)
        if (keep || !goes[i])
            shape[rank++] = goes[i] ? 1 : map->shape[i];
    status = mseg_gd_int_tensor(r, axes, n, &given);
    if (!status)
        status = mseg_gd_emit(r, c, TFL_OP_MEAN, rank, shape, &op);
    if (!status)
        mseg_gd_add_input(op, given);
    return status;
}

mseg_status mseg_gd_arg_max(gd_reader *r, gd_call *c)
{
    int axes[4], n, shape[4], given, rank = 0;
    tfl_operator *op;
    const tfl_tensor *map = mseg_gd_map(r, c, 0);
    if (!map || !read_axes(r, c, map->rank, axes, &n) || n != 1)
        return mseg_gd_foreign(r, c);
    for (int i = 0; i < map->rank; i++)
        if (i != axes[0])
            shape[rank++] = map->shape[i];
    mseg_status status = mseg_gd_int_tensor(r, axes, 1, &given);
    if (!status)
        status = mseg_gd_emit(r, c, TFL_OP_ARG_MAX, rank, shape, &op);
    if (status)
        return status;
    mseg_gd_add_input(op, given);
    r->model.tensors[op->output].type = TFL_INT64;
    return MSEG_OK;
}

/* ---- simulated quantisation ---------------------------------------------------------------------------------------------- */

typedef struct grid {
    float low, high, scale;
    int zero; /* of bytes; the step at which 0 lies */
} grid;

/* A range moved so that 0 is one of its steps, in float32: TensorFlow's fake_quant_ops_functor.h. */
static bool nudge(float least, float most, int bits, bool narrow, grid *g)
{
    const float first = narrow ? 1 : 0, last = (float)((1 << bits) - 1);
    if (!isfinite(least) || !isfinite(most) || !(least <= 0) || !(most >= 0) || !(least < most))
        return false;
    g->scale = (most - least) / (last - first);
    if (!isnormal(g->scale))
        return false;
    const float from_least = first - least / g->scale;
    const float zero = from_least < first ? first : from_least > last ? last : roundf(from_least);
    g->low = (first - zero) * g->scale;
    g->high = (last - zero) * g->scale;
    g->zero = (int)zero;
    return true;
}

static float on_grid(const grid *g, float value)
{
    const float shifted = fmaxf(fminf(value, g->high), g->low) - g->low;
    return floorf(shifted / g->scale + 0.5f) * g->scale + g->low;
}

/* The range of an input or of an attribute; channel: of those that there are. False: not known. */
static bool range_of(const gd_reader *r, const gd_call *c, const float *const ends[2], size_t channel, float range[2])
{
    for (int i = 0; i < 2; i++) {
        const mseg_sizes *one = mseg_gd_numbers(r, c, 1 + i);
        if (c->n > 1 && !ends[i] && !(one && mseg_sizes_count(one->rank, one->shape) == 1))
            return false;
        if (c->n > 1)
            range[i] = ends[i] ? ends[i][channel] : (float)one->values[0];
    }
    return true;
}

/* Weights: each value rounded as TensorFlow rounds it. */
static mseg_status quantize_values(gd_reader *r, gd_call *c, const float *const ends[2], size_t channels, int bits, bool narrow,
                                   float range[2])
{
    mseg_status status = MSEG_OK;
    const gd_constant k = r->constants[c->in[0].index];
    const float *from = mseg_gd_values(r, c->in[0], &status);
    float *to = from ? mseg_weights_room(r->weights, k.count * sizeof *to, r->err) : NULL;
    if (!to)
        return r->err->status;
    for (size_t channel = 0; channel < channels; channel++) {
        grid g;
        if (!range_of(r, c, ends, channel, range) || !nudge(range[0], range[1], bits, narrow, &g))
            return mseg_gd_fail(r, c->node, MSEG_FORMAT, "has a range of no use (%g to %g)", (double)range[0], (double)range[1]);
        for (size_t i = channel; i < k.count; i += channels)
            to[i] = on_grid(&g, from[i]);
    }
    return mseg_gd_give_values(r, c, &k.sizes, to);
}

/* Maps: a tensor that holds those bytes, and floats again. */
static mseg_status quantize_map(gd_reader *r, gd_call *c, const grid *g)
{
    const gd_value in = c->in[0];
    const tfl_tensor *map = mseg_gd_map(r, c, 0);
    const int64_t zero = g->zero;
    tfl_operator *op;
    int shape[4];
    const int rank = map->rank;
    memcpy(shape, map->shape, sizeof shape);
    uint8_t *room = mseg_weights_room(r->weights, sizeof zero + sizeof g->scale, r->err);
    if (!room)
        return r->err->status;
    memcpy(room, &zero, sizeof zero);
    memcpy(room + sizeof zero, &g->scale, sizeof g->scale);
    mseg_status status = mseg_gd_emit(r, c, TFL_OP_QUANTIZE, rank, shape, &op);
    if (status)
        return status;
    tfl_tensor *bytes = &r->model.tensors[op->output];
    *bytes = (tfl_tensor){.rank = rank, .type = TFL_UINT8, .scales = room + sizeof zero, .zero_points = room};
    bytes->n_scales = bytes->n_zero_points = 1;
    memcpy(bytes->shape, shape, sizeof shape);
    c->in[0] = c->out;
    status = mseg_gd_emit(r, c, TFL_OP_DEQUANTIZE, rank, shape, &op);
    if (!status)
        r->model.tensors[op->output].type = TFL_FLOAT32;
    c->out.picture = in.picture;
    c->out.batchless = in.batchless;
    return status;
}

mseg_status mseg_gd_fake_quant(gd_reader *r, gd_call *c)
{
    const bool per_channel = mseg_gd_text_is(c->node->op, "FakeQuantWithMinMaxVarsPerChannel");
    int64_t bits = 8;
    bool narrow = false;
    float range[2] = {-6, 6};
    const float *ends[2] = {NULL, NULL};
    size_t channels = 1;
    grid g;
    mseg_status status = mseg_gd_int(r, c, "num_bits", &bits);
    if (!status)
        status = mseg_gd_bool(r, c, "narrow_range", &narrow);
    if (!status && c->n == 1)
        status = mseg_gd_float(r, c, "min", &range[0]);
    if (!status && c->n == 1)
        status = mseg_gd_float(r, c, "max", &range[1]);
    if (status)
        return status;
    if (bits < 2 || bits > 16)
        return mseg_gd_fail(r, c->node, MSEG_FORMAT, "has %lld bits, not 2 to 16", (long long)bits);
    for (int i = 0; i < 2 && per_channel && c->n == 3; i++) {
        const gd_constant *k = c->in[1 + i].kind == GD_CONSTANT ? &r->constants[c->in[1 + i].index] : NULL;
        const gd_constant *of = c->in[0].kind == GD_CONSTANT ? &r->constants[c->in[0].index] : NULL;
        if (!k || !of || k->sizes.rank != 1 || !of->sizes.rank || !k->count ||
            k->sizes.shape[0] != of->sizes.shape[of->sizes.rank - 1])
            return mseg_gd_foreign(r, c);
        channels = k->count;
        ends[i] = mseg_gd_values(r, c->in[1 + i], &status);
        if (!ends[i])
            return status;
    }
    if (c->in[0].kind == GD_CONSTANT)
        return quantize_values(r, c, ends, channels, (int)bits, narrow, range);
    if (!mseg_gd_map(r, c, 0) || bits != 8 || narrow || !range_of(r, c, ends, 0, range))
        return mseg_gd_foreign(r, c);
    if (!nudge(range[0], range[1], 8, false, &g))
        return mseg_gd_fail(r, c->node, MSEG_FORMAT, "has a range of no use (%g to %g)", (double)range[0], (double)range[1]);
    return quantize_map(r, c, &g);
}
