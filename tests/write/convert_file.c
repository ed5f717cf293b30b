/* convert_file IN OUT SIZE OUTPUT_STRIDE [half]: writes IN, a model file or the description of a network (architecture.h), as a
 * .tflite file for pictures of SIZE x SIZE. SIZE and OUTPUT_STRIDE 0: as IN has them, else 513 and 16. */

#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "seg/backbones/architecture.h"
#include "write/networks.h"
#include "write/write.h"

static int failed(const char *what, const mseg_error *err)
{
    fprintf(stderr, "convert_file: %s: %s\n", what, err->text);
    return 1;
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
    mseg_bytes bytes = {0};
    mseg_error err = {0};
    int failure = 1;
    if (argc < 5)
        return failed("IN OUT SIZE OUTPUT_STRIDE [half]", &err);
    mseg_status status = mseg_architecture_known(argv[1]) ? mseg_architecture_weights(&weights, argv[1], &err)
                                                          : mseg_weights_open(&weights, argv[1], &err);
    if (status)
        return failed(argv[1], &err);
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
                                  .half = argc > 5,
                                  .name = argv[1],
                                  .labels = labels,
                                  .n_labels = n_labels};
    for (int i = 0; labels && i < n_labels; i++)
        labels[i] = mseg_weights_label(weights, i);
    status = build_net(&net, weights, options.output_stride, &err);
    if (!status)
        status = mseg_write_tflite(&bytes, &net, weights, &options, &err);
    if (status)
        failed(argv[1], &err);
    else if (!put(argv[2], &bytes))
        failed(argv[2], &err);
    else
        failure = 0;
    mseg_free(&bytes.data);
    mseg_free(&labels);
    mseg_net_free(&net);
    mseg_weights_close(&weights);
    return failure;
}
