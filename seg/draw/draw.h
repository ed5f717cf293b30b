#ifndef MSEG_SEG_DRAW_DRAW_H
#define MSEG_SEG_DRAW_DRAW_H

/* In: photos, the class ids of their pixels and a palette. Out: pictures in colour (seg/mseg.h: overlays; here: mistakes). */

#include "seg/mseg.h"

/* What is not right in a prediction; right pixels stay photo. */
typedef enum mseg_mistake { MSEG_MISSED, MSEG_INVENTED, MSEG_CONFUSED, MSEG_UNCOUNTED, MSEG_MISTAKES } mseg_mistake;

/* Can be told apart by people who do not see red and green alike. */
extern const uint8_t mseg_mistake_rgb[MSEG_MISTAKES][3];

/** The photo (MSEG_RGB), pale, under the colours of the mistakes; without a photo (no data), on white. Sizes must agree. ignore:
 * as in mseg_score; background: which ids are, so that a class there is missed, or invented. *out is created. Errors: MSEG_NOMEM.
 */
mseg_status mseg_draw_mistakes(mseg_image *out, const mseg_example *example, int ignore, const bool background[256]);

#endif
