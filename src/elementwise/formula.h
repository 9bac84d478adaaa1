/* What an elementwise loss is: a scalar function of one prediction and one target that gives value,
 * gradient and curvature together. Kernels inline it and the compiler drops the parts not asked for, so
 * a formula is written once for both dtypes and with or without gradient. It must be free of branches
 * that do more than choose between two numbers, or the loop around it stays scalar. A NaN in `pred` must
 * come out of each choice as a NaN. */
#ifndef FL_FORMULA_H
#define FL_FORMULA_H

#include "base/elementary.h"
#include "fastloss.h"

/* `bound`: the curvature of a parabola above the loss that touches it here, or nearly so; with it as the Hessian no
 * Newton step overshoots, where the Hessian itself is 0 or far too small. Of losses that say so in their declaration. */
typedef struct {
    T value, grad, hess;
    T bound;
    T second;  /* derivative by parameter 0, of losses that have one */
} point;

/* The loss's own numbers. What T rounds off a double parameter is kept beside it. `head` is the element's. FLOOR
 * is a slot: what a bound takes no residual for smaller than. (A larger struct, and gcc does not take it apart and
 * vectorises no loop.) */
enum { PARAMETERS = 4, FLOOR = 3 };
typedef struct {
    T k[PARAMETERS], low[PARAMETERS], head;
} parameters;

INLINE parameters own_parameters(const fl_call *call) {
    parameters own = {.k = {0}, .low = {0}};
    for (int i = 0; i < PARAMETERS; i++) {
        own.k[i] = (T)call->parameter[i];
        own.low[i] = (T)(call->parameter[i] - (double)own.k[i]);
    }
    return own;
}

typedef point point_loss(T pred, T target, const parameters *own);

/* A formula of several links (an exponential, a division by it, a logarithm) is one long chain, and a processor
 * that looks some hundred instructions ahead has two or three vectors of it on the way. So its first links are its
 * head, which a loop of its own takes over the whole block: binary cross entropy takes two thirds of the time. It
 * may not read a parameter that is an array. A formula that reads `own->head` has its head in list.h, or reads 0. */
typedef T point_head(T pred, T target, const parameters *own);

/* -1, 0 or 1; NaN of NaN. */
INLINE T sign_of(T x) {
    T down = x < 0 ? -1 : x;
    return x > 0 ? 1 : down;
}

/* The larger of the two; NaN of a NaN in x. */
INLINE T at_least(T x, T least) { return x < least ? least : x; }

INLINE T square_root(T x) {
#if FL_BITS == 32
    return __builtin_sqrtf(x);
#else
    return __builtin_sqrt(x);
#endif
}

/* c - parameter 0, as two numbers whose sum it is; c - k[0] is exact where they are within a factor of two. */
INLINE T minus_parameter(T c, const parameters *own, T *low) {
    T exact = c - own->k[0], high = exact - own->low[0];
    *low = (exact - high) - own->low[0];
    return high;
}

#endif
