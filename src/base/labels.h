/* Integer labels of any width, read as int64. */
#ifndef FL_LABELS_H
#define FL_LABELS_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "fastloss.h"

#define FL_READ_LABELS_BY(C, LABEL, STEP) \
    for (ptrdiff_t i = 0; i < n; i++) { \
        C v; \
        memcpy(&v, from + i * (STEP), sizeof v); \
        to[i] = LABEL; \
    }
/* Contiguous labels are read and stored as vectors: a vector load right after single stores would stall. */
#define FL_READ_LABELS(C, LABEL) \
    if (step == sizeof(C)) FL_READ_LABELS_BY(C, LABEL, (ptrdiff_t)sizeof(C)) \
    else FL_READ_LABELS_BY(C, LABEL, step) \
    break

/* An unsigned label beyond int64 becomes the least one: out of range, and nobody's ignore_index. */
static inline void load_labels(int64_t *to, const char *from, int type, ptrdiff_t step, ptrdiff_t n) {
    switch (type) {
    case FL_I64: FL_READ_LABELS(int64_t, v);
    case FL_I32: FL_READ_LABELS(int32_t, v);
    case FL_I16: FL_READ_LABELS(int16_t, v);
    case FL_I8: FL_READ_LABELS(int8_t, v);
    case FL_U64: FL_READ_LABELS(uint64_t, v <= INT64_MAX ? (int64_t)v : INT64_MIN);
    case FL_U32: FL_READ_LABELS(uint32_t, v);
    case FL_U16: FL_READ_LABELS(uint16_t, v);
    case FL_U8:
    case FL_BOOL: FL_READ_LABELS(uint8_t, v);
    default: break;
    }
}
#undef FL_READ_LABELS
#undef FL_READ_LABELS_BY

#endif
