#ifndef MSEG_BASE_JSON_H
#define MSEG_BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

/* A JSON value under construction (a cJSON node; cJSON does the work). Children belong to their parent. Out of memory is
 * sticky: functions accept NULL parents and mseg_json_print then returns NULL. Not thread safe per tree. */
typedef struct cJSON mseg_json;

mseg_json *mseg_json_object(void);

/* Each adds to an object under key, or at the end of an array when key is NULL. The containers return the new child. */
mseg_json *mseg_json_add_object(mseg_json *parent, const char *key);
mseg_json *mseg_json_add_array(mseg_json *parent, const char *key);
/** Bytes that are not UTF-8 become U+FFFD. */
void mseg_json_add_string(mseg_json *parent, const char *key, const char *value);
void mseg_json_add_int(mseg_json *parent, const char *key, int64_t value);
/** NaN and infinities become null. Finite numbers are written so that they read back exactly. */
void mseg_json_add_number(mseg_json *parent, const char *key, double value);
void mseg_json_add_bool(mseg_json *parent, const char *key, bool value);
void mseg_json_add_null(mseg_json *parent, const char *key);

/** Whether text is well-formed UTF-8 (RFC 3629). Thread safe. */
bool mseg_is_utf8(const char *text);

/** The text, on one line unless pretty; the caller frees it with free(); NULL when memory ran out at any point. */
char *mseg_json_print(const mseg_json *root, bool pretty);

/** Frees the tree; NULL-safe; sets *root to NULL. */
void mseg_json_free(mseg_json **root);

/* ---- reading ----------------------------------------------------------------------------------------------------------- */

/* Whole numbers up to here survive in a JSON number, which is a double for most readers. */
#define MSEG_JSON_MAX_COUNT (UINT64_C(1) << 53)

/** Parses length bytes of text into *root (mseg_json_free it). MSEG_FORMAT names the byte where it stopped making sense. */
mseg_status mseg_json_parse(mseg_json **root, const char *text, size_t length, mseg_error *err);

/* All take NULL or a value of another kind for "not there". */
const mseg_json *mseg_json_get(const mseg_json *object, const char *key);
/** The elements of an array: for (item = mseg_json_first(array); item; item = mseg_json_next(item)). */
const mseg_json *mseg_json_first(const mseg_json *array);
const mseg_json *mseg_json_next(const mseg_json *item);
bool mseg_json_is_object(const mseg_json *value);
/** As for an array, of an object: its members, two of which may have one key. */
const mseg_json *mseg_json_first_member(const mseg_json *object);
/** What an object's member is called; NULL for what is none. */
const char *mseg_json_key(const mseg_json *member);
/** Elements of an array, -1 for other values. */
int mseg_json_length(const mseg_json *array);
/** The text of a string, else NULL. */
const char *mseg_json_text(const mseg_json *value);
/** Whether value is there and null. */
bool mseg_json_is_null(const mseg_json *value);
/** Whether value is a whole number from 0 to MSEG_JSON_MAX_COUNT; then *count is it. */
bool mseg_json_count(const mseg_json *value, uint64_t *count);
/** Whether value is a number; then *number is it. Infinite where the text's is too large. */
bool mseg_json_number(const mseg_json *value, double *number);

#endif
