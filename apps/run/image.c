#include <string.h>

#include "cli/clock.h"
#include "run/run.h"

/* Labels come in runs: eight that are alike count at once. */
static void count_row(const uint8_t *row, int width, int64_t counts[256])
{
    int x = 0;
    for (uint64_t eight; x + 8 <= width; x += 8) {
        memcpy(&eight, row + x, 8);
        if (eight == row[x] * UINT64_C(0x0101010101010101)) {
            counts[row[x]] += 8;
            continue;
        }
        for (int i = 0; i < 8; i++)
            counts[row[x + i]]++;
    }
    for (; x < width; x++)
        counts[row[x]]++;
}

static void count_pixels(mseg_view labels, int64_t counts[256])
{
    for (int y = 0; y < labels.height; y++)
        count_row(labels.data + (size_t)y * labels.stride, labels.width, counts);
}

static mseg_status read_photo(mseg_image *photo, const cli_run_batch *b, const cli_input *input, mseg_error *err)
{
    const mseg_orientation how = (mseg_orientation)b->args->orientation;
    return input->bytes ? mseg_image_read_memory(photo, input->bytes, input->size, how, &b->limits, err)
                        : mseg_image_read(photo, input->path, how, &b->limits, err);
}

static mseg_status open_reader(mseg_image_reader **reader, const cli_run_batch *b, const cli_input *input, mseg_error *err)
{
    const mseg_orientation how = (mseg_orientation)b->args->orientation;
    return input->bytes ? mseg_image_reader_open_memory(reader, input->bytes, input->size, how, &b->limits, err)
                        : mseg_image_reader_open(reader, input->path, how, &b->limits, err);
}

static mseg_status segment_whole(cli_run_batch *b, mseg_session *session, const cli_outputs_job *job, cli_run_figures *f,
                                 mseg_error *err)
{
    mseg_image photo = {0};
    mseg_result result = {0};
    double start = cli_now_ms();
    mseg_status status = read_photo(&photo, b, job->input, err);
    f->ms.decode = cli_now_ms() - start;
    if (!status)
        status = mseg_segment(session, mseg_view_of(&photo), &b->run, &result, err);
    start = cli_now_ms();
    if (!status)
        status = cli_outputs_write(job, mseg_view_of(&photo), session, &result, err);
    f->ms.write = cli_now_ms() - start;
    f->width = photo.width;
    f->height = photo.height;
    f->canvas_width = result.canvas_width;
    f->canvas_height = result.canvas_height;
    f->scaled_width = result.scaled_width;
    f->scaled_height = result.scaled_height;
    f->ms.resize = result.resize_ms;
    f->ms.network = result.network_ms;
    f->ms.label = result.label_ms;
    if (!status && b->journal.sink.stream)
        count_pixels(result.labels, f->pixels);
    mseg_image_free(&photo);
    return status;
}

typedef struct tiling {
    cli_row_outputs files;
    cli_run_figures *figures;
    cli_progress *progress;
    int rows; /* done */
} tiling;

static mseg_status take_rows(void *context, const mseg_tile_rows *rows, mseg_error *err)
{
    tiling *t = context;
    const double start = cli_now_ms();
    mseg_status status = cli_row_outputs_put(&t->files, rows, err);
    t->figures->ms.write += cli_now_ms() - start;
    count_pixels(rows->labels, t->figures->pixels);
    t->rows += rows->labels.height;
    cli_progress_part(t->progress, (double)t->rows / t->figures->height);
    return status;
}

static mseg_status segment_tiles(cli_run_batch *b, mseg_session *session, const cli_outputs_job *job, cli_run_figures *f,
                                 mseg_error *err)
{
    mseg_tile_options options;
    mseg_tile_options_init(&options, sizeof options);
    options.size = (int)b->args->tile;
    options.overlap = (int)b->args->overlap;
    tiling t = {.figures = f, .progress = &b->progress};
    mseg_tiled result = {0};
    mseg_image_reader *reader;
    const double start = cli_now_ms();
    mseg_status status = open_reader(&reader, b, job->input, err);
    const double open_ms = cli_now_ms() - start;
    if (status)
        return status;
    f->width = mseg_image_reader_width(reader);
    f->height = mseg_image_reader_height(reader);
    status = cli_row_outputs_open(&t.files, job, f->width, f->height, err);
    if (!status)
        status = mseg_segment_tiled(session, reader, &options, take_rows, &t, &result, err);
    if (!status)
        status = cli_row_outputs_commit(&t.files, err);
    f->ms.decode = open_ms + result.decode_ms;
    f->ms.network = result.network_ms;
    f->ms.label = result.label_ms;
    cli_row_outputs_close(&t.files);
    mseg_image_reader_close(&reader);
    return status;
}

mseg_status cli_run_image(cli_run_batch *b, mseg_session *session, const cli_outputs_job *job, cli_run_figures *f,
                          mseg_error *err)
{
    return (b->args->tile ? segment_tiles : segment_whole)(b, session, job, f, err);
}
