#include "image/png_chunk.h"

uint32_t mseg_png_u32(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

/* Not zlib's: nothing else here links with that. Source: PNG, third edition, annex D. */
uint32_t mseg_png_checksum(const char kind[4], const uint8_t *bytes, size_t size)
{
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < size + 4; i++) {
        crc ^= i < 4 ? (uint8_t)kind[i] : bytes[i - 4];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
    }
    return ~crc;
}
