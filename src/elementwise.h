/* The one elementwise kernel.
 *
 * pred, target: n elements each, any type and stride; `extra`, where there is one, replaces parameter 0 element
 * by element. value[i] = loss(pred_i, target_i); with k_i = scale * weight_i, grad_i = k_i dloss/dpred,
 * hess_i = k_i d2loss/dpred2, second_i = k_i dloss/dextra. One pass over memory. An element of weight 0 has
 * gradient 0 whatever it holds, NaN included. Without a target the loss is a function of pred alone.
 */
#ifndef FL_ELEMENTWISE_H
#define FL_ELEMENTWISE_H

#include "block.h"
#include "losses/point.h"

/* k: what the gradient of each element is multiplied by, or NULL: `scale`. Constant NULLs among the pointers
 * make each combination in use a loop of its own. */
typedef struct {
    const T *x, *y, *extra, *k;
    T scale;
    T *value, *grad, *hess, *second;
} block;

INLINE void points(point_loss *loss, const parameters *own, ptrdiff_t n, block b) {
    for (ptrdiff_t i = 0; i < n; i++) {
        parameters here = *own;
        if (b.extra) here.k[0] = b.extra[i];
        point p = loss(b.x[i], b.y[i], &here);
        T k = b.k ? b.k[i] : b.scale;
        b.value[i] = p.value;
        if (b.grad) b.grad[i] = b.k ? where_(k != 0, k * p.grad) : k * p.grad;
        if (b.hess) b.hess[i] = where_(k != 0, k * p.hess);
        if (b.second) b.second[i] = where_(k != 0, k * p.second);
    }
}

/* The combinations in use: what a training step asks for, and everything. */
INLINE void choose(point_loss *loss, const parameters *own, ptrdiff_t n, block b, int weighted, int gradient,
                   int everything) {
    block first = {.x = b.x, .y = b.y, .extra = b.extra, .value = b.value}, plain = first, each = first;
    plain.scale = b.scale, plain.grad = each.grad = b.grad, each.k = b.k;
    if (!gradient) points(loss, own, n, first);
    else if (everything) points(loss, own, n, b);
    else if (weighted) points(loss, own, n, each);
    else points(loss, own, n, plain);
}

enum { SCALAR, ARRAY };

INLINE void each(const fl_call *call, const fl_run *run, point_loss *loss, int takes_array) {
    T xs[FL_BLOCK], ys[FL_BLOCK], extras[FL_BLOCK], k[FL_BLOCK], g[FL_BLOCK], h[FL_BLOCK], s[FL_BLOCK];
    const fl_operand *op = call->op;
    const struct { int role; T *at; } result[] = {{FL_GRAD, g}, {FL_HESS, h}, {FL_SECOND, s}};
    ptrdiff_t first = run->row, n = run->n;
    int everything = op[FL_HESS].data || op[FL_SECOND].data, weighted = run->weight != NULL;
    parameters own = own_parameters(call);
    const T *x = load_block(xs, call, FL_PRED, first, n);
    const T *y = op[FL_TARGET].data ? load_block(ys, call, FL_TARGET, first, n) : x;
    block b = {.x = x, .y = y, .k = k, .scale = (T)call->scale, .value = run->value, .grad = g, .hess = h, .second = s};

    if (op[FL_GRAD].data && (weighted || everything))
        for (ptrdiff_t i = 0; i < n; i++) k[i] = (T)((weighted ? run->weight[i] : 1) * call->scale);
    if (takes_array == ARRAY && op[FL_EXTRA].data) {
        own.low[0] = 0;
        b.extra = load_block(extras, call, FL_EXTRA, first, n);
        choose(loss, &own, n, b, weighted, op[FL_GRAD].data != NULL, everything);
    } else choose(loss, &own, n, b, weighted, op[FL_GRAD].data != NULL, everything);
    for (int i = 0; i < 3; i++)
        if (op[result[i].role].data) store_block(call, result[i].role, first, result[i].at, n);
    stream_fence(call->stream);
}

#endif
