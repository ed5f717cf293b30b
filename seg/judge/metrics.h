#ifndef MSEG_SEG_JUDGE_METRICS_H
#define MSEG_SEG_JUDGE_METRICS_H

/* In: class ids of ground truth and predictions, or counts of them. Out: figures of a set, and reports of them. */

#include "base/json.h"
#include "seg/mseg.h"

/* Pixels of one class, in one image or in a set. Boundary: the pixels of a region that are near its edge (metrics_boundary.c). */
typedef struct mseg_class_counts {
    uint64_t hits, truth, predicted; /* in both, in the ground truth, in the prediction */
    uint64_t boundary_hits, boundary_truth, boundary_predicted;
} mseg_class_counts;

/* What is kept of one image: the classes that occur in it, by place. */
typedef struct mseg_image_row {
    char *id;
    int width, height;
    int classes;
    int origin; /* index of the counts file it came from */
    uint8_t *places;
    mseg_class_counts *counts;
} mseg_image_row;

typedef struct mseg_boundary_scratch {
    size_t pixels, width; /* what the buffers hold */
    uint8_t *truth, *prediction, *masked;
    uint32_t *runs;
    uint8_t *flat;
} mseg_boundary_scratch;

/* What a label is: the place of its class among the classes, or one of these. */
enum { MSEG_VOID = -1, MSEG_STRAY = -2 }; /* VOID: the ignore label and the classes that do not count */

/* Classes have a place, 0 .. classes - 1, in order of their ids. */
struct mseg_counts {
    int classes, ignore; /* ignore -1: none */
    uint8_t ids[256];    /* by place */
    bool ignored[256];   /* by place: the class does not count */
    int16_t place[256];  /* by label */
    char **names;        /* by place, one block of memory */
    char *settings;
    uint64_t *confusion; /* [classes, classes], rows are ground truth */
    uint64_t *voids;     /* [classes]: pixels of a class that are predicted as no class */
    mseg_class_counts *totals;
    uint64_t problems[MSEG_PROBLEMS];
    mseg_image_row *rows;
    size_t images, capacity;
    uint64_t *pairs; /* [256, 256] scratch of one image */
    mseg_boundary_scratch boundary;
};

/** Adds the boundary figures of one image to per_class[classes], place telling what the labels are: d = max(1, round(2% of the
 * diagonal)), a pixel of a region is boundary when the square of side 2d + 1 around it leaves the region or the image (what d
 * erosions by 3x3 take away); pixels ignored in the truth belong to no region of either side, and void ones of the prediction to
 * no class. Source: Cheng et al., arXiv 2103.16562. Errors: MSEG_NOMEM. */
mseg_status mseg_boundary_count(mseg_class_counts *per_class, mseg_boundary_scratch *scratch, mseg_view truth,
                                mseg_view prediction, const int16_t place[256], int ignore);

void mseg_boundary_scratch_free(mseg_boundary_scratch *scratch);

/* Figures over classes whose pixels are known; NaN where there is nothing to divide by. */
typedef struct mseg_means {
    int classes_present; /* averaged ones that occur */
    double miou, dice, mean_accuracy, boundary_iou, pixel_accuracy;
} mseg_means;

/** Means over the averaged ones of classes totals; pixel accuracy is over all of them. Thread safe. */
mseg_means mseg_means_of(const mseg_class_counts *totals, const bool *averaged, int classes);

/** NaN for a class that does not occur. */
double mseg_iou_of(const mseg_class_counts *c);

/** MSEG_MISMATCH when the classes, the ignored ones among them or the ignore labels differ: the text is about b. */
mseg_status mseg_counts_same_classes(const mseg_counts *a, const mseg_counts *b, mseg_error *err);

/** Adds times * c to *sum. */
void mseg_class_counts_add(mseg_class_counts *sum, const mseg_class_counts *c, uint64_t times);

/** Appends a row, taking over its memory also on failure, and adds its counts to the totals (not to the confusion matrix). */
mseg_status mseg_counts_append(mseg_counts *counts, mseg_image_row *row);

/** Memory for a row of that many classes; MSEG_NOMEM leaves *row all zero. */
mseg_status mseg_image_row_create(mseg_image_row *row, const char *id, int width, int height, int classes);
void mseg_image_row_free(mseg_image_row *row);

/** Adds the object "problems" to root, keys and numbers. */
void mseg_problems_to_json(mseg_json *root, const uint64_t problems[MSEG_PROBLEMS]);

/** Sorts the rows by id and refuses two rows of one id, naming the files they came from when paths is not NULL. */
mseg_status mseg_counts_sort(mseg_counts *counts, const char *const *paths, mseg_error *err);

#endif
