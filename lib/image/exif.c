#include <string.h>

#include "base/alloc.h"
#include "image/decode.h"

typedef struct tiff {
    const uint8_t *bytes;
    size_t size;
    bool little;
} tiff;

/* The unsigned number of n <= 4 bytes at offset, false when that lies outside. */
static bool get(const tiff *t, size_t offset, int n, uint32_t *value)
{
    if (offset > t->size || t->size - offset < (size_t)n)
        return false;
    *value = 0;
    for (int i = 0; i < n; i++)
        *value = *value << 8 | t->bytes[offset + (size_t)(t->little ? n - 1 - i : i)];
    return true;
}

/* The value of tag 0x112 in the directory (IFD) at offset; 1 when there is none. An entry: tag (2 bytes), type (2), count (4),
 * value (4), the value at the front of its field. */
static int find_in_directory(const tiff *t, size_t offset)
{
    enum { ORIENTATION = 0x112, SHORT = 3, LONG = 4, ENTRY = 12 };
    uint32_t entries, tag, type, count, value;
    if (!get(t, offset, 2, &entries))
        return 1;
    for (uint32_t i = 0; i < entries; i++) {
        size_t at = offset + 2 + (size_t)i * ENTRY;
        if (!get(t, at, 2, &tag) || !get(t, at + 2, 2, &type) || !get(t, at + 4, 4, &count))
            return 1;
        if (tag != ORIENTATION)
            continue;
        if ((type != SHORT && type != LONG) || count != 1 || !get(t, at + 8, type == SHORT ? 2 : 4, &value))
            return 1;
        return value >= 1 && value <= 8 ? (int)value : 1;
    }
    return 1;
}

int mseg_tiff_orientation(const uint8_t *bytes, size_t size)
{
    uint32_t magic, directory;
    tiff t = {bytes, size, false};
    if (t.size < 2 || (memcmp(t.bytes, "II", 2) && memcmp(t.bytes, "MM", 2)))
        return 1;
    t.little = t.bytes[0] == 'I';
    if (!get(&t, 2, 2, &magic) || magic != 42 || !get(&t, 4, 4, &directory))
        return 1;
    return find_in_directory(&t, directory);
}

int mseg_exif_orientation(const uint8_t *bytes, size_t size)
{
    return size < 6 || memcmp(bytes, "Exif\0\0", 6) ? 0 : mseg_tiff_orientation(bytes + 6, size - 6);
}

int mseg_exif_block_orientation(const uint8_t *bytes, size_t size)
{
    const int orientation = mseg_exif_orientation(bytes, size);
    return orientation ? orientation : mseg_tiff_orientation(bytes, size);
}

/* Copies in to out so that pixel (x, y) of out is the one at origin + x * step_x + y * step_y of in (in bytes). In small squares,
 * because one of the two pictures is walked down its columns. */
static void copy_turned(mseg_image *out, const mseg_image *in, ptrdiff_t origin, ptrdiff_t step_x, ptrdiff_t step_y)
{
    enum { SIDE = 32 };
    const size_t pixel = (size_t)mseg_format_channels(in->format);
    for (int y0 = 0; y0 < out->height; y0 += SIDE)
        for (int x0 = 0; x0 < out->width; x0 += SIDE)
            for (int y = y0; y < y0 + SIDE && y < out->height; y++) {
                uint8_t *to = out->data + (size_t)y * out->stride + (size_t)x0 * pixel;
                const uint8_t *from = in->data + origin + x0 * step_x + y * step_y;
                for (int x = x0; x < x0 + SIDE && x < out->width; x++, to += pixel, from += step_x)
                    for (size_t c = 0; c < pixel; c++)
                        to[c] = from[c];
            }
}

mseg_status mseg_image_orient(mseg_image *image, int orientation)
{
    if (orientation <= 1 || orientation > 8)
        return MSEG_OK;
    /* Of the shown picture: do its rows run along the stored columns, and which stored sides are its top left corner? */
    static const struct {
        bool swap, right, bottom;
    } ways[9] = {{0}, {0, 0, 0}, {0, 1, 0}, {0, 1, 1}, {0, 0, 1}, {1, 0, 0}, {1, 0, 1}, {1, 1, 1}, {1, 1, 0}};
    bool swap = ways[orientation].swap, right = ways[orientation].right, bottom = ways[orientation].bottom;
    mseg_image turned;
    mseg_status status =
        mseg_image_create(&turned, swap ? image->height : image->width, swap ? image->width : image->height, image->format);
    if (status)
        return status;
    ptrdiff_t pixel = mseg_format_channels(image->format), row = (ptrdiff_t)image->stride;
    ptrdiff_t along = right ? -pixel : pixel, down = bottom ? -row : row;
    ptrdiff_t origin = (right ? (image->width - 1) * pixel : 0) + (bottom ? (image->height - 1) * row : 0);
    copy_turned(&turned, image, origin, swap ? down : along, swap ? along : down);
    mseg_image_free(image);
    *image = turned;
    return MSEG_OK;
}
