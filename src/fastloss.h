/* The whole C interface of the core: what a call is, and the table of block kernels that serves it.
 *
 * A call is a set of operands that share their leading "row" dimensions. Row losses have a class axis
 * beside them; for elementwise losses every element is a row and `classes` is 1. fl_lay_out splits the rows into tasks of
 * fixed size; the caller (`run` in _core.pyx) runs fl_task on each, from any number of threads. Only pool.c starts
 * threads; only pool.c, openmp.c and process.c keep state between calls; nothing allocates.
 */
#ifndef FASTLOSS_H
#define FASTLOSS_H

#include <stddef.h>
#include <stdint.h>

enum { FL_MAXDIM = 64, FL_MARGIN_CONSTANTS = 8 };

/* clang-format off */
/* Element types an operand can have. Floats come first: a type is a float if it is <= FL_BF16. */
enum fl_type {
    FL_F64, FL_F32, FL_F16, FL_BF16,
    FL_I64, FL_I32, FL_I16, FL_I8,
    FL_U64, FL_U32, FL_U16, FL_U8, FL_BOOL
};

/* What a call may read (the first six) and write (the rest). FL_ARRAY_PARAMETER is a loss's own parameter where it is
 * an array; FL_SECOND_GRAD the gradient by it, or by the second of two vectors. */
enum fl_role {
    FL_PRED, FL_TARGET, FL_WEIGHT, FL_VECTOR, FL_ARRAY_PARAMETER, FL_LABEL,
    FL_GRAD, FL_SECOND_GRAD, FL_HESS, FL_HVP,
    FL_VALUE, FL_LOGSUMEXP, FL_ENTROPY, FL_CORRECT, FL_SOFTMAX, FL_LOG_SOFTMAX,
    FL_ROLES
};
/* clang-format on */

/* What every number of an operand must be. NaN passes, but not where -1 and 1 or 0 and 1 are required. */
enum fl_rule {
    FL_ANY,
    FL_NON_NEGATIVE,
    FL_VARIANCE,       /* finite and >= 0 */
    FL_UNIT,           /* in [0, 1] */
    FL_SIGNS,          /* -1 or 1 */
    FL_BINARY,         /* 0 or 1 */
    FL_PROBABILITY,    /* in [0, 1] but for rounding, or infinite */
    FL_LOG_PROBABILITY /* <= 0 but for rounding, or infinite */
};

enum fl_margin { FL_NO_MARGIN, FL_ADDITIVE, FL_ARC, FL_LARGE };

/* One operand. `data` is NULL where the call has none; strides are in bytes, 0 repeats an element.
 * Half formats are widened block by block; what is written is rounded to the type of its operand. */
typedef struct {
    char *data;
    int type;
    ptrdiff_t class_stride;      /* stride of the class axis */
    ptrdiff_t stride[FL_MAXDIM]; /* strides of the row dimensions */
} fl_operand;

/* The options of a call, by who reads them. */

/* Whatever reads labels: which of them count. */
typedef struct {
    int64_t ignore_index;
    int has_ignore;
} fl_labels;

/* Whatever reads the target of rows. `gain` and `smooth` hold one entry a class in the table's type, or are NULL for
 * all ones and all zeros: q = gain * target + smooth. */
typedef struct {
    const void *gain, *smooth;
    int log_target; /* soft targets are logarithms */
} fl_targets;

/* The softmax family, rows/softmax/kernel.h. */
typedef struct {
    double z_loss, softcap, logit_scale; /* softcap 0: none */
    double factor;                       /* the loss is multiplied by it */
    int divergence;                      /* the entropy of the target is subtracted from the loss */
    int margin_kind;                     /* fl_margin: how the logit at the label is lowered */
    double margin;
    double margin_constants
        [FL_MARGIN_CONSTANTS]; /* arc: cos and sin of the margin; large: cos(j pi / margin), j = 1 ... */
} fl_softmax;

/* Whatever writes a Hessian, base/hessian.h. */
typedef struct {
    double factor; /* it is multiplied by; of the softmax family alone */
    double least;  /* of a row of weight 1; 0: none */
    int bounded;   /* elementwise: it is the loss's bound (elementwise/formula.h) */
} fl_hessian;

/* The checks: which rule each operand must obey, and when that is looked at. */
typedef struct {
    int target, array_parameter; /* fl_rule of FL_TARGET and of FL_ARRAY_PARAMETER */
    int score;                   /* fl_rule of FL_PRED, where the loss reads it */
    int reads_all_scores;        /* the loss reads all scores of a row, else those whose target is not 0 */
    double rounding_slack;       /* how far probabilities may leave their range by rounding */
    int while_running;           /* elements are checked beside the kernel, as no array of the caller's is written: one
                                   * pass over memory less */
    int scores_while_running;    /* likewise scores */
} fl_checks;

/* The slots of the loss's own numbers: a name, and its place. A kernel reads a few of them, none two of one place.
 * An array parameter takes the first. */
/* clang-format off */
#define FL_SLOT_LIST(X) \
    X(FL_DELTA, delta, 0) X(FL_BETA, beta, 0) X(FL_Q, q, 0) X(FL_TAU, tau, 0) X(FL_EPS, eps, 0) \
    X(FL_POWER, power, 0) X(FL_EPSILON, epsilon, 0) X(FL_THRESHOLD, threshold, 0) X(FL_LAST, last, 0) \
    X(FL_VAR, var, 0) X(FL_LOG_VAR, log_var, 1) \
    X(FL_POS_WEIGHT, pos_weight, 0) X(FL_SMOOTHING, smoothing, 1) \
    X(FL_GAMMA, gamma, 0) X(FL_SHARE_OF_ONES, share_of_ones, 1) X(FL_SHARE_OF_ZEROS, share_of_zeros, 2) \
    X(FL_MARGIN, margin, 0) X(FL_EXPONENT, exponent, 1) \
    X(FL_CLIP, clip, 0) X(FL_LOG_CLIP, log_clip, 1) X(FL_LOG_REST, log_rest, 2) \
    X(FL_LABEL_SCALE, label_scale, 2) X(FL_LABEL_SHIFT, label_shift, 3) \
    X(FL_BOUND_FLOOR, bound_floor, 3)
/* clang-format on */
#define FL_SLOT(slot, name, place) slot = place,
enum { FL_SLOT_LIST(FL_SLOT) FL_FIRST_SLOT = 0, FL_SLOTS = 4 };
#undef FL_SLOT
#define FL_SLOT(slot, name, place) _Static_assert((place) < FL_SLOTS, "a slot has its place in fl_call.parameter");
FL_SLOT_LIST(FL_SLOT)
#undef FL_SLOT

typedef struct fl_table fl_table;
typedef struct fl_call fl_call;
typedef struct fl_span fl_span;
typedef void fl_kernel(const fl_call *, const fl_span *);

struct fl_call {
    const fl_table *table;
    fl_kernel *kernel; /* of that table */
    int elementwise;   /* every element is a row: blocks go to the kernel whole, whatever their strides */
    int wants_value;   /* the loss itself is wanted, its sum or each value, and not its derivatives alone */
    int unweighted;    /* unreduced values are not multiplied by their weights */
    double scale;      /* 1 / normaliser: what every gradient is multiplied by, beside its row's weight */
    ptrdiff_t rows, classes;
    int class_axis_last;
    int ndim; /* of the rows */
    ptrdiff_t shape[FL_MAXDIM];
    fl_operand op[FL_ROLES];
    double parameter[FL_SLOTS];
    fl_checks check;
    fl_labels labels;
    fl_targets targets;
    fl_softmax softmax;
    fl_hessian hessian;
    /* What fl_lay_out makes of the shape, beside merging axes. */
    ptrdiff_t per_block, per_task; /* rows */
    int lanes_across;              /* of a tile, rows/tile.h */
    int stream;                    /* large outputs bypass the cache */
};

/* Rows of a block whose addresses are a constant step apart in each operand; for an elementwise kernel, the block. */
struct fl_span {
    ptrdiff_t row, n; /* of the call */
    char *data[FL_ROLES];
    ptrdiff_t step[FL_ROLES];
    const double *weight; /* one a row, or NULL */
    void *value;          /* one a row, in the table's type: where the kernel leaves the loss */
    int *violation;       /* set by a kernel that reads the label's score alone if that breaks its rule; or NULL */
};

enum {
    FL_BLOCK = 1024, /* rows in a block at most, and elements of a wide row in one L1 block */
    FL_CHUNKS = 64   /* in a tile (rows/tile.h): rows of so many classes lie across one */
};

struct fl_table {
    const char *isa;
    int bits; /* of the arithmetic: 32 or 64 */
    fl_kernel *const *elementwise, *const *rowwise;
    double (*sum)(const void *value, const double *weight, ptrdiff_t n);
    void (*store_values)(const fl_call *, const fl_span *);
    ptrdiff_t (*first_violation)(int rule, double rounding_slack, const char *from, int type, ptrdiff_t step,
                                 ptrdiff_t n);
    void (*math)(int function, const void *x, void *y, ptrdiff_t n); /* for tests: FL_EXP ... FL_SINH */
};

enum fl_math { FL_EXP, FL_EXP_NONPOSITIVE, FL_LOG, FL_LOG1P, FL_TANH, FL_SINH };

/* dispatch.c */
extern const char *const fl_isa_names[]; /* best first, ends in NULL: what this build holds */
int fl_isa_runs(const char *isa);        /* does this processor have it? */
const fl_table *fl_table_of(const char *isa, int bits);
/* Both end in NULL; the position of a name is the kernel's index. */
extern const char *const fl_elementwise_names[], *const fl_rowwise_names[];

/* The names of the slots, which end in NULL, and their places. */
extern const char *const fl_slot_names[];
extern const int fl_slot_places[];

/* call.c */
void fl_lay_out(fl_call *);

/* task.c */
ptrdiff_t fl_tasks(const fl_call *);
typedef struct {
    double total;  /* over the task's rows, of weight * loss */
    int violation; /* of a call that checks while it runs: an element or a score breaks its rule */
} fl_sum;
fl_sum fl_task(const fl_call *, ptrdiff_t task);

/* scan.c: what a check of the arguments found, before any array of the caller's is written. */
typedef struct {
    ptrdiff_t bad_label;           /* first row whose label is out of range, or -1 */
    ptrdiff_t bad_weight;          /* first row whose weight is negative or not finite, or -1 */
    ptrdiff_t bad_target;          /* first row whose target breaks its rule, or -1 */
    ptrdiff_t bad_array_parameter; /* likewise for FL_ARRAY_PARAMETER */
    ptrdiff_t bad_score; /* first row that counts and has a score that the loss reads and that breaks its rule */
    double weight;       /* sum of sample_weight * class_weight[label] over the rows that count */
    ptrdiff_t counted;   /* how many those are, less those of weight 0 */
} fl_scan;
void fl_scan_task(const fl_call *, const double *class_weight, ptrdiff_t task, fl_scan *);
int fl_elements_violate(const fl_call *, ptrdiff_t row, ptrdiff_t n); /* does a block break a rule, weights aside? */
int fl_scores_violate(const fl_call *, const fl_span *); /* does a row that counts break the rule of scores? */

/* process.c */
void fl_process_init(void);
int fl_process_forked(void);
int fl_process_enter(void); /* counts a call in flight; gives how many there are now */
int fl_process_in_flight(void);
void fl_process_leave(void);

/* pool.c: the threads of the calls */
typedef void fl_body(void *context, ptrdiff_t task);
void fl_pool_init(void);
/* On `threads` at most, the caller included. */
void fl_pool_run(fl_body *, void *context, ptrdiff_t tasks, int threads);

/* openmp.c: the settings of all OpenMP runtimes in this process; the least answer counts */
void fl_openmp_init(void);
int fl_openmp_version(void);     /* of the runtime that this build was linked with; 0: built without */
int fl_openmp_max_threads(void); /* INT_MAX if nothing limits them */
int fl_openmp_thread_limit(void);
int fl_openmp_in_parallel(void);
int fl_openmp_places(void *cpu_set); /* Linux */
int fl_openmp_processors(void);
void fl_openmp_pause(void);
const char *fl_compiler(void);

#endif
