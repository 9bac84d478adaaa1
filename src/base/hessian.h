/* A floor for the Hessians of boosting: the floor of a row of weight 1, which the call gives, times the row's weight.
 * It is no less than the smallest normal float32, so that no leaf divides by 0: results may be float32. */
#ifndef FL_HESSIAN_H
#define FL_HESSIAN_H

#include "base/scalar.h"

/* The floor for a row of this weight; `least` is that of weight 1, or 0 for none. */
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

/* Raises the Hessians of n elements of these weights to their floors. */
INLINE void raise_hess(double least, const double *weight, T *h, ptrdiff_t n) {
    for (ptrdiff_t i = 0; i < n; i++) h[i] = raised_to(h[i], least_hess(least, weight[i]));
}

#endif
