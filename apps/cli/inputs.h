#ifndef MSEG_APPS_INPUTS_H
#define MSEG_APPS_INPUTS_H

#include <sys/stat.h>

#include "cli/names.h"
#include "mseg.h"

/* Part index (from 1) of count: input number k (from 1) belongs to it when k = index modulo count. */
typedef struct mseg_shard {
    int index, count;
} mseg_shard;

/** Parses "I/N", 1 <= I <= N. */
bool mseg_shard_parse(mseg_shard *shard, const char *text);

/** Whether the k-th input (from 0) belongs to the shard. */
bool mseg_shard_has(mseg_shard shard, uint64_t k);

/* One image to work on, or one input of which is known already that it cannot be one. */
typedef struct mseg_input {
    char *path;
    char *error; /* NULL, or why it cannot be used */
    size_t name; /* where in path the name starts that outputs are called by: "sub/photo.jpg" */
} mseg_input;

typedef struct mseg_inputs {
    mseg_input *items;
    size_t count, capacity;
    uint64_t *files; /* fingerprints of all image files, those of other shards too, sorted */
    size_t n_files, file_capacity;
    uint64_t foreign;       /* images in the folders that are not taken, being of kinds that are not read */
    uint32_t foreign_kinds; /* bit k: mseg_foreign_kind k was among them */
} mseg_inputs;

typedef struct mseg_inputs_options {
    bool recursive;
    mseg_shard shard;
    bool masks;         /* of folders only .png files */
    const char *suffix; /* ... and only files whose names, without the extension, end in the first suffix_length bytes of this */
    int suffix_length;
    bool null;           /* the list on stdin is separated by zero bytes whatever it looks like */
    const char *clash;   /* what an input is told whose name, without its extension, another one has: "would write the same output
                          * as"; NULL: that does not matter, and a path may be given twice */
    const char *skip[4]; /* folders (of outputs) that a descent leaves out; NULL entries are fine */
} mseg_inputs_options;

/** Lists the inputs: files as they are, folders' images (MSEG_IMAGE_EXTENSIONS in any case, names not starting with a dot) sorted
 * by name, "-" for a list on stdin (lines.h), one path a line; of a line "image mask" that is no path itself the image. Inputs
 * with the name of an earlier one, that are missing, not regular files, or folders without images become entries with an error. A
 * descent leaves out folders called mseg-out. Only the shard's entries are kept. MSEG_NOMEM, or another error when stdin cannot
 * be read or is no list. */
mseg_status mseg_inputs_collect(mseg_inputs *inputs, char *const *paths, int count, const mseg_inputs_options *options,
                                mseg_error *err);

void mseg_inputs_free(mseg_inputs *inputs);

/** Tells files apart whatever their path; never 0. */
uint64_t mseg_fingerprint(const struct stat *info);

/** Whether a file (of an output about to be replaced) is one of the images. */
bool mseg_inputs_hold(const mseg_inputs *inputs, uint64_t fingerprint);

/** A line about the images that were passed over; nothing when there are none. */
void mseg_inputs_say_foreign(const mseg_inputs *inputs);

#endif
