#include "image/row_writer.h"

#include <stdlib.h>

#include "base/output.h"
#include "image/encode.h"

struct mseg_row_writer {
    mseg_output output;
    mseg_png_encoder *encoder;
};

mseg_status mseg_row_writer_open(mseg_row_writer **out, const char *path, const mseg_png_format *format, mseg_error *err)
{
    mseg_row_writer *writer = *out = calloc(1, sizeof *writer);
    if (!writer)
        return mseg_fail(err, MSEG_NOMEM, NULL);
    mseg_status status = mseg_output_open(&writer->output, path, err);
    if (!status)
        status = mseg_png_encoder_open(&writer->encoder, writer->output.file, format, err);
    if (status)
        mseg_row_writer_discard(out);
    return status;
}

mseg_status mseg_row_writer_put(mseg_row_writer *writer, mseg_view rows, mseg_error *err)
{
    return mseg_png_encoder_put(writer->encoder, rows, err);
}

static mseg_status finish(mseg_row_writer **writer, mseg_status (*commit)(mseg_output *, mseg_error *), mseg_error *err)
{
    mseg_status status = MSEG_OK;
    if (!*writer)
        return mseg_fail(err, MSEG_INVAL, "no picture is being written");
    if (!mseg_png_encoder_is_complete((*writer)->encoder))
        status = mseg_fail(err, MSEG_INVAL, "rows are missing");
    if (!status)
        status = commit(&(*writer)->output, err);
    mseg_row_writer_discard(writer);
    return status;
}

mseg_status mseg_row_writer_commit(mseg_row_writer **writer, mseg_error *err)
{
    return finish(writer, mseg_output_commit, err);
}

mseg_status mseg_row_writer_commit_new(mseg_row_writer **writer, mseg_error *err)
{
    return finish(writer, mseg_output_commit_new, err);
}

void mseg_row_writer_discard(mseg_row_writer **writer)
{
    if (!*writer)
        return;
    mseg_png_encoder_close(&(*writer)->encoder);
    mseg_output_discard(&(*writer)->output);
    free(*writer);
    *writer = NULL;
}
