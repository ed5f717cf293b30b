#include <limits.h>
#include <png.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "image/decode.h"

/* Everything lives here and not in locals of the function that calls setjmp, so that longjmp clobbers nothing. */
typedef struct png_reader {
    mseg_decoder decoder;
    png_structp png;
    png_infop info;
    mseg_source *in;
    int passes;
    int y; /* the next row */
    /* Of the call in progress. */
    bool labels;
    const mseg_limits *limits;
    uint8_t *rows;
    size_t stride;
    int n;
    mseg_error *err;
    mseg_status status;
    bool starved; /* libpng asked for memory in vain, whatever it says of it later */
} png_reader;

static _Noreturn void fail(png_reader *r, mseg_status status, const char *what, const char *detail)
{
    r->status = mseg_fail(r->err, status, "%s%s", what, detail);
    png_longjmp(r->png, 1);
}

static void on_error(png_structp png, png_const_charp message)
{
    png_reader *r = png_get_error_ptr(png);
    r->png = png; /* not yet known when creating the reader fails */
    if (r->starved)
        fail(r, MSEG_NOMEM, "out of memory", "");
    fail(r, MSEG_FORMAT, "damaged PNG: ", message);
}

static void on_warning(png_structp png, png_const_charp message)
{
    (void)png;
    (void)message;
}

static png_voidp on_malloc(png_structp png, png_alloc_size_t size)
{
    png_reader *r = png_get_mem_ptr(png);
    void *memory = malloc(size);
    r->starved = r->starved || !memory;
    return memory;
}

static void on_free(png_structp png, png_voidp memory)
{
    (void)png;
    free(memory);
}

static void on_read(png_structp png, png_bytep bytes, size_t size)
{
    png_reader *r = png_get_io_ptr(png);
    if (mseg_source_read(r->in, bytes, size) == size)
        return;
    if (mseg_source_failed(r->in))
        fail(r, MSEG_IO, "cannot read", "");
    fail(r, MSEG_FORMAT, "truncated PNG", "");
}

/* Asks libpng for plain 8-bit RGB. */
static mseg_format ask_rgb(png_reader *r, int color, int depth)
{
    if (depth == 16)
        png_set_scale_16(r->png);
    if (color == PNG_COLOR_TYPE_PALETTE)
        png_set_palette_to_rgb(r->png);
    if (color == PNG_COLOR_TYPE_GRAY && depth < 8)
        png_set_expand_gray_1_2_4_to_8(r->png);
    if (!(color & PNG_COLOR_MASK_COLOR))
        png_set_gray_to_rgb(r->png);
    png_set_strip_alpha(r->png);
    return MSEG_RGB;
}

/* A row of big-endian 16-bit ids becomes one of bytes. */
static void narrow_ids(png_structp png, png_row_infop row, png_bytep data)
{
    for (png_uint_32 x = 0; x < row->width; x++) {
        char id[16];
        if (data[2 * x]) {
            snprintf(id, sizeof id, "%d", data[2 * x] << 8 | data[2 * x + 1]);
            fail(png_get_user_transform_ptr(png), MSEG_UNSUPPORTED, "16-bit PNG with ids above 255, the first is ", id);
        }
        data[x] = data[2 * x + 1];
    }
    row->bit_depth = row->pixel_depth = 8;
    row->rowbytes = row->width;
}

static void keep_colors(png_reader *r)
{
    png_colorp colors = NULL;
    png_get_PLTE(r->png, r->info, &colors, &r->decoder.colors.count);
    for (int i = 0; i < r->decoder.colors.count; i++)
        memcpy(r->decoder.colors.rgb[i], (uint8_t[3]){colors[i].red, colors[i].green, colors[i].blue}, 3);
}

/* Asks libpng for samples as stored, one a byte. */
static mseg_format ask_stored(png_reader *r, int color, int depth)
{
    const bool colors = color == PNG_COLOR_TYPE_RGB || color == PNG_COLOR_TYPE_RGB_ALPHA;
    if (depth == 16 && colors)
        fail(r, MSEG_UNSUPPORTED, "16-bit colours; label maps have 8 bits a colour", "");
    if (depth == 16) {
        png_set_read_user_transform_fn(r->png, narrow_ids);
        png_set_user_transform_info(r->png, r, 8, 1);
    }
    if (depth < 8)
        png_set_packing(r->png);
    if (color == PNG_COLOR_TYPE_PALETTE)
        keep_colors(r);
    png_set_strip_alpha(r->png);
    return colors ? MSEG_RGB : MSEG_GRAY;
}

static void read_header(png_reader *r)
{
    png_set_read_fn(r->png, r, on_read);
    png_set_user_limits(r->png, INT_MAX, INT_MAX);
    /* Text, profiles and the like may be huge when unpacked and are of no use here. */
    png_set_keep_unknown_chunks(r->png, PNG_HANDLE_CHUNK_NEVER, NULL, -1);
    png_read_info(r->png, r->info);
    png_uint_32 width = png_get_image_width(r->png, r->info), height = png_get_image_height(r->png, r->info);
    r->status = mseg_check_pixels(width, height, r->limits, r->err);
    if (r->status)
        png_longjmp(r->png, 1);
    int color = png_get_color_type(r->png, r->info), depth = png_get_bit_depth(r->png, r->info);
    const mseg_format format = r->labels ? ask_stored(r, color, depth) : ask_rgb(r, color, depth);
    r->passes = png_set_interlace_handling(r->png);
    png_read_update_info(r->png, r->info);
    if (png_get_rowbytes(r->png, r->info) != (size_t)width * (size_t)mseg_format_channels(format))
        fail(r, MSEG_FORMAT, "damaged PNG", "");
    r->decoder.width = (int)width;
    r->decoder.height = (int)height;
    r->decoder.format = format;
    r->decoder.at_once = r->passes > 1;
}

static void read_rows(png_reader *r)
{
    for (int pass = 0; pass < r->passes; pass++)
        for (int y = 0; y < r->n; y++)
            png_read_row(r->png, r->rows + (size_t)y * r->stride, NULL);
    r->y += r->n;
    if (r->y == r->decoder.height)
        png_read_end(r->png, NULL);
}

static mseg_status run(png_reader *r, void (*step)(png_reader *), mseg_error *err)
{
    r->err = err;
    if (!setjmp(png_jmpbuf(r->png)))
        step(r);
    return r->status;
}

static mseg_status on_rows(mseg_decoder *decoder, uint8_t *rows, size_t stride, int n, mseg_error *err)
{
    png_reader *r = (png_reader *)decoder;
    r->rows = rows;
    r->stride = stride;
    r->n = n;
    return run(r, read_rows, err);
}

static void on_close(mseg_decoder *decoder)
{
    png_reader *r = (png_reader *)decoder;
    png_destroy_read_struct(&r->png, &r->info, NULL);
    free(r);
}

mseg_status mseg_png_open(mseg_decoder **decoder, mseg_source *in, bool labels, mseg_orientation orientation,
                          const mseg_limits *limits, mseg_error *err)
{
    *decoder = NULL;
    /* Not mseg_alloc: among libpng's own blocks an aligned one, which glibc before 2.38 does not use again, costs 40 KB each. */
    png_reader *r = calloc(1, sizeof *r);
    if (!r)
        return mseg_fail(err, MSEG_NOMEM, NULL);
    r->decoder.read = on_rows;
    r->decoder.close = on_close;
    r->decoder.orientation = orientation == MSEG_EXIF_IGNORE ? 1 : mseg_png_orientation(in);
    r->in = in;
    r->labels = labels;
    r->limits = limits;
    r->png = png_create_read_struct_2(PNG_LIBPNG_VER_STRING, r, on_error, on_warning, r, on_malloc, on_free);
    if (r->png)
        r->info = png_create_info_struct(r->png);
    mseg_status status = r->info ? run(r, read_header, err) : mseg_fail(err, MSEG_NOMEM, NULL);
    if (status)
        on_close(&r->decoder);
    else
        *decoder = &r->decoder;
    return status;
}
