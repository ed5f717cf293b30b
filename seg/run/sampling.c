#include "seg/run/sampling.h"

#include <math.h>

#include "base/alloc.h"

/* The map column at pixel u of the canvas. */
static double column_at(const mseg_axis *a, double u)
{
    double at;
    switch (a->sampling) {
    case MSEG_HALF_PIXEL:
        at = (u + 0.5) * a->k / a->size - 0.5;
        return at < 0 ? 0 : at > a->k - 1 ? a->k - 1 : at;
    case MSEG_LEGACY:
        at = u * a->k / a->size;
        return at > a->k - 1 ? a->k - 1 : at;
    default:
        return a->size > 1 ? u * (a->k - 1) / (a->size - 1) : 0;
    }
}

void mseg_axis_at(const mseg_axis *a, int x, int *low, int *high, float *fraction)
{
    double u = ((double)x + 0.5) * a->scaled / a->n - 0.5;
    u = u < 0 ? 0 : u > a->scaled - 1 ? a->scaled - 1 : u;
    if (a->mirrored)
        u = a->size - 1 - u;
    const double at = column_at(a, u);
    *low = (int)floor(at);
    *low = *low > a->k - 1 ? a->k - 1 : *low;
    *high = *low + 1 < a->k ? *low + 1 : a->k - 1;
    *fraction = (float)(at - *low);
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
        if (!columns->n_runs || columns->runs[columns->n_runs - 1].left != left)
            columns->runs[columns->n_runs++] = (mseg_column_run){x, x, left, right};
        columns->runs[columns->n_runs - 1].x1 = x + 1;
    }
    return MSEG_OK;
}

void mseg_columns_free(mseg_columns *columns)
{
    mseg_free(&columns->runs);
    mseg_free(&columns->fraction);
}
