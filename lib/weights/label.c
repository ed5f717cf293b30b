#include "weights/label.h"

#include "base/json.h"

bool mseg_is_line(const char *text)
{
    for (const char *c = text; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            return false;
    return mseg_is_utf8(text);
}
