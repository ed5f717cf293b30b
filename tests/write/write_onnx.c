/* write_onnx MODEL OUT.onnx HEIGHT WIDTH OUTPUT_STRIDE [half|bytes]: the file or the network that a description names (seeded
 * weights), written as ONNX. On standard output what went in: a line a tensor, its name and its shape, then its numbers, 32 bits
 * each, little-endian. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "heads/classifier.h"
#include "heads/deeplabv3plus.h"
#include "seg/backbones/architecture.h"
#include "seg/backbones/backbone.h"
#include "weights/load.h"
#include "write/write.h"

static mseg_status append_head(const mseg_builder *b, const mseg_network *network, mseg_value features, int stride,
                               mseg_value *logits)
{
    mseg_head_info info;
    if (mseg_weights_has(b->weights, "head.low_level"))
        return mseg_head_deeplabv3plus(b, features, mseg_net_find(b->net, network->low_level), stride, logits, &info);
    if (mseg_weights_has(b->weights, "head.aspp0"))
        return mseg_head_deeplabv3(b, features, stride, logits, &info);
    return mseg_head_classifier(b, features, logits);
}

static mseg_status build(mseg_net *net, const mseg_weights *weights, int stride, mseg_error *err)
{
    const mseg_builder builder = {net, weights, err};
    const mseg_backbone *backbone = mseg_backbone_of(weights);
    mseg_value features, logits;
    net->input = mseg_weights_input(weights);
    mseg_status status = backbone->build(&builder, stride, &features);
    if (!status)
        status = append_head(&builder, backbone->network, features, stride, &logits);
    return status ? status : mseg_net_output(net, logits);
}

static void print_tensors(const mseg_weights *weights)
{
    for (int i = 0; i < mseg_weights_count(weights); i++) {
        const mseg_tensor *t = mseg_weights_at(weights, i);
        const size_t count = mseg_tensor_elements(t);
        float *values = mseg_alloc_array(count, sizeof *values);
        printf("%s", t->name);
        for (int k = 0; k < t->rank; k++)
            printf(" %d", t->shape[k]);
        printf("\n");
        mseg_tensor_to_f32(t, values);
        fwrite(values, sizeof *values, count, stdout);
        mseg_free(&values);
    }
}

static int save(const char *path, const mseg_bytes *bytes)
{
    FILE *file = fopen(path, "wb");
    if (!file)
        return 1;
    const int failed = fwrite(bytes->data, 1, bytes->size, file) != bytes->size;
    return fclose(file) || failed;
}

int main(int argc, char **argv)
{
    const char *const how = argc > 6 ? argv[6] : "";
    const char *labels[1000];
    mseg_weights *weights = NULL;
    mseg_net net = {0};
    mseg_bytes out = {0};
    mseg_error err = {0};
    if (argc < 6)
        return 2;
    mseg_status status = mseg_architecture_known(argv[1]) ? mseg_architecture_weights(&weights, argv[1], &err)
                                                          : mseg_weights_open(&weights, argv[1], &err);
    mseg_write_options options = {.height = atoi(argv[3]),
                                  .width = atoi(argv[4]),
                                  .output_stride = atoi(argv[5]),
                                  .half = !strcmp(how, "half"),
                                  .bytes = !strcmp(how, "bytes") ? &(mseg_write_bytes){0} : NULL,
                                  .name = "a n\xc3\xa4me",
                                  .labels = labels};
    if (!status)
        status = build(&net, weights, options.output_stride, &err);
    while (!status && options.n_labels < 1000 && options.n_labels < mseg_weights_labels(weights)) {
        labels[options.n_labels] = mseg_weights_label(weights, options.n_labels);
        options.n_labels++;
    }
    if (!status)
        status = mseg_write_onnx(&out, &net, weights, &options, &err);
    if (!status)
        print_tensors(weights);
    if (status)
        fprintf(stderr, "%s: %s\n", argv[1], err.text);
    else if (save(argv[2], &out))
        status = MSEG_IO;
    mseg_free(&out.data);
    mseg_net_free(&net);
    mseg_weights_close(&weights);
    return status;
}
