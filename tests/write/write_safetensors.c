/* write_safetensors IN OUT WIDTH HEIGHT OUTPUT_STRIDE float|half [NAME [LABEL...]]: writes IN, a model file or the description of
 * a network (architecture.h), as a safetensors file. */

#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "seg/backbones/architecture.h"
#include "write/networks.h"
#include "write/write.h"

static int failed(const char *what, const mseg_error *err)
{
    fprintf(stderr, "write_safetensors: %s: %s\n", what, err->text);
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
    if (argc < 7)
        return failed("IN OUT WIDTH HEIGHT OUTPUT_STRIDE float|half [NAME [LABEL...]]", &err);
    const bool known = mseg_architecture_known(argv[1]);
    mseg_status status = known ? mseg_architecture_weights(&weights, argv[1], &err) : mseg_weights_open(&weights, argv[1], &err);
    if (status)
        return failed(argv[1], &err);
    const char *labels[256] = {0};
    mseg_write_options options = {.width = atoi(argv[3]),
                                  .height = atoi(argv[4]),
                                  .output_stride = atoi(argv[5]),
                                  .half = !strcmp(argv[6], "half"),
                                  .name = argc > 7 ? argv[7] : NULL,
                                  .labels = labels};
    for (int i = 8; i < argc && options.n_labels < 256; i++)
        labels[options.n_labels++] = argv[i];
    status = build_net(&net, weights, options.output_stride, &err);
    if (!status)
        status = mseg_write_safetensors(&bytes, &net, weights, &options, &err);
    int failure = 0;
    if (status || !put(argv[2], &bytes))
        failure = failed(argv[2], &err);
    mseg_free(&bytes.data);
    mseg_net_free(&net);
    mseg_weights_close(&weights);
    return failure;
}
