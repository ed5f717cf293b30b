#ifndef MSEG_SEG_JUDGE_LABELMAP_H
#define MSEG_SEG_JUDGE_LABELMAP_H

#include <stdint.h>
#include <string.h>

/** Where the run of equal ids that starts at row[begin] ends (begin < width): label maps are made of long ones. */
static inline int mseg_run_end(const uint8_t *row, int begin, int width)
{
    uint64_t same = row[begin] * UINT64_C(0x0101010101010101), word;
    int end = begin + 1;
    while (end + 8 <= width && (memcpy(&word, row + end, 8), word == same))
        end += 8;
    while (end < width && row[end] == row[begin])
        end++;
    return end;
}

#endif
