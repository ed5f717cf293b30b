#ifndef MSEG_SEG_MODEL_H
#define MSEG_SEG_MODEL_H

#include "base/cpu.h"
#include "graph/graph.h"
#include "seg/mseg.h"

struct mseg_model {
    mseg_graph *graph;
    mseg_kernels kernel_set;
    const mseg_kernels *kernels; /* kernel_set */
    mseg_cpu cpu;
    char *name, sha256[65];
    mseg_model_info info;
};

#endif
