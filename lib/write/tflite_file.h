#ifndef MSEG_WRITE_TFLITE_FILE_H
#define MSEG_WRITE_TFLITE_FILE_H

#include "weights/tflite.h"
#include "write/flatbuffer.h"

/* Inside lib/write only. In: buffers, tensors and operators in running order. Out: a TensorFlow Lite file of one subgraph. The
 * first failure stays in fb.status. Begins all zero. */

enum { TFLW_CODES = 16 };

typedef struct tflw_list {
    mseg_fbw_ref *refs;
    int count, room;
} tflw_list;

/* A code with one of its versions, as operators name them. */
typedef struct tflw_code {
    int code, version;
} tflw_code;

typedef struct tflw_file {
    mseg_fbw fb;
    tflw_list buffers, tensors, operators;
    tflw_code codes[TFLW_CODES];
    int n_codes;
    bool bytes; /* maps are INT8 */
} tflw_file;

typedef struct tflw_tensor {
    const char *name;
    tfl_type type;
    int rank, shape[4];
    int buffer;          /* 0: not a constant */
    const float *scales; /* [n_scales], along axis; n_scales 0: not in 8 bits */
    int n_scales, axis;
    int zero_point; /* of all */
} tflw_tensor;

/** A buffer of count numbers of size bytes; its index. */
int mseg_tflw_buffer(tflw_file *f, const void *numbers, size_t count, size_t size);

/** A tensor; its index. */
int mseg_tflw_tensor(tflw_file *f, const tflw_tensor *tensor);

/** An operator by its code, inputs, output and what the code has of the other fields. */
void mseg_tflw_operator(tflw_file *f, const tfl_operator *op);

/* A buffer with a name, of the model's metadata. */
typedef struct tflw_entry {
    const char *name;
    int buffer;
} tflw_entry;

/** Ends the file, whose data has more bytes of room at its end. description may be NULL. *f can only be freed then. On failure
 * *out is all zero. Errors: MSEG_NOMEM, MSEG_LIMIT. */
mseg_status mseg_tflw_finish(tflw_file *f, int input, int output, const char *description, const tflw_entry *entries,
                             int n_entries, size_t more, mseg_bytes *out);

/** Safe on an all-zero one. */
void mseg_tflw_free(tflw_file *f);

#endif
