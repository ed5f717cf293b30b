/* What a model is opened to run in, and what is told of how its file holds bytes: of files written by make_forms.py, which has
 * what their bytes stand for (.quants). */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "mseg.h"
#include "weights/model_files.h"

#define NOT_QUANTISED "the file is not quantised"
#define MODEL(name)   DATA name ".tflite"

static mseg_model_options asking_for(mseg_precision precision)
{
    mseg_model_options options;
    mseg_model_options_init(&options, sizeof options);
    assert_int_equal(options.precision, MSEG_PRECISION_AUTO);
    options.precision = precision;
    return options;
}

static mseg_model *open_as(const char *path, mseg_precision precision)
{
    mseg_model *model;
    mseg_error err = {0};
    const mseg_model_options options = asking_for(precision);
    if (mseg_model_open(&model, path, &options, &err))
        fail_msg("%s: %s", path, err.text);
    return model;
}

/* Files that run in integers, quantised ones that do not, and such that are not quantised. */
static void what_is_chosen(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        bool quantised, signed_bytes;
        const char *reason; /* a part of it, NULL: in integers */
    } files[] = {{MODEL("stuffed8"), true, false, NULL},          {MODEL("pertensor"), true, true, NULL},
                 {MODEL("mobilenet1u8"), true, false, NULL},      {MODEL("uint8"), true, false, "a bias of another scale"},
                 {MODEL("float16"), false, false, NOT_QUANTISED}, {MODEL("dynamic"), false, false, "weights are quantised"}};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        for (mseg_precision asked = MSEG_PRECISION_AUTO; asked <= MSEG_PRECISION_FLOAT; asked++) {
            const bool integers = asked == MSEG_PRECISION_AUTO && !files[i].reason;
            mseg_model *model = open_as(files[i].path, asked);
            const mseg_model_info info = mseg_model_describe(model);
            if (info.precision != (integers ? MSEG_PRECISION_INT8 : MSEG_PRECISION_FLOAT))
                fail_msg("%s: asked for %d, is %d", files[i].path, (int)asked, (int)info.precision);
            assert_true(info.quantised == files[i].quantised && info.signed_bytes == files[i].signed_bytes);
            assert_int_equal(files[i].reason != NULL, info.no_integers != NULL);
            if (files[i].reason)
                assert_non_null(strstr(info.no_integers, files[i].reason));
            mseg_model_close(&model);
        }
}

static void check_unable(mseg_status status, const mseg_model *model, const mseg_error *err, const char *reason)
{
    assert_int_equal(status, MSEG_UNSUPPORTED);
    assert_null(model);
    assert_int_equal(strncmp(err->text, "cannot run in integers: ", 24), 0);
    assert_non_null(strstr(err->text, reason));
    assert_non_null(strstr(err->text, "; precision float runs it"));
}

static void integers_or_not_at_all(void **state)
{
    (void)state;
    static const char *const able[] = {MODEL("stuffed8"), MODEL("pertensor"), MODEL("mobilenet1u8")};
    const mseg_model_options options = asking_for(MSEG_PRECISION_INT8);
    mseg_model *model;
    mseg_error err = {0};
    for (size_t i = 0; i < sizeof able / sizeof *able; i++) {
        model = open_as(able[i], MSEG_PRECISION_INT8);
        assert_int_equal(mseg_model_describe(model).precision, MSEG_PRECISION_INT8);
        mseg_model_close(&model);
    }
    check_unable(mseg_model_open(&model, MODEL("uint8"), &options, &err), model, &err, "a bias of another scale");
    err = (mseg_error){0};
    check_unable(mseg_model_open(&model, MODEL("float16"), &options, &err), model, &err, NOT_QUANTISED);
    err = (mseg_error){0};
    check_unable(mseg_model_open_builtin(&model, &options, &err), model, &err, NOT_QUANTISED);
    err = (mseg_error){0};
    check_unable(mseg_model_open_random(&model, "mnv2:0.1", &options, &err), model, &err, NOT_QUANTISED);
}

static float scale_of(const mseg_weights *weights, const char *layer)
{
    return mseg_weights_quant(weights, layer)->quant.scale;
}

/* Makes the classifier's sums, of which one is large, 100 steps of its bytes each: nothing that operators tell one by one. */
static void patch(file *f)
{
    static const int32_t large = 1 << 30;
    mseg_weights *weights;
    mseg_error err;
    float weight;
    assert_int_equal(mseg_weights_open_memory(&weights, f->bytes, f->size, &err), MSEG_OK);
    const mseg_tensor *bias = mseg_weights_find(weights, "head.classifier.bias");
    const float from = scale_of(weights, "head.classifier");
    assert_int_equal(bias->dtype, MSEG_S32);
    memcpy(&weight, mseg_weights_find(weights, "head.classifier.weight")->scales, sizeof weight);
    const float to = scale_of(weights, "head.projection") * weight / 100;
    memcpy(f->bytes + (bias->data - f->bytes), &large, sizeof large);
    for (size_t i = 0; i + sizeof to <= f->size; i += sizeof to) /* also of what stands behind it */
        if (!memcmp(f->bytes + i, &from, sizeof from))
            memcpy(f->bytes + i, &to, sizeof to);
    mseg_weights_close(&weights);
}

/* In integers what packing refuses is an error, otherwise the network runs in float. */
static void what_packing_finds(void **state)
{
    (void)state;
    static const char reason[] = "head.classifier: its sums would not fit 32 bits";
    file f = load(MODEL("stuffed8"));
    mseg_model *model;
    mseg_error err = {0};
    patch(&f);
    for (mseg_precision asked = MSEG_PRECISION_AUTO; asked <= MSEG_PRECISION_FLOAT; asked++) {
        const mseg_model_options options = asking_for(asked);
        assert_int_equal(mseg_model_open_memory(&model, f.bytes, f.size, "patched", &options, &err), MSEG_OK);
        const mseg_model_info info = mseg_model_describe(model);
        assert_int_equal(info.precision, MSEG_PRECISION_FLOAT);
        if (asked == MSEG_PRECISION_AUTO)
            assert_string_equal(info.no_integers, reason);
        mseg_model_close(&model);
    }
    const mseg_model_options options = asking_for(MSEG_PRECISION_INT8);
    check_unable(mseg_model_open_memory(&model, f.bytes, f.size, "patched", &options, &err), model, &err, reason);
    free(f.bytes);
}

static void other_values(void **state)
{
    (void)state;
    static const int values[] = {-1, 3, 1 << 20};
    for (int i = 0; i < 3; i++) {
        char wanted[64];
        mseg_model *model;
        mseg_error err = {0};
        const mseg_model_options options = asking_for((mseg_precision)values[i]);
        assert_int_equal(mseg_model_open(&model, MODEL("stuffed8"), &options, &err), MSEG_INVAL);
        snprintf(wanted, sizeof wanted, "precision %d is not one of mseg_precision", values[i]);
        assert_string_equal(err.text, wanted);
        assert_null(model);
    }
}

/* A program of before precision: what lies behind its struct is not read. */
static void options_of_before(void **state)
{
    (void)state;
    mseg_model *model;
    mseg_model_options options = asking_for((mseg_precision)77);
    options.struct_size = offsetof(mseg_model_options, precision);
    assert_int_equal(mseg_model_open(&model, MODEL("stuffed8"), &options, NULL), MSEG_OK);
    assert_int_equal(mseg_model_describe(model).precision, MSEG_PRECISION_INT8);
    mseg_model_close(&model);
}

static void bytes_of_the_input(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        float scale;
        int zero_point;
    } cases[] = {{MODEL("stuffed8"), 1.0f / 128, 128}, {MODEL("pertensor"), 2.0f / 255, -1}, {MODEL("float16"), 0, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mseg_model *model = open_as(cases[i].path, MSEG_PRECISION_FLOAT);
        const mseg_model_info info = mseg_model_describe(model);
        assert_true(info.quant_scale == cases[i].scale);
        assert_int_equal(info.quant_zero_point, cases[i].zero_point);
        mseg_model_close(&model);
    }
}

/* The last line of a .quants file whose layer is called name or name.PART: a block shows what it makes. False: there is none. */
static bool find_quant(const char *text, const char *name, float *scale, int *zero)
{
    const size_t length = strlen(name);
    bool found = false;
    for (const char *line = text; line && *line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
        double quant, sum;
        int quant_zero, sum_zero;
        if (strncmp(line, name, length) || (line[length] != ' ' && line[length] != '.') ||
            sscanf(line, "%*s %lf %d %lf %d", &quant, &quant_zero, &sum, &sum_zero) != 4)
            continue;
        *scale = (float)(sum > 0 ? sum : quant);
        *zero = sum > 0 ? sum_zero : quant_zero;
        found = true;
    }
    return found;
}

static void check_layers(const char *name, int shift)
{
    char path[512];
    mseg_session *session;
    mseg_plan_info plan;
    file quants = load_data(name, ".quants");
    char *text = calloc(quants.size + 1, 1);
    assert_non_null(text);
    memcpy(text, quants.bytes, quants.size);
    snprintf(path, sizeof path, DATA "%s.tflite", name);
    mseg_model *model = open_as(path, MSEG_PRECISION_AUTO);
    const mseg_model_info info = mseg_model_describe(model);
    assert_int_equal(mseg_session_open(&session, model, NULL, NULL), MSEG_OK);
    assert_int_equal(mseg_session_plan(session, 33, 33, &plan, NULL), MSEG_OK);
    int found = 0;
    for (int i = 0; i < plan.layers; i++) {
        const mseg_layer layer = mseg_session_layer(session, i);
        float scale = info.quant_scale;
        int zero = info.quant_zero_point + shift;
        if (i > 0 && !find_quant(text, layer.name, &scale, &zero))
            continue;
        if (layer.quant_scale != scale || layer.quant_zero_point != zero - shift)
            fail_msg("%s, %s: scale %.9g, zero point %d; not %.9g, %d", name, layer.name, (double)layer.quant_scale,
                     layer.quant_zero_point, (double)scale, zero - shift);
        found++;
    }
    assert_true(found > 18 && found <= plan.layers); /* 17 blocks, the stem, the input and the head */
    mseg_session_close(&session);
    mseg_model_close(&model);
    free(text);
    free(quants.bytes);
}

static void bytes_of_the_layers(void **state)
{
    (void)state;
    check_layers("stuffed8", 0);
    check_layers("pertensor", 128); /* .quants has unsigned bytes */
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(what_is_chosen),     cmocka_unit_test(integers_or_not_at_all),
                                       cmocka_unit_test(what_packing_finds), cmocka_unit_test(other_values),
                                       cmocka_unit_test(options_of_before),  cmocka_unit_test(bytes_of_the_input),
                                       cmocka_unit_test(bytes_of_the_layers)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
