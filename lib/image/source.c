#include "image/source.h"

#include <string.h>
#include <sys/stat.h>

#include "image/file.h"

mseg_status mseg_source_open(mseg_source *source, uint64_t max_bytes, mseg_error *err)
{
    if (source->path)
        return mseg_file_open(&source->file, source->path, max_bytes, err);
    if (!source->bytes && source->size)
        return mseg_fail(err, MSEG_INVAL, "bytes is NULL");
    return mseg_file_check_size(source->size, max_bytes, err);
}

void mseg_source_close(mseg_source *source)
{
    if (source->file)
        fclose(source->file);
    source->file = NULL;
}

size_t mseg_source_read(mseg_source *source, void *to, size_t n)
{
    if (source->file)
        return fread(to, 1, n, source->file);
    if (n > source->size - source->at)
        n = source->size - source->at;
    memcpy(to, source->bytes + source->at, n);
    source->at += n;
    return n;
}

bool mseg_source_failed(const mseg_source *source)
{
    return source->file && ferror(source->file);
}

bool mseg_source_skip(mseg_source *source, uint32_t n)
{
    if (source->file)
        return !fseeko(source->file, n, SEEK_CUR);
    source->at = n < source->size - source->at ? source->at + n : source->size;
    return true;
}

bool mseg_source_seek(mseg_source *source, uint64_t offset)
{
    if (source->file)
        return offset <= INT64_MAX && !fseeko(source->file, (off_t)offset, SEEK_SET);
    source->at = offset < source->size ? (size_t)offset : source->size;
    return true;
}

uint64_t mseg_source_size(const mseg_source *source)
{
    struct stat st;
    if (!source->file)
        return source->size;
    return fstat(fileno(source->file), &st) ? 0 : (uint64_t)st.st_size;
}

bool mseg_source_rewind(mseg_source *source)
{
    source->at = 0;
    if (source->file)
        clearerr(source->file);
    return !source->file || !fseeko(source->file, 0, SEEK_SET);
}
