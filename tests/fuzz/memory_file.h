#ifndef TESTS_FUZZ_MEMORY_FILE_H
#define TESTS_FUZZ_MEMORY_FILE_H

/* Bytes as a file with a path, for readers that take one; nothing touches a disk. */

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

typedef struct memory_file {
    int descriptor;
    char path[32];
} memory_file;

/* Whether it worked. */
static inline int memory_file_open(memory_file *file, const uint8_t *data, size_t size)
{
    file->descriptor = memfd_create("fuzz", 0);
    if (file->descriptor < 0)
        return 0;
    snprintf(file->path, sizeof file->path, "/proc/self/fd/%d", file->descriptor);
    if (size && write(file->descriptor, data, size) != (ssize_t)size) {
        close(file->descriptor);
        return 0;
    }
    return 1;
}

static inline void memory_file_close(memory_file *file)
{
    close(file->descriptor);
}

#endif
