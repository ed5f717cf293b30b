#ifndef MSEG_NET_INPUT_H
#define MSEG_NET_INPUT_H

#include "net/entry.h"
#include "net/quant.h"

/* The one rule by which a picture enters a network: channel c of a pixel becomes byte * scale[c] + offset[c]; what lies beside
 * the picture on its canvas is pad[c]. */
typedef struct mseg_input {
    float scale[3], offset[3], pad[3];
    mseg_sampling sampling;
    mseg_input_from from;
    mseg_quant quant; /* the bytes of a network in 8 bits; scale 0: it is none */
} mseg_input;

/* TensorFlow DeepLab's: -1 to 1, beside the picture the mean (127.5, which becomes 0), corners aligned. */
static const mseg_input mseg_input_deeplab = {
    .scale = {2.0f / 255.0f, 2.0f / 255.0f, 2.0f / 255.0f}, .offset = {-1, -1, -1}, .sampling = MSEG_ALIGN_CORNERS};

/** Makes it one by which bytes of that channel become (byte - mean) / std and what lies beside the picture what byte 127.5
 * would; not finite where std is 0. */
void mseg_input_normalise(mseg_input *input, int channel, double mean, double std);

#endif
