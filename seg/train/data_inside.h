#ifndef MSEG_SEG_TRAIN_DATA_INSIDE_H
#define MSEG_SEG_TRAIN_DATA_INSIDE_H

#include <pthread.h>
#include <stdatomic.h>

#include "image/image.h"
#include "kernels/kernels.h"
#include "seg/train/data.h"

/* What the files of data*.c share. */

/* A photo and its labels, of one size. mask.data NULL: labels do not come from a file. */
typedef struct mseg_train_pair {
    mseg_image photo, mask;
} mseg_train_pair;

void mseg_train_pair_free(mseg_train_pair *pair);

typedef struct mseg_train_entry {
    int width, height;    /* of the photo; 0: the sample is left out */
    mseg_train_pair kept; /* shrunk; photo.data NULL: read again each time */
    atomic_bool told;     /* that it cannot be read any more */
} mseg_train_entry;

struct mseg_train_data {
    mseg_train_data_options options;
    mseg_kernels kernels;
    mseg_train_figures figures;
    mseg_train_entry *entries; /* [options.count] */
    size_t *used;              /* [figures.used]: samples */
    int longest;               /* side of what is kept, at most */
    uint8_t ignore;            /* label of what does not count */
    atomic_size_t kept_bytes;
    mseg_train_note_fn note;
    void *context;
    pthread_mutex_t telling;
};

/* What can be wrong with a sample; all but NOTHING leave it out. With the last three it makes no sense to go on. */
typedef enum mseg_train_fault {
    MSEG_FAULT_NOTHING,
    MSEG_FAULT_PHOTO, /* cannot be read */
    MSEG_FAULT_MASK,
    MSEG_FAULT_SIZES,
    MSEG_FAULT_IDS,
    MSEG_FAULT_COLORS,
    MSEG_FAULT_UNCLEAR,
    MSEG_FAULTS
} mseg_train_fault;

/** The finaliser of splitmix64. Source: Steele, Lea, Flood: Fast splittable pseudorandom number generators. */
static inline uint64_t mseg_train_scramble(uint64_t z)
{
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

#define MSEG_TRAIN_GOLDEN UINT64_C(0x9e3779b97f4a7c15) /* splitmix64's step */

/* ---- data_files.c ------------------------------------------------------------------------------------------------------ */

/** Whose fault it is. */
const char *mseg_train_file_of(const mseg_train_sample *sample, mseg_train_fault fault);

/** Reads photo and mask of a sample, as large as they are. On failure *fault is PHOTO, MASK or SIZES, and *pair all zero. unknown
 * (may be NULL): pixels of unknown colours. Thread safe. */
mseg_status mseg_train_read(const mseg_train_data *data, size_t sample, mseg_train_pair *pair, mseg_train_fault *fault,
                            uint64_t *unknown, mseg_error *err);

/** Whether pair is as large as the photo: nothing was shrunk. */
bool mseg_train_is_whole(const mseg_train_entry *entry, const mseg_train_pair *pair);

/** Makes both of them as large as crops have a use for. MSEG_NOMEM: they are then as before. Thread safe. */
mseg_status mseg_train_shrink(const mseg_train_data *data, mseg_train_pair *pair);

/** Keeps the pair, shrunk, when there is room left: it is then all zero. Else it stays, perhaps shrunk. Thread safe for different
 * samples. */
void mseg_train_keep(mseg_train_data *data, size_t sample, mseg_train_pair *pair);

/* ---- data_look.c ------------------------------------------------------------------------------------------------------- */

typedef struct mseg_train_finding {
    mseg_train_fault fault;
    char *text;   /* to be freed with free() */
    bool uniform; /* the photo is rgb all over */
    uint8_t rgb[3];
} mseg_train_finding;

/* What was found, over all samples. */
typedef struct mseg_train_findings {
    mseg_train_finding *samples; /* [count] */
    size_t masks;                /* that could be read as pictures */
    bool strays[256];            /* ids that are no class */
    uint64_t unknown;            /* pixels of unknown colours */
} mseg_train_findings;

/** Looks at every sample on pool's threads: sets entries and figures, keeps what there is room for. Free the findings in any
 * case. Errors: MSEG_NOMEM. */
mseg_status mseg_train_look(mseg_train_data *data, mseg_train_findings *findings, mseg_pool *pool, mseg_error *err);
void mseg_train_findings_free(mseg_train_findings *findings, size_t count);

/* ---- data_tell.c ------------------------------------------------------------------------------------------------------- */

/** Tells what was found and refuses what makes no sense to go on with. */
mseg_status mseg_train_tell(const mseg_train_data *data, const mseg_train_findings *findings, mseg_error *err);

/* ---- data_crop.c ------------------------------------------------------------------------------------------------------- */

/* How colours change: channel c becomes the sum of matrix[c][i] * channel i, and matrix[c][3]. */
typedef struct mseg_train_colors {
    bool change;
    float matrix[3][4];
} mseg_train_colors;

/** Draws where crop n lies in its photo, whose size is in *crop, and its colours. */
void mseg_train_draw(const mseg_train_data_options *options, int64_t n, int size, mseg_train_crop *crop,
                     mseg_train_colors *colors);

/** A crop of the pair. labels beside the photo and without a mask: ignore. Errors: MSEG_NOMEM. Thread safe. */
mseg_status mseg_train_cut(const mseg_input *input, const mseg_train_pair *pair, uint8_t ignore, const mseg_train_crop *crop,
                           const mseg_train_colors *colors, int size, mseg_real *picture, uint8_t *labels);

/* ---- data_plain.c ------------------------------------------------------------------------------------------------------ */

/** The whole photo as inference feeds it; *crop: how it lies, with the photo's size in it. Errors: MSEG_NOMEM. Thread safe. */
mseg_status mseg_train_fit(const mseg_train_data *data, const mseg_train_pair *pair, mseg_train_crop *crop, int size,
                           mseg_real *picture, uint8_t *labels);

/** The label of n pixels of a row that is stretched over them: each that of the pixel under its middle. */
void mseg_train_nearest(uint8_t *out, int n, const uint8_t *row, int width);

#endif
