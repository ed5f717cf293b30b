#include "graph/pack.h"

#include <string.h>

#include "base/alloc.h"

int mseg_panel_width(const mseg_packed *packed, int n0)
{
    int left = packed->n - n0;
    return left >= packed->nr ? packed->nr : (int)mseg_round_up((size_t)left, (size_t)packed->vec);
}

static size_t panel_offset(const mseg_packed *packed, int n0)
{
    return (size_t)n0 * (size_t)packed->taps * (size_t)packed->k; /* all panels before are nr wide */
}

const float *mseg_panel(const mseg_packed *packed, int n0, int tap, int k0)
{
    size_t line = (size_t)tap * (size_t)packed->k + (size_t)k0;
    return packed->data + panel_offset(packed, n0) + line * (size_t)mseg_panel_width(packed, n0);
}

mseg_status mseg_pack(mseg_packed *packed, const mseg_gemm_kernel *kernel, const float *src, size_t row, const size_t *offsets,
                      int taps, int k, int n)
{
    *packed = (mseg_packed){.taps = taps, .k = k, .n = n, .nr = kernel->nr, .vec = kernel->vec};
    size_t columns = mseg_round_up((size_t)n, (size_t)kernel->vec);
    packed->bytes = columns * (size_t)taps * (size_t)k * sizeof(float);
    packed->data = mseg_alloc(packed->bytes);
    if (!packed->data)
        return MSEG_NOMEM;
    for (int n0 = 0; n0 < n; n0 += kernel->nr) {
        int width = mseg_panel_width(packed, n0);
        int used = n - n0 < width ? n - n0 : width;
        float *out = packed->data + panel_offset(packed, n0);
        for (int t = 0; t < taps; t++)
            for (int i = 0; i < k; i++, out += width)
                for (int j = 0; j < used; j++)
                    out[j] = src[(size_t)(n0 + j) * row + offsets[t] + (size_t)i];
    }
    return MSEG_OK;
}

float *mseg_pack_depthwise(const float *src, int channels, int vec)
{
    size_t padded = mseg_round_up((size_t)channels, (size_t)vec);
    float *out = mseg_alloc_array(padded * 9, sizeof *out);
    for (size_t c = 0; out && c < (size_t)channels; c++)
        for (size_t tap = 0; tap < 9; tap++)
            out[c / (size_t)vec * 9 * (size_t)vec + tap * (size_t)vec + c % (size_t)vec] = src[tap * (size_t)channels + c];
    return out;
}

float *mseg_pack_bias(const float *src, int n, int vec)
{
    float *out = mseg_alloc_array(mseg_round_up((size_t)n, (size_t)vec), sizeof *out);
    if (out && src)
        memcpy(out, src, (size_t)n * sizeof *out);
    return out;
}
