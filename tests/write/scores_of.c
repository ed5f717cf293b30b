/* scores_of MODEL HEIGHT WIDTH OUTPUT_STRIDE: what mseg makes, in float, of make_forms.py's picture() of that size by a file or
 * by the seeded network that a description names. On standard output: height, width, classes (int32), then the scores (float32).
 */
#include <stdio.h>
#include <stdlib.h>

#include "mseg.h"
#include "seg/backbones/architecture.h"

static void fill(mseg_image *image)
{
    uint32_t state = 1;
    for (int y = 0; y < image->height; y++)
        for (int i = 0; i < image->width * 3; i++) {
            state = state * 1664525u + 1013904223u;
            image->data[(size_t)y * image->stride + (size_t)i] = (uint8_t)(state >> 24);
        }
}

static void print_scores(const mseg_result *result)
{
    const int32_t shape[] = {result->logits_height, result->logits_width, result->classes};
    fwrite(shape, sizeof *shape, 3, stdout);
    fwrite(result->logits, sizeof(float), (size_t)shape[0] * (size_t)shape[1] * (size_t)shape[2], stdout);
}

int main(int argc, char **argv)
{
    mseg_model *model = NULL;
    mseg_session *session = NULL;
    mseg_image image = {0};
    mseg_plan_info plan;
    mseg_result result;
    mseg_error err = {0};
    mseg_model_options options;
    if (argc < 5)
        return 2;
    const int height = atoi(argv[2]), width = atoi(argv[3]);
    mseg_model_options_init(&options, sizeof options);
    options.precision = MSEG_PRECISION_FLOAT;
    options.output_stride = atoi(argv[4]);
    mseg_status status = mseg_architecture_known(argv[1]) ? mseg_model_open_random(&model, argv[1], &options, &err)
                                                          : mseg_model_open(&model, argv[1], &options, &err);
    if (!status)
        status = mseg_image_create(&image, width, height, MSEG_RGB);
    if (!status)
        status = mseg_session_open(&session, model, NULL, &err);
    if (!status)
        status = mseg_session_plan(session, width, height, &plan, &err);
    if (!status) {
        fill(&image);
        status = mseg_session_forward(session, mseg_view_of(&image), &result, &err);
    }
    if (status)
        fprintf(stderr, "%s: %s\n", argv[1], err.text);
    else
        print_scores(&result);
    mseg_session_close(&session);
    mseg_model_close(&model);
    mseg_image_free(&image);
    return status;
}
