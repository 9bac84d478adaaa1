/* Between the passes of the softmax family: from the sums of a row its loss, and the constants of what is written. */
#ifndef FL_SOFTMAX_FINISH_H
#define FL_SOFTMAX_FINISH_H

#include "rows/softmax/class_terms.h"
#include "rows/softmax/sums.h"

enum { NONE, FOCAL, POLY, GENERALIZED };

/* What is needed of a row to write its classes. */
typedef struct {
    T max[LANES], dominant[LANES]; /* dominant: the maximum if its p > 1/2, else NaN, which equals nothing */
    T log_s[LANES], inv_s[LANES], not_p_max[LANES]; /* not_p_max: others / s, which is 1 - p at the maximum */
    T coef[LANES], k[LANES], grad_at_max[LANES];    /* k A / s; scale * weight; k g_u at the maximum */
    T grad_at_label[LANES];                         /* k g_u at the label, times u' of a margin */
    T two_z[LANES], k_curvature[LANES];             /* 2 z k; k times the second derivative of a function of the loss */
    T mean_v[LANES];                                /* <p, u' v> */
    T sum_slope[LANES], sum_curvature[LANES];       /* G, M of class_terms.h */
    T others_slope[LANES], others_curvature[LANES]; /* S, B */
} row_constants;

/* A function of the cross entropy: its value, and the factors by which the derivatives are multiplied. */
INLINE void compose_with(term_formula *f, T parameter, const T *p, const T *not_p, T *loss, T *slope, T *curvature) {
    EACH_LANE(l) {
        class_term y = f(1, p[l], not_p[l], loss[l], parameter);
        loss[l] = y.value, slope[l] = -y.slope, curvature[l] = y.curvature;
    }
}

static void compose_loss(int compose, T parameter, const T *p, const T *not_p, T *loss, T *slope, T *curvature) {
    if (compose == FOCAL) compose_with(focal_term, parameter, p, not_p, loss, slope, curvature);
    if (compose == POLY) compose_with(poly_term, parameter, p, not_p, loss, slope, curvature);
    if (compose == GENERALIZED) compose_with(generalized_term, parameter, p, not_p, loss, slope, curvature);
}

/* Up to LANES rows and all that is known of them. */
typedef struct {
    ptrdiff_t first, n;
    row_labels y;
    row_sums s;
    row_constants r;
    T loss[LANES], logsumexp[LANES], entropy[LANES];
    T *e; /* the exponentials, kept where a tile holds the row */
} row_batch;

enum { BATCHES = 4 }; /* so many go through each pass together: their chains of instructions then overlap */

/* What a step of finish_rows hands to the next. The steps are split so that each loop vectorises: gcc makes a branch of
 * a choice between two numbers of which one is used nowhere else. */
typedef struct {
    T s_minus_1[LANES], down[LANES], e_label[LANES], label_at_max[LANES];
    double q_below[LANES], k[LANES];
} finish_state;

INLINE void finish_log(row_batch *b, finish_state *state) {
    const row_sums *s = &b->s;
    row_constants *r = &b->r;
    EACH_LANE(l) {
        double others = s->others[l] + (s->ties[l] - 1);
        state->s_minus_1[l] = is_finite(s->max[l]) ? (T)others : T_NAN;
        r->max[l] = s->max[l];
        r->dominant[l] = state->s_minus_1[l] < 1 ? s->max[l] : T_NAN;
        r->log_s[l] = log1p_inside(state->s_minus_1[l]);
    }
}

INLINE void finish_label(T scale, const row_batch *b, finish_state *state) {
    const row_sums *s = &b->s;
    const row_labels *y = &b->y;
    EACH_LANE(l) {
        int at_max = s->label_logit[l] == s->max[l];
        T down = scale * (s->max[l] - s->label_logit[l]);
        state->e_label[l] = exp_nonpositive(-down);
        state->down[l] = zero_unless(y->q[l] != 0, y->q[l] * down);
        state->q_below[l] = (double)zero_unless(!at_max, y->q[l]);
        state->label_at_max[l] = zero_unless(at_max, 1);
    }
}

INLINE void finish_loss(const fl_call *call, T scale, row_batch *b, finish_state *state) {
    const double z = call->softmax.z_loss, factor = call->softmax.factor;
    const row_sums *s = &b->s;
    const row_labels *y = &b->y;
    row_constants *r = &b->r;
    double lse[LANES], z_slope[LANES] = {0}, z_term[LANES] = {0};
    EACH_LANE(l) {
        lse[l] = (double)scale * (double)s->max[l] + (double)r->log_s[l];
        state->k[l] = call->scale * y->weight[l] * factor;
    }
    if (z != 0)
        EACH_LANE(l) z_slope[l] = 2 * z * lse[l], z_term[l] = z * lse[l] * lse[l];
    EACH_LANE(l) state->k[l] = y->weight[l] != 0 ? state->k[l] : 0;
    EACH_LANE(l) {
        double others = (double)state->s_minus_1[l], q = (double)y->q[l],
               below = s->target_below[l] + state->q_below[l], k = state->k[l];
        double mass = s->target_below[l] + s->target_at_max[l] + q, log_s = (double)r->log_s[l],
               inv_s = 1 / (1 + others);
        double coef = k * (mass + z_slope[l]) * inv_s;
        double top = k * (below - mass * others * inv_s + z_slope[l] * inv_s);
        b->loss[l] = (T)(factor * (mass * log_s + s->dot[l] + (double)state->down[l] + z_term[l]));
        b->logsumexp[l] = (T)lse[l];
        r->inv_s[l] = (T)inv_s;
        r->not_p_max[l] = (T)(others * inv_s);
        r->coef[l] = (T)coef;
        r->k[l] = (T)k;
        r->grad_at_max[l] = (T)top;
        r->grad_at_label[l] = (T)(coef * (double)state->e_label[l] - k * q);
        r->two_z[l] = (T)(2 * z * k);
        r->k_curvature[l] = r->mean_v[l] = 0;
        r->sum_slope[l] = r->sum_curvature[l] = r->others_slope[l] = r->others_curvature[l] = 0;
    }
    EACH_LANE(l)
        r->grad_at_label[l] = (state->label_at_max[l] != 0 ? r->grad_at_max[l] : r->grad_at_label[l]) * y->slope[l];
}

INLINE void finish_composed(int compose, T parameter, row_batch *b, const finish_state *state) {
    const row_labels *y = &b->y;
    row_constants *r = &b->r;
    T p[LANES], not_p[LANES], slope[LANES], curvature[LANES];
    EACH_LANE(l) {
        T p_label = state->e_label[l] * r->inv_s[l];
        p[l] = p_label;
        not_p[l] = state->label_at_max[l] != 0 ? r->not_p_max[l] : 1 - p_label;
    }
    compose_loss(compose, parameter, p, not_p, b->loss, slope, curvature);
    EACH_LANE(l) {
        /* A class of weight 0 has loss and gradient 0, but a NaN in the row is not lost. */
        int clean = (b->loss[l] == b->loss[l]) | (r->k[l] == 0);
        T gain = y->gain[l], none = clean ? 0 : T_NAN, k = gain == 0 ? none : r->k[l];
        T by = gain * slope[l], weighted = gain * b->loss[l];
        b->loss[l] = ((gain == 0) & (b->loss[l] == T_INF)) ? 0 : weighted;
        r->k_curvature[l] = zero_unless(k != 0, k * (gain * curvature[l]));
        r->coef[l] = zero_unless(k != 0, by * r->coef[l]);
        r->grad_at_max[l] = zero_unless(k != 0, by * r->grad_at_max[l]);
        r->grad_at_label[l] = zero_unless(k != 0, by * r->grad_at_label[l]);
    }
}

/* From the sums of n batches: their losses, and the constants for what is written per class. */
static void finish_rows(const fl_call *call, T scale, int compose, row_batch *b, ptrdiff_t n) {
    finish_state state[BATCHES];
    for (ptrdiff_t i = 0; i < n; i++) finish_log(&b[i], &state[i]);
    for (ptrdiff_t i = 0; i < n; i++) finish_label(scale, &b[i], &state[i]);
    for (ptrdiff_t i = 0; i < n; i++) finish_loss(call, scale, &b[i], &state[i]);
    for (ptrdiff_t i = 0; i < n && compose != NONE; i++)
        finish_composed(compose, (T)call->parameter[FL_FIRST_SLOT], &b[i], &state[i]);
}

#endif
