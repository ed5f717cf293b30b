#include "base/json.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Set in the type of a container that lost a child for want of memory; cJSON ignores bits beyond its own. */
enum { LOST = 1 << 20 };

/* Adds child (may be NULL) to parent (may be NULL); returns child, or NULL after freeing it. */
static cJSON *add(cJSON *parent, const char *key, cJSON *child)
{
    if (parent && child && (key ? cJSON_AddItemToObject(parent, key, child) : cJSON_AddItemToArray(parent, child)))
        return child;
    if (parent)
        parent->type |= LOST;
    cJSON_Delete(child);
    return NULL;
}

mseg_json *mseg_json_object(void)
{
    return cJSON_CreateObject();
}

mseg_json *mseg_json_add_object(mseg_json *parent, const char *key)
{
    return add(parent, key, cJSON_CreateObject());
}

mseg_json *mseg_json_add_array(mseg_json *parent, const char *key)
{
    return add(parent, key, cJSON_CreateArray());
}

/* Bytes of the well-formed UTF-8 character at s, 0 when there is none (RFC 3629). */
static size_t utf8_length(const unsigned char *s)
{
    if (s[0] < 0x80)
        return 1;
    size_t n = s[0] >= 0xc2 && s[0] < 0xe0 ? 2 : s[0] >= 0xe0 && s[0] < 0xf0 ? 3 : s[0] >= 0xf0 && s[0] < 0xf5 ? 4 : 0;
    for (size_t i = 1; i < n; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] >= 0xa0) || (s[0] == 0xf0 && s[1] < 0x90) ||
        (s[0] == 0xf4 && s[1] >= 0x90))
        return 0;
    return n;
}

bool mseg_is_utf8(const char *text)
{
    size_t n = 1;
    while (*text && n) {
        n = utf8_length((const unsigned char *)text);
        text += n;
    }
    return n > 0;
}

/* A copy of value in which every byte outside UTF-8 became U+FFFD, so that any file name makes valid JSON. */
static char *to_utf8(const char *value)
{
    char *copy = malloc(3 * strlen(value) + 1), *out = copy;
    if (!copy)
        return NULL;
    while (*value) {
        size_t n = utf8_length((const unsigned char *)value);
        memcpy(out, n ? value : "\xef\xbf\xbd", n ? n : 3);
        out += n ? n : 3;
        value += n ? n : 1;
    }
    *out = 0;
    return copy;
}

void mseg_json_add_string(mseg_json *parent, const char *key, const char *value)
{
    char *text = to_utf8(value);
    add(parent, key, text ? cJSON_CreateString(text) : NULL);
    free(text);
}

void mseg_json_add_int(mseg_json *parent, const char *key, int64_t value)
{
    char text[32];
    snprintf(text, sizeof text, "%" PRId64, value);
    add(parent, key, cJSON_CreateRaw(text));
}

/* The shortest of 15 to 17 digits that reads back as value, with a point whatever the locale's decimal separator. */
static void print_double(char text[64], double value)
{
    char digits[64];
    for (int precision = 15; precision <= 17; precision++) {
        snprintf(digits, sizeof digits, "%.*g", precision, value);
        if (strtod(digits, NULL) == value)
            break;
    }
    char *out = text;
    for (const char *c = digits; *c; c++) {
        if (strchr("0123456789+-e", *c))
            *out++ = *c;
        else if (out == text || out[-1] != '.')
            *out++ = '.';
    }
    *out = 0;
}

void mseg_json_add_number(mseg_json *parent, const char *key, double value)
{
    char text[64] = "null";
    if (isfinite(value))
        print_double(text, value);
    add(parent, key, cJSON_CreateRaw(text));
}

void mseg_json_add_bool(mseg_json *parent, const char *key, bool value)
{
    add(parent, key, cJSON_CreateBool(value));
}

void mseg_json_add_null(mseg_json *parent, const char *key)
{
    add(parent, key, cJSON_CreateNull());
}

static bool is_whole(const cJSON *node)
{
    if (node->type & LOST)
        return false;
    for (const cJSON *child = node->child; child; child = child->next)
        if (!is_whole(child))
            return false;
    return true;
}

char *mseg_json_print(const mseg_json *root, bool pretty)
{
    if (!root || !is_whole(root))
        return NULL;
    return pretty ? cJSON_Print(root) : cJSON_PrintUnformatted(root);
}

void mseg_json_free(mseg_json **root)
{
    cJSON_Delete(*root);
    *root = NULL;
}
