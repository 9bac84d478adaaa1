/* OpenMP as the rest sees it, or its absence. */
#include "fastloss.h"

#ifdef _OPENMP
#include <omp.h>

int fl_openmp_version(void) { return _OPENMP; }
int fl_openmp_max_threads(void) { return omp_get_max_threads(); }
int fl_openmp_in_parallel(void) { return omp_in_parallel(); }

/* Gives the calling thread's pool back, so that a fork right after leaves nothing half alive. LLVM's runtime sees to
 * forks itself, and would forget the caller's settings. */
void fl_openmp_pause(void) {
#if !defined(KMP_VERSION_MAJOR) && (_OPENMP >= 201811 || (defined(__GNUC__) && __GNUC__ >= 9 && !defined(__clang__)))
    omp_pause_resource_all(omp_pause_soft);
#endif
}

#else

int fl_openmp_version(void) { return 0; }
int fl_openmp_max_threads(void) { return 1; }
int fl_openmp_in_parallel(void) { return 0; }
void fl_openmp_pause(void) {}

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
