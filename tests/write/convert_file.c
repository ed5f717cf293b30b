/* convert_file IN OUT SIZE OUTPUT_STRIDE float|half|int8 [RULE...]: writes IN, a model file or the description of a network
 * (architecture.h), as a .tflite file for pictures of SIZE x SIZE. SIZE and OUTPUT_STRIDE 0: as IN has them, else 513 and 16.
 * int8: ranges of maps are made up (bytes.h). RULE, of seeded networks: half_pixel,
 * legacy, symmetric or unbiased (the classifier). Prints the size. */

#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "seg/backbones/architecture.h"
#include "weights/reader.h"
#include "write/bytes.h"
#include "write/networks.h"
#include "write/write.h"

static int failed(const char *what, const mseg_error *err)
{
    fprintf(stderr, "convert_file: %s: %s\n", what, err->text);
    return 1;
}

static void set_rule(mseg_weights *weights, const char *rule)
{
    if (!strcmp(rule, "symmetric"))
        weights->padding = MSEG_SYMMETRIC;
    else if (!strcmp(rule, "unbiased"))
        weights->count--; /* the classifier's bias is the last tensor */
    else
        weights->input.sampling = !strcmp(rule, "legacy") ? MSEG_LEGACY : MSEG_HALF_PIXEL;
}

static bool put(const char *path, const mseg_bytes *bytes)
{
    FILE *out = fopen(path, "wb");
    const bool done = out && fwrite(bytes->data, 1, bytes->size, out) == bytes->size;
    return out && !fclose(out) && done;
}

int main(int argc, char **argv)
{
    mseg_weights *weights = NULL;
    mseg_net net = {0};
    made_bytes made = {0};
    mseg_bytes bytes = {0};
    mseg_error err = {0};
    int failure = 1;
    if (argc < 6)
        return failed("IN OUT SIZE OUTPUT_STRIDE float|half|int8 [RULE...]", &err);
    mseg_status status = mseg_architecture_known(argv[1]) ? mseg_architecture_weights(&weights, argv[1], &err)
                                                          : mseg_weights_open(&weights, argv[1], &err);
    if (status)
        return failed(argv[1], &err);
    for (int i = 6; i < argc; i++)
        set_rule(weights, argv[i]);
    const mseg_weights_origin origin = mseg_weights_origin_of(weights);
    const int size = atoi(argv[3]), stride = atoi(argv[4]), n_labels = mseg_weights_labels(weights);
    const char **labels = mseg_alloc_array((size_t)n_labels, sizeof *labels);
    mseg_write_options options = {.height = size                  ? size
                                            : origin.input_height ? origin.input_height
                                                                  : 513,
                                  .width = size                 ? size
                                           : origin.input_width ? origin.input_width
                                                                : 513,
                                  .output_stride = stride                 ? stride
                                                   : origin.output_stride ? origin.output_stride
                                                                          : 16,
                                  .half = !strcmp(argv[5], "half"),
                                  .name = "a network",
                                  .labels = labels,
                                  .n_labels = n_labels};
    for (int i = 0; labels && i < n_labels; i++)
        labels[i] = mseg_weights_label(weights, i);
    status = build_net(&net, weights, options.output_stride, &err);
    if (!status && !strcmp(argv[5], "int8"))
        options.bytes = make_bytes(&made, &net, weights);
    if (!status)
        status = mseg_write_tflite(&bytes, &net, weights, &options, &err);
    if (status)
        failed(argv[1], &err);
    else if (!put(argv[2], &bytes))
        failed(argv[2], &err);
    else
        failure = printf("%d\n", options.width) < 0;
    free_bytes(&made);
    mseg_free(&bytes.data);
    mseg_free(&labels);
    mseg_net_free(&net);
    mseg_weights_close(&weights);
    return failure;
}
