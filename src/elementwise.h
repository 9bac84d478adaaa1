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
#include "hessian.h"
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
        if (b.value) b.value[i] = p.value;
        if (b.grad) b.grad[i] = b.k ? where_(k != 0, k * p.grad) : k * p.grad;
        if (b.hess) b.hess[i] = where_(k != 0, k * p.hess);
        if (b.second) b.second[i] = where_(k != 0, k * p.second);
    }
}

enum { SCALAR, ARRAY };
enum { LOSS, GRADIENT, WEIGHTED_GRADIENT, HESSIAN, TWO_GRADIENTS };

/* The combinations in use. Beside a Hessian there is no value: a logarithm less. */
INLINE void choose(point_loss *loss, const parameters *own, ptrdiff_t n, block b, int what, int takes_array) {
    block first = {.x = b.x, .y = b.y, .extra = b.extra, .value = b.value}, plain = first, each = first, two, hess;
    plain.scale = b.scale, plain.grad = each.grad = b.grad, each.k = b.k;
    two = each, two.second = b.second;
    hess = each, hess.hess = b.hess, hess.value = NULL;
    if (what == LOSS) points(loss, own, n, first);
    else if (what == GRADIENT) points(loss, own, n, plain);
    else if (what == WEIGHTED_GRADIENT) points(loss, own, n, each);
    else if (what == HESSIAN) points(loss, own, n, hess);
    else if (takes_array == ARRAY) points(loss, own, n, two);
}

INLINE void each(const fl_call *call, const fl_run *run, point_loss *loss, int takes_array) {
    T xs[FL_BLOCK], ys[FL_BLOCK], extras[FL_BLOCK], k[FL_BLOCK], g[FL_BLOCK], h[FL_BLOCK], s[FL_BLOCK];
    const fl_operand *op = call->op;
    const struct { int role; T *at; } result[] = {{FL_GRAD, g}, {FL_HESS, h}, {FL_SECOND, s}};
    ptrdiff_t first = run->row, n = run->n;
    int weighted = run->weight != NULL, what = weighted ? WEIGHTED_GRADIENT : GRADIENT;
    parameters own = own_parameters(call);
    const T *x = load_block(xs, call, FL_PRED, first, n);
    const T *y = op[FL_TARGET].data ? load_block(ys, call, FL_TARGET, first, n) : x;
    block b = {.x = x, .y = y, .k = k, .scale = (T)call->scale, .value = run->value, .grad = g, .hess = h, .second = s};

    if (!op[FL_GRAD].data) what = LOSS;
    else if (op[FL_HESS].data) what = HESSIAN;
    else if (op[FL_SECOND].data) what = TWO_GRADIENTS;
    if (what > GRADIENT)
        for (ptrdiff_t i = 0; i < n; i++) k[i] = (T)((weighted ? run->weight[i] : 1) * call->scale);
    if (takes_array == ARRAY && op[FL_EXTRA].data) {
        own.low[0] = 0;
        b.extra = load_block(extras, call, FL_EXTRA, first, n);
        choose(loss, &own, n, b, what, ARRAY);
    } else choose(loss, &own, n, b, what, SCALAR);
    if (what == HESSIAN && call->hess_least > 0) raise_hess(call->hess_least, run->weight, h, n);
    for (int i = 0; i < 3; i++)
        if (op[result[i].role].data) store_block(call, result[i].role, first, result[i].at, n);
    stream_fence(call->stream);
}

#endif
