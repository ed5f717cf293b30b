#ifndef MSEG_NET_ENTRY_H
#define MSEG_NET_ENTRY_H

/* How positions of two grids over the same picture belong together, where one is resized to the other
 * (docs/numerics.md, "Back to the photo").
 * MSEG_ALIGN_CORNERS: the corner pixels' centres meet (align_corners), MSEG_HALF_PIXEL: the pictures' edges meet, MSEG_LEGACY:
 * the first pixels' centres meet and the sizes give the step (TensorFlow 1's default). */
typedef enum mseg_sampling { MSEG_ALIGN_CORNERS, MSEG_HALF_PIXEL, MSEG_LEGACY } mseg_sampling;

/* What tells how bytes become the network's numbers: nothing, so TensorFlow DeepLab's rule is taken; the input tensor's scale and
 * zero point; the file's metadata; operators in front of the network; the names of its tensors, which tell who trained it; the
 * caller; or the model is the library's own. */
typedef enum mseg_input_from {
    MSEG_INPUT_ASSUMED,
    MSEG_INPUT_TENSOR,
    MSEG_INPUT_METADATA,
    MSEG_INPUT_OPERATORS,
    MSEG_INPUT_NAMES,
    MSEG_INPUT_GIVEN,
    MSEG_INPUT_BUILTIN
} mseg_input_from;

#endif
