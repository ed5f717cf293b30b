#include "net/networks.h"

#include <stdio.h>

#define BLOCKS(rows) .n_blocks = sizeof rows / sizeof *rows, .blocks = rows

static const mseg_block v2_blocks[] = {
    {16, 0, 1}, {24, 6, 2}, {24, 6, 1}, {32, 6, 2}, {32, 6, 1},  {32, 6, 1},  {64, 6, 2},  {64, 6, 1},  {64, 6, 1},
    {64, 6, 1}, {96, 6, 1}, {96, 6, 1}, {96, 6, 1}, {160, 6, 2}, {160, 6, 1}, {160, 6, 1}, {320, 6, 1},
};

const mseg_network mseg_mobilenet_v2 = {.name = "MobileNetV2",
                                        .stem = 32,
                                        BLOCKS(v2_blocks),
                                        .last = 1280,
                                        .pointwise = "project",
                                        .activation = MSEG_LINEAR,
                                        .residual = true,
                                        .low_level = "backbone.block2.depthwise"};

static const mseg_block v1_blocks[] = {
    {64, 0, 1},  {128, 0, 2}, {128, 0, 1}, {256, 0, 2}, {256, 0, 1},  {512, 0, 2},  {512, 0, 1},
    {512, 0, 1}, {512, 0, 1}, {512, 0, 1}, {512, 0, 1}, {1024, 0, 2}, {1024, 0, 1},
};

const mseg_network mseg_mobilenet_v1 = {
    .name = "MobileNetV1", .stem = 32, BLOCKS(v1_blocks), .pointwise = "pointwise", .activation = MSEG_RELU6};

static const mseg_block resnet_blocks[] = {{256, 0, 2}, {512, 0, 2}, {1024, 0, 2}, {2048, 0, 1}};

const mseg_network mseg_resnet = {.name = "ResNet", .stem = 64, BLOCKS(resnet_blocks), .unit = "unit"};

static const mseg_block resnet_v1_5_blocks[] = {{256, 0, 1}, {512, 0, 2}, {1024, 0, 2}, {2048, 0, 2}};

const mseg_network mseg_resnet_v1_5 = {
    .name = "ResNet V1.5", .stem = 64, BLOCKS(resnet_v1_5_blocks), .unit = "bottleneck", .strided_first = true};

void mseg_block_name(char name[MSEG_MAX_LAYER_NAME], int block, const char *part)
{
    snprintf(name, MSEG_MAX_LAYER_NAME, "backbone.block%d%s%s", block, part ? "." : "", part ? part : "");
}

void mseg_unit_name(char name[MSEG_MAX_LAYER_NAME], const mseg_network *network, int index, const char *part)
{
    snprintf(name, MSEG_MAX_LAYER_NAME, "backbone.%s%d.%s", network->unit, index, part);
}

int mseg_unit_stride(const mseg_network *network, int *block, bool begins, bool ends)
{
    const bool strided = network->strided_first ? begins : ends;
    return strided && *block < network->n_blocks ? network->blocks[(*block)++].stride : 1;
}

int mseg_aspp_rate(int branch, int output_stride)
{
    return branch ? 6 * branch * 16 / output_stride : 1;
}

int mseg_atrous_stride(mseg_atrous *atrous, int stride, int *rate)
{
    *rate = atrous->rate;
    if (atrous->reached == atrous->wanted) {
        atrous->rate *= stride;
        return 1;
    }
    atrous->reached *= stride;
    return stride;
}
