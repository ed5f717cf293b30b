#ifndef CLI_NAMES_H
#define CLI_NAMES_H

#include <stdbool.h>
#include <stddef.h>

/* Extensions that images have, for texts. */
#define CLI_IMAGE_EXTENSIONS ".png .jpg .jpeg .jfif .jpe .webp .tif .tiff"

/** Length of an image's name without its extension (those above in any case; others belong to the name). */
int cli_stem_length(const char *name);

/** Length of the end of a name that may have an image's extension, without it: 5 for "_gray.png", 0 for ".png". */
int cli_suffix_length(const char *suffix);

/** What stands behind the last slash. */
const char *cli_base_name(const char *path);

/** The end of a path, at most that many bytes of it; *dots: "..." when something is left out in front of it, else "". */
const char *cli_path_tail(const char *path, size_t most, const char **dots);

/** Whether a name is that of a mask: .png in any case. */
bool cli_is_mask_name(const char *name);

/* How many kinds of images that are not read are known, at most. */
enum { CLI_FOREIGN_KINDS = 64 };

/** The number of the kind of image, below CLI_FOREIGN_KINDS, that a name says and that is not read (.heic, .bmp ...); -1: none.
 */
int cli_foreign_kind(const char *name);

/** That kind's extension. */
const char *cli_foreign_extension(int kind);

/** Whether path lies below the folder root, as both are written: links are not looked at, and no part of the rest may be "..".
 * *name: where in path what is below starts. */
bool cli_name_below(const char *root, const char *path, size_t *name);

/** Cuts the line "image mask" of two file names with blanks between, as other tools' lists have it, behind the image. Returns the
 * mask, NULL when the line is no such pair. */
char *cli_split_pair(char *line);

#endif
