/* A Hessian on its way out, as boosting wants it: times a factor of the call, and raised to the least that the call
 * asks of a row of weight 1. No row of a weight has a 0, which a leaf would divide by: results may be float32. */
#ifndef FL_HESSIAN_H
#define FL_HESSIAN_H

#include "fastloss.h"
#include "real.h"

INLINE int adjusts_hess(const fl_call *call) { return call->hess_factor != 1 || call->hess_least > 0; }

INLINE T least_hess(const fl_call *call, double weight) {
    const double tiny = 1.1754943508222875e-38, huge = 3.4028234663852886e38;
    double least = call->hess_least * weight;
    least = least < tiny ? tiny : least;
    least = least > huge ? huge : least;
    return (T)(call->hess_least > 0 && weight > 0 ? least : 0);
}

/* A NaN stays one. */
INLINE T adjusted(T h, T factor, T least) {
    T by = h * factor;
    return by < least ? least : by;
}

#endif
