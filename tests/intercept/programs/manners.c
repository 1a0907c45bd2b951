/* Small programs in one: each subcommand does one thing that tracers get wrong, and prints what came of it. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *path;
static volatile long wrong, done, urgent;
static volatile int over;

static int reads_new(const char *name)
{
    char text[8] = "";
    int fd = open(name, O_RDONLY);
    if (fd < 0)
        return 0;
    long n = read(fd, text, 7);
    close(fd);
    return n == 4 && strcmp(text, "new\n") == 0;
}

static void on_urgent(int number) { (void)number; __sync_fetch_and_add(&urgent, 1); }

static void catch_urgent(void)
{
    struct sigaction action = {.sa_handler = on_urgent, .sa_flags = SA_RESTART};
    sigaction(SIGURG, &action, 0);
}

/* opens PATH N: open a path N times, nothing else between two marks; by the library's wrapper, a place that is screened */
static int opens(int n)
{
    for (int i = 0; i < n; i++) {
        int fd = syscall(SYS_openat, AT_FDCWD, path, O_RDONLY);
        if (fd >= 0)
            close(fd);
    }
    for (int i = 0; i < n; i++)
        getppid();
    return 0;
}

/* rawopens PATH N: the same from a place of which nothing is known */
static int raw_opens(int n)
{
    for (int i = 0; i < n; i++) {
        long fd = SYS_openat, directory = AT_FDCWD;
        const char *name = path;
        register long flags __asm__("rdx") = O_RDONLY;
        __asm__ volatile("syscall\n\tnop" : "+a"(fd), "+D"(directory), "+S"(name) : "r"(flags) : "rcx", "r11", "memory");
        if (fd >= 0)
            close(fd);
    }
    for (int i = 0; i < n; i++)
        getppid();
    return 0;
}

static void *sleeper(void *unused)
{
    for (;;)
        pause();
    return unused;
}

/* busyopens PATH N: opens while a second thread lives */
static int busy_opens(int n)
{
    pthread_t thread;
    pthread_create(&thread, 0, sleeper, 0);
    return opens(n);
}

/* vforkopens PATH N: opens in a child that runs in its parent's memory */
static int vfork_opens(int n)
{
    if (vfork() == 0)
        _exit(opens(n));
    return 0;
}

/* makes PATH N: make a file again and again */
static int makes(int n)
{
    for (int i = 0; i < n; i++) {
        int fd = syscall(SYS_openat, AT_FDCWD, path, O_CREAT | O_WRONLY, 0644);
        if (fd < 0)
            return 1;
        close(fd);
    }
    return 0;
}

/* hotchildren PATH N: children of a process that opened often read the file */
static int hot_children(int n)
{
    int good = 0, status;
    opens(40);
    for (int i = 0; i < n; i++) {
        if (fork() == 0) {
            char text[8] = "";
            opens(39);
            int fd = syscall(SYS_openat, AT_FDCWD, path, O_RDONLY);
            _exit(read(fd, text, 7) != 4 || strcmp(text, "new\n"));
        }
        wait(&status);
        good += status == 0;
    }
    printf("%d of %d children read it\n", good, n);
    return 0;
}

static void *reader(void *odd)
{
    char text[4200];
    snprintf(text, sizeof text, odd ? "/proc/self/root%s" : "%s", path);
    while (!over) {
        if (!reads_new(text))
            __sync_fetch_and_add(&wrong, 1);
        __sync_fetch_and_add(&done, 1);
    }
    return 0;
}

/* storm PATH N: threads open while signals rain on them and the process is stopped and continued */
static int storm(int n)
{
    enum { THREADS = 8 };
    pthread_t threads[THREADS];
    catch_urgent();
    for (long i = 0; i < THREADS; i++)
        pthread_create(&threads[i], 0, reader, (void *)(i & 1));
    pid_t main_pid = getpid(), stopper = fork();
    if (stopper == 0) {
        for (int i = 0; i < n / 50; i++) {
            kill(main_pid, SIGSTOP);
            kill(main_pid, SIGCONT);
        }
        _exit(0);
    }
    long sent = 0;
    /* Signals that are still pending swallow others of their kind: until enough were really caught. */
    for (int i = 0; i < n || done < n || urgent <= n / 2; i++, sent++)
        pthread_kill(threads[i % THREADS], SIGURG);
    waitpid(stopper, 0, 0);
    over = 1;
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], 0);
    printf("wrong=%ld enough=%d caught=%d\n", wrong, done >= n, urgent > 0 && urgent <= sent);
    return 0;
}

static void *one_read(void *unused)
{
    if (!reads_new(path))
        __sync_fetch_and_add(&wrong, 1);
    __sync_fetch_and_add(&done, 1);
    return unused;
}

/* births PATH N: threads are born, read once, and die */
static int births(int n)
{
    for (int i = 0; i < n; i += 10) {
        pthread_t threads[10];
        for (int k = 0; k < 10; k++)
            if (pthread_create(&threads[k], 0, one_read, 0)) {
                perror("pthread_create");
                return 1;
            }
        for (int k = 0; k < 10; k++)
            pthread_join(threads[k], 0);
    }
    printf("wrong=%ld done=%ld\n", wrong, done);
    return 0;
}

static char *self_name;

static void *execs(void *unused)
{
    (void)unused;
    execl(self_name, self_name, "after", path, "1", (char *)0);
    perror("execl");
    return 0;
}

static void *waits(void *unused)
{
    pause();
    return unused;
}

/* execthread PATH N: the program is replaced from a thread that is not the first, while others wait */
static int execthread(void)
{
    pthread_t thread;
    for (int i = 0; i < 4; i++)
        pthread_create(&thread, 0, waits, 0);
    reads_new(path);
    pthread_create(&thread, 0, execs, 0);
    pause();
    return 1;
}

/* after PATH: what execthread becomes; needs new scratch memory for the odd spelling */
static int after(void)
{
    char text[4200];
    snprintf(text, sizeof text, "/proc/self/root%s", path);
    printf("after: plain=%d odd=%d\n", reads_new(path), reads_new(text));
    return 0;
}

static void *pokes(void *target)
{
    /* The opener sits in the kernel: interrupt it a few times, then let it through. */
    for (int i = 0; i < 20; i++) {
        pthread_kill(*(pthread_t *)target, SIGURG);
        usleep(2000);
    }
    int fd = open(path, O_WRONLY);
    dprintf(fd, "through\n");
    close(fd);
    return 0;
}

/* fifo PATH: an open that blocks, is interrupted and restarted by the kernel */
static int fifo(void)
{
    pthread_t self = pthread_self(), thread;
    char text[20] = "";
    catch_urgent();
    if (mknod(path, S_IFIFO | 0600, 0))
        perror("mknod");
    pthread_create(&thread, 0, pokes, &self);
    long result;
    register long r10 __asm__("r10") = 0x1010101010L;
    register long r8 __asm__("r8") = 0x8080808080L;
    const char *rsi = path;
    long rdi = AT_FDCWD, rdx = O_RDONLY;
    __asm__ volatile("syscall" : "=a"(result), "+D"(rdi), "+S"(rsi), "+d"(rdx), "+r"(r10), "+r"(r8)
                     : "0"(SYS_openat) : "rcx", "r11", "memory");
    int kept = rdi == AT_FDCWD && rsi == path && rdx == O_RDONLY && r10 == 0x1010101010L && r8 == 0x8080808080L;
    if (result < 0)
        printf("open: %s\n", strerror(-result));
    else
        read(result, text, 8);
    pthread_join(thread, 0);
    printf("%s", text);
    printf("kept=%d interrupted=%d\n", kept, urgent > 0);
    return 0;
}

/* type PATH: filesystem type by path and by descriptor */
static int type(void)
{
    struct statfs by_path = {0}, by_fd = {0};
    int fd = open(path, O_RDONLY);
    int first = statfs(path, &by_path), second = fstatfs(fd, &by_fd), third = statfs("/proc", &(struct statfs){0});
    int bad = statfs(path, (void *)8), why = errno;
    printf("path=%d:%lx fd=%d:%lx bsize=%d bad=%d:%s proc=%d\n", first, (long)by_path.f_type, second, (long)by_fd.f_type,
           by_path.f_bsize > 0, bad, strerrorname_np(why), third);
    return 0;
}

/* signals PATH: the tracer's own signals, sent by the program to itself */
static void count(int number) { printf("caught %d\n", number); fflush(stdout); }

static int signals(void)
{
    signal(SIGTRAP, count);
    raise(SIGTRAP);
    raise(SIGTRAP);
    signal(SIGCONT, count);
    pid_t pid = fork();
    if (pid == 0) {
        raise(SIGSTOP);
        _exit(reads_new(path) ? 7 : 8);
    }
    int status = 0;
    waitpid(pid, &status, WUNTRACED);
    printf("stopped=%d by %d\n", WIFSTOPPED(status), WSTOPSIG(status));
    fflush(stdout);
    kill(pid, SIGCONT);
    waitpid(pid, &status, 0);
    printf("code=%d\n", WEXITSTATUS(status));
    struct sigaction action;
    sigaction(SIGPIPE, 0, &action);
    sigset_t mask;
    sigprocmask(SIG_BLOCK, 0, &mask);
    int blocked = 0;
    for (int i = 1; i < 65; i++)
        blocked += sigismember(&mask, i) == 1;
    printf("SIGPIPE default=%d blocked=%d\n", action.sa_handler == SIG_DFL, blocked);
    return 0;
}

/* forks PATH N: many short processes, some by vfork, each reads once in an odd spelling */
static int forks(int n)
{
    char text[4200];
    snprintf(text, sizeof text, "/proc/self/root%s", path);
    int good = 0;
    for (int i = 0; i < n; i++) {
        pid_t pid = i & 1 ? vfork() : fork();
        if (pid == 0)
            _exit(reads_new(text) ? 7 : 8);
        int status = 0;
        waitpid(pid, &status, 0);
        good += WIFEXITED(status) && WEXITSTATUS(status) == 7;
        if (i == n / 2)
            good += !reads_new(text);
    }
    printf("good=%d\n", good);
    return 0;
}

/* chroot PATH DIR: another root, where the same name is another file */
static int other_root(const char *directory)
{
    if (chroot(directory) || chdir("/"))
        perror("chroot");
    char text[32] = "";
    int fd = open(path, O_RDONLY);
    if (fd >= 0)
        read(fd, text, 31);
    printf("in another root: %s", fd < 0 ? strerror(errno) : text);
    return 0;
}

/* otherworld PATH DIR TREE: a mount namespace of our own, in which another directory lies over the tree */
static int other_mount(const char *directory, const char *tree)
{
    if (unshare(CLONE_NEWNS) || mount("none", "/", 0, MS_REC | MS_PRIVATE, 0) || mount(directory, tree, 0, MS_BIND, 0))
        perror("mount");
    char text[32] = "";
    int fd = open(path, O_RDONLY);
    if (fd >= 0)
        read(fd, text, 31);
    printf("in another mount namespace: %s", fd < 0 ? strerror(errno) : text);
    return 0;
}

/* nested PATH: two PID namespaces deep, where the tracer's numbers and ours are not the same */
static int nested(int depth)
{
    if (depth == 0) {
        char text[4200];
        snprintf(text, sizeof text, "/proc/self/root%s", path);
        printf("pid %d plain=%d odd=%d\n", getpid(), reads_new(path), reads_new(text));
        return 0;
    }
    if (unshare(CLONE_NEWPID))
        perror("unshare");
    pid_t pid = fork();
    if (pid == 0)
        exit(nested(depth - 1));
    int status;
    waitpid(pid, &status, 0);
    return WEXITSTATUS(status);
}

/* profile PATH: a container's profile refuses openat; its filter and the tracer's run both, and the stricter one wins */
static int profile(void)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EACCES),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof code / sizeof *code, code};
    struct stat st;
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
        perror("prctl");
    int fd = openat(AT_FDCWD, path, O_RDONLY), why = errno;
    printf("openat=%d %s stat=%d\n", fd, strerrorname_np(why), stat(path, &st));
    return 0;
}

/* closed PATH: every inherited descriptor is closed */
static int closed(void)
{
    for (int fd = 3; fd < 2000; fd++)
        close(fd);
    char text[4200];
    snprintf(text, sizeof text, "/proc/self/root%s", path);
    struct stat st;
    printf("plain=%d odd=%d stat=%d\n", reads_new(path), reads_new(text), stat(path, &st));
    return 0;
}

/* interrupt80 PATH: calls of the 32-bit kind, whose numbers mean something else (5 is open there, fstat here) */
static int interrupt80(void)
{
    long result;
    __asm__ volatile("int $0x80" : "=a"(result) : "0"(20L), "b"(0L), "c"(0L), "d"(0L) : "memory");
    printf("getpid by int 0x80: %d\n", result == getpid() || result == -ENOSYS);
    long x32 = syscall(0x40000000 + SYS_openat, AT_FDCWD, path, O_RDONLY);
    printf("x32 openat: %s\n", x32 < 0 ? strerrorname_np(errno) : "opened");
    return 0;
}

/* linger PATH: leave a process behind that has left the session, and say its number; with PATH "on", stay too */
static int linger(void)
{
    int ready[2];
    char byte;
    pipe(ready);
    if (fork() == 0) {
        setsid();
        if (fork() == 0) {
            printf("lingers %d\n", getpid());
            fflush(stdout);
            write(ready[1], "x", 1);
            for (;;)
                pause();
        }
        _exit(0);
    }
    wait(0);
    read(ready[0], &byte, 1);
    if (strcmp(path, "on") == 0)
        for (;;)
            pause();
    return 0;
}

static void tell(const char *what, int flags)
{
    char text[32] = "";
    int fd = syscall(SYS_openat, AT_FDCWD, path, flags, 0);
    int error = errno;
    long n = fd < 0 ? 0 : read(fd, text, sizeof text - 1);
    if (n > 0 && text[n - 1] == '\n')
        text[n - 1] = 0;
    printf("%s: %s\n", what, fd < 0 ? strerrorname_np(error) : n < 0 ? strerrorname_np(errno) : text);
    if (fd >= 0)
        close(fd);
}

static void put(const char *name, const char *text)
{
    int fd = open(name, O_CREAT | O_WRONLY | O_TRUNC, 0644);
    write(fd, text, strlen(text));
    close(fd);
}

/* served PATH JAIL: what an often opened file is when things change around it. JAIL is a directory that has another file at
 * PATH, below it. */
static int served(const char *jail)
{
    int elsewhere = open(jail, O_PATH | O_DIRECTORY);
    opens(300);
    tell("often", O_RDONLY);
    tell("with flags", O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    tell("as a directory", O_RDONLY | O_DIRECTORY);
    put(path, "changed\n");
    tell("changed", O_RDONLY);
    tell("truncated", O_RDWR | O_TRUNC);
    put(path, "again\n");
    unlink(path);
    tell("gone", O_RDONLY);
    put(path, "back\n");
    tell("back", O_RDONLY);
    unlink(path);
    mkdir(path, 0755);
    tell("a directory now", O_RDONLY);
    rmdir(path);
    put(path, "new\n");
    tell("new", O_RDONLY);
    fflush(stdout);
    if (fork() == 0) {
        chroot(jail);
        tell("in a jail", O_RDONLY);
        exit(0);
    }
    wait(0);
    tell("outside it", O_RDONLY);
    /* Whatever is at the numbers that the interceptor passed on. */
    for (int fd = 998; fd <= 1000; fd++)
        dup2(elsewhere, fd);
    tell("other descriptors", O_RDONLY);
    for (int fd = 998; fd <= 1000; fd++)
        close(fd);
    tell("no descriptors", O_RDONLY);
    return 0;
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    self_name = argv[0];
    path = argc > 2 ? argv[2] : "";
    int n = argc > 3 ? atoi(argv[3]) : 0;
    if (!strcmp(what, "opens")) return opens(n);
    if (!strcmp(what, "rawopens")) return raw_opens(n);
    if (!strcmp(what, "busyopens")) return busy_opens(n);
    if (!strcmp(what, "vforkopens")) return vfork_opens(n);
    if (!strcmp(what, "hotchildren")) return hot_children(n);
    if (!strcmp(what, "makes")) return makes(n);
    if (!strcmp(what, "served")) return served(argv[3]);
    if (!strcmp(what, "storm")) return storm(n);
    if (!strcmp(what, "births")) return births(n);
    if (!strcmp(what, "execthread")) return execthread();
    if (!strcmp(what, "after")) return after();
    if (!strcmp(what, "fifo")) return fifo();
    if (!strcmp(what, "type")) return type();
    if (!strcmp(what, "signals")) return signals();
    if (!strcmp(what, "forks")) return forks(n);
    if (!strcmp(what, "chroot")) return other_root(argv[3]);
    if (!strcmp(what, "otherworld")) return other_mount(argv[3], argv[4]);
    if (!strcmp(what, "nested")) return nested(n);
    if (!strcmp(what, "profile")) return profile();
    if (!strcmp(what, "closed")) return closed();
    if (!strcmp(what, "interrupt80")) return interrupt80();
    if (!strcmp(what, "linger")) return linger();
    return 64;
}
