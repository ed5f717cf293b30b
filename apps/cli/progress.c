#include "cli/progress.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/clock.h"

enum { REDRAW_MS = 100, FIRST_WAIT_MS = 10000, MOST_WAIT_MS = 60000 };

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

/* " 12/340  8.3 images/s  ETA 0:00:39" */
static int print_figures(const cli_progress *p, double seconds, char *text, size_t room)
{
    const double rate = seconds > 0 ? ((double)p->worked + p->part) / seconds : 0;
    int used = snprintf(text, room, " %zu", p->done);
    if (p->total)
        used += snprintf(text + used, room - (size_t)used, "/%zu", p->total);
    if (p->part > 0)
        used += snprintf(text + used, room - (size_t)used, " + %.0f%%", 100 * p->part);
    used += snprintf(text + used, room - (size_t)used, "  %.*f images/s", rate < 1 ? 3 : 1, rate);
    if (rate > 0 && p->total) {
        const double more = (double)p->total - (double)p->done - p->part; /* total may be a guess */
        long left = more > 0 ? (long)(more / rate + 0.5) : 0;
        used += snprintf(text + used, room - (size_t)used, "  ETA %ld:%02ld:%02ld", left / 3600, left / 60 % 60, left % 60);
    }
    return used;
}

static void draw_bar(const cli_progress *p, const char *figures, int used)
{
    char bar[41] = "";
    int width = terminal_columns() - used - 3;
    if (width > 40)
        width = 40;
    if (width > 0 && p->total) {
        int filled = (int)((double)width * ((double)p->done + p->part) / (double)p->total);
        memset(bar, ' ', (size_t)width);
        memset(bar, '#', (size_t)(filled < width ? filled : width));
        fprintf(stderr, "\r[%.*s]%s\033[K", width, bar, figures);
    } else {
        fprintf(stderr, "\r%.*s\033[K", terminal_columns() - 1, figures + 1);
    }
}

/* Shows the figures when it is time for it. */
static void show(cli_progress *p)
{
    const double now = cli_now_ms();
    const bool last = p->total && p->done >= p->total;
    char figures[160];
    if (p->bar ? now - p->drawn < REDRAW_MS && !last : !p->lines || now - p->drawn < p->wait_ms || last)
        return;
    const int used = print_figures(p, (now - p->started) / 1e3, figures, sizeof figures);
    if (p->bar)
        draw_bar(p, figures, used);
    else
        fprintf(stderr, "progress:%s\n", figures);
    p->wait_ms = p->drawn == p->started ? FIRST_WAIT_MS : p->wait_ms < MOST_WAIT_MS / 2 ? 2 * p->wait_ms : MOST_WAIT_MS;
    p->drawn = now;
}

void cli_progress_start(cli_progress *progress, size_t total, bool quiet)
{
    const bool terminal = isatty(STDERR_FILENO);
    *progress = (cli_progress){.total = total, .started = cli_now_ms(), .bar = !quiet && terminal, .lines = !quiet && !terminal};
    pthread_mutex_init(&progress->lock, NULL);
    progress->wait_ms = FIRST_WAIT_MS;
    progress->drawn = progress->bar ? 0 : progress->started;
}

void cli_progress_step(cli_progress *progress, bool worked)
{
    pthread_mutex_lock(&progress->lock);
    progress->done++;
    progress->worked += worked;
    progress->part = 0;
    progress->total = progress->total && progress->total < progress->done ? progress->done : progress->total;
    show(progress);
    pthread_mutex_unlock(&progress->lock);
}

void cli_progress_part(cli_progress *progress, double part)
{
    pthread_mutex_lock(&progress->lock);
    progress->part = part;
    show(progress);
    pthread_mutex_unlock(&progress->lock);
}

void cli_progress_expect(cli_progress *progress, size_t total)
{
    pthread_mutex_lock(&progress->lock);
    progress->total = total;
    pthread_mutex_unlock(&progress->lock);
}

void cli_progress_hide(cli_progress *progress)
{
    pthread_mutex_lock(&progress->lock);
    wipe(progress);
    progress->drawn = progress->bar ? 0 : progress->drawn;
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
