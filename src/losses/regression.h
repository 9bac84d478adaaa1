/* Regression losses, r = pred - target. */
#ifndef FL_REGRESSION_H
#define FL_REGRESSION_H

#include "point.h"

INLINE point mse(T pred, T target, const T *parameter) {
    (void)parameter;
    T r = pred - target;
    return (point){.value = r * r, .grad = 2 * r, .hess = 2};
}

#endif
