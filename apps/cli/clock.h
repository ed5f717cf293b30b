#ifndef CLI_CLOCK_H
#define CLI_CLOCK_H

/** Milliseconds of a clock that only goes forward. */
double cli_now_ms(void);

#endif
