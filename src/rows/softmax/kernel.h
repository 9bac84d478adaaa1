/* The softmax family: cross entropy, its derivatives, softmax, log-softmax and logsumexp.
 *
 *     logits x (n, c)    u = softcap * tanh(logit_scale * x / softcap), or logit_scale * x
 *     target q (n, c)    q = gain * t + smooth, t a soft target or one at the label;  Q = sum q
 *     m = max u,  s = sum exp(u - m),  p = exp(u - m) / s,  L = m + log s
 *
 *     loss = Q log s + sum q (m - u) + z L^2
 *     g_u  = A p - q,  A = Q + 2 z L        grad = u' g_u
 *     hess = u'^2 (A p (1 - p) + 2 z p^2) + u'' g_u
 *     Hv   = u' [A p (u' v - <p, u' v>) + 2 z p <p, u' v>] + u'' g_u v
 *
 * Passes over memory: one for the loss. One more for what is written per class; a row that fits one tile
 * is read once, and its exponentials are kept. The running sums are rescaled when the maximum rises.
 *
 * Numerics (P6 in docs): exponentials of elements equal to the maximum are counted, not added, so
 * "others" = s - 1 keeps full relative accuracy in a confident row: log s = log1p(others), and at the
 * maximum, where p > 1/2, A p - q is (Q - q) - Q others / s + 2 z L p. All sums over tiles and rows are double.
 * NaN and +inf reach the result through the sums; a maximum that is not finite makes the row NaN.
 */
#ifndef FL_SOFTMAX_KERNEL_H
#define FL_SOFTMAX_KERNEL_H

#include "rows/softmax/term_sweeps.h"

typedef struct {
    const fl_call *call;
    const fl_span *span;
    T scale;                      /* of x inside exp; 1 where softcap has applied it already */
    int dense;                    /* q is an array: soft targets or smoothing */
    const term_kernel *terms;     /* of a loss that is a sum of class terms, or NULL */
    int compose;                  /* which function of the cross entropy the loss is */
    const softmax_writer *writer; /* of what is written for each class, or NULL */
    int wide;
    ptrdiff_t kept;           /* exponentials kept per row (wide) or per batch; 0: none */
    ptrdiff_t rows_in_flight; /* rows that go through each pass together */
} softmax_plan;

/* Is the target the first class that has the largest logit? `ties` classes have it. */
static int is_correct(const fl_call *call, const fl_span *span, ptrdiff_t row, int64_t label, T max, double ties) {
    const fl_operand *t = &call->op[FL_TARGET];
    ptrdiff_t y = (ptrdiff_t)label;
    if (t->data) {
        T best = -T_INF;
        for (ptrdiff_t c = y = 0; c < call->classes; c++) {
            T q = load_one(row_address(span, FL_TARGET, row) + c * t->class_stride, t->type);
            if (q > best) best = q, y = c;
        }
    }
    if (logit_at(call, span, row, y) != max) return 0;
    for (ptrdiff_t c = 0; ties > 1 && c < y; c++)
        if (logit_at(call, span, row, c) == max) return 0;
    return 1;
}

static void load_batch_labels(const softmax_plan *plan, row_batch *b) {
    const fl_call *call = plan->call;
    const fl_softmax *p = &call->softmax;
    row_labels *y = &b->y;
    read_labels(call, plan->span, b->first, b->n, y->label, y->weight);
    EACH_LANE(l) {
        y->q[l] = zero_unless((!plan->dense) & (y->label[l] >= 0), 1);
        y->slope[l] = y->gain[l] = 1;
    }
    for (ptrdiff_t l = 0; l < b->n && (call->targets.gain || p->margin_kind != FL_NO_MARGIN); l++) {
        ptrdiff_t label = (ptrdiff_t)y->label[l];
        T gain = label < 0 ? 0 : per_class(call->targets.gain, label, 1);
        if (plan->compose) y->gain[l] = gain;
        else if (!plan->dense) y->q[l] = gain;
        if (p->margin_kind != FL_NO_MARGIN)
            y->logit[l] = label < 0 ? 0 : logit_at(call, plan->span, b->first + l, label);
    }
    if (p->margin_kind != FL_NO_MARGIN) apply_margin(p, y->logit, y->slope);
}

INLINE tile_cursor cursor_of(const softmax_plan *plan, const row_batch *b, ptrdiff_t l) {
    return (tile_cursor){.call = plan->call,
                         .span = plan->span,
                         .row = b->first + l,
                         .rows = plan->wide ? 1 : b->n,
                         .wide = plan->wide,
                         .lane = (int)l,
                         .rows_to_next = plan->kept ? plan->rows_in_flight : 0};
}

/* For rows of one tile all maxima come before all sums: their chains of instructions then overlap. */
static void sum_pass(const softmax_plan *plan, row_batch *b) {
    ptrdiff_t parts = plan->wide ? b->n : 1;
    tile_cursor cursor = cursor_of(plan, b, 0);
    load_batch_labels(plan, b);
    clear_sums(&b->s);
    if (plan->dense) clear_target_sums(&b->s);
    if (plan->kept) {
        const T *x[LANES];
        next_tile(&cursor);
        for (ptrdiff_t l = 0; l < parts; l++) {
            cursor.row = b->first + l, cursor.lane = (int)l;
            x[l] = update_max(&cursor, plan->scale, &b->y, &b->s, b->e + l * plan->kept);
        }
        for (ptrdiff_t l = 0; l < parts; l++) {
            cursor.row = b->first + l, cursor.lane = (int)l;
            add_to_sums(&cursor, plan->scale, plan->dense, &b->y, &b->s, x[l], b->e + l * plan->kept);
        }
        return;
    }
    for (ptrdiff_t l = 0; l < parts; l++) {
        T buffer[TILE];
        cursor = cursor_of(plan, b, l);
        while (next_tile(&cursor)) {
            const T *x = update_max(&cursor, plan->scale, &b->y, &b->s, buffer);
            add_to_sums(&cursor, plan->scale, plan->dense, &b->y, &b->s, x, b->e);
        }
    }
}

static void write_row_statistics(const softmax_plan *plan, const row_batch *b) {
    const fl_operand *op = plan->call->op;
    for (ptrdiff_t l = 0; l < b->n; l++) {
        int counts = b->y.label[l] >= 0 || op[FL_TARGET].data;
        T correct = op[FL_CORRECT].data && counts && is_finite(b->logsumexp[l]) &&
                    is_correct(plan->call, plan->span, b->first + l, b->y.label[l], b->s.max[l], b->s.ties[l]);
        const struct {
            int role;
            T value;
        } statistic[] = {{FL_CORRECT, correct}, {FL_ENTROPY, b->entropy[l]}, {FL_LOGSUMEXP, b->logsumexp[l]}};
        for (int f = 0; f < 3; f++)
            if (op[statistic[f].role].data)
                store(row_address(plan->span, statistic[f].role, b->first + l), op[statistic[f].role].type, 0,
                      &statistic[f].value, 1, 0);
    }
}

static void write_rows(const softmax_plan *plan, row_batch *b) {
    const fl_operand *op = plan->call->op;
    int needs_probabilities = op[FL_ENTROPY].data || op[FL_VECTOR].data;
    for (ptrdiff_t l = 0; l < (plan->wide ? b->n : 1); l++) {
        tile_cursor cursor = cursor_of(plan, b, l);
        const T *kept = plan->kept ? b->e + l * plan->kept : NULL;
        if (plan->terms) {
            write_terms_pass(cursor, plan->scale, plan->terms, &b->r, &b->y, kept);
            continue;
        }
        if (needs_probabilities) probability_pass(&cursor, plan->scale, &b->y, &b->r, b->entropy);
        if (plan->writer) write_pass(cursor, plan->scale, plan->writer, &b->r, &b->y, kept);
    }
}

static void softmax(const fl_call *call, const fl_span *span, int compose, const term_kernel *terms) {
    enum { KEPT = BATCHES * TILE, CACHED = 8192 };
    T e[KEPT];
    row_batch batches[BATCHES];
    const fl_operand *op = call->op;
    const fl_softmax *p = &call->softmax;
    softmax_plan plan = {
        .call = call,
        .span = span,
        .scale = p->softcap != 0 ? 1 : (T)p->logit_scale,
        .dense = !terms && (op[FL_TARGET].data || call->targets.smooth),
        .terms = terms,
        .compose = compose,
        .wide = !call->lanes_across,
    };
    plan.writer = choose_writer(call, plan.dense);
    int row_statistics = op[FL_LOGSUMEXP].data || op[FL_ENTROPY].data || op[FL_CORRECT].data;
    ptrdiff_t padded = round_up(call->classes, LANES), rows_per_batch = LANES, count = 1;
    if (!plan.wide && call->classes <= CHUNKS) plan.kept = TILE, count = BATCHES;
    if (plan.wide) {
        /* As many rows at once as have room for their exponentials, or stay in the cache for their second reading. */
        plan.kept = padded <= TILE ? padded : 0;
        rows_per_batch = (plan.kept ? KEPT : CACHED) / padded;
        count = plan.kept ? rows_per_batch / LANES : 1;
        count = count < 1 ? 1 : count > BATCHES ? BATCHES : count;
        rows_per_batch = rows_per_batch < 1 ? 1 : rows_per_batch > LANES ? LANES : rows_per_batch;
    }
    plan.rows_in_flight = count * rows_per_batch;
    for (ptrdiff_t i = 0; i < count; i++) clear_target_sums(&batches[i].s);
    for (ptrdiff_t first = 0; first < span->n;) {
        ptrdiff_t n = 0;
        for (; n < count && first < span->n; n++) {
            row_batch *b = &batches[n];
            b->first = first;
            b->n = span->n - first < rows_per_batch ? span->n - first : rows_per_batch;
            b->e = e + n * (plan.wide ? rows_per_batch * plan.kept : plan.kept);
            first += b->n;
            sum_pass(&plan, b);
        }
        finish_rows(call, plan.scale, plan.compose, batches, n);
        for (ptrdiff_t i = 0; i < n; i++) {
            row_batch *b = &batches[i];
            T *value = (T *)span->value + b->first;
            for (ptrdiff_t l = 0; terms && l < (plan.wide ? b->n : 1); l++)
                sum_terms(cursor_of(&plan, b, l), plan.scale, terms, &b->r, &b->y,
                          plan.kept ? b->e + l * plan.kept : NULL, b->loss);
            for (ptrdiff_t l = 0; l < b->n; l++) value[l] = op[FL_LABEL].data && b->y.label[l] < 0 ? 0 : b->loss[l];
        }
        for (ptrdiff_t i = 0; i < n; i++) {
            if (plan.writer || op[FL_ENTROPY].data) write_rows(&plan, &batches[i]);
            if (row_statistics) write_row_statistics(&plan, &batches[i]);
        }
    }
    stream_fence(call->stream);
}

static void rows_cross_entropy(const fl_call *call, const fl_span *span) { softmax(call, span, NONE, NULL); }

/* With a label a function of the cross entropy; with a soft target a sum over the classes. */
static void composed_or_terms(const fl_call *call, const fl_span *span, int compose, const term_kernel *terms) {
    int soft = call->op[FL_TARGET].data != NULL;
    softmax(call, span, soft ? NONE : compose, soft ? terms : NULL);
}

static void rows_focal(const fl_call *call, const fl_span *span) { composed_or_terms(call, span, FOCAL, &focal_terms); }
static void rows_focal_of_squares(const fl_call *call, const fl_span *span) {
    composed_or_terms(call, span, FOCAL, &focal_square_terms);
}
static void rows_poly_cross_entropy(const fl_call *call, const fl_span *span) {
    composed_or_terms(call, span, POLY, &poly_terms);
}

static void rows_generalized_cross_entropy(const fl_call *call, const fl_span *span) {
    softmax(call, span, GENERALIZED, NULL);
}
static void rows_brier(const fl_call *call, const fl_span *span) { softmax(call, span, NONE, &brier_terms); }
static void rows_js_div_with_logits(const fl_call *call, const fl_span *span) { softmax(call, span, NONE, &js_terms); }

#endif
