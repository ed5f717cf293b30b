#ifndef MSEG_APPS_OPTIONS_H
#define MSEG_APPS_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

/* What an option's value is, and the type of the field it is stored in. */
typedef enum mseg_option_kind {
    MSEG_OPTION_FLAG,   /* bool, set to true; takes no value */
    MSEG_OPTION_TEXT,   /* const char * into argv */
    MSEG_OPTION_INT,    /* int64_t, min .. max */
    MSEG_OPTION_REAL,   /* double, min .. max */
    MSEG_OPTION_CHOICE, /* int, index into choices */
} mseg_option_kind;

typedef struct mseg_option {
    char letter;      /* 0: long form only */
    const char *name; /* long form without the dashes; NULL ends a table */
    mseg_option_kind kind;
    size_t field;         /* offset in the group's struct */
    const char *argument; /* "N", "DIR", ... as the help shows it; NULL for a flag */
    const char *help;
    const char *implied; /* value when given without "=value"; NULL: a value must follow */
    double min, max;
    const char *const *choices; /* ends with NULL */
    const char *alias;          /* another long form, of old; may be NULL */
} mseg_option;

/* A titled part of the help, whose options live in one struct. */
typedef struct mseg_option_group {
    const char *title; /* NULL ends the list */
    size_t offset;     /* of that struct in the values */
    const mseg_option *options;
} mseg_option_group;

typedef struct mseg_usage {
    const char *command;  /* "run" */
    const char *operands; /* "PATH..." */
    const char *text;     /* what the command does: lines shown as they are */
    const mseg_option_group *groups;
    int min_operands, max_operands; /* max_operands < 0: any number */
} mseg_usage;

/** Parses argv[1] .. argv[argc - 1] into *values (defaults are there already); options and operands may be mixed, "--" ends the
 * options, a later option wins over an earlier one. The operands are moved to the front of argv: argv[0] .. argv[*operands - 1].
 * Returns true when the command should go on; false when it should end with *exit_status: --help was printed (0) or one line of
 * error (2). */
bool mseg_options_parse(const mseg_usage *usage, int argc, char **argv, void *values, int *operands, int *exit_status);

/** How many single-letter changes lead from one word to another, for "did you mean". */
int mseg_word_distance(const char *a, const char *b);

#endif
