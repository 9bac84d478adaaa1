/* Hinge losses of rows of scores s against labels y.
 *
 *     multiclass    max(0, 1 + max_{c != y} s_c - s_y)                     Crammer and Singer
 *     categorical   max(0, 1 + max(0, max_{c != y} s_c) - s_y)            Keras: the label's own 0 takes part
 *     multi_margin  w_y / C sum_{c != y} max(0, margin - s_y + s_c)^p      p = 1 or 2
 *
 * Two passes: the largest of the others and the first class that has it, or the sum; then the gradient, in which a
 * class that is active has k (the largest one) or k p w_y / C m^(p-1), and the label the negated sum. At equality a
 * term is not active. A NaN in a row makes its loss and its gradient NaN.
 */
#ifndef FL_HINGE_H
#define FL_HINGE_H

#include "rows/softmax/operands.h"

/* The scores of a tile, with -inf at the labels: they are not among the others. */
static const T *fetch_others(const place *at, const int64_t *label, T *tile) {
    const T *x = fetch(at, FL_PRED, tile, -T_INF);
    for (ptrdiff_t l = 0; l < at->rows; l++) {
        ptrdiff_t i = position(at, label[l], l);
        if (i >= 0) x = writable(at, x, tile), tile[i] = -T_INF;
    }
    return x;
}

/* What is known of LANES rows. */
typedef struct {
    ptrdiff_t first, rows;
    int64_t label[LANES];
    double weight[LANES];
    T score[LANES];                /* at the label */
    T k[LANES];                    /* scale * weight, of a NaN row NaN */
    T loss[LANES], entry[LANES];   /* of the gradient at the label */
    T max[LANES];                  /* of the others */
    ptrdiff_t top[LANES];          /* the class that has it, -1: none */
} hinge_rows;

static void hinge_begin(place at, hinge_rows *h) {
    const fl_operand *op = &at.call->op[FL_PRED];
    read_labels(at.call, at.run, at.row, at.rows, h->label, h->weight);
    EACH_LANE(l) h->score[l] = 0;
    for (ptrdiff_t l = 0; l < at.rows; l++)
        if (h->label[l] >= 0) h->score[l] = load_one(row_of(at.run, FL_PRED, at.row + l) + (ptrdiff_t)h->label[l] * op->along, op->type);
}

static void hinge_finish(place at, hinge_rows *h) {
    T *value = (T *)at.run->value + at.row;
    for (ptrdiff_t l = 0; l < at.rows; l++) {
        T k = (T)(at.call->scale * h->weight[l]);
        value[l] = h->label[l] < 0 ? 0 : h->loss[l];
        h->k[l] = k == 0 ? 0 : value[l] == value[l] ? k : T_NAN;
    }
}

/* Lane maxima of a tile, and at which of its chunks each was first met; `bad` becomes NaN where there is one. */
INLINE void tile_first_max(const T *x, ptrdiff_t chunks, T *top, T *when, T *bad) {
    T max[LANES], at[LANES], nan[LANES];
    EACH_LANE(l) max[l] = -T_INF, at[l] = -1, nan[l] = bad[l];
    for (ptrdiff_t k = 0; k < chunks; k++)
        EACH_LANE(l) {
            T y = x[k * LANES + l];
            int rises = y > max[l];
            max[l] = rises ? y : max[l];
            at[l] = rises ? (T)k : at[l];
            nan[l] = y == y ? nan[l] : y;
        }
    memcpy(top, max, sizeof max);
    memcpy(when, at, sizeof at);
    memcpy(bad, nan, sizeof nan);
}

/* The largest of the others in each row, with `floor` among them. */
static void largest_others(place at, hinge_rows *h, T floor) {
    T xs[TILE], top[LANES], when[LANES], bad[LANES] = {0};
    place start = at;
    hinge_begin(at, h);
    EACH_LANE(l) h->max[l] = floor, h->top[l] = -1;
    while (next_tile(&at)) {
        tile_first_max(fetch_others(&at, h->label, xs), at.chunks, top, when, bad);
        look_ahead(&at, FL_PRED);
        for (ptrdiff_t l = 0; l < LANES; l++) {
            ptrdiff_t row = at.wide ? 0 : l, c = at.c + (at.wide ? (ptrdiff_t)when[l] * LANES + l : (ptrdiff_t)when[l]);
            int same = at.wide && top[l] == h->max[row] && h->top[row] > c; /* another lane met it, but later */
            if (when[l] < 0 || !(top[l] > h->max[row] || same)) continue;
            h->max[row] = top[l];
            h->top[row] = c;
        }
    }
    for (ptrdiff_t l = 0; l < at.rows; l++) {
        T over = 1 + (h->max[l] - h->score[l]), seen = bad[l] == bad[l] ? h->score[l] : bad[l];
        for (int i = 0; at.wide && i < LANES; i++) seen = bad[i] == bad[i] ? seen : bad[i];
        over = over <= 0 ? 0 : over;
        h->loss[l] = seen == seen ? over : seen;
    }
    hinge_finish(start, h);
    for (ptrdiff_t l = 0; l < at.rows; l++) h->entry[l] = h->loss[l] == 0 ? 0 : 0 - h->k[l];
}

/* k at the largest of the others where the loss is active. */
static void write_largest(place at, const hinge_rows *h) {
    T g[TILE], rest[LANES];
    EACH_LANE(l) {
        T k = h->k[at.wide ? 0 : l];
        rest[l] = k == k ? 0 : k;
    }
    while (next_tile(&at)) {
        for (ptrdiff_t k = 0; k < at.chunks; k++) EACH_LANE(l) g[k * LANES + l] = rest[l];
        for (ptrdiff_t l = 0; l < at.rows; l++) {
            ptrdiff_t top = position(&at, h->top[l], l), own = position(&at, h->label[l], l);
            if (top >= 0 && h->loss[l] != 0) g[top] = h->k[l];
            if (own >= 0) g[own] = h->entry[l];
        }
        deliver(&at, FL_GRAD, g);
    }
}

INLINE void hinge_of_largest(const fl_call *call, const fl_run *run, T floor) {
    hinge_rows h;
    for (ptrdiff_t row = 0; row < run->n; row += call->lanes_across ? LANES : 1) {
        place at = stand(call, run, row);
        largest_others(at, &h, floor);
        if (call->op[FL_GRAD].data) write_largest(at, &h);
    }
    stream_fence(call->stream);
}

static void rows_multiclass_hinge(const fl_call *call, const fl_run *run) { hinge_of_largest(call, run, -T_INF); }
static void rows_categorical_hinge(const fl_call *call, const fl_run *run) { hinge_of_largest(call, run, 0); }

/* One term: m = margin - s_y + s_c, its value and its slope. A NaN stays. */
INLINE T violation(T x, T score, T margin) {
    T m = margin + (x - score);
    m = x == -T_INF ? 0 : m; /* the label itself, the padding, or a class out of reach of any score */
    return m <= 0 ? 0 : m;
}

INLINE void margin_sums(const T *x, ptrdiff_t chunks, const T *scores, T margin, int squared, double *value, double *slope) {
    T score[LANES];
    double v[LANES], s[LANES];
    memcpy(score, scores, sizeof score), memcpy(v, value, sizeof v), memcpy(s, slope, sizeof s);
    for (ptrdiff_t k = 0; k < chunks; k++) {
        T m[LANES], d[LANES];
        EACH_LANE(l) {
            T over = violation(x[k * LANES + l], score[l], margin);
            m[l] = squared ? over * over : over;
            d[l] = squared ? 2 * over : where_(over != 0, 1);
        }
        EACH_LANE(l) v[l] += (double)m[l], s[l] += (double)d[l];
    }
    memcpy(value, v, sizeof v), memcpy(slope, s, sizeof s);
}

INLINE void margin_gradient(const T *x, ptrdiff_t chunks, const T *scores, const T *ks, T margin, int squared, T *g) {
    T score[LANES], k_[LANES];
    memcpy(score, scores, sizeof score), memcpy(k_, ks, sizeof k_);
    for (ptrdiff_t k = 0; k < chunks; k++)
        EACH_LANE(l) {
            T over = violation(x[k * LANES + l], score[l], margin), d = squared ? 2 * over : where_(over != 0, 1);
            g[k * LANES + l] = where_(k_[l] != 0, k_[l] * d);
        }
}

static void margin_rows(place at, T margin, int squared) {
    T xs[TILE], g[TILE], score[LANES], k[LANES];
    double value[LANES] = {0}, slope[LANES] = {0}, total[2][LANES] = {{0}};
    const void *gain = at.call->softmax.gain;
    hinge_rows h;
    place start = at;
    hinge_begin(at, &h);
    EACH_LANE(l) score[l] = h.score[at.wide ? 0 : l];
    while (next_tile(&at)) {
        const T *x = fetch_others(&at, h.label, xs);
        look_ahead(&at, FL_PRED);
        if (squared) margin_sums(x, at.chunks, score, margin, 1, value, slope);
        else margin_sums(x, at.chunks, score, margin, 0, value, slope);
    }
    add_double_lanes(total[0], value, &at);
    add_double_lanes(total[1], slope, &at);
    for (ptrdiff_t l = 0; l < at.rows; l++) {
        double by = (double)per_class(gain, h.label[l] < 0 ? 0 : (ptrdiff_t)h.label[l], 1) / (double)at.call->classes;
        double loss = by == 0 ? 0 : by * total[0][l], seen = (double)h.score[l];
        loss = total[0][l] == total[0][l] ? loss : total[0][l];
        h.loss[l] = (T)(seen == seen ? loss : seen);
        h.weight[l] *= by == 0 && h.loss[l] != h.loss[l] ? 1 : by; /* a NaN is not lost */
    }
    hinge_finish(start, &h);
    if (!at.call->op[FL_GRAD].data) return;
    for (ptrdiff_t l = 0; l < at.rows; l++) h.entry[l] = h.k[l] == 0 ? 0 : (T)(0 - (double)h.k[l] * total[1][l]);
    EACH_LANE(l) k[l] = h.k[at.wide ? 0 : l];
    for (at = start; next_tile(&at);) {
        const T *x = fetch_others(&at, h.label, xs);
        if (squared) margin_gradient(x, at.chunks, score, k, margin, 1, g);
        else margin_gradient(x, at.chunks, score, k, margin, 0, g);
        for (ptrdiff_t l = 0; l < at.rows; l++) {
            ptrdiff_t own = position(&at, h.label[l], l);
            if (own >= 0) g[own] = h.entry[l];
        }
        deliver(&at, FL_GRAD, g);
    }
}

static void rows_multi_margin(const fl_call *call, const fl_run *run) {
    for (ptrdiff_t row = 0; row < run->n; row += call->lanes_across ? LANES : 1)
        margin_rows(stand(call, run, row), (T)call->parameter[0], call->parameter[1] == 2);
    stream_fence(call->stream);
}

#endif
