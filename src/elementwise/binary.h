/* Losses of a raw score against a binary target, and functions of a score alone. */
#ifndef FL_BINARY_H
#define FL_BINARY_H

#include "elementwise/formula.h"

/* Of a score x, with e = exp(-|x|): nothing overflows, nothing cancels. */
typedef struct {
    T softplus, softplus_minus; /* log(1 + exp(x)), log(1 + exp(-x)) */
    T p, not_p;                 /* sigmoid(x), 1 - sigmoid(x) */
    T slope;                    /* p (1 - p) */
} logistic;

INLINE logistic logistic_of(T x, T e) {
    T l = log1p_unit(e), large = 1 / (1 + e), small = e * large;
    return (logistic){.softplus = max_(x, 0) + l,
                      .softplus_minus = max_(-x, 0) + l,
                      .p = x >= 0 ? large : small,
                      .not_p = x >= 0 ? small : large,
                      .slope = small * large};
}

/* The target as -1 or 1: the caller says how it is coded, as a slope and an offset. */
INLINE T side_of(T target, const parameters *params) {
    return params->k[FL_LABEL_SCALE] * target + params->k[FL_LABEL_SHIFT];
}

/* The e of a logistic: the prologue of the losses that use one. */
INLINE T decay(T pred, T target, const parameters *params) {
    (void)target, (void)params;
    return exp_nonpositive(-magnitude(pred));
}

INLINE T decay_of_margin(T pred, T target, const parameters *params) {
    return decay(side_of(target, params) * pred, 0, params);
}

/* yes softplus(-x) + no softplus(x). A term of coefficient 0 is left out: the right infinity costs 0. */
INLINE result cross_entropy_of_two(T pred, T yes, T no, const parameters *params) {
    logistic f = logistic_of(pred, params->prologue);
    T miss = yes == 0 ? 0 : yes * f.softplus_minus, alarm = no == 0 ? 0 : no * f.softplus;
    return (result){.value = miss + alarm, .grad = no * f.p - yes * f.not_p, .hess = (yes + no) * f.slope};
}

INLINE result binary_cross_entropy_with_logits(T pred, T target, const parameters *params) {
    T smoothing = params->k[FL_SMOOTHING], keep = 1 - smoothing;
    T yes = params->k[FL_POS_WEIGHT] * (target * keep + smoothing / 2), no = (1 - target) * keep + smoothing / 2;
    return cross_entropy_of_two(pred, yes, no, params);
}

/* Neither weighted nor smoothed, the most common case. */
INLINE result plain_binary_cross_entropy_with_logits(T pred, T target, const parameters *params) {
    return cross_entropy_of_two(pred, target, 1 - target, params);
}

/* The same of a probability, clipped to [eps, 1 - eps]; the gradient is that at the clipped one. 1 - eps is
 * rounded, so the logarithms of eps and of it are parameters. */
INLINE result binary_cross_entropy(T pred, T target, const parameters *params) {
    T eps = params->k[FL_CLIP], most = 1 - eps, c = pred < eps ? eps : pred;
    int high = c >= most;
    c = high ? most : c;
    T yes = target, no = 1 - target, d = high ? eps : 1 - c, log_c = log_(c), log_d = log1p_(-c);
    T a = yes / c, b = no / d, miss = yes * (high ? params->k[FL_LOG_REST] : log_c),
      alarm = no * (high ? params->k[FL_LOG_CLIP] : log_d);
    a = yes == 0 ? 0 : a, b = no == 0 ? 0 : b;
    miss = yes == 0 ? 0 : miss, alarm = no == 0 ? 0 : alarm;
    T value = 0 - miss - alarm, grad = b - a, hess = (yes == 0 ? 0 : a / c) + (no == 0 ? 0 : b / d);
    int seen = pred == pred; /* a NaN is lost beside a target of 0 */
    return (result){.value = seen ? value : pred, .grad = seen ? grad : pred, .hess = seen ? hess : pred};
}

/* alpha_t n^gamma B: B the cross entropy, n = 1 - p_t = y (1 - p) + (1 - y) p. By x, n' = (1 - 2y) v with
 * v = p (1 - p), B' = p - y, v' = v (1 - 2p). */
INLINE result focal_of(T pred, T target, const parameters *params, int squares) {
    logistic f = logistic_of(pred, params->prologue);
    T gamma = params->k[FL_GAMMA], y = target, z = 1 - target, k = 1 - 2 * y;
    T miss = y == 0 ? 0 : y * f.softplus_minus, alarm = z == 0 ? 0 : z * f.softplus;
    T bce = miss + alarm, n = y * f.not_p + z * f.p, slope = z * f.p - y * f.not_p;
    T power = squares ? n * n : exp_(gamma * log_(n)), ratio = f.slope / n, rise = ratio * bce;
    power = gamma == 0 ? 1 : power;
    power = (params->k[FL_SHARE_OF_ONES] * y + params->k[FL_SHARE_OF_ZEROS] * z) * power;
    ratio = f.slope == 0 ? 0 : k * ratio, rise = f.slope == 0 ? 0 : k * rise;
    T curvature = gamma * (gamma - 1) * ratio * rise + gamma * ((f.not_p - f.p) * rise + 2 * ratio * slope) + f.slope;
    return (result){.value = power == 0 ? 0 : power * bce,
                    .grad = power * (gamma * rise + slope),
                    .hess = power * curvature};
}

INLINE result binary_focal(T pred, T target, const parameters *params) { return focal_of(pred, target, params, 0); }

/* gamma = 2, the most common value: neither exp nor log for the power. */
INLINE result binary_focal_of_squares(T pred, T target, const parameters *params) {
    return focal_of(pred, target, params, 1);
}

INLINE result hinge(T pred, T target, const parameters *params) {
    T s = side_of(target, params), m = 1 - s * pred, slope = m == m ? -s : m;
    return (result){.value = m < 0 ? 0 : m, .grad = m < 0 ? 0 : slope};
}

INLINE result squared_hinge(T pred, T target, const parameters *params) {
    T s = side_of(target, params), m = 1 - s * pred, square = m * m, slope = -2 * s * m;
    return (result){.value = m < 0 ? 0 : square, .grad = m < 0 ? 0 : slope, .hess = m < 0 ? 0 : 2};
}

INLINE result perceptron(T pred, T target, const parameters *params) {
    T s = side_of(target, params), m = -s * pred, slope = m == m ? -s : m;
    return (result){.value = m < 0 ? 0 : m, .grad = m < 0 ? 0 : slope};
}

INLINE result soft_margin(T pred, T target, const parameters *params) {
    T s = side_of(target, params);
    logistic f = logistic_of(s * pred, params->prologue);
    return (result){.value = f.softplus_minus, .grad = -s * f.not_p, .hess = f.slope};
}

/* (1 - z)^2 from z = -1 on, 0 from 1 on, below -4 z; z = y x. */
INLINE result modified_huber(T pred, T target, const parameters *params) {
    T s = side_of(target, params), z = s * pred, m = 1 - z, square = m * m, slope = -2 * s * m;
    int line = z < -1, done = z > 1;
    T value = line ? -4 * z : square, grad = line ? -4 * s : slope;
    return (result){.value = done ? 0 : value, .grad = done ? 0 : grad, .hess = line | done ? 0 : 2};
}

INLINE result exponential(T pred, T target, const parameters *params) {
    T s = side_of(target, params), e = exp_(-s * pred);
    return (result){.value = e, .grad = -s * e, .hess = e};
}

/* 1 where the score lies on the target's side of the threshold; a NaN lies on neither. */
INLINE result binary_accuracy(T pred, T target, const parameters *params) {
    int up = pred > params->k[FL_THRESHOLD], down = pred <= params->k[FL_THRESHOLD];
    T hit = side_of(target, params) > 0 ? zero_unless(up, 1) : zero_unless(down, 1);
    return (result){.value = hit};
}

/* Functions of the score alone. */

INLINE result sigmoid(T x, T unused, const parameters *params) {
    (void)unused;
    return (result){.value = logistic_of(x, params->prologue).p};
}

INLINE result log_sigmoid(T x, T unused, const parameters *params) {
    (void)unused;
    return (result){.value = -logistic_of(x, params->prologue).softplus_minus};
}

INLINE result softplus(T x, T unused, const parameters *params) {
    (void)unused;
    return (result){.value = logistic_of(x, params->prologue).softplus};
}

#endif
