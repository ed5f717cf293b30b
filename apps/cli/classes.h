#ifndef CLI_CLASSES_H
#define CLI_CLASSES_H

#include "mseg.h"

/** What the classes are taken from when lines name it: given, the value of --classes; NULL: "the model's own" when the model's
 * file names them, else "voc". model: NULL when none is run. */
const char *cli_classes_source(const char *given, const mseg_model *model);

/** Loads the classes from there, to be freed with mseg_palette_free; false after a line of error. */
bool cli_classes_load(mseg_palette *palette, const char *given, const mseg_model *model);

#endif
