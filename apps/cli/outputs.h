#ifndef MSEG_APPS_OUTPUTS_H
#define MSEG_APPS_OUTPUTS_H

#include "cli/guard.h"
#include "cli/inputs.h"
#include "mseg.h"

/* Where the files of a run go. NULL folders are not wanted. */
typedef struct mseg_outputs {
    const char *masks, *overlays, *scores, *probabilities;
    double alpha;
    mseg_palette palette;
} mseg_outputs;

/** Makes the folders, tries whether files can be made in them, removes what killed runs left. On failure *folder is the one that
 * cannot be used. */
mseg_status mseg_outputs_open(const mseg_outputs *outputs, const char **folder, mseg_error *err);

/** Makes the subfolders that the inputs' names ask for. Failing is left to the images that need them. */
void mseg_outputs_mirror(const mseg_outputs *outputs, const mseg_inputs *inputs);

/** Whether all files of the run will be different ones, also from those of --json and the like, which are in guard; false after a
 * line of error. The folders are there. */
bool mseg_outputs_fit(const mseg_outputs *outputs, const mseg_inputs *inputs, const mseg_guard *guard);

/** FOLDER/STEM.EXTENSION for an input, to be freed; NULL when memory runs out. */
char *mseg_output_path(const char *folder, const mseg_input *input, const char *extension);

/** Writes what is wanted of one image's result, the session's last. Refuses to replace what is guarded. The text of an error
 * names the file. */
mseg_status mseg_outputs_write(const mseg_outputs *outputs, const mseg_guard *guard, const mseg_input *input,
                               const mseg_image *photo, mseg_session *session, const mseg_result *result, mseg_error *err);

/* The same for a result that comes a few rows at a time: the mask, and the overlay if wanted. */
typedef struct mseg_row_outputs {
    const mseg_outputs *outputs;
    char *paths[2];
    mseg_row_writer *writers[2];
} mseg_row_outputs;

/** Opens the files of a picture of that size; they appear when committed. Errors as above. */
mseg_status mseg_row_outputs_open(mseg_row_outputs *rows, const mseg_outputs *outputs, const mseg_guard *guard,
                                  const mseg_input *input, int width, int height, mseg_error *err);
mseg_status mseg_row_outputs_put(mseg_row_outputs *rows, const mseg_tile_rows *part, mseg_error *err);
mseg_status mseg_row_outputs_commit(mseg_row_outputs *rows, mseg_error *err);

/** Frees everything and throws away what was not committed; safe on an all-zero *rows. */
void mseg_row_outputs_close(mseg_row_outputs *rows);

#endif
