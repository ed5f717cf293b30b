#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <webp/decode.h>

#include "image/decode.h"

enum { RIFF_HEAD = 12, CHUNK_HEAD = 8, FRAME_HEAD = 16 };

typedef struct webp_reader {
    mseg_decoder decoder;
    uint8_t *own;         /* the file's bytes, unless they are in memory anyway */
    const uint8_t *bytes; /* up to where the header says that the file ends */
    size_t size;
    const uint8_t *picture; /* what libwebp decodes: all of it, of an animation the first frame's bytes */
    size_t picture_size;
    int x, y; /* where in the picture that frame stands */
} webp_reader;

typedef struct riff_chunk {
    const uint8_t *kind, *bytes;
    size_t size;
} riff_chunk;

static uint32_t read_u24(const uint8_t *bytes)
{
    return bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16;
}

static uint32_t read_u32(const uint8_t *bytes)
{
    return read_u24(bytes) | (uint32_t)bytes[3] << 24;
}

/* The first chunk of that kind; false when there is none that is whole. */
static bool find_chunk(const webp_reader *r, const char *kind, riff_chunk *chunk)
{
    for (size_t at = RIFF_HEAD; at + CHUNK_HEAD <= r->size;) {
        *chunk = (riff_chunk){r->bytes + at, r->bytes + at + CHUNK_HEAD, read_u32(r->bytes + at + 4)};
        if (chunk->size > r->size - at - CHUNK_HEAD)
            return false;
        if (!memcmp(chunk->kind, kind, 4))
            return true;
        at += CHUNK_HEAD + chunk->size + (chunk->size & 1);
    }
    return false;
}

static mseg_status refuse(VP8StatusCode code, mseg_error *err)
{
    if (code == VP8_STATUS_OUT_OF_MEMORY || errno == ENOMEM)
        return mseg_fail(err, MSEG_NOMEM, "out of memory");
    if (code == VP8_STATUS_UNSUPPORTED_FEATURE)
        return mseg_fail(err, MSEG_UNSUPPORTED, "a kind of WebP that is not supported");
    if (code == VP8_STATUS_NOT_ENOUGH_DATA || code == VP8_STATUS_SUSPENDED)
        return mseg_fail(err, MSEG_FORMAT, "truncated WebP");
    return mseg_fail(err, MSEG_FORMAT, "damaged WebP");
}

/* All of the file as long as its header says it is, which stands in front of it. */
static mseg_status load(webp_reader *r, mseg_source *in, mseg_error *err)
{
    uint8_t head[RIFF_HEAD];
    if (mseg_source_read(in, head, sizeof head) != sizeof head)
        return mseg_fail(err, MSEG_IO, "cannot read");
    const uint64_t size = (uint64_t)read_u32(head + 4) + CHUNK_HEAD;
    if (size > mseg_source_size(in))
        return mseg_fail(err, MSEG_FORMAT, "truncated WebP");
    if (size < RIFF_HEAD + CHUNK_HEAD)
        return mseg_fail(err, MSEG_FORMAT, "damaged WebP");
    r->size = (size_t)size;
    r->bytes = in->bytes;
    if (in->bytes)
        return MSEG_OK;
    r->bytes = r->own = malloc(r->size);
    if (!r->own)
        return mseg_fail(err, MSEG_NOMEM, "out of memory");
    memcpy(r->own, head, sizeof head);
    if (mseg_source_read(in, r->own + sizeof head, r->size - sizeof head) != r->size - sizeof head)
        return mseg_source_failed(in) ? mseg_fail(err, MSEG_IO, "cannot read") : mseg_fail(err, MSEG_FORMAT, "truncated WebP");
    return MSEG_OK;
}

/* Of an animation the first frame: where it stands, in units of two pixels, its size less one, how long it is shown, how it is
 * drawn; then the picture. Source: WebP Container Specification, ANMF. */
static mseg_status choose_frame(webp_reader *r, mseg_error *err)
{
    riff_chunk chunk;
    WebPBitstreamFeatures frame;
    if (!find_chunk(r, "ANMF", &chunk) || chunk.size < FRAME_HEAD)
        return mseg_fail(err, MSEG_FORMAT, "damaged WebP");
    r->picture = chunk.bytes + FRAME_HEAD;
    r->picture_size = chunk.size - FRAME_HEAD;
    r->x = (int)(2 * read_u24(chunk.bytes));
    r->y = (int)(2 * read_u24(chunk.bytes + 3));
    const VP8StatusCode code = WebPGetFeatures(r->picture, r->picture_size, &frame);
    if (code)
        return refuse(code, err);
    if (frame.has_animation || frame.width > r->decoder.width - r->x || frame.height > r->decoder.height - r->y)
        return mseg_fail(err, MSEG_FORMAT, "damaged WebP");
    return MSEG_OK;
}

static mseg_status read_header(webp_reader *r, mseg_source *in, mseg_orientation orientation, const mseg_limits *limits,
                               mseg_error *err)
{
    WebPBitstreamFeatures all;
    riff_chunk exif;
    mseg_status status = load(r, in, err);
    if (status)
        return status;
    const VP8StatusCode code = WebPGetFeatures(r->bytes, r->size, &all);
    if (code)
        return refuse(code, err);
    status = mseg_check_pixels((uint64_t)all.width, (uint64_t)all.height, limits, err);
    if (status)
        return status;
    r->decoder.width = all.width;
    r->decoder.height = all.height;
    r->decoder.format = MSEG_RGB;
    r->decoder.at_once = true;
    r->decoder.orientation = 1;
    if (orientation == MSEG_EXIF_APPLY && find_chunk(r, "EXIF", &exif))
        r->decoder.orientation = mseg_exif_block_orientation(exif.bytes, exif.size);
    r->picture = r->bytes;
    r->picture_size = r->size;
    return all.has_animation ? choose_frame(r, err) : MSEG_OK;
}

/* What a frame leaves of the picture is transparent black. */
static mseg_status on_rows(mseg_decoder *decoder, uint8_t *rows, size_t stride, int n, mseg_error *err)
{
    webp_reader *r = (webp_reader *)decoder;
    const size_t before = (size_t)r->y * stride + (size_t)r->x * 3;
    WebPDecoderConfig config;
    if (!WebPInitDecoderConfig(&config))
        return mseg_fail(err, MSEG_UNSUPPORTED, "another version of libwebp than mseg was built with");
    if (r->picture != r->bytes)
        for (int y = 0; y < n; y++)
            memset(rows + (size_t)y * stride, 0, (size_t)decoder->width * 3);
    config.output.colorspace = MODE_RGB; /* without alpha */
    config.output.is_external_memory = 1;
    config.output.u.RGBA.rgba = rows + before;
    config.output.u.RGBA.stride = (int)stride;
    config.output.u.RGBA.size = (size_t)n * stride - before;
    errno = 0;
    const VP8StatusCode code = WebPDecode(r->picture, r->picture_size, &config);
    return code ? refuse(code, err) : MSEG_OK;
}

static void on_close(mseg_decoder *decoder)
{
    free(((webp_reader *)decoder)->own);
    free(decoder);
}

mseg_status mseg_webp_open(mseg_decoder **decoder, mseg_source *in, mseg_orientation orientation, const mseg_limits *limits,
                           mseg_error *err)
{
    *decoder = NULL;
    webp_reader *r = calloc(1, sizeof *r);
    if (!r)
        return mseg_fail(err, MSEG_NOMEM, NULL);
    r->decoder.read = on_rows;
    r->decoder.close = on_close;
    errno = 0;
    mseg_status status = read_header(r, in, orientation, limits, err);
    if (status)
        on_close(&r->decoder);
    else
        *decoder = &r->decoder;
    return status;
}
