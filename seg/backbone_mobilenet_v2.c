#include <stdio.h>

#include "seg/backbone.h"
#include "weights/load.h"

enum { BLOCKS = 17 };

static const int strides[BLOCKS] = {1, 2, 1, 2, 1, 1, 2, 1, 1, 1, 1, 1, 1, 2, 1, 1, 1};

static mseg_status stem(mseg_graph *graph, const mseg_weights *weights, mseg_value *x, mseg_error *err)
{
    mseg_layer_weights w;
    mseg_status status = mseg_weights_load(&w, weights, "backbone.stem", 3, err);
    if (status)
        return status;
    mseg_conv spec = {.name = "backbone.stem",
                      .n_inputs = 1,
                      .add = -1,
                      .kernel = w.kernel,
                      .stride = 2,
                      .rate = 1,
                      .out_channels = w.out,
                      .activation = MSEG_RELU6,
                      .filter = {w.weight, w.bias}};
    status = mseg_graph_input(graph, &spec.inputs[0]);
    if (!status)
        status = mseg_graph_conv(graph, &spec, x);
    mseg_layer_weights_free(&w);
    return status ? mseg_fail(err, status, "backbone.stem does not fit the graph") : MSEG_OK;
}

static mseg_status block(mseg_graph *graph, const mseg_weights *weights, int index, int stride, int rate, mseg_value *x,
                         mseg_error *err)
{
    char name[64], part[96];
    mseg_layer_weights expand = {0}, depthwise = {0}, project = {0};
    int in = mseg_graph_channels(graph, *x);
    mseg_status status = MSEG_OK;
    snprintf(name, sizeof name, "backbone.block%d", index);
    snprintf(part, sizeof part, "%s.expand", name);
    bool expands = mseg_weights_has(weights, part);
    if (expands && (status = mseg_weights_load(&expand, weights, part, in, err)))
        return status;
    int expanded = expands ? expand.out : in;
    snprintf(part, sizeof part, "%s.depthwise", name);
    if ((status = mseg_weights_load_depthwise(&depthwise, weights, part, expanded, err)))
        goto done;
    snprintf(part, sizeof part, "%s.project", name);
    if ((status = mseg_weights_load(&project, weights, part, expanded, err)))
        goto done;
    mseg_inverted_residual spec = {
        .name = name,
        .input = *x,
        .expanded = expanded,
        .stride = stride,
        .rate = rate,
        .out_channels = project.out,
        .residual = stride == 1 && in == project.out,
        .depthwise_activation = MSEG_RELU6,
        .project_activation = MSEG_LINEAR,
        .expand = {expand.weight, expand.bias},
        .depthwise = {depthwise.weight, depthwise.bias},
        .project = {project.weight, project.bias},
    };
    status = expand.kernel > 1 || project.kernel > 1 ? MSEG_MISMATCH : mseg_graph_inverted_residual(graph, &spec, x);
    if (status)
        mseg_fail(err, status, "%s does not fit the graph", name);
done:
    mseg_layer_weights_free(&expand);
    mseg_layer_weights_free(&depthwise);
    mseg_layer_weights_free(&project);
    return status;
}

mseg_status mseg_backbone_mobilenet_v2(mseg_graph *graph, const mseg_weights *weights, int output_stride, mseg_value *features,
                                       mseg_error *err)
{
    int reached = 2, rate = 1;
    mseg_status status = stem(graph, weights, features, err);
    for (int i = 0; i < BLOCKS && !status; i++) {
        bool atrous = reached == output_stride;
        status = block(graph, weights, i, atrous ? 1 : strides[i], rate, features, err);
        if (atrous)
            rate *= strides[i];
        else
            reached *= strides[i];
    }
    return status;
}
