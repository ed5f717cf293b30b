#include <errno.h>
#include <png.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "image/encode.h"
#include "image/png_chunk.h"
#include "image/png_mark.h"
#include "image/view.h"

/* Everything lives here and not in locals of the function that calls setjmp, so that longjmp clobbers nothing. */
struct mseg_png_encoder {
    png_structp png;
    png_infop info;
    FILE *out;
    mseg_png_format format;
    int entries; /* colours that it is indexed by, 0: none */
    int y;       /* the next row */
    /* Of the call in progress. */
    mseg_view rows; /* of its format */
    mseg_error *err;
    mseg_status status;
    bool starved; /* libpng asked for memory in vain, whatever it says of it later */
};

static _Noreturn void fail(mseg_png_encoder *e, mseg_status status, const char *what, const char *message)
{
    e->status = mseg_fail(e->err, status, "%s: %s", what, message);
    png_longjmp(e->png, 1);
}

static _Noreturn void fail_errno(mseg_png_encoder *e, int code)
{
    e->status = mseg_fail_errno(e->err, "cannot write the file", code);
    png_longjmp(e->png, 1);
}

static void on_error(png_structp png, png_const_charp message)
{
    mseg_png_encoder *e = png_get_error_ptr(png);
    e->png = png; /* not yet known when creating the encoder fails */
    if (e->starved)
        fail_errno(e, ENOMEM);
    fail(e, MSEG_INVAL, "cannot encode as PNG", message);
}

static void on_warning(png_structp png, png_const_charp message)
{
    (void)png;
    (void)message;
}

static png_voidp on_malloc(png_structp png, png_alloc_size_t size)
{
    mseg_png_encoder *e = png_get_mem_ptr(png);
    void *memory = malloc(size);
    e->starved = e->starved || !memory;
    return memory;
}

static void on_free(png_structp png, png_voidp memory)
{
    (void)png;
    free(memory);
}

static void on_write(png_structp png, png_bytep bytes, size_t size)
{
    mseg_png_encoder *e = png_get_io_ptr(png);
    if (fwrite(bytes, 1, size, e->out) != size)
        fail_errno(e, errno);
}

static void on_flush(png_structp png)
{
    (void)png;
}

static void set_mark(mseg_png_encoder *e, const char *mark)
{
    char keyword[] = MSEG_PNG_KEYWORD, text[MSEG_PNG_MARK_SIZE]; /* libpng takes no const ones */
    snprintf(text, sizeof text, "%s", mark);
    png_set_text(e->png, e->info, &(png_text){.compression = PNG_TEXT_COMPRESSION_NONE, .key = keyword, .text = text}, 1);
}

static void write_header(mseg_png_encoder *e)
{
    const mseg_png_format *f = &e->format;
    png_color colors[256];
    int type = e->entries ? PNG_COLOR_TYPE_PALETTE : f->format == MSEG_GRAY ? PNG_COLOR_TYPE_GRAY : PNG_COLOR_TYPE_RGB;
    png_set_write_fn(e->png, e, on_write, on_flush);
    png_set_user_limits(e->png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
    png_set_IHDR(e->png, e->info, (png_uint_32)f->width, (png_uint_32)f->height, 8, type, PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    for (int i = 0; i < e->entries; i++)
        colors[i] = (png_color){f->colors->rgb[i][0], f->colors->rgb[i][1], f->colors->rgb[i][2]};
    if (e->entries)
        png_set_PLTE(e->png, e->info, colors, e->entries);
    /* Runs only: on VOC masks unfiltered it takes 0.4 ms where level 6 takes 1.2, for 4% more bytes; on photos after Paeth it is
     * both the fastest and the smallest. */
    png_set_compression_strategy(e->png, Z_RLE);
    /* That strategy looks back one byte, so indices need no more than little memory, which zlib zeroes for each file. Blocks are
     * of fewer symbols then, which fits masks as well or better. */
    if (e->entries) {
        png_set_compression_window_bits(e->png, 14);
        png_set_compression_mem_level(e->png, 5);
    }
    png_set_filter(e->png, PNG_FILTER_TYPE_BASE, e->entries ? PNG_FILTER_NONE : PNG_FILTER_PAETH);
    if (f->mark)
        set_mark(e, f->mark);
    png_write_info(e->png, e->info);
}

static void write_rows(mseg_png_encoder *e)
{
    for (int y = 0; y < e->rows.height; y++)
        png_write_row(e->png, e->rows.data + (size_t)y * e->rows.stride);
    e->y += e->rows.height;
    if (e->y == e->format.height)
        png_write_end(e->png, NULL);
}

static mseg_status run(mseg_png_encoder *e, void (*step)(mseg_png_encoder *), mseg_error *err)
{
    e->err = err;
    if (!setjmp(png_jmpbuf(e->png)))
        step(e);
    return e->status;
}

static bool mark_fits(const char *mark)
{
    size_t length = 0;
    while (mark && mark[length] >= ' ' && mark[length] <= '~' && length < MSEG_PNG_MARK_SIZE)
        length++;
    return !mark || (!mark[length] && length < MSEG_PNG_MARK_SIZE);
}

static mseg_status check_format(const mseg_png_format *f, mseg_error *err)
{
    if (f->width < 1 || f->height < 1)
        return mseg_fail(err, MSEG_INVAL, "width %d and height %d: not a PNG", f->width, f->height);
    if (f->format != MSEG_GRAY && f->format != MSEG_RGB)
        return mseg_fail(err, MSEG_INVAL, "format %d: a PNG is written as MSEG_GRAY or MSEG_RGB", (int)f->format);
    if (!mark_fits(f->mark))
        return mseg_fail(err, MSEG_INVAL, "a mark is of up to %d characters of ASCII", MSEG_PNG_MARK_SIZE - 1);
    const int count = f->colors ? f->colors->count : 0;
    if (count < 0 || count > 256 || (count && f->format != MSEG_GRAY))
        return mseg_fail(err, MSEG_INVAL, "%d colours: an indexed PNG is of MSEG_GRAY and has at most 256", count);
    return MSEG_OK;
}

/* Every id must have a palette entry: readers refuse or misread others. first: the number of the first row. */
static mseg_status check_ids(mseg_view ids, int first, int entries, mseg_error *err)
{
    for (int y = 0; y < ids.height; y++) {
        const uint8_t *row = ids.data + (size_t)y * ids.stride;
        uint8_t largest = 0;
        for (int x = 0; x < ids.width; x++)
            largest = row[x] > largest ? row[x] : largest;
        if (largest >= entries)
            return mseg_fail(err, MSEG_INVAL, "label %d in row %d has no entry in the palette of %d", largest, first + y,
                             entries);
    }
    return MSEG_OK;
}

mseg_status mseg_png_encoder_open(mseg_png_encoder **out, FILE *file, const mseg_png_format *format, mseg_error *err)
{
    *out = NULL;
    mseg_status status = check_format(format, err);
    if (status)
        return status;
    mseg_png_encoder *e = calloc(1, sizeof *e);
    if (!e)
        return mseg_fail(err, MSEG_NOMEM, NULL);
    e->out = file;
    e->format = *format;
    e->entries = format->colors ? format->colors->count : 0;
    e->png = png_create_write_struct_2(PNG_LIBPNG_VER_STRING, e, on_error, on_warning, e, on_malloc, on_free);
    if (e->png)
        e->info = png_create_info_struct(e->png);
    status = e->info ? run(e, write_header, err) : mseg_fail(err, MSEG_NOMEM, NULL);
    if (status)
        mseg_png_encoder_close(&e);
    *out = e;
    return status;
}

mseg_status mseg_png_encoder_put(mseg_png_encoder *e, mseg_view rows, mseg_error *err)
{
    const mseg_png_format *f = &e->format;
    mseg_image copy = {0};
    if (mseg_view_check(rows, MSEG_PIXELS_OPAQUE, "rows", err))
        return MSEG_INVAL;
    if (rows.width != f->width || (rows.format == MSEG_GRAY) != (f->format == MSEG_GRAY) || rows.height > f->height - e->y)
        return mseg_fail(err, MSEG_INVAL, "rows that do not belong to this PNG");
    mseg_status status = e->entries ? check_ids(rows, e->y, e->entries, err) : MSEG_OK;
    if (!status && f->format == MSEG_RGB)
        status = mseg_view_as_rgb(&rows, &copy, err);
    e->rows = rows;
    if (!status)
        status = run(e, write_rows, err);
    mseg_image_free(&copy);
    return status;
}

bool mseg_png_encoder_is_complete(const mseg_png_encoder *e)
{
    return e->y == e->format.height;
}

void mseg_png_encoder_close(mseg_png_encoder **pointer)
{
    mseg_png_encoder *e = *pointer;
    if (e)
        png_destroy_write_struct(&e->png, &e->info);
    free(e);
    *pointer = NULL;
}

/* That of a whole view. */
static mseg_png_format format_of(mseg_view image, const mseg_colors *colors)
{
    return (mseg_png_format){image.width, image.height, image.format == MSEG_GRAY ? MSEG_GRAY : MSEG_RGB, colors, NULL};
}

mseg_status mseg_image_encode_png(mseg_view image, const mseg_colors *colors, uint8_t **bytes, size_t *size, mseg_error *err)
{
    const mseg_png_format format = format_of(image, colors);
    mseg_png_encoder *encoder = NULL;
    char *memory = NULL;
    *bytes = NULL;
    *size = 0;
    if (mseg_view_check(image, MSEG_PIXELS_OPAQUE, "image", err))
        return MSEG_INVAL;
    FILE *out = open_memstream(&memory, size);
    if (!out)
        return mseg_fail(err, MSEG_NOMEM, NULL);
    mseg_status status = mseg_png_encoder_open(&encoder, out, &format, err);
    if (!status)
        status = mseg_png_encoder_put(encoder, image, err);
    mseg_png_encoder_close(&encoder);
    if (fclose(out) && !status)
        status = mseg_fail(err, MSEG_NOMEM, NULL);
    if (!status) {
        *bytes = (uint8_t *)memory;
        return MSEG_OK;
    }
    free(memory);
    *size = 0;
    return status;
}

static mseg_status write_png(const char *path, mseg_view image, mseg_pixels wanted, const mseg_colors *colors, mseg_error *err)
{
    const mseg_png_format format = format_of(image, colors);
    mseg_row_writer *writer;
    if (mseg_view_check(image, wanted, wanted == MSEG_PIXELS_LABELS ? "ids" : "image", err))
        return MSEG_INVAL;
    mseg_status status = mseg_row_writer_open(&writer, path, &format, err);
    if (!status)
        status = mseg_row_writer_put(writer, image, err);
    if (!status)
        status = mseg_row_writer_commit(&writer, err);
    mseg_row_writer_discard(&writer);
    return status;
}

mseg_status mseg_image_write_indexed(const char *path, mseg_view ids, const mseg_colors *colors, mseg_error *err)
{
    if (!colors || colors->count < 1)
        return mseg_fail(err, MSEG_INVAL, "%d colours: an indexed PNG needs some", colors ? colors->count : 0);
    return write_png(path, ids, MSEG_PIXELS_LABELS, colors, err);
}

mseg_status mseg_image_write_png(const char *path, mseg_view image, mseg_error *err)
{
    return write_png(path, image, MSEG_PIXELS_OPAQUE, NULL, err);
}
