#include "base/json.h"
#include "seg/judge/compare.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- shared with the page ---------------------------------------------------------------------------------------------- */

const mseg_image_difference *mseg_most_changed(const mseg_comparison *comparison, size_t n, bool from_end)
{
    const size_t known = comparison->better + comparison->same + comparison->worse;
    if (n >= MSEG_SHOWN_IMAGES || n >= (from_end ? comparison->worse : comparison->better))
        return NULL;
    return &comparison->per_image[from_end ? known - 1 - n : n];
}

static bool find_setting(const char *settings, const char *wanted, char value[512])
{
    char name[64];
    for (const char *line = settings; mseg_next_setting(&line, name, value);)
        if (!strcmp(name, wanted))
            return true;
    value[0] = 0;
    return false;
}

/* Those of a, then those that only b has. */
bool mseg_next_difference(mseg_setting_pair *pair, int *place, const mseg_comparison *comparison)
{
    int at = 0;
    for (const char *line = comparison->a.settings; mseg_next_setting(&line, pair->name, pair->a);) {
        const bool both = find_setting(comparison->b.settings, pair->name, pair->b);
        if (at++ >= *place && !(both && !strcmp(pair->a, pair->b))) {
            *place = at;
            return true;
        }
    }
    for (const char *line = comparison->b.settings; mseg_next_setting(&line, pair->name, pair->b);)
        if (at++ >= *place && !find_setting(comparison->a.settings, pair->name, pair->a)) {
            *place = at;
            return true;
        }
    return false;
}

void mseg_change_text(char text[16], double change, const char *none)
{
    if (isnan(change))
        snprintf(text, 16, "%s", none);
    else
        snprintf(text, 16, change == 0 ? "%.2f" : "%+.2f", 100 * change);
}

/* ---- JSON -------------------------------------------------------------------------------------------------------------- */

static void add_difference(mseg_json *object, const mseg_difference *d)
{
    mseg_json_add_number(object, "a", d->a);
    mseg_json_add_number(object, "b", d->b);
    mseg_json_add_number(object, "difference", d->change);
    mseg_json_add_number(object, "low", d->low);
    mseg_json_add_number(object, "high", d->high);
    mseg_json_add_int(object, "samples", d->samples);
    if (isnan(d->low))
        mseg_json_add_null(object, "excludes_zero");
    else
        mseg_json_add_bool(object, "excludes_zero", mseg_difference_sign(d) != 0);
}

static void add_side(mseg_json *root, const char *key, const char *file, const mseg_score *score)
{
    char name[64], value[512];
    mseg_json *side = mseg_json_add_object(root, key);
    mseg_json_add_string(side, "file", file);
    mseg_json_add_int(side, "classes_present", score->classes_present);
    mseg_json *settings = mseg_json_add_object(side, "settings");
    for (const char *line = score->settings; mseg_next_setting(&line, name, value);)
        mseg_json_add_string(settings, name, value);
    mseg_report_add_notes(side, score);
}

static void add_classes(mseg_json *root, const mseg_comparison *c)
{
    mseg_json *classes = mseg_json_add_array(root, "per_class");
    for (int i = 0; i < c->classes; i++) {
        mseg_json *one = mseg_json_add_object(classes, NULL);
        mseg_json_add_int(one, "id", c->per_class[i].id);
        mseg_json_add_string(one, "name", c->per_class[i].name);
        mseg_json_add_bool(one, "ignored", c->per_class[i].ignored);
        mseg_json_add_bool(one, "averaged", c->per_class[i].averaged);
        mseg_json_add_int(one, "images", (int64_t)c->per_class[i].images);
        add_difference(one, &c->per_class[i].iou);
    }
}

static void add_images(mseg_json *root, const mseg_comparison *c)
{
    mseg_json_add_int(root, "images_better", (int64_t)c->better);
    mseg_json_add_int(root, "images_worse", (int64_t)c->worse);
    mseg_json_add_int(root, "images_same", (int64_t)c->same);
    mseg_json *images = mseg_json_add_array(root, "per_image");
    for (size_t i = 0; i < c->images; i++) {
        mseg_json *one = mseg_json_add_object(images, NULL);
        mseg_json_add_string(one, "id", c->per_image[i].id);
        mseg_json_add_number(one, "a", c->per_image[i].a);
        mseg_json_add_number(one, "b", c->per_image[i].b);
        mseg_json_add_number(one, "difference", c->per_image[i].change);
    }
}

char *mseg_comparison_json_text(const mseg_comparison_report *report)
{
    const mseg_comparison *c = report->comparison;
    mseg_json *root = mseg_json_object();
    add_side(root, "a", report->a, &c->a);
    add_side(root, "b", report->b, &c->b);
    mseg_json_add_int(root, "images", (int64_t)c->images);
    mseg_json_add_int(root, "samples", c->samples);
    mseg_json_add_int(root, "seed", (int64_t)c->seed);
    mseg_json_add_number(root, "confidence", 0.95);
    add_difference(mseg_json_add_object(root, "miou"), &c->miou);
    add_difference(mseg_json_add_object(root, "mean_dice"), &c->dice);
    add_difference(mseg_json_add_object(root, "pixel_accuracy"), &c->pixel_accuracy);
    add_difference(mseg_json_add_object(root, "mean_boundary_iou"), &c->boundary_iou);
    add_classes(root, c);
    add_images(root, c);
    if (report->command)
        mseg_json_add_string(root, "command", report->command);
    mseg_json_add_string(root, "version", mseg_version());
    char *text = mseg_json_print(root, false);
    mseg_json_free(&root);
    return text;
}

mseg_status mseg_comparison_json(FILE *file, const mseg_comparison_report *report, mseg_error *err)
{
    char *text = mseg_comparison_json_text(report);
    if (!text)
        return mseg_fail(err, MSEG_NOMEM, NULL);
    fprintf(file, "%s\n", text);
    free(text);
    return MSEG_OK;
}

/* ---- text -------------------------------------------------------------------------------------------------------------- */

static int widest_name(const mseg_comparison *c)
{
    int width = (int)strlen("mean Dice (F1)");
    for (int i = 0; i < c->classes; i++)
        if ((int)strlen(c->per_class[i].name) > width)
            width = (int)strlen(c->per_class[i].name);
    return width;
}

static void print_percent(FILE *file, double value)
{
    if (isnan(value))
        fprintf(file, " %7s", "-");
    else
        fprintf(file, " %7.2f", 100 * value);
}

/* "70.34 71.00 +0.66 +0.31 .. +0.72 *" and the end of the line. */
static void print_difference(FILE *file, const mseg_difference *d)
{
    char change[16], low[16], high[16];
    mseg_change_text(change, d->change, "-");
    mseg_change_text(low, d->low, "-");
    mseg_change_text(high, d->high, "-");
    print_percent(file, d->a);
    print_percent(file, d->b);
    fprintf(file, " %7s  %7s .. %7s%s\n", change, low, high, mseg_difference_sign(d) ? "  *" : "");
}

static void print_classes(FILE *file, const mseg_comparison *c, int width)
{
    fprintf(file, "%-*s %7s %7s %7s %7s  %18s\n", width, "class", "images", "IoU A", "IoU B", "B - A", "95 % interval");
    for (int i = 0; i < c->classes; i++) {
        fprintf(file, "%-*s %7zu", width, c->per_class[i].name, c->per_class[i].images);
        print_difference(file, &c->per_class[i].iou);
    }
}

static void print_mean(FILE *file, int width, const char *name, const mseg_difference *d)
{
    fprintf(file, "%-*s %7s", width, name, "");
    print_difference(file, d);
}

static void print_changed(FILE *file, const mseg_comparison *c, bool worse)
{
    const mseg_image_difference *image;
    for (size_t n = 0; (image = mseg_most_changed(c, n, worse)); n++) {
        char change[16];
        mseg_change_text(change, image->change, "-");
        if (!n)
            fprintf(file, "\n%8s %7s %7s  images that %s most, by mIOU\n", "B - A", "A", "B", worse ? "lost" : "improved");
        fprintf(file, "%8s", change);
        print_percent(file, image->a);
        print_percent(file, image->b);
        fprintf(file, "  %s\n", image->id);
    }
}

static void print_settings(FILE *file, const mseg_comparison *c)
{
    mseg_setting_pair pair;
    for (int place = 0; mseg_next_difference(&pair, &place, c);)
        fprintf(file, "%s: %s -> %s\n", pair.name, *pair.a ? pair.a : "(none)", *pair.b ? pair.b : "(none)");
}

/* Usually the same classes on both sides; one may predict a class that the other, like the ground truth, never has. */
static void print_means_over(FILE *file, const mseg_comparison *c)
{
    const int a = c->a.classes_present, b = c->b.classes_present;
    if (a == b)
        fprintf(file, "means over %d of %d classes\n", a, c->a.classes_averaged);
    else
        fprintf(file, "means over %d (A) and %d (B) of %d classes\n", a, b, c->a.classes_averaged);
}

void mseg_comparison_text(FILE *file, const mseg_comparison_report *report)
{
    const mseg_comparison *c = report->comparison;
    const int width = widest_name(c);
    char images[32], samples[32];
    fprintf(file, "A: %s\nB: %s\n", report->a, report->b);
    print_settings(file, c);
    fputc('\n', file);
    print_classes(file, c, width);
    fputc('\n', file);
    print_mean(file, width, "mIOU", &c->miou);
    print_mean(file, width, "mean Dice (F1)", &c->dice);
    print_mean(file, width, "pixel accuracy", &c->pixel_accuracy);
    print_mean(file, width, "boundary IoU", &c->boundary_iou);
    print_means_over(file, c);
    fprintf(file,
            "\nin %%, B - A in percentage points; *: the interval excludes 0\n-: nothing to divide by, or an interval from fewer "
            "than %d images\n",
            MSEG_INTERVAL_IMAGES);
    fprintf(file, "%s resamples of %s image%s, seed %llu\n", mseg_grouped(samples, (uint64_t)c->samples),
            mseg_grouped(images, c->images), c->images == 1 ? "" : "s", (unsigned long long)c->seed);
    fprintf(file, "images by their mIOU: %zu better, %zu worse, %zu the same\n", c->better, c->worse, c->same);
    print_changed(file, c, false);
    print_changed(file, c, true);
}
