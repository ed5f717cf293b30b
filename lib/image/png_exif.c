#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "image/decode.h"

/* Longer chunks are as good as none (libpng takes no more either), and so are those behind that many others, which writers do not
 * make. */
enum { SIGNATURE = 8, HEAD = 8, CRC = 4, MAX_EXIF = 8000000, MAX_CHUNKS = 1 << 20 };

static uint32_t read_u32(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

/* Checksum of a chunk's kind and data. Not zlib's: nothing else here links with that. Source: PNG, third edition, annex D. */
static uint32_t checksum(const uint8_t *bytes, size_t size)
{
    static const uint8_t kind[4] = {'e', 'X', 'I', 'f'};
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < size + sizeof kind; i++) {
        crc ^= i < sizeof kind ? kind[i] : bytes[i - sizeof kind];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
    }
    return ~crc;
}

/* Orientation in an eXIf chunk of size bytes whose data comes next in the file; 1 when it has none or is damaged. */
static int read_chunk(mseg_source *in, uint32_t size)
{
    int orientation = 1;
    uint8_t *bytes = size <= MAX_EXIF ? malloc((size_t)size + CRC) : NULL;
    if (bytes && mseg_source_read(in, bytes, (size_t)size + CRC) == (size_t)size + CRC &&
        checksum(bytes, size) == read_u32(bytes + size))
        orientation = mseg_exif_block_orientation(bytes, size);
    free(bytes);
    return orientation;
}

/* The chunk may stand behind the picture, too, where libpng would find it only after the last row. */
int mseg_png_orientation(mseg_source *in)
{
    uint8_t head[HEAD];
    int orientation = 1;
    bool more = mseg_source_skip(in, SIGNATURE);
    for (int i = 0; more && i < MAX_CHUNKS && mseg_source_read(in, head, HEAD) == HEAD; i++) {
        const uint32_t size = read_u32(head);
        if (!memcmp(head + 4, "eXIf", 4)) {
            orientation = read_chunk(in, size);
            more = false;
        } else {
            more = size <= INT_MAX && memcmp(head + 4, "IEND", 4) && mseg_source_skip(in, size + CRC);
        }
    }
    mseg_source_rewind(in);
    return orientation;
}
