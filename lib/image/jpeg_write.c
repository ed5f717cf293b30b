#include <setjmp.h>
#include <stdio.h> /* jpeglib.h needs it first */
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>

#include <jerror.h> /* its numbers depend on what jpeglib.h defines */

#include "image/buffer.h"
#include "image/view.h"

enum { ROOM = 1 << 14 };

/* Everything lives here and not in locals of the function that calls setjmp, so that longjmp clobbers nothing. */
typedef struct jpeg_writer {
    struct jpeg_compress_struct jpeg; /* client_data: this writer */
    struct jpeg_error_mgr errors;
    struct jpeg_destination_mgr destination;
    jmp_buf jump;
    mseg_view image; /* MSEG_GRAY or MSEG_RGB */
    int quality;
    mseg_buffer out;
    mseg_error *err;
    mseg_status status;
} jpeg_writer;

static _Noreturn void fail(jpeg_writer *w, mseg_status status, const char *message)
{
    w->status = mseg_fail(w->err, status, message ? "cannot encode as JPEG: %s" : NULL, message);
    longjmp(w->jump, 1);
}

static _Noreturn void on_error(j_common_ptr jpeg)
{
    char message[JMSG_LENGTH_MAX];
    jpeg->err->format_message(jpeg, message);
    if (jpeg->err->msg_code == JERR_OUT_OF_MEMORY)
        fail(jpeg->client_data, MSEG_NOMEM, NULL);
    fail(jpeg->client_data, MSEG_INVAL, message);
}

static void on_message(j_common_ptr jpeg, int level)
{
    (void)jpeg;
    (void)level;
}

/* Hands libjpeg the free end of the buffer, at least ROOM bytes. */
static void offer_room(jpeg_writer *w)
{
    if (!mseg_buffer_reserve(&w->out, ROOM))
        fail(w, MSEG_NOMEM, NULL);
    w->destination.next_output_byte = w->out.bytes + w->out.size;
    w->destination.free_in_buffer = w->out.capacity - w->out.size;
}

static void on_start(j_compress_ptr jpeg)
{
    offer_room(jpeg->client_data);
}

static boolean on_full(j_compress_ptr jpeg)
{
    jpeg_writer *w = jpeg->client_data;
    w->out.size = w->out.capacity; /* free_in_buffer means nothing here */
    offer_room(w);
    return TRUE;
}

static void on_end(j_compress_ptr jpeg)
{
    jpeg_writer *w = jpeg->client_data;
    w->out.size = w->out.capacity - w->destination.free_in_buffer;
}

static void write_file(jpeg_writer *w)
{
    struct jpeg_compress_struct *jpeg = &w->jpeg;
    const mseg_view *image = &w->image;
    jpeg_create_compress(jpeg);
    w->destination.init_destination = on_start;
    w->destination.empty_output_buffer = on_full;
    w->destination.term_destination = on_end;
    jpeg->dest = &w->destination;
    jpeg->image_width = (JDIMENSION)image->width;
    jpeg->image_height = (JDIMENSION)image->height;
    jpeg->input_components = mseg_format_channels(image->format);
    jpeg->in_color_space = image->format == MSEG_GRAY ? JCS_GRAYSCALE : JCS_RGB;
    jpeg_set_defaults(jpeg);
    jpeg_set_quality(jpeg, w->quality, TRUE);
    jpeg_start_compress(jpeg, TRUE);
    const JDIMENSION bytes = jpeg->image_width * (JDIMENSION)jpeg->input_components;
    const JSAMPARRAY row = jpeg->mem->alloc_sarray((j_common_ptr)jpeg, JPOOL_IMAGE, bytes, 1); /* libjpeg's rows are not const */
    while (jpeg->next_scanline < jpeg->image_height) {
        memcpy(row[0], image->data + (size_t)jpeg->next_scanline * image->stride, bytes);
        jpeg_write_scanlines(jpeg, row, 1);
    }
    jpeg_finish_compress(jpeg);
}

static void run(jpeg_writer *w)
{
    if (!setjmp(w->jump))
        write_file(w);
}

mseg_status mseg_image_encode_jpeg(mseg_view image, int quality, uint8_t **bytes, size_t *size, mseg_error *err)
{
    mseg_image copy = {0};
    *bytes = NULL;
    *size = 0;
    if (quality < 1 || quality > 100)
        return mseg_fail(err, MSEG_INVAL, "JPEG quality %d is not between 1 and 100", quality);
    if (mseg_view_check(image, MSEG_PIXELS_OPAQUE, "image", err))
        return MSEG_INVAL;
    if (image.format != MSEG_GRAY && mseg_view_as_rgb(&image, &copy, err))
        return MSEG_NOMEM;
    jpeg_writer w = {.image = image, .quality = quality, .err = err};
    w.jpeg.err = jpeg_std_error(&w.errors);
    w.errors.error_exit = on_error;
    w.errors.emit_message = on_message;
    w.jpeg.client_data = &w;
    run(&w);
    jpeg_destroy_compress(&w.jpeg);
    mseg_image_free(&copy);
    if (w.status) {
        free(w.out.bytes);
        return w.status;
    }
    *bytes = w.out.bytes;
    *size = w.out.size;
    return MSEG_OK;
}
