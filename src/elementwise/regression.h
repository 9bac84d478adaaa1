/* Regression losses, r = pred - target.
 *
 * Bounds. For an even loss whose slope psi(r) grows no faster than r: psi(m) / m with m = max(|r|, floor).
 * Where m = |r| that is the curvature of the parabola above the loss that touches it at r and -r (De Leeuw and Lange,
 * Sharp quadratic majorization in one dimension, 2009; iteratively reweighted least squares), and the floor keeps an
 * element that fits from outweighing all others. For an exponential link: the Hessian with 0.7 added to the score, as
 * the libraries of boosting have it, and no less than the slope, so that no step is longer than 1.
 */
#ifndef FL_REGRESSION_H
#define FL_REGRESSION_H

#include "elementwise/formula.h"

INLINE result mse(T pred, T target, const parameters *params) {
    (void)params;
    T r = pred - target;
    return (result){.value = r * r, .grad = 2 * r, .hess = 2};
}

INLINE result half_squared(T pred, T target, const parameters *params) {
    (void)params;
    T r = pred - target;
    return (result){.value = r * r / 2, .grad = r, .hess = 1};
}

INLINE result mae(T pred, T target, const parameters *params) {
    T r = pred - target, a = magnitude(r);
    return (result){.value = a, .grad = sign_of(r), .bound = 1 / at_least(a, params->k[FL_BOUND_FLOOR])};
}

INLINE result huber(T pred, T target, const parameters *params) {
    T r = pred - target, a = magnitude(r), delta = params->k[FL_DELTA];
    int near = a <= delta;
    T square = r * r / 2, line = delta * (a - delta / 2);
    return (result){.value = near ? square : line,
                    .grad = near ? r : delta * sign_of(r),
                    .hess = near ? 1 : 0,
                    .bound = delta / at_least(at_least(a, params->k[FL_BOUND_FLOOR]), delta)};
}

/* huber / beta; beta = 0 is mae, and no element is near. */
INLINE result smooth_l1(T pred, T target, const parameters *params) {
    T r = pred - target, a = magnitude(r), beta = params->k[FL_BETA];
    int near = a < beta;
    T square = r / beta * r / 2, line = a - beta / 2, slope = r / beta, curvature = 1 / beta;
    return (result){.value = near ? square : line,
                    .grad = near ? slope : sign_of(r),
                    .hess = near ? curvature : 0,
                    .bound = 1 / at_least(at_least(a, params->k[FL_BOUND_FLOOR]), beta)};
}

/* r^2 / (1 + h), h = sqrt(1 + (r/delta)^2), as delta |r| a / (1 + h) with a = |r/delta|: r^2 may overflow where
 * the loss does not. From 1 / epsilon^2 on a / (1 + h) is 1. */
INLINE result pseudo_huber(T pred, T target, const parameters *params) {
    T r = pred - target, delta = params->k[FL_DELTA], b = r / delta, a = magnitude(b);
    int far = a > (T)((Tuint)1 << (FL_BITS - 4));
    T h = square_root(fma_(a, a, 1)), ratio = a / (1 + h), slope = r / h, curvature = 1 / (h * h * h);
    T m = at_least(a, params->k[FL_BOUND_FLOOR] / delta), bound = 1 / square_root(fma_(m, m, 1));
    return (result){.value = delta * magnitude(r) * (far ? 1 : ratio),
                    .grad = far ? delta * sign_of(r) : slope,
                    .hess = far ? 1 / a / a / a : curvature,
                    .bound = far ? 1 / m : bound};
}

/* exp(-2|r|): the prologue of log_cosh. */
INLINE T decay_of_twice(T pred, T target, const parameters *params) {
    (void)params;
    return exp_nonpositive(-2 * magnitude(pred - target));
}

/* log cosh r = log1p(2 sinh^2(r/2)), from 1 on (|r| - log 2) + log1p(exp(-2|r|)): the first overflows, the
 * second cancels near 0. Its bound is huber's, whose slope is nowhere less. */
INLINE result log_cosh(T pred, T target, const parameters *params) {
    T r = pred - target, a = magnitude(r), e = params->prologue, s = sinh_near(a / 2), one = 1 + e;
    int near = a < 1;
    T l = log1p_unit(near ? 2 * s * s : e), far = (a - (T)0.69314718055994530942) + l;
    return (result){.value = near ? l : far,
                    .grad = tanh_with(r, e),
                    .hess = 4 * e / (one * one),
                    .bound = 1 / at_least(at_least(a, params->k[FL_BOUND_FLOOR]), 1)};
}

/* Pinball loss max(-q r, (1 - q) r) = |r| / 2 + (1/2 - q) r: the bound is that of |r| / 2 (Hunter and Lange, Quantile
 * regression via an MM algorithm, 2000). */
INLINE result quantile(T pred, T target, const parameters *params) {
    T r = pred - target, rest, over = minus_parameter(1, params, &rest), under = -params->k[FL_Q];
    T slope = r > 0 ? over : under;
    return (result){.value = slope * r + 0,
                    .grad = r == 0 ? 0 : slope * magnitude(sign_of(r)),
                    .bound = (T)0.5 / at_least(magnitude(r), params->k[FL_BOUND_FLOOR])};
}

/* |tau - [r > 0]| r^2. */
INLINE result expectile(T pred, T target, const parameters *params) {
    T r = pred - target, rest, over = minus_parameter(1, params, &rest), under = params->k[FL_TAU];
    T w = r > 0 ? over : under;
    return (result){.value = w * r * r, .grad = 2 * w * r, .hess = 2 * w};
}

/* max(0, |r| - eps) = |r - eps| / 2 + |r + eps| / 2 - eps: the bound is that of the two. */
INLINE result epsilon_insensitive(T pred, T target, const parameters *params) {
    T r = pred - target, a = magnitude(r), over = a - params->k[FL_EPS], floor = params->k[FL_BOUND_FLOOR];
    T bound = (T)0.5 / at_least(magnitude(over), floor) + (T)0.5 / at_least(a + params->k[FL_EPS], floor);
    return (result){.value = over <= 0 ? 0 : over, .grad = over <= 0 ? 0 : sign_of(r), .bound = bound};
}

INLINE result squared_epsilon_insensitive(T pred, T target, const parameters *params) {
    T r = pred - target, over = magnitude(r) - params->k[FL_EPS], square = over * over, slope = 2 * over * sign_of(r);
    return (result){
        .value = over <= 0 ? 0 : square,
        .grad = over <= 0 ? 0 : slope,
        .hess = over < 0 ? 0 : 2,
        .bound = 2,
    };
}

/* (a - b) / (1 + b), a the larger of the two and b the smaller: the prologue of msle. */
INLINE T rise_of_larger(T pred, T target, const parameters *params) {
    (void)params;
    T most = pred > target ? pred : target, least = pred > target ? target : pred;
    return (most - least) / (1 + least);
}

/* d^2, d = log(1 + pred) - log(1 + target): log1p((a - b) / (1 + b)) with the sign of the difference, where the
 * log1p of (b - a) / (1 + a) would cancel near -1. */
INLINE result msle(T pred, T target, const parameters *params) {
    T d = with_sign_of(log1p_(params->prologue), pred - target), b = 1 / (1 + pred);
    d = pred > -1 ? d : T_NAN;
    d = target == target ? d : T_NAN;
    return (result){.value = d * d,
                    .grad = 2 * d * b,
                    .hess = 2 * (1 - d) * b * b,
                    .bound = 2 * (1 + magnitude(d)) * b * b}; /* no step passes -1 */
}

/* |r| / max(|target|, float64's epsilon): scikit-learn's floor, whatever the dtype. */
INLINE result mape(T pred, T target, const parameters *params) {
    const T floor = (T)2.220446049250313e-16;
    T r = pred - target, a = magnitude(target), under = a < floor ? floor : a;
    return (result){.value = magnitude(r) / under,
                    .grad = sign_of(r) / under,
                    .bound = 1 / under / at_least(magnitude(r), params->k[FL_BOUND_FLOOR])};
}

INLINE T bound_of_rate(T grad, T hess) {
    const T e_to_0_7 = (T)2.01375270747047652162; /* XGBoost's and LightGBM's max_delta_step of poisson */
    return at_least(e_to_0_7 * hess, magnitude(grad));
}

/* exp(x) - y x. No event at rate 0 costs nothing. */
INLINE result poisson(T pred, T target, const parameters *params) {
    (void)params;
    T rate = exp_(pred), hit = target == 0 ? 0 : target * pred, value = rate - hit;
    T over = rate == T_INF ? rate : value;
    T grad = rate - target;
    return (result){.value = hit == hit ? over : value, .grad = grad, .hess = rate, .bound = bound_of_rate(grad, rate)};
}

/* The same of a rate x itself: x - y log(x + 1e-8). */
INLINE result poisson_rate(T pred, T target, const parameters *params) {
    (void)params;
    T x = pred + (T)1e-8, ratio = target / x, hit = target * log_(x), none = pred == pred ? 0 : pred;
    hit = target == 0 ? none : hit, ratio = target == 0 ? none : ratio;
    return (result){.value = pred - hit, .grad = 1 - ratio, .hess = ratio / x, .bound = at_least(ratio, 1) / x};
}

/* x + y exp(-x). */
INLINE result gamma(T pred, T target, const parameters *params) {
    (void)params;
    T hit = target * exp_(-pred);
    hit = target == 0 ? 0 : hit;
    hit = pred == pred ? hit : pred;
    T value = pred + hit;
    return (result){.value = hit == T_INF ? hit : value,
                    .grad = 1 - hit,
                    .hess = hit,
                    .bound = bound_of_rate(1 - hit, hit)};
}

/* exp((2 - p) x) / (2 - p) + y exp((1 - p) x) / (p - 1). The exponents multiply what p loses when it is
 * rounded, so both are held as two numbers. */
INLINE result tweedie(T pred, T target, const parameters *params) {
    T a_low, b_low, a = minus_parameter(1, params, &a_low), b = minus_parameter(2, params, &b_low);
    T finite = zero_unless(is_finite(pred), pred);
    T rate = exp_(fma_(b, pred, b_low * finite)), hit = target * exp_(fma_(a, pred, a_low * finite));
    hit = target == 0 ? 0 : hit;
    hit = pred == pred ? hit : pred;
    T grad = rate - hit, hess = b * rate - a * hit;
    return (result){.value = rate / b - hit / a, .grad = grad, .hess = hess, .bound = bound_of_rate(grad, hess)};
}

/* (log v + r^2 / v) / 2, v = max(var, 1e-6). Below that the derivative by var is the one at 1e-6. */
INLINE result gaussian_of(T r, T v, T log_v) {
    T b = 1 / v, z = r / v;
    return (result){.value = (log_v + r * z) / 2, .grad = z, .hess = b, .second_grad = (b - z * z) / 2};
}

INLINE result gaussian_nll(T pred, T target, const parameters *params) {
    const T floor = (T)1e-6;
    T v = params->k[FL_VAR] < floor ? floor : params->k[FL_VAR];
    return gaussian_of(pred - target, v, log_(v));
}

/* One variance for all: its logarithm is a parameter. */
INLINE result gaussian_nll_of_number(T pred, T target, const parameters *params) {
    return gaussian_of(pred - target, params->k[FL_VAR], params->k[FL_LOG_VAR]);
}

#endif
