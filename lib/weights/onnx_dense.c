#include "weights/onnx.h"

/* One row of values times weights [in, out] or, transposed, [out, in], which is TensorFlow Lite's order. */
static bool emit(onnx_reader *r, const onnx_node *n, const onnx_value *map, const onnx_value *weights, bool transposed, int bias)
{
    static const int swap[2] = {1, 0};
    if (!map || map->rank < 2 || weights->rank != 2)
        return false;
    const onnx_value w = transposed ? *weights : mseg_ox_transposed(r, weights, swap);
    const int last = map->rank - 1;
    for (int i = 0; i < last; i++)
        if (map->dims[i] != 1)
            return false;
    if (map->perm[last] != last || map->dims[last] != w.dims[1] || (w.n_scales > 1 && w.axis != 0))
        return false;
    const int inputs[3] = {map->tensor, mseg_ox_weights(r, &w, 2, w.dims, 0), bias};
    const onnx_value out = mseg_ox_resized(map, last, w.dims[0]);
    mseg_ox_emit(r, n, TFL_OP_FULLY_CONNECTED, inputs, bias < 0 ? 2 : 3, &out);
    return true;
}

bool mseg_ox_gemm(onnx_reader *r, const onnx_node *n)
{
    const onnx_value *map = mseg_ox_map(r, n, 0), *weights = mseg_ox_constant(r, n, 1), *c = mseg_ox_constant(r, n, 2);
    const bool transposed = mseg_ox_int(n, "transB", 0);
    if (!map || map->rank != 2 || !weights || weights->rank != 2 || mseg_ox_int(n, "transA", 0) ||
        mseg_ox_float(n, "alpha", 1) != 1 || mseg_ox_float(n, "beta", 1) != 1 || (!c && mseg_ox_input(r, n, 2)))
        return false;
    const int channels = weights->dims[transposed ? 0 : 1];
    if (c && (mseg_ox_elements(c) != channels || c->rank < 1 || c->rank > 2 || c->dims[c->rank - 1] != channels))
        return false;
    return emit(r, n, map, weights, transposed, c ? mseg_ox_weights(r, c, 1, &channels, 0) : -1);
}

bool mseg_ox_matmul(onnx_reader *r, const onnx_node *n)
{
    const onnx_value *weights = mseg_ox_constant(r, n, 1);
    return weights && emit(r, n, mseg_ox_map(r, n, 0), weights, false, -1);
}

/* a, its scale and zero point, b, its, y's. */
bool mseg_ox_qlinear_matmul(onnx_reader *r, const onnx_node *n)
{
    onnx_value weights;
    const onnx_value *w = mseg_ox_constant(r, n, 3);
    return w && mseg_ox_reads(r, n, 0) && mseg_ox_scaled(r, n, w, 4, 1, &weights) &&
           emit(r, n, mseg_ox_any_map(r, n, 0), &weights, false, -1) && mseg_ox_writes(r, n, 6);
}

/* The same of Gemm, with a bias of integers and an output of floats where y's scale is left out. */
bool mseg_ox_qgemm(onnx_reader *r, const onnx_node *n)
{
    onnx_value weights, bias;
    const onnx_value *w = mseg_ox_constant(r, n, 3);
    const bool transposed = mseg_ox_int(n, "transB", 0);
    if (!w || mseg_ox_int(n, "transA", 0) || mseg_ox_float(n, "alpha", 1) != 1 || !mseg_ox_reads(r, n, 0) ||
        !mseg_ox_scaled(r, n, w, 4, transposed ? 0 : 1, &weights) || !mseg_ox_scaled_bias(r, n, 6, &weights, &bias))
        return false;
    return emit(r, n, mseg_ox_any_map(r, n, 0), &weights, transposed,
                bias.data ? mseg_ox_weights(r, &bias, 1, bias.dims, 0) : -1) &&
           (!mseg_ox_input(r, n, 7) || mseg_ox_writes(r, n, 7));
}
