#ifndef MSEG_WEIGHTS_LABEL_H
#define MSEG_WEIGHTS_LABEL_H

#include <stdbool.h>

/* What files may call their classes. */

enum { MSEG_MAX_LABELS = 65536, MSEG_MAX_LABEL_BYTES = 255, MSEG_MAX_LABEL_TEXT = 1 << 20 /* of all together */ };

/** Whether text is UTF-8 without control characters, of any length. */
bool mseg_is_line(const char *text);

#endif
