/* The one elementwise kernel.
 *
 * pred, target: n elements each, any type and stride; `extra`, where there is one, replaces parameter 0 element
 * by element. value[i] = loss(pred_i, target_i); with k_i = scale * weight_i, grad_i = k_i dloss/dpred,
 * hess_i = k_i d2loss/dpred2, or the least of hessian.h, second_i = k_i dloss/dextra. One pass over memory. An
 * element of weight 0 has gradient 0 whatever it holds, NaN included. Without a target the loss is a function of pred
 * alone.
 */
#ifndef FL_ELEMENTWISE_KERNEL_H
#define FL_ELEMENTWISE_KERNEL_H

#include "elementwise/block.h"
#include "base/hessian.h"
#include "elementwise/formula.h"

/* k: what the derivatives of each element are multiplied by; NULL: by `scale`, and no Hessian is below `least`, which
 * may be -inf. With a k the Hessians are raised afterwards. `bounded`: the Hessian is the loss's bound. Constant NULLs
 * among the pointers, and a constant `bounded`, make each combination in use a loop of its own. */
typedef struct {
    const T *x, *y, *extra, *head, *k;
    T scale, least;
    T *value, *grad, *hess, *second;
    int bounded;
} block;

/* Results may lie where the operands do, element by element, and nowhere else among them: in place. */
INLINE void points(point_loss *loss, const parameters *own, ptrdiff_t n, block b) {
    _Pragma("omp simd") for (ptrdiff_t i = 0; i < n; i++) {
        parameters here = *own;
        if (b.extra) here.k[0] = b.extra[i];
        if (b.head) here.head = b.head[i];
        point p = loss(b.x[i], b.y[i], &here);
        T k = b.k ? b.k[i] : b.scale, curvature = b.bounded ? p.bound : p.hess;
        if (b.value) b.value[i] = p.value;
        if (b.grad) b.grad[i] = b.k ? where_(k != 0, k * p.grad) : k * p.grad;
        if (b.hess) b.hess[i] = b.k ? where_(k != 0, k * curvature) : raised_to(k * curvature, b.least);
        if (b.second) b.second[i] = where_(k != 0, k * p.second);
    }
}

enum { SCALAR, ARRAY };
/* From WEIGHTED_GRADIENT on there is a k. */
enum {
    LOSS, GRADIENT, GRADIENT_ALONE, HESSIAN, BOUND,
    WEIGHTED_GRADIENT, WEIGHTED_HESSIAN, WEIGHTED_BOUND, TWO_GRADIENTS
};

/* The combinations in use. What is not asked for is not computed: beside a Hessian there is no value. */
INLINE void choose(point_loss *loss, const parameters *own, ptrdiff_t n, block b, int what, int takes_array) {
    block first = b, plain, alone, each, two, hess, weighted, bound, weighted_bound;
    first.bounded = 0, first.k = NULL, first.grad = first.hess = first.second = NULL;
    plain = first, plain.grad = b.grad;
    alone = each = plain, alone.value = NULL, each.k = b.k;
    hess = alone, hess.hess = b.hess;
    two = each, two.second = b.second;
    weighted = hess, weighted.k = b.k;
    bound = hess, weighted_bound = weighted, bound.bounded = weighted_bound.bounded = 1;
    if (what == LOSS) points(loss, own, n, first);
    else if (what == GRADIENT) points(loss, own, n, plain);
    else if (what == GRADIENT_ALONE) points(loss, own, n, alone);
    else if (what == HESSIAN) points(loss, own, n, hess);
    else if (what == BOUND) points(loss, own, n, bound);
    else if (what == WEIGHTED_GRADIENT) points(loss, own, n, each);
    else if (what == WEIGHTED_HESSIAN) points(loss, own, n, weighted);
    else if (what == WEIGHTED_BOUND) points(loss, own, n, weighted_bound);
    else if (takes_array == ARRAY) points(loss, own, n, two);
}

/* Where results are left: in memory at once if they can stand there as they are, else in the buffer, for store_block. */
static T *place_of_block(const fl_call *call, int role, ptrdiff_t first, T *buffer) {
    const fl_operand *op = &call->op[role];
    ptrdiff_t step = last_step(call, op);
    int direct = op->data && !call->stream && is_line(call, op) && is_native(op->data, op->type, step);
    return direct ? (T *)(void *)(op->data + first * step) : buffer;
}

INLINE void each(const fl_call *call, const fl_run *run, point_loss *loss, point_head *head, int takes_array) {
    T xs[FL_BLOCK], ys[FL_BLOCK], extras[FL_BLOCK], heads[FL_BLOCK], k[FL_BLOCK], g[FL_BLOCK], h[FL_BLOCK], s[FL_BLOCK];
    const fl_operand *op = call->op;
    ptrdiff_t first = run->row, n = run->n;
    int weighted = run->weight != NULL, what = call->valued ? GRADIENT : GRADIENT_ALONE;
    parameters own = own_parameters(call);
    const T *x = load_block(xs, call, FL_PRED, first, n);
    const T *y = op[FL_TARGET].data ? load_block(ys, call, FL_TARGET, first, n) : x;
    block b = {.x = x, .y = y, .k = k, .scale = (T)call->scale, .value = run->value};
    b.least = call->hess_least > 0 ? least_hess(call->hess_least, 1) : -T_INF;
    b.grad = place_of_block(call, FL_GRAD, first, g);
    b.hess = place_of_block(call, FL_HESS, first, h);
    b.second = place_of_block(call, FL_SECOND, first, s);

    if (!op[FL_GRAD].data) what = LOSS;
    else if (op[FL_HESS].data && call->hess_bound) what = weighted ? WEIGHTED_BOUND : BOUND;
    else if (op[FL_HESS].data) what = weighted ? WEIGHTED_HESSIAN : HESSIAN;
    else if (op[FL_SECOND].data) what = TWO_GRADIENTS;
    else if (weighted) what = WEIGHTED_GRADIENT;
    if (what >= WEIGHTED_GRADIENT)
        for (ptrdiff_t i = 0; i < n; i++) k[i] = (T)((weighted ? run->weight[i] : 1) * call->scale);
    if (head) {
        _Pragma("omp simd") for (ptrdiff_t i = 0; i < n; i++) heads[i] = head(x[i], y[i], &own);
        b.head = heads;
    }
    if (takes_array == ARRAY && op[FL_EXTRA].data) {
        own.low[0] = 0;
        b.extra = load_block(extras, call, FL_EXTRA, first, n);
        choose(loss, &own, n, b, what, ARRAY);
    } else choose(loss, &own, n, b, what, SCALAR);
    if ((what == WEIGHTED_HESSIAN || what == WEIGHTED_BOUND) && call->hess_least > 0) raise_hess(call->hess_least, run->weight, b.hess, n);
    if (op[FL_GRAD].data && b.grad == g) store_block(call, FL_GRAD, first, g, n);
    if (op[FL_HESS].data && b.hess == h) store_block(call, FL_HESS, first, h, n);
    if (op[FL_SECOND].data && b.second == s) store_block(call, FL_SECOND, first, s, n);
    stream_fence(call->stream);
}

#endif
