#include "weights/tflite_kind.h"

#include <stdio.h>
#include <string.h>

/* Everywhere in one line: what is told for certain. A MobileNet classifier or a DeepLab that only misses a detail must not be
 * called something else, so nothing here goes by what such files may hold. */
typedef struct kind {
    char what[128];
    const char *give; /* what to do */
} kind;

#define READABLE   "mseg reads MobileNet and ResNet classifiers and DeepLabv3"
#define UNCOMPILED "give the file that it was compiled from"
#define FIXED      "convert it with a fixed input size"

enum {
    EARLY = 8, /* operators: what a stem and the block behind it have at least */
    SHAPE_TEXT = 48,
};

enum { OP_LOGISTIC = 14 };

/* Operators that no network of ours has. The first row that one of the first within (0: all) operators fits tells the kind. */
static const struct {
    int code;
    const char *custom; /* how the custom operator's name begins */
    int within;
    const char *what, *give;
} telling[] = {
    {TFL_OP_CUSTOM, "edgetpu-custom-op", 0, "compiled for the Edge TPU", UNCOMPILED},
    {TFL_OP_CUSTOM, "ethos-u", 0, "compiled for Arm's Ethos-U", UNCOMPILED},
    {TFL_OP_CUSTOM, "TFLite_Detection_PostProcess", 0, "a detector", READABLE},
    {120 /* NON_MAX_SUPPRESSION_V4 */, NULL, 0, "a detector", READABLE},
    {121 /* NON_MAX_SUPPRESSION_V5 */, NULL, 0, "a detector", READABLE},
    {16 /* LSTM */, NULL, 0, "a recurrent network", READABLE},
    {24 /* RNN */, NULL, 0, "a recurrent network", READABLE},
    {27 /* SVDF */, NULL, 0, "a recurrent network", READABLE},
    {35 /* UNIDIRECTIONAL_SEQUENCE_RNN */, NULL, 0, "a recurrent network", READABLE},
    {44 /* UNIDIRECTIONAL_SEQUENCE_LSTM */, NULL, 0, "a recurrent network", READABLE},
    {46 /* BIDIRECTIONAL_SEQUENCE_RNN */, NULL, 0, "a recurrent network", READABLE},
    {52 /* BIDIRECTIONAL_SEQUENCE_LSTM */, NULL, 0, "a recurrent network", READABLE},
    {7 /* EMBEDDING_LOOKUP */, NULL, 0, "a network of words or other symbols", READABLE},
    {10 /* HASHTABLE_LOOKUP */, NULL, 0, "a network of words or other symbols", READABLE},
    {33 /* EMBEDDING_LOOKUP_SPARSE */, NULL, 0, "a network of words or other symbols", READABLE},
    {118 /* IF */, NULL, 0, "a network with branches", READABLE},
    {119 /* WHILE */, NULL, 0, "a network with loops", READABLE},
    {129 /* CALL_ONCE */, NULL, 0, "a network that keeps a state", READABLE},
    {144 /* ASSIGN_VARIABLE */, NULL, 0, "a network that keeps a state", READABLE},
    {131 /* RFFT2D */, NULL, 0, "a network with Fourier transforms", READABLE},
    {132 /* CONV_3D */, NULL, 0, "a network of volumes or films", READABLE},
    {117 /* HARD_SWISH */, NULL, EARLY, "like MobileNetV3", READABLE},
    {67 /* TRANSPOSE_CONV */, NULL, 0, "a network with transposed convolutions", READABLE},
    {126 /* BATCH_MATMUL */, NULL, 0, "a network with matrix products, as transformers have", READABLE},
    {TFL_OP_CUSTOM, "Flex", 0, "a network with operators of TensorFlow itself", READABLE},
    {TFL_OP_CUSTOM, "", 0, "a network with a custom operator", READABLE},
};

static bool by_operator(const tfl_model *model, kind *k)
{
    for (size_t row = 0; row < sizeof telling / sizeof *telling; row++) {
        const char *custom = telling[row].custom;
        int end = telling[row].within && telling[row].within < model->n_operators ? telling[row].within : model->n_operators;
        for (int i = 0; i < end; i++) {
            const tfl_operator *op = &model->operators[i];
            if (op->code != telling[row].code || (custom && strncmp(op->custom, custom, strlen(custom)) != 0))
                continue;
            snprintf(k->what, sizeof k->what, "%s (%s at operator %d)", telling[row].what, mseg_tfl_operator_name(op), i);
            k->give = telling[row].give;
            return true;
        }
    }
    return false;
}

/* x * sigmoid(x) of a map, apart. (Gates that a sigmoid makes from means have one pixel.) */
static bool by_swish(const tfl_model *model, kind *k)
{
    for (int i = 0; i + 1 < model->n_operators && i < EARLY; i++) {
        const tfl_operator *gate = &model->operators[i], *product = gate + 1;
        const tfl_tensor *map = gate->n_inputs == 1 && gate->inputs[0] >= 0 ? &model->tensors[gate->inputs[0]] : NULL;
        if (gate->code != OP_LOGISTIC || product->code != TFL_OP_MUL || product->n_inputs != 2 || !map || map->rank != 4 ||
            map->shape[1] == 1)
            continue;
        const int *in = product->inputs;
        if ((in[0] != gate->inputs[0] || in[1] != gate->output) && (in[1] != gate->inputs[0] || in[0] != gate->output))
            continue;
        snprintf(k->what, sizeof k->what, "a network with swish, as EfficientNet and YOLO have (LOGISTIC and MUL at operator %d)",
                 i);
        k->give = READABLE;
        return true;
    }
    return false;
}

static void shape_text(char text[SHAPE_TEXT], const tfl_tensor *t)
{
    size_t length = (size_t)snprintf(text, SHAPE_TEXT, "[");
    for (int i = 0; i < t->rank; i++)
        length += (size_t)snprintf(text + length, SHAPE_TEXT - length, i ? ", %d" : "%d", t->shape[i]);
    snprintf(text + length, SHAPE_TEXT - length, "]");
}

static bool by_input(const tfl_model *model, kind *k)
{
    if (model->n_inputs != 1)
        return false;
    const tfl_tensor *t = &model->tensors[model->input];
    const int *shape = t->shape;
    char text[SHAPE_TEXT];
    if (t->rank < 1)
        return false;
    shape_text(text, t);
    k->give = READABLE;
    if (t->rank != 4 || (shape[3] != 3 && shape[1] != 3))
        snprintf(k->what, sizeof k->what, "a network that takes %s, not an RGB picture", text);
    else if (shape[3] != 3 && model->n_operators && model->operators[0].code != TFL_OP_TRANSPOSE)
        snprintf(k->what, sizeof k->what, "channels first (NCHW): its input is %s", text);
    else if (shape[1] == 1 && shape[2] == 1) {
        snprintf(k->what, sizeof k->what, "a network of no fixed size: its input is %s", text);
        k->give = FIXED;
    } else if (shape[0] > 1)
        snprintf(k->what, sizeof k->what, "a network that takes %d pictures at a time", shape[0]);
    else
        return false;
    return true;
}

static bool has_shape(const tfl_tensor *t, int a, int b, int c, int d)
{
    return t->rank == 4 && t->shape[0] == a && t->shape[1] == b && t->shape[2] == c && t->shape[3] == d;
}

/* 17 heatmaps and 34 offsets (PoseNet), or 17 points (MoveNet): the joints that COCO annotates. */
static bool is_pose(const tfl_tensor *t, const tfl_tensor *other)
{
    return has_shape(t, 1, 1, 17, 3) ||
           (t->rank == 4 && t->shape[3] == 17 && has_shape(other, t->shape[0], t->shape[1], t->shape[2], 34));
}

/* Four coordinates and some scores of the same many boxes. */
static bool is_boxes(const tfl_tensor *t, const tfl_tensor *other)
{
    return t != other && t->rank == 3 && other->rank == 3 && t->shape[2] == 4 && t->shape[1] >= 100 &&
           other->shape[1] == t->shape[1];
}

static bool is_larger(const tfl_tensor *out, const tfl_tensor *in)
{
    return in->rank == 4 && out->rank == 4 && out->shape[1] > in->shape[1] && out->shape[2] > in->shape[2];
}

static bool by_output(const tfl_model *model, kind *k)
{
    int outputs = model->n_outputs < TFL_MAX_OUTPUTS ? model->n_outputs : TFL_MAX_OUTPUTS;
    k->give = READABLE;
    for (int i = 0; i < outputs; i++) {
        const tfl_tensor *t = &model->tensors[model->outputs[i]];
        char text[SHAPE_TEXT];
        shape_text(text, t);
        for (int j = 0; j < outputs; j++) {
            const tfl_tensor *other = &model->tensors[model->outputs[j]];
            const char *what = is_pose(t, other) ? "a pose network" : is_boxes(t, other) ? "a detector" : NULL;
            if (!what)
                continue;
            snprintf(k->what, sizeof k->what, "%s (its output %d is %s)", what, i, text);
            return true;
        }
        if (model->n_inputs == 1 && is_larger(t, &model->tensors[model->input])) {
            snprintf(k->what, sizeof k->what, "a network whose output %d, %s, is larger than its input", i, text);
            return true;
        }
    }
    if (model->n_outputs > 2)
        snprintf(k->what, sizeof k->what, "a network with %d outputs", model->n_outputs);
    return model->n_outputs > 2;
}

void mseg_tfl_say_kind(const tfl_model *model, mseg_error *err)
{
    kind k;
    if (!err || !model->tensors ||
        !(by_operator(model, &k) || by_input(model, &k) || by_output(model, &k) || by_swish(model, &k)))
        return;
    char reason[sizeof err->text];
    memcpy(reason, err->text, sizeof reason);
    int room = (int)(sizeof err->text - sizeof ": ; ") - (int)(strlen(k.what) + strlen(k.give));
    if ((int)strlen(reason) > room)
        memcpy(reason + room - 3, "...", 4);
    if (snprintf(err->text, sizeof err->text, "%s: %s; %s", k.what, reason, k.give) >= (int)sizeof err->text)
        memcpy(err->text + sizeof err->text - 4, "...", 4);
}
