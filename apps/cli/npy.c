#include "cli/npy.h"
#include "base/output.h"

#include <string.h>

enum { PREFIX = 10, UNMARKED_HEADER = 128 };
#define MAGIC   "\x93NUMPY\1" /* format 1 */
#define COMMENT "# mseg "

/* Format 1.0, its header padded so that the data is aligned to 64 bytes. Source: numpy.lib.format, which reads the header as an
 * expression of Python, and so leaves out a comment behind it. */
mseg_status cli_npy_open(mseg_output *out, const char *path, int height, int width, int classes, const char *mark,
                         mseg_error *err)
{
    char header[CLI_NPY_HEADER + 1];
    const int size = mark ? CLI_NPY_HEADER : UNMARKED_HEADER, rest = size - PREFIX;
    snprintf(header, sizeof header, MAGIC "%c%c%c{'descr': '<f4', 'fortran_order': False, 'shape': (%d, %d, %d), } %s%s", 0,
             rest & 255, rest >> 8, height, width, classes, mark ? COMMENT : "", mark ? mark : "");
    size_t used = PREFIX + strlen(header + PREFIX);
    memset(header + used, ' ', (size_t)size - used);
    header[size - 1] = '\n';
    mseg_status status = mseg_output_open(out, path, err);
    if (!status)
        fwrite(header, 1, (size_t)size, out->file);
    return status;
}

/* The mark and the shape in a header that is a string. */
static void read_header(cli_npy *about, const char *header, size_t length)
{
    int height, width, classes;
    const char *shape = strstr(header, "'shape': ("), *mark = strstr(header, "} " COMMENT);
    if (!shape || !mark || sscanf(shape, "'shape': (%9d, %9d, %9d)", &height, &width, &classes) != 3)
        return;
    mark += 2 + strlen(COMMENT);
    size_t n = strcspn(mark, "\n");
    while (n && mark[n - 1] == ' ')
        n--;
    if (n >= sizeof about->mark || height < 1 || width < 1 || classes < 1)
        return;
    memcpy(about->mark, mark, n);
    about->pixel = sizeof(float) * (size_t)classes;
    about->size = PREFIX + length + (uint64_t)height * (uint64_t)width * about->pixel;
}

cli_npy cli_npy_look(const char *bytes, size_t size)
{
    cli_npy about = {0};
    char header[CLI_NPY_HEADER + 1] = "";
    if (size < PREFIX) {
        about.cut = !memcmp(bytes, MAGIC, size < strlen(MAGIC) ? size : strlen(MAGIC));
        return about;
    }
    const size_t length = (size_t)(uint8_t)bytes[8] | (size_t)(uint8_t)bytes[9] << 8;
    if (memcmp(bytes, MAGIC, strlen(MAGIC)))
        return about;
    about.cut = size < PREFIX + length;
    if (about.cut || length > CLI_NPY_HEADER)
        return about;
    memcpy(header, bytes + PREFIX, length);
    read_header(&about, header, length);
    return about;
}
