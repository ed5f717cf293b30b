/* Palette files of arbitrary bytes. */

#include <stdlib.h>
#include <string.h>

#include "fuzz/memory_file.h"
#include "seg/mseg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    memory_file file;
    mseg_palette palette;
    mseg_error err;
    if (!memory_file_open(&file, data, size))
        return 0;
    if (mseg_palette_load(&palette, file.path, &err) == MSEG_OK) {
        if (palette.entries < 1 || palette.entries > 256)
            abort();
        for (int id = 0; id < 256; id++)
            if (palette.listed[id] != (strlen(palette.names[id]) > 0))
                abort();
        mseg_palette_free(&palette);
    }
    memory_file_close(&file);
    return 0;
}
