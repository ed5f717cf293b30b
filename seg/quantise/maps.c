#include "seg/quantise/maps.h"

#include "base/alloc.h"
#include "base/parallel.h"

/* ---- running ------------------------------------------------------------------------------------------------------------ */

mseg_status mseg_maps_open(mseg_maps *maps, const mseg_net *net, const mseg_weights *weights, const mseg_machine *machine,
                           int side, bool integers, mseg_error *err)
{
    mseg_net all = *net;
    mseg_status status = MSEG_OK;
    *maps = (mseg_maps){.pool = machine->pool, .side = side};
    all.n_outputs = 0;
    for (int i = 1; i < net->count && !status; i++)
        if ((status = mseg_net_output(&all, i)))
            mseg_fail(err, status, "the network has more than %d layers", MSEG_MAX_OUTPUTS);
    if (!status)
        status = mseg_packed_net_open(&maps->packed, &all, weights, machine->kernels, true, integers, err);
    if (!status)
        status = mseg_plan_open(&maps->plan, maps->packed, side, side, mseg_pool_threads(machine->pool), &machine->cpu, err);
    if (status)
        mseg_maps_close(maps);
    return status;
}

void mseg_maps_close(mseg_maps *maps)
{
    mseg_plan_close(&maps->plan);
    mseg_packed_net_close(&maps->packed);
    *maps = (mseg_maps){0};
}

void mseg_maps_run(const mseg_maps *maps, mseg_view picture)
{
    const mseg_picture input = {.data = picture.data, .stride = picture.stride, .width = picture.width, .height = picture.height};
    mseg_plan_run(maps->plan, &input, maps->pool);
}

mseg_map mseg_maps_at(const mseg_maps *maps, mseg_value value)
{
    return mseg_plan_output(maps->plan, value - 1);
}

void mseg_map_numbers(const mseg_map *map, int y, float *row)
{
    const size_t channels = (size_t)map->channels;
    for (int x = 0; x < map->width; x++, row += channels) {
        const size_t at = (size_t)y * map->row + (size_t)x * map->pixel;
        for (size_t c = 0; c < channels; c++)
            row[c] = map->bytes ? (float)(map->bytes[at + c] - map->quant.zero) * map->quant.scale : map->data[at + c];
    }
}

/* ---- what maps hold ----------------------------------------------------------------------------------------------------- */

mseg_map_stats *mseg_stats_open(const mseg_net *net)
{
    mseg_map_stats *stats = mseg_alloc_array((size_t)net->count, sizeof *stats);
    bool complete = stats;
    for (int i = 0; complete && i < net->count; i++) {
        const size_t channels = (size_t)net->layers[i].channels;
        const bool adds = net->layers[i].add >= 0, ends = mseg_net_is_output(net, i);
        mseg_map_stats *s = &stats[i];
        s->made = i > 0 ? mseg_alloc_array(channels, sizeof *s->made) : NULL;
        s->before = adds ? mseg_alloc_array(channels, sizeof *s->before) : NULL;
        s->top = ends ? mseg_alloc(sizeof *s->top) : NULL;
        s->sum = mseg_alloc_array(channels, sizeof *s->sum);
        s->squares = mseg_alloc_array(channels, sizeof *s->squares);
        complete = (s->made || i == 0) && s->sum && s->squares && (s->before || !adds) && (s->top || !ends);
    }
    if (!complete)
        mseg_stats_close(&stats, net);
    return stats;
}

void mseg_stats_close(mseg_map_stats **stats, const mseg_net *net)
{
    for (int i = 0; *stats && i < net->count; i++) {
        mseg_free(&(*stats)[i].made);
        mseg_free(&(*stats)[i].before);
        mseg_free(&(*stats)[i].top);
        mseg_free(&(*stats)[i].sum);
        mseg_free(&(*stats)[i].squares);
    }
    mseg_free(stats);
}

static void add_moments(mseg_map_stats *s, const float *row, int width, int channels)
{
    for (int x = 0; x < width; x++, row += channels)
        for (int c = 0; c < channels; c++) {
            s->sum[c] += (double)row[c];
            s->squares[c] += (double)row[c] * (double)row[c];
        }
    s->positions += width;
}

static void add_channels(mseg_histogram *histograms, const float *row, int width, int channels)
{
    for (int c = 0; c < channels; c++)
        mseg_histogram_add(&histograms[c], row + c, (size_t)width, (size_t)channels);
}

/* Of each position the largest number. */
static void add_top(mseg_histogram *top, const float *row, int width, int channels)
{
    for (int x = 0; x < width; x++, row += channels) {
        float most = row[0];
        for (int c = 1; c < channels; c++)
            most = row[c] > most ? row[c] : most;
        mseg_histogram_add(top, &most, 1, 1);
    }
}

typedef struct adding {
    mseg_map_stats *stats;
    const mseg_maps *maps;
    float **rows;      /* a worker's two */
    size_t row_floats; /* of each */
} adding;

/* A layer's map. */
static void add_map(void *context, int task, int worker)
{
    const adding *a = context;
    const mseg_value value = task + 1;
    const mseg_net_layer *layer = &a->maps->packed->net.layers[value];
    const mseg_map made = mseg_maps_at(a->maps, value), added = layer->add > 0 ? mseg_maps_at(a->maps, layer->add) : made;
    mseg_map_stats *s = &a->stats[value];
    float *row = a->rows[worker], *other = row + a->row_floats;
    const size_t n = (size_t)made.width * (size_t)made.channels;
    for (int y = 0; y < made.height; y++) {
        mseg_map_numbers(&made, y, row);
        add_channels(s->made, row, made.width, made.channels);
        add_moments(s, row, made.width, made.channels);
        if (s->top)
            add_top(s->top, row, made.width, made.channels);
        if (!s->before)
            continue;
        mseg_map_numbers(&added, y, other);
        for (size_t i = 0; i < n; i++)
            row[i] -= other[i];
        add_channels(s->before, row, made.width, made.channels);
    }
}

/* The bytes, and beside the picture what stands for it there. */
static void add_picture(mseg_map_stats *s, mseg_view picture, int side)
{
    const double beside = 127.5, rest = (double)side * side - (double)picture.width * picture.height;
    for (int y = 0; y < picture.height; y++)
        for (int x = 0; x < picture.width; x++)
            for (int c = 0; c < 3; c++) {
                const double byte = picture.data[(size_t)y * picture.stride + (size_t)x * 3 + (size_t)c];
                s->sum[c] += byte;
                s->squares[c] += byte * byte;
            }
    for (int c = 0; c < 3; c++) {
        s->sum[c] += rest * beside;
        s->squares[c] += rest * beside * beside;
    }
    s->positions += (double)side * side;
}

/* The first layer with a number that is none; 0: no layer. */
static mseg_value broken(const mseg_map_stats *stats, const mseg_net *net)
{
    for (int i = 1; i < net->count; i++)
        for (int c = 0; c < net->layers[i].channels; c++)
            if (stats[i].made[c].infinite || (stats[i].before && stats[i].before[c].infinite))
                return i;
    return 0;
}

mseg_status mseg_stats_add(mseg_map_stats *stats, const mseg_maps *maps, mseg_view picture, mseg_error *err)
{
    const mseg_net *net = &maps->packed->net;
    const int workers = mseg_pool_threads(maps->pool);
    adding a = {.stats = stats, .maps = maps};
    mseg_status status = MSEG_NOMEM;
    for (int i = 1; i < net->count; i++) {
        const mseg_map map = mseg_maps_at(maps, i);
        const size_t floats = (size_t)map.width * (size_t)map.channels;
        a.row_floats = floats > a.row_floats ? floats : a.row_floats;
    }
    bool complete = (a.rows = mseg_alloc_array((size_t)workers, sizeof *a.rows));
    for (int i = 0; complete && i < workers; i++)
        complete = (a.rows[i] = mseg_alloc_array(2 * a.row_floats, sizeof(float)));
    if (complete) {
        add_picture(&stats[0], picture, maps->side);
        mseg_pool_for(maps->pool, net->count - 1, add_map, &a);
        const mseg_value bad = broken(stats, net);
        status = bad ? mseg_fail(err, MSEG_FORMAT, "%s makes numbers that are not finite", net->layers[bad].name) : MSEG_OK;
    } else {
        mseg_fail(err, status, NULL);
    }
    for (int i = 0; a.rows && i < workers; i++)
        mseg_free(&a.rows[i]);
    mseg_free(&a.rows);
    return status;
}

void mseg_stats_moments(const mseg_map_stats *s, int channels, double *mean, double *variance)
{
    for (int c = 0; c < channels; c++) {
        mean[c] = s->positions > 0 ? s->sum[c] / s->positions : 0;
        const double square = s->positions > 0 ? s->squares[c] / s->positions - mean[c] * mean[c] : 0;
        variance[c] = square > 0 ? square : 0;
    }
}
