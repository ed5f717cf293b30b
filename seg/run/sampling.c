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
