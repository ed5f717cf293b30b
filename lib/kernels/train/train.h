#ifndef MSEG_KERNELS_TRAIN_H
#define MSEG_KERNELS_TRAIN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/cpu.h"

/* Loops of training. A map is rows of pixels with channels side by side, channels rounded up to MSEG_TRAIN_VEC, those behind the
 * last are 0. It is stored in cells: floats or bfloat16s, as the kernel set says. What only few threads touch at a time, sums,
 * parameters and rows in work, is mseg_real. Before a product, rows are made operands: cells of a set's own kind. None of these
 * allocates, none reads or writes beside what its comment names; all are thread safe. */

/* A float; a double where the gradients of the very same code are checked. */
#ifdef MSEG_TRAIN_DOUBLE
typedef double mseg_real;
#else
typedef float mseg_real;
#endif

enum { MSEG_TRAIN_VEC = 16 };

/* What a stored number stands for: clamp(stored * scale[c] + shift[c], lo, hi). scale NULL: clamp(stored). Of what is not clamped
 * lo and hi are infinite. A gradient passes where lo < number < hi. */
typedef struct mseg_train_reading {
    const mseg_real *scale, *shift;
    mseg_real lo, hi;
} mseg_train_reading;

/* How the gradient g of a normalised map becomes that of the stored one, y: g * a[c] + (y * b[c] + e[c]). */
typedef struct mseg_train_unnorm {
    const mseg_real *a, *b, *e;
} mseg_train_unnorm;

/* What becomes of a product's sum s of pixel p and channel c. */
typedef enum mseg_train_finish {
    MSEG_FINISH_FORWARD, /* cells: s + bias[c]; sums of it and of its square */
    MSEG_FINISH_MASKED,  /* cells: s where raw[p][c], read by how, lets it pass, else 0; sums of it and of it times raw */
    MSEG_FINISH_PLAIN,   /* cells: s + add[p][c] */
    MSEG_FINISH_REALS    /* reals: s + bias[c] */
} mseg_train_finish;

/* out[p][c] = finish(sum over i < k of x[p][i] * b[i][c]). */
typedef struct mseg_train_product {
    const void *x;   /* operands, row p at p * x_stride */
    size_t x_stride; /* operands, even */
    const void *b;   /* packed */
    int rows, k, n;  /* k, n: multiples of MSEG_TRAIN_VEC */
    mseg_train_finish finish;
    void *out;              /* [rows][n] without gaps */
    const mseg_real *bias;  /* [n] or NULL */
    mseg_real *sum, *sum2;  /* [n], added to */
    const void *raw;        /* cells [rows][n] */
    mseg_train_reading how; /* of raw */
    const void *add;        /* cells [rows][n], may be out; NULL: nothing */
} mseg_train_product;

/* A row of a depthwise 3x3 convolution: out[p][c] = sum of weights[3 i + j][c] * rows[i][p * pixel_step + j * tap_step + c]. */
typedef struct mseg_train_dwconv {
    const mseg_real *rows[3]; /* channel 0 of the left tap of pixel 0; beside the picture they hold zeros */
    size_t tap_step, pixel_step;
    const mseg_real *weights; /* [9][channels] */
    void *out;                /* cells [pixels][channels] */
    int pixels, channels;
    mseg_real *sum, *sum2; /* [channels], added to: of out and of its square */
} mseg_train_dwconv;

/* The way back of one of its input rows. Stride 1: the gradient of pixel p is the sum over i, j of weights[3 i + j] * d[i][p *
 * channels - j * tap_step]. Stride 2: of column u = p + phase the even ones meet j = 0 at d[i][u / 2 * channels] and j = 2 one
 * pixel before that, the odd ones j = 1 at d[i][(u - 1) / 2 * channels]. The gradient of weights[3 i + j] grows by these d times
 * x[p]. Where d[i] is NULL nothing comes from kernel row i. */
typedef struct mseg_train_dwconv_back {
    const mseg_real *d[3];
    size_t tap_step;
    int stride, phase; /* phase 0 or 1, of stride 2 alone */
    const mseg_real *weights;
    mseg_real *weight_gradient; /* [9][channels], added to; NULL: not wanted */
    const mseg_real *x;         /* [pixels][channels], the input as it was read */
    int pixels, channels;
    mseg_real lo, hi;      /* what passes where lo < x < hi; infinite: all */
    const void *raw;       /* cells [pixels][channels]; NULL: no sums */
    const void *add;       /* cells, added before; may be out; NULL: nothing */
    void *out;             /* cells [pixels][channels] */
    mseg_real *sum, *sum2; /* [channels], added to: of out before rounding and of it times raw */
} mseg_train_dwconv_back;

/* The gradient of a map that several layers read, or that an addition made, on its way to the stored one. */
typedef struct mseg_train_gather {
    void *gradient;              /* cells [pixels][channels]: replaced by (gradient + everywhere[c]) where value lets it pass */
    const mseg_real *everywhere; /* [channels], NULL: 0 */
    const void *value;           /* cells, read by how */
    mseg_train_reading how;
    const void *raw; /* cells, for the sums */
    int pixels, channels;
    mseg_real *sum, *sum2; /* [channels], added to: of the gradient and of it times raw */
} mseg_train_gather;

typedef struct mseg_train_kernels {
    const char *name;
    size_t cell, operand; /* bytes */
    /* Whether products of two maps' rows (weights, below) take rows in pairs: row r and r + 1, r even, interleaved, channel c of
     * both at 2 c; an odd last one with zeros. Else they take what x is, and t is ignored everywhere. */
    bool paired;

    /** Makes operands of n rows: channels at column of rows that are stride operands apart, in x (NULL: not wanted) and, of a
     * paired set, in pairs in t (NULL: not wanted), whose pairs of rows are 2 * stride apart. rows[r]: cells, NULL: zeros. */
    void (*load)(void *x, void *t, size_t stride, size_t column, const void *const *rows, int n, int channels,
                 const mseg_train_reading *how);
    /** The same of gradients: rows g[r] and y[r] are NULL together. */
    void (*load_gradient)(void *x, void *t, size_t stride, size_t column, const void *const *g, const void *const *y, int n,
                          int channels, const mseg_train_unnorm *how);
    /** The same of reals, rows from from on that are from_stride apart, as they are. */
    void (*load_reals)(void *x, void *t, size_t stride, const mseg_real *from, size_t from_stride, int n, int channels);
    /** n pixels of cells, and of gradients, as reals without gaps. */
    void (*read)(mseg_real *x, const void *cells, int n, int channels, const mseg_train_reading *how);
    void (*read_gradient)(mseg_real *d, const void *g, const void *y, int n, int channels, const mseg_train_unnorm *how);
    /** The sum of n pixels of cells, added to sum [channels]. */
    void (*sum)(mseg_real *sum, const void *cells, int n, int channels, const mseg_train_reading *how);
    /** Cells out [n pixels][channels] = clamp(y * scale + shift + add, lo, hi); add NULL: nothing. */
    void (*add)(void *out, const void *y, const void *add, int n, int channels, const mseg_train_reading *how);

    /** Bytes of a packed matrix of k times n. */
    size_t (*packed)(int k, int n);
    /** Packs w [k][n]. */
    void (*pack)(void *to, const mseg_real *w, int k, int n);
    /** Packs the matrix [taps * n][k] whose element (t * n + j, i) is w[(t * k + i) * n + j]. */
    void (*pack_back)(void *to, const mseg_real *w, int taps, int k, int n);
    void (*product)(const mseg_train_product *args);
    /** gradient [k][n] += sum over rows of t[r][i] * d[r][j], both loaded (paired: in pairs). strides as for load. */
    void (*weights)(mseg_real *gradient, const void *t, size_t t_stride, int k, const void *d, size_t d_stride, int n, int rows);
    void (*dwconv)(const mseg_train_dwconv *args);
    void (*dwconv_back)(const mseg_train_dwconv_back *args);
    void (*gather)(const mseg_train_gather *args);
} mseg_train_kernels;

/** The set of cpu->level: the last row of train/train.def that cpu->features are enough for and that asks for no later level.
 * half: maps in bfloat16, products too; NULL when the processor has no such set. Thread safe. */
const mseg_train_kernels *mseg_train_kernels_for(const mseg_cpu *cpu, bool half);

#endif
