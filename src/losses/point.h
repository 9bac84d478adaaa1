/* What an elementwise loss is: a scalar function of one prediction and one target that gives value,
 * gradient and curvature together. Kernels inline it and the compiler drops the parts not asked for, so
 * a formula is written once for both dtypes and with or without gradient. It must be free of branches
 * that do more than choose between two numbers, or the loop around it stays scalar. */
#ifndef FL_POINT_H
#define FL_POINT_H

#include "elementary.h"

typedef struct {
    T value, grad, hess;
} point;

typedef point point_loss(T pred, T target, const T *parameter);

#endif
