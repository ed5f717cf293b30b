#include "seg/labelmap.h"
#include "seg/mseg.h"

#include <stdlib.h>
#include <string.h>

#include "base/text_file.h"

enum { NO_LABEL = -1, TABLE = 1024, MAX_MAP = 1 << 20 };

void mseg_mask_rules_init(mseg_mask_rules *rules, const mseg_palette *palette, int ignore)
{
    *rules = (mseg_mask_rules){.palette = *palette, .ignore = ignore};
    for (int id = 0; id < 256; id++)
        rules->map[id] = id < palette->entries || id == ignore ? (int16_t)id : NO_LABEL;
}

/* ---- maps -------------------------------------------------------------------------------------------------------------- */

/* A number from 0 to 255, else -1. */
static int parse_id(const char *word)
{
    char *end;
    long value = strtol(word, &end, 10);
    return end != word && !*end && value >= 0 && value <= 255 ? (int)value : -1;
}

static mseg_status map_line(mseg_mask_rules *rules, int16_t map[256], int *others, const char *from, const char *to,
                            mseg_error *err)
{
    int source = strcmp(from, "*") ? parse_id(from) : 256;
    int target = strcmp(to, "ignore") ? parse_id(to) : rules->ignore;
    if (source < 0)
        return mseg_fail(err, MSEG_FORMAT, "'%.40s' is neither an id from 0 to 255 nor *", from);
    if (target < 0 || (target >= rules->palette.entries && target != rules->ignore))
        return mseg_fail(err, MSEG_MISMATCH, "'%.40s' is neither a class (0 to %d) nor the ignore label", to,
                         rules->palette.entries - 1);
    if (source < 256 ? map[source] != NO_LABEL : *others != NO_LABEL)
        return mseg_fail(err, MSEG_FORMAT, "%.40s is mapped twice", from);
    if (source < 256)
        map[source] = (int16_t)target;
    else
        *others = target;
    return MSEG_OK;
}

/* One line without its newline: nothing, a comment or a pair. */
static mseg_status parse_line(mseg_mask_rules *rules, char *line, int16_t map[256], int *others, mseg_error *err)
{
    static const char blanks[] = " \t\r\v\f";
    char *words[3] = {NULL}, *rest = line;
    int n = 0;
    line[strcspn(line, "#")] = 0;
    for (char *word; n < 3 && (word = strtok_r(rest, blanks, &rest)); n++)
        words[n] = word;
    if (n == 2)
        return map_line(rules, map, others, words[0], words[1], err);
    return n ? mseg_fail(err, MSEG_FORMAT, "expected two words: an id and a class or 'ignore'") : MSEG_OK;
}

/* Parses size bytes of text, which are changed; text[size] is 0. */
static mseg_status parse_map(mseg_mask_rules *rules, char *text, size_t size, int16_t map[256], mseg_error *err)
{
    int others = NO_LABEL;
    if (strlen(text) != size)
        return mseg_fail(err, MSEG_FORMAT, "not a map: a text file of lines \"from to\"");
    char *line = text;
    for (int number = 1; line; number++) {
        mseg_error why = {0};
        char *end = strchr(line, '\n');
        if (end)
            *end = 0;
        mseg_status status = parse_line(rules, line, map, &others, &why);
        if (status)
            return mseg_fail(err, status, "line %d: %s", number, why.text);
        line = end ? end + 1 : NULL;
    }
    for (int id = 0; id < 256; id++)
        if (map[id] == NO_LABEL)
            map[id] = (int16_t)(id == rules->ignore && others == NO_LABEL ? id : others);
    return MSEG_OK;
}

mseg_status mseg_mask_map_load(mseg_mask_rules *rules, const char *path, mseg_error *err)
{
    int16_t map[256];
    char *text;
    size_t size;
    mseg_status status = mseg_text_file_read(&text, &size, path, MAX_MAP, err);
    if (status)
        return status;
    for (int id = 0; id < 256; id++)
        map[id] = NO_LABEL;
    status = parse_map(rules, text, size, map, err);
    free(text);
    if (!status)
        memcpy(rules->map, map, sizeof map);
    return status;
}

/* ---- ids --------------------------------------------------------------------------------------------------------------- */

static mseg_status stray_id(const mseg_image *image, const mseg_mask_rules *rules, mseg_error *err)
{
    uint64_t count = 0;
    int first_x = 0, first_y = 0, id = 0;
    for (int y = 0; y < image->height; y++)
        for (int x = 0; x < image->width; x++) {
            int here = image->data[(size_t)y * image->stride + (size_t)x];
            if (rules->map[here] != NO_LABEL || (count && here != id))
                continue;
            if (!count++) {
                id = here;
                first_x = x;
                first_y = y;
            }
        }
    return mseg_fail(err, MSEG_MISMATCH, "label %d is not a class: %llu pixel%s, the first at x %d, y %d", id,
                     (unsigned long long)count, count == 1 ? "" : "s", first_x, first_y);
}

static mseg_status map_ids(mseg_image *image, const mseg_mask_rules *rules, mseg_error *err)
{
    int any = 0;
    bool identity = true;
    for (int id = 0; id < 256; id++)
        identity = identity && (rules->map[id] == id || rules->map[id] == NO_LABEL);
    for (int y = 0; y < image->height; y++) {
        const uint8_t *row = image->data + (size_t)y * image->stride;
        for (int x = 0; x < image->width; x = mseg_run_end(row, x, image->width))
            any |= rules->map[row[x]];
    }
    if (any < 0)
        return stray_id(image, rules, err);
    for (int y = 0; y < image->height && !identity; y++) {
        uint8_t *row = image->data + (size_t)y * image->stride;
        for (int x = 0; x < image->width; x++)
            row[x] = (uint8_t)rules->map[row[x]];
    }
    return MSEG_OK;
}

/* ---- colours ----------------------------------------------------------------------------------------------------------- */

/* The palette by colour: open addressing, id + 1, 0 = free. */
typedef struct color_table {
    uint16_t slots[TABLE];
    const uint8_t (*rgb)[3];
} color_table;

static uint16_t *slot_of(color_table *table, const uint8_t rgb[3])
{
    unsigned i = ((unsigned)rgb[0] * 37 + (unsigned)rgb[1] * 101 + (unsigned)rgb[2] * 211) % TABLE;
    while (table->slots[i] && memcmp(table->rgb[table->slots[i] - 1], rgb, 3) != 0)
        i = (i + 1) % TABLE;
    return &table->slots[i];
}

static mseg_status index_colors(color_table *table, const mseg_mask_rules *rules, mseg_error *err)
{
    const mseg_palette *palette = &rules->palette;
    *table = (color_table){.rgb = palette->rgb};
    for (int id = 0; id < 256; id++) {
        if (id >= palette->entries && id != rules->ignore)
            continue;
        uint16_t *slot = slot_of(table, palette->rgb[id]);
        if (*slot && id < palette->entries)
            return mseg_fail(err, MSEG_MISMATCH, "colours cannot be told apart: classes %d and %d are both %d,%d,%d", *slot - 1,
                             id, palette->rgb[id][0], palette->rgb[id][1], palette->rgb[id][2]);
        if (!*slot)
            *slot = (uint16_t)(id + 1);
    }
    return MSEG_OK;
}

static mseg_status map_colors(mseg_image *ids, const mseg_image *rgb, const mseg_mask_rules *rules, uint64_t *unknown,
                              mseg_error *err)
{
    color_table table;
    mseg_status status = index_colors(&table, rules, err);
    int first_x = 0, first_y = 0, id = NO_LABEL;
    const uint8_t *last = NULL, *first = NULL;
    *unknown = 0;
    for (int y = 0; y < rgb->height && !status; y++)
        for (int x = 0; x < rgb->width; x++) {
            const uint8_t *pixel = rgb->data + (size_t)y * rgb->stride + 3 * (size_t)x;
            if (!last || memcmp(pixel, last, 3) != 0)
                id = *slot_of(&table, pixel) - 1;
            last = pixel;
            ids->data[(size_t)y * ids->stride + (size_t)x] = (uint8_t)(id == NO_LABEL ? rules->ignore : id);
            if (id != NO_LABEL || (*unknown)++)
                continue;
            first = pixel;
            first_x = x;
            first_y = y;
        }
    if (!status && first && (!rules->unknown_is_ignore || rules->ignore < 0))
        return mseg_fail(err, MSEG_MISMATCH, "colour %d,%d,%d is not in the palette: x %d, y %d; %llu pixel%s of unknown colours",
                         first[0], first[1], first[2], first_x, first_y, (unsigned long long)*unknown, *unknown == 1 ? "" : "s");
    return status;
}

mseg_status mseg_mask_read(mseg_image *ids, const char *path, const mseg_mask_rules *rules, const mseg_limits *limits,
                           uint64_t *unknown, mseg_error *err)
{
    mseg_image stored = {0};
    uint64_t strangers = 0;
    *ids = (mseg_image){0};
    mseg_status status = mseg_image_read_labels(&stored, path, limits, err);
    if (!status && stored.channels == 1) {
        *ids = stored;
        stored = (mseg_image){0};
        status = map_ids(ids, rules, err);
    } else if (!status) {
        status = mseg_image_create(ids, stored.width, stored.height, 1);
        if (status)
            mseg_fail(err, status, NULL);
        else
            status = map_colors(ids, &stored, rules, &strangers, err);
    }
    mseg_image_free(&stored);
    if (status)
        mseg_image_free(ids);
    if (unknown)
        *unknown = strangers;
    return status;
}
