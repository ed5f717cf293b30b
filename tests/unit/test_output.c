/* Files that appear whole or not at all, by both ways: an unnamed file, and a temporary name where the file system has no unnamed
 * ones (played by wrapping open). */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/output.h"

static bool no_unnamed_files, no_exclusive_rename, no_links;

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);

int __wrap_open(const char *path, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(args, mode_t) : 0;
    va_end(args);
    if (no_unnamed_files && (flags & O_TMPFILE) == O_TMPFILE) {
        errno = EOPNOTSUPP;
        return -1;
    }
    return __real_open(path, flags, mode);
}

int __real_renameat2(int from_folder, const char *from, int to_folder, const char *to, unsigned flags);
int __wrap_renameat2(int from_folder, const char *from, int to_folder, const char *to, unsigned flags);

int __wrap_renameat2(int from_folder, const char *from, int to_folder, const char *to, unsigned flags)
{
    if (!no_exclusive_rename)
        return __real_renameat2(from_folder, from, to_folder, to, flags);
    errno = EINVAL;
    return -1;
}

int __real_link(const char *from, const char *to);
int __wrap_link(const char *from, const char *to);

int __wrap_link(const char *from, const char *to)
{
    if (!no_links)
        return __real_link(from, to);
    errno = EPERM;
    return -1;
}

static char folder[64];

static const char *in_folder(const char *name)
{
    static char path[4][256];
    static int turn;
    turn = (turn + 1) % 4;
    snprintf(path[turn], sizeof path[turn], "%s/%s", folder, name);
    return path[turn];
}

static int count_entries(void)
{
    DIR *dir = opendir(folder);
    int n = 0;
    while (readdir(dir))
        n++;
    closedir(dir);
    return n - 2;
}

static void put(const char *path, const char *text)
{
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    fputs(text, out);
    fclose(out);
}

static void assert_holds(const char *path, const char *text)
{
    char found[64] = "";
    FILE *in = fopen(path, "r");
    if (!in)
        fail_msg("%s is missing", path);
    found[fread(found, 1, sizeof found - 1, in)] = 0;
    fclose(in);
    assert_string_equal(found, text);
}

static int set_up(void **state)
{
    no_unnamed_files = *state;
    strcpy(folder, "/tmp/mseg-test-XXXXXX");
    return !mkdtemp(folder);
}

static int tear_down(void **state)
{
    (void)state;
    no_unnamed_files = no_exclusive_rename = no_links = false;
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

static void appears_on_commit(void **state)
{
    mseg_output out;
    mseg_error err;
    const char *path = in_folder("a");
    assert_int_equal(mseg_output_open(&out, path, &err), MSEG_OK);
    assert_int_equal(!out.temporary, !*state);
    fputs("new", out.file);
    fflush(out.file);
    assert_int_equal(access(path, F_OK), -1);
    assert_int_equal(count_entries(), *state ? 1 : 0);
    assert_int_equal(mseg_output_commit(&out, &err), MSEG_OK);
    assert_null(out.file);
    assert_null(out.path);
    assert_holds(path, "new");
    assert_int_equal(count_entries(), 1);
}

static void replaces(void **state)
{
    (void)state;
    mseg_output out;
    mseg_error err;
    const char *path = in_folder("a");
    put(path, "old and longer");
    assert_int_equal(mseg_output_open(&out, path, &err), MSEG_OK);
    fputs("new", out.file);
    fflush(out.file);
    assert_holds(path, "old and longer");
    assert_int_equal(mseg_output_commit(&out, &err), MSEG_OK);
    assert_holds(path, "new");
    assert_int_equal(mseg_output_write(path, "newer", 5, &err), MSEG_OK);
    assert_holds(path, "newer");
    assert_int_equal(mseg_output_write(path, "", 0, &err), MSEG_OK);
    assert_holds(path, "");
    assert_int_equal(count_entries(), 1);
}

/* What comes to stand there before a new file is committed stays, also on file systems that cannot rename exclusively. */
static void new_replaces_nothing(void **state)
{
    (void)state;
    mseg_output out;
    mseg_error err;
    for (int lacks = 0; lacks < 3; lacks++) {
        no_exclusive_rename = lacks > 0;
        no_links = lacks > 1;
        assert_int_equal(mseg_output_open(&out, in_folder("a"), &err), MSEG_OK);
        fputs("new", out.file);
        assert_int_equal(mseg_output_commit_new(&out, &err), MSEG_OK);
        assert_holds(in_folder("a"), "new");
        assert_int_equal(count_entries(), 1);
        assert_int_equal(unlink(in_folder("a")), 0);

        assert_int_equal(mseg_output_open(&out, in_folder("a"), &err), MSEG_OK);
        fputs("new", out.file);
        put(in_folder("a"), "another's");
        assert_int_equal(mseg_output_commit_new(&out, &err), MSEG_IO);
        assert_string_equal(err.text, "cannot write the file: File exists");
        assert_null(out.file);
        assert_null(out.path);
        assert_holds(in_folder("a"), "another's");
        assert_int_equal(count_entries(), 1);
        assert_int_equal(unlink(in_folder("a")), 0);

        assert_int_equal(mseg_output_open(&out, in_folder("a"), &err), MSEG_OK);
        assert_int_equal(symlink("nowhere", in_folder("a")), 0); /* of git-annex: a file whose content is elsewhere */
        assert_int_equal(mseg_output_commit_new(&out, &err), MSEG_IO);
        assert_int_equal(access(in_folder("nowhere"), F_OK), -1);
        assert_int_equal(unlink(in_folder("a")), 0);
    }
}

static void discarded(void **state)
{
    (void)state;
    mseg_output out;
    mseg_error err;
    put(in_folder("a"), "old");
    assert_int_equal(mseg_output_open(&out, in_folder("a"), &err), MSEG_OK);
    fputs("new", out.file);
    mseg_output_discard(&out);
    mseg_output_discard(&out);
    assert_holds(in_folder("a"), "old");
    assert_int_equal(count_entries(), 1);
}

static void several_at_once(void **state)
{
    (void)state;
    mseg_output outs[5];
    mseg_error err;
    for (int i = 0; i < 5; i++) {
        assert_int_equal(mseg_output_open(&outs[i], in_folder("same"), &err), MSEG_OK);
        fprintf(outs[i].file, "%d", i);
    }
    for (int i = 4; i >= 0; i--)
        assert_int_equal(mseg_output_commit(&outs[i], &err), MSEG_OK);
    assert_holds(in_folder("same"), "0");
    assert_int_equal(count_entries(), 1);
}

static void mode_follows_umask(void **state)
{
    (void)state;
    mseg_error err;
    struct stat st;
    static const mode_t masks[] = {022, 077, 0};
    for (size_t i = 0; i < 3; i++) {
        mode_t before = umask(masks[i]);
        assert_int_equal(mseg_output_write(in_folder("a"), "x", 1, &err), MSEG_OK);
        umask(before);
        assert_int_equal(stat(in_folder("a"), &st), 0);
        assert_int_equal(st.st_mode & 0777, 0666 & ~masks[i]);
    }
}

static void link_target_is_written(void **state)
{
    (void)state;
    mseg_error err;
    struct stat st;
    put(in_folder("real"), "old");
    assert_int_equal(symlink("real", in_folder("link")), 0);
    assert_int_equal(mseg_output_write(in_folder("link"), "new", 3, &err), MSEG_OK);
    assert_holds(in_folder("real"), "new");
    assert_int_equal(lstat(in_folder("link"), &st), 0);
    assert_true(S_ISLNK(st.st_mode));
}

/* Devices and pipes are written to; above all they are not replaced. */
static void pipes_stay_pipes(void **state)
{
    (void)state;
    mseg_error err;
    struct stat st;
    char text[8] = "";
    assert_int_equal(mkfifo(in_folder("pipe"), 0600), 0);
    int reader = open(in_folder("pipe"), O_RDONLY | O_NONBLOCK);
    assert_int_equal(mseg_output_write(in_folder("pipe"), "hello", 5, &err), MSEG_OK);
    assert_int_equal(read(reader, text, sizeof text), 5);
    assert_string_equal(text, "hello");
    close(reader);
    assert_int_equal(stat(in_folder("pipe"), &st), 0);
    assert_true(S_ISFIFO(st.st_mode));
}

static void full_device(void **state)
{
    (void)state;
    mseg_output out;
    mseg_error err;
    if (access("/dev/full", W_OK)) {
        print_message("SKIP: no /dev/full\n");
        skip();
    }
    assert_int_equal(mseg_output_write("/dev/full", "x", 1, &err), MSEG_FULL);
    assert_string_equal(err.text, "cannot write the file: No space left on device");
    assert_int_equal(mseg_output_open(&out, "/dev/full", &err), MSEG_OK);
    for (int i = 0; i < 100000; i++)
        putc('x', out.file); /* fails on the way, not at the end */
    assert_int_equal(mseg_output_commit(&out, &err), MSEG_FULL);
    assert_null(out.file);
}

/* A file size limit stands for the full disk: what does not fit leaves nothing behind, and an older file stays. */
static void write_error(void **state)
{
    (void)state;
    mseg_output out;
    mseg_error err;
    static char much[1 << 16];
    struct rlimit before, small;
    put(in_folder("a"), "old");
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = 1000;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    mseg_status at_once = mseg_output_write(in_folder("a"), much, sizeof much, &err);
    mseg_status opened = mseg_output_open(&out, in_folder("a"), &err);
    size_t written = opened ? 0 : fwrite(much, 1, 1500, out.file); /* stays in the buffer until commit */
    mseg_status at_commit = mseg_output_commit(&out, &err);
    setrlimit(RLIMIT_FSIZE, &before);
    signal(SIGXFSZ, SIG_DFL);
    assert_int_equal(at_once, MSEG_IO);
    assert_int_equal(written, 1500);
    assert_int_equal(at_commit, MSEG_IO);
    assert_string_equal(err.text, "cannot write the file: File too large");
    assert_holds(in_folder("a"), "old");
    assert_int_equal(count_entries(), 1);
}

static void bad_places(void **state)
{
    (void)state;
    mseg_output out;
    mseg_error err;
    put(in_folder("file"), "x");
    assert_int_equal(mseg_output_open(&out, in_folder("no/such/a"), &err), MSEG_NOENT);
    assert_null(out.file);
    assert_null(out.path);
    assert_int_equal(mseg_output_open(&out, in_folder("file/a"), &err), MSEG_NOENT); /* as when reading */
    assert_string_equal(err.text, "cannot create the file: Not a directory");
    assert_int_equal(mseg_output_open(&out, folder, &err), MSEG_IO);
    assert_string_equal(err.text, "cannot create the file: Is a directory");
    assert_int_equal(mseg_output_open(&out, "", &err), MSEG_NOENT);
    assert_int_equal(mseg_output_open(&out, in_folder("late"), &err), MSEG_OK);
    assert_int_equal(mkdir(in_folder("late"), 0777), 0); /* a folder takes the name in the meantime */
    assert_int_equal(mseg_output_commit(&out, &err), MSEG_IO);
    assert_int_equal(count_entries(), 2);
}

static void beside_without_folder(void **state)
{
    (void)state;
    mseg_error err;
    char before[512];
    assert_non_null(getcwd(before, sizeof before));
    assert_int_equal(chdir(folder), 0);
    mseg_status status = mseg_output_write("plain", "x", 1, &err);
    assert_int_equal(chdir(before), 0);
    assert_int_equal(status, MSEG_OK);
    assert_holds(in_folder("plain"), "x");
}

static void folders(void **state)
{
    (void)state;
    mseg_error err;
    struct stat st;
    assert_int_equal(mseg_make_folder(in_folder("a/b//c/"), &err), MSEG_OK);
    assert_int_equal(stat(in_folder("a/b/c"), &st), 0);
    assert_true(S_ISDIR(st.st_mode));
    assert_int_equal(mseg_make_folder(in_folder("a/b/c"), &err), MSEG_OK);
    assert_int_equal(mseg_make_folder("/", &err), MSEG_OK);
    put(in_folder("file"), "x");
    assert_int_equal(mseg_make_folder(in_folder("file/x"), &err), MSEG_IO);
    assert_non_null(strstr(err.text, "/file: Not a directory"));
    assert_int_equal(mseg_make_folder(in_folder("file"), &err), MSEG_IO);
    assert_int_equal(mseg_make_folder("", &err), MSEG_IO);
    assert_holds(in_folder("file"), "x");
}

/* A child leaves a temporary file and dies by SIGKILL; a living process's file and names of other kinds stay. */
static void sweeping(void **state)
{
    (void)state;
    mseg_output out;
    mseg_error err;
    no_unnamed_files = true;
    pid_t child = fork();
    if (!child) {
        if (!mseg_output_open(&out, in_folder("never"), &err))
            fputs("half", out.file);
        kill(getpid(), SIGKILL);
    }
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_int_equal(count_entries(), 1);
    assert_int_equal(mseg_output_open(&out, in_folder("alive"), &err), MSEG_OK);
    static const char *const others[] = {".mseg-1-1", "mask.png", ".mseg-other-999999999-0.tmp", ".mseg-x.tmp", ".mseg--1-0.tmp"};
    for (size_t i = 0; i < 5; i++)
        put(in_folder(others[i]), "x");
    assert_int_equal(mseg_output_sweep(folder), 1);
    assert_int_equal(count_entries(), 6);
    assert_int_equal(mseg_output_sweep(folder), 0);
    assert_int_equal(mseg_output_commit(&out, &err), MSEG_OK);
    assert_holds(in_folder("alive"), "");
    assert_int_equal(mseg_output_sweep(in_folder("no such folder")), 0);
}

/* Killed with an unnamed file open, a process leaves nothing. */
static void killed_leaves_nothing(void **state)
{
    (void)state;
    pid_t child = fork();
    if (!child) {
        mseg_output out;
        mseg_error err;
        if (!mseg_output_open(&out, in_folder("never"), &err))
            fputs("half", out.file);
        kill(getpid(), SIGKILL);
    }
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_int_equal(count_entries(), 0);
}

#define BOTH_WAYS(f)                                                                                                             \
    cmocka_unit_test_prestate_setup_teardown(f, set_up, tear_down, NULL),                                                        \
        cmocka_unit_test_prestate_setup_teardown(f, set_up, tear_down, &no_unnamed_files)

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH_WAYS(appears_on_commit),
        BOTH_WAYS(replaces),
        BOTH_WAYS(new_replaces_nothing),
        BOTH_WAYS(discarded),
        BOTH_WAYS(several_at_once),
        BOTH_WAYS(mode_follows_umask),
        BOTH_WAYS(link_target_is_written),
        BOTH_WAYS(write_error),
        BOTH_WAYS(bad_places),
        BOTH_WAYS(beside_without_folder),
        cmocka_unit_test_setup_teardown(pipes_stay_pipes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(full_device, set_up, tear_down),
        cmocka_unit_test_setup_teardown(folders, set_up, tear_down),
        cmocka_unit_test_setup_teardown(sweeping, set_up, tear_down),
        cmocka_unit_test_setup_teardown(killed_leaves_nothing, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
