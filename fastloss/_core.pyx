# distutils: language = c
"""The way from Python objects to the C core: operands, legality, threads. No mathematics.

A call that is not legal as it stands gives None here, cheaply; _check.py then converts the arguments or
explains what is wrong with them. What only the data can tell (a label out of range, a negative weight)
is looked for before anything of the caller's is written, and _check.py words it.

Operands come through the buffer protocol itself, of which a typed memoryview is a wrapper with one dtype
and a fixed number of dimensions: a call here takes any number of either, half formats among them, and a
memoryview costs a third of a small call.
"""
import os
from math import cos, pi, sin

import numpy as np

from cpython.buffer cimport PyBUF_STRIDES, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from cython.parallel cimport prange
from libc.math cimport log, log1p
from libc.stdint cimport int64_t
from libc.string cimport memset


cdef extern from "fastloss.h" nogil:
    enum:
        FL_MAXDIM
        FL_F64, FL_F32, FL_F16, FL_BF16, FL_I64, FL_I32, FL_I16, FL_I8, FL_U64, FL_U32, FL_U16, FL_U8, FL_BOOL
        FL_ANY, FL_NON_NEGATIVE, FL_VARIANCE, FL_UNIT, FL_SIGNS, FL_BINARY, FL_PROBABILITY, FL_LOG_PROBABILITY
        FL_NO_MARGIN, FL_ADDITIVE, FL_ARC, FL_LARGE
        FL_PRED, FL_TARGET, FL_WEIGHT, FL_VECTOR, FL_ARRAY_PARAMETER, FL_LABEL, FL_GRAD, FL_SECOND_GRAD, FL_HESS, FL_HVP, FL_VALUE
        FL_LOGSUMEXP, FL_ENTROPY, FL_CORRECT, FL_SOFTMAX, FL_LOG_SOFTMAX, FL_ROLES
        FL_BLOCK
        FL_EXP, FL_EXP_NONPOSITIVE, FL_LOG, FL_LOG1P, FL_TANH, FL_SINH
    ctypedef struct fl_operand:
        char *data
        int type
        ptrdiff_t class_stride
        ptrdiff_t *stride
    ctypedef struct fl_softmax:
        const void *gain
        const void *smooth
        double z_loss
        double softcap
        double logit_scale
        double factor
        double margin
        int margin_kind
        double *margin_constants
        int log_target
        int divergence
        int64_t ignore_index
        int has_ignore
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
        int *rule
        int score_rule
        int reads_all
        double rounding_slack
        int lanes_across
        int stream
        int wants_value
        int unweighted
        int check_while_running
        int check_scores_while_running
        ptrdiff_t rows
        ptrdiff_t classes
        ptrdiff_t per_block
        ptrdiff_t per_task
        double scale
        double hess_factor
        double hess_least
        int hess_bound
        int ndim
        ptrdiff_t *shape
        fl_operand *op
        fl_softmax softmax
        double *parameter
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
    int fl_isa_runs(const char *)
    const fl_table *fl_table_of(const char *, int)
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


# ---- instruction sets -------------------------------------------------------------------------------

cdef const fl_table *table32
cdef const fl_table *table64


cdef tuple _built():
    names, i = [], 0
    while fl_isa_names[i] != NULL:
        names.append(fl_isa_names[i].decode())
        i += 1
    return tuple(names)


def isas():
    """Names of the instruction sets that this build holds and this processor runs, best first."""
    return tuple(name for name in _built() if fl_isa_runs(name.encode()))


def isa():
    """Name of the instruction set in use."""
    return table32.isa.decode()


cdef int _choose(name) except -1:
    global table32, table64
    if not name:
        name = isas()[0]
    elif name not in _built():
        raise ImportError(f"FASTLOSS_ISA = {name!r} is unknown: this build has {', '.join(_built())}")
    elif name not in isas():
        raise ImportError(f"FASTLOSS_ISA = {name!r} is not supported by this processor, which runs {', '.join(isas())}")
    table32 = fl_table_of(name.encode(), 32)
    table64 = fl_table_of(name.encode(), 64)
    return 0


_choose(os.environ.get("FASTLOSS_ISA"))


def math(str function, x):
    """The core's own function of a contiguous float32 or float64 array, for the accuracy tests."""
    cdef int which = {"exp": FL_EXP, "exp_nonpositive": FL_EXP_NONPOSITIVE, "log": FL_LOG, "log1p": FL_LOG1P,
                      "tanh": FL_TANH, "sinh": FL_SINH}[function]
    y = np.empty_like(x)
    cdef size_t source = x.ctypes.data, goal = y.ctypes.data
    cdef ptrdiff_t n = x.size
    cdef const fl_table *table = table32 if x.dtype == np.float32 else table64
    if x.dtype not in (np.float32, np.float64) or not x.flags.c_contiguous:
        raise TypeError("math takes contiguous float32 or float64 arrays")
    with nogil:
        table.math(which, <const void *>source, <void *>goal, n)
    return y


# ---- process and threads ----------------------------------------------------------------------------

fl_process_init()
fl_pool_init()
fl_openmp_init()
os.register_at_fork(before=lambda: fl_openmp_pause())

compiler = fl_compiler().decode()
openmp = fl_openmp_version()


def _choose_team():
    name = os.environ.get("FASTLOSS_THREADS") or "pool"
    if name not in ("pool", "openmp"):
        raise ImportError(f"FASTLOSS_THREADS = {name!r} is unknown: it may be pool or openmp")
    if name == "openmp" and not openmp:
        raise ImportError("FASTLOSS_THREADS = 'openmp', but this build has no OpenMP")
    return name


team = _choose_team()
cdef bint _on_openmp = team == "openmp"


def forked():
    """Is this process, or was one of its ancestors since exec, made by fork?"""
    return bool(fl_process_forked())


def openmp_threads():
    """Threads that the OpenMP settings of this process allow here and now; 1 where only one may be used."""
    return 1 if fl_process_forked() or fl_openmp_in_parallel() else fl_openmp_max_threads()


def openmp_limit():
    """Threads that the OpenMP settings allow however many are asked for."""
    return fl_openmp_thread_limit()


def openmp_processors():
    """Processors that OpenMP binds its threads to, of which the calling thread may see its own alone; 0: it does not."""
    return fl_openmp_processors()


# Tasks that make another thread worth waking: 65,536 elements, some 15 us of work for one core.
cdef ptrdiff_t GRAIN = 4


cdef int _threads(ptrdiff_t tasks, n_threads, int in_flight) except -1:
    if tasks <= 1 or (n_threads is not None and n_threads <= 1):
        return 1
    if n_threads is None and tasks < 2 * GRAIN:
        return 1
    cdef int most
    if fl_process_forked() or fl_openmp_in_parallel():
        return 1
    if n_threads is not None:
        # An explicit number is the caller's word, up to what OpenMP itself may have; no machine has thousands.
        most = fl_openmp_thread_limit()
        if n_threads > 16:  # counting processors takes 5 us
            n_threads = min(n_threads, max(16, 4 * (os.cpu_count() or 1)))
        return <int>min(<object>n_threads, tasks, most)
    most = fl_openmp_max_threads()
    if most > 1:
        from fastloss import _threads as budget
        most = max(1, min(most, budget.available()) // in_flight)
    return <int>min(most, tasks // GRAIN)


cdef void _for_each_task(fl_body *body, void *context, ptrdiff_t tasks, int threads) noexcept nogil:
    cdef ptrdiff_t t
    if threads == 1:
        for t in range(tasks):
            body(context, t)
    elif _on_openmp:
        for t in prange(tasks, num_threads=threads, schedule="dynamic", chunksize=1):
            body(context, t)
    else:
        fl_pool_run(body, context, tasks, threads)


cdef struct _Run:
    const fl_call *call
    fl_sum *partial


cdef struct _Scan:
    const fl_call *call
    const double *class_weight
    fl_scan *found


cdef void _run_task(void *context, ptrdiff_t task) noexcept nogil:
    cdef _Run *run = <_Run *>context
    run.partial[task] = fl_task(run.call, task)


cdef void _scan_task(void *context, ptrdiff_t task) noexcept nogil:
    cdef _Scan *scan = <_Scan *>context
    fl_scan_task(scan.call, scan.class_weight, task, &scan.found[task])


# ---- operands ---------------------------------------------------------------------------------------

F64, F32, F16 = np.dtype("f8"), np.dtype("f4"), np.dtype("f2")
_TYPES = {F64: FL_F64, F32: FL_F32, F16: FL_F16,
          np.dtype("i8"): FL_I64, np.dtype("i4"): FL_I32, np.dtype("i2"): FL_I16, np.dtype("i1"): FL_I8,
          np.dtype("u8"): FL_U64, np.dtype("u4"): FL_U32, np.dtype("u2"): FL_U16, np.dtype("u1"): FL_U8,
          np.dtype("?"): FL_BOOL}
cdef dict TYPES = _TYPES
cdef double[4] EPSILON = [2.0 ** -52, 2.0 ** -23, 2.0 ** -10, 2.0 ** -7]  # of FL_F64, FL_F32, FL_F16, FL_BF16
cdef object ndarray = np.ndarray, F64_ = F64, F32_ = F32, empty = np.empty


cdef int type_of(dtype) except -2:
    """The code of a dtype, -1 if the core does not read it."""
    if dtype is F32_:
        return FL_F32
    if dtype is F64_:
        return FL_F64
    code = TYPES.get(dtype)
    if code is not None:
        return code
    if dtype.name == "bfloat16" and dtype.isnative:
        TYPES[dtype] = FL_BF16
        return FL_BF16
    return -1


def is_supported(dtype):
    """Does the core read this dtype as it is?"""
    return type_of(dtype) >= 0


ANY, NON_NEGATIVE, VARIANCE, UNIT, SIGNS, BITS = FL_ANY, FL_NON_NEGATIVE, FL_VARIANCE, FL_UNIT, FL_SIGNS, FL_BINARY
PROBABILITY, LOG_PROBABILITY = FL_PROBABILITY, FL_LOG_PROBABILITY
_MARGINS = {"additive": FL_ADDITIVE, "arc": FL_ARC, "large": FL_LARGE}
cdef enum:
    _OWN_KERNEL = 1 << 20


cdef class Parameters:
    """What a loss's own keyword arguments come to; immutable once made."""
    cdef fl_softmax softmax
    cdef double parameter[4]
    cdef int kernel                     # one other than the loss's own, or _OWN_KERNEL
    cdef int rule, array_rule           # of the target, and of `array`
    cdef public int score_rule          # of the scores that the loss reads: all, or those with a target
    cdef readonly int reads_all
    cdef readonly str of_logits         # the loss of raw scores, if this one is of probabilities or their logarithms
    cdef int clips, clip_by_dtype, by_rows
    cdef readonly object class_weight   # float64 array or None
    cdef readonly object array          # replaces the first of `values`, one an element or one a last-axis entry
    cdef readonly str array_name
    cdef readonly double label_smoothing
    cdef double least, most             # of the numbers that the arithmetic must hold

    def __init__(self, *, class_weight=None, double label_smoothing=0, ignore_index=None, double z_loss=0,
                 double softcap=0, double logit_scale=1, values=(), kernel=None, int rule=FL_ANY, clip=None,
                 array=None, array_name=None, int array_rule=FL_ANY, margin=None, double factor=1, divergence=False,
                 log_target=False, by_rows=False, int scores=FL_ANY, bint reads_all=False, of_logits=None):
        cdef int i = 0
        self.class_weight, self.label_smoothing = class_weight, label_smoothing
        self.softmax.z_loss, self.softmax.softcap, self.softmax.logit_scale = z_loss, softcap, logit_scale
        self.softmax.has_ignore = ignore_index is not None
        self.softmax.ignore_index = 0 if ignore_index is None else ignore_index
        self.softmax.factor, self.softmax.divergence, self.softmax.log_target = factor, divergence, log_target
        if margin is not None:
            kind, m = margin
            self.softmax.margin_kind, self.softmax.margin = _MARGINS[kind], m
            constants = [cos(m), sin(m)] if kind == "arc" else [cos(j * pi / m) for j in range(1, m)] if kind == "large" else []
            for i in range(len(constants)):
                self.softmax.margin_constants[i] = constants[i]
            i = 0
        for value in values:
            self.parameter[i] = value
            i += 1
        self.clips, self.clip_by_dtype = clip is not None, clip == "dtype"
        if clip is not None and not self.clip_by_dtype:
            self.parameter[0] = clip
        self.kernel = _OWN_KERNEL if kernel is None else kernels()[kernel]
        self.rule, self.array_rule, self.by_rows = rule, array_rule, by_rows
        self.array, self.array_name = array, array_name
        self.score_rule, self.reads_all, self.of_logits = scores, reads_all, of_logits

        factors = [1.0, logit_scale, softcap or 1.0, factor, abs(self.parameter[0]) or 1.0, *(abs(v) for v in values if v)]
        if class_weight is not None:
            factors += [class_weight[class_weight > 0].min(initial=1), class_weight.max(initial=1)]
        if array is not None and array_rule == FL_ANY:  # else the core looks over it
            factors += [array.min(initial=1), array.max(initial=1)]
        self.least, self.most = min(factors), max(factors)

    cpdef bint fits_float32(self):
        """Are all factors normal numbers in float32?"""
        return 1.1754943508222875e-38 <= self.least and self.most <= 3.4028234663852886e38


cdef class Call:
    """One call of the core: holds the buffers of its operands while it lasts."""
    cdef fl_call c
    cdef Py_buffer held[FL_ROLES]
    cdef int holds[FL_ROLES]
    cdef int row_axis  # the class axis, or -1
    cdef object keep

    def __dealloc__(self):
        cdef int role
        for role in range(FL_ROLES):
            if self.holds[role]:
                PyBuffer_Release(&self.held[role])

    cdef int hold(self, int role, array, int writable) except -1:
        """Takes an operand's buffer; 0 if it cannot be had."""
        cdef fl_operand *op = &self.c.op[role]
        op.type = type_of(array.dtype)
        if op.type < 0:
            return 0
        if op.type == FL_BF16:
            array = array.view(np.uint16)
        if writable and not array.flags.writeable:
            return 0
        PyObject_GetBuffer(array, &self.held[role], PyBUF_STRIDES | (PyBUF_WRITABLE if writable else 0))
        self.holds[role] = 1
        op.data = <char *>self.held[role].buf
        return 1

    cdef int full(self, int role, array, int writable=0) except -1:
        """An operand of the shape of the scores."""
        if type(array) is not ndarray or not self.hold(role, array, writable):
            return 0
        if writable and self.c.op[role].type > FL_BF16:
            return 0
        cdef Py_buffer *b = &self.held[role]
        cdef Py_buffer *pred = &self.held[FL_PRED]
        cdef int d, k = 0
        if b.ndim != pred.ndim:
            return 0
        for d in range(b.ndim):
            if b.shape[d] != pred.shape[d]:
                return 0
            if d == self.row_axis:
                self.c.op[role].class_stride = b.strides[d]
            else:
                self.c.op[role].stride[k] = b.strides[d]
                k += 1
        return 1

    cdef int leading(self, int role, array, int exact, int writable=0) except -1:
        """An operand of the shape of the rows, or (not exact) of their leading axes."""
        if type(array) is not ndarray or not self.hold(role, array, writable):
            return 0
        if writable and self.c.op[role].type > FL_BF16 and role != FL_CORRECT:
            return 0
        cdef Py_buffer *b = &self.held[role]
        cdef int d
        if b.ndim > self.c.ndim or (exact and b.ndim != self.c.ndim):
            return 0
        for d in range(b.ndim):
            if b.shape[d] != self.c.shape[d]:
                return 0
            self.c.op[role].stride[d] = b.strides[d]
        for d in range(b.ndim, self.c.ndim):
            self.c.op[role].stride[d] = 0
        return 1

    cdef int begin(self, pred, rowwise, axis) except -1:
        """The scores: they give the shape of everything else."""
        cdef int d, k = 0, at
        if type(pred) is not ndarray or not self.hold(FL_PRED, pred, 0):
            return 0
        cdef Py_buffer *b = &self.held[FL_PRED]
        cdef fl_operand *op = &self.c.op[FL_PRED]
        if op.type > FL_BF16 or b.ndim > FL_MAXDIM:
            return 0
        self.row_axis = -1
        self.c.table = table64 if op.type == FL_F64 else table32
        self.c.classes = self.c.rows = 1
        self.c.elementwise = not rowwise
        if rowwise:
            if type(axis) is not int or not -FL_MAXDIM <= axis < FL_MAXDIM:
                return 0
            at = axis
            if at < -b.ndim or at >= b.ndim:
                return 0
            self.row_axis = at + b.ndim if at < 0 else at
            if b.shape[self.row_axis] == 0:
                return 0
        for d in range(b.ndim):
            if d == self.row_axis:
                self.c.classes = b.shape[d]
                op.class_stride = b.strides[d]
            else:
                self.c.shape[k] = b.shape[d]
                op.stride[k] = b.strides[d]
                self.c.rows *= b.shape[d]
                k += 1
        self.c.ndim = k
        self.c.lanes_across = rowwise and (self.c.classes <= 64 or self.row_axis != b.ndim - 1)
        return 1

    cdef int target(self, target, int targets) except -1:
        """Labels or soft targets for rows as `targets` allows, numbers for elements, the second of two vectors."""
        if type(target) is not ndarray:
            return 0
        if targets & (_LABELS | _SOFT):
            if type_of(target.dtype) > FL_BF16:
                return targets & _LABELS and self.leading(FL_LABEL, target, True)
            return targets & _SOFT and self.full(FL_TARGET, target)
        return self.full(FL_TARGET, target)

    cdef int stands_alone(self, int role) except -1:
        """0 if an output shares memory with itself or another operand, other than by being the scores."""
        cdef Py_buffer *out = &self.held[role]
        cdef Py_buffer *other
        cdef int r, d, same
        cdef char *low
        cdef char *high
        cdef char *other_low
        cdef char *other_high
        if _overlaps_itself(out):
            return 0
        _bounds(out, &low, &high)
        for r in range(FL_ROLES):
            if r == role or not self.holds[r]:
                continue
            other = &self.held[r]
            _bounds(other, &other_low, &other_high)
            if high <= other_low or other_high <= low:
                continue
            same = r == FL_PRED and other.buf == out.buf and other.ndim == out.ndim \
                and other.itemsize == out.itemsize
            for d in range(out.ndim):
                same = same and other.strides[d] == out.strides[d] and other.shape[d] == out.shape[d]
            if not same:
                from fastloss import _check
                if _check.share_memory(<object>other.obj, <object>out.obj):
                    return 0
        return 1

    cdef void collapse(self) noexcept:
        """Merges row axes that lie behind one another in every operand."""
        cdef int d, role, used = 0, merge
        cdef fl_call *c = &self.c
        for d in range(c.ndim):
            if c.shape[d] == 1:
                continue
            merge = used > 0
            for role in range(FL_ROLES):
                if merge and c.op[role].data != NULL:
                    merge = c.op[role].stride[used - 1] == c.op[role].stride[d] * c.shape[d]
            if merge:
                used -= 1
                c.shape[used] *= c.shape[d]
            else:
                c.shape[used] = c.shape[d]
            for role in range(FL_ROLES):
                c.op[role].stride[used] = c.op[role].stride[d]
            used += 1
        c.ndim = used

    cdef void divide(self, ptrdiff_t elements_per_task) noexcept:
        """Blocks and tasks: of a size that the number of classes alone decides."""
        cdef ptrdiff_t rows = elements_per_task // self.c.classes
        self.c.per_task = rows // 64 * 64 if rows >= 64 else max(rows, 1)
        self.c.per_block = min(self.c.per_task, FL_BLOCK)

    cdef int parameters(self, Parameters p) except -1:
        """The loss's own parameters; 0 if the arithmetic cannot hold them or an array of them does not fit."""
        cdef int i, type = self.c.op[FL_PRED].type
        self.c.softmax = p.softmax
        for i in range(4):
            self.c.parameter[i] = p.parameter[i]
        if p.clips:
            if p.clip_by_dtype:
                self.c.parameter[0] = EPSILON[type]
            self.c.parameter[1], self.c.parameter[2] = log(self.c.parameter[0]), log1p(-self.c.parameter[0])
        if self.c.table is table32 and not p.fits_float32():
            return 0
        self.c.score_rule, self.c.reads_all, self.c.rounding_slack = p.score_rule, p.reads_all, 8 * EPSILON[type]
        if self.c.op[FL_TARGET].data != NULL:
            self.target_rule(p)
        if p.array is not None:
            self.c.rule[1] = p.array_rule
            shape = tuple([self.held[FL_PRED].shape[i] for i in range(self.held[FL_PRED].ndim)])
            if p.array.shape != shape and (not shape or p.array.shape != shape[len(shape) - 1:]):
                return 0
            if not self.full(FL_ARRAY_PARAMETER, p.array if p.array.shape == shape else np.broadcast_to(p.array, shape)):
                return 0
        return self.class_arrays(p) if self.row_axis >= 0 else 1

    cdef void target_rule(self, Parameters p) noexcept:
        """What targets must be, where their dtype does not say so; how labels become -1 and 1."""
        cdef int type = self.c.op[FL_TARGET].type, rule = p.rule
        if rule == FL_SIGNS and type == FL_BOOL:
            rule = FL_BINARY
        if rule == FL_SIGNS:
            self.c.parameter[2], self.c.parameter[3] = 1, 0
        elif rule == FL_BINARY:
            self.c.parameter[2], self.c.parameter[3] = 2, -1
        if rule == FL_NON_NEGATIVE and type >= FL_U64 or rule != FL_SIGNS and type == FL_BOOL:
            rule = FL_ANY
        self.c.rule[0] = rule

    cdef int class_arrays(self, Parameters p) except -1:
        """gain and smooth of rows/softmax/kernel.h; 0 if class_weight does not fit the classes."""
        if p.class_weight is None and p.label_smoothing == 0:
            return 1
        cdef ptrdiff_t n = self.c.classes
        cdef size_t address
        weight = np.ones(n) if p.class_weight is None else p.class_weight
        if weight.shape[0] != n:
            return 0
        dtype = F64_ if self.c.table is table64 else F32_
        gain = np.ascontiguousarray((1 - p.label_smoothing) * weight, dtype)
        address = gain.ctypes.data
        self.c.softmax.gain = <const void *>address
        smooth = None
        if p.label_smoothing:
            smooth = np.ascontiguousarray((p.label_smoothing / n) * weight, dtype)
            address = smooth.ctypes.data
            self.c.softmax.smooth = <const void *>address
        self.keep = gain, smooth
        return 1

    cdef double execute(self, n_threads, int *violation=NULL) except? -1:
        """Runs the kernel over all rows; gives the sum of weight * loss, and whether a rule was broken."""
        cdef fl_sum few[64]
        cdef fl_sum *partial = few
        cdef ptrdiff_t t, tasks = fl_tasks(&self.c)
        cdef double total = 0
        cdef _Run run
        cdef int threads, in_flight = fl_process_enter()
        try:
            threads = _threads(tasks, n_threads, in_flight)
            if tasks > 64:
                partial = <fl_sum *>PyMem_Malloc(tasks * sizeof(fl_sum))
                if partial == NULL:
                    raise MemoryError
            with nogil:
                run.call, run.partial = &self.c, partial
                _for_each_task(_run_task, &run, tasks, threads)
            for t in range(tasks):
                total += partial[t].total
                if violation != NULL:
                    violation[0] |= partial[t].violation
        finally:
            fl_process_leave()
            if partial != few:
                PyMem_Free(partial)
        return total

    cdef int scan(self, Parameters p, n_threads, fl_scan *all) except -1:
        """Looks over labels, weights and soft targets: before anything of the caller's is written."""
        cdef fl_scan few[64]
        cdef fl_scan *found = few
        cdef ptrdiff_t t, tasks = fl_tasks(&self.c)
        cdef _Scan scan
        cdef const double *class_weight = NULL
        cdef size_t address
        cdef int threads, in_flight
        if p.class_weight is not None and not p.by_rows:
            address = p.class_weight.ctypes.data
            class_weight = <const double *>address
        in_flight = fl_process_enter()
        memset(all, 0, sizeof(fl_scan))
        all.bad_label = all.bad_weight = all.bad_target = all.bad_array_parameter = all.bad_score = -1
        try:
            threads = _threads(tasks, n_threads, in_flight)
            if tasks > 64:
                found = <fl_scan *>PyMem_Malloc(tasks * sizeof(fl_scan))
                if found == NULL:
                    raise MemoryError
            with nogil:
                scan.call, scan.class_weight, scan.found = &self.c, class_weight, found
                _for_each_task(_scan_task, &scan, tasks, threads)
            for t in range(tasks):
                all.weight += found[t].weight
                all.counted += found[t].counted
                if all.bad_label < 0:
                    all.bad_label = found[t].bad_label
                if all.bad_weight < 0:
                    all.bad_weight = found[t].bad_weight
                if all.bad_target < 0:
                    all.bad_target = found[t].bad_target
                if all.bad_array_parameter < 0:
                    all.bad_array_parameter = found[t].bad_array_parameter
                if all.bad_score < 0:
                    all.bad_score = found[t].bad_score
        finally:
            fl_process_leave()
            if found != few:
                PyMem_Free(found)
        return 1


cdef bint _overlaps_itself(Py_buffer *b) noexcept:
    """Could two elements share bytes? Each axis, from the least stride up, must step over all before it."""
    cdef ptrdiff_t extent = b.itemsize, least, step
    cdef int d, k, chosen
    cdef bint done[FL_MAXDIM]
    if b.len == 0:
        return False
    for d in range(b.ndim):
        done[d] = b.shape[d] == 1
    for k in range(b.ndim):
        chosen, least = -1, 0
        for d in range(b.ndim):
            step = b.strides[d] if b.strides[d] >= 0 else -b.strides[d]
            if not done[d] and (chosen < 0 or step < least):
                chosen, least = d, step
        if chosen < 0:
            break
        if least < extent:
            return True
        done[chosen] = True
        extent += least * (b.shape[chosen] - 1)
    return False


def overlaps_itself(array):
    """Does an array of a supported dtype hold elements that share memory?"""
    cdef Py_buffer b
    PyObject_GetBuffer(array.view(np.uint16) if type_of(array.dtype) == FL_BF16 else array, &b, PyBUF_STRIDES)
    cdef bint answer = _overlaps_itself(&b)
    PyBuffer_Release(&b)
    return answer


cdef void _bounds(Py_buffer *b, char **low, char **high) noexcept:
    cdef int d
    low[0] = <char *>b.buf
    high[0] = <char *>b.buf + b.itemsize
    for d in range(b.ndim):
        if b.shape[d] == 0:
            high[0] = low[0]
            return
        if b.strides[d] < 0:
            low[0] += (b.shape[d] - 1) * b.strides[d]
        else:
            high[0] += (b.shape[d] - 1) * b.strides[d]


# ---- calls ------------------------------------------------------------------------------------------

# What a call may be asked for; run() gives them in this order.
cdef enum:
    _VALUE = 1
    _GRAD = 2
    _HESS = 4
    _HVP = 8
    _SECOND = 16
    _MEAN = 0
    _SUM = 1
    _NONE = 2
    _TALLY = 3    # sum of weight * loss, what the mean divides it by, and how many count
    _LABELS = 1   # what the targets of rows may be; 0: the loss is elementwise
    _SOFT = 2
    _VECTORS = 4  # the target is a vector beside the first
VALUE, GRAD, HESS, HVP, SECOND = _VALUE, _GRAD, _HESS, _HVP, _SECOND
MEAN, SUM, NONE, TALLY = _MEAN, _SUM, _NONE, _TALLY
LABELS, SOFT, VECTORS = _LABELS, _SOFT, _VECTORS

# Elements a task holds: few enough to share out evenly.
cdef ptrdiff_t TASK = 16384
# Scores and results together larger than the last-level cache of the machines measured: results go past it.
cdef ptrdiff_t STREAM_BYTES = 32 << 20


# Normal numbers, which a sum of weights must be.
cdef double LARGEST = 1.7976931348623157e308, LEAST = 2.2250738585072014e-308


cdef dict _kernels = {}


def kernels():
    """Name -> number of each kernel of the core: elementwise ones from 0 up, those of rows from -1 down."""
    cdef int i = 0
    if not _kernels:
        while fl_elementwise_names[i] != NULL:
            _kernels[fl_elementwise_names[i].decode()] = i
            i += 1
        i = 0
        while fl_rowwise_names[i] != NULL:
            _kernels[fl_rowwise_names[i].decode()] = -1 - i
            i += 1
    return _kernels


cdef fl_kernel *_kernel(const fl_table *table, int number) noexcept:
    return table.elementwise[number] if number >= 0 else table.rowwise[-1 - number]


cdef object _row_values(Call call, pred):
    """A new array for one number a row, in the arithmetic's own type."""
    cdef int a = call.row_axis
    shape = pred.shape if a < 0 else pred.shape[:a] + pred.shape[a + 1:]
    return empty(shape, F64_ if call.c.table is table64 else F32_)


cdef object _like(pred):
    """A new array as the scores, in their memory order."""
    return np.empty_like(pred, subok=False)


cdef int _prepare(Call call) except -1:
    cdef int role
    cdef ptrdiff_t bytes = call.held[FL_PRED].len
    call.collapse()
    call.divide(TASK)
    for role in range(FL_GRAD, FL_ROLES):
        if call.holds[role] and call.held[role].buf != call.held[FL_PRED].buf:
            bytes += call.held[role].len
            call.c.stream |= bytes > STREAM_BYTES
    return 0


cdef int _examine(Call call, Parameters p, n_threads, fl_scan *found, pred, names, target, weight) except -1:
    """Scans the data, and raises what is wrong with it. Without `weight` any weights may pass."""
    call.scan(p, n_threads, found)
    if weight is None:
        found.bad_weight = -1
    if found.bad_label >= 0 or found.bad_weight >= 0 or found.bad_target >= 0 or found.bad_array_parameter >= 0 \
            or found.bad_score >= 0:
        from fastloss import _check
        _check.bad_data(pred, target, weight, p, call.row_axis, found.bad_label, found.bad_weight,
                        found.bad_target, found.bad_array_parameter, found.bad_score, call.c.rule[0], call.c.rule[1],
                        call.c.rounding_slack, call.c.softmax.log_target, names)
    return 0


def run(int kernel, int targets, names, pred, target, third, Parameters p, int want, int reduction, weight, normalizer,
        out, other_out, axis, n_threads, double hess_factor=1, double hess_least=0, int fresh=0,
        double hess_floor=-1):
    """Value and derivatives as asked for, or None if the arguments are not legal as they are.

    `third`: the vector of a Hessian-vector product, or the third array of a loss of two vectors. `other_out`:
    of the Hessian, or of the second gradient. Hessians are multiplied by `hess_factor` and raised to
    `hess_least` times the weight of their row (src/base/hessian.h). `fresh`: nobody has seen the outs yet. `hess_floor`:
    from 0 on the Hessian is the loss's bound, which takes no residual for smaller (src/elementwise/formula.h).
    """
    cdef Call call = Call.__new__(Call)
    cdef fl_call *c = &call.c
    cdef fl_scan found
    cdef double total, norm
    cdef int rowwise = targets != 0, main = FL_HVP if want & _HVP else FL_GRAD
    cdef int other = FL_HESS if want & _HESS else FL_SECOND_GRAD
    if not call.begin(pred, rowwise, axis) or not call.target(target, targets):
        return None
    if weight is not None and not call.leading(FL_WEIGHT, weight, False):
        return None
    if third is not None:
        if targets & _VECTORS:
            c.rule[1] = FL_SIGNS
            if not call.leading(FL_ARRAY_PARAMETER, third, True):
                return None
        elif not call.full(FL_VECTOR, third):
            return None
    if not call.parameters(p):
        return None
    c.kernel = _kernel(c.table, kernel if p.kernel == _OWN_KERNEL else p.kernel)
    if targets & _SOFT and c.op[FL_TARGET].data != NULL and not p.softmax.log_target:
        c.rule[0] = FL_NON_NEGATIVE
    fresh |= out is None and other_out is None
    if want & (_GRAD | _HVP):
        out = _like(pred) if out is None else out
        if not call.full(main, out, True) or not call.stands_alone(main):
            return None
    if want & (_HESS | _SECOND):
        other_out = _like(pred) if other_out is None else other_out
        if not call.full(other, other_out, True) or not call.stands_alone(other):
            return None
    value = None
    if want & _VALUE and reduction == _NONE:
        value = _row_values(call, pred)
        call.leading(FL_VALUE, value, True, True)
    _prepare(call)

    norm = <double>c.rows
    cdef ptrdiff_t counted = c.rows
    c.wants_value = want & _VALUE != 0
    cdef int violation = 0, ruled = c.rule[0] != FL_ANY or c.rule[1] != FL_ANY
    # Where nothing of the caller's is written, elements and scores are looked at on the way: a pass less over memory.
    c.check_while_running = ruled and c.elementwise and fresh and weight is None
    c.check_scores_while_running = fresh and c.score_rule != FL_ANY
    if c.op[FL_LABEL].data != NULL or (ruled and not c.check_while_running) or weight is not None or (c.score_rule != FL_ANY and not fresh):
        if fresh:
            c.score_rule = FL_ANY
        _examine(call, p, n_threads, &found, pred, names, (target, third), weight)
        c.score_rule = p.score_rule
        if weight is not None or (p.class_weight is not None and c.op[FL_LABEL].data != NULL and not p.by_rows):
            norm = found.weight
        else:
            norm = <double>found.counted
        counted = found.counted
    if reduction != _MEAN and reduction != _TALLY:
        norm = 1
    elif normalizer is not None:
        norm = normalizer
    elif norm > LARGEST or (reduction == _MEAN and 0 < norm < LEAST):
        from fastloss import _check
        if reduction == _TALLY:
            _check.sum_overflows()
        # A mean is one of ratios: with other weights of the same ratios, whose sum is a normal number.
        weight = _check.of_ratios(weight, norm)
        return run(kernel, targets, names, pred, target, third, p, want, reduction, weight, None, out, other_out, axis,
                   n_threads, hess_factor, hess_least, fresh, hess_floor)
    c.scale = 1 / norm if norm > 0 else 0
    c.hess_factor, c.hess_least = hess_factor, hess_least
    if hess_floor >= 0:
        c.hess_bound, c.parameter[3] = True, hess_floor

    total = call.execute(n_threads, &violation)
    if violation:
        _examine(call, p, n_threads, &found, pred, names, (target, third), weight)
    if reduction == _TALLY:
        return total, norm, counted
    if want & _VALUE and reduction != _NONE:
        if norm > 0:
            value = total / norm
        else:
            from fastloss import _check
            value = _check.mean_of_nothing()
    if want == _VALUE:
        return value
    if want == _VALUE | _GRAD:
        return value, out
    if want == _GRAD | _HESS:
        return out, other_out
    if want & _SECOND:
        return value, (out, other_out)
    return out


def facts(pred, target, Parameters p, axis, n_threads, entropies=True):
    """Loss, logsumexp, entropy and correctness of each row, or None. Entropy takes a second look at each row."""
    cdef Call call = Call.__new__(Call)
    cdef fl_scan found
    if not call.begin(pred, True, axis) or not call.target(target, _LABELS | _SOFT):
        return None
    if not call.parameters(p):
        return None
    if call.c.op[FL_TARGET].data != NULL:
        call.c.rule[0] = FL_NON_NEGATIVE
    call.c.kernel = _kernel(call.c.table, kernels()["cross_entropy"])
    call.c.scale = 1
    loss, logsumexp, entropy = _row_values(call, pred), _row_values(call, pred), None
    correct = empty(loss.shape, np.bool_)
    call.leading(FL_VALUE, loss, True, True)
    call.leading(FL_LOGSUMEXP, logsumexp, True, True)
    if entropies:
        entropy = _row_values(call, pred)
        call.leading(FL_ENTROPY, entropy, True, True)
    call.leading(FL_CORRECT, correct, True, True)
    _prepare(call)
    _examine(call, p, n_threads, &found, pred, ("logits", "target"), (target, None), None)
    call.execute(n_threads)
    return loss, logsumexp, entropy, correct


cdef dict _TRANSFORMS = {"softmax": FL_SOFTMAX, "log_softmax": FL_LOG_SOFTMAX, "logsumexp": FL_LOGSUMEXP,
                         "entropy": FL_ENTROPY}
cdef Parameters _plain = Parameters()


def transform(str what, pred, out, axis, n_threads):
    """softmax, log_softmax, logsumexp or entropy along the axis, or None."""
    cdef Call call = Call.__new__(Call)
    cdef int role = _TRANSFORMS[what], per_row = role == FL_LOGSUMEXP or role == FL_ENTROPY
    if not call.begin(pred, True, axis):
        return None
    call.parameters(_plain)
    call.c.kernel = _kernel(call.c.table, kernels()["cross_entropy"])
    call.c.scale = 1
    if per_row:
        out = _row_values(call, pred) if out is None else out
        if not call.leading(role, out, True, True) or not call.stands_alone(role):
            return None
    else:
        out = _like(pred) if out is None else out
        if not call.full(role, out, True) or not call.stands_alone(role):
            return None
    _prepare(call)
    call.execute(n_threads)
    return out


def unary(str name, x, out, n_threads):
    """A function of each element, or None."""
    cdef Call call = Call.__new__(Call)
    if not call.begin(x, False, -1):
        return None
    call.c.kernel = _kernel(call.c.table, kernels()[name])
    out = _like(x) if out is None else out
    if not call.full(FL_VALUE, out, True) or not call.stands_alone(FL_VALUE):
        return None
    _prepare(call)
    call.execute(n_threads)
    return out


def rank(scores, labels, Parameters p, last, axis, n_threads):
    """How many classes stand before the true one in each row, or None.

    Of equal scores the lower index stands first, with `last` the higher one. A row with NaN has the rank that
    no class has, the number of classes; an ignored row has -1.
    """
    cdef Call call = Call.__new__(Call)
    cdef fl_scan found
    if not call.begin(scores, True, axis) or not call.target(labels, _LABELS) or not call.parameters(p):
        return None
    call.c.kernel = _kernel(call.c.table, kernels()["rank"])
    call.c.parameter[0] = bool(last)
    value = _row_values(call, scores)
    call.leading(FL_VALUE, value, True, True)
    _prepare(call)
    _examine(call, p, n_threads, &found, scores, ("scores", "target"), (labels, None), None)
    call.execute(n_threads)
    return value


def gather(logits, index, weight, int want_grad, value, out, axis, n_threads):
    """log p of one class a row (in `value`) and, if wanted, the gradient of sum(weight * log p), or None."""
    cdef Call call = Call.__new__(Call)
    cdef fl_scan found
    if not call.begin(logits, True, axis) or not call.leading(FL_LABEL, index, True) or call.c.op[FL_LABEL].type <= FL_BF16:
        return None
    call.parameters(_plain)
    call.c.kernel = _kernel(call.c.table, kernels()["cross_entropy"])
    call.c.scale = -1
    call.c.unweighted = 1
    value = _row_values(call, logits) if value is None else value
    if not call.leading(FL_VALUE, value, True, True) or not call.stands_alone(FL_VALUE):
        return None
    if weight is not None and not call.leading(FL_WEIGHT, weight, False):
        return None
    if want_grad:
        out = _like(logits) if out is None else out
        if not call.full(FL_GRAD, out, True) or not call.stands_alone(FL_GRAD):
            return None
    _prepare(call)
    _examine(call, _plain, n_threads, &found, logits, ("logits", "index"), (index, None), None)  # its weights may be negative
    call.execute(n_threads)
    np.negative(value, out=value)
    return (value, out) if want_grad else value
