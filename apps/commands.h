#ifndef MSEG_APPS_COMMANDS_H
#define MSEG_APPS_COMMANDS_H

/* Exit statuses of every command. */
enum { MSEG_EXIT_OK = 0, MSEG_EXIT_SOME_FAILED = 1, MSEG_EXIT_UNUSABLE = 2 };

/* argv[0] is the command's name. Each returns the exit status of the program. */
int mseg_cmd_run(int argc, char **argv);
int mseg_cmd_info(int argc, char **argv);
int mseg_cmd_classify(int argc, char **argv);
int mseg_cmd_eval(int argc, char **argv);
int mseg_cmd_bench(int argc, char **argv);
int mseg_cmd_palettes(int argc, char **argv);

#endif
