#include "cli/progress.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/clock.h"

#define REDRAW_MS 100

static int terminal_columns(void)
{
    struct winsize size;
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

static void wipe(const cli_progress *progress)
{
    if (progress->bar && progress->drawn > 0)
        fputs("\r\033[K", stderr);
}

static void draw(cli_progress *progress)
{
    const double now = cli_now_ms(), seconds = (now - progress->started) / 1e3;
    if (!progress->bar || (now - progress->drawn < REDRAW_MS && progress->done < progress->total))
        return;
    double rate = seconds > 0 ? (double)progress->done / seconds : 0;
    char figures[96];
    int used = snprintf(figures, sizeof figures, " %zu/%zu  %.1f images/s", progress->done, progress->total, rate);
    if (rate > 0) {
        long left = (long)((double)(progress->total - progress->done) / rate + 0.5);
        used += snprintf(figures + used, sizeof figures - (size_t)used, "  ETA %ld:%02ld:%02ld", left / 3600, left / 60 % 60,
                         left % 60);
    }
    char bar[41] = "";
    int width = terminal_columns() - used - 3;
    if (width > 40)
        width = 40;
    if (width > 0) {
        int filled = (int)((double)width * (double)progress->done / (double)progress->total);
        memset(bar, ' ', (size_t)width);
        memset(bar, '#', (size_t)filled);
        fprintf(stderr, "\r[%.*s]%s\033[K", width, bar, figures);
    } else {
        fprintf(stderr, "\r%.*s\033[K", terminal_columns() - 1, figures + 1);
    }
    progress->drawn = now;
}

void cli_progress_start(cli_progress *progress, size_t total, bool quiet)
{
    *progress = (cli_progress){.total = total, .started = cli_now_ms(), .bar = !quiet && total > 0 && isatty(STDERR_FILENO)};
    pthread_mutex_init(&progress->lock, NULL);
}

void cli_progress_step(cli_progress *progress)
{
    pthread_mutex_lock(&progress->lock);
    progress->done++;
    draw(progress);
    pthread_mutex_unlock(&progress->lock);
}

void cli_progress_hide(cli_progress *progress)
{
    pthread_mutex_lock(&progress->lock);
    wipe(progress);
    progress->drawn = 0;
}

void cli_progress_show(cli_progress *progress)
{
    pthread_mutex_unlock(&progress->lock);
}

void cli_progress_print(cli_progress *progress, const char *line)
{
    cli_progress_hide(progress);
    fprintf(stderr, "%s\n", line);
    cli_progress_show(progress);
}

double cli_progress_stop(cli_progress *progress)
{
    wipe(progress);
    pthread_mutex_destroy(&progress->lock);
    return (cli_now_ms() - progress->started) / 1e3;
}
