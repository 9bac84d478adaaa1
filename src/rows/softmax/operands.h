/* The logits and targets of the softmax family: u = softcap(x) with its slopes, and q = gain * t + smooth. */
#ifndef FL_SOFTMAX_OPERANDS_H
#define FL_SOFTMAX_OPERANDS_H

#include "elementwise/formula.h"
#include "rows/tile.h"

/* u = softcap(x), and u' and u'' unless `slope` is NULL. tanh' as 4 e / (1 + e)^2 keeps its relative accuracy. */
static void apply_softcap(const fl_softmax *p, const T *x, ptrdiff_t n, T *u, T *slope, T *curvature) {
    T limit = (T)p->softcap, scale = (T)p->logit_scale;
    for (ptrdiff_t i = 0; i < n; i++) {
        T y = scale * x[i] / limit; /* with scale / limit as one rounded factor the error would be |y| eps larger */
        u[i] = limit * tanh_(y);
        if (slope) {
            T e = exp_nonpositive(-2 * magnitude(y)), one = 1 + e;
            slope[i] = scale * 4 * e / (one * one);
            curvature[i] = -2 * slope[i] * tanh_(y) * scale / limit;
        }
    }
}

/* Applies the margin to the cosines at the labels, and gives the slopes of that.
 * Arc: cos(angle + margin) = c cos m - sin m sqrt(1 - c^2), c being clipped; where the angle would pass pi, c - m sin
 * m.
 * Large: (-1)^k T_m(c) - 2k on the k-th of m equal parts of [0, pi], T_m and U_(m-1) by their recurrences. */
static void apply_margin(const fl_softmax *p, T *logit, T *slope) {
    const T m = (T)p->margin, cosine = (T)p->margin_constants[0], sine = (T)p->margin_constants[1],
            least = 1 / (T)((Tuint)1 << FRACTION);
    if (p->margin_kind == FL_ADDITIVE)
        EACH_LANE(l) logit[l] -= m, slope[l] = 1;
    if (p->margin_kind == FL_ARC)
        EACH_LANE(l) {
            T c = logit[l] > 1 ? 1 : logit[l];
            c = c < -1 ? -1 : c;
            T square = (1 - c) * (1 + c), root = square_root(square < least ? least : square), turn = sine * c / root;
            turn = square < least ? 0 : turn;
            T inside = c * cosine - sine * root, beyond = c - m * sine, slope_inside = cosine + turn;
            T by = c <= -cosine ? 1 : slope_inside;
            slope[l] = c == logit[l] ? by : 0;
            logit[l] = c <= -cosine ? beyond : inside;
        }
    const int parts = p->margin_kind == FL_LARGE ? (int)p->margin : 0;
    if (p->margin_kind == FL_LARGE)
        for (int l = 0; l < LANES; l++) {
            T c = logit[l], part = 0, sign = 1, t0 = 1, t1 = c, u0 = 0, u1 = 1;
            for (int j = 1; j < parts; j++) {
                T t = 2 * c * t1 - t0, u = 2 * c * u1 - u0, next = c < (T)p->margin_constants[j - 1] ? 1 : 0;
                t0 = t1, t1 = t, u0 = u1, u1 = u;
                part += next, sign = next != 0 ? -sign : sign;
            }
            logit[l] = sign * t1 - 2 * part;
            slope[l] = sign * m * u1;
        }
}

INLINE const T *load_logits(const tile_cursor *cursor, const row_labels *y, T *tile) {
    const fl_softmax *p = &cursor->call->softmax;
    const T *x = load_tile(cursor, FL_PRED, tile, -T_INF);
    if (p->margin_kind != FL_NO_MARGIN) {
        for (ptrdiff_t l = 0; l < cursor->rows; l++) {
            ptrdiff_t i = tile_position(cursor, y->label[cursor->lane + l], l);
            if (i >= 0) x = writable_tile(cursor, x, tile), tile[i] = y->logit[cursor->lane + l];
        }
        return x;
    }
    if (p->softcap == 0) return x;
    apply_softcap(p, x, cursor->chunks * LANES, tile, NULL, NULL);
    for (ptrdiff_t i = cursor->n; cursor->wide && i < cursor->chunks * LANES; i++) tile[i] = -T_INF;
    return tile;
}

static void logit_slopes(const tile_cursor *cursor, T *slope, T *curvature) {
    const fl_softmax *p = &cursor->call->softmax;
    T raw[TILE], u[TILE];
    if (p->softcap != 0) {
        apply_softcap(p, load_tile(cursor, FL_PRED, raw, 0), cursor->chunks * LANES, u, slope, curvature);
        return;
    }
    for (ptrdiff_t i = 0; i < cursor->chunks * LANES; i++) slope[i] = (T)p->logit_scale, curvature[i] = 0;
}

INLINE T per_class(const void *array, ptrdiff_t c, T absent) { return array ? ((const T *)array)[c] : absent; }

/* q of a tile: soft targets times gain, or gain at the labels, plus smooth. Unless `logs` is NULL, log q as well. */
static const T *load_target(const tile_cursor *cursor, const row_labels *y, T *tile, T *logs) {
    const fl_targets *p = &cursor->call->targets;
    int soft = cursor->call->op[FL_TARGET].data != NULL;
    if (soft) {
        const T *t = load_tile(cursor, FL_TARGET, tile, p->log_target ? -T_INF : 0);
        if (p->log_target) {
            for (ptrdiff_t i = 0; logs && i < cursor->chunks * LANES; i++) logs[i] = t[i];
            for (ptrdiff_t i = 0; i < cursor->chunks * LANES; i++) tile[i] = exp_(t[i]);
            return tile;
        }
        for (ptrdiff_t i = 0; logs && i < cursor->chunks * LANES; i++) logs[i] = log_(t[i]);
        if (!p->gain && !p->smooth) return t;
        writable_tile(cursor, t, tile);
    } else memset(tile, 0, (size_t)(cursor->chunks * LANES) * sizeof(T));

    for (ptrdiff_t i = 0; (p->gain || p->smooth) && i < cursor->chunks * LANES; i++) {
        ptrdiff_t c = cursor->c + (cursor->wide ? i : i / LANES);
        if (c < cursor->call->classes) tile[i] = per_class(p->gain, c, 1) * tile[i] + per_class(p->smooth, c, 0);
    }
    for (ptrdiff_t l = 0; !soft && l < cursor->rows; l++) {
        int64_t label = y->label[cursor->lane + l];
        ptrdiff_t i = tile_position(cursor, label, l);
        if (i >= 0) tile[i] += per_class(p->gain, (ptrdiff_t)label, 1);
    }
    return tile;
}

static T logit_at(const fl_call *call, const fl_span *span, ptrdiff_t row, ptrdiff_t c) {
    const fl_softmax *p = &call->softmax;
    const fl_operand *op = &call->op[FL_PRED];
    T x = load_one(row_address(span, FL_PRED, row) + c * op->class_stride, op->type), u;
    if (p->softcap == 0) return x;
    apply_softcap(p, &x, 1, &u, NULL, NULL);
    return u;
}

#endif
