/* The layout of a call: which axes are merged, how its rows are cut into tasks and blocks, how tiles lie, and whether
 * results bypass the cache. No other file decides any of it.
 *
 * Blocks and tasks, and with them the order of summation, depend on the number of classes and on whether the class axis
 * is the last, never on strides, on threads or on what a call gives.
 */
#include "fastloss.h"

enum {
    TASK = 16384,           /* elements a task holds: few enough to share out evenly */
    STREAM_BYTES = 32 << 20 /* scores and results larger than the last-level cache of the machines measured */
};

/* Row axes that lie behind one another in every operand become one; an axis of length 1 is none. */
static void merge_axes(fl_call *call) {
    int used = 0;
    for (int d = 0; d < call->ndim; d++) {
        if (call->shape[d] == 1) continue;
        int merge = used > 0;
        for (int role = 0; role < FL_ROLES && merge; role++) {
            const ptrdiff_t *stride = call->op[role].stride;
            if (call->op[role].data) merge = stride[used - 1] == stride[d] * call->shape[d];
        }
        if (merge) call->shape[--used] *= call->shape[d];
        else call->shape[used] = call->shape[d];
        for (int role = 0; role < FL_ROLES; role++) call->op[role].stride[used] = call->op[role].stride[d];
        used++;
    }
    call->ndim = used;
}

static void cut_rows(fl_call *call) {
    ptrdiff_t rows = TASK / call->classes;
    call->per_task = rows >= FL_CHUNKS ? rows / FL_CHUNKS * FL_CHUNKS : rows < 1 ? 1 : rows;
    call->per_block = call->per_task < FL_BLOCK ? call->per_task : FL_BLOCK;
}

static ptrdiff_t bytes_of(const fl_call *call, int role) {
    static const ptrdiff_t size[] = {8, 4, 2, 2, 8, 4, 2, 1, 8, 4, 2, 1, 1}; /* in the order of fl_type */
    int per_row = role == FL_VALUE || role == FL_LOGSUMEXP || role == FL_ENTROPY || role == FL_CORRECT;
    return call->rows * (per_row ? 1 : call->classes) * size[call->op[role].type];
}

/* An output that is written where the scores lie costs no memory of its own. */
static int bypasses_the_cache(const fl_call *call) {
    ptrdiff_t bytes = bytes_of(call, FL_PRED), scores = bytes;
    for (int role = FL_GRAD; role < FL_ROLES; role++)
        if (call->op[role].data && call->op[role].data != call->op[FL_PRED].data) bytes += bytes_of(call, role);
    return bytes > scores && bytes > STREAM_BYTES;
}

void fl_lay_out(fl_call *call) {
    merge_axes(call);
    cut_rows(call);
    call->lanes_across = !call->elementwise && (call->classes <= FL_CHUNKS || !call->class_axis_last);
    call->stream = bypasses_the_cache(call);
}
