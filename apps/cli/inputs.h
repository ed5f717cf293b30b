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
} cli_input;

typedef struct cli_inputs {
    cli_input *items;
    size_t count, capacity;
    uint64_t *files; /* fingerprints of all image files, those of other shards too, sorted */
    size_t n_files, file_capacity;
    uint64_t foreign;       /* images in the folders that are not taken, being of kinds that are not read */
    uint32_t foreign_kinds; /* bit k: cli_foreign_kind k was among them */
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
    const char *skip[4]; /* folders (of outputs) that a descent leaves out; NULL entries are fine */
} cli_inputs_options;

/** Lists the inputs: files as they are, folders' images (CLI_IMAGE_EXTENSIONS in any case, names not starting with a dot) sorted
 * by name, "-" for a list on stdin (lines.h), one path a line; of a line "image mask" that is no path itself the image. Inputs
 * with the name of an earlier one, that are missing, not regular files, or folders without images become entries with an error. A
 * descent leaves out folders called mseg-out. Only the shard's entries are kept. MSEG_NOMEM, or another error when stdin cannot
 * be read or is no list. */
mseg_status cli_inputs_collect(cli_inputs *inputs, char *const *paths, int count, const cli_inputs_options *options,
                               mseg_error *err);

void cli_inputs_free(cli_inputs *inputs);

/** Tells files apart whatever their path; never 0. */
uint64_t cli_fingerprint(const struct stat *info);

/** Whether a file (of an output about to be replaced) is one of the images. */
bool cli_inputs_hold(const cli_inputs *inputs, uint64_t fingerprint);

/** A line about the images that were passed over; nothing when there are none. */
void cli_inputs_say_foreign(const cli_inputs *inputs);

#endif
