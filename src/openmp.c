/* The settings of every OpenMP runtime that the process has loaded, whoever brought it.
 *
 * The wheels of torch and scikit-learn bring copies of libgomp, loaded beside the system's, each with settings of its
 * own; a limit on one of them is meant for the process. They are found by the names of the loaded libraries, since
 * dlsym(RTLD_DEFAULT) does not see a library that was loaded locally.
 */
#define _GNU_SOURCE /* dl_iterate_phdr, cpu_set_t */
#include <dlfcn.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "fastloss.h"

#ifdef __linux__
#include <link.h>
#include <sched.h>
#endif

#ifdef _OPENMP
#include <omp.h>
int fl_openmp_version(void) { return _OPENMP; }
#else
int fl_openmp_version(void) { return 0; }
#endif

enum { RUNTIMES = 16, PATH = 1024 };

typedef struct {
    int (*max_threads)(void), (*thread_limit)(void), (*in_parallel)(void);
    int (*pause)(int); /* not of LLVM's, which sees to forks itself, and would forget the caller's settings */
    int (*places)(void), (*place_processors)(int);
    void (*place_ids)(int, int *);
} runtime;

static runtime runtimes[RUNTIMES]; /* grows at the end, so that it is read without a lock */
static atomic_int known;           /* how many they are */
static int environment[2];         /* OMP_NUM_THREADS, OMP_THREAD_LIMIT: for a process without a runtime */
static int binds;                  /* does the environment say where OpenMP's threads run? */

static int number_of(const char *variable) {
    const char *text = getenv(variable);
    long number = text ? strtol(text, NULL, 10) : 0; /* "4,2" is a list, one number a level */
    return number > 0 && number < INT_MAX ? (int)number : INT_MAX;
}

#ifdef __linux__

static int is_runtime(const char *path) {
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    return !strncmp(name, "libgomp", 7) || !strncmp(name, "libomp", 6) || !strncmp(name, "libiomp", 7);
}

static void add(const char *path) {
    /* Never closed, so that the addresses stay valid. */
    void *library = dlopen(path, RTLD_LAZY | RTLD_NOLOAD);
    int count = atomic_load(&known);
    runtime found = {0};
    if (!library || count == RUNTIMES) return;
    *(void **)&found.max_threads = dlsym(library, "omp_get_max_threads");
    *(void **)&found.thread_limit = dlsym(library, "omp_get_thread_limit");
    *(void **)&found.in_parallel = dlsym(library, "omp_in_parallel");
    /* By a symbol and not by its name: LLVM's is installed under the name of libgomp too. */
    *(void **)&found.pause = dlsym(library, "__kmpc_fork_call") ? NULL : dlsym(library, "omp_pause_resource_all");
    *(void **)&found.places = dlsym(library, "omp_get_num_places");
    *(void **)&found.place_processors = dlsym(library, "omp_get_place_num_procs");
    *(void **)&found.place_ids = dlsym(library, "omp_get_place_proc_ids");
    if (!found.max_threads || !found.thread_limit || !found.in_parallel) return;
    for (int i = 0; i < count; i++)
        if (runtimes[i].max_threads == found.max_threads) return;
    runtimes[count] = found;
    atomic_store(&known, count + 1);
}

static struct {
    char path[RUNTIMES][PATH];
    int count;
} candidates;

static int count_loaded(struct dl_phdr_info *info, size_t size, void *loaded) {
    (void)size;
    *(unsigned long long *)loaded = info->dlpi_adds;
    return 1;
}

static int note_candidate(struct dl_phdr_info *info, size_t size, void *unused) {
    (void)size, (void)unused;
    if (candidates.count < RUNTIMES && is_runtime(info->dlpi_name) && strlen(info->dlpi_name) < PATH)
        strcpy(candidates.path[candidates.count++], info->dlpi_name);
    return 0;
}

/* Looks for runtimes if libraries were loaded since the last time. Names first: a library must not be opened while the
 * list is walked. A thread that comes while another one looks gets what was known before. Called with the GIL, so that
 * no fork of Python's finds the loader's lock taken. */
static void refresh(void) {
    static _Atomic unsigned long long seen;
    static atomic_flag looking = ATOMIC_FLAG_INIT;
    unsigned long long loaded = 0;
    dl_iterate_phdr(count_loaded, &loaded);
    if (loaded == atomic_load(&seen) || atomic_flag_test_and_set(&looking)) return;
    candidates.count = 0;
    dl_iterate_phdr(note_candidate, NULL);
    for (int i = 0; i < candidates.count; i++) add(candidates.path[i]);
    atomic_store(&seen, loaded);
    atomic_flag_clear(&looking);
}

#else /* elsewhere only the one that this build was linked with is seen */

static void refresh(void) {
#ifdef _OPENMP
    runtimes[0] = (runtime){omp_get_max_threads, omp_get_thread_limit, omp_in_parallel};
    atomic_store(&known, 1);
#endif
}

#endif

/* A child's pools are dead, and pausing one would wait for it for ever, unless they were given back before the fork:
 * by fl_openmp_pause, which runs before Python's own forks and before no others. */
static atomic_int given_back, may_pause = 1;

static void after_fork_in_parent(void) { atomic_store(&given_back, 0); }

static void after_fork_in_child(void) {
    if (!atomic_exchange(&given_back, 0)) atomic_store(&may_pause, 0);
}

void fl_openmp_init(void) {
    atomic_store(&may_pause, !fl_process_forked());
    pthread_atfork(NULL, after_fork_in_parent, after_fork_in_child);
    refresh();
    environment[0] = number_of("OMP_NUM_THREADS");
    environment[1] = number_of("OMP_THREAD_LIMIT");
    binds = getenv("OMP_PROC_BIND") || getenv("OMP_PLACES") || getenv("GOMP_CPU_AFFINITY") || getenv("KMP_AFFINITY");
}

int fl_openmp_thread_limit(void) {
    refresh();
    int count = atomic_load(&known), least = count ? INT_MAX : environment[1];
    for (int i = 0; i < count; i++) {
        int limit = runtimes[i].thread_limit();
        least = limit < least ? limit : least;
    }
    return least;
}

int fl_openmp_max_threads(void) {
    int least = fl_openmp_thread_limit(), count = atomic_load(&known);
    if (!count && environment[0] < least) least = environment[0];
    for (int i = 0; i < count; i++) {
        int most = runtimes[i].max_threads();
        least = most < least ? most : least;
    }
    return least;
}

int fl_openmp_in_parallel(void) {
    refresh();
    for (int i = 0; i < atomic_load(&known); i++)
        if (runtimes[i].in_parallel()) return 1;
    return 0;
}

/* Gives the calling thread's pools back, so that a fork right after leaves nothing half alive. */
void fl_openmp_pause(void) {
    if (!atomic_load(&may_pause)) return;
    refresh();
    for (int i = 0; i < atomic_load(&known); i++)
        if (runtimes[i].pause) runtimes[i].pause(1); /* omp_pause_soft */
    atomic_store(&given_back, 1);
}

#ifdef __linux__
/* The processors of all places that OpenMP binds threads to (OMP_PROC_BIND, OMP_PLACES), as a cpu_set_t; gives their
 * number. 0 if the calling thread is not bound to just one of the places: then its own set counts. A thread that is
 * bound hands it on to each thread that it starts. */
int fl_openmp_places(void *cpu_set) {
    int ids[1024], bound = 0;
    cpu_set_t mine, *all = cpu_set;
    CPU_ZERO(all);
    if (!binds || sched_getaffinity(0, sizeof mine, &mine)) return 0;
    for (int i = 0; i < atomic_load(&known); i++) {
        const runtime *r = &runtimes[i];
        int places = r->places && r->place_processors && r->place_ids ? r->places() : 0;
        for (int p = 0; p < places; p++) {
            int n = r->place_processors(p);
            cpu_set_t place;
            if (n > 1024) continue;
            CPU_ZERO(&place);
            r->place_ids(p, ids);
            for (int k = 0; k < n; k++) CPU_SET((size_t)ids[k], &place);
            bound |= CPU_EQUAL(&place, &mine);
            CPU_OR(all, all, &place);
        }
    }
    return bound ? CPU_COUNT(all) : 0;
}

int fl_openmp_processors(void) {
    cpu_set_t all;
    return fl_openmp_places(&all);
}
#else
int fl_openmp_processors(void) { return 0; }
#endif

const char *fl_compiler(void) {
#if defined(__clang__)
    return "clang " __clang_version__;
#elif defined(__GNUC__)
    return "gcc " __VERSION__;
#else
    return "unknown";
#endif
}
