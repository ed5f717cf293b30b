#ifndef MSEG_KERNELS_TRAIN_VECTORS_H
#define MSEG_KERNELS_TRAIN_VECTORS_H

#include <stdint.h>

#include "kernels/train/train.h"

/* Vectors of reals for the kernels of one instruction set, on the vector extensions of GCC and Clang. The file of the set says
 * before: LANES, the reals of a vector, and HALF where cells and operands are bfloat16s (AVX-512 with BF16), else they are
 * reals. */

#if defined(__AVX2__)
#include <immintrin.h>
#endif

#define INLINE static inline __attribute__((always_inline))

typedef mseg_real vec __attribute__((vector_size(LANES * sizeof(mseg_real))));
typedef mseg_real vec_in_memory __attribute__((vector_size(LANES * sizeof(mseg_real)), aligned(sizeof(mseg_real)), may_alias));

INLINE vec get(const mseg_real *from)
{
    return *(const vec_in_memory *)from;
}

INLINE void put(mseg_real *to, vec value)
{
    *(vec_in_memory *)to = value;
}

INLINE vec splat(mseg_real x)
{
    return x - (vec){0};
}

/* x in a register: GCC reads memory once more for every use. */
INLINE vec held(vec x)
{
#if defined(__AVX2__)
    __asm__("" : "+v"(x));
#endif
    return x;
}

#if defined(__AVX512F__)
INLINE vec clamp(vec x, vec lo, vec hi)
{
    return (vec)_mm512_min_ps(_mm512_max_ps((__m512)x, (__m512)lo), (__m512)hi);
}

/* value where lo < x < hi, else 0 */
INLINE vec pass(vec value, vec x, vec lo, vec hi)
{
    const __mmask16 above = _mm512_cmp_ps_mask((__m512)x, (__m512)lo, _CMP_GT_OQ);
    return (vec)_mm512_maskz_mov_ps(_mm512_mask_cmp_ps_mask(above, (__m512)x, (__m512)hi, _CMP_LT_OQ), (__m512)value);
}
#else
#ifdef MSEG_TRAIN_DOUBLE
typedef int64_t lane_bits;
#else
typedef int32_t lane_bits;
#endif
typedef lane_bits bits __attribute__((vector_size(LANES * sizeof(mseg_real))));

INLINE vec choose(bits which, vec yes, vec no)
{
    return (vec)(((bits)yes & which) | ((bits)no & ~which));
}

INLINE vec clamp(vec x, vec lo, vec hi)
{
#if defined(__AVX2__)
    return (vec)_mm256_min_ps(_mm256_max_ps((__m256)x, (__m256)lo), (__m256)hi);
#else
    x = choose(x > lo, x, lo);
    return choose(x < hi, x, hi);
#endif
}

INLINE vec pass(vec value, vec x, vec lo, vec hi)
{
    return (vec)((bits)value & (x > lo) & (x < hi));
}
#endif

/* cell_vec: LANES cells in a register. */
#ifdef HALF
typedef uint16_t cell;
typedef __m256i cell_vec;

INLINE cell_vec get_rounded(const cell *from)
{
    return _mm256_loadu_si256((const void *)from);
}

INLINE vec get_cells(const cell *from)
{
    return (vec)_mm512_slli_epi32(_mm512_cvtepu16_epi32(get_rounded(from)), 16);
}

INLINE cell_vec rounded(vec value)
{
    return (cell_vec)_mm512_cvtneps_pbh((__m512)value);
}

INLINE void put_rounded(cell *to, cell_vec value)
{
    _mm256_storeu_si256((void *)to, value);
}

/* Channel c of both, interleaved. */
INLINE void put_pairs(cell *to, cell_vec even, cell_vec odd)
{
    const __m512i low = _mm512_cvtepu16_epi32(even), high = _mm512_slli_epi32(_mm512_cvtepu16_epi32(odd), 16);
    _mm512_storeu_si512(to, _mm512_or_si512(low, high));
}
#else
typedef mseg_real cell;
typedef vec cell_vec;

INLINE vec get_cells(const cell *from)
{
    return get(from);
}

INLINE cell_vec rounded(vec value)
{
    return value;
}

INLINE cell_vec get_rounded(const cell *from)
{
    return get(from);
}

INLINE void put_rounded(cell *to, cell_vec value)
{
    put(to, value);
}
#endif

INLINE void put_cells(cell *to, vec value)
{
    put_rounded(to, rounded(value));
}

/* mseg_train_reading of LANES channels. */
typedef struct reading {
    vec scale, shift, lo, hi;
} reading;

INLINE reading reading_of(const mseg_train_reading *how, int c)
{
    return (reading){.scale = how->scale ? get(how->scale + c) : splat(1),
                     .shift = how->scale ? get(how->shift + c) : splat(0),
                     .lo = splat(how->lo),
                     .hi = splat(how->hi)};
}

/* The number that a stored one stands for, not yet clamped. */
INLINE vec unclamped(const reading *how, vec stored)
{
    return stored * how->scale + how->shift;
}

INLINE void add_to(mseg_real *sum, vec value)
{
    put(sum, get(sum) + value);
}

#endif
