#include <math.h>

#include "train/optimiser.h"

double mseg_schedule_rate(const mseg_schedule *schedule, int64_t step, double progress, double epoch)
{
    const double warm = (double)step < schedule->warmup ? ((double)step + 1) / schedule->warmup : 1;
    const double left = progress < 1 ? 1 - progress : 0;
    switch (schedule->kind) {
    case MSEG_SCHEDULE_POLY:
        return schedule->rate * warm * pow(left, 0.9);
    case MSEG_SCHEDULE_EXPONENTIAL:
        return schedule->rate * warm * pow(0.98, epoch);
    case MSEG_SCHEDULE_COSINE:
        return schedule->rate * warm * 0.5 * (1 - cos(acos(-1) * left));
    case MSEG_SCHEDULE_CONSTANT:
        break;
    }
    return schedule->rate * warm;
}
