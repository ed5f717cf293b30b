/* For LD_PRELOAD: a system that starts only $FEW_THREADS threads more for this process, as limits on a user's or a container's
 * processes make it. */

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*function)(void *), void *argument)
{
    static atomic_int started;
    int (*create)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *) = NULL;
    *(void **)&create = dlsym(RTLD_NEXT, "pthread_create");
    const char *few = getenv("FEW_THREADS");
    if (!few || atomic_fetch_add(&started, 1) >= atoi(few))
        return EAGAIN;
    return create(thread, attributes, function, argument);
}
