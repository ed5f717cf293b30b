#ifndef CLI_CLASS_KEYS_H
#define CLI_CLASS_KEYS_H

#include "mseg.h"

/** What the classes are called where each name may occur once (keys of JSON), by id: their names; "class N" for those without;
 * "name (N)" for those that share one. Free with cli_class_keys_free, also after false: no memory. keys: all NULL before. */
bool cli_class_keys(char *keys[256], const mseg_palette *palette);

void cli_class_keys_free(char *keys[256]);

#endif
