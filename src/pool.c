/* The thread pool: workers that all calls of the process share.
 *
 * A call puts a job on its own stack, links it here and works on it. Workers that are running enter the job and claim
 * tasks one by one; a worker that has no processor claims nothing, and the call ends without it. At the end the caller
 * waits only for workers that are active in its job, each with one task left at most. (An OpenMP region ends when every
 * thread of its team has arrived, also those that have not run yet: beside busy processes that takes as long as a time
 * slice of the scheduler, see docs/threads.md.)
 *
 * Between jobs a worker spins, since waking a thread costs more than a small call. It yields to any thread that waits
 * for its processor. A jump between two looks at the clock shows that one did, and then the worker spins for a shorter
 * time. All numbers below were chosen by benchmarks/in_company.py, beside 0 to 8 busy processes on two processors.
 */
#define _GNU_SOURCE /* affinity, names of threads */
#include <fenv.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <time.h>
#include <unistd.h>

#include "fastloss.h"

enum { /* times in the nanoseconds of now() */
       MICROSECOND = 1000,
       SPIN_MOST = 5000 * MICROSECOND,
       SPIN_LEAST = 10 * MICROSECOND,
       SPIN_TURNS = 32,                   /* between two looks at the clock */
       PREEMPTED = 100 * MICROSECOND,     /* so long between two looks: another thread had the processor */
       YIELD_AFTER = 30 * MICROSECOND,    /* of spinning: back to back calls come sooner */
       YIELD_TO_CALLER = 6 * MICROSECOND, /* while a call has not ended: its caller may wait for this processor */
       CALLER_SPIN = 50 * MICROSECOND,
       CALLER_SLEEPS = 1 << 30, /* a bit of job.active */
       STACK_BYTES = 2 << 20    /* kernels need an eighth, sanitizers more */
};

typedef struct job {
    fl_body *body;
    void *context;
    ptrdiff_t tasks;
    fenv_t environment;     /* of the caller: rounding and subnormals must not depend on who claims a task */
    _Atomic ptrdiff_t next; /* the first task that nobody has claimed */
    atomic_int active;      /* workers that may still touch this job */
    int slots;              /* for workers that may still enter */
    struct job *link;
} job;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t job_linked = PTHREAD_COND_INITIALIZER, worker_left = PTHREAD_COND_INITIALIZER;

/* Guarded by the lock. */
static job *jobs;
static int workers, sleeping;
static int requested;    /* workers, by the linked jobs together */
static int most_workers; /* a bound on what n_threads=10**6 does to a machine */

/* What a spinning worker reads without the lock. */
static atomic_int slots;        /* of the linked jobs together */
static atomic_int linked;       /* how many jobs are */
static atomic_int spinning;     /* how many workers are */
static _Atomic int64_t crowded; /* when more threads than processors were last requested */

static int64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void pause_processor(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static void work_on(job *j) {
    for (ptrdiff_t task; (task = atomic_fetch_add_explicit(&j->next, 1, memory_order_relaxed)) < j->tasks;)
        j->body(j->context, task);
}

/* ---- workers ---- */

/* With the lock: enters a job that has a slot; NULL if none has. */
static job *enter(void) {
    for (job *j = jobs; j; j = j->link)
        if (j->slots > 0) {
            j->slots--;
            atomic_fetch_sub(&slots, 1);
            atomic_fetch_add_explicit(&j->active, 1, memory_order_relaxed);
            return j;
        }
    return NULL;
}

/* The caller may return as soon as no worker is active: the job must not be touched after that. */
static void leave(job *j) {
    if (atomic_fetch_sub_explicit(&j->active, 1, memory_order_release) != CALLER_SLEEPS + 1) return;
    pthread_mutex_lock(&lock);
    pthread_cond_broadcast(&worker_left);
    pthread_mutex_unlock(&lock);
}

/* Waits for a slot without sleeping, for `budget` nanoseconds at most: is there one? The budget shrinks when other
 * threads want the processor, and grows while none does. */
static int spin(int64_t *budget) {
    int64_t start = now(), last = start, t = start;
    if (start - atomic_load_explicit(&crowded, memory_order_relaxed) < SPIN_MOST) return 0;
    while (t - start < *budget) {
        for (int i = 0; i < SPIN_TURNS; i++) {
            if (atomic_load_explicit(&slots, memory_order_relaxed) > 0) return 1;
            pause_processor();
        }
        int yield_after = atomic_load_explicit(&linked, memory_order_relaxed) ? YIELD_TO_CALLER : YIELD_AFTER;
        if (t - start > yield_after) sched_yield();
        last = t, t = now();
        if (t - last > PREEMPTED) {
            *budget = *budget / 8 > SPIN_LEAST ? *budget / 8 : SPIN_LEAST;
            return 0;
        }
    }
    *budget = *budget * 2 < SPIN_MOST ? *budget * 2 : SPIN_MOST;
    return 0;
}

/* Spins after each job, and also when it came too late for one: the next may come soon. */
static void *run_worker(void *unused) {
    int64_t budget = SPIN_MOST;
    int may_sleep = 0;
    pthread_mutex_lock(&lock);
    for (;;) {
        job *j = enter();
        if (!j && may_sleep) {
            sleeping++;
            pthread_cond_wait(&job_linked, &lock);
            sleeping--;
            may_sleep = 0;
            continue;
        }
        pthread_mutex_unlock(&lock);
        if (j) {
            fesetenv(&j->environment);
            work_on(j);
            leave(j);
        }
        atomic_fetch_add(&spinning, 1);
        may_sleep = !spin(&budget);
        atomic_fetch_sub(&spinning, 1);
        pthread_mutex_lock(&lock);
    }
    return unused;
}

/* With the lock: starts one more worker; 0 if the system refuses, and then calls run with fewer. It blocks all signals
 * but those that a fault of its own raises: the others are meant for the program. */
static int start_worker(void) {
    pthread_attr_t attributes;
    pthread_t thread;
    sigset_t blocked, before;
    if (pthread_attr_init(&attributes)) return 0;
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL};
    sigfillset(&blocked);
    for (int i = 0; i < 4; i++) sigdelset(&blocked, faults[i]);
    pthread_sigmask(SIG_SETMASK, &blocked, &before);
    int started = !pthread_create(&thread, &attributes, run_worker, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
#ifdef __linux__
    cpu_set_t places; /* a caller that OpenMP has bound to one of them would hand that on */
    if (started) pthread_setname_np(thread, "fastloss");
    if (started && fl_openmp_places(&places)) pthread_setaffinity_np(thread, sizeof places, &places);
#endif
    workers += started;
    return started;
}

/* ---- callers ---- */

static int processors(void) {
#ifdef __linux__
    cpu_set_t allowed;
    int bound = fl_openmp_places(&allowed);
    if (bound) return bound;
    if (!sched_getaffinity(0, sizeof allowed, &allowed)) return CPU_COUNT(&allowed);
#endif
    return (int)sysconf(_SC_NPROCESSORS_ONLN);
}

static void link_job(job *j) {
    int available = processors();
    pthread_mutex_lock(&lock);
    j->link = jobs, jobs = j;
    requested += j->slots;
    atomic_fetch_add(&linked, 1);
    if (requested + fl_process_in_flight() > available) atomic_store_explicit(&crowded, now(), memory_order_relaxed);
    atomic_fetch_add(&slots, j->slots);
    while (workers < requested && workers < most_workers && start_worker()) continue;
    int wake = atomic_load(&slots) - atomic_load(&spinning);
    if (wake > sleeping) wake = sleeping;
    pthread_mutex_unlock(&lock);
    while (wake-- > 0) pthread_cond_signal(&job_linked);
}

static void unlink_job(job *j, int asked_for) {
    pthread_mutex_lock(&lock);
    job **at = &jobs;
    while (*at != j) at = &(*at)->link;
    *at = j->link;
    requested -= asked_for;
    atomic_fetch_sub(&linked, 1);
    atomic_fetch_sub(&slots, j->slots);
    pthread_mutex_unlock(&lock);
}

/* They are on their last tasks. One that lost its processor may need this one, so the caller spins only briefly. */
static void wait_for_workers(job *j) {
    for (int64_t start = now(); atomic_load_explicit(&j->active, memory_order_acquire) > 0; pause_processor()) {
        if (now() - start < CALLER_SPIN) continue;
        pthread_mutex_lock(&lock);
        atomic_fetch_or(&j->active, CALLER_SLEEPS);
        while (atomic_load_explicit(&j->active, memory_order_acquire) != CALLER_SLEEPS)
            pthread_cond_wait(&worker_left, &lock);
        pthread_mutex_unlock(&lock);
        return;
    }
}

void fl_pool_run(fl_body *body, void *context, ptrdiff_t tasks, int threads) {
    job j = {.body = body, .context = context, .tasks = tasks, .slots = threads - 1};
    fegetenv(&j.environment);
    link_job(&j);
    work_on(&j);
    unlink_job(&j, threads - 1);
    wait_for_workers(&j);
}

/* ---- fork ---- */

/* Only the forking thread lives on in the child, and it is in no call: whatever was half done begins anew. */
static void after_fork_in_child(void) {
    pthread_mutex_init(&lock, NULL);
    pthread_cond_init(&job_linked, NULL);
    pthread_cond_init(&worker_left, NULL);
    jobs = NULL;
    workers = sleeping = requested = 0;
    atomic_store(&slots, 0);
    atomic_store(&linked, 0);
    atomic_store(&spinning, 0);
}

void fl_pool_init(void) {
    int most = 4 * (int)sysconf(_SC_NPROCESSORS_ONLN);
    most_workers = (most > 16 ? most : 16) - 1;
    pthread_atfork(NULL, NULL, after_fork_in_child);
}
