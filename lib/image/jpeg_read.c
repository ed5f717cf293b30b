#include <setjmp.h>
#include <stdio.h> /* jpeglib.h needs it first */
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>

#include <jerror.h> /* its numbers depend on what jpeglib.h defines */

#include "image/decode.h"

/* Scans that a progressive file may have: each costs a pass over all coefficients, so that a small file could keep us busy for
 * hours. Encoders write about ten. */
enum { MAX_SCANS = 500, BUFFER_SIZE = 1 << 14, ROWS = 8 };

/* Everything lives here and not in locals of the function that calls setjmp, so that longjmp clobbers nothing. */
typedef struct jpeg_reader {
    mseg_decoder decoder;
    struct jpeg_decompress_struct jpeg; /* client_data: this reader */
    struct jpeg_error_mgr errors;
    struct jpeg_source_mgr source;
    struct jpeg_progress_mgr progress;
    jmp_buf jump;
    mseg_source *in;
    JSAMPARRAY cmyk; /* one row; NULL: RGB is read */
    /* Of the call in progress. */
    mseg_orientation orientation;
    const mseg_limits *limits;
    uint8_t *rows;
    size_t stride;
    int n;
    mseg_error *err;
    mseg_status status;
    JOCTET buffer[BUFFER_SIZE];
} jpeg_reader;

static _Noreturn void fail(jpeg_reader *r, mseg_status status, const char *what, const char *detail)
{
    r->status = mseg_fail(r->err, status, "%s%s", what, detail);
    longjmp(r->jump, 1);
}

static _Noreturn void on_error(j_common_ptr jpeg)
{
    jpeg_reader *r = jpeg->client_data;
    char message[JMSG_LENGTH_MAX];
    jpeg->err->format_message(jpeg, message);
    switch (jpeg->err->msg_code) {
    case JERR_OUT_OF_MEMORY:
        fail(r, MSEG_NOMEM, "out of memory", "");
    case JERR_IMAGE_TOO_BIG:
        fail(r, MSEG_LIMIT, message, "");
    case JERR_BAD_PRECISION:
    case JERR_CONVERSION_NOTIMPL:
    case JERR_SOF_UNSUPPORTED:
    case JERR_NOT_COMPILED:
    case JERR_NOTIMPL:
        fail(r, MSEG_UNSUPPORTED, "a kind of JPEG that is not supported: ", message);
    default:
        fail(r, MSEG_FORMAT, "damaged JPEG: ", message);
    }
}

/* Warnings that mean lost picture data are errors here; the others (odd headers, stray bytes between markers) are ignored. */
static void on_message(j_common_ptr jpeg, int level)
{
    if (level >= 0)
        return;
    switch (jpeg->err->msg_code) {
    case JWRN_ARITH_BAD_CODE:
    case JWRN_HIT_MARKER:
    case JWRN_HUFF_BAD_CODE:
    case JWRN_JPEG_EOF:
    case JWRN_MUST_RESYNC:
        on_error(jpeg);
    default:
        break;
    }
}

static void on_output(j_common_ptr jpeg)
{
    (void)jpeg;
}

static void on_progress(j_common_ptr jpeg)
{
    jpeg_reader *r = jpeg->client_data;
    if (r->jpeg.input_scan_number > MAX_SCANS)
        fail(r, MSEG_LIMIT, "a progressive JPEG with too many scans", "");
}

static void on_start(j_decompress_ptr jpeg)
{
    (void)jpeg;
}

static boolean on_fill(j_decompress_ptr jpeg)
{
    jpeg_reader *r = jpeg->client_data;
    size_t n = mseg_source_read(r->in, r->buffer, BUFFER_SIZE);
    if (mseg_source_failed(r->in))
        fail(r, MSEG_IO, "cannot read", "");
    if (!n)
        fail(r, MSEG_FORMAT, "truncated JPEG", "");
    r->source.next_input_byte = r->buffer;
    r->source.bytes_in_buffer = n;
    return TRUE;
}

static void on_skip(j_decompress_ptr jpeg, long bytes)
{
    struct jpeg_source_mgr *source = jpeg->src;
    while (bytes > 0 && (size_t)bytes > source->bytes_in_buffer) {
        bytes -= (long)source->bytes_in_buffer;
        on_fill(jpeg);
    }
    if (bytes > 0) {
        source->next_input_byte += bytes;
        source->bytes_in_buffer -= (size_t)bytes;
    }
}

static void open_reader(jpeg_reader *r)
{
    struct jpeg_decompress_struct *jpeg = &r->jpeg;
    jpeg_create_decompress(jpeg);
    r->source.init_source = on_start;
    r->source.fill_input_buffer = on_fill;
    r->source.skip_input_data = on_skip;
    r->source.resync_to_restart = jpeg_resync_to_restart;
    r->source.term_source = on_start;
    jpeg->src = &r->source;
    r->progress.progress_monitor = on_progress;
    jpeg->progress = &r->progress;
    if (r->orientation == MSEG_EXIF_APPLY)
        jpeg_save_markers(jpeg, JPEG_APP0 + 1, 0xffff);
}

static void read_rgb_rows(jpeg_reader *r)
{
    for (int y = 0; y < r->n;) {
        JSAMPROW rows[ROWS];
        int n = r->n - y < ROWS ? r->n - y : ROWS;
        for (int i = 0; i < n; i++)
            rows[i] = r->rows + (size_t)(y + i) * r->stride;
        y += (int)jpeg_read_scanlines(&r->jpeg, rows, (JDIMENSION)n);
    }
}

/* libjpeg hands out CMYK as stored: Adobe's files hold 255 - ink. */
static void read_cmyk_rows(jpeg_reader *r)
{
    for (int y = 0; y < r->n; y++) {
        jpeg_read_scanlines(&r->jpeg, r->cmyk, 1);
        mseg_cmyk_to_rgb(r->rows + (size_t)y * r->stride, r->cmyk[0], r->decoder.width, r->jpeg.saw_Adobe_marker ? 255 : 0);
    }
}

static int find_orientation(const struct jpeg_decompress_struct *jpeg)
{
    for (const struct jpeg_marker_struct *marker = jpeg->marker_list; marker; marker = marker->next) {
        int orientation = mseg_exif_orientation(marker->data, marker->data_length);
        if (orientation)
            return orientation;
    }
    return 1;
}

static void read_header(jpeg_reader *r)
{
    struct jpeg_decompress_struct *jpeg = &r->jpeg;
    open_reader(r);
    jpeg_read_header(jpeg, TRUE);
    r->status = mseg_check_pixels(jpeg->image_width, jpeg->image_height, r->limits, r->err);
    if (r->status)
        longjmp(r->jump, 1);
    bool cmyk = jpeg->jpeg_color_space == JCS_CMYK || jpeg->jpeg_color_space == JCS_YCCK;
    jpeg->out_color_space = cmyk ? JCS_CMYK : JCS_RGB;
    jpeg_start_decompress(jpeg);
    if (cmyk)
        r->cmyk = jpeg->mem->alloc_sarray((j_common_ptr)jpeg, JPOOL_IMAGE, jpeg->output_width * 4, 1);
    r->decoder.width = (int)jpeg->output_width;
    r->decoder.height = (int)jpeg->output_height;
    r->decoder.format = MSEG_RGB;
    r->decoder.orientation = find_orientation(jpeg);
}

static void read_rows(jpeg_reader *r)
{
    if (r->cmyk)
        read_cmyk_rows(r);
    else
        read_rgb_rows(r);
    if (r->jpeg.output_scanline == r->jpeg.output_height)
        jpeg_finish_decompress(&r->jpeg);
}

static mseg_status run(jpeg_reader *r, void (*step)(jpeg_reader *), mseg_error *err)
{
    r->err = err;
    if (!setjmp(r->jump))
        step(r);
    return r->status;
}

static mseg_status on_rows(mseg_decoder *decoder, uint8_t *rows, size_t stride, int n, mseg_error *err)
{
    jpeg_reader *r = (jpeg_reader *)decoder;
    r->rows = rows;
    r->stride = stride;
    r->n = n;
    return run(r, read_rows, err);
}

static void on_close(mseg_decoder *decoder)
{
    jpeg_reader *r = (jpeg_reader *)decoder;
    jpeg_destroy_decompress(&r->jpeg);
    free(r);
}

mseg_status mseg_jpeg_open(mseg_decoder **decoder, mseg_source *in, mseg_orientation orientation, const mseg_limits *limits,
                           mseg_error *err)
{
    *decoder = NULL;
    jpeg_reader *r = calloc(1, sizeof *r);
    if (!r)
        return mseg_fail(err, MSEG_NOMEM, NULL);
    r->decoder.read = on_rows;
    r->decoder.close = on_close;
    r->in = in;
    r->orientation = orientation;
    r->limits = limits;
    r->jpeg.err = jpeg_std_error(&r->errors);
    r->errors.error_exit = on_error;
    r->errors.emit_message = on_message;
    r->errors.output_message = on_output;
    r->jpeg.client_data = r;
    mseg_status status = run(r, read_header, err);
    if (status)
        on_close(&r->decoder);
    else
        *decoder = &r->decoder;
    return status;
}
