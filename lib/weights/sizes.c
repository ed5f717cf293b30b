#include "weights/sizes.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

int mseg_sizes_count(int rank, const int *shape)
{
    int count = 1;
    if (rank < 0 || rank > MSEG_SIZES_RANK)
        return -1;
    for (int i = 0; i < rank; i++) {
        if (shape[i] < 0 || shape[i] > MSEG_SIZES)
            return -1;
        count *= shape[i];
    }
    return count <= MSEG_SIZES ? count : -1;
}

static int count_of(const mseg_sizes *s)
{
    return mseg_sizes_count(s->rank, s->shape);
}

mseg_sizes mseg_sizes_number(double value, bool integer)
{
    return (mseg_sizes){.values = {value}, .integer = integer};
}

bool mseg_sizes_compares(mseg_sizes_operation operation)
{
    return (operation >= MSEG_SIZES_GREATER && operation <= MSEG_SIZES_OR) || operation == MSEG_SIZES_NOT;
}

double mseg_sizes_compute(mseg_sizes_operation operation, double a, double b, bool integers)
{
    switch (operation) {
    case MSEG_SIZES_ADD:
        return a + b;
    case MSEG_SIZES_SUB:
        return a - b;
    case MSEG_SIZES_MUL:
        return a * b;
    case MSEG_SIZES_DIV:
        return integers ? trunc(a / b) : a / b;
    case MSEG_SIZES_FLOOR_DIV:
        return floor(a / b);
    case MSEG_SIZES_FLOOR_MOD:
        return a - b * floor(a / b);
    case MSEG_SIZES_MAX:
        return fmax(a, b);
    case MSEG_SIZES_MIN:
        return fmin(a, b);
    case MSEG_SIZES_GREATER:
        return a > b;
    case MSEG_SIZES_GREATER_EQUAL:
        return a >= b;
    case MSEG_SIZES_LESS:
        return a < b;
    case MSEG_SIZES_LESS_EQUAL:
        return a <= b;
    case MSEG_SIZES_EQUAL:
        return a == b;
    case MSEG_SIZES_NOT_EQUAL:
        return a != b;
    case MSEG_SIZES_AND:
        return a != 0 && b != 0;
    case MSEG_SIZES_OR:
        return a != 0 || b != 0;
    case MSEG_SIZES_NOT:
        return a == 0;
    case MSEG_SIZES_NEG:
        return -a;
    case MSEG_SIZES_FLOOR:
        return floor(a);
    case MSEG_SIZES_CEIL:
        return ceil(a);
    case MSEG_SIZES_ROUND:
        return rint(a);
    case MSEG_SIZES_SQRT:
        return sqrt(a);
    case MSEG_SIZES_RSQRT:
        return 1 / sqrt(a);
    case MSEG_SIZES_TO_INTEGER:
        return trunc(a);
    case MSEG_SIZES_TO_FLOAT:
        return a;
    }
    return a;
}

bool mseg_sizes_ends_with(const mseg_sizes *a, const mseg_sizes *b)
{
    int first = 0;
    while (first < b->rank && b->shape[first] == 1)
        first++;
    const int rank = b->rank - first;
    return rank <= a->rank && memcmp(a->shape + (a->rank - rank), b->shape + first, (size_t)rank * sizeof *b->shape) == 0;
}

bool mseg_sizes_apply(mseg_sizes *out, mseg_sizes_operation operation, const mseg_sizes *a, const mseg_sizes *b)
{
    const mseg_sizes *larger = b && b->rank > a->rank ? b : a;
    const int n = count_of(a), m = b ? count_of(b) : n;
    if (b && larger == a && b->rank == a->rank && m > n)
        larger = b;
    const int count = larger == a ? n : m;
    if (n < 0 || m < 0 || (b && !mseg_sizes_ends_with(larger, larger == a ? b : a)) || (count && (!n || !m)))
        return false;
    const bool integers = a->integer && (!b || b->integer);
    mseg_sizes r = *larger;
    r.computed = a->computed || (b && b->computed);
    r.integer = operation == MSEG_SIZES_TO_FLOAT
                    ? false
                    : integers || operation == MSEG_SIZES_TO_INTEGER || mseg_sizes_compares(operation);
    for (int i = 0; i < count; i++) {
        const double value = mseg_sizes_compute(operation, a->values[i % n], b ? b->values[i % m] : 0, integers);
        r.values[i] = r.integer ? value : (double)(float)value;
        if (!isfinite(r.values[i]) || (r.integer && fabs(value) > INT32_MAX))
            return false;
    }
    *out = r;
    return true;
}

bool mseg_sizes_slice(mseg_sizes *out, const mseg_sizes *in, int begin, int count, int step, bool drop)
{
    if (in->rank < 1 || count < 0 || count > MSEG_SIZES || (drop && count != 1))
        return false;
    const int all = count_of(in), row = in->shape[0] ? all / in->shape[0] : 0;
    mseg_sizes r = *in;
    for (int i = 0; i < count; i++) {
        const int64_t from = begin + (int64_t)i * step;
        if (from < 0 || from >= in->shape[0])
            return false;
        memcpy(r.values + (size_t)i * (size_t)row, in->values + from * row, (size_t)row * sizeof *r.values);
    }
    r.shape[0] = count;
    if (drop) {
        r.rank--;
        memmove(r.shape, in->shape + 1, (size_t)r.rank * sizeof *r.shape);
    }
    *out = r;
    return true;
}

bool mseg_sizes_gather(mseg_sizes *out, const mseg_sizes *in, const mseg_sizes *index)
{
    const int count = count_of(index);
    mseg_sizes r = *in, row;
    if (in->rank != 1 || index->rank > 1 || count < 0)
        return false;
    for (int i = 0; i < count; i++) {
        if (!(index->values[i] >= 0 && index->values[i] < MSEG_SIZES) ||
            !mseg_sizes_slice(&row, in, (int)index->values[i], 1, 1, true))
            return false;
        r.values[i] = row.values[0];
    }
    r.rank = index->rank;
    r.shape[0] = count;
    *out = r;
    return true;
}

bool mseg_sizes_join(mseg_sizes *out, const mseg_sizes *const *parts, int count, bool pack)
{
    mseg_sizes r = {.integer = true};
    int at = 0, first = 0;
    for (int i = 0; i < count; i++) {
        const mseg_sizes *p = parts[i];
        const int n = count_of(p), skip = pack ? 0 : 1;
        const size_t rest = (size_t)(p->rank - skip) * sizeof *p->shape;
        if (n < 0 || at + n > MSEG_SIZES || p->rank < skip || p->rank != parts[0]->rank ||
            memcmp(p->shape + skip, parts[0]->shape + skip, rest) != 0)
            return false;
        memcpy(r.values + at, p->values, (size_t)n * sizeof *r.values);
        at += n;
        first += pack ? 1 : p->shape[0];
        r.integer = r.integer && p->integer;
        r.computed = r.computed || p->computed;
    }
    if (!count || (pack && parts[0]->rank == MSEG_SIZES_RANK))
        return false;
    r.rank = parts[0]->rank + (pack ? 1 : 0);
    memcpy(r.shape + 1, parts[0]->shape + (pack ? 0 : 1), (size_t)(r.rank - 1) * sizeof *r.shape);
    r.shape[0] = first;
    *out = r;
    return count_of(out) >= 0;
}

bool mseg_sizes_reshape(mseg_sizes *out, const mseg_sizes *in, int rank, const int *shape)
{
    mseg_sizes r = *in;
    const int count = count_of(in);
    int known = 1, open = -1;
    if (rank < 0 || rank > MSEG_SIZES_RANK)
        return false;
    for (int i = 0; i < rank; i++) {
        r.shape[i] = shape[i];
        if (shape[i] == -1 && open < 0)
            open = i;
        else if (shape[i] < 0 || shape[i] > MSEG_SIZES)
            return false;
        else
            known *= shape[i];
        if (known > MSEG_SIZES)
            return false;
    }
    if (open >= 0)
        r.shape[open] = known ? count / known : 0;
    r.rank = rank;
    *out = r;
    return count_of(out) == count;
}

bool mseg_sizes_reduce(mseg_sizes *out, mseg_sizes_operation operation, const mseg_sizes *in)
{
    const int count = count_of(in);
    mseg_sizes r = {.values = {in->values[0]}, .integer = in->integer, .computed = in->computed};
    for (int i = 1; i < count; i++) {
        const mseg_sizes next = mseg_sizes_number(in->values[i], in->integer);
        if (!mseg_sizes_apply(&r, operation, &r, &next))
            return false;
    }
    r.computed = in->computed;
    *out = r;
    return count > 0;
}
