#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

/* Exit statuses of every command. */
enum { CLI_EXIT_OK = 0, CLI_EXIT_SOME_FAILED = 1, CLI_EXIT_UNUSABLE = 2 };

/* What an option's value is, and the type of the field it is stored in. */
typedef enum cli_option_kind {
    CLI_OPTION_FLAG,   /* bool, set to true; takes no value */
    CLI_OPTION_TEXT,   /* const char * into argv */
    CLI_OPTION_INT,    /* int64_t, min .. max */
    CLI_OPTION_REAL,   /* double, min .. max */
    CLI_OPTION_CHOICE, /* int, index into choices */
} cli_option_kind;

typedef struct cli_option {
    char letter;      /* 0: long form only */
    const char *name; /* long form without the dashes; NULL ends a table */
    cli_option_kind kind;
    size_t field;         /* offset in the group's struct */
    const char *argument; /* "N", "DIR", ... as the help shows it; NULL for a flag */
    const char *help;
    const char *implied; /* value when given without "=value"; NULL: a value must follow */
    double min, max;
    const char *const *choices; /* ends with NULL */
    const char *alias;          /* another long form, of old; may be NULL */
} cli_option;

/* A titled part of the help, whose options live in one struct. */
typedef struct cli_option_group {
    const char *title; /* NULL ends the list */
    size_t offset;     /* of that struct in the values */
    const cli_option *options;
} cli_option_group;

typedef struct cli_usage {
    const char *command;  /* "run" */
    const char *operands; /* "PATH..." */
    const char *text;     /* what the command does: lines shown as they are */
    const cli_option_group *groups;
    int min_operands, max_operands; /* max_operands < 0: any number */
} cli_usage;

/** Parses argv[1] .. argv[argc - 1] into *values (defaults are there already); options and operands may be mixed, "--" ends the
 * options, a later option wins over an earlier one. The operands are moved to the front of argv: argv[0] .. argv[*operands - 1].
 * Returns true when the command should go on; false when it should end with *exit_status: --help was printed (0) or one line of
 * error (2). */
bool cli_options_parse(const cli_usage *usage, int argc, char **argv, void *values, int *operands, int *exit_status);

/** How many single-letter changes lead from one word to another, for "did you mean". */
int cli_word_distance(const char *a, const char *b);

#endif
