#ifndef MSEG_APPS_EVAL_H
#define MSEG_APPS_EVAL_H

#include "inputs.h"
#include "mseg.h"
#include "network.h"

enum { MSEG_IGNORE_DEFAULT = -2 };
enum { MSEG_MISSING_ERROR, MSEG_MISSING_IGNORE, MSEG_MISSING_BACKGROUND };

typedef struct mseg_eval_args {
    mseg_network_args network;
    const char *truth, *predictions, *photos, *voc, *split, *list;
    const char *classes, *map, *prediction_map, *average, *shard;
    const char *json, *csv, *html, *save_counts;
    int64_t ignore; /* MSEG_IGNORE_DEFAULT: 255, unless that is a class */
    int missing, unknown_color, read_masks;
    bool merge, recursive, quiet, verbose;
} mseg_eval_args;

/* An image to score. */
typedef struct mseg_eval_item {
    char *id;      /* its file's name without the extension, below the folders of truth, predictions and photos */
    char *mistake; /* NULL, or a line to print: why the item is not scored */
    mseg_problem problem;
    uint64_t line; /* of the list, from 1 */
} mseg_eval_item;

typedef struct mseg_eval_list {
    mseg_eval_item *items;
    size_t count, capacity;
    uint64_t blank_lines, crlf_lines;
} mseg_eval_list;

/** Reads a list (a file, a pipe, "-" for stdin) of ids, one a line, once; keeps the shard's lines. Repeated lines become items
 * with a mistake. */
mseg_status mseg_eval_list_read(mseg_eval_list *list, const char *path, mseg_shard shard, mseg_error *err);

/** The PNG files of a folder. */
mseg_status mseg_eval_list_folder(mseg_eval_list *list, const char *folder, bool recursive, mseg_shard shard, mseg_error *err);

void mseg_eval_list_free(mseg_eval_list *list);

/* All that scoring one image needs. */
typedef struct mseg_eval_source {
    const char *truth, *predictions, *photos; /* folders; predictions NULL: run the model; photos may be NULL otherwise */
    mseg_mask_rules truth_rules, prediction_rules;
    mseg_run_options run;
    mseg_limits limits;
    mseg_orientation orientation;
    int missing;
} mseg_eval_source;

typedef struct mseg_eval_tally {
    bool missing; /* no prediction */
    uint64_t unknown_pixels;
} mseg_eval_tally;

/** Loads ground truth and prediction of an image; session: for running the model. The text of an error names the file. A missing
 * prediction is MSEG_NOENT with tally->missing set unless it counts as background. */
mseg_status mseg_eval_load(const mseg_eval_source *source, mseg_session *session, const char *id, mseg_image *truth,
                           mseg_image *prediction, mseg_eval_tally *tally, mseg_error *err);

/** The photo of an image; MSEG_NOENT when there is none. */
mseg_status mseg_eval_load_photo(const mseg_eval_source *source, const char *id, mseg_image *photo, mseg_error *err);

/** Scores the items on jobs threads into *counts (opened here). model: NULL when masks are scored. The sessions, for pictures
 * later, are *sessions[0 .. n - 1]. False after a line of error. */
bool mseg_eval_score(const mseg_eval_args *args, const mseg_eval_source *source, const mseg_eval_list *list, mseg_pool *pool,
                     mseg_session **sessions, int n_sessions, const mseg_model *model, const char *settings,
                     mseg_counts **counts);

/** The classes of the means, by id, that a list of --average names (NULL: all of them); false after a line of error. */
bool mseg_eval_average(const char *list, const mseg_counts *counts, bool average[256]);

/** Whether the files asked for can be written; false after a line of error. */
bool mseg_eval_try_outputs(const mseg_eval_args *args);

/** Prints the table and writes the files asked for; false after a line of error. */
bool mseg_eval_report(const mseg_eval_args *args, const mseg_report *report);

#endif
