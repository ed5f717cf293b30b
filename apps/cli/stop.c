#include "cli/stop.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
enum { SIGNALS = sizeof signals / sizeof *signals };

/* A handler has nothing but what belongs to the process. */
static atomic_int signalled; /* read by all threads */
_Static_assert(ATOMIC_INT_LOCK_FREE == 2, "a handler may set it");
static volatile sig_atomic_t caught[SIGNALS];
static int ends[2] = {-1, -1}; /* of a pipe */

static void on_signal(int number)
{
    const int error = errno;
    signalled = number;
    for (int i = 0; i < SIGNALS; i++)
        if (caught[i])
            signal(signals[i], SIG_DFL);
    const ssize_t written = ends[1] < 0 ? 0 : write(ends[1], "", 1);
    (void)written; /* an empty pipe has room for it */
    errno = error;
}

void cli_stop_catch(void)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART}, old;
    if (ends[0] < 0 && pipe2(ends, O_CLOEXEC | O_NONBLOCK))
        ends[0] = ends[1] = -1;
    for (int i = 0; i < SIGNALS; i++)
        if (!sigaction(signals[i], NULL, &old) && old.sa_handler != SIG_IGN)
            caught[i] = !sigaction(signals[i], &action, NULL);
}

int cli_stop_signal(void)
{
    return signalled;
}

int cli_stop_descriptor(void)
{
    return ends[0];
}

const char *cli_stop_name(int number)
{
    return number == SIGINT ? "SIGINT" : number == SIGTERM ? "SIGTERM" : "SIGHUP";
}
