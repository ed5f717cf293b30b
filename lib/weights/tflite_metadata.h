#ifndef MSEG_WEIGHTS_TFLITE_METADATA_H
#define MSEG_WEIGHTS_TFLITE_METADATA_H

/* Inside lib/weights only. TensorFlow Lite metadata: a FlatBuffer in one of the model's buffers, which tells how the input is
 * normalised and which file of the zip archive behind the model names the classes. Numbers of fields: metadata_schema.fbs of
 * tflite-support, "M001". And mseg's own description (description.h) in another buffer, which has the last word. */

#include "weights/flatbuffer.h"
#include "weights/reader.h"

/** Reads the metadata of a model whose root table is given: the labels, and into weights->input the normalisation of an input of
 * real numbers (real_input; one of integers has its scale); then what mseg has written of its own, of any input. Without
 * metadata, or where these tell nothing, nothing changes; a file of labels that is named but not there is none. Errors:
 * MSEG_FORMAT for what is damaged, MSEG_UNSUPPORTED for metadata of another schema, MSEG_LIMIT for labels of more than 1 MiB,
 * 65,536 lines or 255 bytes a line, MSEG_NOMEM. */
mseg_status mseg_tfl_metadata_read(mseg_weights *weights, mseg_fb *fb, mseg_fb_table root, bool real_input, mseg_error *err);

#endif
