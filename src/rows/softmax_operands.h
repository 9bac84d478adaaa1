/* Logits and targets as the softmax family sees them: u = softcap(x) with its slopes, and q = gain * t + smooth. */
#ifndef FL_SOFTMAX_OPERANDS_H
#define FL_SOFTMAX_OPERANDS_H

#include "../elementary.h"
#include "tile.h"

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

INLINE const T *fetch_logits(const place *at, T *tile) {
    const fl_softmax *p = &at->call->softmax;
    const T *x = fetch(at, FL_PRED, tile, -T_INF);
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

/* q of a tile: soft targets times gain, or gain at the labels, plus smooth. */
static const T *fetch_target(const place *at, const int64_t *label, T *tile) {
    const fl_softmax *p = &at->call->softmax;
    int soft = at->call->op[FL_TARGET].data != NULL;
    if (soft) {
        const T *t = fetch(at, FL_TARGET, tile, 0);
        if (!p->gain && !p->smooth) return t;
        if (t != tile) memcpy(tile, t, (size_t)(at->chunks * LANES) * sizeof(T));
    } else memset(tile, 0, (size_t)(at->chunks * LANES) * sizeof(T));

    for (ptrdiff_t i = 0; (p->gain || p->smooth) && i < at->chunks * LANES; i++) {
        ptrdiff_t c = at->c + (at->wide ? i : i / LANES);
        if (c < at->call->classes) tile[i] = per_class(p->gain, c, 1) * tile[i] + per_class(p->smooth, c, 0);
    }
    for (ptrdiff_t l = 0; !soft && l < at->rows; l++) {
        ptrdiff_t i = position(at, label[l], l);
        if (i >= 0) tile[i] += per_class(p->gain, (ptrdiff_t)label[l], 1);
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
