/* The thread pool under stress: many callers at once, forks in between. test_pool.py builds it, with the thread
 * sanitizer and without.
 *
 *     pool_stress MILLISECONDS WORKERS_IN_CHILD
 *
 * Every task of a call must run exactly once before the call returns. What tasks write is not atomic: if the pool did
 * not order it before the caller's reads, the sanitizer would say so. Compiled with -DRACE it has a race of its own,
 * which the sanitizer must find.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "fastloss.h"

enum { CALLERS = 6, MOST_TASKS = 300 };

typedef struct {
    int runs[MOST_TASKS];
    int shared;
} work;

static int milliseconds, workers_in_child;

static void body(void *context, ptrdiff_t task) {
    work *w = context;
    for (volatile int i = 0; i < 200; i++) continue;
    w->runs[task]++;
#ifdef RACE
    w->shared++;
#endif
}

static int64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void call(unsigned *seed, int threads) {
    work w = {{0}, 0};
    int tasks = 1 + rand_r(seed) % MOST_TASKS;
    fl_process_enter();
    fl_pool_run(body, &w, tasks, threads);
    fl_process_leave();
    for (int i = 0; i < MOST_TASKS; i++)
        if (w.runs[i] != (i < tasks)) {
            fprintf(stderr, "task %d of %d ran %d times\n", i, tasks, w.runs[i]);
            _exit(1);
        }
}

static int threads_now(void) {
    char line[256];
    int count = 0;
    FILE *status = fopen("/proc/self/status", "r");
    while (status && fgets(line, sizeof line, status) && sscanf(line, "Threads: %d", &count) != 1) continue;
    if (status) fclose(status);
    return count;
}

static void in_fork(unsigned *seed) {
    int status;
    pid_t child = fork();
    if (child == 0) {
        alarm(10);
        for (int i = 0; i < 5; i++) call(seed, 1 + workers_in_child);
        _exit(threads_now() == 1 + workers_in_child ? 0 : 3);
    }
    if (child < 0 || waitpid(child, &status, 0) != child || status) {
        fprintf(stderr, "a child ended with status %x\n", status);
        _exit(2);
    }
}

static void *caller(void *number) {
    unsigned seed = (unsigned)(ptrdiff_t)number;
    for (int64_t end = now() + milliseconds; now() < end;) {
        call(&seed, 1 + rand_r(&seed) % 5);
        if (rand_r(&seed) % 8 == 0) usleep((unsigned)rand_r(&seed) % 8000);
        if (rand_r(&seed) % 64 == 0) in_fork(&seed);
    }
    return NULL;
}

int main(int argc, char **argv) {
    pthread_t threads[CALLERS];
    if (argc != 3) return 64;
    milliseconds = atoi(argv[1]), workers_in_child = atoi(argv[2]);
    fl_process_init();
    fl_openmp_init();
    fl_pool_init();
    for (ptrdiff_t i = 0; i < CALLERS; i++) pthread_create(&threads[i], NULL, caller, (void *)i);
    for (int i = 0; i < CALLERS; i++) pthread_join(threads[i], NULL);
    puts("passed");
    return 0;
}
