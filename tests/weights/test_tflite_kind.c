/* What a .tflite file of another network is called: small files written here, field by field (schema.fbs, version 3). */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "weights/tflite_kind.h"
#include "weights/weights.h"

/* ---- a writer of FlatBuffers: fields of four bytes, children behind their parents ---- */

enum { MAX_BYTES = 8192 };

typedef struct writer {
    uint8_t bytes[MAX_BYTES];
    size_t size;
} writer;

static size_t put(writer *w, uint32_t value)
{
    assert_true(w->size + 4 <= MAX_BYTES);
    for (int i = 0; i < 4; i++)
        w->bytes[w->size++] = (uint8_t)(value >> 8 * i);
    return w->size - 4;
}

/* The offset at a place leads to what is written next. */
static void lead(writer *w, size_t place)
{
    size_t end = w->size;
    w->size = place;
    put(w, (uint32_t)(end - place));
    w->size = end;
}

/* A table whose fields 0 to count - 1 are all there, zero; the layout is in front. Returns the place of field 0. */
static size_t put_table(writer *w, size_t place, int count)
{
    uint32_t layout = 4 + 4 * (uint32_t)((count + 1) / 2);
    put(w, layout | (uint32_t)(4 + 4 * count) << 16);
    for (int i = 0; i < count; i += 2)
        put(w, (uint32_t)(4 + 4 * i) | (uint32_t)(i + 1 < count ? 8 + 4 * i : 0) << 16);
    lead(w, place);
    put(w, layout);
    for (int i = 0; i < count; i++)
        put(w, 0);
    return w->size - 4 * (size_t)count;
}

static void set(writer *w, size_t place, uint32_t value)
{
    size_t end = w->size;
    w->size = place;
    put(w, value);
    w->size = end;
}

/* Whole numbers, or places for offsets. Returns the place of the first. */
static size_t put_list(writer *w, size_t place, int count, const int *values)
{
    lead(w, place);
    put(w, (uint32_t)count);
    for (int i = 0; i < count; i++)
        put(w, values ? (uint32_t)values[i] : 0);
    return w->size - 4 * (size_t)count;
}

static void put_text(writer *w, size_t place, const char *text, size_t length)
{
    lead(w, place);
    put(w, (uint32_t)length);
    for (size_t i = 0; i < length; i += 4) {
        uint32_t four = 0;
        for (size_t j = 0; j < 4 && i + j < length; j++)
            four |= (uint32_t)(uint8_t)text[i + j] << 8 * j;
        put(w, four);
    }
}

/* ---- networks: operator i makes tensor i + 1 of what tensor i is; the last ones are outputs ---- */

enum { MAX_OPERATORS = 12, MAX_OUT = 4 };

typedef struct network {
    int input[5], rank;       /* rank 0: [1, 64, 64, 3] */
    int codes[MAX_OPERATORS]; /* the first n_codes operators */
    int n_codes;
    const char *custom; /* of code 32 */
    int outputs[MAX_OUT][5], n_outputs;
    int n_inputs; /* 0: one */
    bool swish;   /* operator 1 multiplies what it reads with what operator 0 read */
    bool silent;  /* operator 0 has no output */
} network;

static void put_tensors(writer *w, size_t place, const network *n)
{
    static const int picture[4] = {1, 64, 64, 3};
    int count = n->n_codes + 1 + n->n_outputs;
    size_t at = put_list(w, place, count, NULL);
    for (int i = 0; i < count; i++) {
        size_t fields = put_table(w, at + 4 * (size_t)i, 3);
        const int *out = i > n->n_codes ? n->outputs[i - n->n_codes - 1] : NULL;
        int rank = 0;
        while (out && rank < 5 && out[rank])
            rank++;
        if (out)
            put_list(w, fields, rank, out);
        else if (n->rank)
            put_list(w, fields, n->rank, n->input);
        else
            put_list(w, fields, 4, picture);
    }
}

static void put_operators(writer *w, size_t place, const network *n)
{
    size_t at = put_list(w, place, n->n_codes, NULL);
    for (int i = 0; i < n->n_codes; i++) {
        size_t fields = put_table(w, at + 4 * (size_t)i, 3);
        const int inputs[2] = {i, 0}, output = i + 1;
        set(w, fields, (uint32_t)i);
        put_list(w, fields + 4, n->swish && i == 1 ? 2 : 1, inputs);
        put_list(w, fields + 8, n->silent && i == 0 ? 0 : 1, &output);
    }
}

static void put_network(writer *w, const network *n)
{
    static const int zeros[2] = {0, 0};
    memset(w, 0, sizeof *w);
    put(w, 0);
    put(w, 0x334c4654); /* TFL3 */
    size_t model = put_table(w, 0, 5);
    set(w, model, 3);
    size_t codes = put_list(w, model + 4, n->n_codes, NULL);
    for (int i = 0; i < n->n_codes; i++) {
        size_t fields = put_table(w, codes + 4 * (size_t)i, 4);
        set(w, fields, (uint32_t)(n->codes[i] < 127 ? n->codes[i] : 127));
        if (n->codes[i] == 32)
            put_text(w, fields + 4, n->custom, strlen(n->custom));
        set(w, fields + 12, (uint32_t)n->codes[i]);
    }
    size_t graph = put_table(w, put_list(w, model + 8, 1, NULL), 4);
    put_tensors(w, graph, n);
    put_list(w, graph + 4, n->n_inputs ? n->n_inputs : 1, zeros);
    size_t outputs = put_list(w, graph + 8, n->n_outputs, NULL);
    for (int i = 0; i < n->n_outputs; i++)
        set(w, outputs + 4 * (size_t)i, (uint32_t)(n->n_codes + 1 + i));
    put_operators(w, graph + 12, n);
    put_table(w, put_list(w, model + 16, 1, NULL), 1);
    /* The one buffer has no data: its list is empty. */
    put_list(w, w->size - 4, 0, NULL);
}

static mseg_status open_network(const network *n, mseg_error *err)
{
    static writer w;
    put_network(&w, n);
    uint8_t *block = malloc(w.size);
    assert_non_null(block);
    memcpy(block, w.bytes, w.size);
    mseg_weights *weights;
    mseg_status status = mseg_weights_open_memory(&weights, block, w.size, err);
    assert_null(weights);
    free(block);
    return status;
}

/* ---- tests ---- */

enum { PAD = 34, ADD = 0, LOGISTIC = 14, MUL = 18, CUSTOM = 32, HARD_SWISH = 117 };

#define READS "; mseg reads MobileNet and ResNet classifiers and DeepLabv3"

/* Each begins as told; what stands between is the reader's own reason. */
static const struct {
    network n;
    const char *begins, *ends;
} kinds[] = {
    {{.codes = {CUSTOM}, .n_codes = 1, .custom = "edgetpu-custom-op"},
     "compiled for the Edge TPU (edgetpu-custom-op at operator 0): ",
     "; give the file that it was compiled from"},
    {{.codes = {CUSTOM}, .n_codes = 1, .custom = "ethos-u"},
     "compiled for Arm's Ethos-U (ethos-u at operator 0): ",
     "; give the file that it was compiled from"},
    {{.codes = {PAD, CUSTOM}, .n_codes = 2, .custom = "TFLite_Detection_PostProcess"},
     "a detector (TFLite_Detection_PostProcess at operator 1): ",
     READS},
    {{.codes = {HARD_SWISH, 120}, .n_codes = 2}, "a detector (NON_MAX_SUPPRESSION_V4 at operator 1): ", READS},
    {{.codes = {16}, .n_codes = 1, .input = {1, 10}, .rank = 2}, "a recurrent network (LSTM at operator 0): ", READS},
    {{.codes = {7}, .n_codes = 1}, "a network of words or other symbols (EMBEDDING_LOOKUP at operator 0): ", READS},
    {{.codes = {119}, .n_codes = 1}, "a network with loops (WHILE at operator 0): ", READS},
    {{.codes = {129}, .n_codes = 1, .silent = true},
     "a network that keeps a state (CALL_ONCE at operator 0): operator 0 (CALL_ONCE) has no output",
     READS},
    {{.codes = {132}, .n_codes = 1}, "a network of volumes or films (CONV_3D at operator 0): ", READS},
    {{.codes = {PAD, PAD, HARD_SWISH}, .n_codes = 3}, "like MobileNetV3 (HARD_SWISH at operator 2): ", READS},
    {{.codes = {67}, .n_codes = 1}, "a network with transposed convolutions (TRANSPOSE_CONV at operator 0): ", READS},
    {{.codes = {126}, .n_codes = 1},
     "a network with matrix products, as transformers have (BATCH_MATMUL at operator 0): ",
     READS},
    {{.codes = {CUSTOM}, .n_codes = 1, .custom = "FlexErf"},
     "a network with operators of TensorFlow itself (FlexErf at op",
     READS},
    {{.codes = {CUSTOM}, .n_codes = 1, .custom = "My\tOp\xff"},
     "a network with a custom operator (My?Op? at operator 0): ",
     READS},
    {{.codes = {CUSTOM}, .n_codes = 1, .custom = ""}, "a network with a custom operator (CUSTOM at operator 0): ", READS},
    {{.codes = {CUSTOM}, .n_codes = 1, .custom = "a name that is longer than anybody would want to read"},
     "a network with a custom operator (a name that is longer than anybody woul at operator 0): ",
     READS},
    {{.codes = {PAD}, .n_codes = 1, .input = {1, 3, 64, 48}, .rank = 4},
     "channels first (NCHW): its input is [1, 3, 64, 48]: ",
     READS},
    {{.codes = {PAD}, .n_codes = 1, .input = {1, 16000}, .rank = 2},
     "a network that takes [1, 16000], not an RGB picture: ",
     READS},
    {{.codes = {PAD}, .n_codes = 1, .input = {1, 28, 28, 1}, .rank = 4},
     "a network that takes [1, 28, 28, 1], not an RGB picture: ",
     READS},
    {{.codes = {PAD}, .n_codes = 1, .input = {8, 64, 64, 3}, .rank = 4}, "a network that takes 8 pictures at a time: ", READS},
    {{.codes = {PAD}, .n_codes = 1, .input = {1, 1, 1, 3}, .rank = 4},
     "a network of no fixed size: its input is [1, 1, 1, 3]: ",
     "; convert it with a fixed input size"},
    {{.codes = {PAD}, .n_codes = 1, .outputs = {{1, 9, 9, 34}, {1, 9, 9, 17}}, .n_outputs = 2},
     "a pose network (its output 1 is [1, 9, 9, 17]): ",
     READS},
    {{.codes = {PAD}, .n_codes = 1, .outputs = {{1, 1, 17, 3}}, .n_outputs = 1},
     "a pose network (its output 0 is [1, 1, 17, 3]): ",
     READS},
    {{.codes = {PAD}, .n_codes = 1, .outputs = {{1, 738, 91}, {1, 738, 4}}, .n_outputs = 2},
     "a detector (its output 1 is [1, 738, 4]): ",
     READS},
    {{.codes = {PAD}, .n_codes = 1, .outputs = {{1, 256, 256, 3}}, .n_outputs = 1},
     "a network whose output 0, [1, 256, 256, 3], is larger than its input: ",
     READS},
    {{.codes = {PAD}, .n_codes = 1, .outputs = {{1, 5}, {1, 5}, {1, 5}}, .n_outputs = 3}, "a network with 3 outputs: ", READS},
    {{.codes = {LOGISTIC, MUL}, .n_codes = 2, .swish = true},
     "a network with swish, as EfficientNet and YOLO have (LOGISTIC and MUL at operator 0): ",
     READS},
};

static void other_networks_are_named_before_the_reason(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        mseg_error err = {0};
        assert_int_equal(open_network(&kinds[i].n, &err), MSEG_UNSUPPORTED);
        assert_int_equal(err.status, MSEG_UNSUPPORTED);
        size_t length = strlen(err.text), begin = strlen(kinds[i].begins), end = strlen(kinds[i].ends);
        if (length < begin + end || strncmp(err.text, kinds[i].begins, begin) != 0 ||
            strcmp(err.text + length - end, kinds[i].ends) != 0)
            fail_msg("expected '%s...%s', got '%s'", kinds[i].begins, kinds[i].ends, err.text);
    }
}

/* What networks of ours may hold besides: the reason stands alone. */
static void what_is_not_certain_is_not_said(void **state)
{
    (void)state;
    static const network unknown[] = {
        {.codes = {PAD, PAD}, .n_codes = 2},
        {.codes = {PAD, PAD, PAD, PAD, PAD, PAD, PAD, PAD, HARD_SWISH}, .n_codes = 9},
        {.codes = {LOGISTIC, MUL}, .n_codes = 2},
        {.codes = {LOGISTIC, ADD}, .n_codes = 2, .swish = true},
        {.codes = {PAD}, .n_codes = 1, .outputs = {{1, 64, 64, 3}}, .n_outputs = 1},
        {.codes = {PAD}, .n_codes = 1, .outputs = {{1, 64, 128, 3}}, .n_outputs = 1},
        {.codes = {PAD}, .n_codes = 1, .outputs = {{1, 128, 64, 3}}, .n_outputs = 1},
        {.codes = {PAD}, .n_codes = 1, .outputs = {{1, 9, 9, 17}, {1, 9, 9, 35}}, .n_outputs = 2},
        {.codes = {PAD}, .n_codes = 1, .outputs = {{1, 99, 4}, {1, 99, 2}}, .n_outputs = 2},
        {.codes = {PAD}, .n_codes = 1, .outputs = {{1, 738, 4}}, .n_outputs = 1},
        {.codes = {PAD}, .n_codes = 1, .input = {1, 1, 2, 2, 3}, .rank = 5},
        {.codes = {PAD}, .n_codes = 1, .n_inputs = 2},
    };
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
        mseg_error err = {0};
        assert_int_equal(open_network(&unknown[i], &err), MSEG_UNSUPPORTED);
        if (strstr(err.text, READS) ||
            (strncmp(err.text, "not MobileNet", 13) != 0 && strncmp(err.text, "the network's input", 19) != 0 &&
             strncmp(err.text, "a network with 2 inputs; mseg", 29) != 0))
            fail_msg("network %zu: %s", i, err.text);
    }
}

/* The longest kind leaves room for a part of the reason, and the text ends with what to do. */
static void a_long_reason_is_cut(void **state)
{
    (void)state;
    tfl_tensor tensor = {0};
    tfl_operator op = {.code = CUSTOM, .custom = "FlexWithANameAsLongAsThePlaceForItIsOrM"};
    const tfl_model model = {.tensors = &tensor, .n_tensors = 1, .operators = &op, .n_operators = 1, .n_inputs = 1};
    const char *begins =
        "a network with operators of TensorFlow itself (FlexWithANameAsLongAsThePlaceForItIsOrM at operator 0): ";
    for (size_t length = 1; length < sizeof((mseg_error *)0)->text; length++) {
        mseg_error err = {.status = MSEG_UNSUPPORTED};
        char expected[512];
        memset(err.text, 'x', length);
        size_t room = sizeof err.text - 1 - strlen(begins) - strlen(READS);
        if (length <= room)
            snprintf(expected, sizeof expected, "%s%s%s", begins, err.text, READS);
        else
            snprintf(expected, sizeof expected, "%s%.*s...%s", begins, (int)room - 3, err.text, READS);
        mseg_tfl_say_kind(&model, &err);
        assert_string_equal(err.text, expected);
    }
}

static void operators_have_the_names_of_the_schema(void **state)
{
    (void)state;
    static const struct {
        int code;
        const char *name;
    } names[] = {
        {0, "ADD"},
        {36, "GATHER"},
        {77, "SHAPE"},
        {88, "UNPACK"},
        {97, "RESIZE_NEAREST_NEIGHBOR"},
        {114, "QUANTIZE"},
        {117, "HARD_SWISH"},
        {126, "BATCH_MATMUL"},
        {150, "GELU"},
        {161, "RIGHT_SHIFT"},
        {162, "STABLEHLO_LOGISTIC"},
        {203, "DILATE"},
        {209, "STABLEHLO_CASE"},
        {210, "operator"},
        {-1, "operator"},
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_string_equal(mseg_tfl_code_name(names[i].code), names[i].name);
    const tfl_operator known = {.code = 32, .custom = "edgetpu-custom-op"}, bare = {.code = 32}, plain = {.code = 36};
    assert_string_equal(mseg_tfl_operator_name(&known), "edgetpu-custom-op");
    assert_string_equal(mseg_tfl_operator_name(&bare), "CUSTOM");
    assert_string_equal(mseg_tfl_operator_name(&plain), "GATHER");
}

/* An error that nobody wants. */
static void no_error_is_wanted(void **state)
{
    (void)state;
    assert_int_equal(open_network(&kinds[0].n, NULL), MSEG_UNSUPPORTED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(other_networks_are_named_before_the_reason),
        cmocka_unit_test(what_is_not_certain_is_not_said),
        cmocka_unit_test(a_long_reason_is_cut),
        cmocka_unit_test(operators_have_the_names_of_the_schema),
        cmocka_unit_test(no_error_is_wanted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
