/* micro (CASE MS PATH)...: does each thing for MS milliseconds and prints nanoseconds per repetition, a line each. CASE is
 *   getppid, open (and close), absent (opens PATH0, PATH1, ..., none of which is there), or settle (below; nothing printed).
 *   A time and no number of repetitions: the same for calls of a microsecond and of a quarter of a millisecond, long enough
 *   for a sandbox to settle. Several in one process: what a tool takes to start under a sandbox is most of a benchmark's time.
 * micro timed PROGRAM [ARGS]: settles, runs a program and prints how long it took, in nanoseconds.
 * micro then PROGRAM [ARGS]: settles and becomes a program that measures itself.
 * The clock is read inside, so what a tracer costs at start-up is left out. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1e9 + t.tv_nsec;
}

/* Calls getppid until its cost has been the same for MS milliseconds, or for six times as long altogether. gVisor's threads spin
 * for each other or sleep, by what they have seen to pay; where they just gave spinning up they try again after at most half
 * a second (`getBackoff` in pkg/sentry/platform/systrap/metrics.go). Tried and dropped: a fixed 600 ms. Of 21 starts behind a
 * tracer that is a Python program itself ten still found both sides asleep, of 21 without a tracer one, and dd then took up to
 * eight times as long. */
static void settle(long ms)
{
    const double window = 5e6;
    double begin = now(), since = begin, best = 1e18, end = begin;
    while (end - since < ms * 1e6 && end - begin < 6 * ms * 1e6) {
        double start = end;
        long calls = 0;
        for (; calls % 16 || end < start + window; calls++) {
            syscall(SYS_getppid);
            if (calls % 16 == 15)
                end = now();
        }
        double cost = (end - start) / calls;
        if (cost < 0.7 * best)
            best = cost, since = end;
        else if (cost > 2 * best)
            since = end;
    }
}

static int repeat(const char *what, long ms, const char *path)
{
    double begin = now(), end = begin + ms * 1e6;
    long i = 0;
    /* The clock is read once in so many repetitions, or it would be what is measured. */
    for (; i % 64 || now() < end; i++) {
        if (!strcmp(what, "getppid")) {
            syscall(SYS_getppid);
        } else if (!strcmp(what, "absent")) {
            char name[4096];
            snprintf(name, sizeof name, "%s%ld", path, i);
            if (open(name, O_RDONLY) >= 0) {
                fprintf(stderr, "%s is there\n", name);
                return 1;
            }
        } else {
            int fd = open(path, O_RDONLY);
            if (fd < 0) {
                perror(path);
                return 1;
            }
            close(fd);
        }
    }
    printf("%.1f\n", (now() - begin) / i);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc >= 3 && !strcmp(argv[1], "timed")) {
        settle(1000);
        double begin = now();
        pid_t child = fork();
        if (!child) {
            int null = open("/dev/null", O_WRONLY);
            dup2(null, 1);
            execvp(argv[2], argv + 2);
            _exit(127);
        }
        int status;
        if (waitpid(child, &status, 0) != child || !WIFEXITED(status) || WEXITSTATUS(status)) {
            fprintf(stderr, "%s failed\n", argv[2]);
            return 1;
        }
        printf("%.0f\n", now() - begin);
        return 0;
    }
    if (argc >= 3 && !strcmp(argv[1], "then")) {
        settle(1000);
        execvp(argv[2], argv + 2);
        perror(argv[2]);
        return 127;
    }
    if (argc < 4 || (argc - 1) % 3)
        return 64;
    for (char **words = argv + 1; *words; words += 3)
        if (!strcmp(words[0], "settle"))
            settle(atol(words[1]));
        else if (repeat(words[0], atol(words[1]), words[2]))
            return 1;
    return 0;
}
