/* What boosting wants of a Hessian: no less than the least that the call asks of a row of weight 1, times the row's
 * weight. No row of a weight has a 0, which a leaf would divide by: results may be float32. */
#ifndef FL_HESSIAN_H
#define FL_HESSIAN_H

#include "base/scalar.h"

/* Of a row of this weight; `least` is that of weight 1, or 0. */
INLINE T least_hess(double least, double weight) {
    const double tiny = 1.1754943508222875e-38, huge = 3.4028234663852886e38;
    int raised = (least > 0) & (weight > 0);
    double by = least * weight;
    by = by < tiny ? tiny : by;
    by = by > huge ? huge : by;
    return (T)(raised ? by : 0);
}

/* A NaN stays one. */
INLINE T raised_to(T h, T least) { return h < least ? least : h; }

/* n elements of these weights. */
INLINE void raise_hess(double least, const double *weight, T *h, ptrdiff_t n) {
    for (ptrdiff_t i = 0; i < n; i++) h[i] = raised_to(h[i], least_hess(least, weight[i]));
}

#endif
