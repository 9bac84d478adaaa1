# distutils: language = c
"""The way from Python objects to the C core: buffers, legality, threads. No mathematics.

A call is three things: a Plan (what is computed), Parameters (the loss's own numbers) and operands (arrays).
`run` is its one entry. A call that is not legal as it stands gives None, cheaply: _call.py then converts the
arguments, or _check.py explains what is wrong with them. What only the data can tell (a label out of range, a
negative weight) is looked for before anything of the caller's is written, and _check.py words it.

Operands come through the buffer protocol itself, of which a typed memoryview is a wrapper with one dtype and a
fixed number of dimensions: an operand here has any number of either, half formats among them, and a memoryview of
each would cost a third of a small call. Arrays whose dtype and rank are known are typed memoryviews.
"""
import math as _math
import os

import numpy as np

from cpython.buffer cimport PyBUF_STRIDES, PyBUF_WRITABLE, PyBuffer_IsContiguous, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_FromStringAndSize
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from cython cimport critical_section, floating
from cython.parallel cimport prange
from libc.string cimport memset


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

_FUNCTIONS = {"exp": FL_EXP, "exp_nonpositive": FL_EXP_NONPOSITIVE, "log": FL_LOG, "log1p": FL_LOG1P, "tanh": FL_TANH,
              "sinh": FL_SINH}


def math(str function, const floating[::1] x):
    """The core's own function of a contiguous float32 or float64 array, for the accuracy tests."""
    cdef int which = _FUNCTIONS[function]
    y = np.empty(x.shape[0], np.float32 if floating is float else np.float64)
    cdef floating[::1] result = y
    cdef const fl_table *table = table32 if floating is float else table64
    if x.shape[0]:
        with nogil:
            table.math(which, &x[0], &result[0], x.shape[0])
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
    """Processors that OpenMP binds its threads to: the calling thread may see its own alone. 0: it binds none."""
    return fl_openmp_processors()


cdef object _available = None


def set_available(function):
    """Tells the core how to count the threads that the system grants when nobody says (_threads.py)."""
    global _available
    _available = function


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
        most = max(1, min(most, _available()) // in_flight)
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


# ---- dtypes -----------------------------------------------------------------------------------------

F64, F32, F16 = np.dtype("f8"), np.dtype("f4"), np.dtype("f2")
_TYPES = {F64: FL_F64, F32: FL_F32, F16: FL_F16,
          np.dtype("i8"): FL_I64, np.dtype("i4"): FL_I32, np.dtype("i2"): FL_I16, np.dtype("i1"): FL_I8,
          np.dtype("u8"): FL_U64, np.dtype("u4"): FL_U32, np.dtype("u2"): FL_U16, np.dtype("u1"): FL_U8,
          np.dtype("?"): FL_BOOL}
cdef dict TYPES = _TYPES
cdef object ndarray = np.ndarray, F64_ = F64, F32_ = F32, empty = np.empty

# Of FL_F64, FL_F32, FL_F16, FL_BF16: their epsilon, its logarithm and that of 1 - epsilon.
cdef double[4] EPSILON = [2.0 ** -52, 2.0 ** -23, 2.0 ** -10, 2.0 ** -7]
cdef double[4] LOG_EPSILON
cdef double[4] LOG_REST
for _type in range(4):
    LOG_EPSILON[_type], LOG_REST[_type] = _math.log(EPSILON[_type]), _math.log1p(-EPSILON[_type])


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


# ---- parameters -------------------------------------------------------------------------------------

ANY, NON_NEGATIVE, VARIANCE, UNIT, SIGNS, BITS = FL_ANY, FL_NON_NEGATIVE, FL_VARIANCE, FL_UNIT, FL_SIGNS, FL_BINARY
PROBABILITY, LOG_PROBABILITY = FL_PROBABILITY, FL_LOG_PROBABILITY
_MARGINS = {"additive": FL_ADDITIVE, "arc": FL_ARC, "large": FL_LARGE}
cdef enum:
    _OWN_KERNEL = 1 << 20

cdef dict _kernels = {}
cdef dict _slots = {}


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


def slots():
    """Name -> place of each number that a kernel reads (fastloss.h)."""
    cdef int i = 0
    if not _slots:
        while fl_slot_names[i] != NULL:
            _slots[fl_slot_names[i].decode()] = fl_slot_places[i]
            i += 1
    return _slots


cdef fl_kernel *_kernel(const fl_table *table, int number) noexcept:
    return table.elementwise[number] if number >= 0 else table.rowwise[-1 - number]


# Of arrays of so many bytes it costs less to compare what they hold than to make parameters of them again.
cdef ptrdiff_t COMPARED = 1 << 14
cdef int REMEMBERED = 64  # sets of keywords a loss remembers


cdef class ClassArrays:
    """What class weights and label smoothing come to for so many classes, in one arithmetic."""


cdef class Parameters:
    """What a loss's own keyword arguments come to; never changed once made.

    `numbers` are by slot (fastloss.h); `array` takes the place of the number in slot 0; if it is `scanned`,
    the core looks over it, and it may hold what the arithmetic cannot. `kernel` names a variant for these numbers.
    `softmax` holds options of the softmax family: z_loss, softcap, logit_scale, factor, divergence, and margin, a
    pair (kind, margin).
    """

    def __init__(self, numbers=None, *, kernel=None, clip=None, int target=FL_ANY, array=None, bint scanned=False,
                 class_weight=None, double label_smoothing=0, ignore_index=None, bint log_target=False, softmax=None):
        factors = [1.0]
        self.kernel = _OWN_KERNEL if kernel is None else kernels()[kernel]
        self.target_rule = target
        self.array, self.class_weight, self.label_smoothing = array, class_weight, label_smoothing
        self.weight_of_class = class_weight
        self.labels.has_ignore = ignore_index is not None
        self.labels.ignore_index = 0 if ignore_index is None else ignore_index
        self.targets.log_target = log_target
        self._set_numbers(numbers or {}, clip, target, factors)
        self._set_softmax(factors, **(softmax or {}))
        if array is not None and not scanned:
            factors += [array.min(initial=1), array.max(initial=1)]
        if class_weight is not None:
            factors += [class_weight[class_weight > 0].min(initial=1), class_weight.max(initial=1)]
        self.least, self.most = min(factors), max(factors)

    def _set_numbers(self, numbers, clip, target, factors):
        cdef int place
        others = ["clip", "log_clip", "log_rest"] if clip is not None else []
        others += ["label_scale", "label_shift"] if target in (FL_SIGNS, FL_BINARY) else []
        filled = {slots()[name] for name in others}
        for name, value in numbers.items():
            if name not in slots():
                raise ValueError(f"{name} is no slot of a number: they are {', '.join(slots())}")
            place = slots()[name]
            if place in filled:
                raise ValueError(f"{name} has the place of another number: no kernel reads both")
            filled.add(place)
            self.number[place] = value
            if value:
                factors.append(abs(value))
        self.clip_by_dtype = clip == "dtype"
        if clip is not None and not self.clip_by_dtype:
            self.number[FL_CLIP] = clip
            self.number[FL_LOG_CLIP] = _math.log(clip) if clip else -_math.inf
            self.number[FL_LOG_REST] = _math.log1p(-clip)
            factors.append(clip or 1.0)

    def _set_softmax(self, factors, double z_loss=0, double softcap=0, double logit_scale=1, double factor=1,
                     bint divergence=False, margin=None):
        cdef fl_softmax *s = &self.softmax
        cdef int i
        s.z_loss, s.softcap, s.logit_scale, s.factor, s.divergence = z_loss, softcap, logit_scale, factor, divergence
        factors += [logit_scale, softcap or 1.0, factor]
        if margin is not None:
            kind, m = margin
            s.margin_kind, s.margin = _MARGINS[kind], m
            constants = [_math.cos(m), _math.sin(m)] if kind == "arc" else \
                [_math.cos(j * _math.pi / m) for j in range(1, m)] if kind == "large" else []
            if len(constants) > FL_MARGIN_CONSTANTS:
                raise ValueError(f"margin = {m} has {len(constants)} constants: at most {FL_MARGIN_CONSTANTS}")
            for i in range(len(constants)):
                s.margin_constants[i] = constants[i]

    @property
    def log_target(self):
        """Are soft targets logarithms?"""
        return bool(self.targets.log_target)

    cpdef bint fits_float32(self):
        """Are all factors normal numbers in float32?"""
        return 1.1754943508222875e-38 <= self.least and self.most <= 3.4028234663852886e38

    cdef ClassArrays by_class(self, ptrdiff_t n, bint float64):
        """gain and smooth of fastloss.h, made once for so many classes."""
        cdef ClassArrays made
        if 8 * n > COMPARED:
            return self.make_by_class(n, float64)  # the memory counts for more than the time
        with critical_section(self):  # threads share a loss's parameters
            made = self.by_class64 if float64 else self.by_class32
            if made is None or made.n != n:
                made = self.make_by_class(n, float64)
                if float64:
                    self.by_class64 = made
                else:
                    self.by_class32 = made
        return made

    cdef ClassArrays make_by_class(self, ptrdiff_t n, bint float64):
        cdef ClassArrays made = ClassArrays.__new__(ClassArrays)
        cdef const double[::1] as_double
        cdef const float[::1] as_float
        weight = np.ones(n) if self.class_weight is None else self.class_weight
        gain = np.ascontiguousarray((1 - self.label_smoothing) * weight, F64_ if float64 else F32_)
        smooth = np.ascontiguousarray((self.label_smoothing / n) * weight, gain.dtype)
        made.n, made.keep = n, (gain, smooth)
        if float64:
            as_double = gain
            made.targets.gain = &as_double[0]
            as_double = smooth
            made.targets.smooth = &as_double[0]
        else:
            as_float = gain
            made.targets.gain = &as_float[0]
            as_float = smooth
            made.targets.smooth = &as_float[0]
        if self.label_smoothing == 0:
            made.targets.smooth = NULL
        return made


cdef tuple key_of(dict keywords, str used_as_it_is):
    """What tells keyword arguments from others, or None where one is neither a plain value nor a small array."""
    cdef Py_buffer b
    cdef list parts = []
    cdef int code
    for name, value in keywords.items():
        kind = type(value)
        if kind is ndarray:
            code = type_of(value.dtype)
            if name == used_as_it_is or code < 0 or code == FL_BF16:
                return None
            PyObject_GetBuffer(value, &b, PyBUF_STRIDES)
            try:
                kept = b.len <= COMPARED and PyBuffer_IsContiguous(&b, b"C")
                content = PyBytes_FromStringAndSize(<char *>b.buf, b.len) if kept else None
            finally:
                PyBuffer_Release(&b)
            if content is None:
                return None
            parts += (name, code, content) if value.ndim == 1 else (name, code, value.shape, content)
        elif value is None or kind is float or kind is int or kind is bool or kind is str:
            parts += (name, kind, value)  # the kind too: True == 1.0
        else:
            return None
    return tuple(parts)


cdef class Remembered:
    """A function of keyword arguments that keeps what it gave, so that a small call need not wait for their checks.

    An array of the name `used_as_it_is` is not kept: who writes to it later would change what was kept.
    """

    def __init__(self, make, str used_as_it_is=None):
        self.make, self.used_as_it_is, self.made = make, used_as_it_is, {}

    def __call__(self, dict keywords):
        key = key_of(keywords, self.used_as_it_is)
        if key is None:
            return self.make(keywords)
        made = self.made.get(key)
        if made is None:
            # Another thread may write to an array meanwhile: what is kept under a key is made of what has that key.
            keywords = {name: value.copy() if type(value) is ndarray else value for name, value in keywords.items()}
            key = key_of(keywords, self.used_as_it_is)
            made = self.make(keywords)
            if len(self.made) >= REMEMBERED:
                self.made.clear()
            self.made[key] = made
        return made


# ---- plans ------------------------------------------------------------------------------------------

GRAD, SECOND_GRAD, HESS, HVP, VALUE = FL_GRAD, FL_SECOND_GRAD, FL_HESS, FL_HVP, FL_VALUE
LOGSUMEXP, ENTROPY, CORRECT = FL_LOGSUMEXP, FL_ENTROPY, FL_CORRECT
SOFTMAX, LOG_SOFTMAX = FL_SOFTMAX, FL_LOG_SOFTMAX

cdef enum:
    _MEAN
    _SUM
    _NONE
    _TALLY     # sum of weight * loss, what the mean divides it by, and how many count
    _AS_IT_IS  # not at all: without weights and divisor, an array as the others, given by the caller or new
    _NUMBERS = 1  # what a target may be; 0: there is none. NUMBERS: one an element
    _LABELS = 2
    _SOFT = 4
    _VECTORS = 8  # the target is a vector beside the first
MEAN, SUM, NONE, TALLY, AS_IT_IS = _MEAN, _SUM, _NONE, _TALLY, _AS_IT_IS
NUMBERS, LABELS, SOFT, VECTORS = _NUMBERS, _LABELS, _SOFT, _VECTORS


cdef class Plan:
    """What a method of a loss computes, and from what; immutable, made once.

    `names` are those of the operands. `array_parameter`: name and rule of the parameter that may be an array.
    `mean_of_rows`: the mean divides by the rows that count, whatever the weights of their classes.
    """

    def __init__(self, str kernel, tuple names, *, bint rowwise=False, int targets=_NUMBERS, int scores=FL_ANY,
                 bint reads_all_scores=False, of_logits=None, array_parameter=None, bint mean_of_rows=False,
                 bint signed_weights=False):
        self.kernel, self.names, self.rowwise, self.targets = kernels()[kernel], names, rowwise, targets
        self.score_rule, self.reads_all_scores, self.of_logits = scores, reads_all_scores, of_logits
        self.array_parameter, self.array_rule = (None, FL_ANY) if array_parameter is None else array_parameter
        self.mean_of_rows, self.signed_weights = mean_of_rows, signed_weights
        self.outputs, self.scale, self.hessian.factor = (), 1, 1

    cdef Plan copy(self):
        cdef Plan new = Plan.__new__(Plan)
        new.kernel, new.names, new.rowwise, new.targets = self.kernel, self.names, self.rowwise, self.targets
        new.score_rule, new.reads_all_scores, new.of_logits = self.score_rule, self.reads_all_scores, self.of_logits
        new.array_parameter, new.array_rule = self.array_parameter, self.array_rule
        new.mean_of_rows, new.signed_weights = self.mean_of_rows, self.signed_weights
        new.outputs, new.scale, new.bound_floor, new.hessian = self.outputs, self.scale, self.bound_floor, self.hessian
        return new

    def of_any_scores(self):
        """The same without the rule of its scores, for adapters of those who have none."""
        cdef Plan new = self.copy()
        new.score_rule = FL_ANY
        return new

    def giving(self, outputs, int reduction=_MEAN, *, double scale=1, bint fresh=False, double hess_factor=1,
               double hess_least=0, hess_floor=None):
        """The plan of a method: `outputs` in the order in which `run` gives them.

        Gradients are multiplied by `scale`. `fresh`: nobody has seen the outs yet, so an error may come after they
        are written. Hessians are multiplied by `hess_factor` and raised to `hess_least` times the weight of their
        row (base/hessian.h); with a `hess_floor` they are the loss's bound, which takes no residual for smaller.
        """
        cdef Plan new = self.copy()
        if len(outputs) > 4:
            raise ValueError(f"{len(outputs)} outputs: a plan gives at most 4")
        new.outputs, new.n_outputs, new.reduction = tuple(outputs), len(outputs), reduction
        new.wanted = 0
        for i, role in enumerate(outputs):
            new.role[<int>i] = role
            new.wanted |= 1 << <int>role
        new.scale, new.fresh = scale, fresh
        new.hessian.factor, new.hessian.least = hess_factor, hess_least
        new.hessian.bounded = hess_floor is not None
        new.bound_floor = hess_floor if new.hessian.bounded else 0
        return new


# ---- operands ---------------------------------------------------------------------------------------

cdef bint _is_per_row(int role) noexcept:
    return role == FL_VALUE or role == FL_LOGSUMEXP or role == FL_ENTROPY or role == FL_CORRECT


cdef class Call:
    """One call of the core: holds the buffers of its operands while it lasts."""
    cdef fl_call c
    cdef Py_buffer held[FL_ROLES]
    cdef int holds[FL_ROLES]
    cdef int row_axis  # the class axis, or -1
    cdef ClassArrays by_class

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

    cdef int begin(self, pred, bint rowwise, axis) except -1:
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
        self.c.class_axis_last = self.row_axis == b.ndim - 1
        return 1

    cdef int target(self, target, int targets) except -1:
        """Labels or soft targets for rows as `targets` allows, numbers for elements, the second of two vectors."""
        if targets == 0:
            return target is None
        if type(target) is not ndarray:
            return 0
        if targets & (_LABELS | _SOFT):
            if type_of(target.dtype) > FL_BF16:
                return targets & _LABELS and self.leading(FL_LABEL, target, True)
            return targets & _SOFT and self.full(FL_TARGET, target)
        return self.full(FL_TARGET, target)

    cdef int third(self, array, Plan plan) except -1:
        """The vector of a Hessian-vector product, or the sign of each pair of vectors."""
        if plan.targets & _VECTORS:
            self.c.check.array_parameter = FL_SIGNS
            return self.leading(FL_ARRAY_PARAMETER, array, True)
        return self.full(FL_VECTOR, array)

    cdef int parameters(self, Parameters p, Plan plan) except -1:
        """The loss's own parameters; 0 if the arithmetic cannot hold them or an array of them does not fit."""
        cdef fl_call *c = &self.c
        cdef int i, type = c.op[FL_PRED].type
        for i in range(FL_SLOTS):
            c.parameter[i] = p.number[i]
        if p.clip_by_dtype:
            c.parameter[FL_CLIP], c.parameter[FL_LOG_CLIP] = EPSILON[type], LOG_EPSILON[type]
            c.parameter[FL_LOG_REST] = LOG_REST[type]
        if c.table is table32 and not p.fits_float32():
            return 0
        c.labels, c.targets, c.softmax, c.hessian = p.labels, p.targets, p.softmax, plan.hessian
        c.check.score, c.check.reads_all_scores = plan.score_rule, plan.reads_all_scores
        c.check.rounding_slack = 8 * EPSILON[type]
        if c.op[FL_TARGET].data != NULL:
            self.target_rule(p, plan)
        if plan.hessian.bounded:
            c.parameter[FL_BOUND_FLOOR] = plan.bound_floor
        if p.array is not None and not self.array_parameter(p.array, plan.array_rule):
            return 0
        if self.row_axis < 0 or (p.class_weight is None and p.label_smoothing == 0):
            return 1
        if p.class_weight is not None and p.weight_of_class.shape[0] != c.classes:
            return 0
        self.by_class = p.by_class(c.classes, c.table is table64)
        c.targets.gain, c.targets.smooth = self.by_class.targets.gain, self.by_class.targets.smooth
        return 1

    cdef int array_parameter(self, array, int rule) except -1:
        """A parameter that is an array: of the shape of the scores, or of their last axis."""
        self.c.check.array_parameter = rule
        shape = tuple([self.held[FL_PRED].shape[i] for i in range(self.held[FL_PRED].ndim)])
        if array.shape != shape and (not shape or array.shape != shape[len(shape) - 1:]):
            return 0
        return self.full(FL_ARRAY_PARAMETER, array if array.shape == shape else np.broadcast_to(array, shape))

    cdef void target_rule(self, Parameters p, Plan plan) noexcept:
        """What targets must be, where their dtype does not say so; how labels become -1 and 1."""
        cdef int type = self.c.op[FL_TARGET].type, rule = p.target_rule
        if plan.targets & _SOFT:
            self.c.check.target = FL_ANY if p.targets.log_target else FL_NON_NEGATIVE
            return
        if rule == FL_SIGNS and type == FL_BOOL:
            rule = FL_BINARY
        if rule == FL_SIGNS:
            self.c.parameter[FL_LABEL_SCALE], self.c.parameter[FL_LABEL_SHIFT] = 1, 0
        elif rule == FL_BINARY:
            self.c.parameter[FL_LABEL_SCALE], self.c.parameter[FL_LABEL_SHIFT] = 2, -1
        if rule == FL_NON_NEGATIVE and type >= FL_U64 or rule != FL_SIGNS and type == FL_BOOL:
            rule = FL_ANY
        self.c.check.target = rule

    cdef object new(self, int role, pred, Plan plan):
        """A new array for an output."""
        cdef int a = self.row_axis
        if not _is_per_row(role) or (a < 0 and plan.reduction == _AS_IT_IS):
            return np.empty_like(pred, subok=False)  # in the memory order of the scores
        shape = pred.shape if a < 0 else pred.shape[:a] + pred.shape[a + 1:]
        return empty(shape, np.bool_ if role == FL_CORRECT else F64_ if self.c.table is table64 else F32_)

    cdef int output(self, int role, array) except -1:
        """Where a result goes; 0 if it may not go there."""
        if not (self.leading(role, array, True, True) if _is_per_row(role) else self.full(role, array, True)):
            return 0
        return self.shares_nothing(role)

    cdef int shares_nothing(self, int role) except -1:
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
            if not same and share_memory(<object>other.obj, <object>out.obj):
                return 0
        return 1

    cdef double execute(self, n_threads, int *violation) except? -1:
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
                violation[0] |= partial[t].violation
        finally:
            fl_process_leave()
            if partial != few:
                PyMem_Free(partial)
        return total

    cdef int scan(self, const double *class_weight, n_threads, fl_scan *all) except -1:
        """Looks over labels, weights and soft targets: before anything of the caller's is written."""
        cdef fl_scan few[64]
        cdef fl_scan *found = few
        cdef ptrdiff_t t, tasks = fl_tasks(&self.c)
        cdef _Scan scan
        cdef int threads, in_flight
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
    cdef int d, _, chosen
    cdef bint done[FL_MAXDIM]
    if b.len == 0:
        return False
    for d in range(b.ndim):
        done[d] = b.shape[d] == 1
    for _ in range(b.ndim):
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


def share_memory(a, b):
    """Whether two arrays do; views too intricate to tell apart soon count as if they did."""
    try:
        return np.shares_memory(a, b, max_work=100_000)
    except np.exceptions.TooHardError:
        return True


# ---- calls ------------------------------------------------------------------------------------------

# The normal numbers, of which a sum of weights must be.
cdef double LARGEST = 1.7976931348623157e308, LEAST = 2.2250738585072014e-308


def of_ratios(weight, double total):
    """Weights of the same ratios, whose sum is a normal number where `total` is none: infinite, subnormal."""
    w = np.asarray(1.0 if weight is None else weight, F64)
    factor = 2.0 ** -64 if total > LARGEST else 2.0 ** 200 if 0 < total < LEAST else 1.0
    return np.asarray(w * factor)


cdef int _examine(Call call, Plan plan, Parameters p, n_threads, fl_scan *found, operands) except -1:
    """Scans the data, and raises what is wrong with it."""
    cdef const double *class_weight = NULL
    if p.class_weight is not None and not plan.mean_of_rows:
        class_weight = &p.weight_of_class[0]
    call.scan(class_weight, n_threads, found)
    if plan.signed_weights:
        found.bad_weight = -1
    if found.bad_label >= 0 or found.bad_weight >= 0 or found.bad_target >= 0 or found.bad_array_parameter >= 0 \
            or found.bad_score >= 0:
        from fastloss import _check
        _check.bad_data(plan, p, operands, call.row_axis, _check.BadRows(
            found.bad_label, found.bad_weight, found.bad_target, found.bad_array_parameter, found.bad_score),
            call.c.check.target, call.c.check.rounding_slack)
    return 0


cdef int _check_on_the_way(Call call, Plan plan, Parameters p, weight, n_threads, fl_scan *found, operands,
                           bint fresh) except -1:
    """Scans what must be known before anything is written; the rest is looked at by the kernel as it goes, a pass
    less over memory. Gives 1 where it scanned."""
    cdef fl_call *c = &call.c
    cdef int score_rule = c.check.score
    cdef bint ruled = c.check.target != FL_ANY or c.check.array_parameter != FL_ANY
    c.check.while_running = ruled and c.elementwise and fresh and weight is None
    c.check.scores_while_running = fresh and score_rule != FL_ANY
    if c.op[FL_LABEL].data == NULL and (not ruled or c.check.while_running) and weight is None \
            and (score_rule == FL_ANY or fresh):
        return 0
    if fresh:
        c.check.score = FL_ANY  # left to the kernel
    _examine(call, plan, p, n_threads, found, operands)
    c.check.score = score_rule
    return 1


def run(Plan plan, Parameters p, pred, target=None, third=None, weight=None, out=None, other_out=None, axis=-1,
        normalizer=None, n_threads=None):
    """What the plan gives: the value, if it gives one, then its arrays; None if the arguments are not legal as given.

    `third`: the vector of a Hessian-vector product, or the third array of a loss of two vectors. `out` and
    `other_out`: where the arrays go, in their order.
    """
    cdef Call call = Call.__new__(Call)
    cdef fl_call *c = &call.c
    cdef fl_scan found
    cdef double total, divisor
    cdef ptrdiff_t counted
    cdef int i, role, violation = 0
    cdef bint fresh = plan.fresh or (out is None and other_out is None)
    cdef bint as_it_is = plan.reduction == _AS_IT_IS
    if not call.begin(pred, plan.rowwise, axis) or not call.target(target, plan.targets):
        return None
    if weight is not None and not call.leading(FL_WEIGHT, weight, False):
        return None
    if third is not None and not call.third(third, plan):
        return None
    if not call.parameters(p, plan):
        return None
    c.kernel = _kernel(c.table, plan.kernel if p.kernel == _OWN_KERNEL else p.kernel)
    results = []
    given = [other_out, out]  # the next is taken from the end
    for i in range(plan.n_outputs):
        role = plan.role[i]
        if role == FL_VALUE and not as_it_is:
            if plan.reduction == _NONE:
                array = call.new(role, pred, plan)
                call.leading(role, array, True, True)
                results.append(array)
            continue
        array = given.pop() if given else None
        if array is None:
            array = call.new(role, pred, plan)
        if not call.output(role, array):
            return None
        results.append(array)
    fl_lay_out(c)

    divisor, counted = <double>c.rows, c.rows
    c.wants_value = plan.wanted >> FL_VALUE & 1
    c.unweighted = as_it_is
    operands = (pred, target, third, weight)
    if _check_on_the_way(call, plan, p, weight, n_threads, &found, operands, fresh):
        counted = found.counted
        divisor = <double>counted
        if weight is not None or (p.class_weight is not None and c.op[FL_LABEL].data != NULL and not plan.mean_of_rows):
            divisor = found.weight
    if normalizer is not None:
        divisor = normalizer
    elif plan.reduction != _MEAN and plan.reduction != _TALLY:
        divisor = 1
    elif divisor > LARGEST or (plan.reduction == _MEAN and 0 < divisor < LEAST):
        if plan.reduction == _TALLY:
            from fastloss import _check
            _check.sum_overflows()
        # A mean is one of ratios: with other weights of the same ratios, whose sum is a normal number.
        return run(plan, p, pred, target, third, of_ratios(weight, divisor), out, other_out, axis, None, n_threads)
    c.scale = plan.scale / divisor if divisor > 0 else 0

    total = call.execute(n_threads, &violation)
    if violation:
        _examine(call, plan, p, n_threads, &found, operands)
    if plan.reduction == _TALLY:
        return total, divisor, counted, *results
    if c.wants_value and not as_it_is and plan.reduction != _NONE:
        if divisor > 0:
            results.insert(0, total / divisor)
        else:
            from fastloss import _check
            results.insert(0, _check.mean_of_nothing())
    return results[0] if len(results) == 1 else tuple(results)
