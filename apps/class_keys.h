#ifndef MSEG_APPS_CLASS_KEYS_H
#define MSEG_APPS_CLASS_KEYS_H

#include "mseg.h"

enum { MSEG_CLASS_KEY = 96 };

/** A key for each class, no two alike: its name, or "class ID" without one; where that is another class' too, " (ID)" follows. */
void mseg_class_keys(char keys[256][MSEG_CLASS_KEY], const mseg_palette *palette);

#endif
