/* Losses of rows that are a sum over classes of a function of one score and one target.
 *
 *     scores x (n, c), target q (n, c) as in softmax/operands.h    loss = sum f(x_c, q_c)
 *     grad_c = k f'(x_c, q_c),  hess_c = k f''(x_c, q_c),  k = scale * weight
 *
 * One pass over memory. Where f(x, 0) = 0 and the target is a label, only the label's score is read, and the
 * gradient is zeros but for one entry.
 */
#ifndef FL_SEPARABLE_H
#define FL_SEPARABLE_H

#include "elementwise/regression.h"
#include "rows/softmax/operands.h"

/* -q x. A class with q = 0 costs nothing, at -inf too. */
INLINE result nll_formula(T x, T q, const parameters *params) {
    (void)params;
    T cost = -q * x;
    return (result){.value = q == 0 ? 0 : cost, .grad = 0 - q};
}

/* -q log c, c = x clipped to [eps, 1 - eps]; the gradient is that at c. */
INLINE result log_loss_formula(T x, T q, const parameters *params) {
    T eps = params->k[FL_CLIP], most = 1 - eps, c = x < eps ? eps : x;
    int high = c >= most;
    c = high ? most : c;
    T log_c = log_(c), cost = -q * (high ? params->k[FL_LOG_REST] : log_c), slope = -q / c, curvature = -slope / c;
    return (result){.value = q == 0 ? 0 : cost, .grad = q == 0 ? 0 : slope, .hess = q == 0 ? 0 : curvature};
}

/* q (log q - x). */
INLINE result kl_formula(T x, T q, const parameters *params) {
    (void)params;
    T cost = q * (log_(q) - x);
    return (result){.value = q == 0 ? 0 : cost, .grad = 0 - q};
}

/* exp(y) (y - x), the target being y = log q. */
INLINE result kl_log_formula(T x, T y, const parameters *params) {
    (void)params;
    T q = exp_(y), cost = q * (y - x);
    return (result){.value = q == 0 ? 0 : cost, .grad = 0 - q};
}

typedef void separable_tile(const T *x, const T *q, ptrdiff_t chunks, const parameters *params, const T *k, double *sum,
                            T *g, T *h);

INLINE void separable_evaluate(formula *f, const T *x, const T *q, ptrdiff_t chunks, const parameters *given,
                               const T *ks, double *sum, T *g, T *h) {
    const parameters params = *given;
    T k[LANES];
    double s[LANES];
    memcpy(k, ks, sizeof k);
    memcpy(s, sum, sizeof s);
    for (ptrdiff_t c = 0; c < chunks; c++) {
        T value[LANES];
        EACH_LANE(l) {
            ptrdiff_t i = c * LANES + l;
            result p = f(x[i], q[i], &params);
            value[l] = p.value;
            if (g) g[i] = zero_unless(k[l] != 0, k[l] * p.grad);
            if (h) h[i] = zero_unless(k[l] != 0, k[l] * p.hess);
        }
        EACH_LANE(l) s[l] += (double)value[l];
    }
    memcpy(sum, s, sizeof s);
}

#define SEPARABLE(name, f) \
    static void name##_tile(const T *x, const T *q, ptrdiff_t chunks, const parameters *params, const T *k, \
                            double *sum, T *g, T *h) { \
        if (h) separable_evaluate(f, x, q, chunks, params, k, sum, g, h); \
        else if (g) separable_evaluate(f, x, q, chunks, params, k, sum, g, NULL); \
        else separable_evaluate(f, x, q, chunks, params, k, sum, NULL, NULL); \
    }

SEPARABLE(nll, nll_formula)
SEPARABLE(log_loss, log_loss_formula)
SEPARABLE(brier, mse)
SEPARABLE(kl, kl_formula)
SEPARABLE(kl_log, kl_log_formula)

/* Writes zeros but at the label, whose score alone is read. */
static void write_at_label(tile_cursor cursor, const row_labels *y, int role, const T *entry) {
    if (!cursor.call->op[role].data) return;
    for (T tile[TILE]; next_tile(&cursor);) {
        memset(tile, 0, (size_t)(cursor.chunks * LANES) * sizeof *tile);
        for (ptrdiff_t l = 0; l < cursor.rows; l++) {
            ptrdiff_t i = tile_position(&cursor, y->label[cursor.lane + l], l);
            if (i >= 0) tile[i] = entry[cursor.lane + l];
        }
        store_tile(&cursor, role, tile);
    }
}

/* Does one of LANES scores break the rule of the call? A zero breaks none. */
INLINE int violates_rule(const fl_call *call, const T *x) {
    int logs = call->check.score == FL_LOG_PROBABILITY, any = 0;
    T most = (T)(logs ? call->check.rounding_slack : 1 + call->check.rounding_slack),
      least = logs ? -T_INF : -(T)call->check.rounding_slack;
    EACH_LANE(l) any |= ((x[l] > most) & (x[l] < T_INF)) | ((x[l] < least) & (x[l] > -T_INF));
    return any;
}

/* LANES rows at once: one chunk of the scores at the labels. */
static void label_only_rows(const fl_call *call, const fl_span *span, ptrdiff_t first, separable_tile *tile,
                            const parameters *params) {
    const fl_operand *op = &call->op[FL_PRED];
    ptrdiff_t n = span->n - first < LANES ? span->n - first : LANES;
    row_labels y;
    double sum[LANES] = {0};
    T x[LANES] = {0}, q[LANES] = {0}, k[LANES], g[LANES], h[LANES], *value = (T *)span->value + first;
    read_labels(call, span, first, n, y.label, y.weight);
    for (ptrdiff_t l = 0; l < n; l++) {
        if (y.label[l] < 0) continue;
        x[l] = load_one(row_address(span, FL_PRED, first + l) + (ptrdiff_t)y.label[l] * op->class_stride, op->type);
        q[l] = per_class(call->targets.gain, (ptrdiff_t)y.label[l], 1);
    }
    if (span->violation) *span->violation |= violates_rule(call, x);
    EACH_LANE(l) k[l] = (T)(call->scale * y.weight[l]);
    tile(x, q, 1, params, k, sum, g, h);
    for (ptrdiff_t l = 0; l < n; l++) value[l] = (T)sum[l];
    for (ptrdiff_t l = 0; l < n;) {
        tile_cursor cursor = tile_cursor_at(call, span, first + l);
        cursor.lane = (int)l;
        write_at_label(cursor, &y, FL_GRAD, g);
        write_at_label(cursor, &y, FL_HESS, h);
        l += cursor.rows;
    }
}

/* All classes of one row, or of LANES. */
static void all_classes(tile_cursor cursor, separable_tile *tile, const parameters *params) {
    T xs[TILE], qs[TILE], g[TILE], h[TILE], k[LANES], *value = (T *)cursor.span->value + cursor.row;
    const fl_operand *op = cursor.call->op;
    row_labels y;
    double sum[LANES] = {0}, total[LANES] = {0};
    read_labels(cursor.call, cursor.span, cursor.row, cursor.rows, y.label, y.weight);
    EACH_LANE(l) k[l] = (T)(cursor.call->scale * y.weight[cursor.wide ? 0 : l]);
    while (next_tile(&cursor)) {
        const T *x = load_tile(&cursor, FL_PRED, xs, 0);
        const T *q = cursor.call->targets.log_target ? load_tile(&cursor, FL_TARGET, qs, -T_INF)
                                                     : load_target(&cursor, &y, qs, NULL);
        prefetch_next(&cursor, FL_PRED);
        if (op[FL_TARGET].data) prefetch_next(&cursor, FL_TARGET);
        tile(x, q, cursor.chunks, params, k, sum, op[FL_GRAD].data ? g : NULL, op[FL_HESS].data ? h : NULL);
        if (op[FL_GRAD].data) store_tile(&cursor, FL_GRAD, g);
        if (op[FL_HESS].data) store_tile(&cursor, FL_HESS, h);
    }
    add_double_lanes(total, sum, &cursor);
    for (ptrdiff_t l = 0; l < cursor.rows; l++) value[l] = y.label[l] >= 0 || !op[FL_LABEL].data ? (T)total[l] : 0;
}

INLINE void separable(const fl_call *call, const fl_span *span, separable_tile *tile, int zero_without_target) {
    parameters params = load_parameters(call);
    if (zero_without_target && call->op[FL_LABEL].data)
        for (ptrdiff_t row = 0; row < span->n; row += LANES) label_only_rows(call, span, row, tile, &params);
    else
        for (ptrdiff_t row = 0; row < span->n; row += call->lanes_across ? LANES : 1)
            all_classes(tile_cursor_at(call, span, row), tile, &params);
    stream_fence(call->stream);
}

static void rows_nll(const fl_call *call, const fl_span *span) { separable(call, span, nll_tile, 1); }
static void rows_log_loss(const fl_call *call, const fl_span *span) { separable(call, span, log_loss_tile, 1); }
static void rows_brier_from_probabilities(const fl_call *call, const fl_span *span) {
    separable(call, span, brier_tile, 0);
}
static void rows_kl_div(const fl_call *call, const fl_span *span) {
    separable(call, span, call->targets.log_target ? kl_log_tile : kl_tile, 0);
}

#endif
