/* Where a row of a call lies, for task.c and scan.c. */
#ifndef FL_SPAN_H
#define FL_SPAN_H

#include "fastloss.h"

/* The longest run from `row` on, at most `n` rows. */
static inline fl_run run_at(const fl_call *call, ptrdiff_t row, ptrdiff_t n) {
    fl_run run = {.row = row, .n = n};
    int last = call->ndim - 1;
    for (int role = 0; role < FL_ROLES; role++) {
        run.data[role] = call->op[role].data;
        run.step[role] = last >= 0 ? call->op[role].stride[last] : 0;
    }
    for (int d = last; d >= 0; d--) {
        ptrdiff_t index = row % call->shape[d];
        row /= call->shape[d];
        if (d == last && run.n > call->shape[d] - index) run.n = call->shape[d] - index;
        for (int role = 0; role < FL_ROLES; role++)
            if (run.data[role]) run.data[role] += index * call->op[role].stride[d];
    }
    return run;
}

static inline int reads_the_label_alone(const fl_call *call) { return call->op[FL_LABEL].data && !call->reads_all; }

#endif
