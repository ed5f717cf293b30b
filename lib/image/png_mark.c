#include "image/png_mark.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "image/decode.h"
#include "image/png_chunk.h"

enum { HEAD = MSEG_PNG_HEAD, CRC = MSEG_PNG_CRC, KEYWORD = sizeof MSEG_PNG_KEYWORD };

/* The data of a tEXt chunk of ours, of which n bytes are there, its checksum included. */
static mseg_png_marked read_mark(const uint8_t *data, uint32_t size, size_t n, char text[MSEG_PNG_MARK_SIZE])
{
    const size_t length = size - KEYWORD;
    if (length >= MSEG_PNG_MARK_SIZE || n < (size_t)size + CRC ||
        mseg_png_checksum("tEXt", data, size) != mseg_png_u32(data + size) || memchr(data + KEYWORD, 0, length))
        return MSEG_PNG_DAMAGED_MARK;
    memcpy(text, data + KEYWORD, length);
    text[length] = 0;
    return MSEG_PNG_MARKED;
}

mseg_png_marked mseg_png_mark(const void *bytes, size_t size, char text[MSEG_PNG_MARK_SIZE])
{
    static const uint8_t signature[MSEG_PNG_SIGNATURE] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
    const uint8_t *at = bytes;
    text[0] = 0;
    if (size && memcmp(at, signature, size < sizeof signature ? size : sizeof signature))
        return MSEG_PNG_NONE;
    size_t left = size < sizeof signature ? 0 : size - sizeof signature;
    at += size - left;
    while (left >= HEAD) {
        const uint32_t length = mseg_png_u32(at);
        const uint8_t *data = at + HEAD;
        left -= HEAD;
        if (!memcmp(at + 4, "IDAT", 4) || length > INT_MAX)
            return MSEG_PNG_UNMARKED;
        if (!memcmp(at + 4, "tEXt", 4) && length >= KEYWORD && left >= KEYWORD && !memcmp(data, MSEG_PNG_KEYWORD, KEYWORD))
            return read_mark(data, length, left, text);
        if (left < (size_t)length + CRC)
            return MSEG_PNG_CUT;
        at = data + length + CRC;
        left -= (size_t)length + CRC;
    }
    return MSEG_PNG_CUT;
}

/* Reads all rows, one at a time where they come in order. */
static mseg_status read_rows(mseg_decoder *decoder, mseg_error *err)
{
    const int n = decoder->at_once ? decoder->height : 1;
    const size_t stride = (size_t)decoder->width * (size_t)mseg_format_channels(decoder->format);
    uint8_t *rows = calloc((size_t)n, stride);
    mseg_status status = rows ? MSEG_OK : mseg_fail(err, MSEG_NOMEM, NULL);
    for (int y = 0; y < decoder->height && !status; y += n)
        status = decoder->read(decoder, rows, stride, n, err);
    free(rows);
    return status;
}

mseg_status mseg_png_check(const char *path, const mseg_limits *limits, mseg_error *err)
{
    mseg_limits used;
    mseg_decoder *decoder = NULL;
    mseg_source in = {.path = path};
    mseg_status status = mseg_limits_take(&used, limits, err);
    if (!status)
        status = mseg_source_open(&in, used.max_file_bytes, err);
    if (!status)
        status = mseg_png_open(&decoder, &in, false, MSEG_EXIF_IGNORE, &used, err);
    if (!status)
        status = read_rows(decoder, err);
    mseg_decoder_close(&decoder);
    mseg_source_close(&in);
    return status;
}
