#ifndef MSEG_IMAGE_PNG_CHUNK_H
#define MSEG_IMAGE_PNG_CHUNK_H

#include <stddef.h>
#include <stdint.h>

/* A PNG file: a signature, then chunks: size and kind, data, checksum. Source: PNG, third edition, 5.2 and 5.3. */
enum { MSEG_PNG_SIGNATURE = 8, MSEG_PNG_HEAD = 8, MSEG_PNG_CRC = 4 };

/** The keyword of the tEXt chunk that holds mseg_png_format's mark. */
#define MSEG_PNG_KEYWORD "mseg"

/** Four bytes as PNG has numbers. */
uint32_t mseg_png_u32(const uint8_t *bytes);

/** Checksum of a chunk's kind and data. */
uint32_t mseg_png_checksum(const char kind[4], const uint8_t *bytes, size_t size);

#endif
