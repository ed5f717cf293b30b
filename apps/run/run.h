#ifndef CLI_RUN_H
#define CLI_RUN_H

#include <pthread.h>
#include <stdatomic.h>

#include "cli/guard.h"
#include "cli/inputs.h"
#include "cli/network.h"
#include "cli/outputs.h"
#include "cli/progress.h"
#include "cli/sequence.h"
#include "cli/tally.h"
#include "mseg.h"
#include "run/journal.h"

/* What the command line of mseg run asks for. */
typedef struct cli_run_args {
    cli_network_args network;
    const char *masks, *overlays, *scores, *probabilities, *palette, *json, *shard;
    double alpha;
    int orientation;       /* mseg_orientation */
    int64_t tile, overlap; /* 0: not in tiles; -1: the library's overlap */
    const char *root;
    bool recursive, null, quiet, verbose, keep_extension, skip_existing, overwrite, fail_fast, dry_run;
} cli_run_args;

/* Milliseconds by stage. */
typedef struct cli_run_times {
    double decode, resize, network, label, write;
} cli_run_times;

/* What became of an input. */
typedef enum cli_run_fate {
    CLI_RUN_DONE,
    CLI_RUN_SKIPPED, /* --skip-existing: it was done already */
    CLI_RUN_LEFT,    /* --skip-existing: what stands in its output's place is not from mseg */
    CLI_RUN_FAILED,
    CLI_RUN_NOT_DONE, /* no space left for it */
    CLI_RUN_FATES
} cli_run_fate;

/* Why a run ended. */
typedef enum cli_run_end {
    CLI_RUN_WHOLE,   /* all inputs were begun */
    CLI_RUN_SIGNAL,  /* stop.h */
    CLI_RUN_FAILURE, /* --fail-fast */
    CLI_RUN_FULL,    /* no space left */
    CLI_RUN_NO_JSON, /* --json cannot be written for another reason */
    CLI_RUN_NO_LIST  /* the rest of the list cannot be read */
} cli_run_end;

typedef struct cli_run_batch {
    const cli_run_args *args;
    mseg_run_options run;
    mseg_limits limits;
    cli_outputs outputs;
    char *keys[256]; /* of the classes, in JSON */
    cli_inputs_options how;
    cli_inputs inputs;
    pthread_mutex_t feed; /* who takes an input has it */
    cli_guard guard;
    cli_journal journal;
    mseg_model *model;
    char *model_path;
    mseg_pool *pool;         /* over images, or inside the one session */
    mseg_session **sessions; /* one per worker */
    int n_sessions;
    cli_sequence *sequence;
    cli_progress progress;
    size_t total;   /* inputs, as far as they were known before the first */
    bool all_known; /* those are all */
    size_t begun, counts[CLI_RUN_FATES];
    cli_tally failures;
    atomic_int end;      /* cli_run_end */
    cli_run_times times; /* of all images that were done */
} cli_run_batch;

/* What is told about an image. */
typedef struct cli_run_figures {
    int width, height;
    int canvas_width, canvas_height, scaled_width, scaled_height; /* as of mseg_result; 0 when in tiles */
    cli_run_times ms;
    int64_t pixels[256]; /* per class */
} cli_run_figures;

/** Segments one image, whole or in tiles, writes its files and fills in the figures. */
mseg_status cli_run_image(cli_run_batch *batch, mseg_session *session, const cli_outputs_job *job, cli_run_figures *figures,
                          mseg_error *err);

/** The image's line of JSON, to be freed; NULL when memory runs out. */
char *cli_run_json(const cli_run_batch *batch, const cli_input *input, const cli_run_figures *figures);

/** Its line for people, as -v shows it, likewise. */
char *cli_run_line(const cli_input *input, const cli_run_figures *figures);

/** A line on standard error when something ended the run. */
void cli_run_say_end(const cli_run_batch *batch);

/** The summary on standard error. */
void cli_run_summarise(const cli_run_batch *batch, double seconds);

/** Opens pool, sequence and sessions, once inputs and model are known; what would fail for every image fails here. */
mseg_status cli_run_open_sessions(cli_run_batch *batch, mseg_error *err);

/** Looks what is to become of an input: job->plan, and CLI_OUTPUTS_WRITE, too, where its line of JSON is missing. Errors: of the
 * input, or of what stands in its outputs' place. */
mseg_status cli_run_look(const cli_run_batch *batch, const cli_input *input, cli_outputs_job *job, mseg_error *err);

/** Does all images, as far as nothing ends that, and emits their lines in order; the seconds that took. */
double cli_run_all(cli_run_batch *batch);

/** Instead of that, prints on standard output what would be done. */
void cli_run_dry(cli_run_batch *batch);

#endif
