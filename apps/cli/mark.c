#include "cli/mark.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/npy.h"

/* ---- making ------------------------------------------------------------------------------------------------------------ */

/* FNV-1a, 64 bits. Source: draft-eastlake-fnv. */
#define FNV_BASIS UINT64_C(0xcbf29ce484222325)
#define FNV_PRIME UINT64_C(0x100000001b3)

static uint64_t mix(uint64_t sum, const void *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        sum = (sum ^ ((const uint8_t *)bytes)[i]) * FNV_PRIME;
    return sum;
}

static __attribute__((format(printf, 2, 3))) uint64_t mix_text(uint64_t sum, const char *format, ...)
{
    char text[256];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return mix(sum, text, strlen(text));
}

/* What decides the logits: of options that stand for a default, their meaning. */
static uint64_t mix_logits(uint64_t sum, const cli_mark_facts *f)
{
    const mseg_model_info *m = &f->model;
    sum = mix_text(sum, "stride %d precision %d orientation %d", m->output_stride, (int)m->precision, f->orientation);
    for (int c = 0; c < 3; c++)
        sum = mix_text(sum, " input %a %a", (double)m->input_scale[c], (double)m->input_offset[c]);
    if (f->tile)
        return mix_text(sum, " tile %d overlap %d", f->tile, f->overlap);
    return mix_text(sum, " size %d resize %d pad %d", f->run->size, (int)f->run->resize, (int)f->run->pad);
}

static uint64_t mix_runs(uint64_t sum, const mseg_run_options *run)
{
    for (int i = 0; i < run->n_scales; i++)
        sum = mix_text(sum, " scale %a", run->scales[i]);
    return mix_text(sum, " flip %d", run->flip);
}

/* The background stays as it is in the photo. */
static uint64_t mix_blend(uint64_t sum, const mseg_palette *palette, double alpha)
{
    for (int id = 0; id < 256; id++)
        if (mseg_is_background(palette->names[id]))
            sum = mix_text(sum, " background %d", id);
    return mix_text(sum, " alpha %a", alpha);
}

void cli_mark_make(char mark[CLI_MARK_SIZE], cli_mark_kind kind, const cli_mark_facts *facts)
{
    uint64_t sum = mix_logits(FNV_BASIS, facts);
    if (kind != CLI_MARK_SCORES)
        sum = mix_runs(sum, facts->run);
    if (kind == CLI_MARK_MASK || kind == CLI_MARK_OVERLAY)
        sum = mix(sum, facts->palette->colors.rgb, sizeof facts->palette->colors.rgb);
    if (kind == CLI_MARK_OVERLAY)
        sum = mix_blend(sum, facts->palette, facts->alpha);
    snprintf(mark, CLI_MARK_SIZE, "%.16s model %.16s options %016" PRIx64, mseg_version(), facts->model.sha256, sum);
}

void cli_mark_photo(char whole[CLI_MARK_SIZE], const char *mark, uint64_t bytes)
{
    snprintf(whole, CLI_MARK_SIZE, "%.90s photo %" PRIu64, mark, bytes);
}

/* ---- looking ----------------------------------------------------------------------------------------------------------- */

static bool all_zero(const char *bytes, size_t size)
{
    return !size || (!*bytes && !memcmp(bytes, bytes + 1, size - 1));
}

/* Whether a file has nothing but zero bytes from offset on. */
static bool zero_from(int fd, off_t offset)
{
    char bytes[1 << 16];
    ssize_t n;
    while ((n = pread(fd, bytes, sizeof bytes, offset)) > 0 && all_zero(bytes, (size_t)n))
        offset += n;
    return !n;
}

/* Files are of any size that mseg has written. */
static bool is_whole_png(const char *path)
{
    mseg_limits limits;
    mseg_limits_init(&limits, sizeof limits);
    limits.max_pixels = limits.max_file_bytes = UINT64_MAX;
    return !mseg_png_check(path, &limits, NULL);
}

static cli_found look_at_png(const char *head, size_t n, uint64_t size, const char *path, const char *mark)
{
    char text[MSEG_PNG_MARK_SIZE];
    switch (mseg_png_mark(head, n, text)) {
    case MSEG_PNG_MARKED:
        return mark && !strcmp(text, mark) && is_whole_png(path) ? CLI_FOUND_EQUAL : CLI_FOUND_OURS;
    case MSEG_PNG_DAMAGED_MARK:
        return CLI_FOUND_OURS;
    case MSEG_PNG_CUT: /* mseg's marks are not so far behind */
        return n < size ? CLI_FOUND_FOREIGN : CLI_FOUND_OURS;
    default:
        return CLI_FOUND_FOREIGN;
    }
}

/* The last pixel of a whole file is not all zeros: its probabilities sum to 1, and logits that are all equal do not occur. */
static cli_found look_at_npy(const char *head, size_t n, uint64_t size, int fd, const char *mark)
{
    char last[256 * sizeof(float)];
    const cli_npy about = cli_npy_look(head, n);
    if (!*about.mark)
        return about.cut && n == size ? CLI_FOUND_OURS : CLI_FOUND_FOREIGN;
    if (!mark || strcmp(about.mark, mark) || size != about.size || about.pixel > sizeof last)
        return CLI_FOUND_OURS;
    const bool read = pread(fd, last, about.pixel, (off_t)(size - about.pixel)) == (ssize_t)about.pixel;
    return read && !all_zero(last, about.pixel) ? CLI_FOUND_EQUAL : CLI_FOUND_OURS;
}

static mseg_status look_at(cli_found *found, int fd, const char *path, cli_mark_kind kind, const char *mark, mseg_error *err)
{
    char head[MSEG_PNG_MARK_WITHIN];
    struct stat info;
    *found = CLI_FOUND_OURS;
    if (fstat(fd, &info))
        return mseg_fail_errno(err, "cannot read what is there", errno);
    if (!S_ISREG(info.st_mode))
        return MSEG_OK;
    const ssize_t n = pread(fd, head, sizeof head, 0);
    if (n < 0)
        return mseg_fail_errno(err, "cannot read what is there", errno);
    if (all_zero(head, (size_t)n) && zero_from(fd, n))
        return MSEG_OK;
    *found = kind == CLI_MARK_MASK || kind == CLI_MARK_OVERLAY ? look_at_png(head, (size_t)n, (uint64_t)info.st_size, path, mark)
                                                               : look_at_npy(head, (size_t)n, (uint64_t)info.st_size, fd, mark);
    return MSEG_OK;
}

mseg_status cli_mark_look(cli_found *found, const char *path, cli_mark_kind kind, const char *mark, mseg_error *err)
{
    *found = CLI_FOUND_NOTHING;
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
        if (errno == EACCES)
            *found = CLI_FOUND_FOREIGN;
        /* Of a name that cannot be, writing tells. */
        const bool expected = errno == EACCES || errno == ENOENT || errno == ENOTDIR || errno == ENAMETOOLONG;
        return expected ? MSEG_OK : mseg_fail_errno(err, "cannot read what is there", errno);
    }
    const mseg_status status = look_at(found, fd, path, kind, mark, err);
    close(fd);
    return status;
}
