#ifndef MSEG_SEG_BUILTIN_H
#define MSEG_SEG_BUILTIN_H

#include <stddef.h>
#include <stdint.h>

#define MSEG_BUILTIN_MODEL_NAME "mseg-voc-small"

/* The model file of data/, embedded at build by builtin.c. */
extern const uint8_t mseg_builtin_model[];
extern const size_t mseg_builtin_model_size;

#endif
