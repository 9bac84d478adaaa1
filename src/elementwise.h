/* The one elementwise kernel.
 *
 * pred, target: n elements each, any type and stride. value[i] = loss(pred_i, target_i);
 * grad_i = k_i * dloss/dpred, hess_i = k_i * d2loss/dpred2 with k_i = scale * weight_i.
 * One pass over memory. An element of weight 0 has gradient 0 whatever it holds, NaN included.
 */
#ifndef FL_ELEMENTWISE_H
#define FL_ELEMENTWISE_H

#include "load.h"
#include "losses/point.h"

/* g, h and k may be constant NULLs: each combination in use becomes a loop of its own. */
INLINE void points(point_loss *loss, ptrdiff_t n, const T *x, const T *y, const T *parameter, const double *weight,
                   double scale, T *value, T *g, T *h) {
    for (ptrdiff_t i = 0; i < n; i++) {
        point p = loss(x[i], y[i], parameter);
        T k = (T)(weight ? weight[i] * scale : scale);
        int counts = weight ? weight[i] != 0 : 1;
        value[i] = p.value;
        if (g) g[i] = counts ? k * p.grad : 0;
        if (h) h[i] = counts ? k * p.hess : 0;
    }
}

INLINE void each(const fl_call *call, const fl_run *run, point_loss *loss) {
    T xs[FL_BLOCK], ys[FL_BLOCK], g[FL_BLOCK], h[FL_BLOCK], parameter[4];
    const fl_operand *op = call->op;
    const T *x = load(xs, run->data[FL_PRED], op[FL_PRED].type, run->step[FL_PRED], run->n);
    const T *y = load(ys, run->data[FL_TARGET], op[FL_TARGET].type, run->step[FL_TARGET], run->n);
    T *value = run->value;
    for (int i = 0; i < 4; i++) parameter[i] = (T)call->parameter[i];

    if (!op[FL_GRAD].data) {
        points(loss, run->n, x, y, parameter, NULL, 1, value, NULL, NULL);
        return;
    }
    if (op[FL_HESS].data) points(loss, run->n, x, y, parameter, run->weight, call->scale, value, g, h);
    else if (run->weight) points(loss, run->n, x, y, parameter, run->weight, call->scale, value, g, NULL);
    else points(loss, run->n, x, y, parameter, NULL, call->scale, value, g, NULL);

    store(run->data[FL_GRAD], op[FL_GRAD].type, run->step[FL_GRAD], g, run->n, call->stream);
    if (op[FL_HESS].data) store(run->data[FL_HESS], op[FL_HESS].type, run->step[FL_HESS], h, run->n, call->stream);
    stream_fence(call->stream);
}

#endif
