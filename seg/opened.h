#ifndef MSEG_SEG_OPENED_H
#define MSEG_SEG_OPENED_H

#include "net/net.h"
#include "seg/mseg.h"
#include "weights/weights.h"

/* In: where a model comes from, and options. Out: the model as data, before anything is packed or written. */

/* What a model is made of: a file, a description of a network, or a file in memory. */
typedef struct mseg_source {
    const char *name;
    mseg_status (*open)(mseg_weights **weights, const char *name, mseg_error *err); /* NULL: in memory */
    const uint8_t *bytes;
    size_t size;
} mseg_source;

/** The file at path; the model that is part of the library. */
mseg_source mseg_source_file(const char *path);
mseg_source mseg_source_builtin(void);

/* A network as data. info: what is known of it without a kernel set; no name, checksum and precision. */
typedef struct mseg_opened {
    mseg_weights *weights;
    mseg_net net;        /* not folded */
    mseg_value features; /* of it: the backbone's last map, which the head sees */
    mseg_model_info info;
} mseg_opened;

/** What a caller gave (NULL: the defaults), checked. Errors: as mseg_model_open for a bad option. */
mseg_status mseg_model_options_take(mseg_model_options *used, const mseg_model_options *given, mseg_error *err);

/** Opens the model and builds its network. options: as taken above. On failure *opened is all zero. Errors: as
 * mseg_model_open. */
mseg_status mseg_opened_open(mseg_opened *opened, const mseg_source *from, const mseg_model_options *options, mseg_error *err);

/** Safe on an all-zero one, which it leaves. */
void mseg_opened_close(mseg_opened *opened);

/** The name of a model from that of its file: *length bytes without folder and without an extension that model files have. */
const char *mseg_model_stem(const char *path, size_t *length);

#endif
