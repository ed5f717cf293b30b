#include <math.h>
#include <string.h>

#include "image/resize.h"
#include "seg/train/data_inside.h"

void mseg_train_pair_free(mseg_train_pair *pair)
{
    mseg_image_free(&pair->photo);
    mseg_image_free(&pair->mask);
}

/* ---- reading ------------------------------------------------------------------------------------------------------------ */

const char *mseg_train_file_of(const mseg_train_sample *sample, mseg_train_fault fault)
{
    return fault == MSEG_FAULT_PHOTO || !sample->mask ? sample->photo : sample->mask;
}

static mseg_status check_sizes(const mseg_train_data *data, const mseg_train_pair *pair, mseg_error *err)
{
    const mseg_image *photo = &pair->photo, *mask = &pair->mask;
    const char *why = "";
    if (!mask->data || (mask->width == photo->width && mask->height == photo->height))
        return MSEG_OK;
    if (mask->width == photo->height && mask->height == photo->width)
        why = data->options.orientation == MSEG_EXIF_APPLY
                  ? "; if EXIF turned the photo, --orientation ignore takes it as it is stored"
                  : "; if the mask is that of the photo as EXIF turns it, --orientation apply turns it";
    return mseg_fail(err, MSEG_MISMATCH, "the mask is %dx%d, its photo %dx%d%s", mask->width, mask->height, photo->width,
                     photo->height, why);
}

mseg_status mseg_train_read(const mseg_train_data *data, size_t sample, mseg_train_pair *pair, mseg_train_fault *fault,
                            uint64_t *unknown, mseg_error *err)
{
    const mseg_train_data_options *o = &data->options;
    const mseg_train_sample *files = &o->samples[sample];
    const mseg_train_entry *entry = &data->entries[sample];
    *pair = (mseg_train_pair){0};
    *fault = MSEG_FAULT_PHOTO;
    mseg_status status = mseg_image_read(&pair->photo, files->photo, o->orientation, o->limits, err);
    if (!status && entry->width && !mseg_train_is_whole(entry, pair))
        status = mseg_fail(err, MSEG_MISMATCH, "now %dx%d, it was %dx%d", pair->photo.width, pair->photo.height, entry->width,
                           entry->height);
    if (!status && o->masks) {
        *fault = MSEG_FAULT_MASK;
        status = files->mask ? mseg_mask_read(&pair->mask, files->mask, o->rules, o->limits, unknown, err)
                             : mseg_fail(err, MSEG_NOENT, "has no mask");
    }
    if (!status) {
        *fault = MSEG_FAULT_SIZES;
        status = check_sizes(data, pair, err);
    }
    if (status)
        mseg_train_pair_free(pair);
    return status;
}

/* ---- shrinking ---------------------------------------------------------------------------------------------------------- */

bool mseg_train_is_whole(const mseg_train_entry *entry, const mseg_train_pair *pair)
{
    return pair->photo.width == entry->width && pair->photo.height == entry->height;
}

/* What a picture of that size is shrunk to. A classifier's crops stretch both sides alike. */
static void shrunk_size(const mseg_train_data *data, int width, int height, int *w, int *h)
{
    const int most = data->longest, longer = width > height ? width : height;
    const double scale = longer > most ? (double)most / longer : 1;
    *w = data->options.classifier ? (width < most ? width : most) : (int)fmax(1, floor(width * scale + 0.5));
    *h = data->options.classifier ? (height < most ? height : most) : (int)fmax(1, floor(height * scale + 0.5));
}

mseg_status mseg_train_shrink(const mseg_train_data *data, mseg_train_pair *pair)
{
    mseg_train_pair small = {0};
    int w, h;
    shrunk_size(data, pair->photo.width, pair->photo.height, &w, &h);
    if (w == pair->photo.width && h == pair->photo.height)
        return MSEG_OK;
    mseg_status status = mseg_image_create(&small.photo, w, h, MSEG_RGB);
    if (!status)
        status = mseg_image_resize_to(&small.photo, mseg_view_of(&pair->photo), &data->kernels);
    if (!status && pair->mask.data)
        status = mseg_image_create(&small.mask, w, h, MSEG_GRAY);
    if (status) {
        mseg_train_pair_free(&small);
        return status;
    }
    for (int y = 0; y < small.mask.height; y++) {
        const size_t from = (size_t)((2 * (int64_t)y + 1) * pair->mask.height / (2 * (int64_t)h));
        mseg_train_nearest(small.mask.data + (size_t)y * small.mask.stride, w, pair->mask.data + from * pair->mask.stride,
                           pair->mask.width);
    }
    mseg_train_pair_free(pair);
    *pair = small;
    return MSEG_OK;
}

size_t mseg_train_data_kept(const mseg_train_data *data)
{
    return atomic_load(&data->kept_bytes);
}

void mseg_train_keep(mseg_train_data *data, size_t sample, mseg_train_pair *pair)
{
    int w, h;
    shrunk_size(data, pair->photo.width, pair->photo.height, &w, &h);
    const size_t bytes = (size_t)w * (size_t)h * (pair->mask.data ? 4 : 3);
    if (bytes > data->options.cache_bytes)
        return;
    if (atomic_fetch_add(&data->kept_bytes, bytes) > data->options.cache_bytes - bytes || mseg_train_shrink(data, pair)) {
        atomic_fetch_sub(&data->kept_bytes, bytes);
        return;
    }
    data->entries[sample].kept = *pair;
    *pair = (mseg_train_pair){0};
}
