#include "seg/run/sampling.h"

#include "base/alloc.h"
#include "net/sampling.h"

void mseg_axis_at(const mseg_axis *a, int x, int *low, int *high, float *fraction)
{
    double u = ((double)x + 0.5) * a->scaled / a->n - 0.5;
    u = u < 0 ? 0 : u > a->scaled - 1 ? a->scaled - 1 : u;
    if (a->mirrored)
        u = a->size - 1 - u;
    mseg_sampling_between(mseg_sampling_at(a->sampling, u, a->size, a->k), a->k, low, high, fraction);
}

void mseg_axis_part_at(const mseg_axis *a, int x, int *low, int *high, int32_t *part)
{
    float fraction;
    if (a->n == a->scaled) {
        mseg_sampling_u8(a->sampling, a->mirrored ? a->size - 1 - x : x, a->size, a->k, low, high, part);
    } else {
        mseg_axis_at(a, x, low, high, &fraction);
        *part = mseg_sampling_parts(fraction);
    }
}

/* Pixel x, behind those before, lies between these columns. */
static void add_pixel(mseg_columns *columns, int x, int left, int right)
{
    if (!columns->n_runs || columns->runs[columns->n_runs - 1].left != left)
        columns->runs[columns->n_runs++] = (mseg_column_run){x, x, left, right};
    columns->runs[columns->n_runs - 1].x1 = x + 1;
}

mseg_status mseg_columns_of(mseg_columns *columns, const mseg_axis *axis)
{
    *columns = (mseg_columns){.runs = mseg_alloc_array((size_t)axis->k, sizeof *columns->runs),
                              .fraction = mseg_alloc_array((size_t)axis->n, sizeof *columns->fraction)};
    if (!columns->runs || !columns->fraction)
        return MSEG_NOMEM;
    for (int x = 0; x < axis->n; x++) {
        int left, right;
        mseg_axis_at(axis, x, &left, &right, &columns->fraction[x]);
        add_pixel(columns, x, left, right);
    }
    return MSEG_OK;
}

mseg_status mseg_columns_in_parts(mseg_columns *columns, const mseg_axis *axis)
{
    *columns = (mseg_columns){.runs = mseg_alloc_array((size_t)axis->k, sizeof *columns->runs),
                              .parts = mseg_alloc_array((size_t)axis->n, sizeof *columns->parts)};
    if (!columns->runs || !columns->parts)
        return MSEG_NOMEM;
    for (int x = 0; x < axis->n; x++) {
        int left, right;
        mseg_axis_part_at(axis, x, &left, &right, &columns->parts[x]);
        add_pixel(columns, x, left, right);
    }
    return MSEG_OK;
}

void mseg_columns_free(mseg_columns *columns)
{
    mseg_free(&columns->runs);
    mseg_free(&columns->fraction);
    mseg_free(&columns->parts);
}
