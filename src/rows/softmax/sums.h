/* First pass of the softmax family: the sums of a row, tile by tile. */
#ifndef FL_SOFTMAX_SUMS_H
#define FL_SOFTMAX_SUMS_H

#include "rows/softmax/operands.h"

enum { STRETCH = 16 };

/* What the first pass knows of LANES rows. */
typedef struct {
    T max[LANES], at_label[LANES];     /* of x; x at the label */
    double others[LANES], ties[LANES]; /* sum of exp(u - max) below the maximum; how many are at it */
    double dot[LANES];                 /* sum q (max - u) */
    double below[LANES], at[LANES];    /* mass of q below the maximum and at it */
} sums;

INLINE void sums_init(sums *s) {
    EACH_LANE(l) s->max[l] = -T_INF, s->at_label[l] = 0;
    EACH_LANE(l) s->others[l] = s->ties[l] = 0;
}

/* Of a target that is no array these are 0 for good: cleared once, they need no clearing again. */
INLINE void target_sums_init(sums *s) { EACH_LANE(l) s->dot[l] = s->below[l] = s->at[l] = 0; }

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
            ask(ahead + k * stride, LANES * sizeof(T));
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

/* Of the target: sum q (max - u), or q (max - u + log q), and its mass below the maximum and at it. A class that
 * q leaves out contributes nothing, at -inf too. */
INLINE void tile_target(const T *top, const T *x, const T *q, const T *log_q, ptrdiff_t chunks, T scale, T *dots, T *below, T *at) {
    T max[LANES];
    memcpy(max, top, sizeof max);
    EACH_LANE(l) dots[l] = below[l] = at[l] = 0;
    for (ptrdiff_t start = 0; start < chunks; start += STRETCH) {
        ptrdiff_t end = start + STRETCH < chunks ? start + STRETCH : chunks;
        T dot[LANES] = {0}, under[LANES] = {0}, on[LANES] = {0};
        for (ptrdiff_t k = start; k < end; k++)
            EACH_LANE(l) {
                T xl = x[k * LANES + l], ql = q[k * LANES + l];
                T down = xl == -T_INF ? T_INF : scale * (max[l] - xl); /* the maximum may be -inf so far */
                int at_top = xl == max[l];
                if (log_q) down += log_q[k * LANES + l];
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

/* The maximum of a row, or of LANES rows, with this tile; gives the tile's logits. */
static const T *measure_tile(const place *at, T scale, const hard *y, sums *s, T *buffer) {
    const T *x = fetch_logits(at, y, buffer);
    T max[LANES];
    EACH_LANE(l) max[l] = at->wide ? s->max[at->lane] : s->max[l];
    tile_max(max, x, at->chunks);
    if (at->wide) {
        T top = max_lanes(max);
        if (at->c == 0) s->max[at->lane] = top;
        else if (top > s->max[at->lane]) sums_raise(s, at->lane, top, scale);
    } else if (at->c == 0) memcpy(s->max, max, sizeof max);
    else EACH_LANE(l) sums_raise(s, l, max[l], scale);
    return x;
}

/* Where the logits lie that are wanted after these, and how far apart their chunks. */
INLINE const char *logits_ahead(const place *at, ptrdiff_t *stride) {
    ptrdiff_t along = at->call->op[FL_PRED].along, step = at->run->step[FL_PRED];
    *stride = !at->wide && in_columns(step, along) ? along : LANES * along;
    return row_of(at->run, FL_PRED, at->row + at->rows_ahead) + (at->rows_ahead ? 0 : at->c + at->n) * along;
}

/* Adds a measured tile to the sums, and keeps its exponentials in `e`, which may be where x lies. */
static void add_tile(const place *at, T scale, int dense, const hard *y, sums *s, const T *x, T *e) {
    T qs[TILE], logs[TILE], max[LANES], part[3][LANES];
    ptrdiff_t found[LANES];
    EACH_LANE(l) max[l] = at->wide ? s->max[at->lane] : s->max[l];
    find_labels(at, y->at, found);
    for (ptrdiff_t l = 0; l < at->rows; l++)
        if (found[l] >= 0) s->at_label[at->lane + l] = x[found[l]];
    if (dense) {
        if (at->call->softmax.divergence) tile_target(max, x, fetch_target(at, y, qs, logs), logs, at->chunks, scale, part[0], part[1], part[2]);
        else tile_target(max, x, fetch_target(at, y, qs, NULL), NULL, at->chunks, scale, part[0], part[1], part[2]);
        add_lanes(s->dot, part[0], at);
        add_lanes(s->below, part[1], at);
        add_lanes(s->at, part[2], at);
    }
    ptrdiff_t stride;
    const char *ahead = logits_ahead(at, &stride);
    if (scale == 1) tile_exp(max, x, at->chunks, 1, ahead, stride, e, part[0], part[1]); /* a product less */
    else tile_exp(max, x, at->chunks, scale, ahead, stride, e, part[0], part[1]);
    add_lanes(s->others, part[0], at);
    add_lanes(s->ties, part[1], at);
}

#endif
