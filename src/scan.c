/* Checks labels, weights, targets and scores: before any array of the caller's is written, or, where none is, beside
 * the kernel while a block is still in the cache.
 */
#define FL_BITS 64
#include "base/labels.h"
#include "elementwise/block.h"
#include "fastloss.h"
#include "span.h"

enum { SPAN_ROWS = 1024 }; /* at most in one scan */

/* Sums are kept in local variables: an addition in memory cannot begin before the last one is stored. */
static void scan_labels(const fl_call *call, const fl_span *span, const double *class_weight, fl_scan *found) {
    const double *weight = span->weight;
    const fl_labels *p = &call->labels;
    int64_t label[SPAN_ROWS], bad = found->bad_label, counted = found->counted;
    double sum = found->weight;
    load_labels(label, span->data[FL_LABEL], call->op[FL_LABEL].type, span->step[FL_LABEL], span->n);
    for (ptrdiff_t i = 0; i < span->n; i++) {
        if (p->has_ignore && label[i] == p->ignore_index) continue;
        if ((uint64_t)label[i] >= (uint64_t)call->classes) {
            bad = bad < 0 ? span->row + i : bad;
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
static ptrdiff_t find_violation(const fl_call *call, int rule, const char *from, int type, ptrdiff_t step, ptrdiff_t n,
                                const double *weight) {
    for (ptrdiff_t i = 0; i < n; i++) {
        ptrdiff_t where =
            call->table->first_violation(rule, call->check.rounding_slack, from + i * step, type, step, n - i);
        if (where < 0) return -1;
        i += where;
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
    ptrdiff_t step = element_step(call, op), where;
    if (has_constant_step(call, op))
        where = find_violation(call, rule, op->data + row * step, op->type, step, n, weight);
    else
        where = find_violation(call, rule, (const char *)load_block(buffer, call, role, row, n), FL_F64, sizeof *buffer,
                               n, weight);
    if (where >= 0) *found = row + where;
}

/* One operand of a span of rows: a number per row, or one per class. */
static void scan_rows(const fl_call *call, const fl_span *span, int role, int rule, ptrdiff_t *found) {
    const fl_operand *op = &call->op[role];
    if (!op->data || rule == FL_ANY || *found >= 0) return;
    if (op->class_stride == 0) {
        ptrdiff_t where =
            find_violation(call, rule, span->data[role], op->type, span->step[role], span->n, span->weight);
        if (where >= 0) *found = span->row + where;
    }
    for (ptrdiff_t i = 0; op->class_stride && i < span->n && *found < 0; i++) {
        const char *row = span->data[role] + i * span->step[role];
        if (find_violation(call, rule, row, op->type, op->class_stride, call->classes, NULL) >= 0 &&
            !(span->weight && span->weight[i] == 0))
            *found = span->row + i;
    }
}

/* Do all scores of a span obey their rule? The inner loop runs along the axis of the smaller stride. */
static int scores_obey(const fl_call *call, const fl_span *span) {
    const fl_operand *op = &call->op[FL_PRED];
    const char *data = span->data[FL_PRED];
    ptrdiff_t step = span->step[FL_PRED], n = span->n, c = call->classes;
    if (step == op->class_stride * c)
        return find_violation(call, call->check.score, data, op->type, op->class_stride, n * c, NULL) < 0;
    int across = n > 1 && (step < 0 ? -step : step) < (op->class_stride < 0 ? -op->class_stride : op->class_stride);
    ptrdiff_t lines = across ? c : n, apart = across ? op->class_stride : step,
              along = across ? step : op->class_stride;
    for (ptrdiff_t i = 0; i < lines; i++)
        if (find_violation(call, call->check.score, data + i * apart, op->type, along, across ? n : c, NULL) >= 0)
            return 0;
    return 1;
}

/* Does a score of this row that the loss reads break its rule? */
static int row_violates(const fl_call *call, const fl_span *span, ptrdiff_t i) {
    const fl_operand *op = &call->op[FL_PRED], *target = &call->op[FL_TARGET];
    const char *scores = span->data[FL_PRED] + i * span->step[FL_PRED], *q = span->data[FL_TARGET];
    if (call->check.reads_all_scores)
        return find_violation(call, call->check.score, scores, op->type, op->class_stride, call->classes, NULL) >= 0;
    for (ptrdiff_t c = 0; c < call->classes; c++) {
        double mass = 0;
        convert(&mass, q + i * span->step[FL_TARGET] + c * target->class_stride, target->type, 0, 1);
        int read = call->targets.log_target ? mass != -T_INF : mass != 0;
        if (read && find_violation(call, call->check.score, scores + c * op->class_stride, op->type, 0, 1, NULL) >= 0)
            return 1;
    }
    return 0;
}

/* Does a row count? A label out of range is reported as such, and not as a bad score. */
static int row_counts(const fl_call *call, const fl_span *span, const int64_t *label, ptrdiff_t i) {
    if (span->weight && span->weight[i] == 0) return 0;
    if (!call->op[FL_LABEL].data) return 1;
    if (call->labels.has_ignore && label[i] == call->labels.ignore_index) return 0;
    return (uint64_t)label[i] < (uint64_t)call->classes;
}

/* The scores of those rows of a span that count. */
static void scan_scores(const fl_call *call, const fl_span *span, ptrdiff_t *found) {
    const fl_operand *op = &call->op[FL_PRED], *labels = &call->op[FL_LABEL];
    int64_t label[SPAN_ROWS];
    double score[SPAN_ROWS];
    ptrdiff_t where = -1;
    if (call->check.score == FL_ANY || *found >= 0) return;
    if (!reads_label_only(call) && scores_obey(call, span)) return;
    if (labels->data) load_labels(label, span->data[FL_LABEL], labels->type, span->step[FL_LABEL], span->n);
    if (reads_label_only(call)) {
        for (ptrdiff_t i = 0; i < span->n; i++) {
            const char *row = span->data[FL_PRED] + i * span->step[FL_PRED];
            score[i] = row_counts(call, span, label, i) ? load_one(row + label[i] * op->class_stride, op->type) : 0;
        }
        where = find_violation(call, call->check.score, (const char *)score, FL_F64, sizeof *score, span->n, NULL);
    }
    for (ptrdiff_t i = 0; !reads_label_only(call) && i < span->n && where < 0; i++)
        if (row_counts(call, span, label, i) && row_violates(call, span, i)) where = i;
    if (where >= 0) *found = span->row + where;
}

static void scan_block_of_elements(const fl_call *call, ptrdiff_t row, ptrdiff_t n, fl_scan *found) {
    double buffer[FL_BLOCK];
    const double *weight = call->op[FL_WEIGHT].data ? load_block(buffer, call, FL_WEIGHT, row, n) : NULL;
    if (weight) add_weights(weight, n, found);
    else found->counted += n;
    if (weight) scan_weights(weight, row, n, found);
    scan_elements(call, FL_TARGET, call->check.target, row, n, weight, &found->bad_target);
    scan_elements(call, FL_ARRAY_PARAMETER, call->check.array_parameter, row, n, weight, &found->bad_array_parameter);
    scan_elements(call, FL_PRED, call->check.score, row, n, weight, &found->bad_score);
}

static void scan_span_of_rows(const fl_call *call, fl_span *span, const double *class_weight, fl_scan *found) {
    const fl_operand *op = &call->op[FL_WEIGHT];
    double weights[SPAN_ROWS];
    if (op->data) {
        convert(weights, span->data[FL_WEIGHT], op->type, span->step[FL_WEIGHT], span->n);
        scan_weights(weights, span->row, span->n, found);
        span->weight = weights;
    }
    if (call->op[FL_LABEL].data) scan_labels(call, span, class_weight, found);
    else if (span->weight) add_weights(weights, span->n, found);
    else found->counted += span->n;
    scan_rows(call, span, FL_TARGET, call->check.target, &found->bad_target);
    scan_rows(call, span, FL_ARRAY_PARAMETER, call->check.array_parameter, &found->bad_array_parameter);
    scan_scores(call, span, &found->bad_score);
    span->weight = NULL;
}

void fl_scan_task(const fl_call *call, const double *class_weight, ptrdiff_t task, fl_scan *found) {
    ptrdiff_t row = task * call->per_task, end = row + call->per_task;
    if (end > call->rows) end = call->rows;
    *found = (fl_scan){.bad_label = -1, .bad_weight = -1, .bad_target = -1, .bad_array_parameter = -1, .bad_score = -1};
    for (ptrdiff_t n; call->elementwise && row < end; row += n) {
        n = end - row < FL_BLOCK ? end - row : FL_BLOCK;
        scan_block_of_elements(call, row, n, found);
    }
    for (fl_span span; row < end; row += span.n) {
        span = span_at(call, row, end - row < SPAN_ROWS ? end - row : SPAN_ROWS);
        scan_span_of_rows(call, &span, class_weight, found);
    }
}

/* The checks beside the kernel do not regard weights: if they find a violation the caller repeats the call's checks
 * with fl_scan_task, which does. */
int fl_elements_violate(const fl_call *call, ptrdiff_t row, ptrdiff_t n) {
    ptrdiff_t found = -1;
    if (call->check.while_running) scan_elements(call, FL_TARGET, call->check.target, row, n, NULL, &found);
    if (call->check.while_running)
        scan_elements(call, FL_ARRAY_PARAMETER, call->check.array_parameter, row, n, NULL, &found);
    if (call->check.scores_while_running) scan_elements(call, FL_PRED, call->check.score, row, n, NULL, &found);
    return found >= 0;
}

/* A kernel that reads the score of the label alone checks it itself. */
int fl_scores_violate(const fl_call *call, const fl_span *span) {
    ptrdiff_t found = -1;
    if (!reads_label_only(call)) scan_scores(call, span, &found);
    return found >= 0;
}
