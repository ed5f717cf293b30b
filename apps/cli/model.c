#include "cli/model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "cli/network.h"
#include "cli/say.h"

#define BUILTIN_MODEL "builtin"

/* On all 1,449 VOC val images: docs/own-model.md, README.md. */
#define DEFAULT_MIOU "74.2%%"
#define BUILTIN_MIOU "48.6%%"

enum { MODEL_FOLDERS = 2 };

/* What a name may be followed by in them, the first that is there. */
static const char *const extensions[] = {"", ".tflite", ".pb", ".onnx", ".safetensors"};
enum { EXTENSIONS = sizeof extensions / sizeof *extensions };

static bool is_file(const char *path)
{
    struct stat info;
    return path && !stat(path, &info) && !S_ISDIR(info.st_mode);
}

/* The user's cache and the installed share folder; NULL where there is none. False without memory. */
static bool model_folders(char *folders[MODEL_FOLDERS])
{
    bool cached = true;
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    folders[0] = folders[1] = NULL;
    if (cache && *cache)
        cached = (folders[0] = cli_path("%s/mseg", cache));
    else if (home && *home)
        cached = (folders[0] = cli_path("%s/.cache/mseg", home));
    char program[4096];
    ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    for (int ups = 0; length > 0 && ups < 2; ups++) { /* PREFIX/bin/mseg -> PREFIX */
        program[length] = 0;
        char *slash = strrchr(program, '/');
        length = slash ? slash - program : 0;
    }
    if (length >= 0)
        folders[1] = cli_path("%.*s/share/mseg", (int)length, program);
    return cached && (length < 0 || folders[1]);
}

/* NULL when it is in none of them; *ok is false without memory. */
static char *find_in(char *const folders[MODEL_FOLDERS], const char *name, bool *ok)
{
    for (int i = 0; i < MODEL_FOLDERS; i++)
        for (int k = 0; folders[i] && k < EXTENSIONS; k++) {
            char *path = cli_path("%s/%s%s", folders[i], name, extensions[k]);
            if (is_file(path))
                return path;
            *ok = *ok && path;
            free(path);
        }
    return NULL;
}

char *cli_model_find(const char *name)
{
    const char *variable = getenv("MSEG_MODEL");
    bool given = name || (variable && *variable);
    if (!name)
        name = given ? variable : CLI_DEFAULT_MODEL;
    const bool builtin = given && !strcmp(name, BUILTIN_MODEL);
    if (builtin || strchr(name, '/') || (given && is_file(name))) {
        char *copy = strdup(name);
        if (!copy)
            cli_say("out of memory");
        return copy;
    }
    char *folders[MODEL_FOLDERS];
    bool ok = model_folders(folders);
    char *path = find_in(folders, name, &ok);
    if (!path && ok && !given)
        ok = (path = strdup(BUILTIN_MODEL)) != NULL;
    if (!path && !ok)
        cli_say("out of memory");
    else if (!path)
        cli_say("no model: %s is not in %s or %s; data/get-model.sh fetches one, or name a file with -m", name,
                folders[0] ? folders[0] : "~/.cache/mseg", folders[1] ? folders[1] : "PREFIX/share/mseg");
    for (int i = 0; i < MODEL_FOLDERS; i++)
        free(folders[i]);
    return path;
}

void cli_model_options(mseg_model_options *options)
{
    mseg_model_options_init(options, sizeof *options);
    options->cpu = getenv("MSEG_CPU");
}

bool cli_model_load(mseg_model **model, const char *name, const mseg_model_options *options)
{
    mseg_error err = {0};
    char *path = cli_model_find(name);
    if (!path)
        return false;
    if (!strcmp(path, BUILTIN_MODEL) ? mseg_model_open_builtin(model, options, &err)
                                     : mseg_model_open(model, path, options, &err))
        cli_say("%s: %s", path, err.text);
    free(path);
    return !err.status;
}

void cli_model_say_fallback(const mseg_model *model, const char *name, const mseg_run_options *run)
{
    const mseg_model_info info = mseg_model_describe(model);
    const char *variable = getenv("MSEG_MODEL");
    if (!info.builtin || name || (variable && *variable))
        return;
    char *folders[MODEL_FOLDERS];
    model_folders(folders);
    char *installed = folders[1] ? cli_path("%s/get-model.sh", folders[1]) : NULL;
    fprintf(stderr,
            "model: %s, built in, " BUILTIN_MIOU " mIOU on VOC val (--resize fit --size %d); %s gets "
            "deeplabv3_mnv2_pascal_quant, " DEFAULT_MIOU " (--precision float --resize none --size 513)%s\n",
            info.name, info.trained_width, is_file(installed) ? installed : "data/get-model.sh",
            run && run->resize == MSEG_RESIZE_NONE
                ? "; this was --resize none, which suits the built-in one less: give --resize fit"
                : "");
    free(installed);
    for (int i = 0; i < MODEL_FOLDERS; i++)
        free(folders[i]);
}

void cli_model_add_json(mseg_json *object, const mseg_model *model)
{
    const mseg_model_info info = mseg_model_describe(model);
    mseg_json_add_string(object, "model", info.name);
    if (*info.sha256)
        mseg_json_add_string(object, "model_sha256", info.sha256);
    else
        mseg_json_add_null(object, "model_sha256");
    mseg_json_add_string(object, "precision", cli_precisions[info.precision]);
}
