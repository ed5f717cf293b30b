#ifndef MSEG_SEG_TRAIN_DATA_H
#define MSEG_SEG_TRAIN_DATA_H

#include "base/pool.h"
#include "kernels/train/train.h"
#include "net/input.h"
#include "seg/mseg.h"

/* In: photos and masks in files. Out: crops of them as a network takes them, the same for a seed whatever the threads. */
typedef struct mseg_train_data mseg_train_data;

typedef struct mseg_train_data_options {
    const mseg_train_sample *samples;
    size_t count;
    const mseg_mask_rules *rules;
    const mseg_limits *limits;
    mseg_orientation orientation;
    bool classifier, masks; /* masks: label files are read (else labels are all the ignore label) */
    int size;               /* of crops */
    double scale_min, scale_max;
    bool flip, color;
    uint64_t seed;
    size_t cache_bytes; /* decoded photos and masks that are kept, at most */
    mseg_input input;
} mseg_train_data_options;

/* What masks hold, over all samples that are used. */
typedef struct mseg_train_figures {
    uint64_t pixels[256];  /* by class or ignore label */
    size_t files[256];     /* with at least one pixel of it */
    size_t used, left_out; /* samples */
} mseg_train_figures;

/** Looks at every sample (on pool's threads): photos that cannot be read, masks that are missing, damaged or of another size than
 * their photo are told to note, by file, and left out; so that their number does not drown the rest, the first ten of a kind and
 * how many there are. Refuses, with a text that says what to do: ids that are no class (the ids, how many files), colours where
 * ids are expected and the other way round, nothing left. Also told: classes that never occur, photos of one colour. pool may be
 * NULL. Errors: MSEG_MISMATCH, MSEG_NOMEM. */
mseg_status mseg_train_data_open(mseg_train_data **data, const mseg_train_data_options *options, mseg_pool *pool,
                                 mseg_train_note_fn note, void *context, mseg_error *err);
void mseg_train_data_close(mseg_train_data **data);

const mseg_train_figures *mseg_train_data_figures(const mseg_train_data *data);

/** Weights of classes by label, [256], for mseg_loss_labels: mean 1 over the pixels; rare classes weigh more (area^-0.35, within
 * 1 / 8 to 8 of the mean); equal: all 1. 0 for the ignore label and what is no class. */
void mseg_train_data_weights(const mseg_train_data *data, bool equal, float weights[256]);

/** Which sample is number n of training: every sample once an epoch, in an order that depends on seed and epoch alone. */
size_t mseg_train_data_order(const mseg_train_data *data, int64_t n);

/* Where a crop lies: pixel (x, y) of the crop shows the photo's point ((x + 0.5 + left) / scale_x, (y + 0.5 + top) / scale_y),
 * columns counted from the right when flipped. */
typedef struct mseg_train_crop {
    double scale_x, scale_y, left, top;
    bool flipped;
    int width, height; /* of the photo */
} mseg_train_crop;

/** Number n of training as a crop of size x size: picture [size][size][3] as it enters the network, beside the photo the input's
 * pad; labels [size][size], beside the photo the ignore label's number (without one 255), of a classifier all its label. The
 * scale is drawn between scale_min and scale_max of that at which the longer side is size; random numbers come from seed and n.
 * plain: no augmentation: the whole photo, fitted to size at the top left. *crop may be NULL. Returns false when the photo or the
 * mask cannot be read any more: labels then all do not count, the picture is pad; note is told once for each file. Thread safe.
 */
bool mseg_train_data_take(mseg_train_data *data, int64_t n, int size, bool plain, mseg_real *picture, uint8_t *labels,
                          mseg_train_crop *crop);

#endif
