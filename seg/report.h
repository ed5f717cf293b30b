#ifndef MSEG_SEG_REPORT_H
#define MSEG_SEG_REPORT_H

#include "seg/mseg.h"

/** 2740709056 -> "2,740,709,056". */
const char *mseg_grouped(char text[32], uint64_t value);

/** Ignored pixels of the ground truth / all pixels; NaN without any. */
double mseg_ignored_share(const mseg_score *score);

/** The next "name: value" of the settings from *line on, which moves past it; false at the end. */
bool mseg_next_setting(const char **line, char name[64], char value[512]);

/** The JSON report, to be freed with free(); NULL when memory ran out. */
char *mseg_report_json_text(const mseg_report *report);

/** Writes the best and worst images with their pictures (report_pictures.c). */
mseg_status mseg_report_pictures(FILE *file, const mseg_report *report, mseg_error *err);

/** Text with & < > and quotes escaped. */
void mseg_html_text(FILE *file, const char *text);

/** The style sheet and the script of the page. */
extern const char mseg_report_css[];
extern const char mseg_report_js[];

#endif
