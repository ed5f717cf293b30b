#ifndef MSEG_NET_INPUT_H
#define MSEG_NET_INPUT_H

/* How positions of two grids over the same picture belong together, where one is resized to the other
 * (docs/numerics.md, "Back to the photo").
 * MSEG_ALIGN_CORNERS: the corner pixels' centres meet (align_corners), MSEG_HALF_PIXEL: the pictures' edges meet, MSEG_LEGACY:
 * the first pixels' centres meet and the sizes give the step (TensorFlow 1's default). */
typedef enum mseg_sampling { MSEG_ALIGN_CORNERS, MSEG_HALF_PIXEL, MSEG_LEGACY } mseg_sampling;

/* What tells the rule: nothing, so TensorFlow DeepLab's is taken; the input tensor's scale and zero point; the file's metadata;
 * operators in front of the network; the caller. */
typedef enum mseg_input_from {
    MSEG_INPUT_ASSUMED,
    MSEG_INPUT_TENSOR,
    MSEG_INPUT_METADATA,
    MSEG_INPUT_OPERATORS,
    MSEG_INPUT_GIVEN
} mseg_input_from;

/* The one rule by which a picture enters a network: channel c of a pixel becomes byte * scale[c] + offset[c]; what lies beside
 * the picture on its canvas is pad[c]. */
typedef struct mseg_input {
    float scale[3], offset[3], pad[3];
    mseg_sampling sampling;
    mseg_input_from from;
} mseg_input;

/* TensorFlow DeepLab's: -1 to 1, beside the picture the mean (127.5, which becomes 0), corners aligned. */
static const mseg_input mseg_input_deeplab = {
    .scale = {2.0f / 255.0f, 2.0f / 255.0f, 2.0f / 255.0f}, .offset = {-1, -1, -1}, .sampling = MSEG_ALIGN_CORNERS};

#endif
