#ifndef CLI_RUN_H
#define CLI_RUN_H

#include "cli/guard.h"
#include "cli/inputs.h"
#include "cli/network.h"
#include "cli/outputs.h"
#include "cli/progress.h"
#include "cli/sequence.h"
#include "cli/sink.h"
#include "mseg.h"

/* What the command line of mseg run asks for. */
typedef struct cli_run_args {
    cli_network_args network;
    const char *masks, *overlays, *scores, *probabilities, *palette, *json, *shard;
    double alpha;
    int orientation;       /* mseg_orientation */
    int64_t tile, overlap; /* 0: not in tiles; -1: the library's overlap */
    bool recursive, null, quiet, verbose, skip_existing, overwrite;
} cli_run_args;

/* Milliseconds by stage. */
typedef struct cli_run_times {
    double decode, resize, network, label, write;
} cli_run_times;

typedef struct cli_run_batch {
    const cli_run_args *args;
    mseg_run_options run;
    mseg_limits limits;
    cli_outputs outputs;
    char *keys[256]; /* of the classes, in JSON */
    cli_inputs inputs;
    cli_guard guard;
    cli_sink json;
    mseg_model *model;
    char *model_path;
    mseg_pool *pool;         /* over images, or inside the one session */
    mseg_session **sessions; /* one per worker */
    int n_sessions;
    cli_sequence *sequence;
    cli_progress progress;
    size_t emitted, failed;
    size_t done_before, left_alone; /* not worked on: cli_outputs_plan */
    cli_run_times times;            /* of all images that did not fail */
} cli_run_batch;

/* What is told about an image. */
typedef struct cli_run_figures {
    int width, height;
    int canvas_width, canvas_height, scaled_width, scaled_height; /* as of mseg_result; 0 when in tiles */
    cli_run_times ms;
    int64_t pixels[256]; /* per class */
} cli_run_figures;

/** Segments one image, whole or in tiles, writes its files and fills in the figures. */
mseg_status cli_run_image(const cli_run_batch *batch, mseg_session *session, const cli_outputs_job *job, cli_run_figures *figures,
                          mseg_error *err);

/** The image's line of JSON, to be freed; NULL when memory runs out. */
char *cli_run_json(const cli_run_batch *batch, const cli_input *input, const cli_run_figures *figures);

/** Its line for people, as -v shows it, likewise. */
char *cli_run_line(const cli_input *input, const cli_run_figures *figures);

/** The summary on standard error. */
void cli_run_summarise(const cli_run_batch *batch, double seconds);

/** Opens pool, sequence and sessions, once inputs and model are known; what would fail for every image fails here. */
mseg_status cli_run_open_sessions(cli_run_batch *batch, mseg_error *err);

/** Does all images and emits their lines in order; the seconds that took. batch->failed: how many failed. */
double cli_run_all(cli_run_batch *batch);

#endif
