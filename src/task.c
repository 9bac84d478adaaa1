/* A task: a fixed number of rows of a call, taken in blocks, and each block in spans of constant step.
 *
 * Where a row lies is decided in span.h and nowhere else. Kernels write a block's losses to `value` by
 * position, so the sum over them, and with it every bit of a result, does not depend on strides.
 */
#define FL_BITS 64
#include "elementwise/block.h"
#include "fastloss.h"
#include "span.h"

ptrdiff_t fl_tasks(const fl_call *call) { return (call->rows + call->per_task - 1) / call->per_task; }

static fl_span next_span(const fl_call *call, const fl_span *span, ptrdiff_t row, ptrdiff_t n) {
    if (call->ndim > 1) return span_at(call, row, n);
    fl_span next = *span;
    for (int role = 0; role < FL_ROLES; role++)
        if (next.data[role]) next.data[role] += span->n * span->step[role];
    next.row = row, next.n = n;
    return next;
}

/* The losses of a block of rows, span by span; returns whether a score breaks its rule. */
static int run_rows(const fl_call *call, fl_span *span, ptrdiff_t row, ptrdiff_t n, double *values, double *weights) {
    int violation = 0;
    size_t size = (size_t)call->table->bits / 8;
    for (ptrdiff_t done = 0; done < n; done += span->n) {
        *span = next_span(call, span, row + done, n - done);
        span->value = (char *)values + (size_t)done * size;
        if (weights) {
            convert(weights + done, span->data[FL_WEIGHT], call->op[FL_WEIGHT].type, span->step[FL_WEIGHT], span->n);
            span->weight = weights + done;
        }
        span->violation = call->check.scores_while_running ? &violation : NULL;
        if (call->check.scores_while_running && !violation) violation = fl_scores_violate(call, span);
        call->kernel(call, span);
        if (call->op[FL_VALUE].data) call->table->store_values(call, span);
    }
    return violation;
}

/* The losses of a block of elements. Returns their weights: in the caller's array if they need no conversion, else in
 * the buffer. */
static const double *run_elements(const fl_call *call, ptrdiff_t row, ptrdiff_t n, double *values, double *buffer) {
    fl_span span = {.row = row, .n = n, .value = values};
    if (call->op[FL_WEIGHT].data) span.weight = load_block(buffer, call, FL_WEIGHT, row, n);
    call->kernel(call, &span);
    if (call->op[FL_VALUE].data) call->table->store_values(call, &span);
    return span.weight;
}

fl_sum fl_task(const fl_call *call, ptrdiff_t task) {
    double values[FL_BLOCK], buffer[FL_BLOCK];
    fl_sum sum = {0};
    const double *weights = call->op[FL_WEIGHT].data ? buffer : NULL;
    ptrdiff_t row = task * call->per_task, left = call->rows - row;
    if (left > call->per_task) left = call->per_task;
    fl_span span = {.n = 0};
    if (!call->elementwise) span = span_at(call, row, 0);

    while (left > 0) {
        ptrdiff_t block = left < call->per_block ? left : call->per_block;
        if (call->elementwise) {
            sum.violation |= fl_elements_violate(call, row, block);
            weights = run_elements(call, row, block, values, buffer);
        } else {
            sum.violation |= run_rows(call, &span, row, block, values, weights ? buffer : NULL);
        }
        if (call->wants_value && !call->op[FL_VALUE].data) sum.total += call->table->sum(values, weights, block);
        row += block, left -= block;
    }
    return sum;
}
