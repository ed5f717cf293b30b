#ifndef MSEG_SEG_CONVERT_H
#define MSEG_SEG_CONVERT_H

#include "seg/opened.h"
#include "write/write.h"

/* In: a model, options. Out: it as data, and what its new file is to be. All zero: closed. */
typedef struct mseg_converting {
    mseg_opened opened;
    mseg_model_format format;
    mseg_write_options how; /* bytes: for the caller to set */
    const char **labels;    /* what how points to */
    char *name;
    const char *cpu; /* of the options */
} mseg_converting;

/** Opens file in (NULL: the model that is part of the library) to be written by these options (NULL: the defaults) as a file of
 * the name out. On failure *converting is closed. Errors: those of mseg_convert but for writing. */
mseg_status mseg_converting_open(mseg_converting *converting, const char *in, const char *out,
                                 const mseg_convert_options *options, mseg_error *err);

void mseg_converting_close(mseg_converting *converting);

/** The new file's bytes, freed by the caller, with net instead of the model's own one. On failure *bytes is all zero. Errors:
 * those of mseg_convert. */
mseg_status mseg_converting_make(mseg_bytes *bytes, const mseg_converting *converting, const mseg_net *net, mseg_error *err);

/** Writes them as file out, which appears whole or not at all. result may be NULL. Errors: those of mseg_convert. */
mseg_status mseg_converting_save(const mseg_converting *converting, const mseg_bytes *bytes, const char *out,
                                 mseg_converted *result, mseg_error *err);

#endif
