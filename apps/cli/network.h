#ifndef CLI_NETWORK_H
#define CLI_NETWORK_H

#include "cli/entry.h"
#include "cli/options.h"
#include "mseg.h"

/* What commands that run a network have in common. */
typedef struct cli_network_args {
    const char *model;  /* file or name; NULL: $MSEG_MODEL or the default model */
    int os;             /* index into 8, 16, 32; -1: the model file's own */
    int64_t size;       /* canvas side; 0: see cli_canvas_side */
    int resize, pad;    /* mseg_resize, mseg_pad */
    int64_t jobs;       /* as cli_threads_open takes it */
    int64_t max_pixels; /* of an image; 0: the library's limit */
    const char *scales; /* "0.5,1,1.5" or NULL */
    bool flip, mf;
    cli_entry_args entry;
    int precision; /* mseg_precision */
} cli_network_args;

/* --model --mean --std --precision --os --size --resize --pad --scales --flip --mf -j --max-pixels, fields of cli_network_args.
 */
extern const cli_option cli_network_options[];
/* The values of --resize, in the order of mseg_resize. */
extern const char *const cli_resizes[];
/* The values of --os. */
extern const char *const cli_output_strides[];

/* The values of --precision, in the order of mseg_precision, and its help. */
extern const char *const cli_precisions[];
#define CLI_PRECISION_HELP                                                                                                       \
    "auto (default): quantised files in integers, as TensorFlow Lite runs them, others in float; float: all in float; int8: in " \
    "integers or not at all"

/* The values of --orientation, in the order of mseg_orientation, and its help. */
extern const char *const cli_orientations[];
#define CLI_ORIENTATION_HELP                                                                                                     \
    "EXIF orientation of photos: apply (default) turns them, ignore leaves them as stored; masks are never turned"

/** The model's own output stride and size, fit, square. */
cli_network_args cli_network_defaults(void);

/** The output stride that an index stands for, 0 for -1. */
int cli_output_stride(int os);

/** Whether an image is run more than once: then threads work inside the image, one image at a time. */
bool cli_network_repeats(const cli_network_args *args);

/** What --max-pixels asks for. */
mseg_limits cli_network_limits(const cli_network_args *args);

/** Whether size, the value of --option, is k * output stride + 1, for models without aligned corners k * output stride; if not,
 * says so in one line on behalf of command. */
bool cli_size_fits(const char *command, const char *option, int64_t size, const mseg_model_info *model);

/** The side of the model's own canvas, 0 when that is not square or not known. */
int cli_own_side(const mseg_model_info *model);

/** The canvas side when none was asked for: the model's own, else 513 (without aligned corners 512), of a classifier 224. With
 * resize none, the VOC protocol, always 513 or 512. */
int cli_canvas_side(const mseg_model_info *model, int resize);

/** Finds and opens the model and fills *run (may be NULL); false after one line of error (exit status 2). */
bool cli_network_open(const char *command, const cli_network_args *args, mseg_model **model, mseg_run_options *run);

#endif
