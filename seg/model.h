#ifndef MSEG_SEG_MODEL_H
#define MSEG_SEG_MODEL_H

#include "base/cpu.h"
#include "plan/packed.h"
#include "seg/mseg.h"

struct mseg_model {
    mseg_packed_net *net;
    mseg_kernels kernel_set;
    const mseg_kernels *kernels; /* kernel_set */
    mseg_cpu cpu;
    char *name, sha256[65];
    char *no_integers;   /* what the info's points to */
    char *label_text;    /* what the labels point into */
    const char **labels; /* [info.classes]; "": no name; NULL: none are used */
    mseg_model_info info;
};

/** As mseg_model_open (path NULL: mseg_model_open_builtin) with the backbone's last map as the net's second output. */
mseg_status mseg_model_open_features(mseg_model **model, const char *path, const mseg_model_options *options, mseg_error *err);

/** A zero point as the file has it. */
static inline int mseg_zero_point(const mseg_quant *quant)
{
    return quant->is_signed ? quant->zero - 128 : quant->zero;
}

#endif
