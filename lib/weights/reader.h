#ifndef MSEG_WEIGHTS_READER_H
#define MSEG_WEIGHTS_READER_H

/* Inside lib/weights only: what the readers of foreign files fill in. */

#include <stdbool.h>

#include "weights/weights.h"

/* Memory that lives as long as the weights. */
typedef struct mseg_weights_block {
    struct mseg_weights_block *next;
    _Alignas(8) unsigned char bytes[];
} mseg_weights_block;

struct mseg_weights {
    const uint8_t *data; /* the file */
    size_t size;
    bool mapped; /* data is a mapping of ours */
    mseg_tensor *tensors;
    int count, capacity;
    size_t bytes; /* of all tensors */
    mseg_weights_block *room;
    size_t room_bytes; /* in all blocks */
    mseg_padding padding;
    bool described; /* mseg has written the file: its padding is the rule where a graph leaves it open */
    mseg_input input;
    mseg_weights_origin origin;
    char *label_text;    /* what the labels point into */
    const char **labels; /* [n_labels]; "": a blank line */
    int n_labels;
    mseg_layer_quant *quants;
    int n_quants, quants_capacity;
    bool integers;         /* the network can be run in them exactly */
    char no_integers[256]; /* else why not; "": the file is not quantised */
};

/* One kind of file. probe looks at the first bytes; read fills tensors, padding, origin and, where the
 * file tells them, input and labels. */
typedef struct mseg_weights_reader {
    const char *name;
    bool (*probe)(const uint8_t *data, size_t size);
    mseg_status (*read)(mseg_weights *weights, mseg_error *err);
} mseg_weights_reader;

/** Adds a tensor after checking it: dimensions at least 1, data of exactly the shape's size, scales that suit the type, finite
 * values, and no more tensor bytes in all than twice the file and the room besides (a file can point to the same bytes again and
 * again). tensor->name is set by the caller and unique. Errors: MSEG_FORMAT, MSEG_NOMEM. */
mseg_status mseg_weights_add(mseg_weights *weights, const mseg_tensor *tensor, mseg_error *err);

/** The same checks alone. */
mseg_status mseg_weights_check(const mseg_weights *weights, const mseg_tensor *tensor, mseg_error *err);

/** Takes all tensors out again. */
void mseg_weights_clear(mseg_weights *weights);

/** Memory for tensors that are not in the file as they are wanted, zeroed, freed with the weights; NULL with *err set when there
 * is none (MSEG_NOMEM) or when it would be more in all than 16 times the file (MSEG_LIMIT). */
void *mseg_weights_room(mseg_weights *weights, size_t bytes, mseg_error *err);

bool mseg_tflite_probe(const uint8_t *data, size_t size);
mseg_status mseg_tflite_read(mseg_weights *weights, mseg_error *err);
bool mseg_safetensors_probe(const uint8_t *data, size_t size);
mseg_status mseg_safetensors_read(mseg_weights *weights, mseg_error *err);

bool mseg_onnx_probe(const uint8_t *data, size_t size);
mseg_status mseg_onnx_read(mseg_weights *weights, mseg_error *err);

bool mseg_graphdef_probe(const uint8_t *data, size_t size);
mseg_status mseg_graphdef_read(mseg_weights *weights, mseg_error *err);

#endif
