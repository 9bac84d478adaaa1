/* Between the passes and the second pass of the softmax family: losses from sums, and what is written a class. */
#ifndef FL_SOFTMAX_SECOND_H
#define FL_SOFTMAX_SECOND_H

#include "../hessian.h"
#include "shares.h"
#include "softmax_first.h"

enum { NONE, FOCAL, POLY, GENERALIZED };

/* What the second pass needs of a row. */
typedef struct {
    T max[LANES], special[LANES];  /* special: the maximum if its p > 1/2, else NaN, which equals nothing */
    T log_s[LANES], inv_s[LANES], rest[LANES]; /* rest: others / s, which is 1 - p at the maximum */
    T coef[LANES], k[LANES], top[LANES];       /* k A / s; scale * weight; k g_u at the maximum */
    T label[LANES];                            /* k g_u at the label, times u' of a margin */
    T two_z[LANES], curve[LANES];              /* 2 z k; k times the second derivative of a function of the loss */
    T mean_v[LANES];                           /* <p, u' v>; G of shares.h */
    T sum[LANES], below[LANES], below_bend[LANES];  /* M, S and B of shares.h */
} rows;

/* The loss as a function of the cross entropy: its value there, and what derivatives are multiplied by. */
INLINE void through(share_loss *f, T parameter, const T *p, const T *not_p, T *loss, T *slope, T *bend) {
    EACH_LANE(l) {
        share y = f(1, p[l], not_p[l], loss[l], parameter);
        loss[l] = y.value, slope[l] = -y.slope, bend[l] = y.bend;
    }
}

static void outer_loss(int outer, T parameter, const T *p, const T *not_p, T *loss, T *slope, T *bend) {
    if (outer == FOCAL) through(focal_share, parameter, p, not_p, loss, slope, bend);
    if (outer == POLY) through(poly_share, parameter, p, not_p, loss, slope, bend);
    if (outer == GENERALIZED) through(generalized_share, parameter, p, not_p, loss, slope, bend);
}

/* LANES rows on their way through the passes. */
typedef struct {
    ptrdiff_t first, n;
    hard y;
    sums s;
    rows r;
    T loss[LANES], logsumexp[LANES], entropy[LANES];
    T *e;                  /* exponentials, kept where a tile holds the row */
} group;

enum { BATCH = 4 };  /* groups that go through each pass together, so that one waits less for the other's results */

/* What the steps of rows_finish leave to the next. A choice between two numbers of which one is used nowhere else
 * becomes a branch, and the loop scalar: it is a loop of its own. */
typedef struct {
    T s_minus_1[LANES], down[LANES], e_label[LANES], label_on_top[LANES];
    double q_below[LANES], k[LANES];
} unfinished;

INLINE void take_log(group *g, unfinished *u) {
    const sums *s = &g->s;
    rows *r = &g->r;
    EACH_LANE(l) {
        double others = s->others[l] + (s->ties[l] - 1);
        u->s_minus_1[l] = is_finite(s->max[l]) ? (T)others : T_NAN;
        r->max[l] = s->max[l];
        r->special[l] = u->s_minus_1[l] < 1 ? s->max[l] : T_NAN;
        r->log_s[l] = log1p_inside(u->s_minus_1[l]);
    }
}

INLINE void look_at_label(T scale, const group *g, unfinished *u) {
    const sums *s = &g->s;
    const hard *y = &g->y;
    EACH_LANE(l) {
        int on_top = s->at_label[l] == s->max[l];
        T down = scale * (s->max[l] - s->at_label[l]);
        u->e_label[l] = exp_nonpositive(-down);
        u->down[l] = where_(y->q[l] != 0, y->q[l] * down);
        u->q_below[l] = (double)where_(!on_top, y->q[l]);
        u->label_on_top[l] = where_(on_top, 1);
    }
}

INLINE void make_loss(const fl_call *call, T scale, group *g, unfinished *u) {
    const double z = call->softmax.z_loss, factor = call->softmax.factor;
    const sums *s = &g->s;
    const hard *y = &g->y;
    rows *r = &g->r;
    double lse[LANES], z_slope[LANES] = {0}, z_term[LANES] = {0};
    EACH_LANE(l) {
        lse[l] = (double)scale * (double)s->max[l] + (double)r->log_s[l];
        u->k[l] = call->scale * y->weight[l] * factor;
    }
    if (z != 0) EACH_LANE(l) z_slope[l] = 2 * z * lse[l], z_term[l] = z * lse[l] * lse[l];
    EACH_LANE(l) u->k[l] = y->weight[l] != 0 ? u->k[l] : 0;
    EACH_LANE(l) {
        double others = (double)u->s_minus_1[l], q = (double)y->q[l], below = s->below[l] + u->q_below[l], k = u->k[l];
        double mass = s->below[l] + s->at[l] + q, log_s = (double)r->log_s[l], inv_s = 1 / (1 + others);
        double coef = k * (mass + z_slope[l]) * inv_s;
        double top = k * (below - mass * others * inv_s + z_slope[l] * inv_s);
        g->loss[l] = (T)(factor * (mass * log_s + s->dot[l] + (double)u->down[l] + z_term[l]));
        g->logsumexp[l] = (T)lse[l];
        r->inv_s[l] = (T)inv_s;
        r->rest[l] = (T)(others * inv_s);
        r->coef[l] = (T)coef;
        r->k[l] = (T)k;
        r->top[l] = (T)top;
        r->label[l] = (T)(coef * (double)u->e_label[l] - k * q);
        r->two_z[l] = (T)(2 * z * k);
        r->curve[l] = r->mean_v[l] = r->sum[l] = r->below[l] = r->below_bend[l] = 0;
    }
    EACH_LANE(l) r->label[l] = (u->label_on_top[l] != 0 ? r->top[l] : r->label[l]) * y->slope[l];
}

INLINE void apply_outer(int outer, T parameter, group *g, const unfinished *u) {
    const hard *y = &g->y;
    rows *r = &g->r;
    T p[LANES], not_p[LANES], slope[LANES], bend[LANES];
    EACH_LANE(l) {
        T p_label = u->e_label[l] * r->inv_s[l];
        p[l] = p_label;
        not_p[l] = u->label_on_top[l] != 0 ? r->rest[l] : 1 - p_label;
    }
    outer_loss(outer, parameter, p, not_p, g->loss, slope, bend);
    EACH_LANE(l) {
        /* A class of weight 0 costs nothing and moves nothing, but a NaN in the row is not lost. */
        int clean = (g->loss[l] == g->loss[l]) | (r->k[l] == 0);
        T gain = y->gain[l], none = clean ? 0 : T_NAN, k = gain == 0 ? none : r->k[l];
        T by = gain * slope[l], weighted = gain * g->loss[l];
        g->loss[l] = ((gain == 0) & (g->loss[l] == T_INF)) ? 0 : weighted;
        r->curve[l] = where_(k != 0, k * (gain * bend[l]));
        r->coef[l] = where_(k != 0, by * r->coef[l]);
        r->top[l] = where_(k != 0, by * r->top[l]);
        r->label[l] = where_(k != 0, by * r->label[l]);
    }
}

/* From the sums of n groups: losses, and the constants of the second pass. */
static void rows_finish(const fl_call *call, T scale, int outer, group *g, ptrdiff_t n) {
    unfinished u[BATCH];
    for (ptrdiff_t i = 0; i < n; i++) take_log(&g[i], &u[i]);
    for (ptrdiff_t i = 0; i < n; i++) look_at_label(scale, &g[i], &u[i]);
    for (ptrdiff_t i = 0; i < n; i++) make_loss(call, scale, &g[i], &u[i]);
    for (ptrdiff_t i = 0; i < n && outer != NONE; i++) apply_outer(outer, (T)call->parameter[0], &g[i], &u[i]);
}

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
