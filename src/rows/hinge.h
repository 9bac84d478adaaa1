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
static const T *load_others(const tile_cursor *cursor, const int64_t *label, T *tile) {
    const T *x = load_tile(cursor, FL_PRED, tile, -T_INF);
    for (ptrdiff_t l = 0; l < cursor->rows; l++) {
        ptrdiff_t i = tile_position(cursor, label[l], l);
        if (i >= 0) x = writable_tile(cursor, x, tile), tile[i] = -T_INF;
    }
    return x;
}

/* The scores of LANES rows and what follows from them. */
typedef struct {
    ptrdiff_t first, rows;
    int64_t label[LANES];
    double weight[LANES];
    T score[LANES]; /* at the label */
    T k[LANES];     /* scale * weight; NaN if the row has a NaN */
    T loss[LANES], grad_at_label[LANES];
    T max[LANES];         /* of the others */
    ptrdiff_t top[LANES]; /* the class of that maximum, -1: none */
} hinge_rows;

static void hinge_begin(tile_cursor cursor, hinge_rows *h) {
    const fl_operand *op = &cursor.call->op[FL_PRED];
    read_labels(cursor.call, cursor.span, cursor.row, cursor.rows, h->label, h->weight);
    EACH_LANE(l) h->score[l] = 0;
    for (ptrdiff_t l = 0; l < cursor.rows; l++)
        if (h->label[l] >= 0)
            h->score[l] =
                load_one(row_address(cursor.span, FL_PRED, cursor.row + l) + (ptrdiff_t)h->label[l] * op->class_stride,
                         op->type);
}

static void hinge_finish(tile_cursor cursor, hinge_rows *h) {
    T *value = (T *)cursor.span->value + cursor.row;
    for (ptrdiff_t l = 0; l < cursor.rows; l++) {
        T k = (T)(cursor.call->scale * h->weight[l]);
        value[l] = h->label[l] < 0 ? 0 : h->loss[l];
        h->k[l] = k == 0 ? 0 : value[l] == value[l] ? k : T_NAN;
    }
}

/* Lane maxima of a tile, and the first chunk that has each; `bad` becomes NaN where there is one. */
INLINE void tile_first_max(const T *x, ptrdiff_t chunks, T *top, T *chunk, T *bad) {
    T max[LANES], first[LANES], nan[LANES];
    EACH_LANE(l) max[l] = -T_INF, first[l] = -1, nan[l] = bad[l];
    for (ptrdiff_t k = 0; k < chunks; k++)
        EACH_LANE(l) {
            T y = x[k * LANES + l];
            int rises = y > max[l];
            max[l] = rises ? y : max[l];
            first[l] = rises ? (T)k : first[l];
            nan[l] = y == y ? nan[l] : y;
        }
    memcpy(top, max, sizeof max);
    memcpy(chunk, first, sizeof first);
    memcpy(bad, nan, sizeof nan);
}

/* The largest of the others in each row, and no less than `floor`. */
static void largest_others(tile_cursor cursor, hinge_rows *h, T floor) {
    T xs[TILE], top[LANES], chunk[LANES], bad[LANES] = {0};
    tile_cursor start = cursor;
    hinge_begin(cursor, h);
    EACH_LANE(l) h->max[l] = floor, h->top[l] = -1;
    while (next_tile(&cursor)) {
        tile_first_max(load_others(&cursor, h->label, xs), cursor.chunks, top, chunk, bad);
        prefetch_next(&cursor, FL_PRED);
        for (ptrdiff_t l = 0; l < LANES; l++) {
            ptrdiff_t row = cursor.wide ? 0 : l,
                      c = cursor.c + (cursor.wide ? (ptrdiff_t)chunk[l] * LANES + l : (ptrdiff_t)chunk[l]);
            /* Another lane may have the same maximum, but at a later class. */
            int same = cursor.wide && top[l] == h->max[row] && h->top[row] > c;
            if (chunk[l] < 0 || !(top[l] > h->max[row] || same)) continue;
            h->max[row] = top[l];
            h->top[row] = c;
        }
    }
    for (ptrdiff_t l = 0; l < cursor.rows; l++) {
        T over = 1 + (h->max[l] - h->score[l]), seen = bad[l] == bad[l] ? h->score[l] : bad[l];
        for (int i = 0; cursor.wide && i < LANES; i++) seen = bad[i] == bad[i] ? seen : bad[i];
        over = over <= 0 ? 0 : over;
        h->loss[l] = seen == seen ? over : seen;
    }
    hinge_finish(start, h);
    for (ptrdiff_t l = 0; l < cursor.rows; l++) h->grad_at_label[l] = h->loss[l] == 0 ? 0 : 0 - h->k[l];
}

/* k at the largest of the others where the loss is active. */
static void write_largest(tile_cursor cursor, const hinge_rows *h) {
    T g[TILE], rest[LANES];
    EACH_LANE(l) {
        T k = h->k[cursor.wide ? 0 : l];
        rest[l] = k == k ? 0 : k;
    }
    while (next_tile(&cursor)) {
        for (ptrdiff_t k = 0; k < cursor.chunks; k++)
            EACH_LANE(l) g[k * LANES + l] = rest[l];
        for (ptrdiff_t l = 0; l < cursor.rows; l++) {
            ptrdiff_t top = tile_position(&cursor, h->top[l], l), label = tile_position(&cursor, h->label[l], l);
            if (top >= 0 && h->loss[l] != 0) g[top] = h->k[l];
            if (label >= 0) g[label] = h->grad_at_label[l];
        }
        store_tile(&cursor, FL_GRAD, g);
    }
}

INLINE void hinge_of_largest(const fl_call *call, const fl_span *span, T floor) {
    hinge_rows h;
    for (ptrdiff_t row = 0; row < span->n; row += call->lanes_across ? LANES : 1) {
        tile_cursor cursor = tile_cursor_at(call, span, row);
        largest_others(cursor, &h, floor);
        if (call->op[FL_GRAD].data) write_largest(cursor, &h);
    }
    stream_fence(call->stream);
}

static void rows_multiclass_hinge(const fl_call *call, const fl_span *span) { hinge_of_largest(call, span, -T_INF); }
static void rows_categorical_hinge(const fl_call *call, const fl_span *span) { hinge_of_largest(call, span, 0); }

/* One term: m = margin - s_y + s_c, its value and its slope. A NaN stays a NaN. */
INLINE T margin_violation(T x, T score, T margin) {
    T m = margin + (x - score);
    m = x == -T_INF ? 0 : m; /* the label itself, the padding, or a class out of reach of any score */
    return m <= 0 ? 0 : m;
}

INLINE void margin_sums(const T *x, ptrdiff_t chunks, const T *scores, T margin, int squared, double *value,
                        double *slope) {
    T score[LANES];
    double v[LANES], s[LANES];
    memcpy(score, scores, sizeof score), memcpy(v, value, sizeof v), memcpy(s, slope, sizeof s);
    for (ptrdiff_t k = 0; k < chunks; k++) {
        T m[LANES], d[LANES];
        EACH_LANE(l) {
            T over = margin_violation(x[k * LANES + l], score[l], margin);
            m[l] = squared ? over * over : over;
            d[l] = squared ? 2 * over : zero_unless(over != 0, 1);
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
            T over = margin_violation(x[k * LANES + l], score[l], margin),
              d = squared ? 2 * over : zero_unless(over != 0, 1);
            g[k * LANES + l] = zero_unless(k_[l] != 0, k_[l] * d);
        }
}

static void margin_rows(tile_cursor cursor, T margin, int squared) {
    T xs[TILE], g[TILE], score[LANES], k[LANES];
    double value[LANES] = {0}, slope[LANES] = {0}, total[2][LANES] = {{0}};
    const void *gain = cursor.call->targets.gain;
    hinge_rows h;
    tile_cursor start = cursor;
    hinge_begin(cursor, &h);
    EACH_LANE(l) score[l] = h.score[cursor.wide ? 0 : l];
    while (next_tile(&cursor)) {
        const T *x = load_others(&cursor, h.label, xs);
        prefetch_next(&cursor, FL_PRED);
        if (squared) margin_sums(x, cursor.chunks, score, margin, 1, value, slope);
        else margin_sums(x, cursor.chunks, score, margin, 0, value, slope);
    }
    add_double_lanes(total[0], value, &cursor);
    add_double_lanes(total[1], slope, &cursor);
    for (ptrdiff_t l = 0; l < cursor.rows; l++) {
        double by =
            (double)per_class(gain, h.label[l] < 0 ? 0 : (ptrdiff_t)h.label[l], 1) / (double)cursor.call->classes;
        double loss = by == 0 ? 0 : by * total[0][l], seen = (double)h.score[l];
        loss = total[0][l] == total[0][l] ? loss : total[0][l];
        h.loss[l] = (T)(seen == seen ? loss : seen);
        h.weight[l] *= by == 0 && h.loss[l] != h.loss[l] ? 1 : by; /* a NaN is not lost */
    }
    hinge_finish(start, &h);
    if (!cursor.call->op[FL_GRAD].data) return;
    for (ptrdiff_t l = 0; l < cursor.rows; l++)
        h.grad_at_label[l] = h.k[l] == 0 ? 0 : (T)(0 - (double)h.k[l] * total[1][l]);
    EACH_LANE(l) k[l] = h.k[cursor.wide ? 0 : l];
    for (cursor = start; next_tile(&cursor);) {
        const T *x = load_others(&cursor, h.label, xs);
        if (squared) margin_gradient(x, cursor.chunks, score, k, margin, 1, g);
        else margin_gradient(x, cursor.chunks, score, k, margin, 0, g);
        for (ptrdiff_t l = 0; l < cursor.rows; l++) {
            ptrdiff_t label = tile_position(&cursor, h.label[l], l);
            if (label >= 0) g[label] = h.grad_at_label[l];
        }
        store_tile(&cursor, FL_GRAD, g);
    }
}

static void rows_multi_margin(const fl_call *call, const fl_span *span) {
    for (ptrdiff_t row = 0; row < span->n; row += call->lanes_across ? LANES : 1)
        margin_rows(tile_cursor_at(call, span, row), (T)call->parameter[FL_MARGIN], call->parameter[FL_EXPONENT] == 2);
    stream_fence(call->stream);
}

#endif
