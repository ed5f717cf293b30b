#include "plan/u8_panels.h"

#include <limits.h>
#include <stdbool.h>
#include <string.h>

#include "base/alloc.h"

static size_t width_of(const mseg_u8_panels *panels, int n0)
{
    const int left = panels->n - n0;
    return left >= panels->nr ? (size_t)panels->nr : mseg_round_up((size_t)left, (size_t)panels->vec);
}

/* Bytes of a channel's weights for k inputs. */
static size_t line_of(int kr, int k)
{
    return kr == 1 ? (size_t)k * sizeof(int16_t) : mseg_round_up((size_t)k, 4) * (kr == 2 ? sizeof(int16_t) : 1);
}

/* Where input k of column j stands in a term, in elements. */
static size_t place_of(int kr, size_t width, size_t k, size_t j)
{
    if (kr == 1)
        return k * width + j;
    if (kr == 2)
        return ((k / 4 * 2 + k % 2) * width + j) * 2 + k % 4 / 2;
    return (k / 4 * width + j) * 4 + k % 4;
}

/* What the kernel can take of a weight at once. */
static int16_t part_of(int kr, int16_t weight)
{
    return kr < 4 ? weight : weight > 127 ? 127 : weight < -128 ? -128 : weight;
}

/* Panels being packed: how many terms and bytes there is room for. */
typedef struct packing {
    mseg_u8_panels *panels;
    int16_t *weights;
    const mseg_conv_taps *taps;
    int n_terms, terms_room;
    int used, room; /* bytes */
} packing;

/* Columns of the panel that are channels. */
static int columns_of(const mseg_u8_panels *panels, int n0)
{
    return panels->n - n0 < panels->nr ? panels->n - n0 : panels->nr;
}

static int16_t *weights_of(const packing *p, int tap, int channel)
{
    return p->weights + (size_t)channel * p->taps->row + p->taps->offsets[tap];
}

/* Appends a term and takes it out of the weights. False: no memory. */
static bool add_term(packing *p, int n0, int tap, int first, int k)
{
    mseg_u8_panels *panels = p->panels;
    const size_t width = width_of(panels, n0), bytes = width * line_of(panels->kr, k);
    if (bytes > (size_t)(INT_MAX - p->used) ||
        !mseg_grow(&panels->terms, &p->terms_room, p->n_terms + 1, sizeof *panels->terms) ||
        !mseg_grow(&panels->data, &p->room, p->used + (int)bytes, 1))
        return false;
    uint8_t *to = panels->data + p->used;
    memset(to, 0, bytes);
    for (int j = 0; j < columns_of(panels, n0); j++) {
        int16_t *w = weights_of(p, tap, n0 + j) + first;
        for (int i = 0; i < k; i++) {
            const int16_t part = part_of(panels->kr, w[i]);
            const size_t place = place_of(panels->kr, width, (size_t)i, (size_t)j);
            w[i] = (int16_t)(w[i] - part);
            if (panels->kr == 4)
                to[place] = (uint8_t)part;
            else
                memcpy(to + place * sizeof part, &part, sizeof part);
        }
    }
    panels->terms[p->n_terms++] = (mseg_u8_term){tap, first, k, (size_t)p->used};
    p->used += (int)bytes;
    return true;
}

/* Whether something is left of the panel's weights of inputs first ... first + k - 1. */
static bool is_left(const packing *p, int n0, int tap, int first, int k)
{
    for (int j = 0; j < columns_of(p->panels, n0); j++) {
        const int16_t *w = weights_of(p, tap, n0 + j) + first;
        for (int i = 0; i < k; i++)
            if (w[i])
                return true;
    }
    return false;
}

/* The terms of one tap: one of all its inputs, then of those of which something is left, four at a time or, where these are many,
 * all again. */
static bool add_tap(packing *p, int n0, int tap)
{
    enum { FEW = 4 };
    const int k = p->panels->k;
    bool good = add_term(p, n0, tap, 0, k);
    while (good && is_left(p, n0, tap, 0, k)) {
        int fours = 0;
        for (int first = 0; first < k; first += 4)
            fours += is_left(p, n0, tap, first, k - first < 4 ? k - first : 4);
        if (fours > FEW)
            good = add_term(p, n0, tap, 0, k);
        for (int first = 0; first < k && fours <= FEW && good; first += 4)
            if (is_left(p, n0, tap, first, k - first < 4 ? k - first : 4))
                good = add_term(p, n0, tap, first, k - first < 4 ? k - first : 4);
    }
    return good;
}

static mseg_status pack(packing *p)
{
    mseg_u8_panels *panels = p->panels;
    for (int n0 = 0; n0 < panels->n; n0 += panels->nr) {
        const int before = p->n_terms;
        for (int t = 0; t < panels->taps; t++)
            if (!add_tap(p, n0, t))
                return MSEG_NOMEM;
        if (p->n_terms - before > MSEG_U8_MAX_TERMS)
            return MSEG_UNSUPPORTED;
        panels->ends[n0 / panels->nr] = p->n_terms;
    }
    return MSEG_OK;
}

mseg_status mseg_u8_panels_pack(mseg_u8_panels *panels, const mseg_u8_gemm_kernel *kernel, int16_t *weights,
                                const mseg_conv_taps *taps, int n)
{
    *panels = (mseg_u8_panels){.taps = taps->n, .k = taps->k, .n = n, .nr = kernel->nr, .vec = kernel->vec, .kr = kernel->kr};
    packing p = {.panels = panels, .weights = weights, .taps = taps};
    panels->ends = mseg_alloc_array((size_t)(n + panels->nr - 1) / (size_t)panels->nr, sizeof *panels->ends);
    mseg_status status = panels->ends ? pack(&p) : MSEG_NOMEM;
    if (status)
        return status;
    panels->bytes = (size_t)p.used;
    uint8_t *data = mseg_alloc(panels->bytes); /* no larger than that */
    if (!data)
        return MSEG_NOMEM;
    memcpy(data, panels->data, panels->bytes);
    mseg_free(&panels->data);
    panels->data = data;
    return MSEG_OK;
}

void mseg_u8_panels_free(mseg_u8_panels *panels)
{
    mseg_free(&panels->data);
    mseg_free(&panels->terms);
    mseg_free(&panels->ends);
}
