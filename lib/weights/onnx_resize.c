#include <math.h>
#include <string.h>

#include "weights/onnx.h"

/* What the numbers of one of the inputs or attributes tell, in the order of the tensor's dimensions. */
static bool by_tensor(const onnx_value *map, const double *given, int count, double out[ONNX_RANK])
{
    for (int i = 0; i < map->rank && count == map->rank; i++)
        out[map->perm[i]] = given[i];
    return count == map->rank;
}

/* Sizes of the output [batch, height, width, channels]; false when they are not told as mseg knows it. From operator set 11 on
 * there are a region and sizes, too. */
static bool read_sizes(onnx_reader *r, const onnx_node *n, const onnx_value *map, int sizes[ONNX_RANK])
{
    enum { WITH_SIZES = 11 };
    const bool upsample = strcmp(n->message->op_type, "Upsample") == 0;
    int count = 0;
    double to[ONNX_RANK], scales[ONNX_RANK];
    const double *given = NULL;
    if (upsample || r->opset < WITH_SIZES)
        given = mseg_ox_listed(r, n, "scales", 1, &count);
    else if (mseg_ox_input(r, n, 3))
        given = mseg_ox_numbers(r, n, 3, &count);
    if (!count)
        given = NULL;
    if (given && !upsample && r->opset >= WITH_SIZES) {
        if (!by_tensor(map, given, count, to))
            return false;
    } else {
        given = given ? given : mseg_ox_numbers(r, n, 2, &count);
        if (!given || !by_tensor(map, given, count, scales))
            return false;
        for (int i = 0; i < ONNX_RANK; i++)
            to[i] = floor((double)((float)scales[i] * (float)mseg_ox_size(map, i)));
        for (int i = 0; i < ONNX_RANK; i++) /* positions are by the scale itself */
            if (!(fabs(scales[i] * mseg_ox_size(map, i) - to[i]) <= 1e-4 * to[i]))
                return false;
    }
    for (int i = 0; i < ONNX_RANK; i++) {
        if (!(to[i] >= 1 && to[i] <= TFL_MAX_DIMENSION))
            return false;
        sizes[i] = (int)to[i];
    }
    return sizes[0] == mseg_ox_size(map, 0) && sizes[3] == mseg_ox_size(map, 3);
}

/* The rule by which positions belong together; false: none that mseg has. */
static bool read_rule(const onnx_reader *r, const onnx_node *n, const int sizes[ONNX_RANK], tfl_operator *rule)
{
    enum { WITH_RULE = 11 };
    static const char *const name = "coordinate_transformation_mode";
    if (strcmp(n->message->op_type, "Upsample") == 0 || r->opset < WITH_RULE || mseg_ox_is(n, name, "asymmetric", "half_pixel"))
        return true;
    rule->align_corners = mseg_ox_is(n, name, "align_corners", "half_pixel");
    const bool by_torch = mseg_ox_is(n, name, "pytorch_half_pixel", "half_pixel");
    rule->half_pixel = by_torch || mseg_ox_is(n, name, "half_pixel", "half_pixel");
    return (rule->align_corners || rule->half_pixel) && !(by_torch && (sizes[1] == 1 || sizes[2] == 1));
}

/* Every position of a map of one is the same, whatever the rule. */
static bool is_one(const onnx_value *map)
{
    return mseg_ox_size(map, 1) == 1 && mseg_ox_size(map, 2) == 1;
}

bool mseg_ox_resize(onnx_reader *r, const onnx_node *n)
{
    const onnx_value *map = mseg_ox_any_map(r, n, 0);
    const bool linear = mseg_ox_is(n, "mode", "linear", "nearest") || mseg_ox_is(n, "mode", "bilinear", "nearest");
    const bool nearest = mseg_ox_is(n, "mode", "nearest", "nearest");
    tfl_operator rule = {0};
    int sizes[ONNX_RANK];
    if (!map || map->rank != ONNX_RANK || (!linear && !nearest) || mseg_ox_int(n, "antialias", 0) ||
        !read_sizes(r, n, map, sizes))
        return false;
    if (sizes[1] == mseg_ox_size(map, 1) && sizes[2] == mseg_ox_size(map, 2)) {
        mseg_ox_set(r, n, map);
        return true;
    }
    if (!read_rule(r, n, sizes, &rule) && !is_one(map))
        return false;
    onnx_value out = mseg_ox_resized(map, 1, sizes[1]);
    out = mseg_ox_resized(&out, 2, sizes[2]);
    const int32_t size[2] = {sizes[1], sizes[2]};
    const int inputs[2] = {map->tensor, mseg_ox_integers(r, size, 2)};
    tfl_operator *op = mseg_ox_emit(r, n, linear ? TFL_OP_RESIZE_BILINEAR : TFL_OP_RESIZE_NEAREST_NEIGHBOR, inputs, 2, &out);
    op->align_corners = rule.align_corners;
    op->half_pixel = rule.half_pixel;
    mseg_ox_keep_type(r, n, map);
    return true;
}

/* Copies of a map of one: Expand tells the output's shape, Tile how many copies. */
bool mseg_ox_expand(onnx_reader *r, const onnx_node *n)
{
    const onnx_value *map = mseg_ox_any_map(r, n, 0);
    const bool tile = *n->message->op_type == 'T';
    int count;
    double given[ONNX_RANK];
    const double *numbers = mseg_ox_numbers(r, n, 1, &count);
    if (!map || map->rank != ONNX_RANK || !numbers || !by_tensor(map, numbers, count, given))
        return false;
    onnx_value out = *map;
    for (int i = 0; i < ONNX_RANK; i++) {
        const int size = mseg_ox_size(map, i);
        if (!(given[i] >= 1 && given[i] <= TFL_MAX_DIMENSION) || (given[i] != 1 && size != 1 && (tile || given[i] != size)))
            return false;
        out = mseg_ox_resized(&out, i, given[i] > size ? (int)given[i] : size);
    }
    if (mseg_ox_same_map(map, &out)) {
        mseg_ox_set(r, n, map);
        return true;
    }
    mseg_ox_emit(r, n, tile ? TFL_OP_TILE : TFL_OP_BROADCAST_TO, &map->tensor, 1, &out);
    mseg_ox_keep_type(r, n, map);
    return true;
}
