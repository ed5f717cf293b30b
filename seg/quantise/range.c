#include "seg/quantise/range.h"

#include <float.h>
#include <math.h>
#include <string.h>

enum { HALF = MSEG_HISTOGRAM_HALF, BINS = 2 * HALF };

/* ---- histograms --------------------------------------------------------------------------------------------------------- */

/* The least power of two as the width of bins of which the outermost holds a number of that magnitude. */
static int exponent_for(float magnitude)
{
    enum { LEAST = -120 };
    int exponent;
    frexpf(magnitude, &exponent); /* magnitude < 2^exponent */
    exponent -= MSEG_HISTOGRAM_BITS;
    return magnitude > 0 && exponent > LEAST ? exponent : LEAST;
}

/* Makes bins of twice the width until they have that exponent; 0 stays an edge. */
static void widen(mseg_histogram *h, int exponent)
{
    for (; h->exponent < exponent; h->exponent++) {
        uint64_t wide[BINS] = {0};
        for (int i = 0; i < BINS; i++)
            wide[HALF / 2 + i / 2] += h->bins[i];
        memcpy(h->bins, wide, sizeof wide);
    }
}

/* False: one of them is not finite. */
static bool bounds_of(const float *values, size_t n, size_t step, float *least, float *most)
{
    bool finite = true;
    float low = values[0], high = values[0];
    for (; n; n--, values += step) {
        low = *values < low ? *values : low;
        high = *values > high ? *values : high;
        finite &= fabsf(*values) <= FLT_MAX;
    }
    *least = low;
    *most = high;
    return finite;
}

void mseg_histogram_add(mseg_histogram *h, const float *values, size_t n, size_t step)
{
    float least, most;
    if (!n)
        return;
    if (!bounds_of(values, n, step, &least, &most)) {
        h->infinite = true;
        return;
    }
    const int exponent = exponent_for(fmaxf(-least, most));
    if (!h->used) {
        h->exponent = exponent;
        h->least = least;
        h->most = most;
        h->used = true;
    }
    h->least = fminf(h->least, least);
    h->most = fmaxf(h->most, most);
    if (exponent > h->exponent)
        widen(h, exponent);
    const float steps = ldexpf(1, -h->exponent);
    uint64_t zeros = 0;
    for (size_t i = 0; i < n; i++, values += step) {
        const float at = *values * steps;
        const int whole = (int)at;
        if (*values < 0 || *values > 0)
            h->bins[HALF + whole - (at < (float)whole)]++;
        else
            zeros++;
    }
    h->zeros += zeros;
    h->others += n - zeros;
}

/* ---- ranges ------------------------------------------------------------------------------------------------------------- */

enum { FINE = 1024, EDGES = 2 * FINE }; /* bins of all parts together: on either side of 0, and both */

/* They, and what is below and above each edge: shares times 1, the bin's middle, its square. */
typedef struct summary {
    double width, inside;                            /* inside: all that is not 0 */
    double below[EDGES + 1][3], above[EDGES + 1][3]; /* edge i: bins below i, bins from i on */
} summary;

/* Each bin goes to the one in which its middle lies. */
static void add_part(const mseg_range_part *part, double width, double bins[EDGES])
{
    const mseg_histogram *h = part->histogram;
    const double share = part->weight / (double)(h->zeros + h->others);
    const double bin = ldexp(part->factor, h->exponent) / width;
    for (int i = 0; i < BINS; i++) {
        const double middle = (i + 0.5 - HALF) * bin;
        const double to = fmax(-FINE, fmin(floor(middle), FINE - 1));
        bins[FINE + (int)to] += share * (double)h->bins[i];
    }
}

static void sum_up(summary *s, const double bins[EDGES])
{
    memset(s->below[0], 0, sizeof s->below[0]);
    memset(s->above[EDGES], 0, sizeof s->above[EDGES]);
    for (int i = 0; i < EDGES; i++) {
        const int j = EDGES - 1 - i;
        const double up = (i + 0.5 - FINE) * s->width, down = (j + 0.5 - FINE) * s->width;
        const double more[3] = {bins[i], bins[i] * up, bins[i] * up * up},
                     less[3] = {bins[j], bins[j] * down, bins[j] * down * down};
        for (int k = 0; k < 3; k++) {
            s->below[i + 1][k] = s->below[i][k] + more[k];
            s->above[j][k] = s->above[j + 1][k] + less[k];
        }
    }
    s->inside = s->below[EDGES][0];
}

/* The edge of bins nearest to a number. */
static int edge_at(const summary *s, double value)
{
    const double edge = floor(value / s->width + 0.5) + FINE;
    return edge < 0 ? 0 : edge > EDGES ? EDGES : (int)edge;
}

static double squares(const double sums[3], double at)
{
    return sums[2] - 2 * at * sums[1] + at * at * sums[0];
}

static double error_of(const summary *s, double low, double high, double step)
{
    const int first = edge_at(s, low), end = edge_at(s, high);
    const double inside = s->inside - s->below[first][0] - s->above[end][0];
    return squares(s->below[first], low) + squares(s->above[end], high) + inside * step * step / 12;
}

/* Bytes for numbers from low to high, with a byte for 0 whose rounding moves both ends. */
static mseg_quant bytes_for(double low, double high, bool whole_top)
{
    double step = (high - low) / 255;
    int zero = (int)rint(-low / step);
    if (whole_top && high > 0) {
        zero = zero < 254 ? zero : 254;
        step = fmax(step, high / (255 - zero));
    }
    return (mseg_quant){.scale = (float)step, .zero = zero, .is_signed = true};
}

enum { PARTS = 16, CANDIDATES = 6 * PARTS + 1 }; /* of a factor of 2; down to a 64th */

static mseg_quant search(const summary *s, double least, double most, mseg_range_rule rule)
{
    mseg_quant best = {0};
    double lowest = INFINITY;
    const int lows = rule.from_zero || !(least < 0) ? 1 : CANDIDATES, highs = rule.whole_top || !(most > 0) ? 1 : CANDIDATES;
    for (int i = 0; i < lows; i++)
        for (int j = 0; j < highs; j++) {
            const double low = least * exp2(-(double)i / PARTS), high = most * exp2(-(double)j / PARTS);
            const mseg_quant quant = bytes_for(low, high, rule.whole_top);
            const double step = (double)quant.scale;
            const double error = error_of(s, -quant.zero * step, (255 - quant.zero) * step, step);
            if (error < lowest) {
                lowest = error;
                best = quant;
            }
        }
    return best;
}

mseg_quant mseg_range_choose(const mseg_range_part *parts, size_t n, mseg_range_rule rule)
{
    static const double tiny = 0x1p-100;
    double bins[EDGES] = {0}, least = 0, most = 0;
    summary s;
    for (size_t i = 0; i < n; i++) {
        const mseg_histogram *h = parts[i].histogram;
        least = rule.from_zero ? 0 : fmin(least, (double)h->least * parts[i].factor);
        most = fmax(most, (double)h->most * parts[i].factor);
    }
    most = rule.most > 0 ? fmin(most, rule.most) : most;
    if (most - least < tiny)
        return (mseg_quant){.scale = 1.0f / 128, .zero = rule.from_zero ? 0 : 128, .is_signed = true};
    s.width = fmax(-least, most) / FINE;
    for (size_t i = 0; i < n; i++)
        if (parts[i].histogram->others)
            add_part(&parts[i], s.width, bins);
    sum_up(&s, bins);
    return search(&s, least, most, rule);
}
