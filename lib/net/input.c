#include "net/input.h"

void mseg_input_normalise(mseg_input *input, int channel, double mean, double std)
{
    input->scale[channel] = (float)(1 / std);
    input->offset[channel] = (float)((0 - mean) / std); /* 0, not -0, when mean is 0 */
    input->pad[channel] = (float)((127.5 - mean) / std);
}
