#ifndef MSEG_WEIGHTS_SAFETENSORS_SCHEMES_H
#define MSEG_WEIGHTS_SAFETENSORS_SCHEMES_H

#include "weights/safetensors.h"

/* Inside lib/weights only: what other people call the layers of networks that mseg knows, as data (safetensors_schemes.c). */

enum { MSEG_ST_NORM = MSEG_ST_LAYOUTS, MSEG_ST_LEFT_OUT };

/* A layer, the batch norm of one, or tensors that make no difference to the output. */
typedef struct mseg_st_row {
    int kind;                  /* a convolution's mseg_st_layout, or one of the above */
    const char *theirs, *ours; /* with %d for a number at most */
    float epsilon;             /* of batch norm */
    int first, last;           /* their number; 0, 0: there is none */
    int shift;                 /* ours less theirs */
} mseg_st_row;

typedef struct mseg_st_table {
    const mseg_st_row *rows;
    int count;
} mseg_st_table;

enum { MSEG_ST_TABLES = 3 };

/* What goes with names without being in the file. */
typedef struct mseg_st_rules {
    mseg_padding padding;
    mseg_sampling sampling;
    void (*input)(mseg_input *input); /* how pictures enter, but for the sampling */
} mseg_st_rules;

typedef struct mseg_st_scheme {
    const char *whose;
    const char *marks[2]; /* tensors that no network of the schemes before has both of; NULL: none. None ends the list */
    mseg_st_table tables[MSEG_ST_TABLES];
    const mseg_st_rules *rules;
    int output_stride; /* 0: the names do not tell */
} mseg_st_scheme;

extern const mseg_st_scheme mseg_st_schemes[];

#endif
