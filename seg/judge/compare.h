#ifndef MSEG_SEG_JUDGE_COMPARE_H
#define MSEG_SEG_JUDGE_COMPARE_H

#include "seg/judge/report.h"

enum { MSEG_SHOWN_IMAGES = 10 }; /* that improved most, and that lost most */

/** The JSON report, to be freed with free(); NULL when memory ran out. */
char *mseg_comparison_json_text(const mseg_comparison_report *report);

/** The n-th image from the front (from_end: from the back, of those with a change); NULL when it is not one of the most changed,
 * for better (from_end: for worse). */
const mseg_image_difference *mseg_most_changed(const mseg_comparison *comparison, size_t n, bool from_end);

/* A setting in which two sets differ; "" where one has no such setting. */
typedef struct mseg_setting_pair {
    char name[64], a[512], b[512];
} mseg_setting_pair;

/** The next of them, *place being 0 before the first; false at the end. */
bool mseg_next_difference(mseg_setting_pair *pair, int *place, const mseg_comparison *comparison);

/** A change in percentage points, "+0.50", or none where there is none. */
void mseg_change_text(char text[16], double change, const char *none);

#endif
