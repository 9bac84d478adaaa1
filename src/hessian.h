/* A Hessian on its way out, as boosting wants it: times a factor of the call, and raised to the least that the call
 * asks of a row of weight 1. No row of a weight has a 0, which a leaf would divide by: results may be float32. */
#ifndef FL_HESSIAN_H
#define FL_HESSIAN_H

#include "fastloss.h"
#include "real.h"

INLINE int adjusts_hess(const fl_call *call) { return call->hess_factor != 1 || call->hess_least > 0; }

/* `least`: of a row of weight 1, or 0. */
INLINE T least_hess(double least, double weight) {
    const double tiny = 1.1754943508222875e-38, huge = 3.4028234663852886e38;
    double by = least * weight;
    by = by < tiny ? tiny : by;
    by = by > huge ? huge : by;
    return (T)((least > 0) & (weight > 0) ? by : 0);
}

/* A NaN stays one. */
INLINE T adjusted(T h, T factor, T least) {
    T by = h * factor;
    return by < least ? least : by;
}

/* n elements with weights of their own, or NULL: 1. */
INLINE void adjust_hess(const fl_call *call, const double *weight, T *h, ptrdiff_t n) {
    const T factor = (T)call->hess_factor, one = least_hess(call->hess_least, 1);
    const double least = call->hess_least;
    if (weight)
        for (ptrdiff_t i = 0; i < n; i++) h[i] = adjusted(h[i], factor, least_hess(least, weight[i]));
    else
        _Pragma("omp simd") for (ptrdiff_t i = 0; i < n; i++) h[i] = adjusted(h[i], factor, one);
}

#endif
