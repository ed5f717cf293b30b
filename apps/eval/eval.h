#ifndef CLI_EVAL_H
#define CLI_EVAL_H

#include "cli/guard.h"
#include "cli/inputs.h"
#include "cli/network.h"
#include "eval/folder.h"
#include "mseg.h"

enum { CLI_IGNORE_DEFAULT = -2 };
enum { CLI_MISSING_ERROR, CLI_MISSING_IGNORE, CLI_MISSING_BACKGROUND };

typedef struct cli_eval_args {
    cli_network_args network;
    const char *truth, *predictions, *photos, *voc, *split, *list;
    const char *truth_suffix, *prediction_suffix, *photo_suffix;
    const char *classes, *map, *prediction_map, *average, *shard;
    const char *json, *csv, *html, *save_counts;
    int64_t ignore;        /* CLI_IGNORE_DEFAULT: 255, unless that is a class */
    int64_t samples, seed; /* of compare; -1: not given */
    int missing, unknown_color, read_masks;
    int orientation; /* mseg_orientation; -1: that of the data set */
    bool merge, compare, recursive, null, quiet, verbose, photos_given, truth_given, reduce_zero_label;
} cli_eval_args;

/** Fills *err with status and "path: why" (the end of a long path, so that the reason has room) and returns status. */
mseg_status cli_eval_named(const char *path, mseg_status status, const mseg_error *why, mseg_error *err);

/* The options, fields of cli_eval_args, and what --help says. */
extern const cli_usage cli_eval_usage;

/* What masks hold and how they are read, of every command that takes masks: fields of cli_eval_args. */
extern const cli_option cli_eval_label_options[];
/* The values of --unknown-color and --read-masks. */
extern const char *const cli_eval_unknown_choices[], *const cli_eval_read_choices[];

/** What --ignore stands for when it is not given: 255. False after a line of error, when that is a class. */
bool cli_eval_choose_ignore(const char *command, cli_eval_args *args, const mseg_palette *classes);

/** The rules of the options: map NULL, the one of reduce (0 ignored, the others one less) or none. False after a line of error.
 */
bool cli_eval_load_rules(mseg_mask_rules *rules, const char *map, bool reduce, const mseg_palette *palette,
                         const cli_eval_args *args);

/** Whether the options about masks go together; false after a line of error. */
bool cli_eval_check_rules(const char *command, const cli_eval_args *args);

/** Whether the options go together; false after a line of error. */
bool cli_eval_check(const cli_eval_args *args, int operands, char **argv);

/* All that scoring one image needs. */
typedef struct cli_eval_source {
    cli_eval_folder truth, predictions, photos; /* no predictions: run the model; photos may be none otherwise */
    mseg_mask_rules truth_rules, prediction_rules;
    mseg_run_options run;
    mseg_limits limits;
    mseg_orientation orientation;
    int missing;
} cli_eval_source;

/** What decides the figures, one "name: value" a line: merged counts must agree in it. To be freed; NULL when memory runs out.
 * model: NULL when masks are scored. */
char *cli_eval_settings(const cli_eval_args *args, const cli_eval_source *source, const mseg_model *model);

/** Sets the folders of *source. */
void cli_eval_source_name(cli_eval_source *source, const cli_eval_args *args);

/** With -r: finds all files of the folders. False after a line of error. */
bool cli_eval_source_index(cli_eval_source *source, const cli_eval_args *args);

/** Frees what the two made. */
void cli_eval_source_free(cli_eval_source *source);

/* An image to score. */
typedef struct cli_eval_item {
    char *id;      /* its file's name without the extension, below the folders of truth, predictions and photos */
    char *mistake; /* NULL, or a line to print: why the item is not scored */
    mseg_problem problem;
    uint64_t line; /* of the list, from 1 */
} cli_eval_item;

typedef struct cli_eval_list {
    cli_eval_item *items;
    size_t count, capacity;
    uint64_t blank_lines, crlf_lines;
    uint64_t negative_lines; /* "id -1", as VOC's lists of one class have them */
    char *mask_folder;       /* of the first line "image mask": where its mask is; NULL: none */
} cli_eval_list;

/** Reads a list (a file, a pipe, "-" for stdin; null: as cli_lines_open), once; keeps the shard's lines. A line is an id, a path
 * of an image or mask (cli_eval_resolve), two paths "image mask" or an id and 1, 0 or -1, which is not looked at. Repeated
 * lines, names that two files have and pairs of different names become items with a mistake. */
mseg_status cli_eval_list_read(cli_eval_list *list, const cli_eval_source *source, const char *path, bool null, cli_shard shard,
                               mseg_error *err);

/** The masks of a folder: PNG files of its suffix. */
mseg_status cli_eval_list_folder(cli_eval_list *list, const cli_eval_folder *folder, bool recursive, cli_shard shard,
                                 mseg_error *err);

/** Lines about what is odd in a list; false after one of error, when it names other masks of --voc than those that are read. */
bool cli_eval_list_check(const cli_eval_list *list, const cli_eval_args *args);

void cli_eval_list_free(cli_eval_list *list);

typedef struct cli_eval_tally {
    bool missing; /* no prediction */
    uint64_t unknown_pixels;
} cli_eval_tally;

/** Whether the folders that were named are there; false after a line of error. */
bool cli_eval_check_folders(const cli_eval_args *args, const cli_eval_source *source);

/** Loads ground truth and prediction of an image; session: for running the model. The text of an error names the file. A missing
 * prediction is MSEG_NOENT with tally->missing set unless it counts as background. */
mseg_status cli_eval_load(const cli_eval_source *source, mseg_session *session, const char *id, mseg_image *truth,
                          mseg_image *prediction, cli_eval_tally *tally, mseg_error *err);

/** The photo of an image; MSEG_NOENT when there is none. */
mseg_status cli_eval_load_photo(const cli_eval_source *source, const char *id, mseg_image *photo, mseg_error *err);

/** Scores the items on jobs threads into *counts (opened here). model: NULL when masks are scored. The sessions, for pictures
 * later, are *sessions[0 .. n - 1]. False after a line of error. */
bool cli_eval_score(const cli_eval_args *args, const cli_eval_source *source, const cli_eval_list *list, mseg_pool *pool,
                    mseg_session **sessions, int n_sessions, const mseg_model *model, const char *settings, mseg_counts **counts);

/** Whether each output is a file of its own and none that is read; false after a line of error. guard: has the model and the
 * counts to merge already. images becomes what the folders hold when one of the outputs is there already (who could replace one
 * of them). */
bool cli_eval_guard(cli_guard *guard, cli_inputs *images, const cli_eval_args *args);

/** The names of the classes of counts, as cli_eval_average takes them; they live as long as counts. */
void cli_eval_class_names(const char *names[256], const mseg_counts *counts);

/** The classes of the means, by id, that a list of --average names (NULL: all of them); false after a line of error. names: of
 * the classes by id, NULL for what is no class. */
bool cli_eval_average(const char *list, const char *const names[256], bool average[256]);

/** Whether the files asked for can be written; false after a line of error. */
bool cli_eval_try_outputs(const cli_eval_args *args);

/** Prints the table and writes the files asked for, but for the counts; false after a line of error for each that failed. */
bool cli_eval_report(const cli_eval_args *args, const mseg_report *report);

typedef mseg_status (*cli_eval_write_fn)(FILE *file, const void *report, mseg_error *err);

/** Writes the file of an output option (path NULL: none); false after a line of error. */
bool cli_eval_write(const char *path, cli_eval_write_fn write, const void *report);

/** Whether the terminal takes UTF-8, as the locale says. */
bool cli_eval_utf8(void);

/** Whether standard output is for the table. */
bool cli_eval_shows_table(const cli_eval_args *args);

/** mseg eval --compare: the two counts files paths[n]. command: as typed. Returns the exit status. */
int cli_eval_compare(const cli_eval_args *args, const char *command, char *const *paths, int n);

typedef struct cli_eval_voc_score {
    double miou;
    uint64_t images;
} cli_eval_voc_score;

/** What 'mseg eval --voc FOLDER --split SPLIT' (NULL: val) without other options makes of a model; false after a line of error.
 */
bool cli_eval_voc(cli_eval_voc_score *score, const char *folder, const char *split, mseg_model *model, mseg_pool *pool);

#endif
