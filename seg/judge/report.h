#ifndef MSEG_SEG_JUDGE_REPORT_H
#define MSEG_SEG_JUDGE_REPORT_H

#include "base/html.h"
#include "base/json.h"
#include "seg/mseg.h"

/** 2740709056 -> "2,740,709,056". */
const char *mseg_grouped(char text[32], uint64_t value);

/** Ignored pixels of the ground truth / all pixels; NaN without any. */
double mseg_ignored_share(const mseg_score *score);

/** The next "name: value" of the settings from *line on, which moves past it; false at the end. */
bool mseg_next_setting(const char **line, char name[64], char value[512]);

/** The JSON report, to be freed with free(); NULL when memory ran out. */
char *mseg_report_json_text(const mseg_report *report);

/** Adds problems and warnings to an object. */
void mseg_report_add_notes(mseg_json *root, const mseg_score *score);

/** Writes the best and worst images with their pictures (report_pictures.c). */
mseg_status mseg_report_pictures(FILE *file, const mseg_report *report, mseg_error *err);

/** The script of the page. */
extern const char mseg_report_js[];

#endif
