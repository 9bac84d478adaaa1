/* Everything for one (instruction set, dtype). setup.py compiles this file once for each pair, with
 * FL_ISA and FL_BITS defined and the flags of that instruction set; it ends in the pair's table. */
#include "base/elementary.h"
#include "elementwise/kernel.h"
#include "elementwise/binary.h"
#include "elementwise/list.h"
#include "elementwise/regression.h"
#include "rows/cosine.h"
#include "rows/hinge.h"
#include "rows/list.h"
#include "rows/rank.h"
#include "rows/separable.h"
#include "rows/softmax/kernel.h"

#define ELEMENTWISE(name, array, prologue) \
    static void elementwise_##name(const fl_call *call, const fl_span *span) { \
        elementwise(call, span, name, prologue, array); \
    }
FL_ELEMENTWISE_LIST(ELEMENTWISE)

#define ELEMENTWISE_ENTRY(name, array, prologue) elementwise_##name,
static fl_kernel *const elementwise_kernels[] = {FL_ELEMENTWISE_LIST(ELEMENTWISE_ENTRY)};

#define ROWS_ENTRY(name) rows_##name,
static fl_kernel *const rowwise_kernels[] = {FL_ROWWISE_LIST(ROWS_ENTRY)};

INLINE void add_weighted(double *lane, const T *value, const double *weight, ptrdiff_t n) {
    for (ptrdiff_t l = 0; l < n; l++) {
        double v = weight ? weight[l] * (double)value[l] : (double)value[l];
        v = weight && weight[l] == 0 ? 0 : v;
        lane[l] += v;
    }
}

/* Sum of weight * value in double, in fixed lanes: the order depends on n alone. */
static double sum(const void *values, const double *weight, ptrdiff_t n) {
    const T *value = values;
    double lane[LANES] = {0};
    ptrdiff_t i = 0;
    if (weight)
        for (; i + LANES <= n; i += LANES) add_weighted(lane, value + i, weight + i, LANES);
    else
        for (; i + LANES <= n; i += LANES)
            EACH_LANE(l) lane[l] += (double)value[i + l];
    add_weighted(lane, value + i, weight ? weight + i : NULL, n - i);
    return sum_lanes(lane);
}

/* Stores the unreduced values of a span, weighted unless the call says otherwise. */
static void store_values(const fl_call *call, const fl_span *span) {
    T *value = span->value;
    if (span->weight && !call->unweighted)
        for (ptrdiff_t i = 0; i < span->n; i++)
            value[i] = span->weight[i] != 0 ? (T)(span->weight[i] * (double)value[i]) : 0;
    if (call->elementwise) store_block(call, FL_VALUE, span->row, value, span->n);
    else store(span->data[FL_VALUE], call->op[FL_VALUE].type, span->step[FL_VALUE], value, span->n, call->stream);
}

#define FIRST_WHERE(BROKEN) \
    for (ptrdiff_t k = 0; k < m; k++) any |= (BROKEN); \
    for (ptrdiff_t k = 0; any && k < m; k++) \
        if (BROKEN) return i + k; \
    break

/* Position of the first element that breaks the rule, or -1. */
static ptrdiff_t first_violation(int rule, double rounding_slack, const char *from, int type, ptrdiff_t step,
                                 ptrdiff_t n) {
    const T least = -(T)rounding_slack, most = 1 + (T)rounding_slack;
    T buffer[FL_BLOCK];
    for (ptrdiff_t i = 0; i < n; i += FL_BLOCK) {
        ptrdiff_t m = n - i < FL_BLOCK ? n - i : FL_BLOCK;
        const T *x = load(buffer, from + i * step, type, step, m);
        int any = 0;
        switch (rule) {
        case FL_NON_NEGATIVE: FIRST_WHERE(x[k] < 0);
        case FL_VARIANCE: FIRST_WHERE((x[k] < 0) | (x[k] == T_INF));
        case FL_UNIT: FIRST_WHERE((x[k] < 0) | (x[k] > 1));
        case FL_SIGNS: FIRST_WHERE((x[k] != -1) & (x[k] != 1));
        case FL_BINARY: FIRST_WHERE((x[k] != 0) & (x[k] != 1));
        case FL_PROBABILITY: FIRST_WHERE(((x[k] < least) & (x[k] > -T_INF)) | ((x[k] > most) & (x[k] < T_INF)));
        case FL_LOG_PROBABILITY: FIRST_WHERE((x[k] > -least) & (x[k] < T_INF));
        default: break;
        }
    }
    return -1;
}

#define APPLY(f) \
    for (ptrdiff_t i = 0; i < n; i++) y[i] = f(x[i]); \
    break

static void math(int function, const void *from, void *to, ptrdiff_t n) {
    const T *x = from;
    T *y = to;
    switch (function) {
    case FL_EXP: APPLY(exp_);
    case FL_EXP_NONPOSITIVE: APPLY(exp_nonpositive);
    case FL_LOG: APPLY(log_);
    case FL_LOG1P: APPLY(log1p_);
    case FL_TANH: APPLY(tanh_);
    case FL_SINH: APPLY(sinh_);
    default: break;
    }
}

#define PASTE(isa, bits) fl_table_##isa##_##bits
#define TABLE(isa, bits) PASTE(isa, bits)
#define TEXT(isa) #isa
#define NAME(isa) TEXT(isa)
extern const fl_table TABLE(FL_ISA, FL_BITS);
const fl_table TABLE(FL_ISA, FL_BITS) = {
    .isa = NAME(FL_ISA),
    .bits = FL_BITS,
    .elementwise = elementwise_kernels,
    .rowwise = rowwise_kernels,
    .sum = sum,
    .store_values = store_values,
    .first_violation = first_violation,
    .math = math,
};
