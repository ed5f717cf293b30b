#ifndef MSEG_SEG_TRAIN_TEACHER_INSIDE_H
#define MSEG_SEG_TRAIN_TEACHER_INSIDE_H

#include "seg/train/basis.h"
#include "seg/train/teacher.h"

/* The inside of a teacher. */

/* What the teacher said of a photo, and how that lay. */
typedef struct lesson {
    int height, width; /* of its logits */
    int feature_height, feature_width;
    int canvas_width, canvas_height, scaled_width, scaled_height;
    bool failed;
    uint8_t said[]; /* probabilities in 255ths [height][width][classes], then features [feature_height][feature_width][parts] */
} lesson;

struct mseg_train_teacher {
    mseg_model *model;
    mseg_session **sessions;
    int workers;
    mseg_train_teacher_options options;
    mseg_model_info info;
    mseg_run_options run;
    mseg_train_data_options data;
    mseg_basis basis;
    _Atomic(lesson *) *lessons; /* [data.count] */
};

/** Runs the teacher on a photo; what it made is the worker's session's. False when the photo cannot be read, or for want of
 * memory. */
bool mseg_teacher_run(const mseg_train_teacher *teacher, size_t sample, int worker, mseg_result *result);

/** Finds the principal components of its features. Errors: MSEG_NOMEM, MSEG_MISMATCH when none of the first photos can be read.
 */
mseg_status mseg_teacher_find_basis(mseg_train_teacher *teacher, mseg_pool *pool, mseg_error *err);

#endif
