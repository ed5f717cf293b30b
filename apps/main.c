#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "cli/options.h"
#include "cli/say.h"
#include "commands.h"
#include "mseg.h"

typedef struct command {
    const char *name, *help;
    int (*run)(int argc, char **argv);
} command;

static const command commands[] = {
    {"run", "segment images: masks, overlays, scores", cmd_run},
    {"eval", "judge segmentations against annotations: mIOU and reports", cmd_eval},
    {"train", "train a network on photos and masks of your own", cmd_train},
    {"info", "show a model's layers, multiply-adds, parameters and memory", cmd_info},
    {"classify", "name what is in images with a classifier", cmd_classify},
    {"convert", "write a model as another kind of file: .tflite, .onnx, .safetensors", cmd_convert},
    {"bench", "measure how fast a network runs here", cmd_bench},
    {"palettes", "print the built-in lists of classes and their colours", cmd_palettes},
};
enum { COMMANDS = sizeof commands / sizeof *commands };

static void print_help(void)
{
    printf("usage: mseg COMMAND [options] ...\n\n"
           "Semantic segmentation of photos with Mobile DeepLabv3 on ordinary CPUs.\n\n");
    for (int i = 0; i < COMMANDS; i++)
        printf("  %-10s%s\n", commands[i].name, commands[i].help);
    printf("\n'mseg COMMAND --help' tells more. 'mseg --version' prints the version.\n");
}

static const command *find_command(const char *name)
{
    for (int i = 0; i < COMMANDS; i++)
        if (!strcmp(commands[i].name, name))
            return &commands[i];
    return NULL;
}

static int unknown_command(const char *name)
{
    const char *nearest = NULL;
    int best = 3;
    for (int i = 0; i < COMMANDS; i++) {
        int distance = cli_word_distance(name, commands[i].name);
        if (distance < best && distance < (int)strlen(name)) {
            best = distance;
            nearest = commands[i].name;
        }
    }
    if (nearest)
        cli_say("unknown command '%s'; did you mean 'mseg %s'?", name, nearest);
    else
        cli_say("unknown command '%s'; 'mseg --help' lists them", name);
    return CLI_EXIT_UNUSABLE;
}

static int dispatch(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";
    bool help = !strcmp(name, "help") || !strcmp(name, "--help") || !strcmp(name, "-h");
    if (!*name) {
        cli_say("no command; 'mseg --help' lists them");
        return CLI_EXIT_UNUSABLE;
    }
    if (!strcmp(name, "--version") || !strcmp(name, "version")) {
        printf("mseg %s\n", mseg_version());
        return CLI_EXIT_OK;
    }
    if (help && argc == 2) {
        print_help();
        return CLI_EXIT_OK;
    }
    const command *found = find_command(help ? argv[2] : name);
    if (!found)
        return unknown_command(help ? argv[2] : name);
    if (help)
        return found->run(2, (char *[]){argv[2], (char[]){"--help"}, NULL});
    return found->run(argc - 1, argv + 1);
}

/* A standard stream that is closed would be the descriptor of the next file that is opened, and what is printed would go there.
 * Reading from it, and writing to standard output, fails instead; there is nowhere to tell that standard error is missing. */
static bool fill_streams(void)
{
    static const int modes[] = {O_WRONLY, O_RDONLY, O_WRONLY};
    for (int fd = 0; fd < 3; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", modes[fd]) != fd)
            return false;
    return true;
}

int main(int argc, char **argv)
{
    if (!fill_streams()) {
        cli_say("cannot open /dev/null in place of a closed standard stream");
        return CLI_EXIT_UNUSABLE;
    }
    int status = dispatch(argc, argv);
    if (fflush(stdout) || ferror(stdout)) {
        cli_say("cannot write to standard output");
        return CLI_EXIT_UNUSABLE;
    }
    return status;
}
