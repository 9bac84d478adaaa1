/* First pass of the softmax family: the sums of a row, tile by tile. */
#ifndef FL_SOFTMAX_SUMS_H
#define FL_SOFTMAX_SUMS_H

#include "rows/softmax/operands.h"

enum { PARTIAL_TERMS = 16 };

/* The sums of LANES rows. */
typedef struct {
    T max[LANES], label_logit[LANES];  /* of x; x at the label */
    double others[LANES], ties[LANES]; /* sum of exp(u - max) below the maximum; how many classes are at it */
    double dot[LANES];                 /* sum q (max - u) */
    double target_below[LANES], target_at_max[LANES]; /* mass of q below the maximum and at it */
} row_sums;

INLINE void clear_sums(row_sums *s) {
    EACH_LANE(l) s->max[l] = -T_INF, s->label_logit[l] = 0;
    EACH_LANE(l) s->others[l] = s->ties[l] = 0;
}

/* Unless the target is an array these stay 0: once per call is enough then. */
INLINE void clear_target_sums(row_sums *s) {
    EACH_LANE(l) s->dot[l] = s->target_below[l] = s->target_at_max[l] = 0;
}

/* The maximum of a row rises to `max`: what was at the old one is now below. */
INLINE void raise_max(row_sums *s, int l, T max, T scale) {
    int rises = max > s->max[l];
    T up = scale * (max - s->max[l]), shrink = exp_nonpositive(-up);
    double mass = s->target_below[l] + s->target_at_max[l];
    s->others[l] = rises ? (s->others[l] + s->ties[l]) * (double)shrink : s->others[l];
    s->ties[l] = rises ? 0 : s->ties[l];
    s->dot[l] = rises && mass != 0 ? s->dot[l] + mass * (double)up : s->dot[l];
    s->target_below[l] = rises ? mass : s->target_below[l];
    s->target_at_max[l] = rises ? 0 : s->target_at_max[l];
    s->max[l] = max;
}

/* Lane maxima of a tile. In four chains, since each maximum depends on the one before it. */
INLINE void tile_max(T *max, const T *x, ptrdiff_t chunks) {
    T chain[4 * LANES];
    ptrdiff_t k = 0;
    for (int i = 0; i < 4 * LANES; i++) chain[i] = max[i % LANES];
    for (; k + 4 <= chunks; k += 4)
        _Pragma("omp simd") for (int i = 0; i < 4 * LANES; i++) chain[i] = max_(x[k * LANES + i], chain[i]);
    for (; k < chunks; k++)
        EACH_LANE(l) chain[l] = max_(x[k * LANES + l], chain[l]);
    EACH_LANE(l) max[l] = max_(max_(chain[l], chain[LANES + l]), max_(chain[2 * LANES + l], chain[3 * LANES + l]));
}

/* Exponentials of a tile, kept in `e`; their lane sums below the maximum, and how many are at it. Sums are made of
 * sums of PARTIAL_TERMS terms, which divides their rounding error by four. The memory at `ahead`, `stride` bytes per
 * chunk, is prefetched meanwhile: the processor's own prefetch stops while the kernel works on a tile. */
INLINE void tile_exp(const T *maxima, const T *x, ptrdiff_t chunks, T scale, const char *ahead, ptrdiff_t stride, T *e,
                     T *others, T *ties) {
    T max[LANES], total[LANES] = {0}, count[LANES] = {0};
    memcpy(max, maxima, sizeof max);
    for (ptrdiff_t start = 0; start < chunks; start += PARTIAL_TERMS) {
        ptrdiff_t end = start + PARTIAL_TERMS < chunks ? start + PARTIAL_TERMS : chunks;
        T sum[LANES] = {0};
        for (ptrdiff_t k = start; k < end; k++) {
            prefetch(ahead + k * stride, LANES * sizeof(T));
            EACH_LANE(l) {
                T xl = x[k * LANES + l], y = exp_nonpositive(scale * (xl - max[l]));
                int is_max = xl == max[l];
                sum[l] += zero_unless(!is_max, y);
                count[l] += zero_unless(is_max, 1);
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
INLINE void tile_target(const T *maxima, const T *x, const T *q, const T *log_q, ptrdiff_t chunks, T scale, T *dots,
                        T *below, T *at_max) {
    T max[LANES];
    memcpy(max, maxima, sizeof max);
    EACH_LANE(l) dots[l] = below[l] = at_max[l] = 0;
    for (ptrdiff_t start = 0; start < chunks; start += PARTIAL_TERMS) {
        ptrdiff_t end = start + PARTIAL_TERMS < chunks ? start + PARTIAL_TERMS : chunks;
        T dot[LANES] = {0}, under[LANES] = {0}, on[LANES] = {0};
        for (ptrdiff_t k = start; k < end; k++)
            EACH_LANE(l) {
                T xl = x[k * LANES + l], ql = q[k * LANES + l];
                T down = xl == -T_INF ? T_INF : scale * (max[l] - xl); /* the maximum may be -inf so far */
                int is_max = xl == max[l];
                if (log_q) down += log_q[k * LANES + l];
                dot[l] += zero_unless(ql != 0, ql * down);
                under[l] += zero_unless(!is_max, ql);
                on[l] += zero_unless(is_max, ql);
            }
        EACH_LANE(l) {
            dots[l] += dot[l];
            below[l] += under[l];
            at_max[l] += on[l];
        }
    }
}

/* Loads the tile's logits and raises the maximum of its row, or of its LANES rows, to theirs. */
static const T *update_max(const tile_cursor *cursor, T scale, const row_labels *y, row_sums *s, T *buffer) {
    const T *x = load_logits(cursor, y, buffer);
    T max[LANES];
    EACH_LANE(l) max[l] = cursor->wide ? s->max[cursor->lane] : s->max[l];
    tile_max(max, x, cursor->chunks);
    if (cursor->wide) {
        T top = max_lanes(max);
        if (cursor->c == 0) s->max[cursor->lane] = top;
        else if (top > s->max[cursor->lane]) raise_max(s, cursor->lane, top, scale);
    } else if (cursor->c == 0) memcpy(s->max, max, sizeof max);
    else
        EACH_LANE(l) raise_max(s, l, max[l], scale);
    return x;
}

/* The address of the logits that are read after these; `stride` becomes the distance between their chunks. */
INLINE const char *next_logits(const tile_cursor *cursor, ptrdiff_t *stride) {
    ptrdiff_t class_step = cursor->call->op[FL_PRED].class_stride, step = cursor->span->step[FL_PRED];
    *stride = !cursor->wide && in_columns(step, class_step) ? class_step : LANES * class_step;
    return row_address(cursor->span, FL_PRED, cursor->row + cursor->rows_to_next) +
           (cursor->rows_to_next ? 0 : cursor->c + cursor->n) * class_step;
}

/* Adds a tile, whose maximum is known, to the sums, and keeps its exponentials in `e`, which may be x itself. */
static void add_to_sums(const tile_cursor *cursor, T scale, int dense, const row_labels *y, row_sums *s, const T *x,
                        T *e) {
    T qs[TILE], logs[TILE], max[LANES], part[3][LANES];
    ptrdiff_t found[LANES];
    EACH_LANE(l) max[l] = cursor->wide ? s->max[cursor->lane] : s->max[l];
    find_labels(cursor, y->label, found);
    for (ptrdiff_t l = 0; l < cursor->rows; l++)
        if (found[l] >= 0) s->label_logit[cursor->lane + l] = x[found[l]];
    if (dense) {
        if (cursor->call->softmax.divergence)
            tile_target(max, x, load_target(cursor, y, qs, logs), logs, cursor->chunks, scale, part[0], part[1],
                        part[2]);
        else
            tile_target(max, x, load_target(cursor, y, qs, NULL), NULL, cursor->chunks, scale, part[0], part[1],
                        part[2]);
        add_lanes(s->dot, part[0], cursor);
        add_lanes(s->target_below, part[1], cursor);
        add_lanes(s->target_at_max, part[2], cursor);
    }
    ptrdiff_t stride;
    const char *ahead = next_logits(cursor, &stride);
    if (scale == 1) tile_exp(max, x, cursor->chunks, 1, ahead, stride, e, part[0], part[1]); /* saves a product */
    else tile_exp(max, x, cursor->chunks, scale, ahead, stride, e, part[0], part[1]);
    add_lanes(s->others, part[0], cursor);
    add_lanes(s->ties, part[1], cursor);
}

#endif
