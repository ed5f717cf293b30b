#ifndef CLI_PAPER_H
#define CLI_PAPER_H

#include <stdbool.h>

/** Prints tables 7, 3 and 4 of arXiv 1801.04381 with what mseg counts beside them, as text or as JSON. cpu: kernel set, NULL for
 * the best. False after one line of error. */
bool cli_paper_print(const char *cpu, bool json);

#endif
