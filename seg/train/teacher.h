#ifndef MSEG_SEG_TRAIN_TEACHER_H
#define MSEG_SEG_TRAIN_TEACHER_H

#include "base/pool.h"
#include "seg/train/data.h"

/* In: a model and photos. Out: what it says of crops of them, at the points of another network's logits. */
typedef struct mseg_train_teacher mseg_train_teacher;

typedef struct mseg_train_teacher_options {
    const char *path; /* "builtin": the model of the library */
    const char *cpu;  /* as in mseg_model_options */
    int classes;      /* that it must have */
    bool features;    /* it tells of its backbone's last map, too, and runs in floats for that */
} mseg_train_teacher_options;

/** Opens the model; with features it is run on the first photos, at most 256, to find the map's principal components. pool's
 * threads may ask at once, each by its worker's number. data must outlive it. Errors: those of the model, MSEG_MISMATCH (other
 * classes; with features none of the first photos can be read), MSEG_NOMEM. */
mseg_status mseg_train_teacher_open(mseg_train_teacher **teacher, const mseg_train_teacher_options *options,
                                    const mseg_train_data_options *data, mseg_pool *pool, mseg_error *err);
void mseg_train_teacher_close(mseg_train_teacher **teacher);

/** Numbers of a point's features; 0 without. */
int mseg_train_teacher_features(const mseg_train_teacher *teacher);

/** Bytes that are kept when all photos have been asked about, at most. */
size_t mseg_train_teacher_bytes(const mseg_train_teacher *teacher);

/* Where it is asked, points [height][width] of a crop of size x size, and what it says. */
typedef struct mseg_train_question {
    int size, height, width;
    float *targets;  /* [height][width][classes]: probabilities */
    float *features; /* [height][width][mseg_train_teacher_features]; unused without */
    float *weights;  /* [height][width]: 1, 0 for points that lie beside the photo by more than a stride and do not count */
} mseg_train_question;

/** Asks about a sample. Each photo is run once (the first 256 twice where
 * there are features, whose components they tell), what it gave is kept in bytes. False when the photo cannot be read: weights
 * are then 0. Thread safe for different workers. */
bool mseg_train_teacher_take(mseg_train_teacher *teacher, size_t sample, const mseg_train_crop *crop,
                             const mseg_train_question *question, int worker);

/** Its labels of a photo, MSEG_GRAY of the photo's size; free them. Errors: those of mseg_segment. */
mseg_status mseg_train_teacher_label(mseg_train_teacher *teacher, mseg_view photo, int worker, mseg_image *labels,
                                     mseg_error *err);

/** The share of each class in what it says of the first photos, at most so many, [classes]. Errors: MSEG_NOMEM, MSEG_MISMATCH
 * when none can be read. */
mseg_status mseg_train_teacher_shares(mseg_train_teacher *teacher, size_t photos, mseg_pool *pool, double *shares,
                                      mseg_error *err);

#endif
