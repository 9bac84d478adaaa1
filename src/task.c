/* A task: a fixed number of rows of a call, taken in blocks, and each block in runs of constant step.
 *
 * Where a row lies is decided in span.h and nowhere else. Kernels leave a block's losses in `value` by
 * position, so the sum over them, and with it every bit of a result, does not depend on strides.
 */
#define FL_BITS 64
#include "elementwise/block.h"
#include "fastloss.h"
#include "span.h"

ptrdiff_t fl_tasks(const fl_call *call) { return (call->rows + call->per_task - 1) / call->per_task; }

static fl_run next_run(const fl_call *call, const fl_run *run, ptrdiff_t row, ptrdiff_t n) {
    if (call->ndim > 1) return run_at(call, row, n);
    fl_run next = *run;
    for (int role = 0; role < FL_ROLES; role++)
        if (next.data[role]) next.data[role] += run->n * run->step[role];
    next.row = row, next.n = n;
    return next;
}

/* The losses of a block of rows, run by run; and whether a score broke its rule. */
static int block_of_rows(const fl_call *call, fl_run *run, ptrdiff_t row, ptrdiff_t n, double *values, double *weights) {
    int breaks = 0;
    size_t size = (size_t)call->table->bits / 8;
    for (ptrdiff_t done = 0; done < n; done += run->n) {
        *run = next_run(call, run, row + done, n - done);
        run->value = (char *)values + (size_t)done * size;
        if (weights) {
            convert(weights + done, run->data[FL_WEIGHT], call->op[FL_WEIGHT].type, run->step[FL_WEIGHT], run->n);
            run->weight = weights + done;
        }
        run->breach = call->looks_at_scores ? &breaks : NULL;
        if (call->looks_at_scores && !breaks) breaks = fl_scores_break(call, run);
        call->kernel(call, run);
        if (call->op[FL_VALUE].data) call->table->put_values(call, run);
    }
    return breaks;
}

/* Those of a block of elements. Gives their weights, which are where they lie or in the buffer. */
static const double *block_of_elements(const fl_call *call, ptrdiff_t row, ptrdiff_t n, double *values, double *buffer) {
    fl_run run = {.row = row, .n = n, .value = values};
    if (call->op[FL_WEIGHT].data) run.weight = load_block(buffer, call, FL_WEIGHT, row, n);
    call->kernel(call, &run);
    if (call->op[FL_VALUE].data) call->table->put_values(call, &run);
    return run.weight;
}

fl_sum fl_task(const fl_call *call, ptrdiff_t task) {
    double values[FL_BLOCK], buffer[FL_BLOCK];
    fl_sum sum = {0};
    const double *weights = call->op[FL_WEIGHT].data ? buffer : NULL;
    ptrdiff_t row = task * call->per_task, left = call->rows - row;
    if (left > call->per_task) left = call->per_task;
    fl_run run = {.n = 0};
    if (!call->elementwise) run = run_at(call, row, 0);

    while (left > 0) {
        ptrdiff_t block = left < call->per_block ? left : call->per_block;
        if (call->elementwise) {
            sum.breach |= fl_elements_break(call, row, block);
            weights = block_of_elements(call, row, block, values, buffer);
        } else {
            sum.breach |= block_of_rows(call, &run, row, block, values, weights ? buffer : NULL);
        }
        if (call->valued && !call->op[FL_VALUE].data) sum.total += call->table->sum(values, weights, block);
        row += block, left -= block;
    }
    return sum;
}
