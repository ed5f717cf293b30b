/* run_file MODEL SIZE PICTURE OUT: what mseg makes of a raw RGB picture of SIZE x SIZE, at the model's own output stride. OUT:
 * height, width and classes of the logits (int32), logits (float32) and, of a segmenter, labels (bytes, SIZE x SIZE). Prints the
 * input's scales and offsets, how bytes stand for it (scale, zero point), the sampling rule and what the network ran in. */

#include <stdio.h>
#include <stdlib.h>

#include "mseg.h"

static int failed(const char *what, const mseg_error *err)
{
    fprintf(stderr, "run_file: %s: %s\n", what, err->text);
    return 1;
}

static bool read_picture(mseg_image *image, const char *path, int size)
{
    FILE *in = fopen(path, "rb");
    bool done = in && mseg_image_create(image, size, size, MSEG_RGB) == MSEG_OK;
    for (int y = 0; y < size && done; y++)
        done = fread(image->data + (size_t)y * image->stride, 1, (size_t)size * 3, in) == (size_t)size * 3;
    if (in)
        fclose(in);
    return done;
}

static bool write_result(const mseg_result *result, bool classifier, const char *path)
{
    const int shape[3] = {result->logits_height, result->logits_width, result->classes};
    const size_t count = (size_t)shape[0] * (size_t)shape[1] * (size_t)shape[2];
    FILE *out = fopen(path, "wb");
    if (!out)
        return false;
    bool done = fwrite(shape, sizeof shape, 1, out) == 1 && fwrite(result->logits, sizeof(float), count, out) == count;
    for (int y = 0; y < result->labels.height && !classifier && done; y++)
        done = fwrite(result->labels.data + (size_t)y * result->labels.stride, 1, (size_t)result->labels.width, out) ==
               (size_t)result->labels.width;
    return !fclose(out) && done;
}

static void print_rule(const mseg_model_info *info)
{
    for (int c = 0; c < 3; c++)
        printf("%.9g %.9g ", (double)info->input_scale[c], (double)info->input_offset[c]);
    printf("%.9g %d %d %s\n", (double)info->quant_scale, info->quant_zero_point, (int)info->sampling,
           info->precision == MSEG_PRECISION_INT8 ? "int8" : "float");
}

/* forward for classifiers, whose scores mseg_classify gives as probabilities */
static mseg_status run(mseg_result *result, mseg_session *session, const mseg_image *image, bool classifier, mseg_error *err)
{
    mseg_plan_info plan;
    mseg_run_options options;
    mseg_run_options_init(&options, sizeof options);
    options.size = image->width;
    if (!classifier)
        return mseg_segment(session, mseg_view_of(image), &options, result, err);
    mseg_status status = mseg_session_plan(session, image->width, image->height, &plan, err);
    return status ? status : mseg_session_forward(session, mseg_view_of(image), result, err);
}

int main(int argc, char **argv)
{
    mseg_model *model = NULL;
    mseg_session *session = NULL;
    mseg_image image = {0};
    mseg_result result = {0};
    mseg_error err = {0};
    int failure = 1;
    if (argc != 5)
        return failed("MODEL SIZE PICTURE OUT", &err);
    if (!read_picture(&image, argv[3], atoi(argv[2])))
        return failed(argv[3], &err);
    mseg_status status = mseg_model_open(&model, argv[1], NULL, &err);
    if (!status)
        status = mseg_session_open(&session, model, NULL, &err);
    const bool classifier = !status && mseg_model_describe(model).classifier;
    if (!status)
        status = run(&result, session, &image, classifier, &err);
    if (status || !write_result(&result, classifier, argv[4])) {
        failed(argv[1], &err);
    } else {
        const mseg_model_info info = mseg_model_describe(model);
        print_rule(&info);
        failure = 0;
    }
    mseg_session_close(&session);
    mseg_model_close(&model);
    mseg_image_free(&image);
    return failure;
}
