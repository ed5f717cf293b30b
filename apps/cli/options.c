#include "cli/options.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/say.h"

enum { HELP_COLUMN = 28, HELP_WIDTH = 80, LONGEST_WORD = 40 };

int cli_word_distance(const char *a, const char *b)
{
    size_t na = strlen(a), nb = strlen(b);
    if (na > LONGEST_WORD || nb > LONGEST_WORD)
        return LONGEST_WORD;
    int row[LONGEST_WORD + 1];
    for (size_t j = 0; j <= nb; j++)
        row[j] = (int)j;
    for (size_t i = 1; i <= na; i++) {
        int diagonal = row[0];
        row[0] = (int)i;
        for (size_t j = 1; j <= nb; j++) {
            int best = diagonal + (a[i - 1] != b[j - 1]);
            if (row[j] + 1 < best)
                best = row[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            diagonal = row[j];
            row[j] = best;
        }
    }
    return row[nb];
}

/* ---- help -------------------------------------------------------------------------------------------------------------- */

/* Words of text from column on, broken before HELP_WIDTH; continuation lines start at HELP_COLUMN. */
static void print_wrapped(const char *text, int column)
{
    while (*text) {
        int length = (int)strcspn(text, " ");
        if (column > HELP_COLUMN && column + 1 + length > HELP_WIDTH) {
            printf("\n%*s", HELP_COLUMN, "");
            column = HELP_COLUMN;
        } else if (column > HELP_COLUMN) {
            putchar(' ');
            column++;
        }
        printf("%.*s", length, text);
        column += length;
        text += length;
        text += strspn(text, " ");
    }
    putchar('\n');
}

static void print_option(const cli_option *option)
{
    char left[128], letter[8] = "    ";
    if (option->letter)
        snprintf(letter, sizeof letter, "-%c, ", option->letter);
    char names[64];
    snprintf(names, sizeof names, option->alias ? "%s, --%s" : "%s", option->name, option->alias);
    const char *form = !option->argument ? "  %s--%s" : option->implied ? "  %s--%s[=%s]" : "  %s--%s %s";
    int used = snprintf(left, sizeof left, form, letter, names, option->argument);
    if (used > HELP_COLUMN - 2)
        printf("%s\n%*s", left, HELP_COLUMN, "");
    else
        printf("%-*s", HELP_COLUMN, left);
    print_wrapped(option->help, HELP_COLUMN);
}

static void print_help(const cli_usage *usage)
{
    printf("usage: mseg %s [options] %s\n\n%s", usage->command, usage->operands, usage->text);
    for (const cli_option_group *group = usage->groups; group->title; group++) {
        printf("\n%s:\n", group->title);
        for (const cli_option *option = group->options; option->name; option++)
            print_option(option);
    }
    printf("\n%-*sshow this help\n", HELP_COLUMN, "  -h, --help");
}

/* ---- parsing ----------------------------------------------------------------------------------------------------------- */

/* An option of the tables and the struct its field lives in. */
typedef struct match {
    const cli_option *option;
    char *base;
} match;

static bool is_word(const char *word, const char *name, size_t length)
{
    return word && strlen(word) == length && !strncmp(word, name, length);
}

static match find_option(const cli_usage *usage, void *values, const char *name, size_t length, char letter)
{
    for (const cli_option_group *group = usage->groups; group->title; group++)
        for (const cli_option *option = group->options; option->name; option++)
            if (letter ? option->letter == letter : is_word(option->name, name, length) || is_word(option->alias, name, length))
                return (match){option, (char *)values + group->offset};
    return (match){0};
}

static void unknown_option(const cli_usage *usage, const char *argument)
{
    const char *nearest = NULL;
    int best = 3;
    size_t length = strcspn(argument, "=");
    char word[LONGEST_WORD + 1];
    snprintf(word, sizeof word, "%.*s", (int)length, argument);
    for (const cli_option_group *group = usage->groups; group->title; group++)
        for (const cli_option *option = group->options; option->name; option++) {
            const char *const names[] = {option->name, option->alias};
            for (int i = 0; i < 2 && names[i]; i++) {
                int distance = word[0] == '-' && word[1] == '-' ? cli_word_distance(word + 2, names[i]) : best;
                if (distance < best) {
                    best = distance;
                    nearest = names[i];
                }
            }
        }
    if (nearest)
        cli_say("%s: unknown option %s; did you mean --%s?", usage->command, word, nearest);
    else
        cli_say("%s: unknown option %s; 'mseg %s --help' lists them", usage->command, word, usage->command);
}

static bool store_number(const cli_usage *usage, match m, const char *text)
{
    char *end = NULL;
    bool whole = m.option->kind == CLI_OPTION_INT;
    errno = 0;
    long long integer = whole ? strtoll(text, &end, 10) : 0;
    double real = whole ? (double)integer : strtod(text, &end);
    bool odd = end == text || *end || errno || isspace((unsigned char)*text) || isnan(real);
    if (odd || real < m.option->min || real > m.option->max) {
        cli_say("%s: --%s takes a %snumber from %.15g to %.15g, not '%s'", usage->command, m.option->name, whole ? "whole " : "",
                m.option->min, m.option->max, text);
        return false;
    }
    if (whole)
        *(int64_t *)(void *)(m.base + m.option->field) = integer;
    else
        *(double *)(void *)(m.base + m.option->field) = real;
    return true;
}

static bool store_choice(const cli_usage *usage, match m, const char *text)
{
    char all[256] = "";
    for (int i = 0; m.option->choices[i]; i++) {
        if (!strcmp(text, m.option->choices[i])) {
            *(int *)(void *)(m.base + m.option->field) = i;
            return true;
        }
        size_t used = strlen(all);
        snprintf(all + used, sizeof all - used, "%s%s", i ? ", " : "", m.option->choices[i]);
    }
    cli_say("%s: --%s takes one of %s, not '%s'", usage->command, m.option->name, all, text);
    return false;
}

static bool store(const cli_usage *usage, match m, const char *text)
{
    switch (m.option->kind) {
    case CLI_OPTION_FLAG:
        *(bool *)(void *)(m.base + m.option->field) = true;
        return true;
    case CLI_OPTION_TEXT:
        *(const char **)(void *)(m.base + m.option->field) = text;
        if (*text)
            return true;
        cli_say("%s: --%s takes a value, not an empty one", usage->command, m.option->name);
        return false;
    case CLI_OPTION_INT:
    case CLI_OPTION_REAL:
        return store_number(usage, m, text);
    case CLI_OPTION_CHOICE:
        return store_choice(usage, m, text);
    }
    return false;
}

/* Stores the value written with the option, else the implied one, else the next argument (*next moves past it). */
static bool take_value(const cli_usage *usage, match m, const char *value, int argc, char **argv, int *next)
{
    if (m.option->kind == CLI_OPTION_FLAG && value) {
        cli_say("%s: --%s takes no value", usage->command, m.option->name);
        return false;
    }
    if (!value)
        value = m.option->implied;
    if (!value && m.option->kind != CLI_OPTION_FLAG) {
        if (*next >= argc) {
            cli_say("%s: --%s needs a value (%s)", usage->command, m.option->name, m.option->argument);
            return false;
        }
        value = argv[(*next)++];
    }
    return store(usage, m, value);
}

static bool parse_long(const cli_usage *usage, void *values, int argc, char **argv, int *next)
{
    const char *argument = argv[*next - 1], *name = argument + 2;
    size_t length = strcspn(name, "=");
    match m = find_option(usage, values, name, length, 0);
    if (!m.option) {
        unknown_option(usage, argument);
        return false;
    }
    return take_value(usage, m, name[length] == '=' ? name + length + 1 : NULL, argc, argv, next);
}

/* A cluster of letters: flags, then at most one option whose value is the rest or the next argument. */
static bool parse_short(const cli_usage *usage, void *values, int argc, char **argv, int *next)
{
    for (const char *letter = argv[*next - 1] + 1; *letter; letter++) {
        match m = find_option(usage, values, NULL, 0, *letter);
        if (!m.option) {
            unknown_option(usage, (char[]){'-', *letter, 0});
            return false;
        }
        bool flag = m.option->kind == CLI_OPTION_FLAG;
        if (!take_value(usage, m, flag || !letter[1] ? NULL : letter + 1, argc, argv, next))
            return false;
        if (!flag)
            break;
    }
    return true;
}

static bool operands_fit(const cli_usage *usage, int operands, char **argv)
{
    if (operands < usage->min_operands)
        cli_say("%s: %s is missing; 'mseg %s --help' tells more", usage->command, usage->operands, usage->command);
    else if (usage->max_operands >= 0 && operands > usage->max_operands)
        cli_say("%s: unexpected '%s'", usage->command, argv[usage->max_operands]);
    else
        return true;
    return false;
}

bool cli_options_parse(const cli_usage *usage, int argc, char **argv, void *values, int *operands, int *exit_status)
{
    bool options_end = false;
    int next = 1;
    *operands = 0;
    *exit_status = CLI_EXIT_UNUSABLE;
    while (next < argc) {
        char *argument = argv[next++];
        if (options_end || argument[0] != '-' || !argument[1]) {
            argv[(*operands)++] = argument;
        } else if (!strcmp(argument, "--")) {
            options_end = true;
        } else if (!strcmp(argument, "--help") || !strcmp(argument, "-h")) {
            print_help(usage);
            *exit_status = CLI_EXIT_OK;
            return false;
        } else if (!(argument[1] == '-' ? parse_long : parse_short)(usage, values, argc, argv, &next)) {
            return false;
        }
    }
    return operands_fit(usage, *operands, argv);
}
