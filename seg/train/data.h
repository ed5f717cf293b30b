#ifndef MSEG_SEG_TRAIN_DATA_H
#define MSEG_SEG_TRAIN_DATA_H

#include "base/cpu.h"
#include "base/pool.h"
#include "kernels/train/train.h"
#include "net/input.h"
#include "seg/mseg.h"

/* In: photos and masks in files. Out: crops of them as a network takes them, the same bits for a seed whatever the threads and
 * whatever is kept in memory. */
typedef struct mseg_train_data mseg_train_data;

/* samples, their names, rules and limits must outlive the data. */
typedef struct mseg_train_data_options {
    const mseg_train_sample *samples;
    size_t count;
    const mseg_mask_rules *rules;
    const mseg_limits *limits;
    mseg_orientation orientation;
    bool classifier, masks; /* masks: label files are read (else labels are all the ignore label) */
    int size;               /* of the largest crops */
    double scale_min, scale_max;
    bool flip, color;
    uint64_t seed;
    size_t cache_bytes; /* of decoded photos and masks that are kept, at most: no larger than size * scale_max, so up to 4 times
                           its square each */
    mseg_input input;
    const mseg_cpu *cpu; /* whose kernels shrink and scale; NULL: this machine's. Needed only while opening */
} mseg_train_data_options;

/* What masks hold, over all samples that are used; of a classifier every sample is one pixel of its label. */
typedef struct mseg_train_figures {
    uint64_t pixels[256];  /* by class or ignore label */
    size_t files[256];     /* with at least one pixel of it */
    size_t used, left_out; /* samples */
} mseg_train_figures;

/** Reads every sample once, on pool's threads (NULL: on this one), and keeps them in memory as long as there is room. note (NULL:
 * nothing) is told, by file, in the order of the samples, of ten at most of a kind and then of how many more: of photos and masks
 * that are missing or damaged and masks of another size than their photo, all of which are left out, and of photos of one colour;
 * then of classes that never occur. Refuses, with a text that says what to do: ids that are no class (which, and how many files),
 * colours where ids are expected and the other way round, nothing left that counts. On failure *data is NULL. Errors:
 * MSEG_MISMATCH, MSEG_INVAL for a bad option, MSEG_LIMIT for more than INT_MAX samples, MSEG_NOMEM. */
mseg_status mseg_train_data_open(mseg_train_data **data, const mseg_train_data_options *options, mseg_pool *pool,
                                 mseg_train_note_fn note, void *context, mseg_error *err);

/** NULL-safe; sets *data to NULL. */
void mseg_train_data_close(mseg_train_data **data);

/** Bytes of the samples that are kept in memory. */
size_t mseg_train_data_kept(const mseg_train_data *data);

const mseg_train_figures *mseg_train_data_figures(const mseg_train_data *data);

/** The label of what does not count: the ignore label or, without one, the largest number that is no class. */
uint8_t mseg_train_data_ignore(const mseg_train_data *data);

/** Weights of classes by label, [256], for mseg_loss_labels: mean 1 over the pixels; rare classes weigh more (area^-0.35, within
 * 1 / 8 to 8 of the mean), one that never occurs 1; equal, or without labels: all 1. 0 for what does not count or is no class. */
void mseg_train_data_weights(const mseg_train_data *data, bool equal, float weights[256]);

/** The rule of these weights for areas of classes, which become shares; weights of those without area stay. */
void mseg_train_area_weights(double area[256], float weights[256]);

/** Which sample is number n >= 0 of training: every one that is used once an epoch, in an order that depends on seed and epoch
 * alone. Thread safe. */
size_t mseg_train_data_order(const mseg_train_data *data, int64_t n);

/* Where a crop lies: pixel (x, y) of the crop shows the photo's point ((x + 0.5 + left) / scale_x, (y + 0.5 + top) / scale_y),
 * columns counted from the right when flipped. */
typedef struct mseg_train_crop {
    double scale_x, scale_y, left, top;
    bool flipped;
    int width, height; /* of the photo */
} mseg_train_crop;

/** Number n of training as a crop of size x size: picture [size][size][3] as it enters the network, beside the photo the input's
 * pad; labels [size][size]: mseg_train_data_ignore beside the photo and without masks; of a classifier all its label.
 * The scale is drawn between scale_min and scale_max of that at which the longer side is size, of a classifier between 1 and
 * scale_max of that at which both sides are; where these differ, width by height changes by up to 12%. Where the photo is larger
 * than the crop it fills it, else all of it is seen. Colours: saturation, contrast, brightness, gains. Random numbers come from
 * seed and n.
 * plain: as mseg_segment sees the whole photo, fitted to a square canvas, bit for bit; of a classifier as mseg_classify sees it
 * (the middle 0.875, stretched). Labels are those of the mask's nearest pixels.
 * *crop may be NULL. Returns false when the photo or the mask cannot be read any more (or for want of memory): then nothing
 * counts, the picture is pad, *crop has no scale; note is told once for each sample, one thread at a time. Thread safe. */
bool mseg_train_data_take(mseg_train_data *data, int64_t n, int size, bool plain, mseg_real *picture, uint8_t *labels,
                          mseg_train_crop *crop);

#endif
