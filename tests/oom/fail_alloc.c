/* For LD_PRELOAD: the allocation number $MSEG_FAIL_AT of a process fails (from 1 on; with $MSEG_FAIL_ON set, all after it, too).
 * How many there were is written to the file $MSEG_FAIL_COUNT at the end. Only glibc, whose own names of these functions are what
 * is called when they work. */

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t bytes);
void *__libc_memalign(size_t alignment, size_t bytes);

static atomic_long allocations;
static long fail_at;
static bool go_on;

__attribute__((constructor)) static void start(void)
{
    const char *at = getenv("MSEG_FAIL_AT");
    fail_at = at ? atol(at) : 0;
    go_on = getenv("MSEG_FAIL_ON") != NULL;
    atomic_store(&allocations, 0);
}

__attribute__((destructor)) static void finish(void)
{
    const char *path = getenv("MSEG_FAIL_COUNT");
    const long count = atomic_load(&allocations);
    fail_at = 0;
    FILE *out = path ? fopen(path, "w") : NULL;
    if (!out)
        return;
    fprintf(out, "%ld\n", count);
    fclose(out);
}

static bool fails(void)
{
    const long number = atomic_fetch_add(&allocations, 1) + 1;
    if (!fail_at || number < fail_at || (number > fail_at && !go_on))
        return false;
    errno = ENOMEM;
    return true;
}

void *malloc(size_t bytes)
{
    return fails() ? NULL : __libc_malloc(bytes);
}

void *calloc(size_t count, size_t size)
{
    return fails() ? NULL : __libc_calloc(count, size);
}

void *realloc(void *memory, size_t bytes)
{
    return fails() ? NULL : __libc_realloc(memory, bytes);
}

void *reallocarray(void *memory, size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes)) {
        errno = ENOMEM;
        return NULL;
    }
    return realloc(memory, bytes);
}

void *aligned_alloc(size_t alignment, size_t bytes)
{
    return fails() ? NULL : __libc_memalign(alignment, bytes);
}

int posix_memalign(void **memory, size_t alignment, size_t bytes)
{
    void *made = fails() ? NULL : __libc_memalign(alignment, bytes);
    if (!made)
        return ENOMEM;
    *memory = made;
    return 0;
}
