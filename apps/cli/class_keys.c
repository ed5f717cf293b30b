#include "cli/class_keys.h"

#include <stdlib.h>
#include <string.h>

#include "cli/say.h"

/* Puts " (ID)" behind the keys that another id has, too; *any: whether there were some. False when memory runs out. */
static bool tell_apart(char *keys[256], bool *any)
{
    bool shared[256] = {false};
    *any = false;
    for (int a = 0; a < 256; a++)
        for (int b = a + 1; b < 256; b++)
            if (!strcmp(keys[a], keys[b]))
                shared[a] = shared[b] = *any = true;
    for (int id = 0; id < 256; id++) {
        char *longer = shared[id] ? cli_format("%s (%d)", keys[id], id) : keys[id];
        if (!longer)
            return false;
        if (shared[id])
            free(keys[id]);
        keys[id] = longer;
    }
    return true;
}

/* Keys made so can meet a name of that form, hence once more: each time they must be longer, and the names end. */
bool cli_class_keys(char *keys[256], const mseg_palette *palette)
{
    for (int id = 0; id < 256; id++) {
        keys[id] = *palette->names[id] ? strdup(palette->names[id]) : cli_format("class %d", id);
        if (!keys[id])
            return false;
    }
    bool again = true;
    while (again)
        if (!tell_apart(keys, &again))
            return false;
    return true;
}

void cli_class_keys_free(char *keys[256])
{
    for (int id = 0; id < 256; id++)
        free(keys[id]);
}
