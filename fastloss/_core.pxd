"""The C interface of the core, src/fastloss.h, and the objects that a call is made of."""
from libc.stdint cimport int64_t


cdef extern from "fastloss.h" nogil:
    enum:
        FL_MAXDIM, FL_SLOTS, FL_ROLES, FL_MARGIN_CONSTANTS
        FL_F64, FL_F32, FL_F16, FL_BF16, FL_I64, FL_I32, FL_I16, FL_I8, FL_U64, FL_U32, FL_U16, FL_U8, FL_BOOL
        FL_ANY, FL_NON_NEGATIVE, FL_VARIANCE, FL_UNIT, FL_SIGNS, FL_BINARY, FL_PROBABILITY, FL_LOG_PROBABILITY
        FL_ADDITIVE, FL_ARC, FL_LARGE
        FL_PRED, FL_TARGET, FL_WEIGHT, FL_VECTOR, FL_ARRAY_PARAMETER, FL_LABEL
        FL_GRAD, FL_SECOND_GRAD, FL_HESS, FL_HVP, FL_VALUE
        FL_LOGSUMEXP, FL_ENTROPY, FL_CORRECT, FL_SOFTMAX, FL_LOG_SOFTMAX
        FL_CLIP, FL_LOG_CLIP, FL_LOG_REST, FL_LABEL_SCALE, FL_LABEL_SHIFT, FL_BOUND_FLOOR
        FL_EXP, FL_EXP_NONPOSITIVE, FL_LOG, FL_LOG1P, FL_TANH, FL_SINH
    ctypedef struct fl_operand:
        char *data
        int type
        ptrdiff_t class_stride
        ptrdiff_t *stride
    ctypedef struct fl_labels:
        int64_t ignore_index
        int has_ignore
    ctypedef struct fl_targets:
        const void *gain
        const void *smooth
        int log_target
    ctypedef struct fl_softmax:
        double z_loss
        double softcap
        double logit_scale
        double factor
        int divergence
        int margin_kind
        double margin
        double *margin_constants
    ctypedef struct fl_hessian:
        double factor
        double least
        int bounded
    ctypedef struct fl_checks:
        int target
        int array_parameter
        int score
        int reads_all_scores
        double rounding_slack
        int while_running
        int scores_while_running
    ctypedef struct fl_call
    ctypedef struct fl_span
    ctypedef void fl_kernel(const fl_call *, const fl_span *) noexcept nogil
    ctypedef struct fl_table:
        const char *isa
        int bits
        fl_kernel **elementwise
        fl_kernel **rowwise
        void (*math)(int, const void *, void *, ptrdiff_t) noexcept nogil
    ctypedef struct fl_call:
        const fl_table *table
        fl_kernel *kernel
        int elementwise
        int class_axis_last
        int wants_value
        int unweighted
        double scale
        ptrdiff_t rows
        ptrdiff_t classes
        int ndim
        ptrdiff_t *shape
        fl_operand *op
        double *parameter
        fl_checks check
        fl_labels labels
        fl_targets targets
        fl_softmax softmax
        fl_hessian hessian
    ctypedef struct fl_sum:
        double total
        int violation
    ctypedef struct fl_scan:
        ptrdiff_t bad_label
        ptrdiff_t bad_weight
        ptrdiff_t bad_target
        ptrdiff_t bad_array_parameter
        ptrdiff_t bad_score
        double weight
        ptrdiff_t counted
    const char **fl_isa_names
    const char **fl_elementwise_names
    const char **fl_rowwise_names
    const char **fl_slot_names
    const int *fl_slot_places
    int fl_isa_runs(const char *)
    const fl_table *fl_table_of(const char *, int)
    void fl_lay_out(fl_call *)
    ptrdiff_t fl_tasks(const fl_call *)
    fl_sum fl_task(const fl_call *, ptrdiff_t)
    void fl_scan_task(const fl_call *, const double *, ptrdiff_t, fl_scan *)
    void fl_process_init()
    int fl_process_forked()
    int fl_process_enter()
    void fl_process_leave()
    ctypedef void fl_body(void *, ptrdiff_t) noexcept nogil
    void fl_pool_init()
    void fl_pool_run(fl_body *, void *, ptrdiff_t, int)
    void fl_openmp_init()
    int fl_openmp_version()
    int fl_openmp_max_threads()
    int fl_openmp_thread_limit()
    int fl_openmp_in_parallel()
    int fl_openmp_processors()
    void fl_openmp_pause()
    const char *fl_compiler()


cdef class ClassArrays:
    cdef ptrdiff_t n
    cdef fl_targets targets
    cdef object keep  # the arrays that `targets` points to


cdef class Parameters:
    cdef double number[FL_SLOTS]
    cdef int kernel             # another than the plan's, or OWN_KERNEL
    cdef int clip_by_dtype
    cdef int target_rule
    cdef fl_labels labels
    cdef fl_targets targets
    cdef fl_softmax softmax
    cdef double least, most     # of the numbers that the arithmetic must hold
    cdef readonly object array  # replaces the number of slot 0: one an element, or one a last-axis entry
    cdef readonly object class_weight  # float64 or None
    cdef readonly double label_smoothing
    cdef const double[::1] weight_of_class
    cdef ClassArrays by_class32, by_class64  # of the last number of classes: the rest never changes

    cpdef bint fits_float32(self)
    cdef ClassArrays by_class(self, ptrdiff_t n, bint float64)
    cdef ClassArrays make_by_class(self, ptrdiff_t n, bint float64)


cdef class Remembered:
    cdef object make
    cdef str used_as_it_is
    cdef readonly dict made


cdef class Plan:
    cdef int kernel
    cdef readonly bint rowwise
    cdef readonly int targets
    cdef readonly tuple names
    cdef readonly int score_rule, array_rule
    cdef readonly bint reads_all_scores, mean_of_rows, signed_weights
    cdef readonly str array_parameter, of_logits
    cdef readonly tuple outputs
    cdef readonly int reduction
    cdef int n_outputs
    cdef int role[4]
    cdef int wanted             # a bit for each role in `outputs`
    cdef bint fresh
    cdef double scale, bound_floor
    cdef fl_hessian hessian

    cdef Plan copy(self)
