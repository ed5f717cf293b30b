/* Label maps of arbitrary bytes: the text file "from to" of mseg eval, and the label image that it is used on. */

#include <stdlib.h>

#include "fuzz/memory_file.h"
#include "seg/mseg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    memory_file file;
    mseg_palette palette;
    mseg_mask_rules rules;
    mseg_image ids;
    mseg_error err;
    mseg_limits limits = {.struct_size = sizeof limits, .max_pixels = 1 << 20, .max_file_bytes = 1 << 20};
    if (mseg_palette_load(&palette, "voc", &err) != MSEG_OK)
        abort();
    mseg_mask_rules_init(&rules, &palette, 255);
    if (!memory_file_open(&file, data, size)) {
        mseg_palette_free(&palette);
        return 0;
    }
    if (mseg_mask_map_load(&rules, file.path, &err) == MSEG_OK)
        for (int id = 0; id < 256; id++)
            if (rules.map[id] < -1 || (rules.map[id] >= 0 && !palette.listed[rules.map[id]] && rules.map[id] != rules.ignore))
                abort();
    if (mseg_mask_read(&ids, file.path, &rules, &limits, NULL, &err) == MSEG_OK)
        mseg_image_free(&ids);
    memory_file_close(&file);
    mseg_palette_free(&palette);
    return 0;
}
