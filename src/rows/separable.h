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

/* -q x. What q leaves out costs nothing, at -inf too. */
INLINE point nll_point(T x, T q, const parameters *own) {
    (void)own;
    T cost = -q * x;
    return (point){.value = q == 0 ? 0 : cost, .grad = 0 - q};
}

/* -q log c, c = x clipped to [eps, 1 - eps]; the gradient is that at c. */
INLINE point log_loss_point(T x, T q, const parameters *own) {
    T eps = own->k[0], most = 1 - eps, c = x < eps ? eps : x;
    int high = c >= most;
    c = high ? most : c;
    T log_c = log_(c), cost = -q * (high ? own->k[2] : log_c), slope = -q / c, bend = -slope / c;
    return (point){.value = q == 0 ? 0 : cost, .grad = q == 0 ? 0 : slope, .hess = q == 0 ? 0 : bend};
}

/* q (log q - x). */
INLINE point kl_point(T x, T q, const parameters *own) {
    (void)own;
    T cost = q * (log_(q) - x);
    return (point){.value = q == 0 ? 0 : cost, .grad = 0 - q};
}

/* exp(y) (y - x), the target being y = log q. */
INLINE point kl_log_point(T x, T y, const parameters *own) {
    (void)own;
    T q = exp_(y), cost = q * (y - x);
    return (point){.value = q == 0 ? 0 : cost, .grad = 0 - q};
}

typedef void separable_tile(const T *x, const T *q, ptrdiff_t chunks, const parameters *own, const T *k, double *sum, T *g, T *h);

INLINE void separable_points(point_loss *f, const T *x, const T *q, ptrdiff_t chunks, const parameters *given, const T *ks,
                             double *sum, T *g, T *h) {
    const parameters own = *given;
    T k[LANES];
    double s[LANES];
    memcpy(k, ks, sizeof k);
    memcpy(s, sum, sizeof s);
    for (ptrdiff_t c = 0; c < chunks; c++) {
        T value[LANES];
        EACH_LANE(l) {
            ptrdiff_t i = c * LANES + l;
            point p = f(x[i], q[i], &own);
            value[l] = p.value;
            if (g) g[i] = where_(k[l] != 0, k[l] * p.grad);
            if (h) h[i] = where_(k[l] != 0, k[l] * p.hess);
        }
        EACH_LANE(l) s[l] += (double)value[l];
    }
    memcpy(sum, s, sizeof s);
}

#define SEPARABLE(name, f)                                                                                           \
    static void name##_tile(const T *x, const T *q, ptrdiff_t chunks, const parameters *own, const T *k, double *sum, \
                            T *g, T *h) {                                                                            \
        if (h) separable_points(f, x, q, chunks, own, k, sum, g, h);                                      \
        else if (g) separable_points(f, x, q, chunks, own, k, sum, g, NULL);                              \
        else separable_points(f, x, q, chunks, own, k, sum, NULL, NULL);                                  \
    }

SEPARABLE(nll, nll_point)
SEPARABLE(log_loss, log_loss_point)
SEPARABLE(brier, mse)
SEPARABLE(kl, kl_point)
SEPARABLE(kl_log, kl_log_point)

/* Zeros but for the label: its score alone is read. */
static void write_at_label(place at, const hard *y, int role, const T *entry) {
    if (!at.call->op[role].data) return;
    for (T tile[TILE]; next_tile(&at);) {
        memset(tile, 0, (size_t)(at.chunks * LANES) * sizeof *tile);
        for (ptrdiff_t l = 0; l < at.rows; l++) {
            ptrdiff_t i = position(&at, y->at[at.lane + l], l);
            if (i >= 0) tile[i] = entry[at.lane + l];
        }
        deliver(&at, role, tile);
    }
}

/* Does one of LANES scores break the rule of the call? Zeros break none. */
INLINE int breaks_rule(const fl_call *call, const T *x) {
    int logs = call->score_rule == FL_LOG_PROBABILITY, any = 0;
    T most = (T)(logs ? call->room : 1 + call->room), least = logs ? -T_INF : -(T)call->room;
    EACH_LANE(l) any |= ((x[l] > most) & (x[l] < T_INF)) | ((x[l] < least) & (x[l] > -T_INF));
    return any;
}

/* LANES rows at once: one chunk of what stands at the labels. */
static void label_alone(const fl_call *call, const fl_run *run, ptrdiff_t first, separable_tile *tile, const parameters *own) {
    const fl_operand *op = &call->op[FL_PRED];
    ptrdiff_t n = run->n - first < LANES ? run->n - first : LANES;
    hard y;
    double sum[LANES] = {0};
    T x[LANES] = {0}, q[LANES] = {0}, k[LANES], g[LANES], h[LANES], *value = (T *)run->value + first;
    read_labels(call, run, first, n, y.at, y.weight);
    for (ptrdiff_t l = 0; l < n; l++) {
        if (y.at[l] < 0) continue;
        x[l] = load_one(row_of(run, FL_PRED, first + l) + (ptrdiff_t)y.at[l] * op->along, op->type);
        q[l] = per_class(call->softmax.gain, (ptrdiff_t)y.at[l], 1);
    }
    if (run->breach) *run->breach |= breaks_rule(call, x);
    EACH_LANE(l) k[l] = (T)(call->scale * y.weight[l]);
    tile(x, q, 1, own, k, sum, g, h);
    for (ptrdiff_t l = 0; l < n; l++) value[l] = (T)sum[l];
    for (ptrdiff_t l = 0; l < n;) {
        place at = stand(call, run, first + l);
        at.lane = (int)l;
        write_at_label(at, &y, FL_GRAD, g);
        write_at_label(at, &y, FL_HESS, h);
        l += at.rows;
    }
}

/* All classes of one row, or of LANES. */
static void every_class(place at, separable_tile *tile, const parameters *own) {
    T xs[TILE], qs[TILE], g[TILE], h[TILE], k[LANES], *value = (T *)at.run->value + at.row;
    const fl_operand *op = at.call->op;
    hard y;
    double sum[LANES] = {0}, total[LANES] = {0};
    read_labels(at.call, at.run, at.row, at.rows, y.at, y.weight);
    EACH_LANE(l) k[l] = (T)(at.call->scale * y.weight[at.wide ? 0 : l]);
    while (next_tile(&at)) {
        const T *x = fetch(&at, FL_PRED, xs, 0);
        const T *q = at.call->softmax.log_target ? fetch(&at, FL_TARGET, qs, -T_INF) : fetch_target(&at, &y, qs, NULL);
        look_ahead(&at, FL_PRED);
        if (op[FL_TARGET].data) look_ahead(&at, FL_TARGET);
        tile(x, q, at.chunks, own, k, sum, op[FL_GRAD].data ? g : NULL, op[FL_HESS].data ? h : NULL);
        if (op[FL_GRAD].data) deliver(&at, FL_GRAD, g);
        if (op[FL_HESS].data) deliver(&at, FL_HESS, h);
    }
    add_double_lanes(total, sum, &at);
    for (ptrdiff_t l = 0; l < at.rows; l++) value[l] = y.at[l] >= 0 || !op[FL_LABEL].data ? (T)total[l] : 0;
}

INLINE void separable(const fl_call *call, const fl_run *run, separable_tile *tile, int zero_without_target) {
    parameters own = own_parameters(call);
    if (zero_without_target && call->op[FL_LABEL].data)
        for (ptrdiff_t row = 0; row < run->n; row += LANES) label_alone(call, run, row, tile, &own);
    else
        for (ptrdiff_t row = 0; row < run->n; row += call->lanes_across ? LANES : 1)
            every_class(stand(call, run, row), tile, &own);
    stream_fence(call->stream);
}

static void rows_nll(const fl_call *call, const fl_run *run) { separable(call, run, nll_tile, 1); }
static void rows_log_loss(const fl_call *call, const fl_run *run) { separable(call, run, log_loss_tile, 1); }
static void rows_brier_from_probabilities(const fl_call *call, const fl_run *run) { separable(call, run, brier_tile, 0); }
static void rows_kl_div(const fl_call *call, const fl_run *run) {
    separable(call, run, call->softmax.log_target ? kl_log_tile : kl_tile, 0);
}

#endif
