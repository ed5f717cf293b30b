#include "seg/train/basis.h"

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/parallel.h"

enum { ROUNDS = 30, MOST_BYTE = 127, DEVIATIONS = 8 };
#define LEAST 1e-5 /* standard deviation beside the largest one, below which a direction is one of rounding */

typedef struct finding {
    const float *samples;
    size_t n, channels, parts;
    double *mean;       /* [channels] */
    double *covariance; /* [channels][channels] */
    double *directions; /* [parts][channels] */
    double *turned;     /* [parts][channels]: covariance times direction */
    double *deviations; /* [parts] */
    mseg_pool *pool;
} finding;

static double dot(const double *a, const double *b, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

/* ---- covariance --------------------------------------------------------------------------------------------------------- */

static void find_mean(finding *f)
{
    for (size_t s = 0; s < f->n; s++)
        for (size_t c = 0; c < f->channels; c++)
            f->mean[c] += (double)f->samples[s * f->channels + c];
    for (size_t c = 0; c < f->channels; c++)
        f->mean[c] /= (double)f->n;
}

static void find_row(void *context, int task, int worker)
{
    (void)worker;
    const finding *f = context;
    const size_t row = (size_t)task;
    double *to = f->covariance + row * f->channels;
    for (size_t s = 0; s < f->n; s++) {
        const float *x = f->samples + s * f->channels;
        const double off = (double)x[row] - f->mean[row];
        for (size_t c = 0; c < f->channels; c++)
            to[c] += off * ((double)x[c] - f->mean[c]);
    }
    for (size_t c = 0; c < f->channels; c++)
        to[c] /= (double)f->n;
}

/* ---- directions: orthogonal iteration (Golub and Van Loan, 8.2.4) --------------------------------------------------------- */

/* Anything that is orthogonal to no direction. */
static void begin(finding *f)
{
    for (size_t i = 0; i < f->parts * f->channels; i++)
        f->directions[i] = cos((double)(i * i % 9973 + i));
}

static void turn(void *context, int task, int worker)
{
    (void)worker;
    const finding *f = context;
    const double *from = f->directions + (size_t)task * f->channels;
    for (size_t c = 0; c < f->channels; c++)
        f->turned[(size_t)task * f->channels + c] = dot(f->covariance + c * f->channels, from, f->channels);
}

/* Gram and Schmidt, each twice. What is left of nothing but the others becomes 0. */
static void straighten(finding *f)
{
    for (size_t k = 0; k < f->parts; k++) {
        double *to = f->directions + k * f->channels;
        const double before = sqrt(dot(to, to, f->channels));
        for (size_t i = 0; i < 2 * k; i++) {
            const double *other = f->directions + i % k * f->channels, part = dot(to, other, f->channels);
            for (size_t c = 0; c < f->channels; c++)
                to[c] -= part * other[c];
        }
        const double length = sqrt(dot(to, to, f->channels));
        for (size_t c = 0; c < f->channels; c++)
            to[c] = length > 1e-12 * before ? to[c] / length : 0;
    }
}

static void find_directions(finding *f)
{
    begin(f);
    straighten(f);
    for (int round = 0; round < ROUNDS; round++) {
        mseg_pool_for(f->pool, (int)f->parts, turn, f);
        memcpy(f->directions, f->turned, f->parts * f->channels * sizeof *f->directions);
        straighten(f);
    }
    mseg_pool_for(f->pool, (int)f->parts, turn, f);
    for (size_t k = 0; k < f->parts; k++)
        f->deviations[k] = sqrt(fmax(dot(f->directions + k * f->channels, f->turned + k * f->channels, f->channels), 0));
}

/* ---- the basis ---------------------------------------------------------------------------------------------------------- */

/* Variances are the deviations' squares; over their roots they are the deviations again. */
static void take_over(mseg_basis *basis, const finding *f)
{
    double sum = 0, most = 0;
    for (size_t k = 0; k < f->parts; k++) {
        sum += f->deviations[k];
        most = fmax(most, f->deviations[k]);
    }
    for (size_t c = 0; c < f->channels; c++)
        basis->mean[c] = (float)f->mean[c];
    for (size_t k = 0; k < f->parts; k++) {
        const double deviation = f->deviations[k];
        const bool counts = deviation > LEAST * most;
        const double step = deviation * DEVIATIONS / MOST_BYTE;
        basis->steps[k] = (float)(counts ? step * sqrt((double)f->parts / (sum * deviation)) : 0);
        for (size_t c = 0; c < f->channels; c++)
            basis->directions[c * f->parts + k] = (float)(counts ? f->directions[k * f->channels + c] / step : 0);
    }
}

static mseg_status allocate(mseg_basis *basis, finding *f)
{
    const size_t squares = f->channels * f->channels, numbers = f->parts * f->channels;
    basis->mean = mseg_alloc_array(f->channels, sizeof *basis->mean);
    basis->directions = mseg_alloc_array(numbers, sizeof *basis->directions);
    basis->steps = mseg_alloc_array(f->parts, sizeof *basis->steps);
    f->mean = mseg_alloc_array(f->channels, sizeof *f->mean);
    f->covariance = mseg_alloc_array(squares, sizeof *f->covariance);
    f->directions = mseg_alloc_array(numbers, sizeof *f->directions);
    f->turned = mseg_alloc_array(numbers, sizeof *f->turned);
    f->deviations = mseg_alloc_array(f->parts, sizeof *f->deviations);
    return basis->mean && basis->directions && basis->steps && f->mean && f->covariance && f->directions && f->turned &&
                   f->deviations
               ? MSEG_OK
               : MSEG_NOMEM;
}

mseg_status mseg_basis_open(mseg_basis *basis, const float *samples, size_t n, int channels, int parts, mseg_pool *pool)
{
    finding f = {.samples = samples, .n = n, .channels = (size_t)channels, .parts = (size_t)parts, .pool = pool};
    *basis = (mseg_basis){.channels = channels, .parts = parts};
    mseg_status status = allocate(basis, &f);
    if (!status) {
        find_mean(&f);
        mseg_pool_for(pool, channels, find_row, &f);
        find_directions(&f);
        take_over(basis, &f);
    } else {
        mseg_basis_close(basis);
    }
    mseg_free(&f.mean);
    mseg_free(&f.covariance);
    mseg_free(&f.directions);
    mseg_free(&f.turned);
    mseg_free(&f.deviations);
    return status;
}

void mseg_basis_close(mseg_basis *basis)
{
    mseg_free(&basis->mean);
    mseg_free(&basis->directions);
    mseg_free(&basis->steps);
    *basis = (mseg_basis){0};
}

void mseg_basis_take(const mseg_basis *basis, const float *point, uint8_t *bytes)
{
    float numbers[MSEG_BASIS_MOST] = {0};
    const size_t parts = (size_t)basis->parts;
    for (size_t c = 0; c < (size_t)basis->channels; c++)
        for (size_t k = 0; k < parts; k++)
            numbers[k] += (point[c] - basis->mean[c]) * basis->directions[c * parts + k];
    for (size_t k = 0; k < parts; k++)
        bytes[k] = (uint8_t)(MSEG_BASIS_ZERO + lrintf(fminf(fmaxf(numbers[k], -MOST_BYTE), MOST_BYTE)));
}
