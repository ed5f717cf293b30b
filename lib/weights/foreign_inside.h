#ifndef MSEG_WEIGHTS_FOREIGN_INSIDE_H
#define MSEG_WEIGHTS_FOREIGN_INSIDE_H

/* For foreign.c only: files that are told by what they hold. Every answer is no when the bytes are too few. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

bool mseg_foreign_is_zip(const uint8_t *data, size_t size);

/** A zip file with a file whose name ends so. */
bool mseg_foreign_zip_holds(const uint8_t *data, size_t size, const char *ending);

/* Protocol buffers, which say nothing about themselves. One whose end is missing counts too. */
bool mseg_foreign_is_onnx(const uint8_t *data, size_t size);
bool mseg_foreign_is_graphdef(const uint8_t *data, size_t size);
bool mseg_foreign_is_meta_graph(const uint8_t *data, size_t size);
bool mseg_foreign_is_saved_model(const uint8_t *data, size_t size);
bool mseg_foreign_is_core_ml(const uint8_t *data, size_t size);

#endif
