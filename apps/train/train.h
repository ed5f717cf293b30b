#ifndef CLI_TRAIN_H
#define CLI_TRAIN_H

#include "cli/options.h"
#include "eval/eval.h"
#include "mseg.h"
#include "train/history.h"

/* What the command line of mseg train asks for. Numbers that are -1, and 0 where none can be asked for, are not given. */
typedef struct cli_train_args {
    cli_eval_args data; /* what is the same as in eval: folders, lists, masks; photos, truth: --images, --masks */
    const char *val, *val_photos, *val_masks, *folders, *val_folders, *teacher;
    const char *model, *arch, *out, *html, *scales;
    double holdout; /* percent */
    double features, epochs, minutes, rate, momentum, weight_decay, warmup, average, checkpoint_every;
    int64_t size, batch, steps, seed, val_every, jobs;
    int os, freeze, precision, optimizer, schedule, norms, recipe; /* os: as cli_output_stride takes it; recipe 0: the paper's */
    bool no_flip, no_color, equal_classes, progressive, json, resume, overwrite, quiet;
} cli_train_args;

/** Nothing given. */
cli_train_args cli_train_defaults(void);

/* The options, fields of cli_train_args, and what --help says. */
extern const cli_usage cli_train_usage;
/* The values of --optimizer, in the order of mseg_optimizer, and of --schedule, in that of mseg_rate_schedule. */
extern const char *const cli_optimizers[], *const cli_schedules[];

/** Whether the options go together; false after a line of error. */
bool cli_train_check_args(const cli_train_args *args);

/** Fills in what the options say of a training with so many samples; the recipe's numbers where an option says nothing. False
 * after a line of error. */
bool cli_train_take(const cli_train_args *args, size_t samples, mseg_train_options *options);

/* ---- data -------------------------------------------------------------------------------------------------------------- */

typedef struct cli_train_samples {
    mseg_train_sample *items;
    size_t count, capacity;
} cli_train_samples;

/* All that is trained on and validated with. */
typedef struct cli_train_set {
    cli_train_samples train, validation;
    char **texts; /* that samples point to */
    size_t n_texts, text_capacity;
    char *classes[256]; /* of --folders, sorted; else none */
    int n_classes;
    size_t left_out; /* files that are no photo, lines of lists that are of no use; each has had its line */
    size_t held_out; /* of the photos that were found */
} cli_train_set;

/** Finds the samples; false after a line of error. */
bool cli_train_collect(cli_train_set *set, const cli_train_args *args);

/** The same of --folders. */
bool cli_train_collect_folders(cli_train_set *set, const cli_train_args *args);

/** Appends the photos of a folder; what cannot be one has its line. False after a line of error, which ends all. */
bool cli_train_add_folder(cli_train_set *set, cli_train_samples *samples, const char *folder, const cli_inputs_options *how,
                          int label);

void cli_train_set_free(cli_train_set *set);

/** Appends a sample, taking over the texts; false without memory. */
bool cli_train_add(cli_train_set *set, cli_train_samples *samples, char *photo, char *mask, int label);

/* ---- training ---------------------------------------------------------------------------------------------------------- */

typedef struct cli_train {
    const cli_train_args *args;
    const char *command; /* as typed */
    char *checkpoint;    /* the file's name */
    cli_train_set set;
    mseg_train_options options; /* as the training was opened with */
    mseg_mask_rules rules;
    mseg_palette palette;
    mseg_model_info network; /* of the model that is trained */
    mseg_model *model;
    mseg_pool *pool;
    mseg_training *training;
    cli_train_history history;
    mseg_counts *counts; /* of the last validation, with its score */
    mseg_score score;
    const char *only_class;      /* that it predicted, everywhere; NULL: more than one */
    bool line;                   /* the progress line is on the terminal */
    double drawn, began, saved;  /* by the clock, ms */
    double stepping, validating; /* what steps and validations took, ms */
    int64_t samples;             /* of these steps */
    int64_t saved_step;          /* that the checkpoint is of; -1: there is none */
    double peak_share;           /* of the peak of multiply-adds in floats, what the steps took; NaN: not known */
    bool failed;                 /* something is not as it should be, but training goes on */
} cli_train;

/** Trains, from where a checkpoint says, to the end or until a signal, and writes all that was asked for. Returns the exit
 * status, *signal: by which the program should end itself, else 0. */
int cli_train_run(cli_train *t, int *signal);

/** Validates, tells of it and rewrites the page; a signal meanwhile leaves history.due. Without photos for that only the page. */
void cli_train_validate(cli_train *t);

/** How many samples were not used, for whatever reason. */
int64_t cli_train_left_out(const cli_train *t);

/* ---- telling ----------------------------------------------------------------------------------------------------------- */

/** A note of the library, as its callback; context: the cli_train. */
void cli_train_note(void *context, mseg_train_severity severity, const char *file, const char *text);

/** What is going to be trained on what. */
void cli_train_say_start(const cli_train *t);

/** Draws the progress line when it is time, on a terminal alone. */
void cli_train_draw(cli_train *t);

/** Removes it, so that something else can be written. */
void cli_train_wipe(cli_train *t);

/** A line about the newest validation, or without validation about the loss. */
void cli_train_say_check(cli_train *t);

/** The table of the last validation, speed, time and what was written. */
void cli_train_say_end(cli_train *t, uint64_t bytes);

/** Samples a second of the steps that this run took, without validations; 0: none. */
double cli_train_rate(const cli_train *t);

/** Fills peak_share, in some 50 ms. */
void cli_train_measure_peak(cli_train *t);

/** A line of --json each; nothing without it. */
void cli_train_event_start(const cli_train *t);
void cli_train_event_step(const cli_train *t);
void cli_train_event_check(const cli_train *t);
/** text: the reason of "failed", the checkpoint of "stopped". */
void cli_train_event_end(const cli_train *t, const char *event, const char *text, uint64_t bytes);

/** Takes pictures of the validation for the page, the newest prediction of each. */
void cli_train_take_pictures(cli_train *t);

/** Rewrites the page of --html; nothing without it. False after a line of error. */
bool cli_train_write_page(cli_train *t);

#endif
