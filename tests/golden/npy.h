#ifndef MSEG_TESTS_NPY_H
#define MSEG_TESTS_NPY_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A NumPy file (format 1.0, C order) of float32, or of bytes, in memory. */
typedef struct npy {
    int rank, shape[4];
    size_t count;
    float *data;    /* NULL: bytes */
    uint8_t *bytes; /* NULL: floats */
} npy;

static inline int npy_parse(npy *a, FILE *file)
{
    int bytes;
    unsigned char magic[10];
    char header[512] = {0};
    if (fread(magic, 1, 10, file) != 10 || memcmp(magic, "\x93NUMPY\1", 7))
        return 0;
    size_t length = magic[8] + 256u * magic[9];
    if (length >= sizeof header || fread(header, 1, length, file) != length)
        return 0;
    const char *at = strstr(header, "'shape': (");
    bytes = strstr(header, "'|u1'") != NULL;
    if (!at || (!bytes && !strstr(header, "'<f4'")) || !strstr(header, "'fortran_order': False"))
        return 0;
    a->count = 1;
    for (at += 10; a->rank < 4 && *at != ')';) {
        a->shape[a->rank] = (int)strtol(at, NULL, 10);
        a->count *= (size_t)a->shape[a->rank++];
        at += strcspn(at, ",)");
        at += strspn(at, ", ");
    }
    const size_t size = bytes ? sizeof *a->bytes : sizeof *a->data;
    void *data = malloc(a->count * size);
    if (bytes)
        a->bytes = data;
    else
        a->data = data;
    return data && fread(data, size, a->count, file) == a->count && fgetc(file) == EOF;
}

/* 1 when the whole file was read; free a->data or a->bytes. */
static inline int npy_read(npy *a, const char *path)
{
    memset(a, 0, sizeof *a);
    FILE *file = fopen(path, "rb");
    int good = file && npy_parse(a, file);
    if (file)
        fclose(file);
    return good;
}

#endif
