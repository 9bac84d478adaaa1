/* The one elementwise kernel.
 *
 * pred, target: n elements each, any type and stride; `array_parameter`, where there is one, replaces parameter 0
 * element by element. value[i] = loss(pred_i, target_i); with k_i = scale * weight_i, grad_i = k_i dloss/dpred,
 * hess_i = k_i d2loss/dpred2, or the floor of base/hessian.h, second_grad_i = k_i dloss/dparameter0. One pass over
 * memory. An element of weight 0 has gradient 0 whatever it holds, NaN included. Without a target the loss is a
 * function of pred alone.
 */
#ifndef FL_ELEMENTWISE_KERNEL_H
#define FL_ELEMENTWISE_KERNEL_H

#include "elementwise/block.h"
#include "base/hessian.h"
#include "elementwise/formula.h"

/* The derivatives of element i are multiplied by k[i]. Without k they are multiplied by `scale`, and no Hessian is
 * below `least`, which may be -inf; with k the Hessians are raised to their floors afterwards. `bounded`: the Hessian
 * is the loss's bound. Constant NULLs among the pointers, and a constant `bounded`, give each combination in use its
 * own loop. */
typedef struct {
    const T *x, *y, *array_parameter, *prologue, *k;
    T scale, least;
    T *value, *grad, *hess, *second_grad;
    int bounded;
} block_arrays;

/* An output may be the very array of an operand (in place); it overlaps none in another way. */
INLINE void evaluate(formula *loss, const parameters *params, ptrdiff_t n, block_arrays b) {
    _Pragma("omp simd") for (ptrdiff_t i = 0; i < n; i++) {
        parameters here = *params;
        if (b.array_parameter) here.k[FL_FIRST_SLOT] = b.array_parameter[i];
        if (b.prologue) here.prologue = b.prologue[i];
        result p = loss(b.x[i], b.y[i], &here);
        T k = b.k ? b.k[i] : b.scale, curvature = b.bounded ? p.bound : p.hess;
        if (b.value) b.value[i] = p.value;
        if (b.grad) b.grad[i] = b.k ? zero_unless(k != 0, k * p.grad) : k * p.grad;
        if (b.hess) b.hess[i] = b.k ? zero_unless(k != 0, k * curvature) : raised_to(k * curvature, b.least);
        if (b.second_grad) b.second_grad[i] = zero_unless(k != 0, k * p.second_grad);
    }
}

enum { SCALAR, ARRAY };
/* From WEIGHTED_GRADIENT on there is a k. */
/* clang-format off */
enum {
    LOSS, GRADIENT, GRADIENT_ALONE, HESSIAN, BOUND,
    WEIGHTED_GRADIENT, WEIGHTED_HESSIAN, WEIGHTED_BOUND, TWO_GRADIENTS
};
/* clang-format on */

/* One loop for each combination of outputs in use. A call with Hessians has no use for values. */
INLINE void specialise(formula *loss, const parameters *params, ptrdiff_t n, block_arrays b, int what,
                       int takes_array) {
    block_arrays value_only = b, with_grad, grad_only, weighted_grad, two_grads, with_hess, weighted_hess, with_bound,
                 weighted_bound;
    value_only.bounded = 0, value_only.k = NULL, value_only.grad = value_only.hess = value_only.second_grad = NULL;
    with_grad = value_only, with_grad.grad = b.grad;
    grad_only = weighted_grad = with_grad, grad_only.value = NULL, weighted_grad.k = b.k;
    with_hess = grad_only, with_hess.hess = b.hess;
    two_grads = weighted_grad, two_grads.second_grad = b.second_grad;
    weighted_hess = with_hess, weighted_hess.k = b.k;
    with_bound = with_hess, weighted_bound = weighted_hess, with_bound.bounded = weighted_bound.bounded = 1;
    if (what == LOSS) evaluate(loss, params, n, value_only);
    else if (what == GRADIENT) evaluate(loss, params, n, with_grad);
    else if (what == GRADIENT_ALONE) evaluate(loss, params, n, grad_only);
    else if (what == HESSIAN) evaluate(loss, params, n, with_hess);
    else if (what == BOUND) evaluate(loss, params, n, with_bound);
    else if (what == WEIGHTED_GRADIENT) evaluate(loss, params, n, weighted_grad);
    else if (what == WEIGHTED_HESSIAN) evaluate(loss, params, n, weighted_hess);
    else if (what == WEIGHTED_BOUND) evaluate(loss, params, n, weighted_bound);
    else if (takes_array == ARRAY) evaluate(loss, params, n, two_grads);
}

/* Where a block's results are written: to the caller's array if they need no conversion, else to the buffer. */
static T *output_block(const fl_call *call, int role, ptrdiff_t first, T *buffer) {
    const fl_operand *op = &call->op[role];
    ptrdiff_t step = element_step(call, op);
    int direct = op->data && !call->stream && has_constant_step(call, op) && is_native(op->data, op->type, step);
    return direct ? (T *)(void *)(op->data + first * step) : buffer;
}

INLINE void elementwise(const fl_call *call, const fl_span *span, formula *loss, prologue_formula *prologue,
                        int takes_array) {
    T xs[FL_BLOCK], ys[FL_BLOCK], array_parameters[FL_BLOCK], prologues[FL_BLOCK], k[FL_BLOCK], g[FL_BLOCK],
        h[FL_BLOCK], s[FL_BLOCK];
    const fl_operand *op = call->op;
    ptrdiff_t first = span->row, n = span->n;
    int weighted = span->weight != NULL, what = call->wants_value ? GRADIENT : GRADIENT_ALONE;
    parameters params = load_parameters(call);
    const T *x = load_block(xs, call, FL_PRED, first, n);
    const T *y = op[FL_TARGET].data ? load_block(ys, call, FL_TARGET, first, n) : x;
    block_arrays b = {.x = x, .y = y, .k = k, .scale = (T)call->scale, .value = span->value};
    b.least = call->hessian.least > 0 ? least_hess(call->hessian.least, 1) : -T_INF;
    b.grad = output_block(call, FL_GRAD, first, g);
    b.hess = output_block(call, FL_HESS, first, h);
    b.second_grad = output_block(call, FL_SECOND_GRAD, first, s);

    if (!op[FL_GRAD].data) what = LOSS;
    else if (op[FL_HESS].data && call->hessian.bounded) what = weighted ? WEIGHTED_BOUND : BOUND;
    else if (op[FL_HESS].data) what = weighted ? WEIGHTED_HESSIAN : HESSIAN;
    else if (op[FL_SECOND_GRAD].data) what = TWO_GRADIENTS;
    else if (weighted) what = WEIGHTED_GRADIENT;
    if (what >= WEIGHTED_GRADIENT)
        for (ptrdiff_t i = 0; i < n; i++) k[i] = (T)((weighted ? span->weight[i] : 1) * call->scale);
    if (prologue) {
        _Pragma("omp simd") for (ptrdiff_t i = 0; i < n; i++) prologues[i] = prologue(x[i], y[i], &params);
        b.prologue = prologues;
    }
    if (takes_array == ARRAY && op[FL_ARRAY_PARAMETER].data) {
        params.low[FL_FIRST_SLOT] = 0;
        b.array_parameter = load_block(array_parameters, call, FL_ARRAY_PARAMETER, first, n);
        specialise(loss, &params, n, b, what, ARRAY);
    } else specialise(loss, &params, n, b, what, SCALAR);
    if ((what == WEIGHTED_HESSIAN || what == WEIGHTED_BOUND) && call->hessian.least > 0)
        raise_hess(call->hessian.least, span->weight, b.hess, n);
    if (op[FL_GRAD].data && b.grad == g) store_block(call, FL_GRAD, first, g, n);
    if (op[FL_HESS].data && b.hess == h) store_block(call, FL_HESS, first, h, n);
    if (op[FL_SECOND_GRAD].data && b.second_grad == s) store_block(call, FL_SECOND_GRAD, first, s, n);
    stream_fence(call->stream);
}

#endif
