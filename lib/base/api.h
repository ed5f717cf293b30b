#ifndef MSEG_BASE_API_H
#define MSEG_BASE_API_H

/* What the library exports: nothing else is seen from outside a shared one. */
#if defined(__GNUC__)
#define MSEG_API __attribute__((visibility("default")))
#else
#define MSEG_API
#endif

#endif
