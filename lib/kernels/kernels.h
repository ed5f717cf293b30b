#ifndef MSEG_KERNELS_KERNELS_H
#define MSEG_KERNELS_KERNELS_H

#include <stddef.h>
#include <stdint.h>

#include "base/cpu.h"

/* Rows of numbers in the caller's memory come in, rows of numbers in his memory go out. These are the micro-kernels: plain loops
 * that know nothing of networks. None reads or writes outside what its comment names, and none allocates. All are thread safe.
 * f32/ holds the network's arithmetic in float, u8/ that in 8 bits, pixels/ what touches pictures and labels. */

/* A row of a convolution as a matrix product: out[p][j] = clamp(bias[j] + sum over taps t and inputs i of a[t][p * a_stride + i]
 * * b[t][i * width + j] + add[p][j]) for pixels p and up to nr output channels j. A 1x1 convolution has one tap, a 3x3 up to
 * nine. */
typedef struct mseg_gemm_args {
    const float *const *a; /* per tap: first input of pixel 0 */
    const float *const *b; /* per tap: packed weights [k][width], width = n rounded up to the kernel's vec */
    int taps, k;
    int n;             /* output channels, 1 .. nr */
    size_t a_stride;   /* floats from pixel to pixel */
    const float *bias; /* n floats, NULL = 0 */
    const float *add;  /* NULL, or what is added before clamping: pixel p at p * add_stride; may be c itself */
    size_t add_stride;
    float *c;
    size_t c_stride;
    float min, max;
    /* For kernels that work by pairs (Winograd's inner product: x0 y0 + x1 y1 = (x0 + y1)(x1 + y0) - x0 x1 - y0 y1), whose
     * weights are packed for it. Per tap: the inputs' mseg_pair_sums_fn, pixel p at p * a_pairs_stride, and minus that of the
     * weights, n floats; a_pairs NULL: not by pairs this time. scale: n floats that channels' sums are multiplied by. */
    const float *const *a_pairs, *const *b_pairs;
    size_t a_pairs_stride;
    const float *scale;
} mseg_gemm_args;

/** Computes m <= mr pixels from pixel p on. */
typedef void (*mseg_gemm_fn)(const mseg_gemm_args *args, int p, int m);

/* One or two rows of a depthwise 3x3 convolution. Input and output have channels rounded up to vec in memory; out of the picture
 * the rows read zeros that the caller put there. */
typedef struct mseg_dwconv_args {
    const float
        *rows[4];      /* per kernel row: channel 0 of the left tap of output pixel 0; the second output row reads rows 1 to 3 */
    size_t tap_step;   /* floats from tap to tap: rate * pixel size */
    size_t pixel_step; /* floats from output pixel to output pixel on the input: stride * pixel size */
    const float *weights; /* packed [channels / vec][9][vec] */
    const float *bias;    /* channels rounded up to vec */
    float *out, *second;  /* second: NULL when there is one row to make */
    size_t out_stride;
    int pixels, channels;
    float min, max;
} mseg_dwconv_args;

typedef void (*mseg_dwconv_fn)(const mseg_dwconv_args *args);

/** out[3 p + c] = in[3 p + c] * scale[c] + offset[c] for so many pixels p of three bytes. TensorFlow DeepLab's rule: scale 2/255,
 * offset -1. */
typedef void (*mseg_normalise_fn)(const uint8_t *in, float *out, int pixels, const float scale[3], const float offset[3]);

/* Output pixels x0 <= x < x1 lie between logit columns left and right. */
typedef struct mseg_column_run {
    int x0, x1;
    int left, right;
} mseg_column_run;

/** Labels one row of the image: for every pixel x of every run, the first class with the largest l + (r - l) * fraction[x], where
 * l and r are its logits in columns left and right of row ([columns][classes]). */
typedef void (*mseg_argmax_fn)(const float *row, int classes, const mseg_column_run *runs, int n_runs, const float *fraction,
                               uint8_t *labels);

/** For every pixel x of every run, adds the softmax of its interpolated logits (as above) to sums: class c of pixel x is sums[c *
 * stride + x]. classes <= 256. */
typedef void (*mseg_softmax_fn)(const float *row, int classes, const mseg_column_run *runs, int n_runs, const float *fraction,
                                float *sums, size_t stride);

/* Eight bytes of a row that becomes longer, each of two bytes of the old one: i is (in[at + pick[2 i]] * k[2 i] + in[at + pick[2
 * i + 1]] * k[2 i + 1] + 2^21) >> 22, its weights k[j] = 2^11 high[j] + low[j] adding up to 2^22, one more or one less. */
typedef struct mseg_stretch_group {
    int16_t high[16], low[16]; /* 0 .. 2^11 */
    uint8_t pick[16];          /* 0 .. 15 */
    size_t at;
} mseg_stretch_group;

/** Makes so many groups of out; of every group 16 bytes of in from at on may be read. All rows give the same bits, as of the next
 * kind. */
typedef void (*mseg_stretch_fn)(const uint8_t *in, const mseg_stretch_group *groups, int n_groups, uint8_t *out);

/** out[i] = (rows[0][i] * weights[0] + rows[1][i] * weights[1] + ... + 2^21) >> 22, at most 255, for n bytes of so many rows,
 * none of which is out. The sum is less than 2^32. */
typedef void (*mseg_blend_fn)(const uint8_t *const *rows, const uint32_t *weights, int n_rows, uint8_t *out, size_t n);

/** Does rounds times peak_madds multiply-adds in registers: what no convolution can beat. */
typedef void (*mseg_peak_fn)(long rounds);

/** out[p] = sum over i = 0, 4, 8 ... of x[i] x[i + 1] - x[i + 2] x[i + 3] for the whole fours of k inputs of every pixel. Returns
 * a bound of a pixel's sum of squares over them: no less than the largest, at most 16 times that. */
typedef float (*mseg_pair_sums_fn)(const float *x, size_t stride, int k, int pixels, float *out);

/* ---- 8 bits: every row gives the same bits, those of TensorFlow Lite's XNNPACK kernels (docs/numerics.md) ---- */

/* A sum of two maps, as TensorFlow Lite's ADD: clamp(((x * x_mul + y * y_mul + bias) >> shift) + zero), zero points and rounding
 * being in bias; the shift rounds down. 0 < shift < 32. */
typedef struct mseg_u8_add {
    int32_t x_mul, y_mul, bias;
    int shift, zero, min, max;
} mseg_u8_add;

/* A row of a convolution. With the exact sum s[p][j] = bias[j] + sum over terms t and inputs i of a[t][p * a_stride + i] *
 * w[t][i][j], out[p][j] = clamp(rint((float)s * scale[j]) + zero) between min and max: the product rounded to float, rint to
 * even. s fits 32 bits and rint its int, whoever calls sees to that. With how, that is x of the sum with add, which out becomes.
 */
typedef struct mseg_u8_gemm_args {
    const uint8_t *const *a; /* per term: first input of pixel 0; of every pixel k bytes are read, rounded up to 4 */
    const void *const *b;    /* per term: a panel, packed by the kernel's kr, weights behind k are 0 */
    const int *k;            /* per term, at least 1 */
    int terms;               /* 0: s is bias */
    int n;                   /* output channels, 1 .. nr */
    size_t a_stride;
    const int32_t *bias; /* n, rounded up to vec */
    const float *scale;  /* the same */
    int zero, min, max;
    const mseg_u8_add *how; /* NULL: no sum */
    const uint8_t *add;     /* pixel p at p * add_stride; none of it is c's, as none of the inputs is */
    size_t add_stride;
    uint8_t *c; /* the n channels of a pixel are written and nothing else */
    size_t c_stride;
} mseg_u8_gemm_args;

/** Computes any number of pixels, from 1 on. */
typedef void (*mseg_u8_gemm_fn)(const mseg_u8_gemm_args *args, int pixels);

/* kr says how weights are packed, of width = n rounded up to vec: 1: int16_t [k][width]; 2: int16_t [k / 4][2][width][2], inputs
 * 4 q + h and 4 q + h + 2 side by side; 4: int8_t [k / 4][width][4], k being rounded up to 4 for the last two. Signed bytes do
 * not hold the difference of two unsigned ones: what they cannot hold is in a term of its own, of the same inputs. */
typedef struct mseg_u8_gemm_kernel {
    const char *name;
    mseg_u8_gemm_fn fn;
    int nr, vec, kr;
} mseg_u8_gemm_kernel;

/* One or two rows of a depthwise 3x3 convolution, rounded as a gemm's are: s = bias + sum of the nine x * w. Input and output
 * have channels rounded up to vec in memory; out of the picture the rows read zero points that the caller put there, whose share
 * is in bias. */
typedef struct mseg_u8_dwconv_args {
    const uint8_t
        *rows[4];      /* per kernel row: channel 0 of the left tap of output pixel 0; the second output row reads rows 1 to 3 */
    size_t tap_step;   /* bytes from tap to tap: rate * pixel size */
    size_t pixel_step; /* bytes from output pixel to output pixel on the input: stride * pixel size */
    const void *weights; /* as the kernel's pack made them */
    const int32_t *bias; /* channels rounded up to vec, as scale */
    const float *scale;
    uint8_t *out, *second; /* second: NULL when there is one row to make */
    size_t out_stride;
    int pixels, channels;
    int zero, min, max;
} mseg_u8_dwconv_args;

typedef void (*mseg_u8_dwconv_fn)(const mseg_u8_dwconv_args *args);

typedef struct mseg_u8_dwconv_kernel {
    const char *name;
    mseg_u8_dwconv_fn fn;
    int vec;
    size_t (*bytes)(int channels); /* of packed weights, which are aligned to 64 */
    /** From [9][channels] differences between bytes, -255 to 255, in the order of the taps. */
    void (*pack)(void *to, const int16_t *weights, int channels);
} mseg_u8_dwconv_kernel;

/** As mseg_argmax_fn in whole numbers: l and r are sums of two logits' bytes whose weights add up to 2048, fraction is of 2048,
 * and what is compared is ((2048 - fraction) * l + fraction * r + 2^21) >> 22. */
typedef void (*mseg_u8_argmax_fn)(const int32_t *row, int classes, const mseg_column_run *runs, int n_runs,
                                  const int32_t *fraction, uint8_t *labels);

typedef struct mseg_gemm_kernel {
    const char *name;
    mseg_gemm_fn fn;
    int mr, nr, vec;
    int (*paired)(int n); /* how many of a panel's n channels work by pairs, the first ones; NULL: never any */
    mseg_pair_sums_fn pair_sums;
} mseg_gemm_kernel;

/* One kernel set: a kernel of every kind. */
typedef struct mseg_kernels {
    mseg_cpu_level level;
    mseg_gemm_kernel gemm;
    mseg_dwconv_fn dwconv;
    int dwconv_vec;
    mseg_normalise_fn normalise;
    mseg_argmax_fn argmax;
    mseg_softmax_fn softmax;
    mseg_peak_fn peak;
    int peak_madds;
    struct {
        mseg_u8_gemm_kernel gemm;
        mseg_u8_dwconv_kernel dwconv;
        mseg_u8_argmax_fn argmax;
        mseg_peak_fn peak; /* of multiply-adds of bytes */
        int peak_madds;
    } u8;
    mseg_stretch_fn stretch;
    mseg_blend_fn blend;
} mseg_kernels;

/** The set of cpu->level: of every kind the last kernel that cpu->features are enough for and that asks for no later level. The
 * scalar ones suit every processor, so no kind is missing. */
mseg_kernels mseg_kernels_for(const mseg_cpu *cpu);

#endif
