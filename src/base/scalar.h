/* The scalar type of a table and the few operations that every kernel is made of.
 *
 * kernels.c is compiled once for each (instruction set, dtype); FL_BITS picks T there. Vector code is
 * not written anywhere: loops run over LANES fixed lanes (one or two cache lines), which the compiler maps to
 * whatever registers its flags allow. Because the lanes are fixed and contraction is off, each
 * instruction set with fma gives the same bits.
 */
#ifndef FL_SCALAR_H
#define FL_SCALAR_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if FL_BITS == 32
typedef float T;
typedef int32_t Tint;
#define T_MIN 1.17549435e-38f
#else
typedef double T;
typedef int64_t Tint;
#define T_MIN 2.2250738585072014e-308
#endif

/* One step of every lane. Without the pragma gcc unrolls so short a loop before it thinks of vectors. */
#define EACH_LANE(l) _Pragma("omp simd") for (int l = 0; l < LANES; l++)

enum { LANES = 16 };

#define T_INF ((T)__builtin_inf())
#define T_NAN ((T)__builtin_nan(""))

#define INLINE static inline __attribute__((always_inline, unused))

/* One rounding where the hardware has it. A libm call would be 70 times slower than the loop around
 * it, so a build without fma takes two roundings and its last bits differ. */
INLINE T fma_(T a, T b, T c) {
#if defined(__FMA__) || defined(__ARM_FEATURE_FMA)
#if FL_BITS == 32
    return __builtin_fmaf(a, b, c);
#else
    return __builtin_fma(a, b, c);
#endif
#else
    return a * b + c;
#endif
}

INLINE Tint bits_of(T x) {
    Tint i;
    memcpy(&i, &x, sizeof i);
    return i;
}

INLINE T from_bits(Tint i) {
    T x;
    memcpy(&x, &i, sizeof x);
    return x;
}

/* NaN order: a NaN in `x` is passed over, one in `best` stays. Kernels find NaN in the sums instead. */
INLINE T max_(T x, T best) { return x > best ? x : best; }

/* x where c holds, else 0. gcc makes a branch of `sum += c ? x : 0`; with a variable in between it does not. */
INLINE T zero_unless(int c, T x) {
    T y = c ? x : 0;
    return y;
}

INLINE int is_finite(T x) { return x - x == 0; }

INLINE ptrdiff_t round_up(ptrdiff_t n, ptrdiff_t to) { return (n + to - 1) / to * to; }

/* The ordered lane sum: halves are folded onto each other, so the order is fixed by the lanes alone. */
INLINE double sum_lanes(const double *lane) {
    double a[LANES / 2], b[LANES / 4];
    for (int l = 0; l < LANES / 2; l++) a[l] = lane[l] + lane[l + LANES / 2];
    for (int l = 0; l < LANES / 4; l++) b[l] = a[l] + a[l + LANES / 4];
    return (b[0] + b[2]) + (b[1] + b[3]);
}

INLINE double sum_scalar_lanes(const T *part) {
    double lane[LANES];
    for (int l = 0; l < LANES; l++) lane[l] = (double)part[l];
    return sum_lanes(lane);
}

INLINE T max_lanes(const T *lane) {
    T a[LANES / 2], b[LANES / 4];
    for (int l = 0; l < LANES / 2; l++) a[l] = max_(lane[l], lane[l + LANES / 2]);
    for (int l = 0; l < LANES / 4; l++) b[l] = max_(a[l], a[l + LANES / 4]);
    return max_(max_(b[0], b[2]), max_(b[1], b[3]));
}

#endif
