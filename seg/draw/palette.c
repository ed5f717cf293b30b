#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/json.h"
#include "image/file.h"
#include "seg/draw/palette_data.h"
#include "seg/mseg.h"

enum { IDS = 256, MAX_FILE = 1 << 20 };

/* VOC devkit: bit j of r, g and b, from the top, is bit 3j, 3j + 1 and 3j + 2 of the id. */
static void voc_color(int id, uint8_t rgb[3])
{
    memset(rgb, 0, 3);
    for (int bit = 7; id; bit--, id >>= 3)
        for (int c = 0; c < 3; c++)
            rgb[c] = (uint8_t)(rgb[c] | ((id >> c) & 1) << bit);
}

/* No names, the colours of the bit rule. */
static void clear(mseg_palette *palette)
{
    palette->colors.count = IDS;
    for (int id = 0; id < IDS; id++) {
        voc_color(id, palette->colors.rgb[id]);
        palette->names[id] = "";
    }
}

/* Reads a number up to 255 and the blanks behind it, advancing *text; -1 when there is none. */
static int read_byte(const char **text)
{
    const char *c = *text;
    int value = 0;
    while (*c >= '0' && *c <= '9' && value <= 255)
        value = value * 10 + (*c++ - '0');
    if (c == *text || value > 255 || (*c && *c != ' ' && *c != '\t'))
        return -1;
    *text = c + strspn(c, " \t");
    return value;
}

static bool is_name(const char *name)
{
    for (const char *c = name; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            return false;
    return *name;
}

/* Lists a class; NULL, or what is wrong with it. */
static const char *add_class(mseg_palette *palette, int id, const int rgb[3], const char *name)
{
    if (palette->listed[id])
        return "this id was given before";
    if (!mseg_is_utf8(name))
        return "the name is not UTF-8: save the file as UTF-8";
    palette->listed[id] = true;
    palette->names[id] = name;
    palette->count++;
    for (int c = 0; c < 3; c++)
        palette->colors.rgb[id][c] = (uint8_t)rgb[c];
    if (palette->entries <= id)
        palette->entries = id + 1;
    return NULL;
}

/* "id r g b name". */
static const char *parse_table_line(mseg_palette *palette, char *line)
{
    const char *text = line;
    int numbers[4];
    for (int i = 0; i < 4; i++) {
        numbers[i] = read_byte(&text);
        if (numbers[i] < 0)
            return "expected \"id r g b name\" with numbers from 0 to 255";
    }
    if (!is_name(text))
        return "the class has no name (expected \"id r g b name\")";
    return add_class(palette, numbers[0], numbers + 1, text);
}

/* The numbers of "name:r,g,b:parts:actions" (parts and actions may be empty or missing); false when that is not its form. */
static bool read_labelmap_line(const char *line, int rgb[3])
{
    const char *colon = strchr(line, ':');
    int used = 0;
    return colon && colon > line && sscanf(colon, ":%3d,%3d,%3d%n", &rgb[0], &rgb[1], &rgb[2], &used) == 3 &&
           (!colon[used] || colon[used] == ':') && rgb[0] >= 0 && rgb[0] < IDS && rgb[1] >= 0 && rgb[1] < IDS && rgb[2] >= 0 &&
           rgb[2] < IDS;
}

static const char *parse_labelmap_line(mseg_palette *palette, char *line)
{
    int rgb[3];
    if (!read_labelmap_line(line, rgb))
        return "expected \"name:r,g,b:parts:actions\" (labelmap.txt) with numbers from 0 to 255";
    if (palette->entries == IDS)
        return "more than 256 classes";
    *strchr(line, ':') = 0;
    return is_name(line) ? add_class(palette, palette->entries, rgb, line) : "the class has no name";
}

/* One line without its newline: nothing, a comment or a class; the first class tells the form of the file. NULL, or what is
 * wrong. */
static const char *parse_line(mseg_palette *palette, char *line, bool *labelmap)
{
    int rgb[3];
    size_t n = strlen(line);
    while (n && strchr(" \t\r", line[n - 1]))
        line[--n] = 0;
    line += strspn(line, " \t");
    if (!*line || *line == '#')
        return NULL;
    if (!palette->count)
        *labelmap = read_labelmap_line(line, rgb);
    return (*labelmap ? parse_labelmap_line : parse_table_line)(palette, line);
}

/* Parses size bytes of text, which are changed and kept: the names point into them; text[size] is 0. */
static mseg_status parse(mseg_palette *palette, char *text, size_t size, mseg_error *err)
{
    bool labelmap = false;
    if (strlen(text) != size)
        return mseg_fail(err, MSEG_FORMAT, "not a palette: a text file of lines \"id r g b name\"");
    clear(palette);
    char *line = strncmp(text, "\xef\xbb\xbf", 3) ? text : text + 3;
    for (int number = 1; line; number++) {
        char *end = strchr(line, '\n');
        if (end)
            *end = 0;
        const char *trouble = parse_line(palette, line, &labelmap);
        if (trouble)
            return mseg_fail(err, MSEG_FORMAT, "line %d: %s", number, trouble);
        line = end ? end + 1 : NULL;
    }
    if (!palette->count)
        return mseg_fail(err, MSEG_FORMAT, "no class in the palette (expected lines \"id r g b name\")");
    return MSEG_OK;
}

const char *mseg_palette_text(const char *name)
{
    for (const mseg_palette_entry *t = mseg_palette_texts; t->name; t++)
        if (!strcmp(t->name, name))
            return t->text;
    return NULL;
}

static mseg_status fail_missing(const char *name, mseg_error *err)
{
    char known[128] = "";
    for (const mseg_palette_entry *t = mseg_palette_texts; t->name; t++)
        snprintf(known + strlen(known), sizeof known - strlen(known), "%s%s", t == mseg_palette_texts ? "" : ", ", t->name);
    return mseg_fail(err, MSEG_NOENT, "no palette \"%.80s\": neither built in (%s) nor a file", name, known);
}

/* The text of a built-in palette or of a file, to be freed with mseg_free. */
static mseg_status read_text(char **text, size_t *size, const char *name_or_file, mseg_error *err)
{
    const char *built_in = mseg_palette_text(name_or_file);
    FILE *in = NULL;
    *text = NULL;
    mseg_status status = built_in ? MSEG_OK : mseg_file_open(&in, name_or_file, MAX_FILE, err);
    if (status)
        return status == MSEG_NOENT ? fail_missing(name_or_file, err) : status;
    *text = mseg_alloc((built_in ? strlen(built_in) : MAX_FILE) + 1);
    if (!*text)
        status = mseg_fail(err, MSEG_NOMEM, NULL);
    else if (built_in)
        *size = strlen(strcpy(*text, built_in));
    else if (!(*size = fread(*text, 1, MAX_FILE, in)) || ferror(in))
        status = mseg_fail(err, MSEG_IO, "cannot read");
    if (in)
        fclose(in);
    return status;
}

mseg_status mseg_palette_load(mseg_palette *palette, const char *name_or_file, mseg_error *err)
{
    *palette = (mseg_palette){0};
    size_t size = 0;
    mseg_status status = read_text(&palette->text, &size, name_or_file, err);
    if (!status)
        status = parse(palette, palette->text, size, err);
    if (status)
        mseg_palette_free(palette);
    return status;
}

/* The name of each class in turn: with room NULL only measured. Returns the bytes of all. */
static size_t copy_names(mseg_palette *palette, char *room, const mseg_model *model, int classes)
{
    size_t used = 0;
    for (int id = 0; id < classes; id++) {
        char number[24];
        const char *label = mseg_model_label(model, id);
        snprintf(number, sizeof number, "class %d", id);
        const char *name = label ? label : number;
        if (room)
            palette->names[id] = strcpy(room + used, name);
        used += strlen(name) + 1;
    }
    return used;
}

mseg_status mseg_palette_from_model(mseg_palette *palette, const mseg_model *model, mseg_error *err)
{
    const mseg_model_info info = mseg_model_describe(model);
    *palette = (mseg_palette){0};
    if (info.labels != info.classes)
        return mseg_fail(err, MSEG_NOENT, "no names of the classes inside the model's file");
    if (info.classes > IDS)
        return mseg_fail(err, MSEG_LIMIT, "%d classes, more than the 256 of a palette", info.classes);
    palette->text = mseg_alloc(copy_names(palette, NULL, model, info.classes));
    if (!palette->text)
        return mseg_fail(err, MSEG_NOMEM, NULL);
    clear(palette);
    copy_names(palette, palette->text, model, info.classes);
    for (int id = 0; id < info.classes; id++)
        palette->listed[id] = true;
    palette->entries = palette->count = info.classes;
    return MSEG_OK;
}

bool mseg_is_background(const char *name)
{
    static const char word[] = "background";
    if (!name)
        return false;
    name += strspn(name, "_");
    return !strncasecmp(name, word, sizeof word - 1) && !name[sizeof word - 1 + strspn(name + sizeof word - 1, "_")];
}

void mseg_palette_free(mseg_palette *palette)
{
    mseg_free(&palette->text);
    *palette = (mseg_palette){0};
}

const char *mseg_palette_name(int index)
{
    for (int i = 0; i <= index; i++) {
        if (!mseg_palette_texts[i].name)
            return NULL;
        if (i == index)
            return mseg_palette_texts[i].name;
    }
    return NULL;
}
