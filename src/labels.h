/* Integer labels of any width, read as int64. */
#ifndef FL_LABELS_H
#define FL_LABELS_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "fastloss.h"

#define FL_READ_LABELS(C)                        \
    for (ptrdiff_t i = 0; i < n; i++) {          \
        C v;                                     \
        memcpy(&v, from + i * step, sizeof v);   \
        to[i] = (int64_t)v;                      \
    }                                            \
    break

/* An unsigned label beyond int64 wraps to a negative one, which is out of range as well. */
static inline void load_labels(int64_t *to, const char *from, int type, ptrdiff_t step, ptrdiff_t n) {
    switch (type) {
    case FL_I64:
    case FL_U64: FL_READ_LABELS(int64_t);
    case FL_I32: FL_READ_LABELS(int32_t);
    case FL_I16: FL_READ_LABELS(int16_t);
    case FL_I8: FL_READ_LABELS(int8_t);
    case FL_U32: FL_READ_LABELS(uint32_t);
    case FL_U16: FL_READ_LABELS(uint16_t);
    case FL_U8:
    case FL_BOOL: FL_READ_LABELS(uint8_t);
    default: break;
    }
}
#undef FL_READ_LABELS

#endif
