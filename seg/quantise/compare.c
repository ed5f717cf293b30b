#include "base/alloc.h"
#include "seg/quantise/choose.h"
#include "seg/quantise/quantise.h"

/* ---- what maps have lost ------------------------------------------------------------------------------------------------ */

static void add_loss(mseg_loss *loss, const mseg_map *a, const mseg_map *b, const double *factors, bool output, float *row_a,
                     float *row_b)
{
    const double low = -b->quant.zero * (double)b->quant.scale;
    const size_t n = (size_t)a->width * (size_t)a->channels;
    for (int y = 0; y < a->height; y++) {
        mseg_map_numbers(a, y, row_a);
        mseg_map_numbers(b, y, row_b);
        for (size_t i = 0; i < n; i++) {
            double signal = (double)row_a[i];
            if (output && signal < low)
                signal = low;
            const double noise = (double)row_b[i] / factors[i % (size_t)a->channels] - signal;
            loss->signal += signal * signal;
            loss->noise += noise * noise;
        }
    }
}

static size_t largest_row(const mseg_maps *maps)
{
    size_t most = 0;
    for (int i = 1; i < maps->packed->net.count; i++) {
        const mseg_map map = mseg_maps_at(maps, i);
        const size_t floats = (size_t)map.width * (size_t)map.channels;
        most = floats > most ? floats : most;
    }
    return most;
}

mseg_status mseg_compare_maps(mseg_loss *losses, const mseg_quantised *q, const mseg_maps *floats, const mseg_maps *bytes,
                              const mseg_image *pictures, int n, mseg_error *err)
{
    const size_t most = largest_row(floats);
    float *rows = mseg_alloc_array(2 * most, sizeof *rows);
    if (!rows)
        return mseg_fail(err, MSEG_NOMEM, NULL);
    for (int p = 0; p < n; p++) {
        mseg_maps_run(floats, mseg_view_of(&pictures[p]));
        mseg_maps_run(bytes, mseg_view_of(&pictures[p]));
        for (int i = 1; i < floats->packed->net.count; i++) {
            const mseg_map a = mseg_maps_at(floats, i), b = mseg_maps_at(bytes, i);
            add_loss(&losses[i], &a, &b, q->factors[i], mseg_net_is_output(&q->net, i), rows, rows + most);
        }
    }
    mseg_free(&rows);
    return MSEG_OK;
}

/* ---- biases ------------------------------------------------------------------------------------------------------------- */

/* Adds the map's mean over its positions, divided by n, to each channel. */
static void add_means(double *sum, const mseg_map *map, const double *factors, float *row, double by)
{
    const double factor = by / ((double)map->width * map->height);
    for (int y = 0; y < map->height; y++) {
        const float *at = row;
        mseg_map_numbers(map, y, row);
        for (int x = 0; x < map->width; x++)
            for (int c = 0; c < map->channels; c++)
                sum[c] += factor * (factors ? factors[c] : 1) * (double)*at++;
    }
}

/* The net up to one layer, which is its output. */
static mseg_net beginning(const mseg_net *net, mseg_value last)
{
    mseg_net part = *net;
    part.count = last + 1;
    part.outputs[0] = last;
    part.n_outputs = 1;
    return part;
}

/* Subtracts the means of what the layer makes in 8 bits. */
static mseg_status subtract_bytes(double *sum, const mseg_quantised *q, mseg_value value, const mseg_machine *machine, int side,
                                  const mseg_image *pictures, int n, float *row, mseg_error *err)
{
    const mseg_net part = beginning(&q->net, value);
    mseg_weights *weights = NULL;
    mseg_packed_net *packed = NULL;
    mseg_plan *plan = NULL;
    mseg_status status = mseg_quantised_weights(&weights, q, err);
    if (!status)
        status = mseg_packed_net_open(&packed, &part, weights, machine->kernels, false, true, err);
    if (!status)
        status = mseg_plan_open(&plan, packed, side, side, mseg_pool_threads(machine->pool), &machine->cpu, err);
    for (int p = 0; p < n && !status; p++) {
        const mseg_picture picture = {
            .data = pictures[p].data, .stride = pictures[p].stride, .width = pictures[p].width, .height = pictures[p].height};
        mseg_plan_run(plan, &picture, machine->pool);
        const mseg_map map = mseg_plan_output(plan, 0);
        add_means(sum, &map, NULL, row, -1.0 / n);
    }
    mseg_plan_close(&plan);
    mseg_packed_net_close(&packed);
    mseg_weights_close(&weights);
    return status;
}

mseg_status mseg_correct_biases(mseg_quantised *q, const mseg_maps *floats, const mseg_machine *machine,
                                const mseg_image *pictures, int n, mseg_error *err)
{
    const int count = q->net.count;
    double **means = mseg_alloc_array((size_t)count, sizeof *means);
    float *row = mseg_alloc_array(largest_row(floats), sizeof *row);
    mseg_status status = means && row ? MSEG_OK : MSEG_NOMEM;
    for (int i = 1; i < count && !status; i++)
        if (!(means[i] = mseg_alloc_array((size_t)q->net.layers[i].channels, sizeof **means)))
            status = MSEG_NOMEM;
    if (status)
        mseg_fail(err, status, NULL);
    for (int p = 0; p < n && !status; p++) {
        mseg_maps_run(floats, mseg_view_of(&pictures[p]));
        for (int i = 1; i < count; i++) {
            const mseg_map map = mseg_maps_at(floats, i);
            add_means(means[i], &map, q->factors[i], row, 1.0 / n);
        }
    }
    for (int i = 1; i < count && !status; i++) {
        const mseg_net_layer *layer = &q->net.layers[i];
        if (!q->rounded[i].weight || layer->activation != MSEG_LINEAR || mseg_net_is_output(&q->net, i))
            continue;
        status = subtract_bytes(means[i], q, i, machine, floats->side, pictures, n, row, err);
        if (!status)
            mseg_round_shift(&q->rounded[i], mseg_held(&q->net, layer->in[0]).scale, means[i]);
    }
    for (int i = 0; means && i < count; i++)
        mseg_free(&means[i]);
    mseg_free(&means);
    mseg_free(&row);
    return status;
}
