#include "image/image.h"

#include <limits.h>
#include <string.h>

#include "image/decode.h"

static void print_count(char text[32], uint64_t count)
{
    if (count >= 1000000)
        snprintf(text, 32, "%.9g million", (double)count / 1e6);
    else
        snprintf(text, 32, "%d", (int)count);
}

mseg_status mseg_check_pixels(uint64_t width, uint64_t height, const mseg_limits *limits, mseg_error *err)
{
    char pixels[32], limit[32];
    uint64_t count = width * height; /* both fit in 32 bits */
    if (count <= limits->max_pixels && width <= INT_MAX && height <= INT_MAX)
        return MSEG_OK;
    print_count(pixels, count);
    print_count(limit, limits->max_pixels);
    return mseg_fail(err, MSEG_LIMIT, "%ux%u = %s pixels, over the limit of %s", (unsigned)width, (unsigned)height, pixels,
                     limit);
}

typedef enum kind { KIND_PNG, KIND_JPEG, KIND_OTHER } kind;

/* First bytes of files: n of them at offset. Those of KIND_OTHER are only named in messages. */
static const struct {
    kind kind;
    int offset, n;
    char bytes[9];
    const char *name;
} signatures[] = {
    {KIND_PNG, 0, 8, "\x89PNG\r\n\x1a\n", "PNG"},
    {KIND_JPEG, 0, 3, "\xff\xd8\xff", "JPEG"},
    {KIND_OTHER, 0, 4, "\x89PNG", "a PNG damaged by a text-mode transfer"},
    {KIND_OTHER, 0, 4, "GIF8", "GIF"},
    {KIND_OTHER, 8, 4, "WEBP", "WebP"},
    {KIND_OTHER, 0, 2, "BM", "BMP"},
    {KIND_OTHER, 0, 4, "II*\0", "TIFF"},
    {KIND_OTHER, 0, 4, "MM\0*", "TIFF"},
    {KIND_OTHER, 0, 4, "%PDF", "PDF"},
    {KIND_OTHER, 4, 8, "ftypavif", "AVIF"},
    {KIND_OTHER, 4, 4, "ftyp", "HEIC or a video"},
    {KIND_OTHER, 4, 4, "jP  ", "JPEG 2000"},
    {KIND_OTHER, 4, 4, "JXL ", "JPEG XL"},
    {KIND_OTHER, 0, 2, "\xff\x0a", "JPEG XL"},
    {KIND_OTHER, 0, 4, "8BPS", "Photoshop"},
    {KIND_OTHER, 0, 4, "PK\3\4", "ZIP"},
    {KIND_OTHER, 0, 2, "\x1f\x8b", "gzip"},
    {KIND_OTHER, 0, 6, "\x93NUMPY", "NumPy"},
    {KIND_OTHER, 0, 4, "<svg", "SVG"},
    {KIND_OTHER, 0, 5, "<?xml", "XML or SVG"},
    {KIND_OTHER, 0, 5, "<html", "HTML"},
    {KIND_OTHER, 0, 9, "<!DOCTYPE", "HTML"},
};

static bool is_text(const uint8_t *head, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if ((head[i] < 0x20 && !strchr("\t\n\r\f", head[i])) || head[i] == 0 || head[i] == 0x7f)
            return false;
    return true;
}

/* What the first n bytes of a file say it is: MSEG_OK with *found set to PNG or JPEG, or a refusal. */
static mseg_status sniff(const uint8_t *head, size_t n, kind *found, mseg_error *err)
{
    const char *name = is_text(head, n) ? "text" : NULL;
    for (size_t i = 0; i < sizeof signatures / sizeof *signatures; i++) {
        size_t offset = (size_t)signatures[i].offset, want = (size_t)signatures[i].n;
        *found = signatures[i].kind;
        bool cut = *found != KIND_OTHER && n < want;
        if (n < offset + want && !cut)
            continue;
        if (memcmp(head + offset, signatures[i].bytes, cut ? n : want))
            continue;
        if (cut)
            return mseg_fail(err, MSEG_FORMAT, "truncated %s", signatures[i].name);
        if (*found != KIND_OTHER)
            return MSEG_OK;
        name = signatures[i].name;
        break;
    }
    return name ? mseg_fail(err, MSEG_FORMAT, "not a PNG or JPEG (starts like %s)", name)
                : mseg_fail(err, MSEG_FORMAT, "not a PNG or JPEG");
}

static mseg_status identify(mseg_source *in, kind *found, mseg_error *err)
{
    uint8_t head[32];
    size_t n = mseg_source_read(in, head, sizeof head);
    if (mseg_source_failed(in))
        return mseg_fail(err, MSEG_IO, "cannot read");
    if (!n)
        return mseg_fail(err, MSEG_FORMAT, "zero bytes");
    mseg_status status = sniff(head, n, found, err);
    if (!status && !mseg_source_rewind(in))
        status = mseg_fail(err, MSEG_IO, "cannot read");
    return status;
}

mseg_status mseg_decoder_open(mseg_decoder **decoder, mseg_source *in, bool labels, mseg_orientation orientation,
                              const mseg_limits *limits, mseg_error *err)
{
    kind found = KIND_OTHER;
    *decoder = NULL;
    mseg_status status = identify(in, &found, err);
    if (status)
        return status;
    if (found == KIND_PNG)
        return mseg_png_open(decoder, in, labels, orientation, limits, err);
    if (labels)
        return mseg_fail(err, MSEG_FORMAT, "a JPEG; label maps must be PNG, because JPEG changes the labels");
    return mseg_jpeg_open(decoder, in, orientation, limits, err);
}

void mseg_decoder_close(mseg_decoder **decoder)
{
    if (*decoder)
        (*decoder)->close(*decoder);
    *decoder = NULL;
}

mseg_status mseg_decoder_read_all(mseg_decoder *decoder, mseg_image *image, mseg_error *err)
{
    mseg_status status = mseg_image_create(image, decoder->width, decoder->height, decoder->format);
    if (status)
        return mseg_fail(err, status, "out of memory");
    status = decoder->read(decoder, image->data, image->stride, image->height, err);
    if (!status && (status = mseg_image_orient(image, decoder->orientation)))
        mseg_fail(err, status, "out of memory");
    if (status)
        mseg_image_free(image);
    return status;
}

static mseg_status read_source(mseg_image *image, mseg_colors *colors, mseg_source in, bool labels, mseg_orientation orientation,
                               const mseg_limits *limits, mseg_error *err)
{
    mseg_limits used;
    mseg_decoder *decoder = NULL;
    memset(image, 0, sizeof *image);
    mseg_status status = mseg_limits_take(&used, limits, err);
    if (status)
        return status;
    status = mseg_source_open(&in, used.max_file_bytes, err);
    if (!status)
        status = mseg_decoder_open(&decoder, &in, labels, orientation, &used, err);
    if (!status)
        status = mseg_decoder_read_all(decoder, image, err);
    if (!status && colors)
        *colors = decoder->colors;
    mseg_decoder_close(&decoder);
    mseg_source_close(&in);
    return status;
}

mseg_status mseg_image_read(mseg_image *image, const char *path, mseg_orientation orientation, const mseg_limits *limits,
                            mseg_error *err)
{
    return read_source(image, NULL, (mseg_source){.path = path}, false, orientation, limits, err);
}

mseg_status mseg_image_read_memory(mseg_image *image, const void *bytes, size_t size, mseg_orientation orientation,
                                   const mseg_limits *limits, mseg_error *err)
{
    return read_source(image, NULL, (mseg_source){.bytes = bytes, .size = size}, false, orientation, limits, err);
}

mseg_status mseg_image_read_labels(mseg_image *image, mseg_colors *colors, const char *path, const mseg_limits *limits,
                                   mseg_error *err)
{
    return read_source(image, colors, (mseg_source){.path = path}, true, MSEG_EXIF_IGNORE, limits, err);
}

mseg_status mseg_image_read_labels_memory(mseg_image *image, mseg_colors *colors, const void *bytes, size_t size,
                                          const mseg_limits *limits, mseg_error *err)
{
    return read_source(image, colors, (mseg_source){.bytes = bytes, .size = size}, true, MSEG_EXIF_IGNORE, limits, err);
}
