/* Where a row of a call lies, for task.c and scan.c. */
#ifndef FL_SPAN_H
#define FL_SPAN_H

#include "fastloss.h"

/* The longest span from `row` on, of at most `n` rows. */
static inline fl_span span_at(const fl_call *call, ptrdiff_t row, ptrdiff_t n) {
    fl_span span = {.row = row, .n = n};
    int last = call->ndim - 1;
    for (int role = 0; role < FL_ROLES; role++) {
        span.data[role] = call->op[role].data;
        span.step[role] = last >= 0 ? call->op[role].stride[last] : 0;
    }
    for (int d = last; d >= 0; d--) {
        ptrdiff_t index = row % call->shape[d];
        row /= call->shape[d];
        if (d == last && span.n > call->shape[d] - index) span.n = call->shape[d] - index;
        for (int role = 0; role < FL_ROLES; role++)
            if (span.data[role]) span.data[role] += index * call->op[role].stride[d];
    }
    return span;
}

static inline int reads_label_only(const fl_call *call) {
    return call->op[FL_LABEL].data && !call->check.reads_all_scores;
}

#endif
