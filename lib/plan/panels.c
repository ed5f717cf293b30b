#include "plan/panels.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "base/alloc.h"

int mseg_panel_width(const mseg_panels *panels, int n0)
{
    int left = panels->n - n0;
    return left >= panels->nr ? panels->nr : (int)mseg_round_up((size_t)left, (size_t)panels->vec);
}

static size_t panel_offset(const mseg_panels *panels, int n0)
{
    return (size_t)n0 * (size_t)panels->taps * (size_t)panels->k; /* all panels before are nr wide */
}

const float *mseg_panel(const mseg_panels *panels, int n0, int tap, int k0)
{
    size_t line = (size_t)tap * (size_t)panels->k + (size_t)k0;
    return panels->data + panel_offset(panels, n0) + line * (size_t)mseg_panel_width(panels, n0);
}

/* Columns of the panel that starts at n0 that work by pairs. */
static int paired_columns(const mseg_panels *panels, int n0)
{
    return panels->paired(panels->n - n0 < panels->nr ? panels->n - n0 : panels->nr);
}

/* Of every four inputs the last. */
static bool has_other_sign(const mseg_panels *panels, int k)
{
    return k % 4 == 3 && k < panels->k / 4 * 4;
}

/* pairs = minus the sums that mseg_pair_sums_fn makes, for columns of k lines of weights. The weights' every fourth line has the
 * other sign already. */
static void sum_pairs(const float *lines, int width, int k, int columns, float *pairs)
{
    double sums[MSEG_MAX_NR] = {0};
    for (int i = 0; i < k / 4 * 4; i += 2, lines += 2 * width)
        for (int j = 0; j < columns; j++)
            sums[j] += (double)lines[j] * (double)lines[width + j];
    for (int j = 0; j < columns; j++)
        pairs[j] = (float)-sums[j];
}

const float *mseg_panel_pairs(const mseg_panels *panels, int n0, int tap, int k0, int k, float *buffer)
{
    if (k == panels->k)
        return panels->pairs + (size_t)tap * (size_t)panels->n + n0;
    sum_pairs(mseg_panel(panels, n0, tap, k0), mseg_panel_width(panels, n0), k, paired_columns(panels, n0), buffer);
    return buffer;
}

float mseg_panels_weight(const mseg_panels *panels, int tap, int k, int n)
{
    const int n0 = n / panels->nr * panels->nr;
    float weight = mseg_panel(panels, n0, tap, k)[n - n0];
    if (!panels->scale || n - n0 >= paired_columns(panels, n0))
        return weight;
    return weight * (has_other_sign(panels, k) ? -panels->scale[n] : panels->scale[n]);
}

/* The power of two that weights must be divided by to be as large as inputs are expected to be. */
static float scale_of(double mean_square)
{
    enum { LIMIT = 40 };
    int exponent = -LIMIT; /* of no weights at all: what rounding leaves of the inputs' products vanishes */
    if (mean_square > 0 && isfinite(mean_square))
        frexp(sqrt(mean_square) / MSEG_PAIRS_INPUT, &exponent);
    return ldexpf(1, exponent > LIMIT ? LIMIT : exponent < -LIMIT ? -LIMIT : exponent);
}

static void pair_panel(mseg_panels *panels, int n0)
{
    const int width = mseg_panel_width(panels, n0), columns = paired_columns(panels, n0), lines = panels->taps * panels->k;
    float *panel = panels->data + panel_offset(panels, n0), *scale = panels->scale + n0;
    double squares[MSEG_MAX_NR] = {0};
    for (int i = 0; i < lines; i++)
        for (int j = 0; j < columns; j++)
            squares[j] += (double)panel[i * width + j] * (double)panel[i * width + j];
    for (int j = 0; j < columns; j++)
        scale[j] = scale_of(squares[j] / lines);
    for (int t = 0; t < panels->taps; t++) {
        float *tap = panel + (size_t)t * (size_t)panels->k * (size_t)width;
        for (int i = 0; i < panels->k; i++)
            for (int j = 0; j < columns; j++)
                tap[i * width + j] /= has_other_sign(panels, i) ? -scale[j] : scale[j];
        sum_pairs(tap, width, panels->k, columns, panels->pairs + (size_t)t * (size_t)panels->n + n0);
    }
}

mseg_status mseg_panels_pack(mseg_panels *panels, const mseg_gemm_kernel *kernel, const float *src, size_t row,
                             const size_t *offsets, int taps, int k, int n)
{
    *panels = (mseg_panels){.taps = taps, .k = k, .n = n, .nr = kernel->nr, .vec = kernel->vec};
    size_t columns = mseg_round_up((size_t)n, (size_t)kernel->vec);
    size_t weights = columns * (size_t)taps * (size_t)k;
    panels->bytes = (weights + (kernel->paired ? (size_t)n * (size_t)(taps + 1) : 0)) * sizeof(float);
    panels->data = mseg_alloc(panels->bytes);
    if (!panels->data)
        return MSEG_NOMEM;
    if (kernel->paired) {
        panels->paired = kernel->paired;
        panels->scale = panels->data + weights;
        panels->pairs = panels->scale + n;
    }
    for (int n0 = 0; n0 < n; n0 += kernel->nr) {
        int width = mseg_panel_width(panels, n0);
        int used = n - n0 < width ? n - n0 : width;
        float *out = panels->data + panel_offset(panels, n0);
        for (int t = 0; t < taps; t++)
            for (int i = 0; i < k; i++, out += width)
                for (int j = 0; j < used; j++)
                    out[j] = src[(size_t)(n0 + j) * row + offsets[t] + (size_t)i];
    }
    for (int n0 = 0; panels->scale && n0 < n; n0 += kernel->nr)
        pair_panel(panels, n0);
    return MSEG_OK;
}

float *mseg_depthwise_pack(const float *src, int channels, int vec)
{
    size_t padded = mseg_round_up((size_t)channels, (size_t)vec);
    float *out = mseg_alloc_array(padded * 9, sizeof *out);
    for (size_t c = 0; out && c < (size_t)channels; c++)
        for (size_t tap = 0; tap < 9; tap++)
            out[c / (size_t)vec * 9 * (size_t)vec + tap * (size_t)vec + c % (size_t)vec] = src[tap * (size_t)channels + c];
    return out;
}

float *mseg_bias_pack(const float *src, int n, int vec)
{
    float *out = mseg_alloc_array(mseg_round_up((size_t)n, (size_t)vec), sizeof *out);
    if (out && src)
        memcpy(out, src, (size_t)n * sizeof *out);
    return out;
}
