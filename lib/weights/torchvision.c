#include "weights/torchvision.h"

#include <string.h>

bool mseg_is_torchvision_name(const char *name)
{
    static const char *const names[] = {"features.0.0.weight", "classifier.1.weight", /* mobilenet_v2 */
                                        "layer1.0.conv1.weight",                      /* resnet50 and its like */
                                        "backbone.conv1.weight", "backbone.layer1.0.conv1.weight", "backbone.features.0.0.weight",
                                        "classifier.4.weight",
                                        /* What PyTorch 1.13 and later call the nodes of those. */
                                        "/features/features.0/features.0.0/Conv", "/layer1/layer1.0/conv1/Conv",
                                        "/backbone/conv1/Conv", "/backbone/layer1/layer1.0/conv1/Conv"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

void mseg_torchvision_input(mseg_input *input)
{
    static const double mean[3] = {0.485, 0.456, 0.406}, std[3] = {0.229, 0.224, 0.225};
    for (int c = 0; c < 3; c++)
        mseg_input_normalise(input, c, mean[c] * 255, std[c] * 255);
    input->from = MSEG_INPUT_NAMES;
}
