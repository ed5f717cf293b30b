#ifndef CLI_MODEL_H
#define CLI_MODEL_H

#include "base/json.h"
#include "mseg.h"

/* The model that is run when none is named. */
#define CLI_DEFAULT_MODEL "deeplabv3_mnv2_pascal_quant.tflite"

/** The path of the model called name (a file, or a name in the model folders; NULL: $MSEG_MODEL or the default), to be freed;
 * "builtin" for the one in the program, which also stands in for a default that is not there. NULL after saying in one line how
 * to get one. */
char *cli_model_find(const char *name);

/** The defaults, with the kernel set that $MSEG_CPU names. */
void cli_model_options(mseg_model_options *options);

/** Finds and opens the model called name as above; false after one line of error. */
bool cli_model_load(mseg_model **model, const char *name, const mseg_model_options *options);

/** One line on stderr when the built-in model was run although nobody asked for it (name as above): how good it is and how to get
 * the better one, and a hint when it was run in a way that does not suit it. run: how, or NULL. */
void cli_model_say_fallback(const mseg_model *model, const char *name, const mseg_run_options *run);

/** "model": its name, "model_sha256": its file's checksum or null, and "precision": what it runs in, for lines and pages of JSON.
 */
void cli_model_add_json(mseg_json *object, const mseg_model *model);

#endif
