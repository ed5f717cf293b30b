#ifndef MSEG_TESTS_NPY_H
#define MSEG_TESTS_NPY_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A NumPy file (format 1.0, C order) in memory: of float32 data, of uint8 bytes; the other one is NULL. */
typedef struct npy {
    int rank, shape[4];
    size_t count;
    float *data;
    unsigned char *bytes;
} npy;

/* type: as NumPy writes it in the header, size: of an element. 1 when the file is an array of that; free *elements anyway. */
static inline int npy_parse(npy *a, FILE *file, const char *type, void **elements, size_t size)
{
    unsigned char magic[10];
    char header[512] = {0};
    if (fread(magic, 1, 10, file) != 10 || memcmp(magic, "\x93NUMPY\1", 7))
        return 0;
    size_t length = magic[8] + 256u * magic[9];
    if (length >= sizeof header || fread(header, 1, length, file) != length)
        return 0;
    const char *at = strstr(header, "'shape': (");
    if (!at || !strstr(header, type) || !strstr(header, "'fortran_order': False"))
        return 0;
    a->count = 1;
    for (at += 10; a->rank < 4 && *at != ')';) {
        a->shape[a->rank] = (int)strtol(at, NULL, 10);
        a->count *= (size_t)a->shape[a->rank++];
        at += strcspn(at, ",)");
        at += strspn(at, ", ");
    }
    *elements = malloc(a->count * size);
    return *elements && fread(*elements, size, a->count, file) == a->count && fgetc(file) == EOF;
}

static inline void *npy_elements(npy *a, const char *path, const char *type, size_t size)
{
    void *elements = NULL;
    memset(a, 0, sizeof *a);
    FILE *file = fopen(path, "rb");
    if (file && !npy_parse(a, file, type, &elements, size)) {
        free(elements);
        elements = NULL;
    }
    if (file)
        fclose(file);
    return elements;
}

/* 1 when the whole file was read; free a->data. */
static inline int npy_read(npy *a, const char *path)
{
    a->data = npy_elements(a, path, "'<f4'", sizeof *a->data);
    return !!a->data;
}

/* The same of bytes; free a->bytes. */
static inline int npy_read_bytes(npy *a, const char *path)
{
    a->bytes = npy_elements(a, path, "'|u1'", 1);
    return !!a->bytes;
}

#endif
