#ifndef MSEG_SEG_TRAIN_TEACHER_H
#define MSEG_SEG_TRAIN_TEACHER_H

#include "base/pool.h"
#include "seg/train/data.h"

/* In: a model and photos. Out: what it says of crops of them, at the points of another network's logits. */
typedef struct mseg_train_teacher mseg_train_teacher;

/** Opens the model, which must have so many classes. cpu: as in mseg_model_options. workers: threads that may ask at once, each
 * by its own number. Errors: those of the model, MSEG_MISMATCH, MSEG_NOMEM. */
mseg_status mseg_train_teacher_open(mseg_train_teacher **teacher, const char *path, const char *cpu, int classes,
                                    const mseg_train_data_options *data, int workers, mseg_error *err);
void mseg_train_teacher_close(mseg_train_teacher **teacher);

/** Its probabilities for a sample at points [height][width] of a crop of size x size: targets [height][width][classes], and
 * which points count: weights 1, 0 for those that lie beside the photo by more than a stride. Each photo is run once, what it
 * gave is kept in bytes. False when the photo cannot be read: weights are then 0. Thread safe for different workers. */
bool mseg_train_teacher_take(mseg_train_teacher *teacher, size_t sample, const mseg_train_crop *crop, int size, int height,
                             int width, float *targets, float *weights, int worker);

/** Its labels of a photo, MSEG_GRAY of the photo's size; free them. Errors: those of mseg_segment. */
mseg_status mseg_train_teacher_label(mseg_train_teacher *teacher, mseg_view photo, int worker, mseg_image *labels,
                                     mseg_error *err);

/** The share of each class in what it says of the first photos, at most so many, [classes]. Errors: MSEG_NOMEM, MSEG_MISMATCH
 * when none can be read. */
mseg_status mseg_train_teacher_shares(mseg_train_teacher *teacher, size_t photos, mseg_pool *pool, double *shares,
                                      mseg_error *err);

#endif
