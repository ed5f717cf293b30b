#ifndef MSEG_WEIGHTS_DESCRIPTION_H
#define MSEG_WEIGHTS_DESCRIPTION_H

#include "weights/weights.h"

/* What mseg puts into files of every format that it writes, so that it reads them again as they were: one JSON text, in the place
 * that the format has for such (.tflite: a buffer named "mseg" of the model's metadata, ONNX: metadata_props "mseg", safetensors:
 * "mseg" of __metadata__). Graphs tell strides and sizes themselves; this tells what they do not. */

typedef struct mseg_description {
    mseg_input input; /* how pictures enter, and the sampling rule; not .quant */
    mseg_padding padding;
    int output_stride, height, width;
    const char *const *labels;
    int n_labels;
} mseg_description;

/** The JSON text; the caller frees it with free(). NULL with *err set: MSEG_NOMEM. Every number reads back as it was. */
char *mseg_description_text(const mseg_description *description, mseg_error *err);

/** Reads such a text into weights: input rule (from: MSEG_INPUT_METADATA), padding, labels and origin. Fields that it does not
 * know are left alone. Called before a graph is matched, which then has the last word on everything but the input rule, the
 * labels and what padding means where its size leaves that open. Errors: MSEG_FORMAT, with what is wrong; MSEG_NOMEM. */
mseg_status mseg_description_read(mseg_weights *weights, const char *text, size_t length, mseg_error *err);

#endif
