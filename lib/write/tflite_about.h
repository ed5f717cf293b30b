#ifndef MSEG_WRITE_TFLITE_ABOUT_H
#define MSEG_WRITE_TFLITE_ABOUT_H

#include "write/tflite_file.h"

/* Inside lib/write only: what a .tflite file says besides its graph. TensorFlow Lite's metadata (metadata_schema.fbs, "M001") for
 * everyone: how pictures become the input's numbers, what the output is, and the file of labels, which is in a zip archive behind
 * the model. mseg's own description for itself. */

enum { TFLW_ABOUT_ENTRIES = 2 };

/** Adds both texts as buffers, which entries then name. Errors: MSEG_NOMEM; those of f->fb stay there. */
mseg_status mseg_tflw_about(tflw_file *f, tflw_entry entries[TFLW_ABOUT_ENTRIES], const mseg_net *net,
                            const mseg_weights *weights, const mseg_write_options *options, mseg_error *err);

/** Bytes of the archive; 0: there are no labels. */
size_t mseg_tflw_archive_size(const mseg_write_options *options);

/** Puts the archive behind the file, whose data has room for it. */
void mseg_tflw_archive(mseg_bytes *file, const mseg_write_options *options);

#endif
