#ifndef TESTS_KERNELS_ROWS_H
#define TESTS_KERNELS_ROWS_H

#include "kernels/registry.h"

/* Include behind cmocka.h. The tests take their kernels from the .def files: every one that this machine can run is tried,
 * whether or not a kernel set prefers it. */
static inline bool row_runs(const char *name, unsigned needs)
{
    if (!(needs & ~mseg_cpu_detect().features))
        return true;
    print_message("SKIP: this machine cannot run %s\n", name);
    return false;
}

#endif
