/* Between the passes of the softmax family: from the sums of a row its loss, and the constants of what is written. */
#ifndef FL_SOFTMAX_FINISH_H
#define FL_SOFTMAX_FINISH_H

#include "rows/softmax/class_terms.h"
#include "rows/softmax/sums.h"

enum { NONE, FOCAL, POLY, GENERALIZED };

/* What the second pass needs of a row. */
typedef struct {
    T max[LANES], special[LANES];  /* special: the maximum if its p > 1/2, else NaN, which equals nothing */
    T log_s[LANES], inv_s[LANES], rest[LANES]; /* rest: others / s, which is 1 - p at the maximum */
    T coef[LANES], k[LANES], top[LANES];       /* k A / s; scale * weight; k g_u at the maximum */
    T label[LANES];                            /* k g_u at the label, times u' of a margin */
    T two_z[LANES], curve[LANES];              /* 2 z k; k times the second derivative of a function of the loss */
    T mean_v[LANES];                           /* <p, u' v>; G of class_terms.h */
    T sum[LANES], below[LANES], below_bend[LANES];  /* M, S and B of class_terms.h */
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

#endif
