#include "class_keys.h"

#include <string.h>

/* Puts " (ID)" behind the keys that another id has, too; false when there were none. */
static bool tell_apart(char keys[256][MSEG_CLASS_KEY])
{
    bool shared[256] = {false}, any = false;
    for (int a = 0; a < 256; a++)
        for (int b = a + 1; b < 256; b++)
            if (!strcmp(keys[a], keys[b]))
                shared[a] = shared[b] = any = true;
    for (int id = 0; id < 256; id++)
        if (shared[id]) {
            const size_t used = strlen(keys[id]);
            snprintf(keys[id] + used, MSEG_CLASS_KEY - used, " (%d)", id);
        }
    return any;
}

/* Keys made so can meet a name of that form, hence once more: each time the names must be longer, and they have 31 bytes. */
void mseg_class_keys(char keys[256][MSEG_CLASS_KEY], const mseg_palette *palette)
{
    for (int id = 0; id < 256; id++) {
        if (*palette->names[id])
            snprintf(keys[id], MSEG_CLASS_KEY, "%s", palette->names[id]);
        else
            snprintf(keys[id], MSEG_CLASS_KEY, "class %d", id);
    }
    while (tell_apart(keys))
        ;
}
