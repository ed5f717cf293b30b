#ifndef MSEG_BASE_JSON_H
#define MSEG_BASE_JSON_H

#include <stdbool.h>
#include <stdint.h>

/* A JSON value under construction (a cJSON node; cJSON does the work). Children belong to their parent. Out of memory is
 * sticky: functions accept NULL parents and mseg_json_print then returns NULL. Not thread safe per tree. */
typedef struct cJSON mseg_json;

mseg_json *mseg_json_object(void);

/* Each adds to an object under key, or at the end of an array when key is NULL. The containers return the new child. */
mseg_json *mseg_json_add_object(mseg_json *parent, const char *key);
mseg_json *mseg_json_add_array(mseg_json *parent, const char *key);
void mseg_json_add_string(mseg_json *parent, const char *key, const char *value);
void mseg_json_add_int(mseg_json *parent, const char *key, int64_t value);
/** NaN and infinities become null. Finite numbers are written so that they read back exactly. */
void mseg_json_add_number(mseg_json *parent, const char *key, double value);
void mseg_json_add_bool(mseg_json *parent, const char *key, bool value);
void mseg_json_add_null(mseg_json *parent, const char *key);

/** The text, on one line unless pretty; the caller frees it with free(); NULL when memory ran out at any point. */
char *mseg_json_print(const mseg_json *root, bool pretty);

/** Frees the tree; NULL-safe; sets *root to NULL. */
void mseg_json_free(mseg_json **root);

#endif
