#include "seg/train/data.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "seg/train/data_inside.h"

/* ---- opening ------------------------------------------------------------------------------------------------------------ */

/* The ignore label or, without one, the largest number that is no class: what lies beside photos has it. */
static int find_ignore(const mseg_mask_rules *rules)
{
    int id = 255;
    while (id >= 0 && rules->palette.listed[id])
        id--;
    return rules->ignore >= 0 ? rules->ignore : id;
}

static mseg_status check(const mseg_train_data_options *o, mseg_error *err)
{
    if (o->size < 1)
        return mseg_fail(err, MSEG_INVAL, "size %d is below 1", o->size);
    if (!(o->scale_min > 0) || !(o->scale_max >= o->scale_min) || !(o->scale_max <= 1000))
        return mseg_fail(err, MSEG_INVAL, "scales %g to %g are not above 0 and in order, up to 1000", o->scale_min, o->scale_max);
    if (o->count > INT_MAX)
        return mseg_fail(err, MSEG_LIMIT, "%zu samples are over the limit of %d", o->count, INT_MAX);
    if (find_ignore(o->rules) < 0)
        return mseg_fail(err, MSEG_INVAL, "256 classes leave no number for what does not count");
    return MSEG_OK;
}

static mseg_status find_used(mseg_train_data *data, mseg_error *err)
{
    size_t used = 0;
    data->used = mseg_alloc_array(data->figures.used, sizeof *data->used);
    if (!data->used)
        return mseg_fail(err, MSEG_NOMEM, NULL);
    for (size_t i = 0; i < data->options.count; i++)
        if (data->entries[i].width)
            data->used[used++] = i;
    return MSEG_OK;
}

static mseg_status open_data(mseg_train_data *data, mseg_pool *pool, mseg_error *err)
{
    const mseg_train_data_options *o = &data->options;
    mseg_train_findings findings = {0};
    mseg_status status = check(o, err);
    if (status)
        return status;
    const mseg_cpu cpu = o->cpu ? *o->cpu : mseg_cpu_detect();
    data->kernels = mseg_kernels_for(&cpu);
    data->ignore = (uint8_t)find_ignore(o->rules);
    data->longest = (int)ceil(o->size * fmax(1, o->scale_max));
    data->entries = mseg_alloc_array(o->count, sizeof *data->entries);
    status = data->entries ? mseg_train_look(data, &findings, pool, err) : mseg_fail(err, MSEG_NOMEM, NULL);
    if (!status)
        status = mseg_train_tell(data, &findings, err);
    if (!status)
        status = find_used(data, err);
    mseg_train_findings_free(&findings, o->count);
    return status;
}

mseg_status mseg_train_data_open(mseg_train_data **out, const mseg_train_data_options *options, mseg_pool *pool,
                                 mseg_train_note_fn note, void *context, mseg_error *err)
{
    mseg_train_data *data = *out = mseg_alloc(sizeof *data);
    if (!data)
        return mseg_fail(err, MSEG_NOMEM, NULL);
    data->options = *options;
    data->note = note;
    data->context = context;
    pthread_mutex_init(&data->telling, NULL);
    const mseg_status status = open_data(data, pool, err);
    if (status)
        mseg_train_data_close(out);
    return status;
}

void mseg_train_data_close(mseg_train_data **pointer)
{
    mseg_train_data *data = *pointer;
    if (!data)
        return;
    for (size_t i = 0; data->entries && i < data->options.count; i++)
        mseg_train_pair_free(&data->entries[i].kept);
    mseg_free(&data->entries);
    mseg_free(&data->used);
    pthread_mutex_destroy(&data->telling);
    mseg_free(pointer);
}

/* ---- figures ------------------------------------------------------------------------------------------------------------ */

const mseg_train_figures *mseg_train_data_figures(const mseg_train_data *data)
{
    return &data->figures;
}

uint8_t mseg_train_data_ignore(const mseg_train_data *data)
{
    return data->ignore;
}

/* The mean of clamp(factor * area^-0.35) over the pixels. */
static double mean_weight(const double area[256], double factor)
{
    double mean = 0;
    for (int id = 0; id < 256; id++)
        if (area[id] > 0)
            mean += area[id] * fmin(8, fmax(0.125, factor * pow(area[id], -0.35)));
    return mean;
}

void mseg_train_area_weights(double area[256], float weights[256])
{
    double sum = 0, low = 0, high = 8;
    for (int id = 0; id < 256; id++)
        sum += area[id];
    for (int id = 0; id < 256; id++)
        area[id] /= sum > 0 ? sum : 1;
    for (int i = 0; i < 100; i++) {
        const double middle = (low + high) / 2;
        *(mean_weight(area, middle) < 1 ? &low : &high) = middle;
    }
    for (int id = 0; id < 256; id++)
        if (area[id] > 0)
            weights[id] = (float)fmin(8, fmax(0.125, high * pow(area[id], -0.35)));
}

void mseg_train_data_weights(const mseg_train_data *data, bool equal, float weights[256])
{
    const mseg_mask_rules *rules = data->options.rules;
    double area[256] = {0};
    for (int id = 0; id < 256; id++) {
        const bool counts =
            rules->palette.listed[id] && (data->options.classifier || (id != data->ignore && !mseg_mask_ignores(rules, id)));
        weights[id] = counts;
        area[id] = counts ? (double)data->figures.pixels[id] : 0;
    }
    if (!equal)
        mseg_train_area_weights(area, weights);
}

/* ---- order -------------------------------------------------------------------------------------------------------------- */

/* A permutation of 0 .. n - 1 that key chooses: a Feistel network over the next power of four, walked until it comes back among
 * them. Source: Black, Rogaway: Ciphers with arbitrary finite domains, method 2. */
static uint64_t permute(uint64_t i, uint64_t n, uint64_t key)
{
    int bits = 1;
    while (bits < 31 && UINT64_C(1) << 2 * bits < n)
        bits++;
    const uint64_t mask = (UINT64_C(1) << bits) - 1;
    do {
        uint64_t left = i >> bits, right = i & mask;
        for (uint64_t round = 1; round <= 8; round++) {
            const uint64_t other = left ^ (mseg_train_scramble(key + round * MSEG_TRAIN_GOLDEN + right) & mask);
            left = right;
            right = other;
        }
        i = left << bits | right;
    } while (i >= n);
    return i;
}

size_t mseg_train_data_order(const mseg_train_data *data, int64_t n)
{
    const uint64_t used = data->figures.used, epoch = (uint64_t)n / used;
    const uint64_t key = mseg_train_scramble(mseg_train_scramble(data->options.seed + MSEG_TRAIN_GOLDEN) + epoch);
    return data->used[permute((uint64_t)n % used, used, key)];
}

/* ---- taking ------------------------------------------------------------------------------------------------------------- */

/* What stands for a sample that is gone. */
static void blank(const mseg_train_data *data, int size, mseg_real *picture, uint8_t *labels)
{
    memset(labels, data->ignore, (size_t)size * (size_t)size);
    for (size_t i = 0; i < (size_t)size * (size_t)size; i++)
        for (size_t c = 0; c < 3; c++)
            picture[3 * i + c] = data->options.input.pad[c];
}

static void tell_gone(mseg_train_data *data, size_t sample, mseg_train_fault fault, const char *why)
{
    char text[sizeof((mseg_error *)0)->text + 32];
    if (!data->note || atomic_exchange(&data->entries[sample].told, true))
        return;
    snprintf(text, sizeof text, "no longer usable: %s", why);
    pthread_mutex_lock(&data->telling);
    data->note(data->context, MSEG_TRAIN_WARNING, mseg_train_file_of(&data->options.samples[sample], fault), text);
    pthread_mutex_unlock(&data->telling);
}

static mseg_status make_crop(const mseg_train_data *data, const mseg_train_pair *pair, int64_t n, int size, bool plain,
                             mseg_real *picture, uint8_t *labels, mseg_train_crop *crop)
{
    mseg_train_colors colors;
    if (plain)
        return mseg_train_fit(data, pair, crop, size, picture, labels);
    mseg_train_draw(&data->options, n, size, crop, &colors);
    return mseg_train_cut(&data->options.input, pair, data->ignore, crop, &colors, size, picture, labels);
}

bool mseg_train_data_take(mseg_train_data *data, int64_t n, int size, bool plain, mseg_real *picture, uint8_t *labels,
                          mseg_train_crop *crop)
{
    const size_t sample = mseg_train_data_order(data, n);
    const mseg_train_entry *entry = &data->entries[sample];
    const mseg_train_pair *pair = &entry->kept;
    mseg_train_pair own = {0};
    mseg_train_crop here = {.width = entry->width, .height = entry->height};
    mseg_train_fault fault = MSEG_FAULT_PHOTO;
    mseg_error why = {0};
    mseg_status status = MSEG_OK;
    if (!pair->photo.data || (plain && !mseg_train_is_whole(entry, pair))) {
        status = mseg_train_read(data, sample, &own, &fault, NULL, &why);
        if (!status && !plain && (status = mseg_train_shrink(data, &own)))
            mseg_fail(&why, status, NULL);
        pair = &own;
    }
    if (!status && (status = make_crop(data, pair, n, size, plain, picture, labels, &here)))
        mseg_fail(&why, status, NULL);
    if (status) {
        blank(data, size, picture, labels);
        tell_gone(data, sample, fault, why.text);
    } else if (data->options.classifier) {
        memset(labels, data->options.samples[sample].label, (size_t)size * (size_t)size);
    }
    if (crop)
        *crop = here;
    mseg_train_pair_free(&own);
    return !status;
}
