/* Logits and targets as the softmax family sees them: u = softcap(x) with its slopes, and q = gain * t + smooth. */
#ifndef FL_SOFTMAX_OPERANDS_H
#define FL_SOFTMAX_OPERANDS_H

#include "elementwise/formula.h"
#include "rows/tile.h"

/* u = softcap(x), and where asked u' and u''. tanh' as 4 e / (1 + e)^2 keeps its relative accuracy. */
static void cap(const fl_softmax *p, const T *x, ptrdiff_t n, T *u, T *slope, T *bend) {
    T cap = (T)p->softcap, scale = (T)p->logit_scale;
    for (ptrdiff_t i = 0; i < n; i++) {
        T y = scale * x[i] / cap; /* a rounded quotient as the factor would err by |y| eps more */
        u[i] = cap * tanh_(y);
        if (slope) {
            T e = exp_nonpositive(-2 * magnitude(y)), one = 1 + e;
            slope[i] = scale * 4 * e / (one * one);
            bend[i] = -2 * slope[i] * tanh_(y) * scale / cap;
        }
    }
}

/* The cosines at the labels as a margin loss lowers them, and the slopes of that.
 * Arc: cos(angle + margin) = c cos m - sin m sqrt(1 - c^2), c being clipped; where the angle would pass pi, c - m sin m.
 * Large: (-1)^k T_m(c) - 2k on the k-th of m equal parts of [0, pi], T_m and U_(m-1) by their recurrences. */
static void lower(const fl_softmax *p, T *logit, T *slope) {
    const T m = (T)p->margin, cosine = (T)p->bend[0], sine = (T)p->bend[1], least = 1 / (T)((Tuint)1 << FRACTION);
    if (p->margin_kind == FL_ADDITIVE) EACH_LANE(l) logit[l] -= m, slope[l] = 1;
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
                T t = 2 * c * t1 - t0, u = 2 * c * u1 - u0, next = c < (T)p->bend[j - 1] ? 1 : 0;
                t0 = t1, t1 = t, u0 = u1, u1 = u;
                part += next, sign = next != 0 ? -sign : sign;
            }
            logit[l] = sign * t1 - 2 * part;
            slope[l] = sign * m * u1;
        }
}

INLINE const T *fetch_logits(const place *at, const hard *y, T *tile) {
    const fl_softmax *p = &at->call->softmax;
    const T *x = fetch(at, FL_PRED, tile, -T_INF);
    if (p->margin_kind != FL_NO_MARGIN) {
        for (ptrdiff_t l = 0; l < at->rows; l++) {
            ptrdiff_t i = position(at, y->at[at->lane + l], l);
            if (i >= 0) x = writable(at, x, tile), tile[i] = y->logit[at->lane + l];
        }
        return x;
    }
    if (p->softcap == 0) return x;
    cap(p, x, at->chunks * LANES, tile, NULL, NULL);
    for (ptrdiff_t i = at->n; at->wide && i < at->chunks * LANES; i++) tile[i] = -T_INF;
    return tile;
}

static void slopes(const place *at, T *slope, T *bend) {
    const fl_softmax *p = &at->call->softmax;
    T raw[TILE], u[TILE];
    if (p->softcap != 0) {
        cap(p, fetch(at, FL_PRED, raw, 0), at->chunks * LANES, u, slope, bend);
        return;
    }
    for (ptrdiff_t i = 0; i < at->chunks * LANES; i++) slope[i] = (T)p->logit_scale, bend[i] = 0;
}

INLINE T per_class(const void *array, ptrdiff_t c, T absent) { return array ? ((const T *)array)[c] : absent; }

/* q of a tile: soft targets times gain, or gain at the labels, plus smooth. Where asked, log q as well. */
static const T *fetch_target(const place *at, const hard *y, T *tile, T *logs) {
    const fl_softmax *p = &at->call->softmax;
    int soft = at->call->op[FL_TARGET].data != NULL;
    if (soft) {
        const T *t = fetch(at, FL_TARGET, tile, p->log_target ? -T_INF : 0);
        if (p->log_target) {
            for (ptrdiff_t i = 0; logs && i < at->chunks * LANES; i++) logs[i] = t[i];
            for (ptrdiff_t i = 0; i < at->chunks * LANES; i++) tile[i] = exp_(t[i]);
            return tile;
        }
        for (ptrdiff_t i = 0; logs && i < at->chunks * LANES; i++) logs[i] = log_(t[i]);
        if (!p->gain && !p->smooth) return t;
        writable(at, t, tile);
    } else memset(tile, 0, (size_t)(at->chunks * LANES) * sizeof(T));

    for (ptrdiff_t i = 0; (p->gain || p->smooth) && i < at->chunks * LANES; i++) {
        ptrdiff_t c = at->c + (at->wide ? i : i / LANES);
        if (c < at->call->classes) tile[i] = per_class(p->gain, c, 1) * tile[i] + per_class(p->smooth, c, 0);
    }
    for (ptrdiff_t l = 0; !soft && l < at->rows; l++) {
        int64_t label = y->at[at->lane + l];
        ptrdiff_t i = position(at, label, l);
        if (i >= 0) tile[i] += per_class(p->gain, (ptrdiff_t)label, 1);
    }
    return tile;
}

static T logit_at(const fl_call *call, const fl_run *run, ptrdiff_t row, ptrdiff_t c) {
    const fl_softmax *p = &call->softmax;
    const fl_operand *op = &call->op[FL_PRED];
    T x = load_one(row_of(run, FL_PRED, row) + c * op->along, op->type), u;
    if (p->softcap == 0) return x;
    cap(p, &x, 1, &u, NULL, NULL);
    return u;
}

#endif
