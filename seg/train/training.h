#ifndef MSEG_SEG_TRAIN_TRAINING_H
#define MSEG_SEG_TRAIN_TRAINING_H

#include "seg/opened.h"
#include "seg/train/data.h"
#include "seg/train/teacher.h"
#include "train/engine.h"
#include "train/loss.h"
#include "train/optimiser.h"
#include "write/write.h"

/* The inside of a training. */
struct mseg_training {
    mseg_train_options options; /* as they are used: no zeros that stand for something else */
    mseg_pool *pool;
    mseg_train_note_fn note;
    void *context;
    mseg_cpu cpu;
    const mseg_train_kernels *kernels;

    mseg_train_data *data;
    mseg_train_teacher *teacher; /* NULL: masks */
    float weights[256];          /* of classes */
    mseg_net net;
    mseg_model_info info;
    int classes;
    mseg_engine *engine;
    mseg_norming norming;
    mseg_optimiser optimiser;
    mseg_schedule schedule;

    mseg_real *gradient;
    uint8_t *labels;                    /* [batch][size * size]: [side][side] of the step */
    float *targets;                     /* of a teacher, [batch][logits' height][width][classes] */
    float *points;                      /* weights of its points, [batch][height][width] */
    float *features;                    /* its features, [batch][height][width][parts]; NULL: they are not learnt */
    mseg_loss_sum *sums, *feature_sums; /* [batch] */
    uint8_t *work;                      /* of the loss, [threads][work_bytes] */
    size_t work_bytes;
    bool *failed;                /* [batch] */
    double scale, feature_scale; /* of the step's losses */
    int side;                    /* of the step's crops */

    mseg_model *model; /* of step model_step, for validation; NULL: none yet */
    int64_t model_step;
    bool told; /* which validation photos cannot be scored */

    mseg_train_state state;
    double before, began;  /* seconds of earlier runs; the clock when this one began */
    double recent_seconds; /* of steps of late */
    int64_t recent_samples;
};

/** What a network begins with: random numbers; else a model's, perhaps in a wider network. */
static inline bool mseg_train_is_random(const mseg_train_options *options)
{
    return options->architecture && !options->model;
}

static inline bool mseg_train_is_widened(const mseg_train_options *options)
{
    return options->architecture && options->model;
}

/** What a caller gave, checked, with what its zeros stand for where that does not depend on the model. Errors: MSEG_INVAL. */
mseg_status mseg_train_options_take(mseg_train_options *used, const mseg_train_options *given, mseg_error *err);

/** The learning rate that nobody asked for: RMSProp's depends on the batch. */
double mseg_train_default_rate(const mseg_train_options *options);

/** Opens the network that is trained: net, info, size and output stride of the options. On failure *opened is all zero. */
mseg_status mseg_train_network(mseg_training *training, mseg_opened *opened, mseg_error *err);

/** Opens its engine, when data are there; norms are measured on them unless numbers are random. Says what is particular. */
mseg_status mseg_train_start(mseg_training *training, const mseg_opened *opened, mseg_error *err);

/** Bytes of memory that could be had now; 0: unknown. */
size_t mseg_train_available(void);

/** Measures what norms see on the first photos of the training without augmentation; norming, unfold: as the engine has them. */
void mseg_train_measure(mseg_training *training, mseg_norming norming, bool unfold);

/** Seconds of training so far. */
double mseg_train_seconds(const mseg_training *training);

/** How far it is, by the clock and the steps. */
void mseg_train_measure_progress(mseg_training *training);

/** Puts samples first to first + n - 1 of a set into the engine, as they are. */
void mseg_train_fill_plain(mseg_training *training, mseg_train_data *data, int64_t first, int n);

/** The model as it would be written now, a .tflite's bytes, or a .safetensors'. The average's weights, norms measured. */
mseg_status mseg_train_model(mseg_training *training, bool safetensors, mseg_bytes *bytes, mseg_error *err);

/** A copy of labels that a session owns. Errors: MSEG_NOMEM. */
mseg_status mseg_train_copy_labels(mseg_image *copy, mseg_view labels, mseg_error *err);

/** The side of the crops of the next step: with progressive sizes smaller at first. */
int mseg_train_side(const mseg_training *training);

/** Tells the caller, who may not listen. */
void mseg_training_tell(const mseg_training *training, mseg_train_severity severity, const char *file, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#endif
