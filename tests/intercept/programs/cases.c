/* Makes system calls on redirected and other paths and prints what came of each, one line a case.

   The same lines must come out whether the view is mounted or rewritten by a tracer. Calls are made raw, so that
   argument registers can be compared afterwards: the kernel keeps them, and a tracer must too. What cannot be equal
   (inodes, times, free space) is not printed.

   usage: cases CONTEXT   where CONTEXT is main, thread or vfork
   environment: TREE (a tree of the view), OUT (a directory outside), SCREENED (openat is made in a way that is screened in the
   program itself, and was made often enough before) */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <linux/stat.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

struct linux_dirent64 { uint64_t ino; int64_t off; unsigned short reclen; unsigned char type; char name[]; };

static const char *tree, *out;
static char *page;      /* two pages, the second one not mapped */
static long page_size;

static long kept_wrong;

/* Defines a function that makes a system call by the given instructions, and compares the registers afterwards. */
#define RAW(name, instructions)                                                                                              \
    __attribute__((noinline)) static long name(long nr, long a, long b, long c, long d, long e, long f)                      \
    {                                                                                                                        \
        long rdi = a, rsi = b, rdx = c, result;                                                                              \
        register long r10 __asm__("r10") = d;                                                                                \
        register long r8 __asm__("r8") = e;                                                                                  \
        register long r9 __asm__("r9") = f;                                                                                  \
        __asm__ volatile(instructions                                                                                        \
                         : "=a"(result), "+D"(rdi), "+S"(rsi), "+d"(rdx), "+r"(r10), "+r"(r8), "+r"(r9)                      \
                         : "0"(nr) : "rcx", "r11", "memory", "cc");                                                          \
        kept_wrong =                                                                                                         \
            (rdi != a) | (rsi != b) << 1 | (rdx != c) << 2 | (r10 != d) << 3 | (r8 != e) << 4 | (r9 != f) << 5;              \
        return result;                                                                                                       \
    }

RAW(raw, "syscall")
/* An openat as glibc makes it, which the interceptor knows and lets the program screen by itself. */
RAW(raw_screened, "movl $257, %%eax\n\tsyscall\n\tcmpq $-4095, %%rax")

#define CALL(nr, ...) CALL_(nr, __VA_ARGS__, 0, 0, 0, 0, 0, 0)
#define CALL_(nr, a, b, c, d, e, f, ...) raw(nr, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))

/* Every argument position gets a value that nothing else would restore by chance. */
#define MARK_D 0x1d1d1d1d1d1dL
#define MARK_8 0x1818181818L
#define MARK_9 0x1919191919L

static void note(const char *name, const char *spelling, long result)
{
    if (kept_wrong)
        dprintf(1, "%s %s: registers changed, mask %#lx\n", name, spelling, kept_wrong);
    if (result < 0)
        dprintf(1, "%s %s: %s\n", name, spelling, strerrorname_np(-result));
    else
        dprintf(1, "%s %s: %ld\n", name, spelling, result);
}

/* A descriptor: what can be read through it, and its flags. */
static void note_open(const char *name, const char *spelling, long fd)
{
    if (fd < 0) {
        note(name, spelling, fd);
        return;
    }
    long wrong = kept_wrong;
    char text[65] = "";
    struct stat st;
    long n = read(fd, text, 64);
    int why = errno;
    fstat(fd, &st);
    for (char *p = text; *p; p++)
        if (*p == '\n')
            *p = '|';
    dprintf(1, "%s %s: fd%s read=%ld%s '%s' mode=%o flags=%x cloexec=%d\n", name, spelling, wrong ? " REGISTERS" : "", n,
            n < 0 ? strerrorname_np(why) : "", n > 0 ? text : "", st.st_mode, fcntl(fd, F_GETFL) & ~O_LARGEFILE,
            fcntl(fd, F_GETFD));
    close(fd);
}

static void note_stat(const char *name, const char *spelling, long result, struct stat *st)
{
    if (result < 0)
        note(name, spelling, result);
    else
        dprintf(1, "%s %s: mode=%o size=%ld uid=%d%s\n", name, spelling, st->st_mode, S_ISREG(st->st_mode) ? st->st_size : -1,
                st->st_uid, kept_wrong ? " REGISTERS" : "");
}

static char *in_tree(const char *rest)
{
    static char text[16][300];
    static int next;
    char *place = text[next++ % 16];
    snprintf(place, 300, "%s%s", tree, rest);
    return place;
}

static char *outside(const char *rest)
{
    static char text[8][300];
    static int next;
    char *place = text[next++ % 8];
    snprintf(place, 300, "%s%s", out, rest);
    return place;
}

static int screened;

static long openat_raw(long dirfd, const char *path, long flags, long mode)
{
    if (screened)
        return raw_screened(SYS_openat, dirfd, (long)path, flags, mode, MARK_8, MARK_9);
    return CALL(SYS_openat, dirfd, path, flags, mode, MARK_8, MARK_9);
}

/* The three ways to open, the stat family and access on one spelling. */
static void look(const char *label, const char *path)
{
    struct stat st;
    struct statx sx;
    char before[5000];
    char link[400];
    struct open_how how = {.flags = O_RDONLY | O_CLOEXEC};
    strcpy(before, path);
    note_open("openat", label, openat_raw(AT_FDCWD, path, O_RDONLY, 0));
    note_open("open", label, CALL(SYS_open, path, O_RDONLY | O_CLOEXEC, 0, MARK_D, MARK_8, MARK_9));
    note_open("openat2", label, CALL(SYS_openat2, AT_FDCWD, path, &how, sizeof how, MARK_8, MARK_9));
    note_open("openat-path", label, openat_raw(AT_FDCWD, path, O_PATH, 0));
    note_stat("stat", label, CALL(SYS_stat, path, &st, 0, MARK_D, MARK_8, MARK_9), &st);
    note_stat("lstat", label, CALL(SYS_lstat, path, &st, 0, MARK_D, MARK_8, MARK_9), &st);
    note_stat("newfstatat", label, CALL(SYS_newfstatat, AT_FDCWD, path, &st, AT_SYMLINK_NOFOLLOW, MARK_8, MARK_9), &st);
    long r = CALL(SYS_statx, AT_FDCWD, path, 0, STATX_BASIC_STATS, &sx, MARK_9);
    if (r < 0)
        note("statx", label, r);
    else
        dprintf(1, "statx %s: mode=%o size=%ld\n", label, sx.stx_mode, S_ISREG(sx.stx_mode) ? (long)sx.stx_size : -1);
    note("access", label, CALL(SYS_access, path, R_OK | W_OK, 0, MARK_D, MARK_8, MARK_9));
    note("faccessat", label, CALL(SYS_faccessat, AT_FDCWD, path, X_OK, MARK_D, MARK_8, MARK_9));
    note("faccessat2", label, CALL(SYS_faccessat2, AT_FDCWD, path, F_OK, AT_EACCESS, MARK_8, MARK_9));
    note("readlink", label, CALL(SYS_readlink, path, link, sizeof link, MARK_D, MARK_8, MARK_9));
    note("readlinkat", label, CALL(SYS_readlinkat, AT_FDCWD, path, link, sizeof link, MARK_8, MARK_9));
    struct statfs fs;
    note("statfs", label, CALL(SYS_statfs, path, &fs, MARK_D, MARK_D, MARK_8, MARK_9));
    if (strcmp(before, path) != 0)
        dprintf(1, "the text of %s was changed\n", label);
}

static int by_name(const void *a, const void *b) { return strcmp(*(char **)a, *(char **)b); }

/* Names and types, sorted; the kernels and mechanisms list in different orders. */
static void list(const char *label, long fd, long buffer_size, int twice)
{
    char *names[4000];
    int count = 0;
    char *buffer = malloc(buffer_size);
    for (int round = 0; round <= twice; round++) {
        long n;
        lseek(fd, 0, SEEK_SET);
        while ((n = CALL(SYS_getdents64, fd, buffer, buffer_size, MARK_D, MARK_8, MARK_9)) > 0) {
            if (kept_wrong)
                dprintf(1, "getdents64 %s: registers changed, mask %#lx\n", label, kept_wrong);
            for (long at = 0; at < n;) {
                struct linux_dirent64 *entry = (void *)(buffer + at);
                if (asprintf(&names[count++], "%s/%d", entry->name, entry->type == DT_UNKNOWN ? -1 : entry->type == DT_DIR) < 0)
                    exit(9);
                at += entry->reclen;
            }
        }
        if (n < 0)
            note("getdents64", label, n);
    }
    qsort(names, count, sizeof *names, by_name);
    dprintf(1, "getdents64 %s: %d", label, count);
    for (int i = 0; i < count; i++) {
        dprintf(1, " %s", names[i]);
        free(names[i]);
    }
    dprintf(1, "\n");
    free(buffer);
    close(fd);
}

static void spellings(void)
{
    static const char *rest[] = {
        "/only/new", "/shared", "/real", "/none", "/only", "/only/", "/both", "", "/only/new/", "/only/new/x", "/real/x",
        "//only///new", "/./only/./new", "/only/../only/new", "/only/../shared", "/only/../real", "/only/..", "/none/../shared",
        "/shared/../shared", "/both/real", "/both/new", "/both/../only/new", "/only/../both/real", "/both/.", "x", "/only/newer",
        "/dir-link/new", "/file-link", "/gone-link",
    };
    char text[600];
    for (unsigned i = 0; i < sizeof rest / sizeof *rest; i++)
        look(rest[i][0] ? rest[i] : "(tree)", in_tree(rest[i]));
    snprintf(text, sizeof text, "//%s/only/new", tree);
    look("//", text);
    snprintf(text, sizeof text, "/proc/self/root%s/only/new", tree);
    look("self/root", text);
    snprintf(text, sizeof text, "/proc/thread-self/root%s/shared", tree);
    look("thread-self/root", text);
    snprintf(text, sizeof text, "/proc/%d/root%s/only/new", getpid(), tree);
    look("pid/root", text);
    snprintf(text, sizeof text, "/proc/self/..%s/only/new", "/..");
    look("nonsense", text);
    snprintf(text, sizeof text, "/proc/self/../..%s/only/new", tree);
    look("self/..", text);
    snprintf(text, sizeof text, "%s%s/only/new", out, tree);
    look("prefix in the middle", text);
    look("link to the tree", outside("/to-tree/only/new"));
    look("link to the tree, real", outside("/to-tree/real"));
    look("link to a new file", outside("/to-new"));
    look("relative link", outside("/relative"));
    look("link to a link", outside("/to-link"));
    look("loop", outside("/loop"));
    char *slow = malloc(2400);
    strcpy(slow, tree);
    while (strlen(slow) < 2048)
        strcat(slow, "/only/..");
    strcat(slow, "/only/new");
    look("2 KiB", slow);
    free(slow);
    char *longest = malloc(5000);
    strcpy(longest, tree);
    memset(longest + strlen(tree), '/', 4999 - strlen(tree));
    strcpy(longest + 4990, "only/new");
    look("longer than PATH_MAX", longest);
    strcpy(longest + 4095 - 9, "/only/new");
    look("PATH_MAX", longest);
    free(longest);
}

static void directories(void)
{
    long fd = openat_raw(AT_FDCWD, tree, O_PATH | O_DIRECTORY, 0);
    note_open("dirfd", "only/new", openat_raw(fd, "only/new", O_RDONLY, 0));
    note_open("dirfd", "shared", openat_raw(fd, "shared", O_RDONLY | O_CLOEXEC, 0));
    note_open("dirfd", "real", openat_raw(fd, "real", O_RDONLY, 0));
    note_open("dirfd", "./only//new", openat_raw(fd, "./only//new", O_RDONLY, 0));
    note_open("dirfd", "../tree/only/new", openat_raw(fd, "only/../only/new", O_RDONLY, 0));
    note_open("dirfd", "absolute", openat_raw(fd, in_tree("/only/new"), O_RDONLY, 0));
    note_open("dirfd", "absolute outside", openat_raw(fd, outside("/plain"), O_RDONLY, 0));
    close(fd);
    note_open("bad dirfd", "relative", openat_raw(-1, "only/new", O_RDONLY, 0));
    note_open("bad dirfd", "absolute", openat_raw(-1, in_tree("/only/new"), O_RDONLY, 0));
    fd = openat_raw(AT_FDCWD, in_tree("/only/new"), O_RDONLY, 0);
    note_open("file as dirfd", "relative", openat_raw(fd, "only/new", O_RDONLY, 0));
    struct stat st;
    note_stat("empty path", "fd", CALL(SYS_newfstatat, fd, "", &st, AT_EMPTY_PATH, MARK_8, MARK_9), &st);
    char magic[64];
    snprintf(magic, sizeof magic, "/proc/self/fd/%ld", fd);
    note_open("magic link", "file", openat_raw(AT_FDCWD, magic, O_RDONLY, 0));
    close(fd);
    fd = openat_raw(AT_FDCWD, in_tree("/only"), O_RDONLY | O_DIRECTORY, 0);
    note_open("layer dirfd", "new", openat_raw(fd, "new", O_RDONLY, 0));
    note_open("layer dirfd", "../real", openat_raw(fd, "../real", O_RDONLY, 0));
    note_open("layer dirfd", "../shared", openat_raw(fd, "../shared", O_RDONLY, 0));
    note_open("layer dirfd", "../both/real", openat_raw(fd, "../both/real", O_RDONLY, 0));
    note_open("layer dirfd", "none", openat_raw(fd, "none", O_RDONLY, 0));
    snprintf(magic, sizeof magic, "/proc/self/fd/%ld/new", fd);
    note_open("magic link", "through directory", openat_raw(AT_FDCWD, magic, O_RDONLY, 0));
    snprintf(magic, sizeof magic, "/proc/self/fd/%ld/../real", fd);
    note_open("magic link", "through directory and up", openat_raw(AT_FDCWD, magic, O_RDONLY, 0));
    snprintf(magic, sizeof magic, "/proc/self/fd/%ld", fd);
    char link[400] = "";
    long n = CALL(SYS_readlink, magic, link, sizeof link - 1, MARK_D, MARK_8, MARK_9);
    dprintf(1, "readlink of fd: %d %s\n", n == (long)strlen(in_tree("/only")), strcmp(link, in_tree("/only")) ? link : "right");
    list("only", fd, 32768, 0);
    list("tree", openat_raw(AT_FDCWD, tree, O_RDONLY | O_DIRECTORY, 0), 32768, 0);
    list("tree, rewound", openat_raw(AT_FDCWD, tree, O_RDONLY | O_DIRECTORY, 0), 32768, 1);
    list("tree, small buffer", openat_raw(AT_FDCWD, tree, O_RDONLY | O_DIRECTORY, 0), 1024, 0);
    list("both", openat_raw(AT_FDCWD, in_tree("/both"), O_RDONLY | O_DIRECTORY, 0), 4096, 0);

    char here[500];
    note("chdir", "only", CALL(SYS_chdir, in_tree("/only"), MARK_D, MARK_D, MARK_D, MARK_8, MARK_9));
    n = CALL(SYS_getcwd, here, sizeof here, MARK_D, MARK_D, MARK_8, MARK_9);
    dprintf(1, "getcwd: %d %s\n", n == (long)strlen(in_tree("/only")) + 1, strcmp(here, in_tree("/only")) ? here : "right");
    look("in only: new", "new");
    look("in only: ../real", "../real");
    look("in only: ../shared", "../shared");
    look("in only: ..", "..");
    look("in only: .", ".");
    note("chdir", "both", CALL(SYS_chdir, in_tree("/both"), MARK_D, MARK_D, MARK_D, MARK_8, MARK_9));
    look("in both: new", "new");
    look("in both: real", "real");
    look("in both: ../only/new", "../only/new");
    look("in both: cwd", "/proc/self/cwd/new");
    note("chdir", "file", CALL(SYS_chdir, in_tree("/only/new"), 0));
    note("chdir", "none", CALL(SYS_chdir, in_tree("/none"), 0));
    note("chdir", "/", CALL(SYS_chdir, "/", 0));
}

static void flags(void)
{
    static const struct { const char *name; long flags; } kinds[] = {
        {"rdwr", O_RDWR}, {"append", O_WRONLY | O_APPEND}, {"cloexec", O_RDONLY | O_CLOEXEC}, {"nofollow", O_RDONLY | O_NOFOLLOW},
        {"directory", O_RDONLY | O_DIRECTORY}, {"nonblock", O_RDONLY | O_NONBLOCK}, {"excl", O_RDWR | O_CREAT | O_EXCL},
        {"creat", O_RDWR | O_CREAT}, {"noatime", O_RDONLY | O_NOATIME},
    };
    for (unsigned i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        note_open(kinds[i].name, "layer", openat_raw(AT_FDCWD, in_tree("/only/new"), kinds[i].flags, 0600));
        note_open(kinds[i].name, "shared", openat_raw(AT_FDCWD, in_tree("/shared"), kinds[i].flags, 0600));
        note_open(kinds[i].name, "file-link", openat_raw(AT_FDCWD, in_tree("/file-link"), kinds[i].flags, 0600));
        note_open(kinds[i].name, "only", openat_raw(AT_FDCWD, in_tree("/only"), kinds[i].flags, 0600));
        note_open(kinds[i].name, "no parent", openat_raw(AT_FDCWD, in_tree("/none/x"), kinds[i].flags, 0600));
    }
    static const struct { const char *name; uint64_t resolve; } ways[] = {
        {"beneath", RESOLVE_BENEATH}, {"no symlinks", RESOLVE_NO_SYMLINKS}, {"no magic links", RESOLVE_NO_MAGICLINKS}, {"in root", RESOLVE_IN_ROOT},
    };
    long fd = openat_raw(AT_FDCWD, tree, O_PATH | O_DIRECTORY, 0);
    for (unsigned i = 0; i < sizeof ways / sizeof *ways; i++) {
        struct open_how how = {.flags = O_RDONLY, .resolve = ways[i].resolve};
        note_open(ways[i].name, "relative", CALL(SYS_openat2, fd, "only/new", &how, sizeof how, MARK_8, MARK_9));
        note_open(ways[i].name, "real", CALL(SYS_openat2, fd, "real", &how, sizeof how, MARK_8, MARK_9));
        note_open(ways[i].name, "shared", CALL(SYS_openat2, fd, "shared", &how, sizeof how, MARK_8, MARK_9));
        if (ways[i].resolve == RESOLVE_BENEATH)
            note_open(ways[i].name, "absolute", CALL(SYS_openat2, fd, in_tree("/only/new"), &how, sizeof how, MARK_8, MARK_9));
    }
    struct open_how how = {.flags = O_RDONLY, .resolve = 1ULL << 60};
    note_open("openat2", "unknown resolve", CALL(SYS_openat2, AT_FDCWD, in_tree("/only/new"), &how, sizeof how, MARK_8, MARK_9));
    note_open("openat2", "small size", CALL(SYS_openat2, AT_FDCWD, in_tree("/only/new"), &how, 8, MARK_8, MARK_9));
    note_open("openat2", "bad how", CALL(SYS_openat2, AT_FDCWD, in_tree("/only/new"), 8, sizeof how, MARK_8, MARK_9));
    close(fd);
}

static void memory(void)
{
    const char *path = in_tree("/only/new");
    size_t n = strlen(path) + 1;
    strcpy(page + page_size - n, path);
    look("at the page's end", page + page_size - n);
    memcpy(page + page_size - n + 1, path, n - 1);
    note_open("openat", "runs into the gap", openat_raw(AT_FDCWD, page + page_size - n + 1, O_RDONLY, 0));
    note_open("openat", "NULL", openat_raw(AT_FDCWD, NULL, O_RDONLY, 0));
    note_open("openat", "address 1", openat_raw(AT_FDCWD, (char *)1, O_RDONLY, 0));
    note_open("openat", "kernel address", openat_raw(AT_FDCWD, (char *)0xffff800000000000UL, O_RDONLY, 0));
    note_open("openat", "empty", openat_raw(AT_FDCWD, "", O_RDONLY, 0));
    char *two = mmap(0, 2 * page_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    strcpy(two + page_size - 5, path);
    look("across pages", two + page_size - 5);
    mprotect(two, 2 * page_size, PROT_READ);
    look("read-only", two + page_size - 5);
    munmap(two, 2 * page_size);
    struct stat st;
    note_stat("newfstatat", "bad buffer", CALL(SYS_newfstatat, AT_FDCWD, path, 8, 0, MARK_8, MARK_9), &st);
}

static void changes(void)
{
    long fd = openat_raw(AT_FDCWD, in_tree("/only/new"), O_WRONLY | O_TRUNC, 0);
    note("write", "only/new", write(fd, "written\n", 8));
    close(fd);
    note_open("read back", "only/new", openat_raw(AT_FDCWD, in_tree("/only/new"), O_RDONLY, 0));
    fd = CALL(SYS_creat, in_tree("/only/made"), 0640, 0, MARK_D, MARK_8, MARK_9);
    note("write", "only/made", write(fd, "made\n", 5));
    close(fd);
    look("made", in_tree("/only/made"));
    fd = openat_raw(AT_FDCWD, in_tree("/both/made"), O_CREAT | O_EXCL | O_RDWR, 0644);
    note("write", "both/made", write(fd, "made too\n", 9));
    close(fd);
    look("both/made", in_tree("/both/made"));
    list("both, one more", openat_raw(AT_FDCWD, in_tree("/both"), O_RDONLY | O_DIRECTORY, 0), 4096, 0);
    pid_t pid = fork();
    if (pid == 0) {
        note_open("another process", "only/made", openat_raw(AT_FDCWD, in_tree("/only/made"), O_RDONLY, 0));
        _exit(0);
    }
    waitpid(pid, 0, 0);
    note("truncate", "only/made", CALL(SYS_truncate, in_tree("/only/made"), 2, MARK_D, MARK_D, MARK_8, MARK_9));
    note_open("truncated", "only/made", openat_raw(AT_FDCWD, in_tree("/only/made"), O_RDONLY, 0));
    note("chmod", "only/made", CALL(SYS_chmod, in_tree("/only/made"), 0600, MARK_D, MARK_D, MARK_8, MARK_9));
    note("fchmodat", "only/made", CALL(SYS_fchmodat, AT_FDCWD, in_tree("/only/made"), 0604, MARK_D, MARK_8, MARK_9));
    note("chown", "only/made", CALL(SYS_chown, in_tree("/only/made"), 1, 1, MARK_D, MARK_8, MARK_9));
    note("lchown", "only/made", CALL(SYS_lchown, in_tree("/only/made"), 2, 2, MARK_D, MARK_8, MARK_9));
    note("utimensat", "only/made", CALL(SYS_utimensat, AT_FDCWD, in_tree("/only/made"), 0, 0, MARK_8, MARK_9));
    note("utimes", "only/made", CALL(SYS_utimes, in_tree("/only/made"), 0, MARK_D, MARK_D, MARK_8, MARK_9));
    look("changed", in_tree("/only/made"));
    note("mkdir", "only/d", CALL(SYS_mkdir, in_tree("/only/d"), 0750, MARK_D, MARK_D, MARK_8, MARK_9));
    note("mkdir", "only/d again", CALL(SYS_mkdirat, AT_FDCWD, in_tree("/only/d"), 0750, MARK_D, MARK_8, MARK_9));
    note("rename", "only/made only/d/moved", CALL(SYS_rename, in_tree("/only/made"), in_tree("/only/d/moved"), MARK_D, MARK_D, MARK_8, MARK_9));
    look("moved", in_tree("/only/d/moved"));
    note("renameat", "only/d/moved only/back", CALL(SYS_renameat, AT_FDCWD, in_tree("/only/d/moved"), AT_FDCWD, in_tree("/only/back"), MARK_8, MARK_9));
    note("renameat2", "noreplace", CALL(SYS_renameat2, AT_FDCWD, in_tree("/only/back"), AT_FDCWD, in_tree("/only/new"), 1, MARK_9));
    note("link", "only/back only/hard", CALL(SYS_link, in_tree("/only/back"), in_tree("/only/hard"), MARK_D, MARK_D, MARK_8, MARK_9));
    note("symlink", "only/soft", CALL(SYS_symlink, "back", in_tree("/only/soft"), MARK_D, MARK_D, MARK_8, MARK_9));
    look("soft", in_tree("/only/soft"));
    note("symlinkat", "only/far", CALL(SYS_symlinkat, in_tree("/shared"), AT_FDCWD, in_tree("/only/far"), MARK_D, MARK_8, MARK_9));
    look("far", in_tree("/only/far"));
    note("mknod", "only/fifo", CALL(SYS_mknod, in_tree("/only/fifo"), S_IFIFO | 0600, 0, MARK_D, MARK_8, MARK_9));
    struct stat st;
    note_stat("stat", "only/fifo", CALL(SYS_stat, in_tree("/only/fifo"), &st, MARK_D, MARK_D, MARK_8, MARK_9), &st);
    list("only, full", openat_raw(AT_FDCWD, in_tree("/only"), O_RDONLY | O_DIRECTORY, 0), 4096, 0);
    note("rename", "out of the tree", CALL(SYS_rename, in_tree("/only/back"), outside("/taken"), MARK_D, MARK_D, MARK_8, MARK_9));
    note("rename", "into the tree", CALL(SYS_rename, outside("/plain"), in_tree("/only/brought"), MARK_D, MARK_D, MARK_8, MARK_9));
    note("rmdir", "only/d", CALL(SYS_rmdir, in_tree("/only/d"), MARK_D, MARK_D, MARK_D, MARK_8, MARK_9));
    note("rmdir", "only", CALL(SYS_rmdir, in_tree("/only"), MARK_D, MARK_D, MARK_D, MARK_8, MARK_9));
    static const char *made[] = {"/only/back", "/only/hard", "/only/soft", "/only/far", "/only/fifo", "/both/made", "/none"};
    for (unsigned i = 0; i < sizeof made / sizeof *made; i++)
        note("unlink", made[i], CALL(SYS_unlink, in_tree(made[i]), MARK_D, MARK_D, MARK_D, MARK_8, MARK_9));
    list("only, tidy", openat_raw(AT_FDCWD, in_tree("/only"), O_RDONLY | O_DIRECTORY, 0), 4096, 0);
    fd = openat_raw(AT_FDCWD, in_tree("/only/new"), O_WRONLY | O_TRUNC, 0);
    note("write", "as before", write(fd, "new\n", 4));
    close(fd);
}

static void execution(void)
{
    note("chmod", "script", CALL(SYS_chmod, in_tree("/only/script"), 0755, MARK_D, MARK_D, MARK_8, MARK_9));
    for (int way = 0; way < 3; way++) {
        pid_t pid = way ? fork() : vfork();
        if (pid == 0) {
            char *argv[] = {"script", "argument", 0}, *env[] = {"PATH=/usr/bin:/bin", 0};
            if (way == 2)
                raw(SYS_execveat, AT_FDCWD, (long)in_tree("/only/script"), (long)argv, (long)env, 0, 0);
            else
                raw(SYS_execve, (long)in_tree("/only/script"), (long)argv, (long)env, 0, 0, 0);
            _exit(99);
        }
        int status = 0;
        waitpid(pid, &status, 0);
        dprintf(1, "execution %d: %x\n", way, status);
    }
    long r = CALL(SYS_execve, in_tree("/only/none"), 0, 0, MARK_D, MARK_8, MARK_9);
    note("execve", "none", r);
    r = CALL(SYS_execve, in_tree("/only/new"), 0, 0, MARK_D, MARK_8, MARK_9);
    note("execve", "not executable", r);
}

/* Error tables and flags that the Linux Test Project checks, on paths of the view. */
static void refusals(void)
{
    struct stat st;
    struct statx sx;
    struct statfs fs;
    char text[400];
    struct { struct open_how how; uint64_t more; } large = {.how = {.flags = O_RDONLY}};
    const char *path = in_tree("/only/new");
    note_open("openat2", "larger, zeros", CALL(SYS_openat2, AT_FDCWD, path, &large, sizeof large, MARK_8, MARK_9));
    large.more = 1;
    note_open("openat2", "larger, not zeros", CALL(SYS_openat2, AT_FDCWD, path, &large, sizeof large, MARK_8, MARK_9));
    struct open_how how = {.flags = O_RDONLY};
    note_open("openat2", "NULL", CALL(SYS_openat2, AT_FDCWD, NULL, &how, sizeof how, MARK_8, MARK_9));
    note_open("openat2", "absolute, bad dirfd", CALL(SYS_openat2, -7, path, &how, sizeof how, MARK_8, MARK_9));
    how.mode = 0600;
    note_open("openat2", "mode without O_CREAT", CALL(SYS_openat2, AT_FDCWD, path, &how, sizeof how, MARK_8, MARK_9));
    long tree_fd = openat_raw(AT_FDCWD, tree, O_PATH | O_DIRECTORY, 0), fd = openat_raw(AT_FDCWD, path, O_RDONLY, 0);
    how = (struct open_how){.flags = O_RDONLY, .resolve = RESOLVE_NO_XDEV};
    note_open("openat2", "no xdev, relative", CALL(SYS_openat2, tree_fd, "only/new", &how, sizeof how, MARK_8, MARK_9));
    note_open("openat2", "no xdev, into /proc", CALL(SYS_openat2, AT_FDCWD, "/proc/self/status", &how, sizeof how, MARK_8, MARK_9));
    snprintf(text, sizeof text, "/proc/self/fd/%ld", fd);
    how.resolve = RESOLVE_NO_MAGICLINKS;
    note_open("openat2", "no magic links, one", CALL(SYS_openat2, AT_FDCWD, text, &how, sizeof how, MARK_8, MARK_9));
    how.resolve = RESOLVE_NO_SYMLINKS;
    note_open("openat2", "no links, one", CALL(SYS_openat2, tree_fd, "dir-link/new", &how, sizeof how, MARK_8, MARK_9));

    note("faccessat2", "nofollow link", CALL(SYS_faccessat2, AT_FDCWD, in_tree("/file-link"), R_OK, AT_SYMLINK_NOFOLLOW, MARK_8, MARK_9));
    note("faccessat2", "nofollow new", CALL(SYS_faccessat2, AT_FDCWD, path, W_OK, AT_SYMLINK_NOFOLLOW, MARK_8, MARK_9));
    note("faccessat2", "empty path", CALL(SYS_faccessat2, fd, "", R_OK, AT_EMPTY_PATH, MARK_8, MARK_9));
    note("faccessat2", "bad flags", CALL(SYS_faccessat2, AT_FDCWD, path, R_OK, 0x40000000, MARK_8, MARK_9));
    note("access", "bad mode", CALL(SYS_access, path, 64, MARK_D, MARK_D, MARK_8, MARK_9));
    note_stat("newfstatat", "empty allowed, a path", CALL(SYS_newfstatat, tree_fd, "only/new", &st, AT_EMPTY_PATH, MARK_8, MARK_9), &st);
    note_stat("newfstatat", "bad flags", CALL(SYS_newfstatat, AT_FDCWD, path, &st, 0x40000000, MARK_8, MARK_9), &st);
    note("statx", "empty path", CALL(SYS_statx, fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &sx, MARK_9));
    note("statx", "gone link", CALL(SYS_statx, AT_FDCWD, in_tree("/gone-link"), AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, &sx, MARK_9));
    note("statx", "bad flags", CALL(SYS_statx, AT_FDCWD, path, 0x40000000, STATX_BASIC_STATS, &sx, MARK_9));
    note("statx", "bad buffer", CALL(SYS_statx, AT_FDCWD, path, 0, STATX_BASIC_STATS, 8, MARK_9));
    note("statfs", "bad buffer", CALL(SYS_statfs, path, 8, MARK_D, MARK_D, MARK_8, MARK_9));
    note("fstatfs", "file", CALL(SYS_fstatfs, fd, &fs, MARK_D, MARK_D, MARK_8, MARK_9));
    note("fstatfs", "bad", CALL(SYS_fstatfs, -1, &fs, MARK_D, MARK_D, MARK_8, MARK_9));

    memset(text, '#', sizeof text);
    note("readlink", "size 0", CALL(SYS_readlink, in_tree("/file-link"), text, 0, MARK_D, MARK_8, MARK_9));
    note("readlink", "size 3", CALL(SYS_readlink, in_tree("/file-link"), text, 3, MARK_D, MARK_8, MARK_9));
    dprintf(1, "readlink: %.5s\n", text);
    note("readlink", "bad buffer", CALL(SYS_readlink, in_tree("/file-link"), 8, 100, MARK_D, MARK_8, MARK_9));
    note("readlinkat", "relative", CALL(SYS_readlinkat, tree_fd, "dir-link", text, sizeof text, MARK_8, MARK_9));
    note("readlinkat", "relative, none", CALL(SYS_readlinkat, tree_fd, "only/new", text, sizeof text, MARK_8, MARK_9));

    note("getdents64", "file", CALL(SYS_getdents64, fd, text, sizeof text, MARK_D, MARK_8, MARK_9));
    note("getdents64", "bad descriptor", CALL(SYS_getdents64, -1, text, sizeof text, MARK_D, MARK_8, MARK_9));
    long directory = openat_raw(AT_FDCWD, in_tree("/only"), O_RDONLY | O_DIRECTORY, 0);
    note("getdents64", "tiny buffer", CALL(SYS_getdents64, directory, text, 10, MARK_D, MARK_8, MARK_9));
    note("getdents64", "bad buffer", CALL(SYS_getdents64, directory, 8, 4096, MARK_D, MARK_8, MARK_9));
    close(directory);
    directory = openat_raw(AT_FDCWD, tree, O_RDONLY | O_DIRECTORY, 0);
    note("getdents64", "tiny buffer, both", CALL(SYS_getdents64, directory, text, 10, MARK_D, MARK_8, MARK_9));
    note("getdents64", "bad buffer, both", CALL(SYS_getdents64, directory, 8, 4096, MARK_D, MARK_8, MARK_9));
    close(directory);

    note("truncate", "negative", CALL(SYS_truncate, path, -1, MARK_D, MARK_D, MARK_8, MARK_9));
    note("truncate", "directory", CALL(SYS_truncate, in_tree("/only"), 1, MARK_D, MARK_D, MARK_8, MARK_9));
    note("mkdir", "below a file", CALL(SYS_mkdir, in_tree("/only/new/d"), 0755, MARK_D, MARK_D, MARK_8, MARK_9));
    note("mkdir", "no parent", CALL(SYS_mkdir, in_tree("/none/d"), 0755, MARK_D, MARK_D, MARK_8, MARK_9));
    note("rmdir", "a file", CALL(SYS_rmdir, path, MARK_D, MARK_D, MARK_D, MARK_8, MARK_9));
    note("unlink", "a directory", CALL(SYS_unlink, in_tree("/only"), MARK_D, MARK_D, MARK_D, MARK_8, MARK_9));
    note("unlinkat", "bad flags", CALL(SYS_unlinkat, AT_FDCWD, path, 0x40000000, MARK_D, MARK_8, MARK_9));
    note("symlink", "exists", CALL(SYS_symlink, "x", path, MARK_D, MARK_D, MARK_8, MARK_9));
    note("link", "exists", CALL(SYS_link, path, in_tree("/only/script"), MARK_D, MARK_D, MARK_8, MARK_9));
    note("link", "none", CALL(SYS_link, in_tree("/only/none"), in_tree("/only/x"), MARK_D, MARK_D, MARK_8, MARK_9));
    note("rename", "none", CALL(SYS_rename, in_tree("/only/none"), in_tree("/only/x"), MARK_D, MARK_D, MARK_8, MARK_9));
    note("rename", "into itself", CALL(SYS_rename, in_tree("/only"), in_tree("/only/x"), MARK_D, MARK_D, MARK_8, MARK_9));
    note("rename", "file onto directory", CALL(SYS_rename, path, in_tree("/only"), MARK_D, MARK_D, MARK_8, MARK_9));
    note("renameat", "bad descriptor", CALL(SYS_renameat, -1, "x", AT_FDCWD, in_tree("/only/x"), MARK_8, MARK_9));
    note("chmod", "none", CALL(SYS_chmod, in_tree("/only/none"), 0600, MARK_D, MARK_D, MARK_8, MARK_9));
    note("chown", "below a file", CALL(SYS_chown, in_tree("/only/new/x"), 0, 0, MARK_D, MARK_8, MARK_9));
    note("utimensat", "none", CALL(SYS_utimensat, AT_FDCWD, in_tree("/only/none"), 0, 0, MARK_8, MARK_9));
    note("inotify_add_watch", "bad descriptor", CALL(SYS_inotify_add_watch, -1, path, 1, MARK_D, MARK_8, MARK_9));

    how = (struct open_how){.flags = O_RDONLY};
    note_open("openat2", "empty", CALL(SYS_openat2, tree_fd, "", &how, sizeof how, MARK_8, MARK_9));
    close(tree_fd);
    close(fd);
}

/* Where a process is, links that come and go, names through descriptors. */
static void movements(void)
{
    char text[400];
    long fd = openat_raw(AT_FDCWD, in_tree("/only"), O_RDONLY | O_DIRECTORY, 0);
    note("fchdir", "only", CALL(SYS_fchdir, fd, MARK_D, MARK_D, MARK_D, MARK_8, MARK_9));
    look("fchdir: new", "new");
    look("fchdir: cwd with slash", "/proc/self/cwd/");
    look("fchdir: cwd", "/proc/self/cwd");
    look("fchdir: up and down", "../only/../both/new");
    note("getcwd", "too small", CALL(SYS_getcwd, text, 3, MARK_D, MARK_D, MARK_8, MARK_9));
    note("getcwd", "bad buffer", CALL(SYS_getcwd, 8, 400, MARK_D, MARK_D, MARK_8, MARK_9));
    close(fd);
    note("mkdir", "only/here", CALL(SYS_mkdir, in_tree("/only/here"), 0755, MARK_D, MARK_D, MARK_8, MARK_9));
    note("chdir", "only/here", CALL(SYS_chdir, in_tree("/only/here"), MARK_D, MARK_D, MARK_D, MARK_8, MARK_9));
    note("rename", "the directory that we are in", CALL(SYS_rename, in_tree("/only/here"), in_tree("/only/there"), MARK_D, MARK_D, MARK_8, MARK_9));
    long n = CALL(SYS_getcwd, text, sizeof text, MARK_D, MARK_D, MARK_8, MARK_9);
    dprintf(1, "getcwd, moved: %d %s\n", n > 0, n > 0 && strcmp(text, in_tree("/only/there")) == 0 ? "right" : text);
    look("moved: ../new", "../new");
    note("chdir", "/", CALL(SYS_chdir, "/", MARK_D, MARK_D, MARK_D, MARK_8, MARK_9));
    note("rmdir", "only/there", CALL(SYS_rmdir, in_tree("/only/there"), MARK_D, MARK_D, MARK_D, MARK_8, MARK_9));

    /* A name is no link, becomes one, and is none again: what was known about it must not last. */
    const char *name = outside("/comes-and-goes");
    for (int round = 0; round < 3; round++) {
        note_open("not yet a link", "open", openat_raw(AT_FDCWD, name, O_RDONLY, 0));
        note_open("not yet a link", "again", openat_raw(AT_FDCWD, name, O_RDONLY, 0));
        if (round == 2)
            note("rename", "a link", CALL(SYS_rename, outside("/to-new"), name, MARK_D, MARK_D, MARK_8, MARK_9));
        else
            note("symlink", "to new", CALL(SYS_symlink, in_tree("/only/new"), name, MARK_D, MARK_D, MARK_8, MARK_9));
        note_open("a link", "open", openat_raw(AT_FDCWD, name, O_RDONLY, 0));
        note("unlink", "the link", CALL(SYS_unlink, name, MARK_D, MARK_D, MARK_D, MARK_8, MARK_9));
        fd = openat_raw(AT_FDCWD, name, O_CREAT | O_WRONLY, 0644);
        note("write", "a file of that name", write(fd, "own\n", 4));
        close(fd);
        note_open("a file of that name", "open", openat_raw(AT_FDCWD, name, O_RDONLY, 0));
        note("unlink", "the file", CALL(SYS_unlink, name, MARK_D, MARK_D, MARK_D, MARK_8, MARK_9));
    }
    note("symlink", "to-new, as before", CALL(SYS_symlink, in_tree("/only/new"), outside("/to-new"), MARK_D, MARK_D, MARK_8, MARK_9));
    /* What a program makes in the view is found by its new name through links too. */
    fd = openat_raw(AT_FDCWD, in_tree("/only/fresh"), O_CREAT | O_WRONLY | O_APPEND, 0644);
    note("write", "fresh", write(fd, "one\n", 4));
    note("write", "fresh, appended", write(fd, "two\n", 4));
    close(fd);
    note("mkdir", "only/box", CALL(SYS_mkdir, in_tree("/only/box"), 0755, MARK_D, MARK_D, MARK_8, MARK_9));
    look("fresh, through a link", outside("/to-tree/only/fresh"));
    look("fresh, through a link in the tree", in_tree("/dir-link/fresh"));
    look("box, through a link", outside("/to-tree/only/box"));
    note("chdir", "both", CALL(SYS_chdir, in_tree("/both"), MARK_D, MARK_D, MARK_D, MARK_8, MARK_9));
    fd = openat_raw(AT_FDCWD, "relative-made", O_CREAT | O_WRONLY, 0644);
    note("write", "relative-made", write(fd, "made\n", 5));
    close(fd);
    look("relative-made", "relative-made");
    look("relative-made, absolute", in_tree("/both/relative-made"));
    look("relative-made, through a link", outside("/to-tree/both/relative-made"));
    note("unlink", "relative-made", CALL(SYS_unlinkat, AT_FDCWD, "relative-made", 0, MARK_D, MARK_8, MARK_9));
    note("chdir", "/", CALL(SYS_chdir, "/", MARK_D, MARK_D, MARK_D, MARK_8, MARK_9));
    note("unlink", "fresh", CALL(SYS_unlink, in_tree("/only/fresh"), MARK_D, MARK_D, MARK_D, MARK_8, MARK_9));
    note("rmdir", "box", CALL(SYS_rmdir, in_tree("/only/box"), MARK_D, MARK_D, MARK_D, MARK_8, MARK_9));
}

/* Chains of links, as long as the kernel follows and one longer; made outside, leading into the view. */
static void chains(void)
{
    char name[300], target[300];
    for (int i = 0; i < 41; i++) {
        snprintf(name, sizeof name, "%s/chain%d", out, i);
        snprintf(target, sizeof target, "chain%d", i - 1);
        note("symlink", "chain", CALL(SYS_symlink, i ? target : in_tree("/only/new"), name, MARK_D, MARK_D, MARK_8, MARK_9));
    }
    look("39 links", outside("/chain38"));
    look("40 links", outside("/chain39"));
    look("41 links", outside("/chain40"));
    for (int i = 0; i < 41; i++) {
        snprintf(name, sizeof name, "%s/chain%d", out, i);
        unlink(name);
    }
}

static void executions(void)
{
    static const char *names[] = {"/only/new/x", "/only", "/none", "/real", "/only/new"};
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
        note("execve", names[i], CALL(SYS_execve, in_tree(names[i]), 0, 0, MARK_D, MARK_8, MARK_9));
    note("execve", "NULL", CALL(SYS_execve, 0, 0, 0, MARK_D, MARK_8, MARK_9));
    note("execveat", "bad flags", CALL(SYS_execveat, AT_FDCWD, in_tree("/only/script"), 0, 0, 0x40000000, MARK_9));
    for (int way = 0; way < 2; way++) {
        pid_t pid = fork();
        if (pid == 0) {
            char *argv[] = {"script", "by descriptor", 0}, *env[] = {"PATH=/usr/bin:/bin", 0};
            long fd = way ? openat_raw(AT_FDCWD, in_tree("/only/script"), O_RDONLY, 0) : openat_raw(AT_FDCWD, tree, O_PATH, 0);
            if (way)
                raw(SYS_execveat, fd, (long)"", (long)argv, (long)env, AT_EMPTY_PATH, 0);
            else
                raw(SYS_execveat, fd, (long)"only/script", (long)argv, (long)env, 0, 0);
            _exit(99);
        }
        int status = 0;
        waitpid(pid, &status, 0);
        dprintf(1, "execveat %d: %x\n", way, status);
    }
}

static void single(void)
{
    const char *file = getenv("SINGLE");
    look("single", file);
    char text[300];
    snprintf(text, sizeof text, "%sx", file);
    look("single and more", text);
    snprintf(text, sizeof text, "/proc/self/root/%s", file);
    look("single, odd", text);
}

static void *all(void *unused)
{
    spellings();
    directories();
    flags();
    memory();
    changes();
    execution();
    refusals();
    movements();
    chains();
    executions();
    single();
    return unused;
}

int main(int argc, char **argv)
{
    tree = getenv("TREE");
    out = getenv("OUT");
    page_size = sysconf(_SC_PAGESIZE);
    page = mmap(0, 2 * page_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(page + page_size, page_size);
    screened = getenv("SCREENED") != 0;
    for (int i = 0; screened && i < 40; i++)
        close(openat_raw(AT_FDCWD, "/dev/null", O_RDONLY, 0));
    const char *context = argc > 1 ? argv[1] : "main";
    if (strcmp(context, "thread") == 0) {
        pthread_t thread;
        pthread_create(&thread, 0, all, 0);
        pthread_join(thread, 0);
    } else if (strcmp(context, "vfork") == 0) {
        if (vfork() == 0) {
            all(0);
            _exit(0);
        }
    } else
        all(0);
    return 0;
}
