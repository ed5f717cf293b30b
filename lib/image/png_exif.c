#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "image/decode.h"
#include "image/png_chunk.h"

/* Longer chunks are as good as none (libpng takes no more either), and so are those behind that many others, which writers do not
 * make. */
enum { CRC = MSEG_PNG_CRC, MAX_EXIF = 8000000, MAX_CHUNKS = 1 << 20 };

/* Orientation in an eXIf chunk of size bytes whose data comes next in the file; 1 when it has none or is damaged. */
static int read_chunk(mseg_source *in, uint32_t size)
{
    int orientation = 1;
    uint8_t *bytes = size <= MAX_EXIF ? malloc((size_t)size + CRC) : NULL;
    if (bytes && mseg_source_read(in, bytes, (size_t)size + CRC) == (size_t)size + CRC &&
        mseg_png_checksum("eXIf", bytes, size) == mseg_png_u32(bytes + size))
        orientation = mseg_exif_block_orientation(bytes, size);
    free(bytes);
    return orientation;
}

/* The chunk may stand behind the picture, too, where libpng would find it only after the last row. */
int mseg_png_orientation(mseg_source *in)
{
    uint8_t head[MSEG_PNG_HEAD];
    int orientation = 1;
    bool more = mseg_source_skip(in, MSEG_PNG_SIGNATURE);
    for (int i = 0; more && i < MAX_CHUNKS && mseg_source_read(in, head, sizeof head) == sizeof head; i++) {
        const uint32_t size = mseg_png_u32(head);
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
