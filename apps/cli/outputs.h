#ifndef CLI_OUTPUTS_H
#define CLI_OUTPUTS_H

#include "cli/guard.h"
#include "cli/inputs.h"
#include "mseg.h"

/* Where the files of a run go. NULL folders are not wanted. */
typedef struct cli_outputs {
    const char *masks, *overlays, *scores, *probabilities;
    const char *file;    /* the mask of the only input, instead of one in masks; NULL: none */
    bool keep_extension; /* a.jpg becomes a.jpg.png */
    double alpha;
    mseg_palette palette;
    char *mirrored; /* the subfolder that was made last */
    size_t mirrored_length;
} cli_outputs;

/** Makes the folders, tries whether files can be made in them, removes what killed runs left. On failure *folder is the one that
 * cannot be used. */
mseg_status cli_outputs_open(const cli_outputs *outputs, const char **folder, mseg_error *err);

/** Where the mask of an input goes, to be freed; NULL when memory runs out. */
char *cli_outputs_mask_path(const cli_outputs *outputs, const cli_input *input);

/** Makes the subfolders that the input's name asks for, unless they are those of the input before. Failing is left to the image
 * that needs them. One thread at a time. */
void cli_outputs_mirror(cli_outputs *outputs, const cli_input *input);

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
