#ifndef MSEG_BASE_CLOCK_H
#define MSEG_BASE_CLOCK_H

/** Milliseconds of a clock that only goes forward, from some point in the past. Thread safe. */
double mseg_now_ms(void);

#endif
