#include "cli/npy.h"
#include "base/output.h"

#include <string.h>

enum { HEADER = 128, PREFIX = 10 };

/* Format 1.0, its header padded so that the data is aligned to 64 bytes. Source: numpy.lib.format. */
mseg_status cli_npy_open(mseg_output *out, const char *path, int height, int width, int classes, mseg_error *err)
{
    char header[HEADER + 1];
    snprintf(header, sizeof header, "\x93NUMPY%c%c%c%c{'descr': '<f4', 'fortran_order': False, 'shape': (%d, %d, %d), }", 1, 0,
             HEADER - PREFIX, 0, height, width, classes);
    size_t used = PREFIX + strlen(header + PREFIX);
    memset(header + used, ' ', HEADER - used);
    header[HEADER - 1] = '\n';
    mseg_status status = mseg_output_open(out, path, err);
    if (!status)
        fwrite(header, 1, HEADER, out->file);
    return status;
}
