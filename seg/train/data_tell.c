#include <stdio.h>
#include <string.h>

#include "seg/train/data_inside.h"

enum { MOST_LINES = 10, MOST_LISTED = 10, TEXT = 512 };

/* By fault; in the end photos of one colour, which are not left out. */
static const char *const kinds[MSEG_FAULTS + 1] = {
    [MSEG_FAULT_PHOTO] = "photos that cannot be read, left out",
    [MSEG_FAULT_MASK] = "masks that cannot be read, left out",
    [MSEG_FAULT_SIZES] = "masks that are not of their photo's size, left out",
    [MSEG_FAULT_IDS] = "masks with ids that are no class",
    [MSEG_FAULT_COLORS] = "masks with colours that are no class's",
    [MSEG_FAULT_UNCLEAR] = "labels that do not fit the classes",
    [MSEG_FAULTS] = "photos of one colour",
};

static void say(const mseg_train_data *data, const char *file, const char *text)
{
    if (data->note)
        data->note(data->context, MSEG_TRAIN_WARNING, file, text);
}

/* ---- by file ------------------------------------------------------------------------------------------------------------ */

static void tell_sample(const mseg_train_data *data, size_t index, const mseg_train_finding *finding, size_t told[])
{
    const mseg_train_sample *sample = &data->options.samples[index];
    char text[TEXT];
    if (finding->fault != MSEG_FAULT_NOTHING && told[finding->fault]++ < MOST_LINES) {
        snprintf(text, sizeof text, "%s%s", finding->text, finding->fault < MSEG_FAULT_IDS ? "; left out" : "");
        say(data, mseg_train_file_of(sample, finding->fault), text);
    }
    if (finding->uniform && told[MSEG_FAULTS]++ < MOST_LINES) {
        snprintf(text, sizeof text, "is %d,%d,%d all over: is it the right file?", finding->rgb[0], finding->rgb[1],
                 finding->rgb[2]);
        say(data, sample->photo, text);
    }
}

static void tell_samples(const mseg_train_data *data, const mseg_train_findings *findings, size_t told[])
{
    for (size_t i = 0; i < data->options.count; i++)
        tell_sample(data, i, &findings->samples[i], told);
    for (int kind = MSEG_FAULT_PHOTO; kind <= MSEG_FAULTS; kind++) {
        char text[TEXT];
        if (told[kind] <= MOST_LINES)
            continue;
        snprintf(text, sizeof text, "%s: %zu more", kinds[kind], told[kind] - MOST_LINES);
        say(data, NULL, text);
    }
}

/* ---- refusals ----------------------------------------------------------------------------------------------------------- */

/* The first sample with that fault: the name of its file without its folder, and what is wrong. */
static const char *first_of(const mseg_train_data *data, const mseg_train_findings *findings, mseg_train_fault fault,
                            const char **text)
{
    size_t i = 0;
    while (i + 1 < data->options.count && (fault ? findings->samples[i].fault != fault : !findings->samples[i].fault))
        i++;
    const char *path = mseg_train_file_of(&data->options.samples[i], findings->samples[i].fault), *slash = strrchr(path, '/');
    *text = findings->samples[i].text;
    return slash ? slash + 1 : path;
}

static void list_ids(char *out, size_t size, const bool ids[256])
{
    size_t used = 0;
    int n = 0;
    for (int id = 0; id < 256; id++)
        if (ids[id] && n++ < MOST_LISTED)
            used += (size_t)snprintf(out + used, size - used, "%s%d", n > 1 ? ", " : "", id);
    if (n > MOST_LISTED)
        snprintf(out + used, size - used, " and %d more", n - MOST_LISTED);
}

static mseg_status refuse_ids(const mseg_train_data *data, const mseg_train_findings *findings, size_t files, mseg_error *err)
{
    char ids[80];
    list_ids(ids, sizeof ids, findings->strays);
    return mseg_fail(err, MSEG_MISMATCH,
                     "%zu of %zu masks %s ids that are none of the %d classes (%s): --classes FILE lists the classes, --map FILE "
                     "makes classes of ids, --ignore N leaves an id out",
                     files, findings->masks, files == 1 ? "holds" : "hold", data->options.rules->palette.count, ids);
}

static mseg_status refuse_labels(const mseg_train_data *data, const mseg_train_findings *findings, mseg_train_fault fault,
                                 size_t files, mseg_error *err)
{
    const char *text, *name = first_of(data, findings, fault, &text);
    if (fault == MSEG_FAULT_COLORS)
        return mseg_fail(err, MSEG_MISMATCH,
                         "%zu of %zu masks %s colours that are no class's: --classes FILE gives classes their colours, "
                         "--read-masks ids or colors tells what counts",
                         files, findings->masks, files == 1 ? "holds" : "hold");
    return mseg_fail(err, MSEG_MISMATCH, "%zu of %zu samples %s not fit the classes; %.60s: %s", files, data->options.count,
                     files == 1 ? "does" : "do", name, text);
}

static mseg_status refuse_nothing(const mseg_train_data *data, const mseg_train_findings *findings, mseg_error *err)
{
    if (!data->options.count)
        return mseg_fail(err, MSEG_MISMATCH, "there are no photos to train on");
    const char *text, *name = first_of(data, findings, MSEG_FAULT_NOTHING, &text);
    return mseg_fail(err, MSEG_MISMATCH, "nothing is left to train on; %.60s: %s", name, text);
}

/* ---- classes ------------------------------------------------------------------------------------------------------------ */

/* Whether id is a class that counts. */
static bool counts(const mseg_train_data *data, int id)
{
    return data->options.rules->palette.listed[id] && (data->options.classifier || !mseg_mask_ignores(data->options.rules, id));
}

/* Whether masks of one class hold what makes many think that it is there: 255 for the object. */
static bool may_be_255(const mseg_train_data *data)
{
    return !data->options.classifier && data->options.rules->ignore == 255 && data->figures.files[255];
}

static void tell_classes(const mseg_train_data *data)
{
    const mseg_palette *palette = &data->options.rules->palette;
    char text[TEXT];
    size_t used = 0;
    int never = 0, all = 0, only = 0;
    for (int id = 0; id < 256; id++) {
        if (!counts(data, id))
            continue;
        all++;
        if (data->figures.files[id])
            only = id;
        else if (never++ < MOST_LISTED)
            used +=
                (size_t)snprintf(text + used, sizeof text - used, "%s%d (%.20s)", never > 1 ? ", " : "", id, palette->names[id]);
    }
    if (!never)
        return;
    char line[2 * TEXT];
    int n = snprintf(line, sizeof line, "%d of %d classes never occur%s and cannot be learnt: %s", never, all,
                     never == 1 ? "s" : "", text);
    if (never > MOST_LISTED)
        n += snprintf(line + n, sizeof line - (size_t)n, " and %d more", never - MOST_LISTED);
    if (never == all - 1)
        snprintf(line + n, sizeof line - (size_t)n, "; all that counts is %d (%.20s)%s", only, palette->names[only],
                 may_be_255(data) ? ", 255 does not: a line '255 1' in a file for --map makes class 1 of it" : "");
    say(data, NULL, line);
}

static bool nothing_counts(const mseg_train_data *data)
{
    for (int id = 0; id < 256; id++)
        if (counts(data, id) && data->figures.files[id])
            return false;
    return true;
}

mseg_status mseg_train_tell(const mseg_train_data *data, const mseg_train_findings *findings, mseg_error *err)
{
    const bool labels = data->options.masks || data->options.classifier;
    size_t told[MSEG_FAULTS + 1] = {0};
    char text[TEXT];
    tell_samples(data, findings, told);
    if (told[MSEG_FAULT_IDS])
        return refuse_ids(data, findings, told[MSEG_FAULT_IDS], err);
    for (int fault = MSEG_FAULT_COLORS; fault < MSEG_FAULTS; fault++)
        if (told[fault])
            return refuse_labels(data, findings, (mseg_train_fault)fault, told[fault], err);
    if (!data->figures.used)
        return refuse_nothing(data, findings, err);
    if (labels && nothing_counts(data))
        return mseg_fail(err, MSEG_MISMATCH, "no pixel of any mask is of a class that counts");
    if (findings->unknown) {
        snprintf(text, sizeof text, "%llu pixels of unknown colours do not count, as asked",
                 (unsigned long long)findings->unknown);
        say(data, NULL, text);
    }
    if (labels)
        tell_classes(data);
    return MSEG_OK;
}
