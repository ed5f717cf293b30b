#include "cli/threads.h"

#include "base/processors.h"
#include "cli/say.h"

mseg_status cli_threads_open(mseg_pool **pool, int64_t jobs, mseg_error *err)
{
    const int wanted = jobs ? (int)jobs : mseg_processors("");
    mseg_status status = mseg_pool_open(pool, wanted);
    if (status)
        return mseg_fail(err, status, "cannot start %d threads: out of memory", wanted);
    if (mseg_pool_threads(*pool) < wanted)
        cli_say("warning: could start only %d of %d threads (limits: ulimit -u, the container's pids); going on with %d",
                mseg_pool_threads(*pool), wanted, mseg_pool_threads(*pool));
    return MSEG_OK;
}
