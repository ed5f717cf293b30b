/* Counts files (mseg eval --counts) of arbitrary bytes; what is accepted must also be scored and written again. */

#include <stdlib.h>

#include "fuzz/memory_file.h"
#include "seg/mseg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void score(mseg_counts *counts)
{
    mseg_score result;
    mseg_error err;
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    if (!out)
        return;
    if (mseg_score_open(&result, counts, NULL, &err) == MSEG_OK) {
        mseg_report report = {.score = &result};
        mseg_report_text(out, &report, true);
        mseg_report_csv(out, &report);
        mseg_report_json(out, &report, &err);
        mseg_score_close(&result);
    }
    fclose(out);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    memory_file file;
    mseg_counts *counts;
    mseg_error err;
    if (!memory_file_open(&file, data, size))
        return 0;
    const char *path = file.path;
    if (mseg_counts_load(&counts, &path, 1, &err) == MSEG_OK) {
        score(counts);
        mseg_counts_close(&counts);
    }
    memory_file_close(&file);
    return 0;
}
