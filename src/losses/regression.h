/* Regression losses, r = pred - target. */
#ifndef FL_REGRESSION_H
#define FL_REGRESSION_H

#include "point.h"

INLINE point mse(T pred, T target, const parameters *own) {
    (void)own;
    T r = pred - target;
    return (point){.value = r * r, .grad = 2 * r, .hess = 2};
}

INLINE point half_squared(T pred, T target, const parameters *own) {
    (void)own;
    T r = pred - target;
    return (point){.value = r * r / 2, .grad = r, .hess = 1};
}

INLINE point mae(T pred, T target, const parameters *own) {
    (void)own;
    T r = pred - target;
    return (point){.value = magnitude(r), .grad = sign_of(r)};
}

INLINE point huber(T pred, T target, const parameters *own) {
    T r = pred - target, a = magnitude(r), delta = own->k[0];
    int near = a <= delta;
    T square = r * r / 2, line = delta * (a - delta / 2);
    return (point){.value = near ? square : line, .grad = near ? r : delta * sign_of(r), .hess = near ? 1 : 0};
}

/* huber / beta; beta = 0 is mae, and no element is near. */
INLINE point smooth_l1(T pred, T target, const parameters *own) {
    T r = pred - target, a = magnitude(r), beta = own->k[0];
    int near = a < beta;
    T square = r / beta * r / 2, line = a - beta / 2, slope = r / beta, bend = 1 / beta;
    return (point){.value = near ? square : line, .grad = near ? slope : sign_of(r), .hess = near ? bend : 0};
}

/* r^2 / (1 + h), h = sqrt(1 + (r/delta)^2), as delta |r| a / (1 + h) with a = |r/delta|: r^2 may overflow where
 * the loss does not. From 1 / epsilon^2 on a / (1 + h) is 1. */
INLINE point pseudo_huber(T pred, T target, const parameters *own) {
    T r = pred - target, delta = own->k[0], b = r / delta, a = magnitude(b);
    int far = a > (T)((Tuint)1 << (FL_BITS - 4));
    T h = square_root(fma_(a, a, 1)), ratio = a / (1 + h), slope = r / h, bend = 1 / (h * h * h);
    return (point){.value = delta * magnitude(r) * (far ? 1 : ratio),
                   .grad = far ? delta * sign_of(r) : slope, .hess = far ? 1 / a / a / a : bend};
}

/* exp(-2|r|): the head of log_cosh. */
INLINE T decay_of_twice(T pred, T target, const parameters *own) {
    (void)own;
    return exp_nonpositive(-2 * magnitude(pred - target));
}

/* log cosh r = log1p(2 sinh^2(r/2)), from 1 on (|r| - log 2) + log1p(exp(-2|r|)): the first overflows, the
 * second cancels near 0. */
INLINE point log_cosh(T pred, T target, const parameters *own) {
    T r = pred - target, a = magnitude(r), e = own->head, s = sinh_near(a / 2), one = 1 + e;
    int near = a < 1;
    T l = log1p_unit(near ? 2 * s * s : e), far = (a - (T)0.69314718055994530942) + l;
    return (point){.value = near ? l : far, .grad = tanh_with(r, e), .hess = 4 * e / (one * one)};
}

/* Pinball loss max(-q r, (1 - q) r). */
INLINE point quantile(T pred, T target, const parameters *own) {
    T r = pred - target, rest, over = minus_parameter(1, own, &rest), under = -own->k[0];
    T slope = r > 0 ? over : under;
    return (point){.value = slope * r + 0, .grad = r == 0 ? 0 : slope * magnitude(sign_of(r))};
}

/* |tau - [r > 0]| r^2. */
INLINE point expectile(T pred, T target, const parameters *own) {
    T r = pred - target, rest, over = minus_parameter(1, own, &rest), under = own->k[0];
    T w = r > 0 ? over : under;
    return (point){.value = w * r * r, .grad = 2 * w * r, .hess = 2 * w};
}

INLINE point epsilon_insensitive(T pred, T target, const parameters *own) {
    T r = pred - target, over = magnitude(r) - own->k[0];
    return (point){.value = over <= 0 ? 0 : over, .grad = over <= 0 ? 0 : sign_of(r)};
}

INLINE point squared_epsilon_insensitive(T pred, T target, const parameters *own) {
    T r = pred - target, over = magnitude(r) - own->k[0], square = over * over, slope = 2 * over * sign_of(r);
    return (point){.value = over <= 0 ? 0 : square, .grad = over <= 0 ? 0 : slope, .hess = over < 0 ? 0 : 2};
}

/* (a - b) / (1 + b), a the larger of the two and b the smaller: the head of msle. */
INLINE T rise_of_larger(T pred, T target, const parameters *own) {
    (void)own;
    T most = pred > target ? pred : target, least = pred > target ? target : pred;
    return (most - least) / (1 + least);
}

/* d^2, d = log(1 + pred) - log(1 + target): log1p((a - b) / (1 + b)) with the sign of the difference, where the
 * log1p of (b - a) / (1 + a) would cancel near -1. */
INLINE point msle(T pred, T target, const parameters *own) {
    T d = with_sign_of(log1p_(own->head), pred - target), b = 1 / (1 + pred);
    d = pred > -1 ? d : T_NAN;
    d = target == target ? d : T_NAN;
    return (point){.value = d * d, .grad = 2 * d * b, .hess = 2 * (1 - d) * b * b};
}

/* |r| / max(|target|, float64's epsilon): scikit-learn's floor, whatever the dtype. */
INLINE point mape(T pred, T target, const parameters *own) {
    (void)own;
    const T floor = (T)2.220446049250313e-16;
    T r = pred - target, a = magnitude(target), under = a < floor ? floor : a;
    return (point){.value = magnitude(r) / under, .grad = sign_of(r) / under};
}

/* exp(x) - y x. No event at rate 0 costs nothing. */
INLINE point poisson(T pred, T target, const parameters *own) {
    (void)own;
    T rate = exp_(pred), hit = target == 0 ? 0 : target * pred, value = rate - hit;
    T over = rate == T_INF ? rate : value;
    return (point){.value = hit == hit ? over : value, .grad = rate - target, .hess = rate};
}

/* The same of a rate x itself: x - y log(x + 1e-8). */
INLINE point poisson_rate(T pred, T target, const parameters *own) {
    (void)own;
    T x = pred + (T)1e-8, share = target / x, hit = target * log_(x), none = pred == pred ? 0 : pred;
    hit = target == 0 ? none : hit, share = target == 0 ? none : share;
    return (point){.value = pred - hit, .grad = 1 - share, .hess = share / x};
}

/* x + y exp(-x). */
INLINE point gamma(T pred, T target, const parameters *own) {
    (void)own;
    T hit = target * exp_(-pred);
    hit = target == 0 ? 0 : hit;
    hit = pred == pred ? hit : pred;
    T value = pred + hit;
    return (point){.value = hit == T_INF ? hit : value, .grad = 1 - hit, .hess = hit};
}

/* exp((2 - p) x) / (2 - p) + y exp((1 - p) x) / (p - 1). The exponents multiply what p loses when it is
 * rounded, so both are held as two numbers. */
INLINE point tweedie(T pred, T target, const parameters *own) {
    T a_low, b_low, a = minus_parameter(1, own, &a_low), b = minus_parameter(2, own, &b_low);
    T finite = where_(is_finite(pred), pred);
    T rate = exp_(fma_(b, pred, b_low * finite)), hit = target * exp_(fma_(a, pred, a_low * finite));
    hit = target == 0 ? 0 : hit;
    hit = pred == pred ? hit : pred;
    return (point){.value = rate / b - hit / a, .grad = rate - hit, .hess = b * rate - a * hit};
}

/* (log v + r^2 / v) / 2, v = max(var, 1e-6). Below that the derivative by var is the one at 1e-6. */
INLINE point gaussian_of(T r, T v, T log_v) {
    T b = 1 / v, z = r / v;
    return (point){.value = (log_v + r * z) / 2, .grad = z, .hess = b, .second = (b - z * z) / 2};
}

INLINE point gaussian_nll(T pred, T target, const parameters *own) {
    const T floor = (T)1e-6;
    T v = own->k[0] < floor ? floor : own->k[0];
    return gaussian_of(pred - target, v, log_(v));
}

/* One variance for all: its logarithm is a parameter. */
INLINE point gaussian_nll_of_number(T pred, T target, const parameters *own) {
    return gaussian_of(pred - target, own->k[0], own->k[1]);
}

#endif
