#ifndef CLI_LINES_H
#define CLI_LINES_H

#include "mseg.h"

/* The lines of a text file or pipe that others made: a list of images, a list of labels. They end with line breaks or, as those
 * of find -print0, with zero bytes: either because the user says so or because one of the first 64 KB is zero, which no path and
 * no text has. A byte order mark at the start is left out. What is no such text (a device, UTF-16, a line of 64 KB, as many empty
 * lines in a row) is refused, so that reading ends. A pipe's lines are given out as they come; waiting for them ends with a
 * signal (stop.h). */
typedef struct cli_lines {
    int fd;
    bool opened, end;
    bool null; /* the lines end with zero bytes */
    char *buffer;
    size_t start, used; /* what of the buffer is still to be given out */
    uint64_t number;    /* of the line given last, from 1 */
    bool picture;       /* an image, no text: its bytes begin in the buffer */
    int empty;          /* lines in a row */
    uint64_t size;      /* of the file in bytes; 0 when it is none */
    uint64_t taken;     /* bytes read so far */
} cli_lines;

/* What -0, --null means in every command. */
#define CLI_NULL_HELP "the list's lines end with zero bytes, as of find -print0 (told from the list itself when not given)"

/** Opens path, "-" for stdin. null: the lines end with zero bytes whatever is there. Errors: MSEG_NOENT, MSEG_IO, MSEG_NOMEM,
 * MSEG_CANCELLED after a signal, MSEG_INVAL when it is no list; *lines must be closed then, too. */
mseg_status cli_lines_open(cli_lines *lines, const char *path, bool null, mseg_error *err);

/** The next line without its end (a carriage return before the line break is still there), valid until the next call; NULL when
 * there is none. Errors as above. */
mseg_status cli_lines_next(cli_lines *lines, char **line, size_t *length, mseg_error *err);

/** Moves what is left of the buffer to its front and reads once more behind it, as much as there is. Errors as above. */
mseg_status cli_lines_more(cli_lines *lines, mseg_error *err);

/** Whether the next line can be had without waiting, as far as it can be told. */
bool cli_lines_ready(const cli_lines *lines);

/** Safe on an all-zero *lines. */
void cli_lines_close(cli_lines *lines);

#endif
