#include "cli/names.h"

#include <string.h>
#include <strings.h>

static const char *const extensions[] = {".png", ".jpg", ".jpeg", ".jfif", ".jpe", ".webp", ".tif", ".tiff"};
static const char *const foreign[] = {".arw",  ".avif", ".bmp", ".cr2", ".cr3", ".dng", ".exr", ".gif", ".heic",
                                      ".heif", ".ico",  ".j2k", ".jp2", ".jxl", ".nef", ".orf", ".pam", ".pbm",
                                      ".pgm",  ".pnm",  ".ppm", ".psd", ".raf", ".rw2", ".svg", ".tga"};

/* Length of the name without this extension; 0 when it has another or nothing else. */
static size_t without(const char *name, const char *extension)
{
    const size_t length = strlen(name), tail = strlen(extension);
    const bool has = length > tail && name[length - tail - 1] != '/' && !strcasecmp(name + length - tail, extension);
    return has ? length - tail : 0;
}

int cli_stem_length(const char *name)
{
    for (size_t i = 0; i < sizeof extensions / sizeof *extensions; i++)
        if (without(name, extensions[i]))
            return (int)without(name, extensions[i]);
    return (int)strlen(name);
}

int cli_suffix_length(const char *suffix)
{
    for (size_t i = 0; i < sizeof extensions / sizeof *extensions; i++)
        if (!strcasecmp(suffix, extensions[i]))
            return 0;
    return cli_stem_length(suffix);
}

const char *cli_base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

bool cli_is_mask_name(const char *name)
{
    return without(name, ".png") > 0;
}

int cli_foreign_kind(const char *name)
{
    for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++)
        if (without(name, foreign[i]))
            return (int)i;
    return -1;
}

const char *cli_foreign_extension(int kind)
{
    return foreign[kind];
}

bool cli_name_below(const char *root, const char *path, size_t *name)
{
    size_t length = strlen(root), at = 0;
    while (length > 1 && root[length - 1] == '/')
        length--;
    if (length == 1 && root[0] == '.') {
        if (path[0] == '/')
            return false;
        while (path[at] == '.' && path[at + 1] == '/')
            at += 1 + strspn(path + at + 1, "/");
        length = at;
    } else if (strncmp(path, root, length) != 0 || (root[length - 1] != '/' && path[length] != '/')) {
        return false;
    }
    *name = length + strspn(path + length, "/");
    for (const char *part = path + *name; part; part = strchr(part, '/'), part += part != NULL)
        if (!strncmp(part, "../", 3))
            return false;
    return path[*name] != 0;
}

char *cli_split_pair(char *line)
{
    if (!line[cli_stem_length(line)])
        return NULL;
    for (char *blank = strpbrk(line, " \t"); blank; blank = strpbrk(blank + 1, " \t")) {
        const char was = *blank;
        *blank = 0;
        if (line[cli_stem_length(line)])
            return blank + 1 + strspn(blank + 1, " \t");
        *blank = was;
    }
    return NULL;
}

const char *cli_path_tail(const char *path, size_t most, const char **dots)
{
    const size_t length = strlen(path);
    *dots = length > most ? "..." : "";
    return length > most ? path + length - most : path;
}
