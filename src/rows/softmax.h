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
 * Passes over memory: one for the loss. One more for what is written a class; a row that fits one tile
 * is read once, and its exponentials are kept. The running sums are rescaled when the maximum rises.
 *
 * Numerics (P6 in docs): exponentials of elements equal to the maximum are counted, not added, so
 * "others" = s - 1 keeps full relative accuracy in a confident row: log s = log1p(others), and at the
 * maximum, where p > 1/2, A p - q is (Q - q) - Q others / s + 2 z L p. All sums over tiles and rows are double.
 * NaN and +inf find their way through the sums; a maximum that is not finite makes the row NaN.
 */
#ifndef FL_SOFTMAX_H
#define FL_SOFTMAX_H

#include "labels.h"
#include "elementary.h"
#include "tile.h"

enum { STRETCH = 16 };

/* What the first pass knows of LANES rows. */
typedef struct {
    T max[LANES], at_label[LANES];     /* of x; x at the label */
    double others[LANES], ties[LANES]; /* sum of exp(u - max) below the maximum; how many are at it */
    double dot[LANES];                 /* sum q (max - u) */
    double below[LANES], at[LANES];    /* mass of q below the maximum and at it */
} sums;

/* What the second pass needs of a row. */
typedef struct {
    T max[LANES], special[LANES];  /* special: the maximum if its p > 1/2, else NaN, which equals nothing */
    T log_s[LANES], inv_s[LANES], rest[LANES]; /* rest: others / s, which is 1 - p at the maximum */
    T coef[LANES], k[LANES], top[LANES];       /* k A / s; scale * weight; k g_u at the maximum */
    T label[LANES];                            /* k g_u at the label */
    T two_z[LANES], mean_v[LANES];             /* 2 z k; <p, u' v> */
} rows;

typedef struct {
    const fl_call *call;
    const fl_run *run;
    T scale;       /* of x inside exp; 1 where softcap has applied it already */
    int dense;     /* q is an array: soft targets or smoothing */
    int general;   /* softcap, Hessian or Hv: every derivative from the full formula */
} job;

static void sums_init(sums *s) {
    EACH_LANE(l) {
        s->max[l] = -T_INF;
        s->others[l] = s->ties[l] = s->dot[l] = s->below[l] = s->at[l] = s->at_label[l] = 0;
    }
}

/* The maximum of a row rises to `max`: what was at the old one is now below. */
INLINE void sums_raise(sums *s, int l, T max, T scale) {
    int rises = max > s->max[l];
    T up = scale * (max - s->max[l]), shrink = exp_nonpositive(-up);
    double mass = s->below[l] + s->at[l];
    s->others[l] = rises ? (s->others[l] + s->ties[l]) * (double)shrink : s->others[l];
    s->ties[l] = rises ? 0 : s->ties[l];
    s->dot[l] = rises && mass != 0 ? s->dot[l] + mass * (double)up : s->dot[l];
    s->below[l] = rises ? mass : s->below[l];
    s->at[l] = rises ? 0 : s->at[l];
    s->max[l] = max;
}

/* Lane maxima of a tile. Four chains, since a maximum waits for the one before it. */
INLINE void tile_max(T *max, const T *x, ptrdiff_t chunks) {
    T chain[4 * LANES];
    ptrdiff_t k = 0;
    for (int i = 0; i < 4 * LANES; i++) chain[i] = max[i % LANES];
    for (; k + 4 <= chunks; k += 4)
        _Pragma("omp simd") for (int i = 0; i < 4 * LANES; i++) chain[i] = max_(x[k * LANES + i], chain[i]);
    for (; k < chunks; k++) EACH_LANE(l) chain[l] = max_(x[k * LANES + l], chain[l]);
    EACH_LANE(l) max[l] = max_(max_(chain[l], chain[LANES + l]), max_(chain[2 * LANES + l], chain[3 * LANES + l]));
}

/* Exponentials of a tile, kept in `e`; their lane sums below the maximum, and how many are at it. Sums are
 * made of sums of STRETCH terms, which divides their rounding error by four. What lies `ahead`, `stride` bytes
 * a chunk, is asked for meanwhile: the processor's own prefetch stops while it works on a tile. */
INLINE void tile_exp(const T *top, const T *x, ptrdiff_t chunks, T scale, const char *ahead, ptrdiff_t stride, T *e,
                     T *others, T *ties) {
    T max[LANES], total[LANES] = {0}, count[LANES] = {0};
    memcpy(max, top, sizeof max);
    for (ptrdiff_t start = 0; start < chunks; start += STRETCH) {
        ptrdiff_t end = start + STRETCH < chunks ? start + STRETCH : chunks;
        T sum[LANES] = {0};
        for (ptrdiff_t k = start; k < end; k++) {
            __builtin_prefetch(ahead + k * stride);
            EACH_LANE(l) {
                T xl = x[k * LANES + l], y = exp_nonpositive(scale * (xl - max[l]));
                int at_top = xl == max[l];
                sum[l] += where_(!at_top, y);
                count[l] += where_(at_top, 1);
                e[k * LANES + l] = y;
            }
        }
        EACH_LANE(l) total[l] += sum[l];
    }
    memcpy(others, total, sizeof total);
    memcpy(ties, count, sizeof count);
}

/* Of the target: sum q (max - u), and its mass below the maximum and at it. A class that q leaves out
 * contributes nothing, at -inf too. */
INLINE void tile_target(const T *top, const T *x, const T *q, ptrdiff_t chunks, T scale, T *dots, T *below, T *at) {
    T max[LANES];
    memcpy(max, top, sizeof max);
    EACH_LANE(l) dots[l] = below[l] = at[l] = 0;
    for (ptrdiff_t start = 0; start < chunks; start += STRETCH) {
        ptrdiff_t end = start + STRETCH < chunks ? start + STRETCH : chunks;
        T dot[LANES] = {0}, under[LANES] = {0}, on[LANES] = {0};
        for (ptrdiff_t k = start; k < end; k++)
            EACH_LANE(l) {
                T xl = x[k * LANES + l], ql = q[k * LANES + l];
                T down = xl == -T_INF ? T_INF : scale * (max[l] - xl);
                int at_top = xl == max[l];
                dot[l] += where_(ql != 0, ql * down);
                under[l] += where_(!at_top, ql);
                on[l] += where_(at_top, ql);
            }
        EACH_LANE(l) {
            dots[l] += dot[l];
            below[l] += under[l];
            at[l] += on[l];
        }
    }
}

/* Lane sums of a tile go to their rows: across, a lane is a row; wide, all lanes are row `l`. */
INLINE void add_lanes(double *total, const T *part, int wide, ptrdiff_t row) {
    if (wide) total[row] += sum_parts(part);
    else EACH_LANE(l) total[l] += (double)part[l];
}

/* From the sums of up to LANES rows: losses, and the constants of the second pass. `q_label`: the target
 * at the label, 0 where there is none. */
static void rows_finish(const job *j, const sums *s, const T *q_label, const double *weight, T *loss, T *logsumexp,
                        rows *r) {
    double z = j->call->softmax.z_loss, scale = (double)j->scale;
    T s_minus_1[LANES], down[LANES], e_label[LANES], label_on_top[LANES];
    double q_below[LANES];
    EACH_LANE(l) {
        double others = s->others[l] + (s->ties[l] - 1);
        s_minus_1[l] = is_finite(s->max[l]) ? (T)others : T_NAN;
        r->max[l] = s->max[l];
        r->special[l] = s_minus_1[l] < 1 ? s->max[l] : T_NAN;
        r->log_s[l] = log1p_inside(s_minus_1[l]);
    }
    EACH_LANE(l) {
        int on_top = s->at_label[l] == s->max[l];
        down[l] = s->at_label[l] == -T_INF ? T_INF : j->scale * (s->max[l] - s->at_label[l]);
        e_label[l] = exp_nonpositive(-down[l]);
        down[l] = where_(q_label[l] != 0, q_label[l] * down[l]);
        q_below[l] = (double)where_(!on_top, q_label[l]);
        label_on_top[l] = where_(on_top, 1);
    }
    EACH_LANE(l) {
        double others = (double)s_minus_1[l], q = (double)q_label[l], below = s->below[l] + q_below[l];
        double mass = s->below[l] + s->at[l] + q, log_s = (double)r->log_s[l];
        double inv_s = 1 / (1 + others), lse = scale * (double)s->max[l] + log_s, z_slope = 2 * z * lse;
        double k = weight[l] != 0 ? j->call->scale * weight[l] : 0, coef = k * (mass + z_slope) * inv_s;
        double top = k * (below - mass * others * inv_s + z_slope * inv_s);
        double label = coef * (double)e_label[l] - k * q, on_top = (double)label_on_top[l];
        loss[l] = (T)(mass * log_s + s->dot[l] + (double)down[l] + z * lse * lse);
        logsumexp[l] = (T)lse;
        r->inv_s[l] = (T)inv_s;
        r->rest[l] = (T)(others * inv_s);
        r->coef[l] = (T)coef;
        r->k[l] = (T)k;
        r->top[l] = (T)top;
        r->label[l] = (T)(on_top != 0 ? top : label);
        r->two_z[l] = (T)(2 * z * k);
        r->mean_v[l] = 0;
    }
}

INLINE void rows_spread(rows *all, const rows *group, int lane) {
    const T *from = (const T *)(const void *)group;
    T *to = (T *)(void *)all;
    for (size_t f = 0; f < sizeof(rows) / sizeof(T); f += LANES)
        EACH_LANE(l) to[f + (size_t)l] = from[f + (size_t)lane];
}

/* --- second pass: one function for each thing that can be written a class --- */

INLINE void tile_shift_exp(const rows *r, const T *x, ptrdiff_t chunks, T scale, T *e) {
    T max[LANES];
    memcpy(max, r->max, sizeof max);
    for (ptrdiff_t k = 0; k < chunks; k++)
        EACH_LANE(l) e[k * LANES + l] = exp_nonpositive(scale * (x[k * LANES + l] - max[l]));
}

/* Away from the label of a hard target. */
INLINE void tile_grad_hard(const rows *r, const T *e, ptrdiff_t chunks, T slope, T *g) {
    T coef[LANES];
    memcpy(coef, r->coef, sizeof coef);
    for (ptrdiff_t k = 0; k < chunks; k++)
        EACH_LANE(l) g[k * LANES + l] = slope * (coef[l] * e[k * LANES + l]);
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
            T gu = dense ? grad_u(r, l, x[i], e[i], q[i]) : q[i] != 0 ? r->label[l] : ap;
            T not_p = x[i] == r->max[l] ? r->rest[l] : 1 - p, dv = d * v[i];
            g[i] = d * gu;
            h[i] = d * d * (ap * not_p + r->two_z[l] * p * p) + gu * bend[i];
            hv[i] = d * (ap * (dv - r->mean_v[l]) + r->two_z[l] * p * r->mean_v[l]) + gu * bend[i] * v[i];
        }
}

INLINE void tile_softmax(const rows *r, const T *e, ptrdiff_t chunks, T *out) {
    for (ptrdiff_t k = 0; k < chunks; k++)
        EACH_LANE(l) out[k * LANES + l] = e[k * LANES + l] * r->inv_s[l];
}

INLINE void tile_log_softmax(const rows *r, const T *x, ptrdiff_t chunks, T scale, T *out) {
    for (ptrdiff_t k = 0; k < chunks; k++)
        EACH_LANE(l) out[k * LANES + l] = scale * (x[k * LANES + l] - r->max[l]) - r->log_s[l];
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

/* --- where a tile comes from and where it goes, for both layouts --- */

typedef struct {
    ptrdiff_t row, rows;   /* first row within the run, and how many (wide: 1) */
    ptrdiff_t c, n;        /* classes c .. c + n */
    ptrdiff_t chunks;
    int wide;
} place;

INLINE char *row_of(const job *j, int role, ptrdiff_t row) { return j->run->data[role] + row * j->run->step[role]; }

INLINE const T *fetch(const job *j, int role, const place *at, T *tile, T pad) {
    const fl_operand *op = &j->call->op[role];
    char *data = row_of(j, role, at->row);
    if (at->wide) return load_wide(tile, data, op->type, op->along, at->c, at->n, pad);
    load_across(tile, data, op->type, j->run->step[role], op->along, at->rows, at->c, at->n);
    return tile;
}

INLINE void deliver(const job *j, int role, const place *at, const T *tile) {
    const fl_operand *op = &j->call->op[role];
    char *data = row_of(j, role, at->row);
    if (at->wide) store(data + at->c * op->along, op->type, op->along, tile, at->n, j->call->stream);
    else store_across(data, op->type, j->run->step[role], op->along, at->rows, at->c, at->n, tile, j->call->stream);
}

/* u = softcap(x), and where asked u' and u''. tanh' as 4 e / (1 + e)^2 keeps its relative accuracy. */
static void cap(const fl_softmax *p, const T *x, ptrdiff_t n, T *u, T *slope, T *bend) {
    T cap = (T)p->softcap, scale = (T)p->logit_scale;
    for (ptrdiff_t i = 0; i < n; i++) {
        T y = scale * x[i] / cap; /* a rounded quotient as the factor would err by |y| eps more */
        u[i] = cap * tanh_(y);
        if (slope) {
            T e = exp_nonpositive(-2 * abs_(y)), one = 1 + e;
            slope[i] = scale * 4 * e / (one * one);
            bend[i] = -2 * slope[i] * tanh_(y) * scale / cap;
        }
    }
}

INLINE const T *fetch_logits(const job *j, const place *at, T *tile) {
    const fl_softmax *p = &j->call->softmax;
    const T *x = fetch(j, FL_PRED, at, tile, -T_INF);
    if (p->softcap == 0) return x;
    cap(p, x, at->chunks * LANES, tile, NULL, NULL);
    for (ptrdiff_t i = at->n; at->wide && i < at->chunks * LANES; i++) tile[i] = -T_INF;
    return tile;
}

static void slopes(const job *j, const place *at, T *slope, T *bend) {
    const fl_softmax *p = &j->call->softmax;
    T raw[TILE], u[TILE];
    if (p->softcap != 0) {
        cap(p, fetch(j, FL_PRED, at, raw, 0), at->chunks * LANES, u, slope, bend);
        return;
    }
    for (ptrdiff_t i = 0; i < at->chunks * LANES; i++) slope[i] = (T)p->logit_scale, bend[i] = 0;
}

INLINE T per_class(const void *array, ptrdiff_t c, T absent) { return array ? ((const T *)array)[c] : absent; }

/* q of a tile: soft targets times gain, or gain at the labels, plus smooth. */
static const T *fetch_target(const job *j, const place *at, const int64_t *label, T *tile) {
    const fl_softmax *p = &j->call->softmax;
    int soft = j->call->op[FL_TARGET].data != NULL;
    if (soft) {
        const T *t = fetch(j, FL_TARGET, at, tile, 0);
        if (!p->gain && !p->smooth) return t;
        if (t != tile) memcpy(tile, t, (size_t)(at->chunks * LANES) * sizeof(T));
    } else memset(tile, 0, (size_t)(at->chunks * LANES) * sizeof(T));

    for (ptrdiff_t i = 0; (p->gain || p->smooth) && i < at->chunks * LANES; i++) {
        ptrdiff_t c = at->c + (at->wide ? i : i / LANES);
        if (c < j->call->classes) tile[i] = per_class(p->gain, c, 1) * tile[i] + per_class(p->smooth, c, 0);
    }
    for (ptrdiff_t l = 0; !soft && l < at->rows; l++) {
        ptrdiff_t i = (ptrdiff_t)label[l] - at->c;
        if (label[l] >= 0 && i >= 0 && i < at->n) tile[at->wide ? i : i * LANES + l] += per_class(p->gain, (ptrdiff_t)label[l], 1);
    }
    return tile;
}

static T logit_at(const job *j, ptrdiff_t row, ptrdiff_t c) {
    const fl_softmax *p = &j->call->softmax;
    const fl_operand *op = &j->call->op[FL_PRED];
    T x = load_one(row_of(j, FL_PRED, row) + c * op->along, op->type), u;
    if (p->softcap == 0) return x;
    cap(p, &x, 1, &u, NULL, NULL);
    return u;
}

/* Is the target the first of the largest? */
static int is_correct(const job *j, ptrdiff_t row, int64_t label, T max) {
    const fl_operand *t = &j->call->op[FL_TARGET];
    ptrdiff_t y = (ptrdiff_t)label;
    if (t->data) {
        T best = -T_INF;
        for (ptrdiff_t c = y = 0; c < j->call->classes; c++) {
            T q = load_one(row_of(j, FL_TARGET, row) + c * t->along, t->type);
            if (q > best) best = q, y = c;
        }
    }
    for (ptrdiff_t c = 0; c < y; c++)
        if (logit_at(j, row, c) == max) return 0;
    return logit_at(j, row, y) == max;
}

/* One tile of the first pass. `row`: where a wide row stands in its group. */
static void take_tile(const job *j, const place *at, ptrdiff_t row, const int64_t *label, sums *s, T *e) {
    T xs[TILE], qs[TILE], max[LANES], part[3][LANES];
    const T *x = fetch_logits(j, at, xs);

    EACH_LANE(l) max[l] = at->wide ? s->max[row] : s->max[l];
    tile_max(max, x, at->chunks);
    if (at->wide) {
        T top = max_lanes(max);
        EACH_LANE(l) max[l] = top;
        if (top > s->max[row]) sums_raise(s, (int)row, top, j->scale);
    } else if (at->c == 0) memcpy(s->max, max, sizeof max);
    else EACH_LANE(l) sums_raise(s, l, max[l], j->scale);

    ptrdiff_t along = j->call->op[FL_PRED].along;
    const char *ahead = row_of(j, FL_PRED, at->row) + (at->c + at->n * at->rows) * along;
    if (j->scale == 1) tile_exp(max, x, at->chunks, 1, ahead, LANES * along, e, part[0], part[1]); /* a product less */
    else tile_exp(max, x, at->chunks, j->scale, ahead, LANES * along, e, part[0], part[1]);
    add_lanes(s->others, part[0], at->wide, row);
    add_lanes(s->ties, part[1], at->wide, row);
    for (ptrdiff_t l = 0; l < at->rows; l++) {
        ptrdiff_t i = (ptrdiff_t)label[l] - at->c;
        if (label[l] >= 0 && i >= 0 && i < at->n) s->at_label[row + l] = x[at->wide ? i : i * LANES + l];
    }
    if (!j->dense) return;
    tile_target(max, x, fetch_target(j, at, label, qs), at->chunks, j->scale, part[0], part[1], part[2]);
    add_lanes(s->dot, part[0], at->wide, row);
    add_lanes(s->below, part[1], at->wide, row);
    add_lanes(s->at, part[2], at->wide, row);
}

/* The tiles of a row, or of LANES rows, one after the other. */
INLINE int next_tile(const job *j, place *at) {
    ptrdiff_t most = at->wide ? TILE : CHUNKS, left;
    at->c += at->n;
    left = j->call->classes - at->c;
    at->n = left < most ? left : most;
    at->chunks = at->wide ? round_up(at->n, LANES) / LANES : at->n;
    return left > 0;
}

/* Sums over p that a later output needs: <p, u' v> and the entropy. */
static void middle_pass(const job *j, const place *start, rows *r, double *entropy) {
    T xs[TILE], e[TILE], vs[TILE], slope[TILE], bend[TILE];
    double mean[LANES] = {0};
    place at = *start;
    while (next_tile(j, &at)) {
        const T *x = fetch_logits(j, &at, xs);
        tile_shift_exp(r, x, at.chunks, j->scale, e);
        tile_entropy(r, x, e, at.chunks, j->scale, entropy);
        if (!j->call->op[FL_VECTOR].data) continue;
        slopes(j, &at, slope, bend);
        tile_mean_v(r, e, fetch(j, FL_VECTOR, &at, vs, 0), slope, at.chunks, mean);
    }
    if (at.wide) mean[0] = sum_lanes(mean), entropy[0] = sum_lanes(entropy);
    EACH_LANE(l) r->mean_v[l] = (T)mean[at.wide ? 0 : l];
}

/* Rows that do not count have zeros for a gradient, whatever they hold. */
INLINE void clear_uncounted(const rows *r, const place *at, T *g) {
    EACH_LANE(l)
        if (r->k[l] == 0)
            for (ptrdiff_t k = 0; k < at->chunks; k++) g[k * LANES + l] = 0;
}

static void write_general(const job *j, const place *at, const rows *r, const T *x, const T *e, const int64_t *label) {
    T qs[TILE], vs[TILE] = {0}, slope[TILE], bend[TILE], g[TILE], h[TILE], hv[TILE];
    const fl_operand *op = j->call->op;
    const T *q = fetch_target(j, at, label, qs), *v = op[FL_VECTOR].data ? fetch(j, FL_VECTOR, at, vs, 0) : vs;
    slopes(j, at, slope, bend);
    tile_general(r, j->dense, x, e, q, v, slope, bend, at->chunks, g, h, hv);
    clear_uncounted(r, at, g), clear_uncounted(r, at, h), clear_uncounted(r, at, hv);
    if (op[FL_GRAD].data) deliver(j, FL_GRAD, at, g);
    if (op[FL_HESS].data) deliver(j, FL_HESS, at, h);
    if (op[FL_HVP].data) deliver(j, FL_HVP, at, hv);
}

static void write_grad(const job *j, const place *at, const rows *r, const T *x, const T *e, const int64_t *label,
                       int uncounted) {
    T qs[TILE], g[TILE];
    if (j->dense) {
        tile_grad_dense(r, x, e, fetch_target(j, at, label, qs), at->chunks, j->scale, g);
    } else {
        tile_grad_hard(r, e, at->chunks, j->scale, g);
        for (ptrdiff_t l = 0; l < at->rows; l++) {
            ptrdiff_t i = (ptrdiff_t)label[l] - at->c;
            if (label[l] >= 0 && i >= 0 && i < at->n) g[at->wide ? i : i * LANES + l] = j->scale * r->label[l];
        }
    }
    if (uncounted) clear_uncounted(r, at, g);
    deliver(j, FL_GRAD, at, g);
}

/* `kept`: the exponentials of the first pass, where one tile held the row. */
static void second_pass(const job *j, const place *start, const rows *r, const int64_t *label, const T *kept) {
    T xs[TILE], es[TILE], out[TILE];
    const fl_operand *op = j->call->op;
    int uncounted = 0;
    place at = *start;
    for (int l = 0; l < (at.wide ? 1 : LANES); l++) uncounted |= r->k[l] == 0;
    while (next_tile(j, &at)) {
        int need_x = !kept || j->dense || j->general || op[FL_LOG_SOFTMAX].data;
        const T *x = need_x ? fetch_logits(j, &at, xs) : NULL, *e = kept;
        if (!kept) tile_shift_exp(r, x, at.chunks, j->scale, es), e = es;
        if (j->general) write_general(j, &at, r, x, e, label);
        else if (op[FL_GRAD].data) write_grad(j, &at, r, x, e, label, uncounted);
        if (op[FL_SOFTMAX].data) tile_softmax(r, e, at.chunks, out), deliver(j, FL_SOFTMAX, &at, out);
        if (op[FL_LOG_SOFTMAX].data)
            tile_log_softmax(r, x, at.chunks, j->scale, out), deliver(j, FL_LOG_SOFTMAX, &at, out);
    }
}

/* Labels, the target at them, and weights of a group of rows; a row that is ignored gets label -1. */
static void read_rows(const job *j, ptrdiff_t first, ptrdiff_t n, int64_t *label, T *q_label, double *weight) {
    const fl_call *call = j->call;
    const fl_softmax *p = &call->softmax;
    EACH_LANE(l) {
        label[l] = -1;
        weight[l] = 1;
        q_label[l] = 0;
    }
    if (j->run->weight) memcpy(weight, j->run->weight + first, (size_t)n * sizeof *weight);
    if (!call->op[FL_LABEL].data) return;
    load_labels(label, row_of(j, FL_LABEL, first), call->op[FL_LABEL].type, j->run->step[FL_LABEL], n);
    int64_t classes = call->classes, ignored = p->has_ignore ? p->ignore_index : -1;
    EACH_LANE(l) {
        /* Labels were checked before the call; a caller who changes them meanwhile harms only himself. */
        int counts = (label[l] >= 0) & (label[l] < classes) & (label[l] != ignored);
        label[l] = counts ? label[l] : -1;
        weight[l] = counts ? weight[l] : 0;
        q_label[l] = where_(counts, 1);
    }
    if (j->dense) memset(q_label, 0, LANES * sizeof *q_label);
    else if (p->gain)
        for (ptrdiff_t l = 0; l < n; l++) q_label[l] = label[l] < 0 ? 0 : per_class(p->gain, (ptrdiff_t)label[l], 1);
}

static void write_facts(const job *j, ptrdiff_t first, ptrdiff_t n, const rows *r, const int64_t *label,
                        const T *logsumexp, const T *entropy) {
    const fl_operand *op = j->call->op;
    for (ptrdiff_t l = 0; l < n; l++) {
        int row_counts = label[l] >= 0 || op[FL_TARGET].data;
        T correct = row_counts && is_finite(logsumexp[l]) && is_correct(j, first + l, label[l], r->max[l]);
        if (op[FL_CORRECT].data) store(row_of(j, FL_CORRECT, first + l), op[FL_CORRECT].type, 0, &correct, 1, 0);
        if (op[FL_ENTROPY].data) store(row_of(j, FL_ENTROPY, first + l), op[FL_ENTROPY].type, 0, entropy + l, 1, 0);
        if (op[FL_LOGSUMEXP].data) store(row_of(j, FL_LOGSUMEXP, first + l), op[FL_LOGSUMEXP].type, 0, logsumexp + l, 1, 0);
    }
}

/* Up to LANES rows: first pass, finish, second pass. */
static void group(const job *j, ptrdiff_t first, ptrdiff_t n, T *e, ptrdiff_t kept_stride) {
    const fl_call *call = j->call;
    const fl_operand *op = call->op;
    int wide = !call->lanes_across, facts = op[FL_LOGSUMEXP].data || op[FL_ENTROPY].data || op[FL_CORRECT].data;
    int per_class_output = op[FL_GRAD].data || op[FL_HESS].data || op[FL_HVP].data || op[FL_SOFTMAX].data || op[FL_LOG_SOFTMAX].data;
    int second = per_class_output || op[FL_ENTROPY].data;
    int64_t label[LANES];
    T q_label[LANES], loss[LANES], logsumexp[LANES], entropy[LANES];
    double weight[LANES];
    sums s;
    rows r;

    read_rows(j, first, n, label, q_label, weight);
    sums_init(&s);
    for (ptrdiff_t l = 0; l < (wide ? n : 1); l++) {
        place at = {.row = first + l, .rows = wide ? 1 : n, .wide = wide};
        while (next_tile(j, &at)) take_tile(j, &at, l, label + l, &s, e + l * kept_stride);
    }
    rows_finish(j, &s, q_label, weight, loss, logsumexp, &r);

    T *value = (T *)j->run->value + first;
    for (ptrdiff_t l = 0; l < n; l++) value[l] = op[FL_LABEL].data && label[l] < 0 ? 0 : loss[l];

    for (ptrdiff_t l = 0; second && l < (wide ? n : 1); l++) {
        place at = {.row = first + l, .rows = wide ? 1 : n, .wide = wide};
        rows one;
        const rows *here = &r;
        if (wide) rows_spread(&one, &r, (int)l), here = &one;
        if (op[FL_ENTROPY].data || op[FL_VECTOR].data) {
            double sum[LANES] = {0};
            middle_pass(j, &at, (rows *)(uintptr_t)here, sum);
            for (int k = 0; k < (wide ? 1 : LANES); k++) entropy[wide ? l : k] = (T)sum[k];
        }
        if (per_class_output) second_pass(j, &at, here, label + l, kept_stride ? e + l * kept_stride : NULL);
    }
    if (facts) write_facts(j, first, n, &r, label, logsumexp, entropy);
}

/* Rows are taken LANES at a time, or as many wide ones as keep within 8192 elements of cache. */
static void softmax(const fl_call *call, const fl_run *run) {
    enum { KEPT = 4096, GROUP = 8192 };
    T e[KEPT];  /* a tile at least */
    const fl_softmax *p = &call->softmax;
    job j = {
        .call = call, .run = run,
        .scale = p->softcap != 0 ? 1 : (T)p->logit_scale,
        .dense = call->op[FL_TARGET].data || p->smooth,
        .general = p->softcap != 0 || call->op[FL_HESS].data || call->op[FL_HVP].data,
    };
    ptrdiff_t padded = round_up(call->classes, LANES), at_once = LANES, kept = 0;
    if (call->lanes_across) kept = call->classes <= CHUNKS;
    else if (padded <= TILE) kept = padded, at_once = KEPT / padded;
    else at_once = GROUP / padded;
    at_once = at_once < 1 ? 1 : at_once > LANES ? LANES : at_once;
    for (ptrdiff_t first = 0; first < run->n; first += at_once) {
        ptrdiff_t n = run->n - first < at_once ? run->n - first : at_once;
        group(&j, first, n, e, kept);
    }
    stream_fence(call->stream);
}

#endif
