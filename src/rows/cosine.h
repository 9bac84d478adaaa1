/* Losses of two vectors a and b a row (n, c), through t = <a, b> / (|a| |b|).
 *
 *     distance    1 - t
 *     embedding   1 - t where y = 1, max(0, t - margin) where y = -1
 *     dt/da = (b / |b| - t a / |a|) / |a|,  dt/db likewise;  a zero vector has t = 0 and gradient 0
 *
 * Two passes: the three products, in double; then the gradients. Where a square leaves the range of double, rows are
 * scaled by a power of two near their largest entry.
 */
#ifndef FL_COSINE_H
#define FL_COSINE_H

#include "rows/tile.h"

typedef struct {
    double ab[LANES], aa[LANES], bb[LANES];
} products;

INLINE void add_products(const T *a, const T *b, ptrdiff_t chunks, const double *as, const double *bs, products *sum) {
    products s = *sum;
    double scale_a[LANES], scale_b[LANES];
    memcpy(scale_a, as, sizeof scale_a);
    memcpy(scale_b, bs, sizeof scale_b);
    for (ptrdiff_t k = 0; k < chunks; k++)
        EACH_LANE(l) {
            double x = (double)a[k * LANES + l] * scale_a[l], y = (double)b[k * LANES + l] * scale_b[l];
            s.ab[l] += x * y;
            s.aa[l] += x * x;
            s.bb[l] += y * y;
        }
    *sum = s;
}

static products sweep(tile_cursor cursor, const double *as, const double *bs) {
    T x[TILE], y[TILE];
    products lanes = {{0}, {0}, {0}}, s = {{0}, {0}, {0}};
    while (next_tile(&cursor)) {
        const T *a = load_tile(&cursor, FL_PRED, x, 0);
        prefetch_next(&cursor, FL_PRED);
        prefetch_next(&cursor, FL_TARGET);
        add_products(a, load_tile(&cursor, FL_TARGET, y, 0), cursor.chunks, as, bs, &lanes);
    }
    add_double_lanes(s.ab, lanes.ab, &cursor);
    add_double_lanes(s.aa, lanes.aa, &cursor);
    add_double_lanes(s.bb, lanes.bb, &cursor);
    return s;
}

/* A power of two that brings each row's largest entry near 1; 1 where there is none. */
static void scales_of(tile_cursor cursor, int role, double *scale) {
    const int least = FL_BITS == 32 ? -126 : -1022;
    T tile[TILE], max[LANES] = {0};
    while (next_tile(&cursor)) {
        const T *x = load_tile(&cursor, role, tile, 0);
        for (ptrdiff_t k = 0; k < cursor.chunks; k++)
            EACH_LANE(l) max[l] = max_(x[k * LANES + l] < 0 ? -x[k * LANES + l] : x[k * LANES + l], max[l]);
    }
    for (int l = 0; l < LANES; l++) {
        T most = cursor.wide ? max_lanes(max) : max[l];
        int exponent = 0;
        if (most > 0 && is_finite(most)) {
            for (double m = (double)most; m >= 2; m /= 2) exponent++;
            for (double m = (double)most; m < 1; m *= 2) exponent--;
        }
        /* Not beyond the normal numbers, whose reciprocals are numbers. */
        exponent = exponent < least ? least : exponent;
        scale[l] = 1;
        for (int i = 0; i < exponent; i++) scale[l] /= 2;
        for (int i = 0; i > exponent; i--) scale[l] *= 2;
    }
}

/* Did a square of row l overflow, or come so far from 1 that T might not hold the gradient's factors? */
INLINE int out_of_range(const products *s, ptrdiff_t l) {
    const double least = FL_BITS == 32 ? 0x1p-80 : 0x1p-900, most = FL_BITS == 32 ? 0x1p80 : 0x1p900;
    return !(s->aa[l] < most && s->bb[l] < most) || s->aa[l] < least || s->bb[l] < least;
}

/* The products, and the scales they are in: a row's do not depend on its neighbours. */
static products scaled_sweep(tile_cursor cursor, double *as, double *bs) {
    EACH_LANE(l) as[l] = bs[l] = 1;
    products s = sweep(cursor, as, bs);
    int any = 0;
    for (ptrdiff_t l = 0; l < cursor.rows; l++) any |= out_of_range(&s, l);
    if (!any) return s;
    scales_of(cursor, FL_PRED, as);
    scales_of(cursor, FL_TARGET, bs);
    for (ptrdiff_t l = 0; l < cursor.rows && !cursor.wide; l++)
        if (!out_of_range(&s, l)) as[l] = bs[l] = 1;
    return sweep(cursor, as, bs);
}

/* The gradient by a is (own * a + other * b) * a's scale, a and b scaled: the sum comes first, since one of its
 * terms times the scale may leave the range of T. */
typedef struct {
    T own[LANES], other[LANES];
} pair;

INLINE void cosine_gradient(const tile_cursor *cursor, const T *a, const T *b, const double *as, const double *bs,
                            const pair *by, T *g) {
    T p[LANES], q[LANES], scale_a[LANES], scale_b[LANES];
    broadcast(p, by->own, cursor);
    broadcast(q, by->other, cursor);
    EACH_LANE(l) scale_a[l] = (T)as[l], scale_b[l] = (T)bs[l];
    for (ptrdiff_t k = 0; k < cursor->chunks; k++)
        EACH_LANE(l) {
            T x = a[k * LANES + l] * scale_a[l], y = b[k * LANES + l] * scale_b[l];
            T along = zero_unless(p[l] != 0, p[l] * x), across = zero_unless(q[l] != 0, q[l] * y);
            g[k * LANES + l] = (along + across) * scale_a[l];
        }
}

static void write_cosine(tile_cursor cursor, const double *as, const double *bs, const pair *first,
                         const pair *second) {
    T x[TILE], y[TILE], g[TILE], h[TILE];
    const fl_operand *op = cursor.call->op;
    while (next_tile(&cursor)) {
        const T *a = load_tile(&cursor, FL_PRED, x, 0), *b = load_tile(&cursor, FL_TARGET, y, 0);
        cosine_gradient(&cursor, a, b, as, bs, first, g);
        if (op[FL_SECOND_GRAD].data) cosine_gradient(&cursor, b, a, bs, as, second, h);
        store_tile(&cursor, FL_GRAD, g);
        if (op[FL_SECOND_GRAD].data) store_tile(&cursor, FL_SECOND_GRAD, h);
    }
}

static double root_of(double x) { return __builtin_sqrt(x); }

static void cosine_rows(tile_cursor cursor, int embedding) {
    const fl_call *call = cursor.call;
    double as[LANES], bs[LANES], weight[LANES];
    int64_t label[LANES];
    T *value = (T *)cursor.span->value + cursor.row;
    pair first = {{0}, {0}}, second = first;
    products s;
    s = scaled_sweep(cursor, as, bs);
    read_labels(call, cursor.span, cursor.row, cursor.rows, label, weight);
    for (ptrdiff_t l = 0; l < cursor.rows; l++) {
        double a = root_of(s.aa[l]), b = root_of(s.bb[l]),
               t = s.ab[l] == s.ab[l] && (a == 0 || b == 0) ? 0 : s.ab[l] / a / b;
        t = t > 1 ? 1 : t;
        t = t < -1 ? -1 : t;
        double loss = 1 - t, slope = -1;
        if (embedding && load_one(row_address(cursor.span, FL_ARRAY_PARAMETER, cursor.row + l),
                                  call->op[FL_ARRAY_PARAMETER].type) < 0) {
            loss = t - call->parameter[FL_MARGIN];
            slope = loss <= 0 ? 0 : 1;
            loss = loss <= 0 ? 0 : loss;
        }
        double k = weight[l] == 0 || (t == t && (a == 0 || b == 0)) ? 0 : slope * call->scale * weight[l];
        first.other[l] = (T)(k == 0 ? 0 : k / a / b);
        second.other[l] = (T)(k == 0 ? 0 : k / a / b);
        first.own[l] = (T)(k == 0 ? 0 : -k * t / a / a);
        second.own[l] = (T)(k == 0 ? 0 : -k * t / b / b);
        value[l] = (T)loss;
    }
    if (call->op[FL_GRAD].data) write_cosine(cursor, as, bs, &first, &second);
}

INLINE void cosine(const fl_call *call, const fl_span *span, int embedding) {
    for (ptrdiff_t row = 0; row < span->n; row += call->lanes_across ? LANES : 1)
        cosine_rows(tile_cursor_at(call, span, row), embedding);
    stream_fence(call->stream);
}

static void rows_cosine_distance(const fl_call *call, const fl_span *span) { cosine(call, span, 0); }
static void rows_cosine_embedding(const fl_call *call, const fl_span *span) { cosine(call, span, 1); }

#endif
