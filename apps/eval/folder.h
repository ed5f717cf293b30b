#ifndef CLI_EVAL_FOLDER_H
#define CLI_EVAL_FOLDER_H

#include "mseg.h"

/* A folder of masks or photos. The file of an image is called by its id (which may hold folders, "town/x"), a suffix that all of
 * them have, and an extension. */
typedef struct cli_eval_folder {
    const char *path;   /* NULL: there is none */
    const char *suffix; /* its first suffix_length bytes; may be NULL */
    int suffix_length;
    bool photos; /* any kind that is read, else masks: PNG */
    char **ids;  /* with -r: those of all files, sorted by their bytes from the last to the first; else NULL */
    size_t count;
} cli_eval_folder;

/** *folder becomes that of a path and a suffix (both kept by the caller, both may be NULL). An image's extension behind the
 * suffix does not belong to it. */
void cli_eval_folder_init(cli_eval_folder *folder, const char *path, const char *suffix, bool photos);

/** Finds all files of the folder and its subfolders, so that the names below need not agree in their folders. MSEG_NOMEM. */
mseg_status cli_eval_folder_index(cli_eval_folder *folder, mseg_error *err);

void cli_eval_folder_free(cli_eval_folder *folder);

/** The path of id's file, to be freed, its extension in any case; *there is false when there is none, and the path is then that
 * of the first extension. NULL without memory. */
char *cli_eval_folder_path(const cli_eval_folder *folder, const char *id, bool *there);

/** The same for an id of truth in another folder. When both are indexed, "town/x" also means x and the other way round, if only
 * one file is meant so and it has no image of truth of its own. MSEG_MISMATCH when two files are, or when the file is as well
 * that of another image of truth; MSEG_NOMEM. *path is NULL on failure. */
mseg_status cli_eval_find(const cli_eval_folder *folder, const cli_eval_folder *truth, const char *id, char **path, bool *there,
                          mseg_error *err);

/** The id of the image of truth that name (a path or an id, without extension) means, to be freed: what of its path lies below
 * the folder, with or without one of the n folders' suffixes. *found is false when there is no such file. MSEG_MISMATCH when two
 * files of subfolders are meant (*id is name then); MSEG_NOMEM. */
mseg_status cli_eval_resolve(const cli_eval_folder *truth, const cli_eval_folder *const *others, int n, const char *name,
                             char **id, bool *found, mseg_error *err);

/** Whether the folder has a file (a name with its extension) or a folder of this name. */
bool cli_eval_has(const cli_eval_folder *folder, const char *file);

#endif
