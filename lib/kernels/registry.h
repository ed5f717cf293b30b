#ifndef MSEG_KERNELS_REGISTRY_H
#define MSEG_KERNELS_REGISTRY_H

#include "kernels/kernels.h"

/* Every kind of kernel has a .def, where every kernel has a row; prototypes, sets and tests all come from there. name is the
 * function's, made of its file's path (mseg_f32_gemm_6x16__avx2 is in f32/gemm_6x16__avx2.c). needs: the features of the
 * processor that it asks for, MSEG_HAS_* or MSEG_ISA_*; where they are met it runs. prefers: the level from which on it is
 * chosen. Who includes a .def says before what ROW makes of a row; the .def ends by taking that back. */

#define PLAIN
#define PAIRS(paired, pair_sums)                                                                                                 \
    int paired(int);                                                                                                             \
    float pair_sums(const float *, size_t, int, int, float *);
#define ROW(name, needs, prefers, mr, nr, vec, pack)                                                                             \
    void name(const mseg_gemm_args *, int, int);                                                                                 \
    pack
#include "kernels/f32/gemm.def"

#define ROW(name, needs, prefers, vec) void name(const mseg_dwconv_args *);
#include "kernels/f32/dwconv3x3.def"

#define ROW(name, needs, prefers, madds) void name(long);
#include "kernels/f32/fma_peak.def"

#define ROW(name, needs, prefers, nr, vec, kr) void name(const mseg_u8_gemm_args *, int);
#include "kernels/u8/gemm.def"

#define ROW(name, needs, prefers, vec, bytes, pack)                                                                              \
    void name(const mseg_u8_dwconv_args *);                                                                                      \
    size_t bytes(int);                                                                                                           \
    void pack(void *, const int16_t *, int);
#include "kernels/u8/dwconv3x3.def"

#define ROW(name, needs, prefers) void name(const int32_t *, int, const mseg_column_run *, int, const int32_t *, uint8_t *);
#include "kernels/u8/argmax.def"

#define ROW(name, needs, prefers, madds) void name(long);
#include "kernels/u8/dot_peak.def"

#define ROW(name, needs, prefers) void name(const uint8_t *, float *, int, const float[3], const float[3]);
#include "kernels/pixels/normalise.def"

#define ROW(name, needs, prefers) void name(const float *, int, const mseg_column_run *, int, const float *, uint8_t *);
#include "kernels/pixels/argmax.def"

#define ROW(name, needs, prefers) void name(const float *, int, const mseg_column_run *, int, const float *, float *, size_t);
#include "kernels/pixels/softmax_add.def"

#define ROW(name, needs, prefers) void name(const uint8_t *, const mseg_stretch_group *, int, uint8_t *);
#include "kernels/pixels/stretch.def"

#define ROW(name, needs, prefers) void name(const uint8_t *const *, const uint32_t *, int, uint8_t *, size_t);
#include "kernels/pixels/blend.def"

#endif
