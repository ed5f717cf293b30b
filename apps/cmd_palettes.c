#include <stdio.h>
#include <stdlib.h>

#include "cli/options.h"
#include "cli/say.h"
#include "commands.h"
#include "mseg.h"

static const cli_option_group groups[] = {{0}};
static const cli_usage usage = {
    .command = "palettes",
    .operands = "[NAME]",
    .text = "Prints the names of the built-in lists of classes, or the one called NAME as a\n"
            "text file of lines 'id r g b name', to be changed and given instead of a name.\n",
    .groups = groups,
    .min_operands = 0,
    .max_operands = 1,
};

static int unknown_name(const char *name)
{
    cli_text known = {0};
    for (int i = 0; mseg_palette_name(i); i++)
        cli_text_add(&known, "%s%s", i ? ", " : "", mseg_palette_name(i));
    char *names = cli_text_take(&known);
    cli_say("palettes: no palette '%s' is built in; there are %s", name, names ? names : "others");
    free(names);
    return CLI_EXIT_UNUSABLE;
}

int cmd_palettes(int argc, char **argv)
{
    int operands, status;
    if (!cli_options_parse(&usage, argc, argv, NULL, &operands, &status))
        return status;
    const char *text = operands ? mseg_palette_text(argv[0]) : NULL;
    if (operands && !text)
        return unknown_name(argv[0]);
    if (text)
        fputs(text, stdout);
    for (int i = 0; !operands && mseg_palette_name(i); i++)
        puts(mseg_palette_name(i));
    return CLI_EXIT_OK;
}
