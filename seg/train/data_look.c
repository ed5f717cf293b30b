#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/parallel.h"
#include "seg/train/data_inside.h"

/* What one thread saw; sums of these do not depend on who saw what. */
typedef struct seen {
    mseg_train_figures figures;
    size_t masks;
    bool strays[256];
    uint64_t unknown;
    bool no_memory;
} seen;

typedef struct look_job {
    mseg_train_data *data;
    mseg_train_finding *findings;
    seen *seen; /* one a worker */
} look_job;

/* ---- masks that do not fit ---------------------------------------------------------------------------------------------- */

static bool is_color_of_label(const uint8_t *rgb, const mseg_mask_rules *rules)
{
    for (int id = 0; id < 256; id++)
        if ((rules->palette.listed[id] || id == rules->ignore) && !memcmp(rules->palette.colors.rgb[id], rgb, 3))
            return true;
    return false;
}

/* Whether a picture has colours, and whether one of them is no label's. */
static void find_colors(const mseg_image *rgb, const mseg_mask_rules *rules, bool *colored, bool *unknown)
{
    *colored = *unknown = false;
    const uint8_t *last = NULL;
    for (int y = 0; y < rgb->height; y++)
        for (int x = 0; x < rgb->width; x++) {
            const uint8_t *pixel = rgb->data + (size_t)y * rgb->stride + 3 * (size_t)x;
            if (last && !memcmp(pixel, last, 3))
                continue;
            last = pixel;
            *colored = *colored || pixel[0] != pixel[1] || pixel[0] != pixel[2];
            *unknown = *unknown || !is_color_of_label(pixel, rules);
        }
}

/* Ids (the first of each pixel's channels) that are no label; whether there are any. */
static bool find_strays(bool strays[256], const mseg_image *stored, const mseg_mask_rules *rules)
{
    const int channels = mseg_format_channels(stored->format);
    bool any = false;
    for (int y = 0; y < stored->height; y++)
        for (int x = 0; x < stored->width; x++) {
            const uint8_t id = stored->data[(size_t)y * stored->stride + (size_t)x * (size_t)channels];
            if (rules->map[id] < 0)
                any = strays[id] = true;
        }
    return any;
}

/* Why a mask could not be read: a fault of the file, or of what it holds. */
static mseg_train_fault fault_of_mask(seen *s, const char *path, const mseg_train_data_options *o, mseg_status status)
{
    mseg_image stored = {0};
    bool colored = false, unknown = false;
    mseg_train_fault fault = MSEG_FAULT_UNCLEAR;
    if (!path || mseg_image_read_labels(&stored, NULL, path, o->limits, NULL))
        return MSEG_FAULT_MASK;
    s->masks++;
    if (stored.format == MSEG_RGB)
        find_colors(&stored, o->rules, &colored, &unknown);
    if (o->rules->read == MSEG_READ_COLORS ? status == MSEG_MISMATCH : colored && (unknown || o->rules->read == MSEG_READ_IDS))
        fault = MSEG_FAULT_COLORS;
    else if (!colored && o->rules->read != MSEG_READ_COLORS && find_strays(s->strays, &stored, o->rules))
        fault = MSEG_FAULT_IDS;
    mseg_image_free(&stored);
    return fault;
}

/* ---- a sample ----------------------------------------------------------------------------------------------------------- */

static bool is_uniform(const mseg_image *photo)
{
    for (int y = 0; y < photo->height; y++) {
        const uint8_t *row = photo->data + (size_t)y * photo->stride;
        for (int x = 0; x < photo->width; x++)
            if (memcmp(row + 3 * (size_t)x, photo->data, 3) != 0)
                return false;
    }
    return true;
}

static void count_pixels(mseg_train_figures *figures, const mseg_image *mask)
{
    uint32_t counts[2][256] = {{0}}; /* equal neighbours do not wait for one another */
    for (int y = 0; y < mask->height; y++) {
        const uint8_t *row = mask->data + (size_t)y * mask->stride;
        for (int x = 0; x < mask->width; x++)
            counts[x & 1][row[x]]++;
    }
    for (int id = 0; id < 256; id++) {
        figures->pixels[id] += (uint64_t)counts[0][id] + counts[1][id];
        figures->files[id] += counts[0][id] || counts[1][id];
    }
}

/* What reading found wrong. */
static void note_failure(mseg_train_finding *finding, seen *s, const mseg_train_data *data, size_t sample, mseg_train_fault fault,
                         const mseg_error *why)
{
    const mseg_train_data_options *o = &data->options;
    finding->fault = fault == MSEG_FAULT_MASK ? fault_of_mask(s, o->samples[sample].mask, o, why->status) : fault;
    finding->text = strdup(why->text);
    s->masks += fault == MSEG_FAULT_SIZES;
    s->no_memory = s->no_memory || why->status == MSEG_NOMEM || !finding->text;
    s->figures.left_out++;
}

/* A class that is none, of a classifier's sample. */
static mseg_status check_label(const mseg_train_data_options *o, const mseg_train_sample *sample, mseg_error *why)
{
    if (!o->classifier || (sample->label >= 0 && sample->label < 256 && o->rules->palette.listed[sample->label]))
        return MSEG_OK;
    return mseg_fail(why, MSEG_MISMATCH, "label %d is not a class", sample->label);
}

static void count_sample(seen *s, const mseg_train_data_options *o, const mseg_train_sample *sample, const mseg_train_pair *pair)
{
    s->figures.used++;
    if (o->classifier) {
        s->figures.pixels[sample->label]++;
        s->figures.files[sample->label]++;
    } else if (pair->mask.data) {
        s->masks++;
        count_pixels(&s->figures, &pair->mask);
    }
}

static void look_at(void *context, int task, int worker)
{
    const look_job *job = context;
    const mseg_train_data_options *o = &job->data->options;
    const mseg_train_sample *sample = &o->samples[task];
    mseg_train_entry *entry = &job->data->entries[task];
    mseg_train_finding *finding = &job->findings[task];
    seen *s = &job->seen[worker];
    mseg_train_pair pair;
    mseg_train_fault fault;
    mseg_error why = {0};
    uint64_t unknown = 0;
    mseg_status status = mseg_train_read(job->data, (size_t)task, &pair, &fault, &unknown, &why);
    if (!status && (status = check_label(o, sample, &why)))
        fault = MSEG_FAULT_UNCLEAR;
    if (status) {
        note_failure(finding, s, job->data, (size_t)task, fault, &why);
    } else {
        entry->width = pair.photo.width;
        entry->height = pair.photo.height;
        finding->uniform = is_uniform(&pair.photo);
        memcpy(finding->rgb, pair.photo.data, 3);
        s->unknown += unknown;
        count_sample(s, o, sample, &pair);
        mseg_train_keep(job->data, (size_t)task, &pair);
    }
    mseg_train_pair_free(&pair);
}

/* ---- all of them -------------------------------------------------------------------------------------------------------- */

static void add(mseg_train_data *data, mseg_train_findings *findings, const seen *s)
{
    mseg_train_figures *sum = &data->figures;
    sum->used += s->figures.used;
    sum->left_out += s->figures.left_out;
    findings->masks += s->masks;
    findings->unknown += s->unknown;
    for (int id = 0; id < 256; id++) {
        sum->pixels[id] += s->figures.pixels[id];
        sum->files[id] += s->figures.files[id];
        findings->strays[id] = findings->strays[id] || s->strays[id];
    }
}

mseg_status mseg_train_look(mseg_train_data *data, mseg_train_findings *findings, mseg_pool *pool, mseg_error *err)
{
    const size_t count = data->options.count;
    const int workers = mseg_pool_threads(pool);
    mseg_status status = MSEG_NOMEM;
    *findings = (mseg_train_findings){.samples = mseg_alloc_array(count, sizeof *findings->samples)};
    seen *all = mseg_alloc_array((size_t)workers, sizeof *all);
    if (findings->samples && all) {
        look_job job = {data, findings->samples, all};
        status = MSEG_OK;
        mseg_pool_for(pool, (int)count, look_at, &job);
        for (int i = 0; i < workers; i++) {
            add(data, findings, &all[i]);
            status = all[i].no_memory ? MSEG_NOMEM : status;
        }
    }
    mseg_free(&all);
    return status ? mseg_fail(err, status, NULL) : MSEG_OK;
}

void mseg_train_findings_free(mseg_train_findings *findings, size_t count)
{
    for (size_t i = 0; findings->samples && i < count; i++)
        free(findings->samples[i].text);
    mseg_free(&findings->samples);
}
