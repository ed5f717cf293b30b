#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "image/tiff.h"

/* ---- in blocks: tiles, or strips of one plane each ---- */

/* A row of a block, unpacked, to where its pixels are in the band. plane: of these samples, else they are those of whole pixels.
 */
static void spread_row(mseg_tiff_reader *r, const uint8_t *row, int x0, int y, int plane)
{
    const int width = r->decoder.width, count = r->pixels.count;
    const int n = (int)r->block_width < width - x0 ? (int)r->block_width : width - x0;
    uint8_t *out = r->band + ((size_t)y * (size_t)width + (size_t)x0) * (size_t)count;
    if (!r->separate) {
        mseg_tiff_unpack(out, row, (size_t)n * (size_t)count, r->pixels.bits);
        return;
    }
    mseg_tiff_unpack(r->samples, row, (size_t)n, r->pixels.bits);
    for (int x = 0; x < n; x++)
        out[(size_t)x * (size_t)count + (size_t)plane] = r->samples[x];
}

static bool read_block(mseg_tiff_reader *r, int x0, int plane)
{
    const uint32_t x = (uint32_t)x0, y = (uint32_t)r->band_y;
    const tmsize_t size = (tmsize_t)r->block_size, wanted = (tmsize_t)((size_t)r->band_rows * r->block_row);
    const tmsize_t got = r->tiled
                             ? TIFFReadEncodedTile(r->tiff, TIFFComputeTile(r->tiff, x, y, 0, (uint16_t)plane), r->block, size)
                             : TIFFReadEncodedStrip(r->tiff, TIFFComputeStrip(r->tiff, y, (uint16_t)plane), r->block, size);
    if (got < wanted || r->failed)
        return false;
    for (int i = 0; i < r->band_rows; i++)
        spread_row(r, r->block + (size_t)i * r->block_row, x0, i, plane);
    return true;
}

/* The band that row y begins. */
static bool read_band(mseg_tiff_reader *r, int y)
{
    const int left = r->decoder.height - y, planes = r->separate ? r->pixels.count : 1;
    r->band_y = y;
    r->band_rows = left < (int)r->block_height ? left : (int)r->block_height;
    for (int plane = 0; plane < planes; plane++)
        for (int64_t x = 0; x < r->decoder.width; x += r->block_width)
            if (!read_block(r, (int)x, plane))
                return false;
    return true;
}

/* ---- rows ---- */

static bool read_row(mseg_tiff_reader *r, uint8_t *rgb)
{
    const int width = r->decoder.width;
    const uint8_t *samples = r->samples;
    if (r->band) {
        if (r->y == r->band_y + r->band_rows && !read_band(r, r->y))
            return false;
        samples = r->band + (size_t)(r->y - r->band_y) * (size_t)width * (size_t)r->pixels.count;
    } else {
        if (TIFFReadScanline(r->tiff, r->block, (uint32_t)r->y, 0) < 0 || r->failed)
            return false;
        mseg_tiff_unpack(r->samples, r->block, (size_t)width * (size_t)r->pixels.count, r->pixels.bits);
    }
    mseg_tiff_to_rgb(rgb, samples, width, &r->pixels);
    r->y++;
    return true;
}

/* What only libtiff makes RGB of, all of it, as it is stored: not turned. */
static mseg_status convert(mseg_tiff_reader *r, uint8_t *rows, size_t stride, mseg_error *err)
{
    const int width = r->decoder.width, height = r->decoder.height;
    char why[1024] = "";
    TIFFRGBAImage image;
    uint32_t *raster = calloc((size_t)width * (size_t)height, sizeof *raster);
    if (!raster)
        return mseg_fail(err, MSEG_NOMEM, "out of memory");
    mseg_status status = MSEG_OK;
    bool whole = false;
    errno = 0;
    if (TIFFRGBAImageBegin(&image, r->tiff, 1, why)) {
        image.req_orientation = image.orientation;
        whole = TIFFRGBAImageGet(&image, raster, (uint32_t)width, (uint32_t)height);
        TIFFRGBAImageEnd(&image);
    } else if (!r->failed) {
        status = mseg_fail(err, MSEG_UNSUPPORTED, "a kind of TIFF that is not supported: %s", why);
    }
    if (!status && errno == ENOMEM) /* without a word some of it is left out */
        status = mseg_fail(err, MSEG_NOMEM, "out of memory");
    else if (!status && (!whole || r->failed))
        status = mseg_tiff_refuse(r, err);
    for (int y = 0; y < height && !status; y++)
        for (int x = 0; x < width; x++) {
            const uint32_t pixel = raster[(size_t)y * (size_t)width + (size_t)x];
            uint8_t *rgb = rows + (size_t)y * stride + (size_t)x * 3;
            rgb[0] = (uint8_t)TIFFGetR(pixel);
            rgb[1] = (uint8_t)TIFFGetG(pixel);
            rgb[2] = (uint8_t)TIFFGetB(pixel);
        }
    free(raster);
    return status;
}

mseg_status mseg_tiff_rows(mseg_tiff_reader *r, uint8_t *rows, size_t stride, int n, mseg_error *err)
{
    mseg_tiff_begin(r);
    if (r->converted)
        return convert(r, rows, stride, err);
    for (int y = 0; y < n; y++)
        if (!read_row(r, rows + (size_t)y * stride))
            return mseg_tiff_refuse(r, err);
    return MSEG_OK;
}

/* ---- memory ---- */

/* Sizes of what libtiff hands out; false when they do not go with the picture's. */
static bool measure(mseg_tiff_reader *r)
{
    const uint64_t samples = r->separate ? 1 : (uint64_t)r->pixels.count;
    uint32_t width = (uint32_t)r->decoder.width, rows = 1;
    if (r->tiled) {
        if (!TIFFGetField(r->tiff, TIFFTAG_TILEWIDTH, &width) || !TIFFGetField(r->tiff, TIFFTAG_TILELENGTH, &rows))
            return false;
        r->block_size = (size_t)TIFFTileSize(r->tiff);
        r->block_row = (size_t)TIFFTileRowSize(r->tiff);
    } else {
        TIFFGetFieldDefaulted(r->tiff, TIFFTAG_ROWSPERSTRIP, &rows);
        if (rows > (uint32_t)r->decoder.height)
            rows = (uint32_t)r->decoder.height;
        r->block_row = (size_t)TIFFScanlineSize(r->tiff);
        r->block_size = r->separate ? (size_t)TIFFVStripSize(r->tiff, rows) : r->block_row;
    }
    r->block_width = width;
    r->block_height = rows;
    const uint64_t least = (width * samples * (uint64_t)r->pixels.bits + 7) / 8;
    return width && rows && r->block_row >= least && (r->block_size >= r->block_row * rows || !(r->tiled || r->separate));
}

mseg_status mseg_tiff_prepare(mseg_tiff_reader *r, mseg_error *err)
{
    const size_t width = (size_t)r->decoder.width, count = (size_t)r->pixels.count;
    mseg_tiff_begin(r);
    if (!measure(r))
        return mseg_tiff_refuse(r, err);
    const size_t rows = r->block_height < (uint32_t)r->decoder.height ? r->block_height : (size_t)r->decoder.height;
    const size_t band = r->tiled || r->separate ? rows * width * count : 0;
    if (r->block_size > r->max_bytes || band > r->max_bytes || r->block_width > INT32_MAX || r->block_height > INT32_MAX)
        return mseg_fail(err, MSEG_LIMIT, "a TIFF in blocks of %ux%u pixels, over the limit", r->block_width, r->block_height);
    r->block = calloc(r->block_size, 1);
    r->samples = malloc(width * count);
    if (band)
        r->band = malloc(band);
    if (!r->block || !r->samples || (band && !r->band))
        return mseg_fail(err, MSEG_NOMEM, "out of memory");
    return MSEG_OK;
}
