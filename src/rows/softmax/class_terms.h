/* Losses that are a sum over classes of a function phi(p, t) of probability and target.
 *
 * Beside the value each gives two numbers that stay finite where p is 0: slope = p phi' and
 * curvature = p slope'. With G and M their sums, by the logits
 *     grad = slope - p G
 *     hess = (1 - 2p) curvature - p (1 - p) G + p^2 M
 * Where p > 1/2 both cancel. There, with S and B the sums over the other classes alone,
 *     grad = (1 - p) slope - p S
 *     hess = (1 - p)^2 curvature - p (1 - p) G + p^2 B
 * With a hard target phi(p_y, 1) is a function of the cross entropy l = -log p_y alone, with first derivative
 * -slope and second derivative curvature, by which the softmax kernel multiplies its derivatives of l.
 *
 * not_p = 1 - p and l = -log p come from the caller, who has them to full relative accuracy. */
#ifndef FL_CLASS_TERMS_H
#define FL_CLASS_TERMS_H

#include "elementwise/formula.h"

typedef struct {
    T value, slope, curvature;
} class_term;

typedef class_term term_formula(T t, T p, T not_p, T l, T parameter);

/* t (1 - p)^gamma l. */
INLINE class_term focal_of_class(T t, T p, T not_p, T l, T gamma, int squares) {
    /* Below the floor l / n has its value at the floor; the factor that multiplies it is 0 there. */
    const T floor = T_MIN * (T)(1 << FL_BITS / 3);
    T n = not_p < floor ? floor : not_p, power = squares ? not_p * not_p : exp_(gamma * log_(not_p)), odds = p / n,
      pl = p * l;
    power = gamma == 0 ? 1 : power;
    pl = p == 0 ? 0 : pl;
    T rise = pl / n, curve = (gamma - 1) * odds * rise + 2 * odds - rise, value = t * power * l;
    return (class_term){.value = t == 0 ? 0 : value,
                        .slope = -t * power * (1 + gamma * rise),
                        .curvature = t * power * (gamma * curve)};
}

INLINE class_term focal_term(T t, T p, T not_p, T l, T gamma) { return focal_of_class(t, p, not_p, l, gamma, 0); }

/* gamma = 2, the most common value. */
INLINE class_term focal_square_term(T t, T p, T not_p, T l, T gamma) {
    return focal_of_class(t, p, not_p, l, gamma, 1);
}

/* t (l + epsilon (1 - p)). */
INLINE class_term poly_term(T t, T p, T not_p, T l, T epsilon) {
    T value = t * (l + epsilon * not_p);
    return (class_term){.value = t == 0 ? 0 : value, .slope = -t * (1 + epsilon * p), .curvature = -t * epsilon * p};
}

/* t (1 - p^q) / q, 1 - exp(-a) being 2 h / (1 + h) with h = tanh(a / 2). */
INLINE class_term generalized_term(T t, T p, T not_p, T l, T q) {
    T a = q * l, h = tanh_(a / 2), power = t * exp_nonpositive(-a), value = t * (2 * h / (1 + h)) / q;
    (void)p, (void)not_p;
    return (class_term){.value = value, .slope = -power, .curvature = q * power};
}

/* (p - t)^2. */
INLINE class_term brier_term(T t, T p, T not_p, T l, T unused) {
    (void)l, (void)unused;
    T from_above = (1 - t) - not_p, from_below = p - t, d = t >= (T)0.5 ? from_above : from_below;
    return (class_term){.value = d * d, .slope = 2 * p * d, .curvature = 2 * p * (d + p)};
}

/* beta t log(t / m) + (1 - beta) p log(p / m), m = beta t + (1 - beta) p. */
INLINE class_term js_term(T t, T p, T not_p, T l, T beta) {
    (void)not_p, (void)l;
    T rest = 1 - beta, m = beta * t + rest * p, d = p - t;
    T of_t = t * log_ratio(t, m, -rest * d), of_p = p * log_ratio(p, m, beta * d);
    of_t = t == 0 ? 0 : of_t;
    of_p = p == 0 ? 0 : of_p;
    return (class_term){.value = beta * of_t + rest * of_p, .slope = rest * of_p};
}

#endif
