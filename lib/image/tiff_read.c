#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "image/tiff.h"

/* ---- what libtiff calls ---- */

static tmsize_t on_read(thandle_t handle, void *bytes, tmsize_t size)
{
    mseg_tiff_reader *r = handle;
    if (size <= 0 || !mseg_source_seek(r->in, r->at))
        return 0;
    const size_t n = mseg_source_read(r->in, bytes, (size_t)size);
    r->cut = r->cut || n < (size_t)size;
    r->at += n;
    return (tmsize_t)n;
}

static tmsize_t on_write(thandle_t handle, void *bytes, tmsize_t size)
{
    (void)handle, (void)bytes, (void)size;
    return 0;
}

static toff_t on_seek(thandle_t handle, toff_t offset, int whence)
{
    mseg_tiff_reader *r = handle;
    r->at = whence == SEEK_SET ? offset : (whence == SEEK_CUR ? r->at : r->size) + offset;
    r->cut = r->cut || r->at > r->size;
    return r->at;
}

static toff_t on_size(thandle_t handle)
{
    return ((mseg_tiff_reader *)handle)->size;
}

static int on_close_file(thandle_t handle)
{
    (void)handle;
    return 0;
}

/* Keeps the first error; whoever runs out of memory leaves errno behind. 1: nothing is printed. */
static int on_error(TIFF *tiff, void *data, const char *module, const char *format, va_list arguments)
{
    mseg_tiff_reader *r = data;
    (void)tiff, (void)module;
    r->starved = r->starved || errno == ENOMEM;
    if (!r->failed)
        vsnprintf(r->text, sizeof r->text, format, arguments);
    for (char *c = r->text; *c; c++)
        *c = *c == '\n' ? ' ' : *c;
    r->failed = true;
    return 1;
}

/* Odd tags and the like do no harm; what libjpeg warns of is lost picture data, and for want of memory a tag is left out. */
static int on_warning(TIFF *tiff, void *data, const char *module, const char *format, va_list arguments)
{
    const bool lost = errno == ENOMEM || (module && !strcmp(module, "JPEGLib"));
    return lost ? on_error(tiff, data, module, format, arguments) : 1;
}

void mseg_tiff_begin(mseg_tiff_reader *r)
{
    r->failed = r->cut = r->starved = false;
    errno = 0;
}

mseg_status mseg_tiff_refuse(const mseg_tiff_reader *r, mseg_error *err)
{
    if (r->starved)
        return mseg_fail(err, MSEG_NOMEM, "out of memory");
    if (mseg_source_failed(r->in))
        return mseg_fail(err, MSEG_IO, "cannot read");
    if (r->cut)
        return mseg_fail(err, MSEG_FORMAT, "truncated TIFF");
    return mseg_fail(err, MSEG_FORMAT, "damaged TIFF%s%s", r->failed ? ": " : "", r->failed ? r->text : "");
}

/* ---- the first page's tags ---- */

static int get(TIFF *tiff, uint32_t tag)
{
    uint16_t value = 0;
    return TIFFGetFieldDefaulted(tiff, tag, &value) ? value : 0;
}

/* Cameras' raw files are TIFF, too, with a small preview in front. */
static mseg_status refuse_raw(TIFF *tiff, mseg_error *err)
{
    const uint8_t *version;
    uint32_t kind = 0;
    if (TIFFGetField(tiff, TIFFTAG_DNGVERSION, &version))
        return mseg_fail(err, MSEG_UNSUPPORTED,
                         "a camera's raw file (DNG), not a picture; convert it, e.g. darktable-cli a.dng a.png");
    TIFFGetFieldDefaulted(tiff, TIFFTAG_SUBFILETYPE, &kind);
    if (kind & FILETYPE_REDUCEDIMAGE || get(tiff, TIFFTAG_COMPRESSION) == COMPRESSION_OJPEG)
        return mseg_fail(
            err, MSEG_UNSUPPORTED,
            "a TIFF that starts with a preview, as cameras' raw files do; convert it, e.g. darktable-cli a.nef a.png");
    return MSEG_OK;
}

static mseg_status refuse_samples(TIFF *tiff, const mseg_tiff_pixels *p, mseg_error *err)
{
    const int format = get(tiff, TIFFTAG_SAMPLEFORMAT), compression = get(tiff, TIFFTAG_COMPRESSION);
    const bool integers = format == SAMPLEFORMAT_UINT || format == SAMPLEFORMAT_VOID;
    if (!integers || (p->bits != 1 && p->bits != 2 && p->bits != 4 && p->bits != 8 && p->bits != 16))
        return mseg_fail(err, MSEG_UNSUPPORTED, "a TIFF with samples of %d bits%s; 8 or 16 bits without sign are read", p->bits,
                         format == SAMPLEFORMAT_INT      ? " with sign"
                         : format == SAMPLEFORMAT_IEEEFP ? " in floating point"
                                                         : "");
    if (!TIFFIsCODECConfigured((uint16_t)compression))
        return mseg_fail(err, MSEG_UNSUPPORTED, "a TIFF whose compression (number %d) is not supported", compression);
    return MSEG_OK;
}

/* The tables of gray and of palettes. Some writers' palettes have 8 bits where 16 belong. */
static mseg_status fill_table(TIFF *tiff, mseg_tiff_pixels *p, int photometric, mseg_error *err)
{
    uint16_t *maps[3] = {NULL};
    const int values = 1 << (p->bits < 8 ? p->bits : 8);
    bool wide = false;
    if (p->color == MSEG_TIFF_GRAY)
        for (int i = 0; i < values; i++) {
            const int level = (i * 510 + values - 1) / (2 * (values - 1));
            memset(p->table[i], photometric == PHOTOMETRIC_MINISWHITE ? 255 - level : level, 3);
        }
    if (p->color != MSEG_TIFF_PALETTE)
        return MSEG_OK;
    if (p->bits > 8 || !TIFFGetField(tiff, TIFFTAG_COLORMAP, &maps[0], &maps[1], &maps[2]))
        return mseg_fail(err, MSEG_FORMAT, "damaged TIFF: no palette");
    if (!maps[0] || !maps[1] || !maps[2])
        return mseg_fail(err, MSEG_NOMEM, "out of memory");
    for (int i = 0; i < values; i++)
        for (int c = 0; c < 3; c++)
            wide = wide || maps[c][i] > 255;
    for (int i = 0; i < values; i++)
        for (int c = 0; c < 3; c++)
            p->table[i][c] = (uint8_t)(wide ? maps[c][i] >> 8 : maps[c][i]);
    return MSEG_OK;
}

/* Whether its kind of colour is read; *converted: by libtiff. */
static bool choose_color(mseg_tiff_reader *r, int photometric)
{
    const int compression = get(r->tiff, TIFFTAG_COMPRESSION);
    switch (photometric) {
    case PHOTOMETRIC_MINISWHITE:
    case PHOTOMETRIC_MINISBLACK:
        r->pixels.color = MSEG_TIFF_GRAY;
        return r->pixels.count <= 2;
    case PHOTOMETRIC_PALETTE:
        r->pixels.color = MSEG_TIFF_PALETTE;
        return r->pixels.count <= 2;
    case PHOTOMETRIC_RGB:
        r->pixels.color = MSEG_TIFF_RGB;
        return r->pixels.bits >= 8;
    case PHOTOMETRIC_SEPARATED:
        r->pixels.color = MSEG_TIFF_CMYK;
        return r->pixels.bits >= 8 && get(r->tiff, TIFFTAG_INKSET) == INKSET_CMYK;
    case PHOTOMETRIC_YCBCR:
        r->pixels.color = MSEG_TIFF_RGB;
        r->converted = compression != COMPRESSION_JPEG;
        return r->pixels.bits == 8 && r->pixels.count == 3 && (r->converted || !r->separate) &&
               (r->converted || TIFFSetField(r->tiff, TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB));
    default:
        return false;
    }
}

static mseg_status choose_pixels(mseg_tiff_reader *r, mseg_error *err)
{
    mseg_tiff_pixels *p = &r->pixels;
    uint16_t photometric, extras = 0, *kinds = NULL;
    p->bits = get(r->tiff, TIFFTAG_BITSPERSAMPLE);
    p->count = get(r->tiff, TIFFTAG_SAMPLESPERPIXEL);
    r->separate = p->count > 1 && get(r->tiff, TIFFTAG_PLANARCONFIG) == PLANARCONFIG_SEPARATE;
    r->tiled = TIFFIsTiled(r->tiff);
    mseg_status status = refuse_samples(r->tiff, p, err);
    if (status)
        return status;
    if (!TIFFGetField(r->tiff, TIFFTAG_PHOTOMETRIC, &photometric))
        photometric = p->count >= 3 ? PHOTOMETRIC_RGB : PHOTOMETRIC_MINISBLACK;
    if (p->count > MSEG_TIFF_MAX_SAMPLES || !choose_color(r, photometric))
        return mseg_fail(err, MSEG_UNSUPPORTED,
                         "a TIFF with %d samples of %d bits a pixel and colours of a kind (number %d) that is not read", p->count,
                         p->bits, photometric);
    if (p->count < mseg_tiff_colors(p->color))
        return mseg_fail(err, MSEG_FORMAT, "damaged TIFF: too few samples a pixel");
    TIFFGetField(r->tiff, TIFFTAG_EXTRASAMPLES, &extras, &kinds);
    if (extras && !kinds)
        return mseg_fail(err, MSEG_NOMEM, "out of memory");
    if (extras && kinds[0] == EXTRASAMPLE_ASSOCALPHA && p->count > mseg_tiff_colors(p->color) && p->color != MSEG_TIFF_PALETTE &&
        p->bits >= 8)
        p->alpha = mseg_tiff_colors(p->color);
    return fill_table(r->tiff, p, photometric, err);
}

static mseg_status read_tags(mseg_tiff_reader *r, mseg_orientation orientation, const mseg_limits *limits, mseg_error *err)
{
    uint32_t width = 0, height = 0;
    TIFFGetField(r->tiff, TIFFTAG_IMAGEWIDTH, &width);
    TIFFGetField(r->tiff, TIFFTAG_IMAGELENGTH, &height);
    mseg_status status = refuse_raw(r->tiff, err);
    if (!status && (!width || !height))
        status = mseg_fail(err, MSEG_FORMAT, "damaged TIFF: %ux%u pixels", width, height);
    if (!status)
        status = mseg_check_pixels(width, height, limits, err);
    if (!status)
        status = choose_pixels(r, err);
    if (status)
        return status;
    const int turned = get(r->tiff, TIFFTAG_ORIENTATION);
    r->decoder.width = (int)width;
    r->decoder.height = (int)height;
    r->decoder.format = MSEG_RGB;
    r->decoder.orientation = orientation == MSEG_EXIF_APPLY && turned >= 1 && turned <= 8 ? turned : 1;
    r->decoder.at_once = r->converted;
    return r->converted ? MSEG_OK : mseg_tiff_prepare(r, err);
}

/* ---- the decoder ---- */

static mseg_status open_file(mseg_tiff_reader *r, const mseg_limits *limits, mseg_error *err)
{
    r->size = mseg_source_size(r->in);
    /* A row or block of the largest picture, of 4 samples of 16 bits, or what a file holds. */
    r->max_bytes = limits->max_pixels < UINT64_MAX / 16 ? limits->max_pixels * 8 : INT64_MAX;
    const uint64_t most = r->max_bytes > limits->max_file_bytes ? r->max_bytes : limits->max_file_bytes;
    TIFFOpenOptions *options = TIFFOpenOptionsAlloc();
    if (!options)
        return mseg_fail(err, MSEG_NOMEM, "out of memory");
    TIFFOpenOptionsSetErrorHandlerExtR(options, on_error, r);
    TIFFOpenOptionsSetWarningHandlerExtR(options, on_warning, r);
    TIFFOpenOptionsSetMaxSingleMemAlloc(options, (tmsize_t)(most < INT64_MAX ? most : INT64_MAX));
    mseg_tiff_begin(r);
    r->tiff = TIFFClientOpenExt("", "rm", r, on_read, on_write, on_seek, on_close_file, on_size, NULL, NULL, options);
    TIFFOpenOptionsFree(options);
    return r->tiff && !r->starved ? MSEG_OK : mseg_tiff_refuse(r, err);
}

static mseg_status on_rows(mseg_decoder *decoder, uint8_t *rows, size_t stride, int n, mseg_error *err)
{
    return mseg_tiff_rows((mseg_tiff_reader *)decoder, rows, stride, n, err);
}

static void on_close(mseg_decoder *decoder)
{
    mseg_tiff_reader *r = (mseg_tiff_reader *)decoder;
    if (r->tiff)
        TIFFClose(r->tiff);
    free(r->block);
    free(r->samples);
    free(r->band);
    free(r);
}

mseg_status mseg_tiff_open(mseg_decoder **decoder, mseg_source *in, mseg_orientation orientation, const mseg_limits *limits,
                           mseg_error *err)
{
    *decoder = NULL;
    mseg_tiff_reader *r = calloc(1, sizeof *r);
    if (!r)
        return mseg_fail(err, MSEG_NOMEM, NULL);
    r->decoder.read = on_rows;
    r->decoder.close = on_close;
    r->in = in;
    mseg_status status = open_file(r, limits, err);
    if (!status)
        status = read_tags(r, orientation, limits, err);
    if (status)
        on_close(&r->decoder);
    else
        *decoder = &r->decoder;
    return status;
}
