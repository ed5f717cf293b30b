#include "weights/safetensors_schemes.h"
#include "weights/torchvision.h"

/* What stands in the rows' first column. */
enum {
    CONV = MSEG_ST_CONV,
    DEPTHWISE = MSEG_ST_DEPTHWISE,
    DENSE = MSEG_ST_DENSE,
    POOL_LAST = MSEG_ST_POOL_LAST,
    NORM = MSEG_ST_NORM,
    LEFT_OUT = MSEG_ST_LEFT_OUT
};

/* ---- Hugging Face transformers, modeling_mobilenet_v2.py ------------------------------------------------------------------ */

#define HF(kind, theirs, ours, ...)                                                                                              \
    {kind, theirs ".convolution", ours, __VA_ARGS__},                                                                            \
    {                                                                                                                            \
        NORM, theirs ".normalization", ours, __VA_ARGS__                                                                         \
    }

static const mseg_st_row hf_backbone[] = {
    HF(CONV, "mobilenet_v2.conv_stem.first_conv", "backbone.stem", 1e-3f),
    HF(DEPTHWISE, "mobilenet_v2.conv_stem.conv_3x3", "backbone.block0.depthwise", 1e-3f),
    HF(CONV, "mobilenet_v2.conv_stem.reduce_1x1", "backbone.block0.project", 1e-3f),
    HF(CONV, "mobilenet_v2.layer.%d.expand_1x1", "backbone.block%d.expand", 1e-3f, 0, 15, 1),
    HF(DEPTHWISE, "mobilenet_v2.layer.%d.conv_3x3", "backbone.block%d.depthwise", 1e-3f, 0, 15, 1),
    HF(CONV, "mobilenet_v2.layer.%d.reduce_1x1", "backbone.block%d.project", 1e-3f, 0, 15, 1),
};
static const mseg_st_row hf_segmentation[] = {
    {LEFT_OUT, "mobilenet_v2.conv_1x1"},
    HF(CONV, "segmentation_head.conv_pool", "head.image_pooling", 1e-5f),
    HF(CONV, "segmentation_head.conv_aspp", "head.aspp0", 1e-5f),
    HF(CONV, "segmentation_head.conv_projection", "head.projection", 1e-5f),
    {CONV, "segmentation_head.classifier.convolution", "head.classifier"},
};
static const mseg_st_row hf_classifier[] = {
    HF(CONV, "mobilenet_v2.conv_1x1", "backbone.last", 1e-3f),
    {DENSE, "classifier", "head.classifier"},
};

/* ---- torchvision, models/mobilenetv2.py ----------------------------------------------------------------------------------- */

static const mseg_st_row torchvision[] = {
    {CONV, "features.0.0", "backbone.stem"},
    {NORM, "features.0.1", "backbone.stem", 1e-5f},
    {DEPTHWISE, "features.1.conv.0.0", "backbone.block0.depthwise"},
    {NORM, "features.1.conv.0.1", "backbone.block0.depthwise", 1e-5f},
    {CONV, "features.1.conv.1", "backbone.block0.project"},
    {NORM, "features.1.conv.2", "backbone.block0.project", 1e-5f},
    {CONV, "features.%d.conv.0.0", "backbone.block%d.expand", 0, 2, 17, -1},
    {NORM, "features.%d.conv.0.1", "backbone.block%d.expand", 1e-5f, 2, 17, -1},
    {DEPTHWISE, "features.%d.conv.1.0", "backbone.block%d.depthwise", 0, 2, 17, -1},
    {NORM, "features.%d.conv.1.1", "backbone.block%d.depthwise", 1e-5f, 2, 17, -1},
    {CONV, "features.%d.conv.2", "backbone.block%d.project", 0, 2, 17, -1},
    {NORM, "features.%d.conv.3", "backbone.block%d.project", 1e-5f, 2, 17, -1},
    {CONV, "features.18.0", "backbone.last"},
    {NORM, "features.18.1", "backbone.last", 1e-5f},
    {DENSE, "classifier.1", "head.classifier"},
};

/* ---- torchvision, models/resnet.py and models/segmentation/deeplabv3.py ---------------------------------------------------- */

#define WITH_NORM(kind, conv, norm, ours, ...)                                                                                   \
    {kind, conv, ours, 0, __VA_ARGS__},                                                                                          \
    {                                                                                                                            \
        NORM, norm, ours, 1e-5f, __VA_ARGS__                                                                                     \
    }

/* A layer of so many bottlenecks, so many before it; the first one has a convolution beside it. */
#define BOTTLENECKS(layer, count, before)                                                                                        \
    WITH_NORM(CONV, layer ".0.downsample.0", layer ".0.downsample.1", "backbone.bottleneck" #before ".shortcut", 0, 0, 0),       \
        WITH_NORM(CONV, layer ".%d.conv1", layer ".%d.bn1", "backbone.bottleneck%d.reduce", 0, count - 1, before),               \
        WITH_NORM(CONV, layer ".%d.conv2", layer ".%d.bn2", "backbone.bottleneck%d.conv", 0, count - 1, before),                 \
        WITH_NORM(CONV, layer ".%d.conv3", layer ".%d.bn3", "backbone.bottleneck%d.expand", 0, count - 1, before)

static const mseg_st_row resnet[] = {
    WITH_NORM(CONV, "conv1", "bn1", "backbone.stem", 0, 0, 0),
    BOTTLENECKS("layer1", 3, 0),
    BOTTLENECKS("layer2", 4, 3),
};
static const mseg_st_row resnet50[] = {BOTTLENECKS("layer3", 6, 7), BOTTLENECKS("layer4", 3, 13)};
static const mseg_st_row resnet101[] = {BOTTLENECKS("layer3", 23, 7), BOTTLENECKS("layer4", 3, 30)};
static const mseg_st_row resnet_classifier[] = {{DENSE, "fc", "head.classifier"}};
static const mseg_st_row deeplabv3[] = {
    WITH_NORM(CONV, "classifier.0.convs.%d.0", "classifier.0.convs.%d.1", "head.aspp%d", 0, 3, 0),
    WITH_NORM(CONV, "classifier.0.convs.4.1", "classifier.0.convs.4.2", "head.image_pooling", 0, 0, 0),
    WITH_NORM(POOL_LAST, "classifier.0.project.0", "classifier.0.project.1", "head.projection", 0, 0, 0),
    WITH_NORM(CONV, "classifier.1", "classifier.2", "head.refine0", 0, 0, 0),
    {CONV, "classifier.4", "head.classifier"},
    {LEFT_OUT, "aux_classifier"},
};

/* ---- whose they are ------------------------------------------------------------------------------------------------------- */

#define TABLE(rows)                                                                                                              \
    {                                                                                                                            \
        rows, sizeof rows / sizeof *rows                                                                                         \
    }

/* MobileNetV2ImageProcessor's mean and standard deviation are 0.5 of pictures of 0 to 1: TensorFlow's rule. */
static void hf_input(mseg_input *input)
{
    *input = mseg_input_deeplab;
    input->from = MSEG_INPUT_NAMES;
}

/* Hugging Face's MobileNetV2 are TensorFlow's weights and padded as these; what they call DeepLabv3+ has no decoder. */
static const mseg_st_rules hf_rules = {MSEG_SAME, MSEG_ALIGN_CORNERS, hf_input};
static const mseg_st_rules torchvision_rules = {MSEG_SYMMETRIC, MSEG_HALF_PIXEL, mseg_torchvision_input};

const mseg_st_scheme mseg_st_schemes[] = {
    {"Hugging Face's MobileNetV2ForSemanticSegmentation",
     {"segmentation_head.classifier.convolution.weight"},
     {TABLE(hf_backbone), TABLE(hf_segmentation)},
     &hf_rules,
     0},
    {"Hugging Face's MobileNetV2ForImageClassification",
     {"mobilenet_v2.conv_stem.first_conv.convolution.weight"},
     {TABLE(hf_backbone), TABLE(hf_classifier)},
     &hf_rules,
     32},
    {"torchvision's mobilenet_v2", {"features.1.conv.0.0.weight"}, {TABLE(torchvision)}, &torchvision_rules, 32},
    {"torchvision's deeplabv3_resnet101",
     {"layer3.22.conv1.weight", "classifier.0.project.0.weight"},
     {TABLE(resnet), TABLE(resnet101), TABLE(deeplabv3)},
     &torchvision_rules,
     8},
    {"torchvision's deeplabv3_resnet50",
     {"layer3.0.conv1.weight", "classifier.0.project.0.weight"},
     {TABLE(resnet), TABLE(resnet50), TABLE(deeplabv3)},
     &torchvision_rules,
     8},
    {"torchvision's resnet101",
     {"layer3.22.conv1.weight", "fc.weight"},
     {TABLE(resnet), TABLE(resnet101), TABLE(resnet_classifier)},
     &torchvision_rules,
     32},
    {"torchvision's resnet50",
     {"layer3.0.conv1.weight", "fc.weight"},
     {TABLE(resnet), TABLE(resnet50), TABLE(resnet_classifier)},
     &torchvision_rules,
     32},
    {0},
};
