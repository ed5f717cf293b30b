#ifndef MSEG_IMAGE_PNG_MARK_H
#define MSEG_IMAGE_PNG_MARK_H

#include "base/api.h"

#include <stddef.h>
#include <stdint.h>

#include "image/image.h"

/* What the first bytes of a file tell of the mark that mseg_png_format gives a PNG. */
typedef enum mseg_png_marked {
    MSEG_PNG_MARKED,
    MSEG_PNG_DAMAGED_MARK, /* there is one, but its checksum is wrong, or it ends early, or it is none that mseg writes */
    MSEG_PNG_UNMARKED,     /* a PNG whose picture begins without one */
    MSEG_PNG_CUT,          /* the beginning of a PNG, which ends before that is known */
    MSEG_PNG_NONE          /* no PNG */
} mseg_png_marked;

/* Bytes of the longest mark, with its final 0, and of a file's beginning that always tell of one, of whatever PNG mseg writes. */
enum { MSEG_PNG_MARK_SIZE = 256, MSEG_PNG_MARK_WITHIN = 2048 };

/** Looks for a mark among the first size bytes of a file (none: MSEG_PNG_CUT); text is "" unless the result is MSEG_PNG_MARKED.
 * Thread safe. */
MSEG_API mseg_png_marked mseg_png_mark(const void *bytes, size_t size, char text[MSEG_PNG_MARK_SIZE]);

/** Whether a PNG can be decoded to its end, all rows and checksums: MSEG_OK, or the errors of mseg_image_read. Holds a row
 * of it (of an interlaced one, all). limits may be NULL (defaults). Thread safe. */
MSEG_API mseg_status mseg_png_check(const char *path, const mseg_limits *limits, mseg_error *err);

#endif
