/* Any operand to a contiguous block of T in L1, and back.
 *
 * Kernels see nothing but blocks of T: here half formats are widened, other types converted, strides
 * gathered, and results rounded to the type of the array they go to. The only intrinsics of the core are
 * in this file: float16 through F16C (8 times faster than integer arithmetic) and streaming stores.
 */
#ifndef FL_CONVERT_H
#define FL_CONVERT_H

#include "fastloss.h"
#include "base/scalar.h"

#if defined(__SSE2__)
#include <immintrin.h>
#endif

#define T_TYPE (FL_BITS == 32 ? FL_F32 : FL_F64)

INLINE float float_of_bits(uint32_t u) {
    float x;
    memcpy(&x, &u, sizeof x);
    return x;
}

INLINE uint32_t bits_of_float(float x) {
    uint32_t u;
    memcpy(&u, &x, sizeof u);
    return u;
}

INLINE float float_of_bfloat16(uint16_t b) { return float_of_bits((uint32_t)b << 16); }

/* Round to nearest even; a NaN keeps its sign and is made quiet. */
INLINE uint16_t bfloat16_of_float(float x) {
    uint32_t u = bits_of_float(x), up = (u + 0x7fffu + ((u >> 16) & 1u)) >> 16;
    return (uint16_t)(x == x ? up : (u >> 16) | 0x40u);
}

INLINE float float_of_half(uint16_t h) {
#if defined(__F16C__)
    return _cvtsh_ss(h);
#else
    /* The half's exponent and mantissa in float's places; 2^112 is the difference of the two biases, and
     * the product makes subnormal halves normal. */
    uint32_t sign = (uint32_t)(h & 0x8000u) << 16, a = (uint32_t)(h & 0x7fffu) << 13;
    uint32_t scaled = bits_of_float(float_of_bits(a) * 0x1p112f);
    return float_of_bits(sign | (a >= 0x0f800000u ? a | 0x7f800000u | (a > 0x0f800000u ? 0x400000u : 0) : scaled));
#endif
}

INLINE uint16_t half_of_float(float x) {
#if defined(__F16C__)
    return _cvtss_sh(x, _MM_FROUND_TO_NEAREST_INT);
#else
    uint32_t u = bits_of_float(x), sign = (u >> 16) & 0x8000u, a = u & 0x7fffffffu, h;
    if (a > 0x7f800000u) h = 0x7e00u | ((a >> 13) & 0x3ffu);
    else if (a >= 0x477ff000u) h = 0x7c00u;
    else if (a < 0x38800000u) h = bits_of_float(float_of_bits(a) + 0.5f) - 0x3f000000u; /* ulp(0.5) = 2^-24 */
    else h = (a + 0xfffu + ((a >> 13) & 1u) - 0x38000000u) >> 13;
    return (uint16_t)(sign | h);
#endif
}

/* To float on the way to a half: towards zero, and to an odd last bit where that is inexact, so that the second
 * rounding is the right one (Boldo and Melquiond, 2008). A NaN stays a NaN. Numbers beyond the range of float become
 * its largest number, which is beyond the range of both halves. */
INLINE float round_to_odd(T x) {
#if FL_BITS == 32
    return x;
#else
    float f = (float)x;
    uint32_t u = bits_of_float(f);
    double d = (double)f, size = d < 0 ? -d : d, given = x < 0 ? -x : x;
    u -= size > given;
    u |= d != x;
    return float_of_bits(u);
#endif
}

/* Strides that are a constant of the loop let it vectorise; any other goes element by element. */
#define EACH_ELEMENT(C, STEP, BODY) \
    for (ptrdiff_t i = 0; i < n; i++) { \
        C v; \
        BODY(C, (STEP)) \
    }
#define BY_STEP(C, BODY) \
    if (step == (ptrdiff_t)sizeof(C)) EACH_ELEMENT(C, (ptrdiff_t)sizeof(C), BODY) \
    else EACH_ELEMENT(C, step, BODY) \
    break

/* clang-format off */
#define READ(C, STEP) memcpy(&v, from + i * STEP, sizeof v); to[i] = (T)v;
#define READ_HALF(C, STEP) memcpy(&v, from + i * STEP, sizeof v); to[i] = (T)float_of_half(v);
#define READ_BF16(C, STEP) memcpy(&v, from + i * STEP, sizeof v); to[i] = (T)float_of_bfloat16(v);
/* clang-format on */

/* Contiguous halves, eight at a time; returns how many were read. */
INLINE ptrdiff_t read_halves(T *to, const char *from, ptrdiff_t n) {
    ptrdiff_t i = 0;
#if defined(__F16C__) && FL_BITS == 32
    for (; i + 8 <= n; i += 8)
        _mm256_storeu_ps(to + i, _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(const void *)(from + 2 * i))));
#endif
    (void)to, (void)from, (void)n;
    return i;
}

static void convert(T *to, const char *from, int type, ptrdiff_t step, ptrdiff_t n) {
    switch (type) {
    case FL_F64: BY_STEP(double, READ);
    case FL_F32: BY_STEP(float, READ);
    case FL_F16:
        if (step == 2) {
            ptrdiff_t done = read_halves(to, from, n);
            to += done, from += 2 * done, n -= done;
        }
        BY_STEP(uint16_t, READ_HALF);
    case FL_BF16: BY_STEP(uint16_t, READ_BF16);
    case FL_I64: BY_STEP(int64_t, READ);
    case FL_I32: BY_STEP(int32_t, READ);
    case FL_I16: BY_STEP(int16_t, READ);
    case FL_I8: BY_STEP(int8_t, READ);
    case FL_U64: BY_STEP(uint64_t, READ);
    case FL_U32: BY_STEP(uint32_t, READ);
    case FL_U16: BY_STEP(uint16_t, READ);
    case FL_U8:
    case FL_BOOL: BY_STEP(uint8_t, READ);
    default: break;
    }
}

INLINE int is_native(const char *data, int type, ptrdiff_t step) {
    return type == T_TYPE && step == (ptrdiff_t)sizeof(T) && (uintptr_t)data % sizeof(T) == 0;
}

/* The n elements as contiguous T: the array itself where it already is that, else a copy in `buffer`. */
INLINE const T *load(T *buffer, const char *from, int type, ptrdiff_t step, ptrdiff_t n) {
    if (is_native(from, type, step)) return (const T *)(const void *)from;
    convert(buffer, from, type, step, n);
    return buffer;
}

INLINE T load_one(const char *from, int type) {
    T x;
    if (type == T_TYPE) memcpy(&x, from, sizeof x);
    else convert(&x, from, type, 0, 1);
    return x;
}

/* clang-format off */
#define WRITE(C, STEP) v = (C)from[i]; memcpy(to + i * STEP, &v, sizeof v);
#define WRITE_HALF(C, STEP) v = half_of_float(round_to_odd(from[i])); memcpy(to + i * STEP, &v, sizeof v);
#define WRITE_BF16(C, STEP) v = bfloat16_of_float(round_to_odd(from[i])); memcpy(to + i * STEP, &v, sizeof v);
#define WRITE_BOOL(C, STEP) v = from[i] != 0; memcpy(to + i * STEP, &v, sizeof v);
/* clang-format on */

INLINE ptrdiff_t write_halves(char *to, const T *from, ptrdiff_t n) {
    ptrdiff_t i = 0;
#if defined(__F16C__) && FL_BITS == 32
    for (; i + 8 <= n; i += 8)
        _mm_storeu_si128((__m128i *)(void *)(to + 2 * i),
                         _mm256_cvtps_ph(_mm256_loadu_ps(from + i), _MM_FROUND_TO_NEAREST_INT));
#endif
    (void)to, (void)from, (void)n;
    return i;
}

/* Whole cache lines past the cache: a gradient larger than the last level would only push the inputs
 * out of it, and an ordinary store would first read the line it is about to overwrite. */
INLINE void write_streaming(char *to, const char *from, ptrdiff_t bytes) {
    ptrdiff_t unaligned = (ptrdiff_t)(-(uintptr_t)to & 63u);
    if (unaligned > bytes) unaligned = bytes;
    memcpy(to, from, (size_t)unaligned);
    to += unaligned, from += unaligned, bytes -= unaligned;
#if defined(__SSE2__)
    for (; bytes >= 64; to += 64, from += 64, bytes -= 64) {
#if defined(__AVX512F__)
        _mm512_stream_si512((void *)to, _mm512_loadu_si512((const void *)from));
#elif defined(__AVX__)
        for (int k = 0; k < 64; k += 32)
            _mm256_stream_si256((__m256i *)(void *)(to + k),
                                _mm256_loadu_si256((const __m256i *)(const void *)(from + k)));
#else
        for (int k = 0; k < 64; k += 16)
            _mm_stream_si128((__m128i *)(void *)(to + k), _mm_loadu_si128((const __m128i *)(const void *)(from + k)));
#endif
    }
#endif
    memcpy(to, from, (size_t)bytes);
}

/* Streaming stores are weakly ordered: a thread that reads the result must not overtake them. */
INLINE void stream_fence(int streamed) {
#if defined(__SSE2__)
    if (streamed) _mm_sfence();
#endif
    (void)streamed;
}

/* Round n elements to the type of their array and store them there. */
static void round_to(char *to, int type, ptrdiff_t step, const T *from, ptrdiff_t n) {
    switch (type) {
    case FL_F64: BY_STEP(double, WRITE);
    case FL_F32: BY_STEP(float, WRITE);
    case FL_F16:
        if (step == 2) {
            ptrdiff_t done = write_halves(to, from, n);
            to += 2 * done, from += done, n -= done;
        }
        BY_STEP(uint16_t, WRITE_HALF);
    case FL_BF16: BY_STEP(uint16_t, WRITE_BF16);
    case FL_BOOL: BY_STEP(uint8_t, WRITE_BOOL);
    default: break;
    }
}

INLINE ptrdiff_t size_of(int type) { return type == FL_F64 ? 8 : type == FL_F32 ? 4 : 2; }

/* Likewise for a block of at most FL_BLOCK elements, past the cache if `stream` is set. */
INLINE void store(char *to, int type, ptrdiff_t step, const T *from, ptrdiff_t n, int stream) {
    char rounded[FL_BLOCK * sizeof(double)];
    int contiguous = type <= FL_BF16 && step == size_of(type), native = contiguous && type == T_TYPE;
    if (!(stream && contiguous)) {
        if (native) memcpy(to, from, (size_t)(n * step));
        else round_to(to, type, step, from, n);
        return;
    }
    if (!native) round_to(rounded, type, step, from, n);
    write_streaming(to, native ? (const char *)from : rounded, n * step);
}

#undef EACH_ELEMENT
#undef BY_STEP
#undef READ
#undef READ_HALF
#undef READ_BF16
#undef WRITE
#undef WRITE_HALF
#undef WRITE_BF16
#undef WRITE_BOOL

#endif
