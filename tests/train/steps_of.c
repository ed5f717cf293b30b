/* steps_of: the optimisers of lib/train, for test_optimiser.py. On standard input: int64 rule (mseg_rule) and size; double
 * momentum, decay, epsilon, weight decay, clip, average; size parameters (double) and whether they decay (bytes); then for every
 * step, until there is no more, double learning rate and gradient. On standard output for every step, as double: the norm, the
 * parameters and their average (themselves without one). */
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "train/optimiser.h"

typedef struct arrays {
    double *numbers;
    uint8_t *decays;
    mseg_real *parameters, *gradient;
} arrays;

static bool read_numbers(arrays *a, size_t size, mseg_real *to)
{
    if (fread(a->numbers, sizeof *a->numbers, size, stdin) != size)
        return false;
    for (size_t i = 0; i < size; i++)
        to[i] = (mseg_real)a->numbers[i];
    return true;
}

static void write_numbers(arrays *a, size_t size, const mseg_real *from)
{
    for (size_t i = 0; i < size; i++)
        a->numbers[i] = (double)from[i];
    fwrite(a->numbers, sizeof *a->numbers, size, stdout);
}

static void steps(mseg_optimiser *o, arrays *a)
{
    double rate;
    while (fread(&rate, sizeof rate, 1, stdin) == 1 && read_numbers(a, o->size, a->gradient)) {
        const double norm = mseg_optimiser_step(o, a->parameters, a->gradient, rate, NULL);
        fwrite(&norm, sizeof norm, 1, stdout);
        write_numbers(a, o->size, a->parameters);
        write_numbers(a, o->size, o->average ? o->average : a->parameters);
        fflush(stdout);
    }
}

int main(void)
{
    int64_t n[2];
    double by[6];
    mseg_optimiser o;
    if (fread(n, sizeof *n, 2, stdin) != 2 || fread(by, sizeof *by, 6, stdin) != 6)
        return 2;
    const size_t size = (size_t)n[1];
    const mseg_optimiser_options options = {(mseg_rule)n[0], by[0], by[1], by[2], by[3], by[4], by[5]};
    arrays a = {mseg_alloc_array(size, sizeof *a.numbers), mseg_alloc_array(size, 1), mseg_alloc_array(size, sizeof(mseg_real)),
                mseg_alloc_array(size, sizeof(mseg_real))};
    if (!a.numbers || !a.decays || !a.parameters || !a.gradient || !read_numbers(&a, size, a.parameters) ||
        fread(a.decays, 1, size, stdin) != size || mseg_optimiser_make(&o, &options, size, a.parameters, a.decays))
        return 2;
    steps(&o, &a);
    mseg_optimiser_close(&o);
    mseg_free(&a.gradient);
    mseg_free(&a.parameters);
    mseg_free(&a.decays);
    mseg_free(&a.numbers);
    return 0;
}
