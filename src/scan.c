/* A look over labels, weights, targets and scores: before anything of the caller's is written, or, where nothing of the
 * caller's is written, beside the kernel while a block is still in the cache.
 */
#define FL_BITS 64
#include "base/labels.h"
#include "elementwise/block.h"
#include "fastloss.h"
#include "span.h"

enum { LABELS = 1024 };

/* Sums are made in variables of its own: in memory each would wait for the one before. */
static void scan_labels(const fl_call *call, const fl_run *run, const double *class_weight, fl_scan *found) {
    const double *weight = run->weight;
    const fl_softmax *p = &call->softmax;
    int64_t label[LABELS], bad = found->bad_label, counted = found->counted;
    double sum = found->weight;
    load_labels(label, run->data[FL_LABEL], call->op[FL_LABEL].type, run->step[FL_LABEL], run->n);
    for (ptrdiff_t i = 0; i < run->n; i++) {
        if (p->has_ignore && label[i] == p->ignore_index) continue;
        if ((uint64_t)label[i] >= (uint64_t)call->classes) {
            bad = bad < 0 ? run->row + i : bad;
            continue;
        }
        counted += !(weight && weight[i] == 0);
        if (weight || class_weight) sum += (weight ? weight[i] : 1) * (class_weight ? class_weight[label[i]] : 1);
    }
    found->bad_label = bad, found->counted = counted, found->weight = sum;
}

static void scan_weights(const double *weight, ptrdiff_t row, ptrdiff_t n, fl_scan *found) {
    for (ptrdiff_t i = 0; i < n && found->bad_weight < 0; i++)
        if (!(weight[i] >= 0 && is_finite(weight[i]))) found->bad_weight = row + i;
}

static void add_weights(const double *weight, ptrdiff_t n, fl_scan *found) {
    for (ptrdiff_t i = 0; i < n; i++) {
        found->weight += weight[i];
        found->counted += weight[i] != 0;
    }
}

/* The first of n elements that breaks the rule and has a weight, or -1. */
static ptrdiff_t breach(const fl_call *call, int rule, const char *from, int type, ptrdiff_t step, ptrdiff_t n,
                        const double *weight) {
    for (ptrdiff_t i = 0; i < n; i++) {
        ptrdiff_t at = call->table->breach(rule, call->room, from + i * step, type, step, n - i);
        if (at < 0) return -1;
        i += at;
        if (!(weight && weight[i] == 0)) return i;
    }
    return -1;
}

/* One operand of a block of elements. */
static void scan_elements(const fl_call *call, int role, int rule, ptrdiff_t row, ptrdiff_t n, const double *weight,
                          ptrdiff_t *found) {
    double buffer[FL_BLOCK];
    const fl_operand *op = &call->op[role];
    if (!op->data || rule == FL_ANY || *found >= 0) return;
    ptrdiff_t step = last_step(call, op), at;
    if (is_line(call, op)) at = breach(call, rule, op->data + row * step, op->type, step, n, weight);
    else at = breach(call, rule, (const char *)load_block(buffer, call, role, row, n), FL_F64, sizeof *buffer, n, weight);
    if (at >= 0) *found = row + at;
}

/* One operand of a run of rows: a number a row, or one a class. */
static void scan_rows(const fl_call *call, const fl_run *run, int role, int rule, ptrdiff_t *found) {
    const fl_operand *op = &call->op[role];
    if (!op->data || rule == FL_ANY || *found >= 0) return;
    if (op->along == 0) {
        ptrdiff_t at = breach(call, rule, run->data[role], op->type, run->step[role], run->n, run->weight);
        if (at >= 0) *found = run->row + at;
    }
    for (ptrdiff_t i = 0; op->along && i < run->n && *found < 0; i++) {
        const char *row = run->data[role] + i * run->step[role];
        if (breach(call, rule, row, op->type, op->along, call->classes, NULL) >= 0 && !(run->weight && run->weight[i] == 0))
            *found = run->row + i;
    }
}

/* Do all scores of a run keep their rule? Along the axis that lies closest. */
static int scores_pass(const fl_call *call, const fl_run *run) {
    const fl_operand *op = &call->op[FL_PRED];
    const char *data = run->data[FL_PRED];
    ptrdiff_t step = run->step[FL_PRED], n = run->n, c = call->classes;
    if (step == op->along * c) return breach(call, call->score_rule, data, op->type, op->along, n * c, NULL) < 0;
    int across = n > 1 && (step < 0 ? -step : step) < (op->along < 0 ? -op->along : op->along);
    ptrdiff_t lines = across ? c : n, apart = across ? op->along : step, along = across ? step : op->along;
    for (ptrdiff_t i = 0; i < lines; i++)
        if (breach(call, call->score_rule, data + i * apart, op->type, along, across ? n : c, NULL) >= 0) return 0;
    return 1;
}

/* Does one row break it with a score that the loss reads? */
static int row_breaks(const fl_call *call, const fl_run *run, ptrdiff_t i) {
    const fl_operand *op = &call->op[FL_PRED], *target = &call->op[FL_TARGET];
    const char *scores = run->data[FL_PRED] + i * run->step[FL_PRED], *q = run->data[FL_TARGET];
    if (call->reads_all) return breach(call, call->score_rule, scores, op->type, op->along, call->classes, NULL) >= 0;
    for (ptrdiff_t c = 0; c < call->classes; c++) {
        double mass = 0;
        convert(&mass, q + i * run->step[FL_TARGET] + c * target->along, target->type, 0, 1);
        int read = call->softmax.log_target ? mass != -T_INF : mass != 0;
        if (read && breach(call, call->score_rule, scores + c * op->along, op->type, 0, 1, NULL) >= 0) return 1;
    }
    return 0;
}

/* Does a row count? One whose label is out of range is another error. */
static int counts(const fl_call *call, const fl_run *run, const int64_t *label, ptrdiff_t i) {
    if (run->weight && run->weight[i] == 0) return 0;
    if (!call->op[FL_LABEL].data) return 1;
    if (call->softmax.has_ignore && label[i] == call->softmax.ignore_index) return 0;
    return (uint64_t)label[i] < (uint64_t)call->classes;
}

/* The scores of a run of rows that count. */
static void scan_scores(const fl_call *call, const fl_run *run, ptrdiff_t *found) {
    const fl_operand *op = &call->op[FL_PRED], *labels = &call->op[FL_LABEL];
    int64_t label[LABELS];
    double score[LABELS];
    ptrdiff_t at = -1;
    if (call->score_rule == FL_ANY || *found >= 0) return;
    if (!reads_the_label_alone(call) && scores_pass(call, run)) return;
    if (labels->data) load_labels(label, run->data[FL_LABEL], labels->type, run->step[FL_LABEL], run->n);
    if (reads_the_label_alone(call)) {
        for (ptrdiff_t i = 0; i < run->n; i++) {
            const char *row = run->data[FL_PRED] + i * run->step[FL_PRED];
            score[i] = counts(call, run, label, i) ? load_one(row + label[i] * op->along, op->type) : 0;
        }
        at = breach(call, call->score_rule, (const char *)score, FL_F64, sizeof *score, run->n, NULL);
    }
    for (ptrdiff_t i = 0; !reads_the_label_alone(call) && i < run->n && at < 0; i++)
        if (counts(call, run, label, i) && row_breaks(call, run, i)) at = i;
    if (at >= 0) *found = run->row + at;
}

static void scan_block_of_elements(const fl_call *call, ptrdiff_t row, ptrdiff_t n, fl_scan *found) {
    double buffer[FL_BLOCK];
    const double *weight = call->op[FL_WEIGHT].data ? load_block(buffer, call, FL_WEIGHT, row, n) : NULL;
    if (weight) add_weights(weight, n, found);
    else found->counted += n;
    if (weight) scan_weights(weight, row, n, found);
    scan_elements(call, FL_TARGET, call->rule[0], row, n, weight, &found->bad_target);
    scan_elements(call, FL_EXTRA, call->rule[1], row, n, weight, &found->bad_extra);
    scan_elements(call, FL_PRED, call->score_rule, row, n, weight, &found->bad_score);
}

static void scan_run_of_rows(const fl_call *call, fl_run *run, const double *class_weight, fl_scan *found) {
    const fl_operand *op = &call->op[FL_WEIGHT];
    double weights[LABELS];
    if (op->data) {
        convert(weights, run->data[FL_WEIGHT], op->type, run->step[FL_WEIGHT], run->n);
        scan_weights(weights, run->row, run->n, found);
        run->weight = weights;
    }
    if (call->op[FL_LABEL].data) scan_labels(call, run, class_weight, found);
    else if (run->weight) add_weights(weights, run->n, found);
    else found->counted += run->n;
    scan_rows(call, run, FL_TARGET, call->rule[0], &found->bad_target);
    scan_rows(call, run, FL_EXTRA, call->rule[1], &found->bad_extra);
    scan_scores(call, run, &found->bad_score);
    run->weight = NULL;
}

void fl_scan_task(const fl_call *call, const double *class_weight, ptrdiff_t task, fl_scan *found) {
    ptrdiff_t row = task * call->per_task, end = row + call->per_task;
    if (end > call->rows) end = call->rows;
    *found = (fl_scan){.bad_label = -1, .bad_weight = -1, .bad_target = -1, .bad_extra = -1, .bad_score = -1};
    for (ptrdiff_t n; call->elementwise && row < end; row += n) {
        n = end - row < FL_BLOCK ? end - row : FL_BLOCK;
        scan_block_of_elements(call, row, n, found);
    }
    for (fl_run run; row < end; row += run.n) {
        run = run_at(call, row, end - row < LABELS ? end - row : LABELS);
        scan_run_of_rows(call, &run, class_weight, found);
    }
}

/* What a call looks at on the way is seen again, with its weights, where this finds anything. */
int fl_elements_break(const fl_call *call, ptrdiff_t row, ptrdiff_t n) {
    ptrdiff_t found = -1;
    if (call->looks) scan_elements(call, FL_TARGET, call->rule[0], row, n, NULL, &found);
    if (call->looks) scan_elements(call, FL_EXTRA, call->rule[1], row, n, NULL, &found);
    if (call->looks_at_scores) scan_elements(call, FL_PRED, call->score_rule, row, n, NULL, &found);
    return found >= 0;
}

/* The same of a run of rows; a kernel that reads the score of the label alone looks at it itself. */
int fl_scores_break(const fl_call *call, const fl_run *run) {
    ptrdiff_t found = -1;
    if (!reads_the_label_alone(call)) scan_scores(call, run, &found);
    return found >= 0;
}
