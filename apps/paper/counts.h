#ifndef CLI_PAPER_COUNTS_H
#define CLI_PAPER_COUNTS_H

#include "mseg.h"

/* A network of the paper and how it was run. */
typedef struct cli_paper_system {
    const char *architecture; /* as for 'mseg info' */
    int output_stride, side;
    bool mf;         /* six scales, each also turned left to right */
    bool multi_grid; /* TensorFlow's count: rates of the last three 3x3 convolutions of ResNet-101 times 1, 2, 4 */
} cli_paper_system;

/* A network's operators at one resolution: channels of the largest tensor between them. */
typedef struct cli_paper_map {
    int side, channels;
} cli_paper_map;

enum { CLI_PAPER_MAPS = 6 }; /* 112, 56, 28, 14, 7 and 1 pixels */

typedef struct cli_paper_counts {
    int64_t params;           /* batch norm folded: weights and biases */
    int64_t params_bn;        /* as the paper counts: two a channel for batch norm */
    int64_t madds;            /* as executed, summed over scales and flips */
    int64_t madds_tensorflow; /* its atrous convolutions run on maps padded to multiples of the rate (SpaceToBatch) */
    int64_t largest,
        largest_expanded; /* bytes of the largest tensor of the largest scale: inverted residuals as one operator, as three */
    int64_t memory, memory_expanded; /* bytes of all that is alive at once, likewise */
    cli_paper_map maps[CLI_PAPER_MAPS];
} cli_paper_counts;

/** Counts from plans. cpu may be NULL. Errors: as mseg_model_open_random, mseg_session_plan. */
mseg_status cli_paper_count(cli_paper_counts *counts, const cli_paper_system *system, const char *cpu, mseg_error *err);

#endif
