/* Was this process forked, and how many calls are in flight?
 *
 * libgomp's thread pool does not survive fork: a child that enters a parallel region after its parent
 * used one waits for threads that no longer exist. The guard asks "was this process forked?", not "did
 * we use threads?", because another library may have used the same pool.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "fastloss.h"

static atomic_int forked, in_flight;

static void in_child(void) {
    atomic_store(&forked, 1);
    atomic_store(&in_flight, 0);
}

/* Imported inside a forked child, the flag of the kernel tells: PF_FORKNOEXEC, bit 0x40 of field 9. */
static int born_by_fork(void) {
    char line[1024];
    unsigned flags = 0;
    FILE *stat = fopen("/proc/self/stat", "r");
    if (!stat) return 0;
    size_t n = fread(line, 1, sizeof line - 1, stat);
    fclose(stat);
    line[n] = 0;
    /* The second field is a command name in parentheses, which may hold spaces and parentheses. */
    const char *after = strrchr(line, ')');
    return after && sscanf(after + 1, " %*c %*d %*d %*d %*d %*d %u", &flags) == 1 && (flags & 0x40u);
}

void fl_process_init(void) {
    atomic_store(&forked, born_by_fork());
    pthread_atfork(NULL, NULL, in_child);
}

int fl_process_forked(void) { return atomic_load(&forked); }

int fl_process_enter(void) { return atomic_fetch_add(&in_flight, 1) + 1; }

int fl_process_in_flight(void) { return atomic_load(&in_flight); }

void fl_process_leave(void) { atomic_fetch_sub(&in_flight, 1); }
