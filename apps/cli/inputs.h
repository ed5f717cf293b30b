#ifndef CLI_INPUTS_H
#define CLI_INPUTS_H

#include <sys/stat.h>

#include "cli/names.h"
#include "cli/shard.h"
#include "mseg.h"

/* One image to work on, or one input of which is known already that it cannot be one. */
typedef struct cli_input {
    char *path;
    char *error; /* NULL, or why it cannot be used */
    size_t name; /* where in path the name starts that outputs are called by: "sub/photo.jpg" */
    void *bytes; /* NULL: in the file at path; else the image that came on standard input, called "stdin" */
    size_t size;
} cli_input;

typedef struct cli_inputs {
    cli_input *items;
    size_t count, capacity;
    uint64_t *files; /* fingerprints of all image files, those of other shards too, sorted */
    size_t n_files, file_capacity;
    uint64_t foreign[CLI_FOREIGN_KINDS]; /* images in the folders that are not taken, by kind (names.h) */
    bool picture;                        /* what came on standard input is an image */
    struct cli_list *list;               /* what is still to come from standard input; NULL: nothing */
} cli_inputs;

typedef struct cli_inputs_options {
    bool recursive;
    cli_shard shard;
    bool masks;         /* of folders only .png files */
    const char *suffix; /* ... and only files whose names, without the extension, end in the first suffix_length bytes of this */
    int suffix_length;
    bool null;           /* the list on stdin is separated by zero bytes whatever it looks like */
    const char *clash;   /* what an input is told whose name, without its extension, another one has: "would write the same output
                          * as"; NULL: that does not matter, and a path may be given twice */
    bool keep_extension; /* ... whose name with its extension another one has */
    const char *root;    /* names of outputs are the paths below this folder; NULL: below the folders that are named */
    const char *skip[4]; /* folders (of outputs) that a descent leaves out; NULL entries are fine */
} cli_inputs_options;

/** Lists the inputs: files as they are, folders' images (CLI_IMAGE_EXTENSIONS in any case, names not starting with a dot) sorted
 * by name, "-" for a list on stdin (lines.h), one path a line; of a line "image mask" that is no path itself the image. Inputs
 * with the name of an earlier one, that are missing, not regular files, or folders without images become entries with an error. A
 * descent leaves out folders called mseg-out. Only the shard's entries are kept. MSEG_NOMEM, or another error when stdin cannot
 * be read or is no list. */
mseg_status cli_inputs_collect(cli_inputs *inputs, char *const *paths, int count, const cli_inputs_options *options,
                               mseg_error *err);

/** The same for a batch of any length: only files and folders are listed, those of all shards, and what "-" stands for comes
 * behind them by cli_inputs_next, a list line by line as it grows, an image as itself. options are kept by the caller. */
mseg_status cli_inputs_open(cli_inputs *inputs, char *const *paths, int count, const cli_inputs_options *options,
                            mseg_error *err);

/** The next input of the shard, which belongs to the caller from then on; *input all zero at the end. Waits for the list, until a
 * signal comes (stop.h): MSEG_CANCELLED. Other errors as of cli_inputs_collect. One thread at a time. */
mseg_status cli_inputs_next(cli_inputs *inputs, cli_input *input, mseg_error *err);

/** How many inputs of the shard there are. Of a list that is still open only those that can be told without waiting, and no more
 * of it than gives most: then *all is false. Errors as of cli_inputs_next. */
mseg_status cli_inputs_look_ahead(cli_inputs *inputs, size_t most, size_t *count, bool *all, mseg_error *err);

/** How much of a list in a file has been read, 0 to 1; 0 when that is not known. */
double cli_inputs_share_read(const cli_inputs *inputs);

void cli_input_free(cli_input *input);
void cli_inputs_free(cli_inputs *inputs);

/** Tells files apart whatever their path; never 0. */
uint64_t cli_fingerprint(const struct stat *info);

/** Whether a file (of an output about to be replaced) is one of the images. */
bool cli_inputs_hold(const cli_inputs *inputs, uint64_t fingerprint);

/** A line about the images that were passed over; nothing when there are none. */
void cli_inputs_say_foreign(const cli_inputs *inputs);

#endif
