#ifndef CLI_OUTPUTS_H
#define CLI_OUTPUTS_H

#include "cli/guard.h"
#include "cli/inputs.h"
#include "mseg.h"

/* Where the files of a run go. NULL folders are not wanted. */
typedef struct cli_outputs {
    const char *masks, *overlays, *scores, *probabilities;
    double alpha;
    mseg_palette palette;
} cli_outputs;

/** Makes the folders, tries whether files can be made in them, removes what killed runs left. On failure *folder is the one that
 * cannot be used. */
mseg_status cli_outputs_open(const cli_outputs *outputs, const char **folder, mseg_error *err);

/** Makes the subfolders that the inputs' names ask for. Failing is left to the images that need them. */
void cli_outputs_mirror(const cli_outputs *outputs, const cli_inputs *inputs);

/** Whether all files of the run will be different ones, also from those of --json and the like, which are in guard; false after a
 * line of error. The folders are there. */
bool cli_outputs_fit(const cli_outputs *outputs, const cli_inputs *inputs, const cli_guard *guard);

/** Writes what is wanted of one image's result, the session's last. Refuses to replace what is guarded. The text of an error
 * names the file. */
mseg_status cli_outputs_write(const cli_outputs *outputs, const cli_guard *guard, const cli_input *input, mseg_view photo,
                              mseg_session *session, const mseg_result *result, mseg_error *err);

/* The same for a result that comes a few rows at a time: the mask, and the overlay if wanted. */
typedef struct cli_row_outputs {
    const cli_outputs *outputs;
    char *paths[2];
    mseg_row_writer *writers[2];
} cli_row_outputs;

/** Opens the files of a picture of that size; they appear when committed. Errors as above. */
mseg_status cli_row_outputs_open(cli_row_outputs *rows, const cli_outputs *outputs, const cli_guard *guard,
                                 const cli_input *input, int width, int height, mseg_error *err);
mseg_status cli_row_outputs_put(cli_row_outputs *rows, const mseg_tile_rows *part, mseg_error *err);
mseg_status cli_row_outputs_commit(cli_row_outputs *rows, mseg_error *err);

/** Frees everything and throws away what was not committed; safe on an all-zero *rows. */
void cli_row_outputs_close(cli_row_outputs *rows);

#endif
