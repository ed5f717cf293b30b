#ifndef MSEG_WEIGHTS_SAFETENSORS_H
#define MSEG_WEIGHTS_SAFETENSORS_H

/* Inside lib/weights only. A safetensors file (github.com/huggingface/safetensors, README: "Format"): 8 bytes of its header's
 * length, a header in JSON, then the tensors' bytes, which it says all about but what they mean. That their names tell:
 * safetensors_names.c has them. */

#include "base/json.h"
#include "weights/reader.h"

typedef enum mseg_st_type { MSEG_ST_OTHER, MSEG_ST_F16, MSEG_ST_BF16, MSEG_ST_F32, MSEG_ST_F64 } mseg_st_type;

typedef struct mseg_st_tensor {
    const char *name; /* without what wrappers put before it */
    const char *dtype;
    mseg_st_type type;
    int rank; /* -1: more than 4 dimensions, or one that is too large for any network */
    int shape[4];
    const uint8_t *data;
    size_t begin, bytes; /* of the file's data */
} mseg_st_tensor;

typedef struct mseg_st_file {
    mseg_json *header; /* what all names point into */
    mseg_st_tensor *tensors;
    int count;
    const char *format;      /* that it says it has: "pt", "mseg" ...; NULL: it does not */
    const char *description; /* mseg's own (description.h), NULL: none */
} mseg_st_file;

/** Reads and checks the header: every tensor has as many bytes as its type and shape need, they follow one another and fill the
 * file, no two have one name. file->tensors are in the order of their bytes. Errors: MSEG_FORMAT, MSEG_LIMIT for a header of more
 * than 4 MiB, MSEG_UNSUPPORTED for a type that mseg does not know the size of, MSEG_NOMEM. On failure *file is all zero. */
mseg_status mseg_st_open(mseg_st_file *file, const uint8_t *data, size_t size, mseg_error *err);

/** Frees and zeroes; safe on an all-zero file. */
void mseg_st_close(mseg_st_file *file);

/* The order of a tensor's numbers. */
typedef enum mseg_st_layout {
    MSEG_ST_AS_IT_IS,
    MSEG_ST_CONV,      /* [out, in, kh, kw] */
    MSEG_ST_DEPTHWISE, /* [channels, 1, kh, kw] */
    MSEG_ST_DENSE,     /* [out, in] */
    MSEG_ST_POOL_LAST, /* as CONV, of five joined maps, the last of which is our first */
    MSEG_ST_LAYOUTS
} mseg_st_layout;

/** Adds a tensor under its canonical name, in our order: where the file has it when that is the same, else as a copy. Errors:
 * MSEG_UNSUPPORTED, MSEG_FORMAT, MSEG_LIMIT, MSEG_NOMEM. */
mseg_status mseg_st_add(mseg_weights *weights, const mseg_st_tensor *from, mseg_st_layout layout, const char *name,
                        mseg_error *err);

/** Adds every tensor under the canonical name that its own stands for, and sets padding, input rule and origin as the names imply
 * them. Errors: MSEG_UNSUPPORTED, naming tensors, when they are of no network that mseg knows; those of mseg_st_add. */
mseg_status mseg_st_add_all(mseg_weights *weights, const mseg_st_file *file, mseg_error *err);

#endif
