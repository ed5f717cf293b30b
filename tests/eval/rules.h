#ifndef MSEG_TESTS_EVAL_RULES_H
#define MSEG_TESTS_EVAL_RULES_H

#include "mseg.h"

/** Rules under which the first n ids are classes, called "class a" and so on. */
static inline mseg_mask_rules rules_of(int n, int ignore)
{
    static const char *const names[] = {"class a", "class b", "class c", "class d", "class e", "class f"};
    mseg_palette palette = {.entries = n, .count = n};
    mseg_mask_rules rules;
    for (int c = 0; c < n && c < 256; c++) {
        palette.listed[c] = true;
        palette.names[c] = c < 6 ? names[c] : "another";
    }
    mseg_mask_rules_init(&rules, &palette, ignore);
    return rules;
}

#endif
