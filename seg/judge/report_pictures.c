#include "seg/judge/report.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "seg/draw/draw.h"

enum { PICTURES = 6, SIDE = 320, JPEG_QUALITY = 80, BINS = 20 };

/* ---- choosing ---------------------------------------------------------------------------------------------------------- */

typedef struct ranked {
    double miou;
    size_t index;
} ranked;

static int by_miou(const void *a, const void *b)
{
    const ranked *x = a, *y = b;
    int order = (x->miou > y->miou) - (x->miou < y->miou);
    return order ? order : (x->index > y->index) - (x->index < y->index);
}

/* The images that have a mIOU, the worst first; *count of them, to be freed. NULL when memory ran out. */
static ranked *rank_images(const mseg_score *score, size_t *count)
{
    ranked *all = malloc((score->images + 1) * sizeof *all);
    *count = 0;
    for (size_t i = 0; all && i < score->images; i++)
        if (!isnan(score->per_image[i].miou))
            all[(*count)++] = (ranked){score->per_image[i].miou, i};
    if (*count > 1)
        qsort(all, *count, sizeof *all, by_miou);
    return all;
}

/* ---- pictures ---------------------------------------------------------------------------------------------------------- */

static void shrunk_size(const mseg_image *image, int *width, int *height)
{
    int longer = image->width > image->height ? image->width : image->height;
    double scale = longer > SIDE ? (double)SIDE / longer : 1;
    *width = (int)fmax(1, rint(image->width * scale));
    *height = (int)fmax(1, rint(image->height * scale));
}

static mseg_status shrink_ids(mseg_image *out, const mseg_image *ids)
{
    int width, height;
    shrunk_size(ids, &width, &height);
    mseg_status status = mseg_image_create(out, width, height, MSEG_GRAY);
    for (int y = 0; y < height && !status; y++) {
        size_t from = (size_t)((2 * (int64_t)y + 1) * ids->height / (2 * (int64_t)height));
        for (int x = 0; x < width; x++) {
            size_t column = (size_t)((2 * (int64_t)x + 1) * ids->width / (2 * (int64_t)width));
            out->data[(size_t)y * out->stride + (size_t)x] = ids->data[from * ids->stride + column];
        }
    }
    return status;
}

/* Which ids are background; whether there is any. */
static bool find_background(bool background[256], const mseg_score *score)
{
    bool any = false;
    memset(background, 0, 256 * sizeof *background);
    for (int c = 0; c < score->classes; c++)
        if (mseg_is_background(score->per_class[c].name))
            any = background[score->per_class[c].id] = true;
    return any;
}

static void put_figure(FILE *file, const mseg_image *image, const char *kind, const char *caption, const char *id,
                       const uint8_t *bytes, size_t size)
{
    fprintf(file, "<figure><img loading=lazy width=%d height=%d alt=\"%s of ", image->width, image->height, caption);
    mseg_html_text(file, id);
    fprintf(file, "\" src=\"data:image/%s;base64,", kind);
    mseg_html_base64(file, bytes, size);
    fprintf(file, "\"><figcaption>%s</figcaption></figure>\n", caption);
}

static mseg_status put_rgb(FILE *file, const mseg_image *image, const char *caption, const char *id, mseg_error *err)
{
    mseg_image small = {0};
    uint8_t *bytes = NULL;
    size_t size = 0;
    int width, height;
    shrunk_size(image, &width, &height);
    mseg_status status = mseg_image_resize(&small, mseg_view_of(image), width, height, err);
    if (!status)
        status = mseg_image_encode_jpeg(mseg_view_of(&small), JPEG_QUALITY, &bytes, &size, err);
    if (!status)
        put_figure(file, &small, "jpeg", caption, id, bytes, size);
    mseg_bytes_free(&bytes);
    mseg_image_free(&small);
    return status;
}

static mseg_status put_ids(FILE *file, const mseg_image *ids, const mseg_palette *palette, const char *caption, const char *id,
                           mseg_error *err)
{
    mseg_image small = {0};
    uint8_t *bytes = NULL;
    size_t size = 0;
    mseg_status status = shrink_ids(&small, ids);
    if (status)
        mseg_fail(err, status, NULL);
    else
        status = mseg_image_encode_png(mseg_view_of(&small), &palette->colors, &bytes, &size, err);
    if (!status)
        put_figure(file, &small, "png", caption, id, bytes, size);
    mseg_bytes_free(&bytes);
    mseg_image_free(&small);
    return status;
}

static bool usable(const mseg_example *e)
{
    bool same = e->truth.width == e->prediction.width && e->truth.height == e->prediction.height;
    return same && !mseg_view_check(mseg_view_of(&e->truth), MSEG_PIXELS_LABELS, "", NULL) &&
           !mseg_view_check(mseg_view_of(&e->prediction), MSEG_PIXELS_LABELS, "", NULL);
}

/* A photo of the size of the ground truth becomes MSEG_RGB; any other is let go. */
static mseg_status take_photo(mseg_image *photo, const mseg_image *truth, mseg_error *err)
{
    mseg_image rgb = {0};
    mseg_status status = MSEG_OK;
    const bool same = photo->width == truth->width && photo->height == truth->height;
    if (same && !mseg_view_check(mseg_view_of(photo), MSEG_PIXELS_PHOTO, "", NULL)) {
        if (photo->format == MSEG_RGB)
            return MSEG_OK;
        status = mseg_image_to_rgb(&rgb, mseg_view_of(photo), err);
    }
    mseg_image_free(photo);
    *photo = rgb;
    return status;
}

static mseg_status put_pictures(FILE *file, const mseg_report *report, const char *id, mseg_example *e, mseg_error *err)
{
    mseg_image errors = {0};
    mseg_status status = MSEG_OK;
    bool background[256];
    if (e->photo.data)
        status = put_rgb(file, &e->photo, "Photo", id, err);
    if (!status)
        status = put_ids(file, &e->truth, report->palette, "Ground truth", id, err);
    if (!status)
        status = put_ids(file, &e->prediction, report->palette, "Prediction", id, err);
    find_background(background, report->score);
    if (!status && (status = mseg_draw_mistakes(&errors, e, report->score->ignore, background)))
        mseg_fail(err, status, NULL);
    if (!status)
        status = put_rgb(file, &errors, "Errors", id, err);
    mseg_image_free(&errors);
    return status;
}

static mseg_status put_example(FILE *file, const mseg_report *report, const mseg_image_score *image, mseg_error *err)
{
    mseg_example example = {0};
    mseg_status status = report->example(report->context, image->id, &example);
    if (status == MSEG_NOMEM) {
        mseg_fail(err, status, NULL);
    } else if (status || !usable(&example)) {
        status = MSEG_OK;
    } else if (!(status = take_photo(&example.photo, &example.truth, err))) {
        fputs("<article class=example>\n<h4>", file);
        mseg_html_text(file, image->id);
        fprintf(file, " <span>mIOU %.2f&nbsp;%%, pixel accuracy %.2f&nbsp;%%</span></h4>\n<div class=\"strip%s\">\n",
                100 * image->miou, 100 * image->pixel_accuracy, example.photo.data ? "" : " three");
        status = put_pictures(file, report, image->id, &example, err);
        fputs("</div>\n</article>\n", file);
    }
    mseg_image_free(&example.photo);
    mseg_image_free(&example.truth);
    mseg_image_free(&example.prediction);
    return status;
}

/* ---- the section ------------------------------------------------------------------------------------------------------- */

static void put_legend(FILE *file, const mseg_score *score)
{
    bool background[256];
    const bool any = find_background(background, score);
    static const char *const texts[] = {[MSEG_MISSED] = "missed: predicted as background or as no class",
                                        [MSEG_INVENTED] = "invented: background predicted as a class",
                                        [MSEG_CONFUSED] = "taken for another class",
                                        [MSEG_UNCOUNTED] = "does not count"};
    fputs("<p class=legend>", file);
    const bool shown[] = {any || score->void_pixels, any, true, true};
    for (int i = 0; i < MSEG_MISTAKES; i++) {
        const uint8_t *rgb = mseg_mistake_rgb[i];
        if (shown[i])
            fprintf(file, "<span><i class=dot style=\"background:#%02x%02x%02x\"></i>%s</span>\n", rgb[0], rgb[1], rgb[2],
                    texts[i]);
    }
    fputs("</p>\n", file);
}

static void put_image_name(FILE *file, const mseg_image_score *image)
{
    fputs("<li>", file);
    mseg_html_text(file, image->id);
    fprintf(file, " <span>%.2f&nbsp;%%</span></li>\n", 100 * image->miou);
}

/* How many images have which mIOU. */
static void put_spread(FILE *file, const mseg_score *score)
{
    size_t bins[BINS] = {0}, most = 1;
    for (size_t i = 0; i < score->images; i++)
        if (!isnan(score->per_image[i].miou)) {
            int bin = (int)(score->per_image[i].miou * BINS);
            size_t *count = &bins[bin < BINS ? bin : BINS - 1];
            most = ++*count > most ? *count : most;
        }
    fputs("<div class=spread role=img aria-label=\"Number of images by mIOU\">", file);
    for (int bin = 0; bin < BINS; bin++)
        fprintf(file, "<i style=\"height:%.1f%%\" title=\"%d–%d %%: %zu image%s\"></i>", 100 * (double)bins[bin] / (double)most,
                100 * bin / BINS, 100 * (bin + 1) / BINS, bins[bin], bins[bin] == 1 ? "" : "s");
    fputs("</div>\n<div class=axis aria-hidden=true><span>0</span><span>mIOU of an image, %</span><span>100</span></div>\n",
          file);
}

mseg_status mseg_report_pictures(FILE *file, const mseg_report *report, mseg_error *err)
{
    size_t count;
    ranked *ranking = rank_images(report->score, &count);
    mseg_status status = ranking ? MSEG_OK : mseg_fail(err, MSEG_NOMEM, NULL);
    fputs("<section>\n<h2>Images</h2>\n", file);
    put_spread(file, report->score);
    if (report->example)
        put_legend(file, report->score);
    for (int best = 0; best < 2 && !status; best++) {
        size_t half = (count + !best) / 2; /* no image is among the worst and the best */
        fputs(best ? "<h3>Best</h3>\n" : "<h3>Worst</h3>\n", file);
        fputs(report->example ? "" : "<ol class=images>\n", file);
        for (size_t i = 0; i < half && i < PICTURES && !status; i++) {
            const mseg_image_score *image = &report->score->per_image[ranking[best ? count - 1 - i : i].index];
            if (report->example)
                status = put_example(file, report, image, err);
            else
                put_image_name(file, image);
        }
        fputs(report->example ? "" : "</ol>\n", file);
    }
    free(ranking);
    fputs("</section>\n", file);
    return status;
}
