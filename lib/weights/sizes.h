#ifndef MSEG_WEIGHTS_SIZES_H
#define MSEG_WEIGHTS_SIZES_H

#include <stdbool.h>

/* Inside lib/weights only. The few numbers by which a graph tells how large its tensors are, computed while a file is read: ONNX
 * and GraphDef compute them of the picture's size. Every function gives false when the result is none that fits in here, or makes
 * no sense, and then *out is of no use. out may be an input. */

enum { MSEG_SIZES = 16, MSEG_SIZES_RANK = 4 };

/* A small tensor in row order. */
typedef struct mseg_sizes {
    int rank; /* 0: one number */
    int shape[MSEG_SIZES_RANK];
    double values[MSEG_SIZES];
    bool integer;  /* else float32: every result is rounded to it */
    bool computed; /* of the picture's size */
} mseg_sizes;

typedef enum mseg_sizes_operation {
    MSEG_SIZES_ADD,
    MSEG_SIZES_SUB,
    MSEG_SIZES_MUL,
    MSEG_SIZES_DIV, /* of integers: towards 0 */
    MSEG_SIZES_FLOOR_DIV,
    MSEG_SIZES_FLOOR_MOD,
    MSEG_SIZES_MAX,
    MSEG_SIZES_MIN,
    MSEG_SIZES_GREATER, /* comparisons: 0 or 1 */
    MSEG_SIZES_GREATER_EQUAL,
    MSEG_SIZES_LESS,
    MSEG_SIZES_LESS_EQUAL,
    MSEG_SIZES_EQUAL,
    MSEG_SIZES_NOT_EQUAL,
    MSEG_SIZES_AND,
    MSEG_SIZES_OR,
    /* of one */
    MSEG_SIZES_NOT,
    MSEG_SIZES_NEG,
    MSEG_SIZES_FLOOR,
    MSEG_SIZES_CEIL,
    MSEG_SIZES_ROUND, /* halves to even */
    MSEG_SIZES_SQRT,
    MSEG_SIZES_RSQRT,
    MSEG_SIZES_TO_INTEGER, /* towards 0 */
    MSEG_SIZES_TO_FLOAT,
} mseg_sizes_operation;

/** How many numbers a shape has; -1: more than MSEG_SIZES, or a dimension below 0. */
int mseg_sizes_count(int rank, const int *shape);

/** One number. */
mseg_sizes mseg_sizes_number(double value, bool integer);

/** What the operation makes of a and b, in double. */
double mseg_sizes_compute(mseg_sizes_operation operation, double a, double b, bool integers);

/** Whether the operation's result is 0 or 1. */
bool mseg_sizes_compares(mseg_sizes_operation operation);

/** Whether the shape of b is how that of a ends, dimensions of 1 before it left out. They may be larger than what fits in here.
 */
bool mseg_sizes_ends_with(const mseg_sizes *a, const mseg_sizes *b);

/** Element by element; one of the two may have one number only, or the dimensions that the other one ends with. b NULL: an
 * operation of one. */
bool mseg_sizes_apply(mseg_sizes *out, mseg_sizes_operation operation, const mseg_sizes *a, const mseg_sizes *b);

/** Along the first dimension: from begin in count steps. drop: count is 1 and the dimension goes. */
bool mseg_sizes_slice(mseg_sizes *out, const mseg_sizes *in, int begin, int count, int step, bool drop);

/** The elements of in's first dimension that index names. */
bool mseg_sizes_gather(mseg_sizes *out, const mseg_sizes *in, const mseg_sizes *index);

/** One behind the other along the first dimension; pack: along a new first one, all of one shape. */
bool mseg_sizes_join(mseg_sizes *out, const mseg_sizes *const *parts, int count, bool pack);

/** The same numbers in another shape, in which -1 is what is left. */
bool mseg_sizes_reshape(mseg_sizes *out, const mseg_sizes *in, int rank, const int *shape);

/** One number of all: the operation between each and what was before. */
bool mseg_sizes_reduce(mseg_sizes *out, mseg_sizes_operation operation, const mseg_sizes *in);

#endif
