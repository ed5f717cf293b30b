#ifndef CLI_OUTPUTS_H
#define CLI_OUTPUTS_H

#include "cli/guard.h"
#include "cli/inputs.h"
#include "cli/mark.h"
#include "mseg.h"

enum { CLI_OUTPUTS_ALIKE = 2 }; /* pairs of such kinds: masks and overlays, scores and probabilities */

/* Where the files of a run go. NULL folders are not wanted. */
typedef struct cli_outputs {
    const char *masks, *overlays, *scores, *probabilities;
    const char *file;    /* the mask of the only input, instead of one in masks; NULL: none */
    bool keep_extension; /* a.jpg becomes a.jpg.png */
    double alpha;
    mseg_palette palette;
    char marks[CLI_MARK_KINDS][CLI_MARK_SIZE]; /* cli_mark_make's */
    bool skip_existing, overwrite;             /* not both */
    char *mirrored;                            /* the subfolder that was made last */
    size_t mirrored_length;
    char *ways[CLI_OUTPUTS_ALIKE][2]; /* from one folder into another, of kinds whose files have one name; "": none */
} cli_outputs;

/** Makes the folders, tries whether files can be made in them, removes what killed runs left. On failure *folder is the one that
 * cannot be used. */
mseg_status cli_outputs_open(const cli_outputs *outputs, const char **folder, mseg_error *err);

/** Makes the subfolders that the input's name asks for, unless they are those of the input before. Only that there is no
 * space for them is an error, MSEG_FULL, of which *err is set; other failures are left to the image that needs them. One thread
 * at a time. */
void cli_outputs_mirror(cli_outputs *outputs, const cli_input *input, mseg_error *err);

/** Whether all files of the inputs that are known will be different ones, also from those of --json and the like, which are in
 * guard; false after a line of error. The folders are there. */
bool cli_outputs_fit(cli_outputs *outputs, const cli_inputs *inputs, const cli_guard *guard);

/** The same of one input, behind cli_outputs_fit. MSEG_INVAL. */
mseg_status cli_outputs_check(const cli_outputs *outputs, const cli_input *input, const cli_guard *guard, mseg_error *err);

void cli_outputs_free(cli_outputs *outputs);

/** Where an image's file of that kind goes, to be freed; NULL when it is not wanted. MSEG_NOMEM. */
mseg_status cli_outputs_path(char **path, const cli_outputs *outputs, cli_mark_kind kind, const cli_input *input,
                             mseg_error *err);

typedef enum cli_outputs_plan {
    CLI_OUTPUTS_WRITE,
    CLI_OUTPUTS_DONE,      /* skip_existing: all files are there, whole and such as this run would write */
    CLI_OUTPUTS_LEFT_ALONE /* skip_existing: one of them was not written by mseg */
} cli_outputs_plan;

/* One image's files, and what is to become of them. */
typedef struct cli_outputs_job {
    const cli_outputs *outputs;
    const cli_guard *guard;
    const cli_input *input;
    cli_outputs_plan plan;
    uint64_t photo;               /* bytes of the input */
    bool replace[CLI_MARK_KINDS]; /* may be replaced; else nothing was there, and what comes to be there meanwhile stays */
} cli_outputs_job;

/** Looks what is there of an image's files, before it is read. MSEG_INVAL for a file that may not be replaced: mseg did not write
 * it, and neither overwrite nor skip_existing; or it is guarded. The text of an error names the file. Thread safe. */
mseg_status cli_outputs_look(cli_outputs_job *job, const cli_outputs *outputs, const cli_guard *guard, const cli_input *input,
                             mseg_error *err);

/** Writes what is wanted of one image's result, the session's last, with its mark; the mask last, so that where it is the others
 * are, too. Refuses to replace what is guarded. The text of an error names the file. */
mseg_status cli_outputs_write(const cli_outputs_job *job, mseg_view photo, mseg_session *session, const mseg_result *result,
                              mseg_error *err);

/* The same for a result that comes a few rows at a time: the mask, and the overlay if wanted. */
typedef struct cli_row_outputs {
    const cli_outputs_job *job;
    char *paths[2];
    mseg_row_writer *writers[2];
} cli_row_outputs;

/** Opens the files of a picture of that size; they appear when committed. job must outlive *rows. Errors as above. */
mseg_status cli_row_outputs_open(cli_row_outputs *rows, const cli_outputs_job *job, int width, int height, mseg_error *err);
mseg_status cli_row_outputs_put(cli_row_outputs *rows, const mseg_tile_rows *part, mseg_error *err);
mseg_status cli_row_outputs_commit(cli_row_outputs *rows, mseg_error *err);

/** Frees everything and throws away what was not committed; safe on an all-zero *rows. */
void cli_row_outputs_close(cli_row_outputs *rows);

#endif
