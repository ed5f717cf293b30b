#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "image/file.h"
#include "seg/mseg.h"
#include "seg/palette_data.h"

enum { IDS = 256, MAX_FILE = 1 << 20 };

/* VOC devkit: bit j of r, g and b, from the top, is bit 3j, 3j + 1 and 3j + 2 of the id. */
static void voc_color(int id, uint8_t rgb[3])
{
    memset(rgb, 0, 3);
    for (int bit = 7; id; bit--, id >>= 3)
        for (int c = 0; c < 3; c++)
            rgb[c] = (uint8_t)(rgb[c] | ((id >> c) & 1) << bit);
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

/* One line without its newline: nothing, a comment or an entry. NULL, or what is wrong with it. */
static const char *parse_line(mseg_palette *palette, char *line)
{
    size_t n = strlen(line);
    while (n && strchr(" \t\r", line[n - 1]))
        line[--n] = 0;
    const char *text = line + strspn(line, " \t");
    if (!*text || *text == '#')
        return NULL;
    int numbers[4];
    for (int i = 0; i < 4; i++) {
        numbers[i] = read_byte(&text);
        if (numbers[i] < 0)
            return "expected \"id r g b name\" with numbers from 0 to 255";
    }
    int id = numbers[0];
    if (!is_name(text))
        return "the class has no name (expected \"id r g b name\")";
    if (strlen(text) >= sizeof palette->names[id])
        return "the name is longer than 31 bytes";
    if (*palette->names[id])
        return "this id was given before";
    strcpy(palette->names[id], text);
    for (int c = 0; c < 3; c++)
        palette->rgb[id][c] = (uint8_t)numbers[1 + c];
    if (palette->entries <= id)
        palette->entries = id + 1;
    return NULL;
}

/* Parses size bytes of text, which are changed; text[size] is 0. */
static mseg_status parse(mseg_palette *palette, char *text, size_t size, mseg_error *err)
{
    if (strlen(text) != size)
        return mseg_fail(err, MSEG_FORMAT, "not a palette: a text file of lines \"id r g b name\"");
    for (int id = 0; id < IDS; id++)
        voc_color(id, palette->rgb[id]);
    char *line = strncmp(text, "\xef\xbb\xbf", 3) ? text : text + 3;
    for (int number = 1; line; number++) {
        char *end = strchr(line, '\n');
        if (end)
            *end = 0;
        const char *trouble = parse_line(palette, line);
        if (trouble)
            return mseg_fail(err, MSEG_FORMAT, "line %d: %s", number, trouble);
        line = end ? end + 1 : NULL;
    }
    if (!palette->entries)
        return mseg_fail(err, MSEG_FORMAT, "no class in the palette (expected lines \"id r g b name\")");
    return MSEG_OK;
}

static const char *find_text(const char *name)
{
    for (const mseg_palette_text *t = mseg_palette_texts; t->name; t++)
        if (!strcmp(t->name, name))
            return t->text;
    return NULL;
}

static mseg_status fail_missing(const char *name, mseg_error *err)
{
    char known[128] = "";
    for (const mseg_palette_text *t = mseg_palette_texts; t->name; t++)
        snprintf(known + strlen(known), sizeof known - strlen(known), "%s%s", t == mseg_palette_texts ? "" : ", ", t->name);
    return mseg_fail(err, MSEG_NOENT, "no palette \"%.80s\": neither built in (%s) nor a file", name, known);
}

static mseg_status load_file(mseg_palette *palette, const char *path, char *text, mseg_error *err)
{
    FILE *in;
    mseg_status status = mseg_file_open(&in, path, MAX_FILE, err);
    if (status)
        return status == MSEG_NOENT ? fail_missing(path, err) : status;
    size_t size = fread(text, 1, MAX_FILE, in);
    if (ferror(in))
        status = mseg_fail(err, MSEG_IO, "cannot read");
    fclose(in);
    return status ? status : parse(palette, text, size, err);
}

mseg_status mseg_palette_load(mseg_palette *palette, const char *name_or_file, mseg_error *err)
{
    memset(palette, 0, sizeof *palette);
    char *text = mseg_alloc(MAX_FILE + 1);
    if (!text)
        return mseg_fail(err, MSEG_NOMEM, NULL);
    mseg_status status;
    const char *built_in = find_text(name_or_file);
    if (built_in) {
        strcpy(text, built_in);
        status = parse(palette, text, strlen(text), err);
    } else {
        status = load_file(palette, name_or_file, text, err);
    }
    mseg_free(&text);
    if (status)
        memset(palette, 0, sizeof *palette);
    return status;
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
