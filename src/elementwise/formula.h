/* What an elementwise loss is: a scalar function of one prediction and one target that gives value,
 * gradient and curvature together. Kernels inline it and the compiler drops the parts not used, so
 * a formula is written once for both dtypes and with or without gradient. It must be free of branches
 * that do more than choose between two numbers, or the loop around it stays scalar. A NaN in `pred` must
 * come out of each choice as a NaN. */
#ifndef FL_FORMULA_H
#define FL_FORMULA_H

#include "base/elementary.h"
#include "fastloss.h"

/* `bound`: the curvature of a parabola above the loss that touches it here, or nearly so; with it as the Hessian no
 * Newton step overshoots, where the Hessian itself is 0 or far too small. Losses that have one say so in their
 * declaration. */
typedef struct {
    T value, grad, hess;
    T bound;
    T second_grad; /* derivative by the first parameter, of losses that have one */
} result;

/* The loss's own numbers; low is what rounding to T took off each of them. `prologue` differs from element to element.
 * k[FL_BOUND_FLOOR] is the smallest residual that a bound uses. With a larger struct gcc (12) no longer splits it into
 * variables, and vectorises no loop: 20 to 70 times slower. */
typedef struct {
    T k[FL_SLOTS], low[FL_SLOTS], prologue;
} parameters;

INLINE parameters load_parameters(const fl_call *call) {
    parameters params = {.k = {0}, .low = {0}};
    for (int i = 0; i < FL_SLOTS; i++) {
        params.k[i] = (T)call->parameter[i];
        params.low[i] = (T)(call->parameter[i] - (double)params.k[i]);
    }
    return params;
}

typedef result formula(T pred, T target, const parameters *params);

/* A formula of several steps that depend on one another (an exponential, a division by it, a logarithm) is a long
 * chain of instructions, of which a processor has only two or three vectors in flight at a time. So its first steps
 * may be a prologue, which runs in its own loop over the whole block first: with it binary cross entropy takes two
 * thirds of the time. A prologue may not read a parameter that is an array. A formula that reads `params->prologue`
 * names its prologue in list.h; without one it reads 0. */
typedef T prologue_formula(T pred, T target, const parameters *params);

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

/* c - k[FL_FIRST_SLOT] as the sum of two numbers; the difference is exact where they are within a factor of two. */
INLINE T minus_parameter(T c, const parameters *params, T *low) {
    T exact = c - params->k[FL_FIRST_SLOT], high = exact - params->low[FL_FIRST_SLOT];
    *low = (exact - high) - params->low[FL_FIRST_SLOT];
    return high;
}

#endif
