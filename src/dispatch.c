/* Which instruction sets exist, and which of them this processor runs. No other file knows.
 *
 * To add one: a line in setup.py with its flags, a line in SETS below, best first, and its test of the
 * processor in fl_isa_runs.
 */
#include <string.h>

#include "fastloss.h"
#include "elementwise/list.h"
#include "rows/list.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#define SETS(X) FL_SET_AVX512(X) FL_SET_AVX2(X) X(baseline)
#ifdef FL_HAVE_AVX512
#define FL_SET_AVX512(X) X(avx512)
#else
#define FL_SET_AVX512(X)
#endif
#ifdef FL_HAVE_AVX2
#define FL_SET_AVX2(X) X(avx2)
#else
#define FL_SET_AVX2(X)
#endif

#define DECLARE(isa) extern const fl_table fl_table_##isa##_32, fl_table_##isa##_64;
SETS(DECLARE)

#define NAME(isa) #isa,
const char *const fl_isa_names[] = {SETS(NAME) NULL};

#define ELEMENTWISE(name, array, prologue) #name,
const char *const fl_elementwise_names[] = {FL_ELEMENTWISE_LIST(ELEMENTWISE) NULL};
const char *const fl_rowwise_names[] = {FL_ROWWISE_LIST(NAME) NULL};

#define SLOT_NAME(slot, name, place) #name,
#define SLOT_PLACE(slot, name, place) place,
const char *const fl_slot_names[] = {FL_SLOT_LIST(SLOT_NAME) NULL};
const int fl_slot_places[] = {FL_SLOT_LIST(SLOT_PLACE)};

int fl_isa_runs(const char *isa) {
#if defined(__x86_64__)
    unsigned a, b, c, d;
    int avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __get_cpuid(1, &a, &b, &c, &d) &&
               (c & bit_F16C);
    if (!strcmp(isa, "avx2")) return avx2;
    if (!strcmp(isa, "avx512"))
        return avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
               __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
#endif
    return !strcmp(isa, "baseline");
}

const fl_table *fl_table_of(const char *isa, int bits) {
#define TABLE(name) \
    if (!strcmp(isa, #name)) return bits == 32 ? &fl_table_##name##_32 : &fl_table_##name##_64;
    SETS(TABLE)
    return NULL;
}
