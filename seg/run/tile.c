#include "seg/run/tile.h"

#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/options.h"
#include "seg/run/labels.h"
#include "seg/run/once.h"
#include "seg/run/options.h"

/* Rows labelled and handed over at once. */
enum { CHUNK = 64 };

/* ---- one axis ---- */

static const mseg_tile_options default_options = {.struct_size = sizeof(mseg_tile_options), .size = 513, .overlap = -1};

void mseg_tile_options_init(mseg_tile_options *options, size_t struct_size)
{
    mseg_options_init(options, struct_size, &default_options, sizeof default_options);
}

static int divide_up(int a, int b)
{
    return a / b + (a % b > 0);
}

/* Pixels and points that a canvas has besides k times an output stride. */
static int border(const mseg_canvas_rule *rule)
{
    return rule->sampling == MSEG_ALIGN_CORNERS;
}

mseg_tile_axis mseg_tile_axis_of(int length, const mseg_canvas_rule *rule, int logits_stride, const mseg_tile_options *options)
{
    const int stride = rule->output_stride, more = border(rule), step = stride / logits_stride;
    const int last = (options->size - more) / stride, end = divide_up(length - more, stride); /* in output strides */
    const int overlap = options->overlap < 0 ? last / 4 : divide_up(options->overlap, stride);
    mseg_tile_axis axis = {.points = end * step + more, .side = last * step + more, .tiles = 1, .step = step};
    if (end > last)
        axis.tiles += divide_up(end - last, last - overlap);
    else if (!more)
        axis.points = axis.side; /* the last pixels lie between the last point and one beside the picture */
    return axis;
}

int mseg_tile_origin(const mseg_tile_axis *axis, int t)
{
    const int64_t span = (axis->points - axis->side) / axis->step;
    return axis->tiles == 1 ? 0 : (int)(span * t / (axis->tiles - 1)) * axis->step;
}

/* How far point p of the picture lies inside of tile t, from 1 at its border; 0 outside. */
static int depth(const mseg_tile_axis *axis, int t, int p)
{
    if (t < 0 || t >= axis->tiles)
        return 0;
    const int before = p - mseg_tile_origin(axis, t) + 1, after = axis->side + 1 - before;
    const int least = before < after ? before : after;
    return least < 0 ? 0 : least;
}

void mseg_tile_weights(const mseg_tile_axis *axis, int t, float *weights)
{
    const int origin = mseg_tile_origin(axis, t);
    for (int i = 0; i < axis->side; i++) {
        const int own = depth(axis, t, origin + i);
        int64_t sum = own;
        for (int side = -1; side <= 1; side += 2)
            for (int u = t + side, d; (d = depth(axis, u, origin + i)) > 0; u += side)
                sum += d;
        weights[i] = (float)own / (float)sum;
    }
}

/* ---- the picture ---- */

/* Rows that the picture moves down through: of the photo, and of the blended logits [rows][points][classes]. */
typedef struct tiler {
    mseg_session *session;
    mseg_image_reader *reader;
    mseg_tile_fn take;
    void *context;
    mseg_tiled *result;
    mseg_error *err;
    mseg_canvas_rule rule;
    int width, height, stride, size; /* stride: of the logits */
    mseg_tile_axis across, down;
    mseg_image photo; /* rows from next on, room for size + stride + 1 */
    int read;         /* rows read from the file */
    int next;         /* the next row to hand over */
    float *logits;    /* rows from first on, room for side + 2 */
    size_t row;       /* floats in one of them */
    int first;
    int classes;
    float *weights_across, *weights_down; /* of the tile in work */
    mseg_image labels;                    /* CHUNK rows and the one below them */
} tiler;

static int min(int a, int b)
{
    return a < b ? a : b;
}

static mseg_status open_tiler(tiler *t)
{
    mseg_status status = mseg_image_create(&t->photo, t->width, min(t->height, t->size + t->stride + 1), MSEG_RGB);
    if (!status)
        status = mseg_image_create(&t->labels, t->width, CHUNK + 1, MSEG_GRAY);
    if (!mseg_mul((size_t)t->across.points, (size_t)t->classes * sizeof *t->logits, &t->row))
        return MSEG_NOMEM;
    t->logits = mseg_alloc_array(t->row, (size_t)t->down.side + 2);
    t->row /= sizeof *t->logits;
    t->weights_across = mseg_alloc_array((size_t)t->across.side, sizeof *t->weights_across);
    t->weights_down = mseg_alloc_array((size_t)t->down.side, sizeof *t->weights_down);
    return t->logits && t->weights_across && t->weights_down ? status : MSEG_NOMEM;
}

static void close_tiler(tiler *t)
{
    mseg_image_free(&t->photo);
    mseg_image_free(&t->labels);
    mseg_free(&t->logits);
    mseg_free(&t->weights_across);
    mseg_free(&t->weights_down);
}

/* Lets go of the rows above next and reads on to row end (not included). */
static mseg_status move_photo(tiler *t, int kept_from, int end)
{
    const double start = mseg_now_ms();
    const size_t stride = t->photo.stride;
    const int kept = t->read - t->next;
    memmove(t->photo.data, t->photo.data + (size_t)(t->next - kept_from) * stride, (size_t)kept * stride);
    mseg_status status = mseg_image_reader_rows(t->reader, t->photo.data + (size_t)kept * stride, stride, end - t->read, t->err);
    t->read = end;
    t->result->decode_ms += mseg_now_ms() - start;
    return status;
}

/* Lets go of the logits that no row from next on lies between. */
static void move_logits(tiler *t)
{
    const int rows = t->down.side + 2, gone = t->next / t->stride - t->first;
    const size_t kept = (size_t)(rows - gone) * t->row;
    memmove(t->logits, t->logits + (size_t)gone * t->row, kept * sizeof *t->logits);
    memset(t->logits + kept, 0, (size_t)gone * t->row * sizeof *t->logits);
    t->first += gone;
}

/* Adds the tile's logits [side, side, classes], whose first point is (column, row) of the picture's, by their weights. */
static void blend(tiler *t, const float *tile, int column, int row)
{
    const int columns = min(t->across.side, t->across.points - column), rows = min(t->down.side, t->down.points - row);
    for (int y = 0; y < rows; y++) {
        const float *from = tile + (size_t)y * (size_t)t->across.side * (size_t)t->classes;
        float *to = t->logits + (size_t)(row + y - t->first) * t->row + (size_t)column * (size_t)t->classes;
        for (int x = 0; x < columns; x++, from += t->classes, to += t->classes) {
            const float weight = t->weights_down[y] * t->weights_across[x];
            for (int c = 0; c < t->classes; c++)
                to[c] += weight * from[c];
        }
    }
}

static mseg_status run_tiles(tiler *t, int row)
{
    mseg_result forward = {0};
    const int y = row * t->stride;
    for (int i = 0; i < t->across.tiles; i++) {
        const int column = mseg_tile_origin(&t->across, i), x = column * t->stride;
        const mseg_view tile = {.width = min(t->size, t->width - x),
                                .height = min(t->size, t->height - y),
                                .format = MSEG_RGB,
                                .stride = t->photo.stride,
                                .data = t->photo.data + (size_t)(y - t->next) * t->photo.stride + (size_t)x * 3};
        mseg_status status = mseg_session_run(t->session, tile, t->size, t->size, &forward, t->err);
        if (status)
            return status;
        mseg_tile_weights(&t->across, i, t->weights_across);
        blend(t, forward.logits, column, row);
        if ((status = mseg_session_step(t->session, t->err)))
            return status;
    }
    t->result->network_ms += forward.network_ms;
    return MSEG_OK;
}

/* Labels and hands over the rows from next to end (not included); the row after them can be labelled, too. */
static mseg_status hand_over(tiler *t, int end)
{
    const int more = border(&t->rule);
    const uint8_t *bytes = t->across.tiles == 1 && t->down.tiles == 1 ? t->session->bytes : NULL; /* there is no blending */
    const int across = bytes ? t->across.side : t->across.points, down = bytes ? t->down.side : t->down.points;
    const mseg_logits logits = {.data = t->logits,
                                .bytes = bytes,
                                .first_row = t->first,
                                .width = across,
                                .height = down,
                                .classes = t->classes,
                                .canvas_width = (across - more) * t->stride + more,
                                .canvas_height = (down - more) * t->stride + more,
                                .scaled_width = t->width,
                                .scaled_height = t->height,
                                .sampling = t->rule.sampling};
    mseg_image photo = t->photo, labels = t->labels;
    while (t->next < end) {
        const int n = min(CHUNK, end - t->next);
        const bool last = t->next + n == t->height;
        const double start = mseg_now_ms();
        labels.height = last ? n : n + 1;
        mseg_status status = mseg_label_rows(&labels, t->next, t->height, &logits, t->session->model->kernels, t->session->pool);
        t->result->label_ms += mseg_now_ms() - start;
        if (status)
            return mseg_fail(t->err, status, NULL);
        photo.height = labels.height = n;
        const mseg_tile_rows rows = {t->next, mseg_view_of(&photo), mseg_view_of(&labels),
                                     last ? NULL : labels.data + (size_t)n * labels.stride};
        if ((status = t->take(t->context, &rows, t->err)))
            return status;
        photo.data += (size_t)n * photo.stride;
        t->next += n;
    }
    return MSEG_OK;
}

static mseg_status run(tiler *t)
{
    mseg_status status = mseg_session_start(t->session, (int64_t)t->across.tiles * t->down.tiles, t->err);
    for (int i = 0, kept_from = 0; i < t->down.tiles && !status; i++) {
        const int row = mseg_tile_origin(&t->down, i);
        const bool last = i + 1 == t->down.tiles;
        status = move_photo(t, kept_from, last ? t->height : row * t->stride + t->size);
        if (status)
            return status;
        kept_from = t->next;
        move_logits(t);
        mseg_tile_weights(&t->down, i, t->weights_down);
        status = run_tiles(t, row);
        /* Logits from the next tile's first row on are not finished, and the row after those handed over must be (with half
         * pixels a few more rows could be had). */
        const int end = last ? t->height : (mseg_tile_origin(&t->down, i + 1) - 1) * t->stride - 1;
        if (!status)
            status = hand_over(t, end);
    }
    return status;
}

static mseg_status check(const mseg_session *session, const mseg_tile_options *o, mseg_error *err)
{
    const mseg_canvas_rule rule = mseg_canvas_rule_of(session->model);
    const int stride = rule.output_stride, more = border(&rule);
    if (mseg_refuse_classifier(&session->model->info, err))
        return MSEG_INVAL;
    if (o->size < stride + more || (o->size - more) % stride)
        return mseg_fail(err, MSEG_INVAL, "size %d of a tile is not k * %d%s with k of at least 1", o->size, stride,
                         more ? " + 1" : "");
    if ((int64_t)o->size * o->size > MSEG_MAX_CANVAS)
        return mseg_fail(err, MSEG_LIMIT, "a tile of %d x %d pixels is over the limit of 2^30", o->size, o->size);
    if (o->overlap > o->size - more - stride)
        return mseg_fail(err, MSEG_INVAL, "overlap %d is more than the %d that tiles of %d can share", o->overlap,
                         o->size - more - stride, o->size);
    return MSEG_OK;
}

static mseg_status segment_tiled(mseg_session *session, mseg_image_reader *reader, const mseg_tile_options *options,
                                 mseg_tile_fn take, void *context, mseg_tiled *result, mseg_error *err)
{
    mseg_tile_options used = default_options;
    mseg_status status = mseg_options_take(&used, sizeof used, options, "mseg_tile_options_init", err);
    if (!status)
        status = check(session, &used, err);
    if (status)
        return status;
    tiler t = {.session = session,
               .reader = reader,
               .take = take,
               .context = context,
               .result = result,
               .err = err,
               .rule = mseg_canvas_rule_of(session->model),
               .width = mseg_image_reader_width(reader),
               .height = mseg_image_reader_height(reader),
               .stride = session->model->info.logits_stride,
               .size = used.size,
               .classes = session->model->info.classes};
    t.across = mseg_tile_axis_of(t.width, &t.rule, t.stride, &used);
    t.down = mseg_tile_axis_of(t.height, &t.rule, t.stride, &used);
    result->tiles_across = t.across.tiles;
    result->tiles_down = t.down.tiles;
    status = open_tiler(&t);
    status = status ? mseg_fail(err, status, NULL) : run(&t);
    close_tiler(&t);
    return status;
}

mseg_status mseg_segment_tiled(mseg_session *session, mseg_image_reader *reader, const mseg_tile_options *options,
                               mseg_tile_fn take, void *context, mseg_tiled *result, mseg_error *err)
{
    *result = (mseg_tiled){0};
    mseg_status status = mseg_session_enter(session, err);
    if (!status)
        status = mseg_session_leave(session, segment_tiled(session, reader, options, take, context, result, err));
    if (status)
        *result = (mseg_tiled){0};
    return status;
}
