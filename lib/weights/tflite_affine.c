#include <math.h>

#include "weights/tflite.h"

/* Arithmetic with one value for each channel behind a convolution: batch norm as converters leave it when they compute what they
 * can (a product and a sum). */

/* What arithmetic with k makes of x: x * *scale + *offset. */
static bool affine_of(int code, double k, bool constant_first, double *scale, double *offset)
{
    *scale = code == TFL_OP_MUL ? k : code == TFL_OP_DIV ? 1 / k : code == TFL_OP_SUB && constant_first ? -1 : 1;
    *offset = code == TFL_OP_ADD || (code == TFL_OP_SUB && constant_first) ? k : code == TFL_OP_SUB ? -k : 0;
    return isfinite(*scale) && isfinite(*offset) && !(code == TFL_OP_DIV && constant_first);
}

/* The values of a tensor of that many channels, also of one value for all; first: in all of them when there is no tensor. NULL:
 * no room. */
static float *channel_values(tfl_builder *b, const mseg_tensor *t, int channels, float first)
{
    float *values = mseg_weights_room(b->weights, (size_t)channels * sizeof *values, b->err);
    if (!values) {
        b->status = b->err ? b->err->status : MSEG_NOMEM;
        return NULL;
    }
    if (t && t->data)
        mseg_tensor_to_f32(t, values);
    const bool all = !t || !t->data, one = !all && mseg_tensor_elements(t) == 1;
    for (int c = 0; c < channels; c++)
        values[c] = all ? first : values[one ? 0 : c];
    return values;
}

static mseg_tensor channel_tensor(const float *values, int channels)
{
    return (mseg_tensor){.dtype = MSEG_F32,
                         .rank = 1,
                         .shape = {channels},
                         .data = (const uint8_t *)values,
                         .bytes = (size_t)channels * sizeof *values};
}

static bool is_per_channel(const mseg_tensor *t, int channels)
{
    const size_t count = t->data ? mseg_tensor_elements(t) : 0;
    return count == 1 || (count == (size_t)channels && t->rank > 0 && t->shape[t->rank - 1] == channels);
}

/* Puts gamma * it + beta behind the node's batch norm, or what does nothing in the place of one. */
static bool set_affine(tfl_builder *b, mseg_node *node, int code, const mseg_tensor *constant, bool constant_first)
{
    const int channels = node->channels;
    const bool fresh = !node->norm[MSEG_NODE_VARIANCE].data;
    const float *k = channel_values(b, constant, channels, 0);
    float *gamma = k ? channel_values(b, &node->norm[MSEG_NODE_GAMMA], channels, 1) : NULL;
    float *beta = gamma ? channel_values(b, &node->norm[MSEG_NODE_BETA], channels, 0) : NULL;
    const float *mean = beta && fresh ? channel_values(b, NULL, channels, 0) : NULL;
    const float *variance = mean ? channel_values(b, NULL, channels, 1) : NULL;
    if (b->status)
        return false;
    for (int c = 0; c < channels; c++) {
        double scale, offset;
        if (!affine_of(code, (double)k[c], constant_first, &scale, &offset))
            return false;
        gamma[c] = (float)((double)gamma[c] * scale);
        beta[c] = (float)((double)beta[c] * scale + offset);
    }
    node->norm[MSEG_NODE_GAMMA] = channel_tensor(gamma, channels);
    node->norm[MSEG_NODE_BETA] = channel_tensor(beta, channels);
    if (fresh) {
        node->norm[MSEG_NODE_MEAN] = channel_tensor(mean, channels);
        node->norm[MSEG_NODE_VARIANCE] = channel_tensor(variance, channels);
    }
    return true;
}

bool mseg_tfl_absorb_affine(tfl_builder *b, const tfl_operator *op)
{
    const int constant = mseg_tfl_constant_first(b, op) ? 0 : 1;
    const tfl_view *v = mseg_tfl_input(b, op, 1 - constant), *c = mseg_tfl_input(b, op, constant);
    mseg_node *node = mseg_tfl_whole(b, v) ? mseg_tfl_open_convolution(b, v) : NULL;
    mseg_tensor k;
    mseg_activation activation;
    char fault[TFL_FAULT];
    if (!node || !c || c->constant < 0 || node->activation != MSEG_LINEAR || node->caps.data || node->channels < 1 ||
        !mseg_tfl_constant(&b->model->tensors[c->constant], "constant", &k, fault) || k.n_scales > 1 ||
        !is_per_channel(&k, node->channels) || !mseg_tfl_activation(op->activation, &activation))
        return false;
    for (int i = 0; i < MSEG_NODE_NORMS; i++)
        if (node->norm[i].data && !is_per_channel(&node->norm[i], node->channels))
            return false;
    if (!set_affine(b, node, op->code, &k, constant == 0))
        return false;
    node->activation = activation;
    mseg_tfl_set_apart(b, op, node, "is changed by");
    b->versions[v->node]++;
    mseg_tfl_pass(b, op, v);
    return true;
}
