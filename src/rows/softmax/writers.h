/* The last pass of the softmax family: what is written per class, and the sums that only some of it needs. */
#ifndef FL_SOFTMAX_WRITERS_H
#define FL_SOFTMAX_WRITERS_H

#include "base/hessian.h"
#include "rows/softmax/finish.h"

/* Broadcasts every field: all of them are arrays of LANES numbers. */
INLINE void broadcast_constants(row_constants *all, const row_constants *given, const tile_cursor *cursor) {
    const T *from = (const T *)(const void *)given;
    T *to = (T *)(void *)all;
    for (size_t f = 0; f < sizeof(row_constants) / sizeof(T); f += LANES) broadcast(to + f, from + f, cursor);
}

/* One function for each output that has a number per class. */

INLINE void tile_exponentials(const tile_cursor *cursor, const row_constants *r, const T *x, T scale, T *e) {
    T max[LANES];
    broadcast(max, r->max, cursor);
    for (ptrdiff_t k = 0; k < cursor->chunks; k++)
        EACH_LANE(l) e[k * LANES + l] = exp_nonpositive(scale * (x[k * LANES + l] - max[l]));
}

/* For classes other than the label of a hard target. Without `e` the exponentials are computed here. */
INLINE void tile_grad_hard(const tile_cursor *cursor, const row_constants *r, const T *x, const T *e, T scale, T *g) {
    T coef[LANES], max[LANES];
    broadcast(coef, r->coef, cursor);
    broadcast(max, r->max, cursor);
    for (ptrdiff_t k = 0; k < cursor->chunks; k++)
        EACH_LANE(l) {
            ptrdiff_t i = k * LANES + l;
            T y = e ? e[i] : exp_nonpositive(scale * (x[i] - max[l]));
            g[i] = scale * (coef[l] * y);
        }
}

/* The Hessian by u of a class. Where e = 1, p is 1 / s and 1 - p is others / s. */
INLINE T hess_u(const row_constants *r, int l, T e, int is_label) {
    T p = e * r->inv_s[l], away = 1 - p, not_p = e == 1 ? r->not_p_max[l] : away;
    T turn = is_label ? not_p : p; /* |p - t| of a hard target */
    return r->coef[l] * e * not_p + r->two_z[l] * p * p + r->k_curvature[l] * turn * turn;
}

/* For classes other than the label of a hard target. */
INLINE void tile_hess_hard(const row_constants *r, const T *e, ptrdiff_t chunks, T slope, T *h) {
    for (ptrdiff_t k = 0; k < chunks; k++)
        EACH_LANE(l) h[k * LANES + l] = slope * slope * hess_u(r, l, e[k * LANES + l], 0);
}

INLINE T grad_u(const row_constants *r, int l, T x, T e, T q) {
    return x == r->dominant[l] ? r->grad_at_max[l] : r->coef[l] * e - r->k[l] * q;
}

INLINE void tile_grad_dense(const row_constants *r, const T *x, const T *e, const T *q, ptrdiff_t chunks, T slope,
                            T *g) {
    for (ptrdiff_t k = 0; k < chunks; k++)
        EACH_LANE(l) {
            ptrdiff_t i = k * LANES + l;
            g[i] = slope * grad_u(r, l, x[i], e[i], q[i]);
        }
}

/* All derivatives, with u' = slope and u'' = curvature given per element. A hard target's q is 0 but at the label. */
INLINE void tile_general(const row_constants *r, int dense, const T *x, const T *e, const T *q, const T *v,
                         const T *slope, const T *curvature, ptrdiff_t chunks, T *g, T *h, T *hv) {
    for (ptrdiff_t k = 0; k < chunks; k++)
        EACH_LANE(l) {
            ptrdiff_t i = k * LANES + l;
            T d = slope[i], p = e[i] * r->inv_s[l], ap = r->coef[l] * e[i];
            T gu = dense ? grad_u(r, l, x[i], e[i], q[i]) : q[i] != 0 ? r->grad_at_label[l] : ap, dv = d * v[i];
            g[i] = d * gu;
            h[i] = d * d * hess_u(r, l, e[i], q[i] != 0) + gu * curvature[i];
            hv[i] = d * (ap * (dv - r->mean_v[l]) + r->two_z[l] * p * r->mean_v[l]) + gu * curvature[i] * v[i];
        }
}

INLINE void tile_softmax(const tile_cursor *cursor, const row_constants *r, const T *e, T *out) {
    T inv_s[LANES];
    broadcast(inv_s, r->inv_s, cursor);
    for (ptrdiff_t k = 0; k < cursor->chunks; k++)
        EACH_LANE(l) out[k * LANES + l] = e[k * LANES + l] * inv_s[l];
}

INLINE void tile_log_softmax(const tile_cursor *cursor, const row_constants *r, const T *x, T scale, T *out) {
    T max[LANES], log_s[LANES];
    broadcast(max, r->max, cursor);
    broadcast(log_s, r->log_s, cursor);
    for (ptrdiff_t k = 0; k < cursor->chunks; k++)
        EACH_LANE(l) out[k * LANES + l] = scale * (x[k * LANES + l] - max[l]) - log_s[l];
}

/* Entropy as sum p (log s + m - u): every term is >= 0. */
INLINE void tile_entropy(const row_constants *r, const T *x, const T *e, ptrdiff_t chunks, T scale, double *entropy) {
    for (ptrdiff_t k = 0; k < chunks; k++)
        EACH_LANE(l) {
            ptrdiff_t i = k * LANES + l;
            T term = e[i] * r->inv_s[l] * (r->log_s[l] + scale * (r->max[l] - x[i]));
            entropy[l] += (double)(e[i] == 0 ? 0 : term);
        }
}

INLINE void tile_mean_v(const row_constants *r, const T *e, const T *v, const T *slope, ptrdiff_t chunks,
                        double *mean) {
    for (ptrdiff_t k = 0; k < chunks; k++)
        EACH_LANE(l) {
            ptrdiff_t i = k * LANES + l;
            mean[l] += (double)(e[i] == 0 ? 0 : e[i] * r->inv_s[l] * slope[i] * v[i]);
        }
}

/* Sums over p that a later output needs: <p, u' v> and the entropy. */
static void probability_pass(const tile_cursor *start, T scale, const row_labels *y, row_constants *r, T *entropy) {
    T xs[TILE], e[TILE], vs[TILE], slope[TILE], curvature[TILE];
    double mean[LANES] = {0}, sum[LANES] = {0};
    tile_cursor cursor = *start;
    row_constants here;
    broadcast_constants(&here, r, &cursor);
    while (next_tile(&cursor)) {
        const T *x = load_logits(&cursor, y, xs);
        tile_exponentials(&cursor, r, x, scale, e);
        tile_entropy(&here, x, e, cursor.chunks, scale, sum);
        if (!cursor.call->op[FL_VECTOR].data) continue;
        logit_slopes(&cursor, slope, curvature);
        tile_mean_v(&here, e, load_tile(&cursor, FL_VECTOR, vs, 0), slope, cursor.chunks, mean);
    }
    if (cursor.wide) {
        r->mean_v[cursor.lane] = (T)sum_lanes(mean);
        entropy[cursor.lane] = (T)sum_lanes(sum);
    } else
        EACH_LANE(l) r->mean_v[l] = (T)mean[l], entropy[l] = (T)sum[l];
}

/* Rows that do not count have gradient 0, whatever their logits are. */
INLINE void clear_uncounted(const tile_cursor *cursor, const row_constants *r, T *g) {
    int some = 0;
    for (int l = 0; l < LANES; l++) some |= r->k[l] == 0;
    if (!some) return;
    for (ptrdiff_t l = 0; l < cursor->rows; l++)
        if (r->k[cursor->lane + l] == 0)
            for (ptrdiff_t i = 0; i < cursor->chunks * LANES; i += cursor->wide ? 1 : LANES) g[i + l] = 0;
}

/* Stores the Hessians of a tile, times the call's factor and raised to the floor, which depends on the weight in
 * double: a row whose weight is 0 in T still has its floor. */
static void store_hess(const tile_cursor *cursor, const row_constants *r, const row_labels *y, T *h) {
    const double factor = cursor->call->hessian.factor, of_one = cursor->call->hessian.least;
    T least[LANES];
    clear_uncounted(cursor, r, h);
    EACH_LANE(l) least[l] = least_hess(of_one, y->weight[cursor->wide ? cursor->lane : l]);
    for (ptrdiff_t k = 0; k < cursor->chunks && (factor != 1 || of_one > 0); k++)
        EACH_LANE(l) h[k * LANES + l] = raised_to((T)((double)h[k * LANES + l] * factor), least[l]);
    store_tile(cursor, FL_HESS, h);
}

/* What is written of a tile: one writer a call. `x`: the logits of the tile, `e`: their exponentials, either NULL where
 * the writer has no need of it. */
typedef struct {
    void (*write)(const tile_cursor *, T scale, const row_constants *, const row_labels *, const T *x, const T *e);
    int needs_logits;       /* even where the exponentials are kept */
    int needs_exponentials; /* else it makes them of the logits where they are not kept */
} softmax_writer;

INLINE void write_general(const tile_cursor *cursor, const row_constants *r, int dense, const row_labels *y, const T *x,
                          const T *e) {
    T qs[TILE], vs[TILE] = {0}, slope[TILE], curvature[TILE], g[TILE], h[TILE], hv[TILE];
    const fl_operand *op = cursor->call->op;
    const T *q = load_target(cursor, y, qs, NULL), *v = op[FL_VECTOR].data ? load_tile(cursor, FL_VECTOR, vs, 0) : vs;
    row_constants here;
    broadcast_constants(&here, r, cursor);
    logit_slopes(cursor, slope, curvature);
    tile_general(&here, dense, x, e, q, v, slope, curvature, cursor->chunks, g, h, hv);
    if (op[FL_GRAD].data) clear_uncounted(cursor, r, g), store_tile(cursor, FL_GRAD, g);
    if (op[FL_HESS].data) store_hess(cursor, r, y, h);
    if (op[FL_HVP].data) clear_uncounted(cursor, r, hv), store_tile(cursor, FL_HVP, hv);
}

static void write_general_hard(const tile_cursor *cursor, T scale, const row_constants *r, const row_labels *y,
                               const T *x, const T *e) {
    (void)scale; /* it is in the slopes */
    write_general(cursor, r, 0, y, x, e);
}

static void write_general_dense(const tile_cursor *cursor, T scale, const row_constants *r, const row_labels *y,
                                const T *x, const T *e) {
    (void)scale;
    write_general(cursor, r, 1, y, x, e);
}

static void write_grad_dense(const tile_cursor *cursor, T scale, const row_constants *r, const row_labels *y,
                             const T *x, const T *e) {
    T qs[TILE], g[TILE];
    row_constants here;
    broadcast_constants(&here, r, cursor);
    tile_grad_dense(&here, x, e, load_target(cursor, y, qs, NULL), cursor->chunks, scale, g);
    clear_uncounted(cursor, r, g);
    store_tile(cursor, FL_GRAD, g);
}

static void write_grad_hard(const tile_cursor *cursor, T scale, const row_constants *r, const row_labels *y, const T *x,
                            const T *e) {
    T g[TILE];
    ptrdiff_t found[LANES];
    if (e) tile_grad_hard(cursor, r, NULL, e, scale, g);
    else if (scale == 1) tile_grad_hard(cursor, r, x, NULL, 1, g); /* one product less */
    else tile_grad_hard(cursor, r, x, NULL, scale, g);
    find_labels(cursor, y->label, found);
    for (ptrdiff_t l = 0; l < cursor->rows; l++)
        if (found[l] >= 0) g[found[l]] = scale * r->grad_at_label[cursor->lane + l];
    clear_uncounted(cursor, r, g);
    store_tile(cursor, FL_GRAD, g);
}

static void write_hess_hard(const tile_cursor *cursor, T scale, const row_constants *r, const row_labels *y,
                            const T *e) {
    T h[TILE];
    ptrdiff_t found[LANES];
    row_constants here;
    int curved = 0;
    broadcast(here.inv_s, r->inv_s, cursor);
    broadcast(here.not_p_max, r->not_p_max, cursor);
    broadcast(here.coef, r->coef, cursor);
    broadcast(here.two_z, r->two_z, cursor);
    broadcast(here.k_curvature, r->k_curvature, cursor);
    tile_hess_hard(&here, e, cursor->chunks, scale, h);
    for (int l = 0; l < LANES; l++) curved |= here.k_curvature[l] != 0;
    if (curved) find_labels(cursor, y->label, found);
    for (ptrdiff_t l = 0; curved && l < cursor->rows; l++)
        if (found[l] >= 0) h[found[l]] = scale * scale * hess_u(r, cursor->lane + (int)l, e[found[l]], 1);
    store_hess(cursor, r, y, h);
}

static void write_grad_and_hess_hard(const tile_cursor *cursor, T scale, const row_constants *r, const row_labels *y,
                                     const T *x, const T *e) {
    write_grad_hard(cursor, scale, r, y, x, e);
    write_hess_hard(cursor, scale, r, y, e);
}

static void write_softmax(const tile_cursor *cursor, T scale, const row_constants *r, const row_labels *y, const T *x,
                          const T *e) {
    T out[TILE];
    (void)scale, (void)y, (void)x;
    tile_softmax(cursor, r, e, out);
    store_tile(cursor, FL_SOFTMAX, out);
}

static void write_log_softmax(const tile_cursor *cursor, T scale, const row_constants *r, const row_labels *y,
                              const T *x, const T *e) {
    T out[TILE];
    (void)y, (void)e;
    tile_log_softmax(cursor, r, x, scale, out);
    store_tile(cursor, FL_LOG_SOFTMAX, out);
}

/* The writer of a call, or NULL where nothing is written for each class. `dense`: the target is an array. */
static const softmax_writer *choose_writer(const fl_call *call, int dense) {
    static const softmax_writer softmax = {write_softmax, 0, 1}, log_softmax = {write_log_softmax, 1, 0},
                                general_hard = {write_general_hard, 1, 1}, general_dense = {write_general_dense, 1, 1},
                                grad_hard = {write_grad_hard, 0, 0}, grad_dense = {write_grad_dense, 1, 1},
                                grad_and_hess_hard = {write_grad_and_hess_hard, 0, 1};
    const fl_operand *op = call->op;
    if (op[FL_SOFTMAX].data) return &softmax;
    if (op[FL_LOG_SOFTMAX].data) return &log_softmax;
    if (!op[FL_GRAD].data && !op[FL_HVP].data) return NULL;
    if (call->softmax.softcap != 0 || op[FL_HVP].data || (dense && op[FL_HESS].data))
        return dense ? &general_dense : &general_hard;
    return dense ? &grad_dense : op[FL_HESS].data ? &grad_and_hess_hard : &grad_hard;
}

/* `kept`: the exponentials of the first pass, where one tile held the row. */
static void write_pass(tile_cursor cursor, T scale, const softmax_writer *writer, const row_constants *r,
                       const row_labels *y, const T *kept) {
    T xs[TILE], es[TILE];
    while (next_tile(&cursor)) {
        const T *x = !kept || writer->needs_logits ? load_logits(&cursor, y, xs) : NULL, *e = kept;
        if (!kept && writer->needs_exponentials) tile_exponentials(&cursor, r, x, scale, es), e = es;
        writer->write(&cursor, scale, r, y, x, e);
    }
}

#endif
