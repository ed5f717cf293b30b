#include "cli/tally.h"

#include <stdlib.h>
#include <string.h>

#include "cli/say.h"

/* What of a text says the reason: up to the first number, name, detail. Where that is nothing, the status says it. */
static void print_reason(char text[64], const mseg_error *err)
{
    static const char *const named[][2] = {{"cannot write ", "cannot write the output"},
                                           {"would write the same output as ", "same output as another input"},
                                           {"would replace ", "would replace another file"},
                                           {"is not below --root ", "not below --root"},
                                           {"no folder ", "no such folder"}};
    size_t length = strcspn(err->text, ":;(0123456789");
    while (length && err->text[length - 1] == ' ')
        length--;
    if (length < 4)
        snprintf(text, 64, "%s", mseg_status_text(err->status));
    else
        snprintf(text, 64, "%.*s", (int)length, err->text);
    for (size_t i = 0; i < sizeof named / sizeof *named; i++)
        if (!strncmp(err->text, named[i][0], strlen(named[i][0])))
            snprintf(text, 64, "%s", named[i][1]);
}

void cli_tally_add(cli_tally *tally, const mseg_error *err)
{
    char text[64];
    print_reason(text, err);
    for (int i = 0; i < CLI_TALLY_REASONS; i++) {
        if (tally->reasons[i].count && strcmp(tally->reasons[i].text, text) != 0)
            continue;
        memcpy(tally->reasons[i].text, text, sizeof text);
        tally->reasons[i].count++;
        return;
    }
    tally->others++;
}

char *cli_tally_text(const cli_tally *tally)
{
    cli_tally rest = *tally;
    cli_text text = {0};
    for (int n = 0; n < CLI_TALLY_REASONS; n++) {
        int most = 0;
        for (int i = 1; i < CLI_TALLY_REASONS; i++)
            if (rest.reasons[i].count > rest.reasons[most].count)
                most = i;
        if (rest.reasons[most].count)
            cli_text_add(&text, "%s%zu %s", n ? ", " : "", rest.reasons[most].count, rest.reasons[most].text);
        rest.reasons[most].count = 0;
    }
    if (tally->others)
        cli_text_add(&text, ", %zu others", tally->others);
    return cli_text_take(&text);
}
