#include "base/json.h"

#include <cjson/cJSON.h>
#include <errno.h>

mseg_status mseg_json_parse(mseg_json **root, const char *text, size_t length, mseg_error *err)
{
    const char *end = text;
    errno = 0;
    *root = cJSON_ParseWithLengthOpts(text, length, &end, 0);
    if (!*root && errno == ENOMEM)
        return mseg_fail(err, MSEG_NOMEM, NULL);
    if (!*root)
        return mseg_fail(err, MSEG_FORMAT, "not valid JSON near byte %zu", (size_t)(end - text));
    while (end < text + length && (*end == ' ' || *end == '\n' || *end == '\r' || *end == '\t'))
        end++;
    if (end == text + length)
        return MSEG_OK;
    mseg_json_free(root);
    return mseg_fail(err, MSEG_FORMAT, "not valid JSON: something follows at byte %zu", (size_t)(end - text));
}

const mseg_json *mseg_json_get(const mseg_json *object, const char *key)
{
    return cJSON_IsObject(object) ? cJSON_GetObjectItemCaseSensitive(object, key) : NULL;
}

const mseg_json *mseg_json_first(const mseg_json *array)
{
    return cJSON_IsArray(array) ? array->child : NULL;
}

const mseg_json *mseg_json_next(const mseg_json *item)
{
    return item->next;
}

bool mseg_json_is_object(const mseg_json *value)
{
    return cJSON_IsObject(value);
}

const mseg_json *mseg_json_first_member(const mseg_json *object)
{
    return cJSON_IsObject(object) ? object->child : NULL;
}

const char *mseg_json_key(const mseg_json *member)
{
    return member->string;
}

int mseg_json_length(const mseg_json *array)
{
    return cJSON_IsArray(array) ? cJSON_GetArraySize(array) : -1;
}

const char *mseg_json_text(const mseg_json *value)
{
    return cJSON_IsString(value) ? value->valuestring : NULL;
}

bool mseg_json_is_null(const mseg_json *value)
{
    return cJSON_IsNull(value);
}

bool mseg_json_count(const mseg_json *value, uint64_t *count)
{
    double number = cJSON_IsNumber(value) ? value->valuedouble : -1;
    if (!(number >= 0 && number <= (double)MSEG_JSON_MAX_COUNT))
        return false;
    *count = (uint64_t)number;
    return (double)*count == number;
}

bool mseg_json_number(const mseg_json *value, double *number)
{
    if (!cJSON_IsNumber(value))
        return false;
    *number = value->valuedouble;
    return true;
}
