#include "seg/judge/labelmap.h"
#include "seg/mseg.h"

#include <stdlib.h>
#include <string.h>

#include "base/text_file.h"

enum { NO_LABEL = -1, TABLE = 1024, MAX_MAP = 1 << 20 };

void mseg_mask_rules_init(mseg_mask_rules *rules, const mseg_palette *palette, int ignore)
{
    *rules = (mseg_mask_rules){.palette = *palette, .ignore = ignore};
    for (int id = 0; id < 256; id++)
        rules->map[id] = palette->listed[id] || id == ignore ? (int16_t)id : NO_LABEL;
}

bool mseg_mask_ignores(const mseg_mask_rules *rules, int id)
{
    if (id == rules->ignore || !rules->left_out[id])
        return id == rules->ignore;
    for (int from = 0; from < 256; from++)
        if (rules->map[from] == id)
            return false;
    return true;
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
    if (target < 0 || (!rules->palette.listed[target] && target != rules->ignore))
        return mseg_fail(err, MSEG_MISMATCH, "'%.40s' is neither a class nor the ignore label", to);
    if (source < 256 ? map[source] != NO_LABEL : *others != NO_LABEL)
        return mseg_fail(err, MSEG_FORMAT, "%.40s is mapped twice", from);
    if (source < 256) {
        map[source] = (int16_t)target;
        rules->left_out[source] = target == rules->ignore;
    } else {
        *others = target;
    }
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

void mseg_mask_reduce_zero(mseg_mask_rules *rules)
{
    for (int id = 0; id < 256; id++)
        rules->map[id] = (int16_t)(id && rules->palette.listed[id - 1] ? id - 1 : NO_LABEL);
    rules->map[0] = rules->map[255] = (int16_t)rules->ignore;
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
    return mseg_fail(err, MSEG_MISMATCH, "label %d is not %s: %llu pixel%s, the first at x %d, y %d", id,
                     rules->palette.listed[id] ? "in the map" : "a class", (unsigned long long)count, count == 1 ? "" : "s",
                     first_x, first_y);
}

/* used[id]: whether the id occurs. */
static void find_used(bool used[256], const mseg_image *image)
{
    memset(used, 0, 256 * sizeof *used);
    for (int y = 0; y < image->height; y++) {
        const uint8_t *row = image->data + (size_t)y * image->stride;
        for (int x = 0; x < image->width; x = mseg_run_end(row, x, image->width))
            used[row[x]] = true;
    }
}

static mseg_status map_ids(mseg_image *image, const bool used[256], const mseg_mask_rules *rules, mseg_error *err)
{
    bool identity = true;
    for (int id = 0; id < 256; id++) {
        if (used[id] && rules->map[id] == NO_LABEL)
            return stray_id(image, rules, err);
        identity = identity && (!used[id] || rules->map[id] == id);
    }
    for (int y = 0; y < image->height && !identity; y++) {
        uint8_t *row = image->data + (size_t)y * image->stride;
        for (int x = 0; x < image->width; x++)
            row[x] = (uint8_t)rules->map[row[x]];
    }
    return MSEG_OK;
}

/* ---- colours ----------------------------------------------------------------------------------------------------------- */

/* The classes and the ignore label by colour: open addressing, id + 1, 0 = free. twin: the next class of the same colour + 1, 0 =
 * none. */
typedef struct color_table {
    uint16_t slots[TABLE], twin[256];
    const mseg_mask_rules *rules;
} color_table;

static uint16_t *slot_of(color_table *table, const uint8_t rgb[3])
{
    unsigned i = ((unsigned)rgb[0] * 37 + (unsigned)rgb[1] * 101 + (unsigned)rgb[2] * 211) % TABLE;
    while (table->slots[i] && memcmp(table->rules->palette.colors.rgb[table->slots[i] - 1], rgb, 3) != 0)
        i = (i + 1) % TABLE;
    return &table->slots[i];
}

static void index_colors(color_table *table, const mseg_mask_rules *rules)
{
    *table = (color_table){.rules = rules};
    for (int id = 255; id >= 0; id--) {
        if (!rules->palette.listed[id] && id != rules->ignore)
            continue;
        uint16_t *slot = slot_of(table, rules->palette.colors.rgb[id]);
        if (*slot && !rules->palette.listed[*slot - 1]) /* a class goes before the ignore label */
            *slot = 0;
        if (*slot && !rules->palette.listed[id])
            continue;
        table->twin[id] = *slot;
        *slot = (uint16_t)(id + 1);
    }
}

/* The id of a colour, NO_LABEL when there is none; *twin: another class of that colour, else 0. */
static int id_of(color_table *table, const uint8_t rgb[3], int *twin)
{
    const int id = *slot_of(table, rgb) - 1;
    *twin = id == NO_LABEL ? 0 : table->twin[id] - 1;
    *twin = *twin < 0 ? 0 : *twin;
    return id;
}

static mseg_status fail_twins(const mseg_mask_rules *rules, int id, int twin, mseg_error *err)
{
    const mseg_palette *p = &rules->palette;
    return mseg_fail(err, MSEG_UNSUPPORTED,
                     "colour %d,%d,%d is that of class %d (%.40s) and of class %d (%.40s): give masks of ids",
                     p->colors.rgb[id][0], p->colors.rgb[id][1], p->colors.rgb[id][2], id, p->names[id], twin, p->names[twin]);
}

/* A map is of ids: whether it holds for the classes of colours too cannot be known. */
static mseg_status fail_mapped(const mseg_mask_rules *rules, int id, mseg_error *err)
{
    return mseg_fail(
        err, MSEG_MISMATCH,
        "holds colours of classes (class %d), and the map of ids makes another of %d: leave the map out, or give masks of ids",
        id, rules->palette.listed[id] ? id : rules->ignore);
}

static mseg_status fail_unknown(const uint8_t rgb[3], int x, int y, uint64_t count, mseg_error *err)
{
    return mseg_fail(err, MSEG_MISMATCH, "colour %d,%d,%d is not in the palette: x %d, y %d; %llu pixel%s of unknown colours",
                     rgb[0], rgb[1], rgb[2], x, y, (unsigned long long)count, count == 1 ? "" : "s");
}

static bool may_ignore(const mseg_mask_rules *rules)
{
    return rules->unknown_is_ignore && rules->ignore >= 0;
}

/* The ids of the colours. Unknown ones become the ignore label or, where they may not, an error. */
static mseg_status map_colors(mseg_image *ids, const mseg_image *rgb, const mseg_mask_rules *rules, bool unknown_is_ignore,
                              uint64_t *unknown, mseg_error *err)
{
    color_table table;
    int first_x = 0, first_y = 0, id = NO_LABEL, twin = 0;
    const uint8_t *last = NULL, *first = NULL;
    *unknown = 0;
    index_colors(&table, rules);
    for (int y = 0; y < rgb->height; y++)
        for (int x = 0; x < rgb->width; x++) {
            const uint8_t *pixel = rgb->data + (size_t)y * rgb->stride + 3 * (size_t)x;
            if (!last || memcmp(pixel, last, 3) != 0)
                id = id_of(&table, pixel, &twin);
            if (twin)
                return fail_twins(rules, id, twin, err);
            if (id != NO_LABEL && rules->map[id] != id)
                return fail_mapped(rules, id, err);
            last = pixel;
            ids->data[(size_t)y * ids->stride + (size_t)x] = (uint8_t)(id == NO_LABEL ? rules->ignore : id);
            if (id != NO_LABEL || (*unknown)++)
                continue;
            first = pixel;
            first_x = x;
            first_y = y;
        }
    return first && !unknown_is_ignore ? fail_unknown(first, first_x, first_y, *unknown, err) : MSEG_OK;
}

static bool channels_are_equal(const mseg_image *rgb)
{
    for (int y = 0; y < rgb->height; y++) {
        const uint8_t *row = rgb->data + (size_t)y * rgb->stride;
        for (int x = 0; x < rgb->width; x++)
            if (row[3 * x] != row[3 * x + 1] || row[3 * x] != row[3 * x + 2])
                return false;
    }
    return true;
}

static mseg_status read_rgb_as_ids(mseg_image *ids, const mseg_image *rgb, const mseg_mask_rules *rules, mseg_error *err)
{
    bool used[256];
    if (!channels_are_equal(rgb))
        return mseg_fail(err, MSEG_MISMATCH, "an RGB file whose channels differ holds colours, not ids");
    for (int y = 0; y < rgb->height; y++)
        for (int x = 0; x < rgb->width; x++)
            ids->data[(size_t)y * ids->stride + (size_t)x] = rgb->data[(size_t)y * rgb->stride + 3 * (size_t)x];
    find_used(used, ids);
    return map_ids(ids, used, rules, err);
}

/* Three equal channels, AUTO: colours, or ids when not all of them are colours; an error when both fit and differ. */
static mseg_status read_gray_rgb(mseg_image *ids, const mseg_image *rgb, const mseg_mask_rules *rules, uint64_t *unknown,
                                 mseg_error *err)
{
    mseg_image colors = {0};
    mseg_error why = {0};
    if (mseg_image_create(&colors, rgb->width, rgb->height, MSEG_GRAY))
        return mseg_fail(err, MSEG_NOMEM, NULL);
    mseg_status as_colors = map_colors(&colors, rgb, rules, false, unknown, &why), status = MSEG_OK;
    const bool as_ids = !read_rgb_as_ids(ids, rgb, rules, NULL);
    if (as_colors == MSEG_UNSUPPORTED) /* colours that two classes share */
        status = mseg_fail(err, as_colors, "%s", why.text);
    else if (as_colors && as_ids)
        *unknown = 0;
    else if (as_colors) /* neither: what was asked for unknown colours */
        status = map_colors(ids, rgb, rules, may_ignore(rules), unknown, err);
    else if (as_ids && memcmp(ids->data, colors.data, ids->stride * (size_t)ids->height) != 0)
        status =
            mseg_fail(err, MSEG_MISMATCH,
                      "three equal channels that are ids and colours of other classes; --read-masks ids or colors tells which");
    else if (!as_ids)
        memcpy(ids->data, colors.data, ids->stride * (size_t)ids->height);
    mseg_image_free(&colors);
    return status;
}

static mseg_status read_rgb(mseg_image *ids, const mseg_image *rgb, const mseg_mask_rules *rules, uint64_t *unknown,
                            mseg_error *err)
{
    if (mseg_image_create(ids, rgb->width, rgb->height, MSEG_GRAY))
        return mseg_fail(err, MSEG_NOMEM, NULL);
    if (rules->read == MSEG_READ_IDS)
        return read_rgb_as_ids(ids, rgb, rules, err);
    if (rules->read == MSEG_READ_AUTO && channels_are_equal(rgb))
        return read_gray_rgb(ids, rgb, rules, unknown, err);
    return map_colors(ids, rgb, rules, may_ignore(rules), unknown, err);
}

static bool has_color(const mseg_palette *palette, int id, const uint8_t rgb[3])
{
    return id >= 0 && !memcmp(palette->colors.rgb[id], rgb, 3);
}

/* An indexed file whose used entries all have a colour of the palette, one of them at an index that means something else, both by
 * itself and by the map. */
static mseg_status check_palette(const bool used[256], const mseg_colors *colors, const mseg_mask_rules *rules, mseg_error *err)
{
    color_table table;
    int index = -1, meant = 0;
    index_colors(&table, rules);
    for (int i = 0; i < 256; i++) {
        if (!used[i])
            continue;
        int twin, id = i < colors->count ? id_of(&table, colors->rgb[i], &twin) : NO_LABEL;
        if (id == NO_LABEL)
            return MSEG_OK;
        const bool in_place = (rules->palette.listed[i] && has_color(&rules->palette, i, colors->rgb[i])) ||
                              has_color(&rules->palette, rules->map[i], colors->rgb[i]);
        if (!in_place && index < 0) {
            index = i;
            meant = id;
        }
    }
    if (index < 0)
        return MSEG_OK;
    return mseg_fail(
        err, MSEG_MISMATCH,
        "its palette has the classes' colours at other indices (%d has that of %d, %.40s); --read-masks colors or ids tells "
        "which counts",
        index, meant, rules->palette.listed[meant] ? rules->palette.names[meant] : "the ignore label");
}

/* Each index of an indexed file by its colour; each value of a gray one as a gray colour. */
static mseg_status indices_to_colors(mseg_image *ids, const mseg_colors *colors, const mseg_mask_rules *rules, uint64_t *unknown,
                                     mseg_error *err)
{
    mseg_image rgb = {0};
    if (mseg_image_create(&rgb, ids->width, ids->height, MSEG_RGB))
        return mseg_fail(err, MSEG_NOMEM, NULL);
    for (int y = 0; y < ids->height; y++)
        for (int x = 0; x < ids->width; x++) {
            const int i = ids->data[(size_t)y * ids->stride + (size_t)x];
            for (int c = 0; c < 3; c++)
                rgb.data[(size_t)y * rgb.stride + 3 * (size_t)x + (size_t)c] = colors->count ? colors->rgb[i][c] : (uint8_t)i;
        }
    mseg_status status = map_colors(ids, &rgb, rules, may_ignore(rules), unknown, err);
    mseg_image_free(&rgb);
    return status;
}

static mseg_status read_indices(mseg_image *ids, const mseg_colors *colors, const mseg_mask_rules *rules, uint64_t *unknown,
                                mseg_error *err)
{
    bool used[256];
    find_used(used, ids);
    for (int i = colors->count; colors->count && i < 256; i++)
        if (used[i] && rules->read == MSEG_READ_COLORS)
            return mseg_fail(err, MSEG_FORMAT, "index %d is beyond its palette of %d colours", i, colors->count);
    if (rules->read == MSEG_READ_COLORS)
        return indices_to_colors(ids, colors, rules, unknown, err);
    mseg_status status = MSEG_OK;
    if (rules->read == MSEG_READ_AUTO && colors->count)
        status = check_palette(used, colors, rules, err);
    return status ? status : map_ids(ids, used, rules, err);
}

mseg_status mseg_mask_read(mseg_image *ids, const char *path, const mseg_mask_rules *rules, const mseg_limits *limits,
                           uint64_t *unknown, mseg_error *err)
{
    mseg_image stored = {0};
    mseg_colors colors;
    uint64_t strangers = 0;
    *ids = (mseg_image){0};
    mseg_status status = mseg_image_read_labels(&stored, &colors, path, limits, err);
    if (!status && stored.format == MSEG_GRAY) {
        *ids = stored;
        stored = (mseg_image){0};
        status = read_indices(ids, &colors, rules, &strangers, err);
    } else if (!status) {
        status = read_rgb(ids, &stored, rules, &strangers, err);
    }
    mseg_image_free(&stored);
    if (status)
        mseg_image_free(ids);
    if (unknown)
        *unknown = strangers;
    return status;
}
