#include <math.h>
#include <stdio.h>

#include "weights/tflite.h"

/* What nodes keep of a network in 8 bits. */

mseg_quant mseg_tfl_quant(const tfl_tensor *t)
{
    const bool is_signed = t->type == TFL_INT8;
    const int least = is_signed ? -128 : 0;
    if ((!is_signed && t->type != TFL_UINT8) || t->n_scales != 1)
        return (mseg_quant){0};
    const float scale = mseg_load_f32(t->scales);
    const int64_t zero = t->n_zero_points ? (int64_t)mseg_load_u64(t->zero_points) : 0;
    if (!isnormal(scale) || scale <= 0 || zero < least || zero > least + 255) /* XNNPACK wants normal ones, too */
        return (mseg_quant){0};
    return (mseg_quant){.scale = scale, .zero = (int)zero - least, .is_signed = is_signed};
}

void mseg_tfl_narrow(mseg_node *node, const tfl_tensor *t)
{
    const mseg_quant quant = mseg_tfl_quant(t);
    if (!(quant.scale > 0))
        return;
    node->low = fmaxf(node->low, (float)(-quant.zero * (double)quant.scale));
    node->high = fminf(node->high, (float)((255 - quant.zero) * (double)quant.scale));
}

void mseg_tfl_bound(mseg_node *node, mseg_activation activation, bool apart)
{
    mseg_quant_bounds *bounds = &node->bounds;
    const float zero = (float)node->quant.zero, steps = 6 / node->quant.scale;
    if (activation == MSEG_LINEAR || !(node->quant.scale > 0))
        return;
    const float six = fminf(apart ? roundf(steps) + zero : rintf(steps + zero), 255);
    const int most = activation == MSEG_RELU6 ? (int)six : 255;
    if (bounds->most == 0 || most < bounds->most)
        bounds->most = (uint8_t)most;
    bounds->least = (uint8_t)node->quant.zero;
}

mseg_node_read mseg_tfl_read(const tfl_builder *b, const tfl_operator *op, int input)
{
    const tfl_view *v = mseg_tfl_input(b, op, input);
    mseg_node_read read = {.quantized = v && v->quantized > 0};
    if (v && !v->floats && v->quantized <= 1)
        read.quant = mseg_tfl_quant(&b->model->tensors[op->inputs[input]]);
    return read;
}

void mseg_tfl_set_apart(const tfl_builder *b, const tfl_operator *op, mseg_node *node, const char *what)
{
    if (!*node->apart && *op->label)
        snprintf(node->apart, sizeof node->apart, "%s %s", what, op->label);
    else if (!*node->apart)
        snprintf(node->apart, sizeof node->apart, "%s operator %d (%s)", what, (int)(op - b->model->operators),
                 mseg_tfl_operator_name(op));
}

void mseg_tfl_note_format(tfl_builder *b, const tfl_operator *op)
{
    const mseg_quant in = mseg_tfl_quant(&b->model->tensors[op->inputs[0]]), out = mseg_tfl_quant(&b->model->tensors[op->output]);
    tfl_view *v = &b->views[op->output];
    if (v->node == 0 && !(b->nodes[0].quant.scale > 0) && b->model->tensors[b->model->input].type == TFL_FLOAT32 && !v->floats)
        b->nodes[0].quant = out;
    else if (!(in.scale > 0) || !(out.scale > 0))
        v->floats = true;
    else if (!mseg_quant_same(in, out))
        v->quantized++;
}
