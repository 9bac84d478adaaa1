/* A task: a fixed number of rows of a call, taken in blocks, and each block in runs of constant step.
 *
 * Where a row lies is decided here and nowhere else. Kernels leave a block's losses in `value` by
 * position, so the sum over them, and with it every bit of a result, does not depend on strides.
 */
#define FL_BITS 64
#include "fastloss.h"
#include "labels.h"
#include "load.h"

enum { LABELS = 256 };

ptrdiff_t fl_tasks(const fl_call *call) { return (call->rows + call->per_task - 1) / call->per_task; }

/* The longest run from `row` on, at most `n` rows. */
static fl_run run_at(const fl_call *call, ptrdiff_t row, ptrdiff_t n) {
    fl_run run = {.n = n};
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

static fl_run next_run(const fl_call *call, const fl_run *run, ptrdiff_t row, ptrdiff_t n) {
    if (call->ndim > 1) return run_at(call, row, n);
    fl_run next = *run;
    for (int role = 0; role < FL_ROLES; role++)
        if (next.data[role]) next.data[role] += run->n * run->step[role];
    next.n = n;
    return next;
}

double fl_task(const fl_call *call, ptrdiff_t task) {
    double values[FL_BLOCK], weights[FL_BLOCK], total = 0;
    size_t size = (size_t)call->table->bits / 8;
    ptrdiff_t row = task * call->per_task, left = call->rows - row;
    if (left > call->per_task) left = call->per_task;
    int weighted = call->op[FL_WEIGHT].data != NULL, unreduced = call->op[FL_VALUE].data != NULL;
    fl_run run = run_at(call, row, 0);

    while (left > 0) {
        ptrdiff_t block = left < call->per_block ? left : call->per_block;
        for (ptrdiff_t done = 0; done < block; done += run.n) {
            run = next_run(call, &run, row + done, block - done);
            run.value = (char *)values + (size_t)done * size;
            if (weighted) {
                convert(weights + done, run.data[FL_WEIGHT], call->op[FL_WEIGHT].type, run.step[FL_WEIGHT], run.n);
                run.weight = weights + done;
            }
            call->kernel(call, &run);
            if (unreduced) call->table->put_values(call, &run);
        }
        if (!unreduced) total += call->table->sum(values, weighted ? weights : NULL, block);
        row += block, left -= block;
    }
    return total;
}

static void scan_labels(const fl_call *call, const fl_run *run, ptrdiff_t row, const double *class_weight,
                        const double *weight, fl_scan *found) {
    const fl_softmax *p = &call->softmax;
    int64_t label[LABELS];
    load_labels(label, run->data[FL_LABEL], call->op[FL_LABEL].type, run->step[FL_LABEL], run->n);
    for (ptrdiff_t i = 0; i < run->n; i++) {
        if (p->has_ignore && label[i] == p->ignore_index) continue;
        if ((uint64_t)label[i] >= (uint64_t)call->classes) {
            if (found->bad_label < 0) found->bad_label = row + i;
            continue;
        }
        found->counted++;
        if (weight || class_weight) found->weight += (weight ? weight[i] : 1) * (class_weight ? class_weight[label[i]] : 1);
    }
}

/* The first row that breaks the rule and has a weight. Rows of one number are looked at together. */
static void scan_rule(const fl_call *call, const fl_run *run, ptrdiff_t row, int role, int rule, ptrdiff_t *found) {
    const fl_operand *op = &call->op[role];
    int single = call->classes == 1 || op->along == 0;
    if (!op->data || rule == FL_ANY || *found >= 0) return;
    for (ptrdiff_t i = 0; i < run->n;) {
        const char *from = run->data[role] + i * run->step[role];
        ptrdiff_t at = call->table->breach(rule, from, op->type, single ? run->step[role] : op->along, single ? run->n - i : call->classes);
        if (at < 0 && single) return;
        ptrdiff_t bad = single ? i + at : i;
        if (at >= 0 && !(run->weight && run->weight[bad] == 0)) {
            *found = row + bad;
            return;
        }
        i = bad + 1;
    }
}

void fl_scan_task(const fl_call *call, const double *class_weight, ptrdiff_t task, fl_scan *found) {
    const fl_operand *op = call->op;
    double weights[LABELS];
    ptrdiff_t row = task * call->per_task, end = row + call->per_task;
    if (end > call->rows) end = call->rows;
    *found = (fl_scan){.bad_label = -1, .bad_weight = -1, .bad_target = -1, .bad_extra = -1};

    for (fl_run run; row < end; row += run.n) {
        run = run_at(call, row, end - row < LABELS ? end - row : LABELS);
        if (op[FL_WEIGHT].data) {
            convert(weights, run.data[FL_WEIGHT], op[FL_WEIGHT].type, run.step[FL_WEIGHT], run.n);
            for (ptrdiff_t i = 0; i < run.n; i++)
                if (!(weights[i] >= 0 && is_finite(weights[i])) && found->bad_weight < 0) found->bad_weight = row + i;
        }
        const double *weight = op[FL_WEIGHT].data ? weights : NULL;
        if (op[FL_LABEL].data) scan_labels(call, &run, row, class_weight, weight, found);
        else found->counted += run.n;
        for (ptrdiff_t i = 0; weight && !op[FL_LABEL].data && i < run.n; i++) found->weight += weight[i];
        run.weight = weight;
        scan_rule(call, &run, row, FL_TARGET, call->rule[0], &found->bad_target);
        scan_rule(call, &run, row, FL_EXTRA, call->rule[1], &found->bad_extra);
    }
}
