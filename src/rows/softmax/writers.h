/* The last pass of the softmax family: what is written a class, and the sums that only some of it needs. */
#ifndef FL_SOFTMAX_WRITERS_H
#define FL_SOFTMAX_WRITERS_H

#include "base/hessian.h"
#include "rows/softmax/finish.h"

/* All of them, spread. */
INLINE void rows_spread(rows *all, const rows *own, const place *at) {
    const T *from = (const T *)(const void *)own;
    T *to = (T *)(void *)all;
    for (size_t f = 0; f < sizeof(rows) / sizeof(T); f += LANES) spread(to + f, from + f, at);
}

/* One function for each thing that can be written a class. */

INLINE void tile_shift_exp(const place *at, const rows *r, const T *x, T scale, T *e) {
    T max[LANES];
    spread(max, r->max, at);
    for (ptrdiff_t k = 0; k < at->chunks; k++)
        EACH_LANE(l) e[k * LANES + l] = exp_nonpositive(scale * (x[k * LANES + l] - max[l]));
}

/* Away from the label of a hard target. Without `e` the exponentials are made on the way. */
INLINE void tile_grad_hard(const place *at, const rows *r, const T *x, const T *e, T scale, T *g) {
    T coef[LANES], max[LANES];
    spread(coef, r->coef, at);
    spread(max, r->max, at);
    for (ptrdiff_t k = 0; k < at->chunks; k++)
        EACH_LANE(l) {
            ptrdiff_t i = k * LANES + l;
            T y = e ? e[i] : exp_nonpositive(scale * (x[i] - max[l]));
            g[i] = scale * (coef[l] * y);
        }
}

/* The Hessian by u of a class. Where e is 1 p is 1 / s, and 1 - p others / s. */
INLINE T hess_u(const rows *r, int l, T e, int at_label) {
    T p = e * r->inv_s[l], away = 1 - p, not_p = e == 1 ? r->rest[l] : away, turn = at_label ? not_p : p; /* |p - t| of a hard target */
    return r->coef[l] * e * not_p + r->two_z[l] * p * p + r->curve[l] * turn * turn;
}

/* Away from the label of a hard target. */
INLINE void tile_hess_hard(const rows *r, const T *e, ptrdiff_t chunks, T slope, T *h) {
    for (ptrdiff_t k = 0; k < chunks; k++)
        EACH_LANE(l) h[k * LANES + l] = slope * slope * hess_u(r, l, e[k * LANES + l], 0);
}

INLINE T grad_u(const rows *r, int l, T x, T e, T q) {
    return x == r->special[l] ? r->top[l] : r->coef[l] * e - r->k[l] * q;
}

INLINE void tile_grad_dense(const rows *r, const T *x, const T *e, const T *q, ptrdiff_t chunks, T slope, T *g) {
    for (ptrdiff_t k = 0; k < chunks; k++)
        EACH_LANE(l) {
            ptrdiff_t i = k * LANES + l;
            g[i] = slope * grad_u(r, l, x[i], e[i], q[i]);
        }
}

/* Everything, u' = slope and u'' = bend given an element. A hard target's q is 0 away from its label. */
INLINE void tile_general(const rows *r, int dense, const T *x, const T *e, const T *q, const T *v, const T *slope, const T *bend,
                         ptrdiff_t chunks, T *g, T *h, T *hv) {
    for (ptrdiff_t k = 0; k < chunks; k++)
        EACH_LANE(l) {
            ptrdiff_t i = k * LANES + l;
            T d = slope[i], p = e[i] * r->inv_s[l], ap = r->coef[l] * e[i];
            T gu = dense ? grad_u(r, l, x[i], e[i], q[i]) : q[i] != 0 ? r->label[l] : ap, dv = d * v[i];
            g[i] = d * gu;
            h[i] = d * d * hess_u(r, l, e[i], q[i] != 0) + gu * bend[i];
            hv[i] = d * (ap * (dv - r->mean_v[l]) + r->two_z[l] * p * r->mean_v[l]) + gu * bend[i] * v[i];
        }
}

INLINE void tile_softmax(const place *at, const rows *r, const T *e, T *out) {
    T inv_s[LANES];
    spread(inv_s, r->inv_s, at);
    for (ptrdiff_t k = 0; k < at->chunks; k++)
        EACH_LANE(l) out[k * LANES + l] = e[k * LANES + l] * inv_s[l];
}

INLINE void tile_log_softmax(const place *at, const rows *r, const T *x, T scale, T *out) {
    T max[LANES], log_s[LANES];
    spread(max, r->max, at);
    spread(log_s, r->log_s, at);
    for (ptrdiff_t k = 0; k < at->chunks; k++)
        EACH_LANE(l) out[k * LANES + l] = scale * (x[k * LANES + l] - max[l]) - log_s[l];
}

/* Entropy as sum p (log s + m - u): every term is >= 0. */
INLINE void tile_entropy(const rows *r, const T *x, const T *e, ptrdiff_t chunks, T scale, double *entropy) {
    for (ptrdiff_t k = 0; k < chunks; k++)
        EACH_LANE(l) {
            ptrdiff_t i = k * LANES + l;
            T term = e[i] * r->inv_s[l] * (r->log_s[l] + scale * (r->max[l] - x[i]));
            entropy[l] += (double)(e[i] == 0 ? 0 : term);
        }
}

INLINE void tile_mean_v(const rows *r, const T *e, const T *v, const T *slope, ptrdiff_t chunks, double *mean) {
    for (ptrdiff_t k = 0; k < chunks; k++)
        EACH_LANE(l) {
            ptrdiff_t i = k * LANES + l;
            mean[l] += (double)(e[i] == 0 ? 0 : e[i] * r->inv_s[l] * slope[i] * v[i]);
        }
}

/* Sums over p that a later output needs: <p, u' v> and the entropy. */
static void middle_pass(const place *start, T scale, const hard *y, rows *r, T *entropy) {
    T xs[TILE], e[TILE], vs[TILE], slope[TILE], bend[TILE];
    double mean[LANES] = {0}, sum[LANES] = {0};
    place at = *start;
    rows here;
    rows_spread(&here, r, &at);
    while (next_tile(&at)) {
        const T *x = fetch_logits(&at, y, xs);
        tile_shift_exp(&at, r, x, scale, e);
        tile_entropy(&here, x, e, at.chunks, scale, sum);
        if (!at.call->op[FL_VECTOR].data) continue;
        slopes(&at, slope, bend);
        tile_mean_v(&here, e, fetch(&at, FL_VECTOR, vs, 0), slope, at.chunks, mean);
    }
    if (at.wide) {
        r->mean_v[at.lane] = (T)sum_lanes(mean);
        entropy[at.lane] = (T)sum_lanes(sum);
    } else EACH_LANE(l) r->mean_v[l] = (T)mean[l], entropy[l] = (T)sum[l];
}

/* Rows that do not count have zeros for a gradient, whatever they hold. */
INLINE void clear_uncounted(const place *at, const rows *r, T *g) {
    int some = 0;
    for (int l = 0; l < LANES; l++) some |= r->k[l] == 0;
    if (!some) return;
    for (ptrdiff_t l = 0; l < at->rows; l++)
        if (r->k[at->lane + l] == 0)
            for (ptrdiff_t i = 0; i < at->chunks * LANES; i += at->wide ? 1 : LANES) g[i + l] = 0;
}

/* The Hessians of a tile, as the call wants them. A row whose weight is too small for T has the least all the same. */
static void deliver_hess(const place *at, const rows *r, const hard *y, T *h) {
    const double factor = at->call->hess_factor, of_one = at->call->hess_least;
    T least[LANES];
    clear_uncounted(at, r, h);
    EACH_LANE(l) least[l] = least_hess(of_one, y->weight[at->wide ? at->lane : l]);
    for (ptrdiff_t k = 0; k < at->chunks && (factor != 1 || of_one > 0); k++)
        EACH_LANE(l) h[k * LANES + l] = raised_to((T)((double)h[k * LANES + l] * factor), least[l]);
    deliver(at, FL_HESS, h);
}

static void write_general(const place *at, const rows *r, int dense, const T *x, const T *e, const hard *y) {
    T qs[TILE], vs[TILE] = {0}, slope[TILE], bend[TILE], g[TILE], h[TILE], hv[TILE];
    const fl_operand *op = at->call->op;
    const T *q = fetch_target(at, y, qs, NULL), *v = op[FL_VECTOR].data ? fetch(at, FL_VECTOR, vs, 0) : vs;
    rows here;
    rows_spread(&here, r, at);
    slopes(at, slope, bend);
    tile_general(&here, dense, x, e, q, v, slope, bend, at->chunks, g, h, hv);
    if (op[FL_GRAD].data) clear_uncounted(at, r, g), deliver(at, FL_GRAD, g);
    if (op[FL_HESS].data) deliver_hess(at, r, y, h);
    if (op[FL_HVP].data) clear_uncounted(at, r, hv), deliver(at, FL_HVP, hv);
}

static void write_dense(const place *at, T scale, const rows *r, const T *x, const T *e, const hard *y) {
    T qs[TILE], g[TILE];
    rows here;
    rows_spread(&here, r, at);
    tile_grad_dense(&here, x, e, fetch_target(at, y, qs, NULL), at->chunks, scale, g);
    clear_uncounted(at, r, g);
    deliver(at, FL_GRAD, g);
}

static void write_hard(const place *at, T scale, const rows *r, const T *x, const T *e, const hard *y) {
    T g[TILE];
    ptrdiff_t found[LANES];
    if (e) tile_grad_hard(at, r, NULL, e, scale, g);
    else if (scale == 1) tile_grad_hard(at, r, x, NULL, 1, g);
    else tile_grad_hard(at, r, x, NULL, scale, g);
    find_labels(at, y->at, found);
    for (ptrdiff_t l = 0; l < at->rows; l++)
        if (found[l] >= 0) g[found[l]] = scale * r->label[at->lane + l];
    clear_uncounted(at, r, g);
    deliver(at, FL_GRAD, g);
}

static void write_hess_hard(const place *at, T scale, const rows *r, const T *e, const hard *y) {
    T h[TILE];
    ptrdiff_t found[LANES];
    rows here;
    int curved = 0;
    spread(here.inv_s, r->inv_s, at);
    spread(here.rest, r->rest, at);
    spread(here.coef, r->coef, at);
    spread(here.two_z, r->two_z, at);
    spread(here.curve, r->curve, at);
    tile_hess_hard(&here, e, at->chunks, scale, h);
    for (int l = 0; l < LANES; l++) curved |= here.curve[l] != 0;
    if (curved) find_labels(at, y->at, found);
    for (ptrdiff_t l = 0; curved && l < at->rows; l++)
        if (found[l] >= 0) h[found[l]] = scale * scale * hess_u(r, at->lane + (int)l, e[found[l]], 1);
    deliver_hess(at, r, y, h);
}

/* `kept`: the exponentials of the first pass, where one tile held the row. */
static void second_pass(place at, T scale, const rows *r, int dense, int general, const hard *y, const T *kept) {
    const fl_operand *op = at.call->op;
    int hard_target = !dense && !general, log_softmax = op[FL_LOG_SOFTMAX].data != NULL;
    int need_x = !kept || dense || general || log_softmax, gradient_alone = hard_target && op[FL_GRAD].data && !op[FL_HESS].data;
    T xs[TILE], es[TILE], out[TILE];
    while (next_tile(&at)) {
        const T *x = need_x ? fetch_logits(&at, y, xs) : NULL, *e = kept;
        if (!kept && !gradient_alone) tile_shift_exp(&at, r, x, scale, es), e = es;
        if (hard_target && op[FL_GRAD].data) write_hard(&at, scale, r, x, e, y);
        if (hard_target && op[FL_HESS].data) write_hess_hard(&at, scale, r, e, y);
        if (general) write_general(&at, r, dense, x, e, y);
        if (dense && !general && op[FL_GRAD].data) write_dense(&at, scale, r, x, e, y);
        if (op[FL_SOFTMAX].data) tile_softmax(&at, r, e, out), deliver(&at, FL_SOFTMAX, out);
        if (log_softmax) tile_log_softmax(&at, r, x, scale, out), deliver(&at, FL_LOG_SOFTMAX, out);
    }
}

#endif
