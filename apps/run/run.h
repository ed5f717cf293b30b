#ifndef MSEG_APPS_RUN_H
#define MSEG_APPS_RUN_H

#include "cli/guard.h"
#include "cli/inputs.h"
#include "cli/network.h"
#include "cli/outputs.h"
#include "cli/progress.h"
#include "cli/sequence.h"
#include "cli/sink.h"
#include "mseg.h"

/* What the command line of mseg run asks for. */
typedef struct mseg_run_args {
    mseg_network_args network;
    const char *masks, *overlays, *scores, *probabilities, *palette, *json, *shard;
    double alpha;
    int orientation;       /* mseg_orientation */
    int64_t tile, overlap; /* 0: not in tiles; -1: the library's overlap */
    bool recursive, null, quiet, verbose;
} mseg_run_args;

typedef struct mseg_run_batch {
    const mseg_run_args *args;
    mseg_run_options run;
    mseg_limits limits;
    mseg_outputs outputs;
    char *keys[256]; /* of the classes, in JSON */
    mseg_inputs inputs;
    mseg_guard guard;
    mseg_sink json;
    mseg_model *model;
    char *model_path;
    mseg_pool *pool;         /* over images, or inside the one session */
    mseg_session **sessions; /* one per worker */
    int n_sessions;
    mseg_sequence *sequence;
    mseg_progress progress;
    size_t emitted, failed;
} mseg_run_batch;

/* What is told about an image. */
typedef struct mseg_run_figures {
    int width, height;
    int canvas_width, canvas_height, scaled_width, scaled_height; /* as of mseg_result; 0 when in tiles */
    double decode_ms, resize_ms, network_ms, label_ms, write_ms;
    int64_t pixels[256]; /* per class */
} mseg_run_figures;

/** Segments one image, whole or in tiles, writes its files and fills in the figures. */
mseg_status mseg_run_image(const mseg_run_batch *batch, mseg_session *session, const mseg_input *input, mseg_run_figures *figures,
                           mseg_error *err);

/** The image's line of JSON, to be freed; NULL when memory runs out. */
char *mseg_run_json(const mseg_run_batch *batch, const mseg_input *input, const mseg_run_figures *figures);

/** Its line for people, as -v shows it, likewise. */
char *mseg_run_line(const mseg_input *input, const mseg_run_figures *figures);

/** The summary on standard error. */
void mseg_run_summarise(const mseg_run_batch *batch, double seconds);

/** Opens pool, sequence and sessions, once inputs and model are known; what would fail for every image fails here. */
mseg_status mseg_run_open_sessions(mseg_run_batch *batch, mseg_error *err);

/** Does all images and emits their lines in order; the seconds that took. batch->failed: how many failed. */
double mseg_run_all(mseg_run_batch *batch);

#endif
