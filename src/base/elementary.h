/* Elementary functions without branches, tables or libm, for the compiler to vectorise in any plain loop.
 *
 * Above each function: the largest error measured, in ULP of the exact value, with fma | without; float over
 * every float, double over 1e7 points and the points around each threshold. Where the exact value is below
 * the smallest normal number, exp is 0 and log1p, tanh, sinh are x. Rounding is to nearest.
 * tools/minimax.py prints the constants.
 */
#ifndef FL_ELEMENTARY_H
#define FL_ELEMENTARY_H

#include "base/scalar.h"

#if FL_BITS == 32
typedef uint32_t Tuint;
#else
typedef uint64_t Tuint;
#endif

/* LN2_HI ends in enough zeros for k LN2_HI to be exact. exp is a normal number from EXP_LOW to EXP_HIGH. The
 * tables start with the highest power. EXP: (e^r - 1 - r) / r^2. LOG and, for larger s,
 * LOG1P: (log((1 + s) / (1 - s)) / s - 2) / s^2 in s^2. TANH, SINH: (f(x) / x - 1) / x^2 in x^2. */
#define TANH_NEAR (T)0.625
#define SINH_NEAR (T)1.25

#if FL_BITS == 32
#define FRACTION 23
#define BIAS 127
#define LOG2E 1.44269502f
#define LN2_HI 0.693145752f
#define LN2_LO 1.42860677e-06f
#define SQRT_HALF 0.707106769f
#define EXP_LOW -87.3365402f
#define EXP_HIGH 88.7228317f
#define SINH_HIGH 89.4159851f
static const T EXP[] = {0.00138183171f, 0.00836853404f, 0.0416682921f, 0.166665226f, 0.49999994f};
static const T LOG[] = {0.242788151f, 0.284987926f, 0.400009722f, 0.666666627f};
static const T LOG1P[] = {0.280294299f, 0.27998212f, 0.400217503f, 0.666664124f};
static const T TANH[] = {-0.00569230085f, 0.0206281692f, -0.0537365153f, 0.133314058f, -0.333332807f};
static const T SINH[] = {2.85191959e-06f, 0.000198287322f, 0.0083333971f, 0.166666657f};
#else
#define FRACTION 52
#define BIAS 1023
#define LOG2E 1.4426950408889634
#define LN2_HI 0.6931471805598903
#define LN2_LO 5.497923018708371e-14
#define SQRT_HALF 0.7071067811865476
#define EXP_LOW -708.3964185322641
#define EXP_HIGH 709.782712893384
#define SINH_HIGH 710.4758600739439
static const T EXP[] = {2.5007277796632034e-08, 2.763021966322087e-07, 2.7557558608929065e-06, 2.480149310269488e-05,
                        0.0001984126954552905,  0.001388888894376224,  0.008333333333471013,   0.041666666666528615,
                        0.16666666666666463,    0.5000000000000011};
static const T LOG[] = {0.14795626710192672, 0.15314085439797157, 0.18183562831200248, 0.22222198605364732,
                        0.28571428742025995, 0.39999999999416647, 0.6666666666666734};
static const T LOG1P[] = {0.1701670600389436,  0.08341185973166612, 0.1210581723174373,  0.1330101081431016,
                          0.15386556780081923, 0.18181744091151036, 0.22222223964295768, 0.28571428547957956,
                          0.4000000000015621,  0.6666666666666631};
static const T TANH[] = {-1.6069189977050355e-05, 7.713746771494665e-05, -0.00022855815038982612, 0.0005863135435912533,
                         -0.0014549579624585827,  0.0035919889952722842, -0.008863220980459389,   0.02186948757439937,
                         -0.05396825393119361,    0.13333333333261932,   -0.33333333333332854};
static const T SINH[] = {3.0334387072095983e-15, 7.635405857912476e-13, 1.6059320273721263e-10, 2.5052104934013743e-08,
                         2.755731924787684e-06,  0.0001984126984118115, 0.00833333333333349,    0.16666666666666666};
#endif

#define ONE_BITS ((Tuint)BIAS << FRACTION)
#define SIGN_BIT ((Tuint)1 << (FL_BITS - 1))
#define HORNER(x, table) horner(x, table, (int)(sizeof(table) / sizeof *(table)))

INLINE Tuint word_of(T x) { return (Tuint)bits_of(x); }
INLINE T from_word(Tuint w) { return from_bits((Tint)w); }
INLINE T magnitude(T x) { return from_word(word_of(x) & ~SIGN_BIT); }
INLINE T with_sign_of(T x, T y) { return from_word(word_of(x) | (word_of(y) & SIGN_BIT)); }

INLINE T horner(T x, const T *c, int n) {
    T p = c[0];
    for (int i = 1; i < n; i++) p = fma_(p, x, c[i]);
    return p;
}

/* x = k ln 2 + r, k = x / ln 2 rounded; returns the E of exp(r) = 1 + r + r^2 E. In two steps (Cody and
 * Waite, 1980): k LN2_HI is exact, so r carries one rounding. Adding 1.5 * 2^FRACTION leaves k in the low
 * bits of the sum, without the conversion to integers that AVX2 lacks for double; adding the exponent's bias
 * as well makes it ready to be shifted. Out of range all three are garbage; callers select something else. */
INLINE T exp_reduced(T x, T *r, Tuint *biased_k) {
    const T magic = (T)1.5 * (T)((Tuint)1 << FRACTION) + BIAS;
    T t = fma_(x, LOG2E, magic);
    T k = t - magic;
    *r = fma_(k, -LN2_LO, fma_(k, -LN2_HI, x));
    *biased_k = word_of(t);
    return HORNER(*r, EXP);
}

/* 2^-k exp(x). */
INLINE T exp_fraction(T x, Tuint *biased_k) {
    T r, e = exp_reduced(x, &r, biased_k);
#if defined(__FMA__) || defined(__ARM_FEATURE_FMA)
    return fma_(fma_(e, r, 1), r, 1);
#else
    return 1 + (e * r * r + r); /* the form above, its products rounded: 1.16 ULP */
#endif
}

/* exp(x) for x <= 0, the bits of exp_ for less. Errors as there.
 * -inf: 0. NaN: NaN. Above 88 (709): garbage. */
INLINE T exp_nonpositive(T x) {
    Tuint biased_k;
    T p = exp_fraction(x, &biased_k);
    /* A product, where a sum of bits could turn a NaN's payload into a number. */
    T y = p * from_word(biased_k << FRACTION);
    return x < EXP_LOW ? 0 : y;
}

/* exp(x). float 0.90 | 1.00 ULP, double 0.87 | 0.98.
 * Any x; inf above EXP_HIGH, 0 below EXP_LOW. NaN: NaN. */
INLINE T exp_(T x) {
    Tuint biased_k;
    T p = exp_fraction(x, &biased_k);
    /* At the top 2^k is no number while p 2^k is, so here the exponents are added. */
    T y = from_word(word_of(p) + (biased_k << FRACTION) - ONE_BITS);
    y = x < EXP_LOW ? 0 : y;
    y = x > EXP_HIGH ? T_INF : y;
    return x == x ? y : x;
}

/* u = 2^k m with m in [sqrt(1/2), sqrt(2)), for u positive and normal; returns m. Moving the word of
 * sqrt(1/2) to that of 1 lets the exponent field round k and the fraction field hold m. */
INLINE T split_exponent(T u, Tuint *biased_k) {
    Tuint w = word_of(u) - word_of(SQRT_HALF) + ONE_BITS;
    *biased_k = w >> FRACTION;
    return from_word((w & (((Tuint)1 << FRACTION) - 1)) + word_of(SQRT_HALF));
}

/* -k. An integer or-ed into the fraction of 2^FRACTION is added to it, without a conversion. Negated, since
 * 0 * -LN2_HI is -0, which may be added to a zero of either sign. */
INLINE T negated_k(Tuint biased_k) {
    const T magic = (T)((Tuint)1 << FRACTION);
    return (magic + BIAS) - from_word(word_of(magic) | biased_k);
}

/* f - (f^2/2 - s (f^2/2 + z L)), s = f / (2 + f), z = s^2: log(1 + f) in a form where f enters unrounded (fdlibm,
 * 1993), given L(z), and `low` to be added. */
INLINE T log_form(T f, T s, T z, T l, T low) {
    T h = (T)0.5 * f, y = fma_(s, fma_(z, l, h * f), low);
    return f + fma_(-h, f, y);
}

/* k ln 2 + log(1 + f), where low holds k LN2_LO and what else is small. */
INLINE T log_sum(T neg_k, T f, T low) {
    T s = f / (2 + f), z = s * s;
    return fma_(neg_k, -LN2_HI, log_form(f, s, z, HORNER(z, LOG), low));
}

/* log(x). float 0.76 | 0.84 ULP, double 0.75 | 0.85.
 * Any x, subnormal too. 0: -inf. Below: NaN. inf: inf. NaN: NaN. */
INLINE T log_(T x) {
    int subnormal = x < T_MIN;
    T u = subnormal ? x * (T)((Tuint)1 << FRACTION) : x;
    Tuint biased_k;
    T f = split_exponent(u, &biased_k) - 1;
    T neg_k = negated_k(biased_k) + (subnormal ? (T)FRACTION : (T)0);
    T y = log_sum(neg_k, f, neg_k * -LN2_LO);
    y = x < T_INF ? y : x;
    T outside = x == 0 ? -T_INF : T_NAN;
    return x <= 0 ? outside : y;
}

/* log(a / b) for normal a, b and a / b, given d = a - b; relative to itself where d is. */
INLINE T log_ratio(T a, T b, T d) {
    T q = a / b, f = d / b;
    Tuint biased_k;
    T m = split_exponent(q, &biased_k) - 1, neg_k = negated_k(biased_k);
    int near = (f > (T)-0.25) & (f < (T)0.375);
    f = near ? f : m;
    neg_k = near ? -(T)0 : neg_k;
    T y = log_sum(neg_k, f, neg_k * -LN2_LO);
    return q == q ? y : q;
}

/* log(1 + x) for -1 < x < inf, the bits of log1p_ for less. Errors as there. NaN: NaN. Elsewhere: garbage.
 * u = 1 + x is short of it by c, exactly (Dekker, 1971), and log(u + c) = log u + c / u; c being at most half
 * an ULP of u, a straight line in f serves as 1 / (2 m). */
INLINE T log1p_inside(T x) {
    T u = 1 + x;
    T larger = x > 1 ? x : 1, smaller = x > 1 ? 1 : x;
    T c = smaller - (u - larger);
    Tuint biased_k;
    T m = split_exponent(u, &biased_k);
    T neg_k = negated_k(biased_k);
    T f = neg_k == 0 ? x : m - 1;
    T scale = from_word((2 * (Tuint)BIAS + 1 - biased_k) << FRACTION); /* 2^(1-k): 2^-k may be subnormal */
    c = neg_k == 0 ? -(T)0 : c * scale * fma_((T)-0.5, f, (T)0.53);
    return log_sum(neg_k, f, fma_(neg_k, -LN2_LO, c));
}

/* log(1 + x) for 0 <= x <= 1, without taking the exponent of 1 + x apart. NaN: NaN. */
INLINE T log1p_unit(T x) {
    T s = x / (2 + x), z = s * s;
    return log_form(x, s, z, HORNER(z, LOG1P), 0);
}

/* log(1 + x), relative to itself however small. float 0.83 | 0.93 ULP, double 0.79 | 0.86.
 * Any x. -1: -inf. Below: NaN. inf: inf. NaN: NaN. -0: -0. */
INLINE T log1p_(T x) {
    T y = x < T_INF ? log1p_inside(x) : x;
    T outside = x == -1 ? -T_INF : T_NAN;
    return x <= -1 ? outside : y;
}

/* tanh(x), with e = exp(-2|x|): odd; a minimax polynomial, and from TANH_NEAR on 1 - 2 / (exp(2|x|) + 1).
 * float 1.44 | 1.47 ULP, double 1.43 | 1.45. Any x. +-inf: +-1. NaN: NaN. -0: -0. */
INLINE T tanh_with(T x, T e) {
    T a = magnitude(x), z = a * a;
    T near = fma_(a * z, HORNER(z, TANH), a);
    T far = 1 - 2 * e / (1 + e);
    return with_sign_of(a < TANH_NEAR ? near : far, x);
}

INLINE T tanh_(T x) { return tanh_with(x, exp_nonpositive(-2 * magnitude(x))); }

/* sinh(x) for |x| < SINH_NEAR. Errors as below. */
INLINE T sinh_near(T x) {
    T z = x * x;
    return fma_(x * z, HORNER(z, SINH), x);
}

/* sinh(x): odd; a minimax polynomial, and from SINH_NEAR on (exp|x| - exp(-|x|)) / 2. The subtraction comes
 * before exp|x| = 2^k (1 + q) is rounded, which costs an ULP where a power of two lies between it and 2 sinh.
 * float 1.49 | 1.45 ULP, double 1.42 | 1.40. Any x; +-inf beyond SINH_HIGH. NaN: NaN. -0: -0. */
INLINE T sinh_(T x) {
    T a = magnitude(x), near = sinh_near(a);
    Tuint biased_k;
    T r, e = exp_reduced(a, &r, &biased_k);
    T q = fma_(e * r, r, r);
    /* exp(a) = 4 s (1 + q): a quarter, since s is to be a number as long as sinh is. */
    T s = from_word((biased_k - 2) << FRACTION);
    T half = fma_(s, q, s - (T)0.0625 / fma_(s, q, s));
    T far = a > SINH_HIGH ? T_INF : half + half;
    return with_sign_of(a < SINH_NEAR ? near : far, x);
}

#endif
