#ifndef MSEG_WEIGHTS_READER_H
#define MSEG_WEIGHTS_READER_H

/* Inside lib/weights only: what the readers of foreign files fill in. */

#include <stdbool.h>

#include "weights/weights.h"

struct mseg_weights {
    const uint8_t *data; /* the file */
    size_t size;
    bool mapped; /* data is a mapping of ours */
    mseg_tensor *tensors;
    int count, capacity;
    size_t bytes; /* of all tensors */
    mseg_padding padding;
    mseg_input input;
    mseg_weights_origin origin;
    char *label_text;    /* what the labels point into */
    const char **labels; /* [n_labels]; "": a blank line */
    int n_labels;
};

/* One kind of file. probe looks at the first bytes; read fills tensors, padding, origin and, where the
 * file tells them, input and labels. */
typedef struct mseg_weights_reader {
    const char *name;
    bool (*probe)(const uint8_t *data, size_t size);
    mseg_status (*read)(mseg_weights *weights, mseg_error *err);
} mseg_weights_reader;

/** Adds a tensor after checking it: dimensions at least 1, data of exactly the shape's size, scales that suit the type, and no
 * more tensor bytes in all than twice the file (a file can point to the same bytes again and again). tensor->name is set by the
 * caller and unique. Errors: MSEG_FORMAT, MSEG_NOMEM. */
mseg_status mseg_weights_add(mseg_weights *weights, const mseg_tensor *tensor, mseg_error *err);

bool mseg_tflite_probe(const uint8_t *data, size_t size);
mseg_status mseg_tflite_read(mseg_weights *weights, mseg_error *err);

#endif
