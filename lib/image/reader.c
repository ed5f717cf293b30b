#include "image/reader.h"

#include <stdlib.h>
#include <string.h>

#include "image/decode.h"

struct mseg_image_reader {
    mseg_source in;
    mseg_decoder *decoder;
    mseg_image whole; /* data NULL: rows come from the decoder */
    int width, height;
    int y; /* the next row */
};

/* Decodes the whole picture if its rows cannot be had in order. */
static mseg_status start(mseg_image_reader *reader, mseg_error *err)
{
    mseg_decoder *decoder = reader->decoder;
    reader->width = decoder->width;
    reader->height = decoder->height;
    if (decoder->orientation <= 1 && !decoder->at_once)
        return MSEG_OK;
    mseg_status status = mseg_decoder_read_all(decoder, &reader->whole, err);
    mseg_decoder_close(&reader->decoder);
    if (!status) {
        reader->width = reader->whole.width;
        reader->height = reader->whole.height;
    }
    return status;
}

static mseg_status open_reader(mseg_image_reader **out, mseg_source in, mseg_orientation orientation, const mseg_limits *limits,
                               mseg_error *err)
{
    mseg_limits used;
    mseg_image_reader *reader = *out = calloc(1, sizeof *reader);
    if (!reader)
        return mseg_fail(err, MSEG_NOMEM, NULL);
    reader->in = in;
    mseg_status status = mseg_limits_take(&used, limits, err);
    if (!status)
        status = mseg_source_open(&reader->in, used.max_file_bytes, err);
    if (!status)
        status = mseg_decoder_open(&reader->decoder, &reader->in, false, orientation, &used, err);
    if (!status)
        status = start(reader, err);
    if (status)
        mseg_image_reader_close(out);
    return status;
}

mseg_status mseg_image_reader_open(mseg_image_reader **reader, const char *path, mseg_orientation orientation,
                                   const mseg_limits *limits, mseg_error *err)
{
    return open_reader(reader, (mseg_source){.path = path}, orientation, limits, err);
}

mseg_status mseg_image_reader_open_memory(mseg_image_reader **reader, const void *bytes, size_t size,
                                          mseg_orientation orientation, const mseg_limits *limits, mseg_error *err)
{
    return open_reader(reader, (mseg_source){.bytes = bytes, .size = size}, orientation, limits, err);
}

int mseg_image_reader_width(const mseg_image_reader *reader)
{
    return reader->width;
}

int mseg_image_reader_height(const mseg_image_reader *reader)
{
    return reader->height;
}

mseg_status mseg_image_reader_rows(mseg_image_reader *reader, uint8_t *rows, size_t stride, int n, mseg_error *err)
{
    if (n < 0 || n > reader->height - reader->y)
        return mseg_fail(err, MSEG_INVAL, "no %d rows are left in the picture", n);
    if (!n)
        return MSEG_OK;
    const int first = reader->y;
    reader->y += n;
    if (!reader->whole.data)
        return reader->decoder->read(reader->decoder, rows, stride, n, err);
    for (int y = 0; y < n; y++)
        memcpy(rows + (size_t)y * stride, reader->whole.data + (size_t)(first + y) * reader->whole.stride,
               (size_t)reader->width * 3);
    return MSEG_OK;
}

void mseg_image_reader_close(mseg_image_reader **reader)
{
    if (!*reader)
        return;
    mseg_decoder_close(&(*reader)->decoder);
    mseg_source_close(&(*reader)->in);
    mseg_image_free(&(*reader)->whole);
    free(*reader);
    *reader = NULL;
}
