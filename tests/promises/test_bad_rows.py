"""P8, a bad row stays a bad row, for every loss, metric and primitive with each of its methods: the others
keep their bits, no floating-point warning escapes, the control bits of the processor are as they were."""

import ml_dtypes
import numpy as np
import pytest

import fastloss as fl
from support import catalogue
from support.cases import CASES
from support.catalogue import ELEMENTS, FIRST, ROWS
from support.cross_entropy import everything, example
from support.layouts import DTYPES, as_score, register, same_bits

pytestmark = [
    pytest.mark.beyond_bits,
    pytest.mark.memory_safety,
    pytest.mark.same_lines,
    pytest.mark.all_kernels(7),
]

F4 = np.dtype("f4")
BAD = ["nan", "inf", "-inf", "subnormal", "huge"]
# Operands whose entries may be anything: the scores, a vector, and such targets as are no labels.
ANYTHING = {"real", "above -1", "count", "rate"}


def bad(what, dtype):
    info = ml_dtypes.finfo(dtype)
    number = {"subnormal": info.smallest_subnormal, "huge": min(float(info.max), 3e38)}.get(what)
    return dtype.type(what if number is None else float(number))


def may_be_bad(function, given):
    """Names of the arrays in which a bad number is no error."""
    subject, roles = function.subject, catalogue.roles(function, given)
    names = [catalogue.positional(subject)[0], "vector", "x2"]
    case = CASES.get(subject.name)
    if case is not None and subject.own.get("log_input") is not False and case.domain in ANYTHING:
        names.append("target")
    return [n for n in names if n in roles]


def spoilt(function, given, name, at, what):
    array = given[name].copy()
    array[at] = bad(what, array.dtype)
    if what == "huge" and name == catalogue.positional(function.subject)[0]:
        array[at] = as_score(function.subject.name, array[at])
    return given | {name: array}


def try_one(function, given, clean, name, at, what, axis=-1, alone=False):
    """The other rows keep their bits; `alone` the bad one is what it is beside them."""
    how = dict(axis=axis, reduction="none")
    given = spoilt(function, given, name, at, what)
    with np.errstate(all="raise"):
        got = catalogue.call(function, given, **how)
    row = at if isinstance(at, int) else at[1 if axis == 0 and given[name].ndim == 2 else 0]
    for meaning, array in got.items():
        # The rows before and behind: a copy without the row would take longer than the call.
        for part in (slice(0, row), slice(row + 1, None)):
            found, want = (catalogue.slice_of_result(meaning, a, part, axis) for a in (array, clean[meaning]))
            assert same_bits(found, want), f"{meaning}, {what} in {name}[{at}], {function}"
    if alone:
        part = slice(row, row + 1)
        single = catalogue.call(function, catalogue.slice_of(function, given, part, axis), **how)
        for meaning, array in got.items():
            beside = catalogue.slice_of_result(meaning, array, part, axis)
            # Of a NaN only its place counts.
            assert np.array_equal(single[meaning], beside, equal_nan=array.dtype != bool), f"{meaning} alone"


def each_function(subjects):
    found = [f for s in subjects for f in catalogue.functions(s) if s.name != "perplexity"]  # a mean alone
    return pytest.mark.parametrize("function", found, ids=str)


@each_function(ELEMENTS)
def test_a_bad_element_at_each_tail_position(function):
    """Each of the last positions of each length, a block and its tail too; each value at each distance from
    the end, as lengths go by."""
    lengths = [*range(1, 36), *range(1023, 1043)]
    for i, n in enumerate(lengths):
        given = catalogue.arguments(function, (n,), 1, DTYPES[i % 2])
        clean = catalogue.call(function, given, reduction="none")
        names = may_be_bad(function, given)
        for at in range(max(0, n - 17), n):
            name, what = names[(at + i) % len(names)], BAD[(at + 2 * n) % 5]
            try_one(function, given, clean, name, at, what, alone=at % 4 == 0)


@each_function(ELEMENTS)
@pytest.mark.parametrize("dtype", DTYPES[2:], ids=str)
def test_a_bad_element_of_a_half_format(dtype, function):
    for n in (1, 8, 15, 33):
        given = catalogue.arguments(function, (n,), 1, dtype)
        clean = catalogue.call(function, given, reduction="none")
        for at in range(n):
            try_one(function, given, clean, may_be_bad(function, given)[0], at, BAD[at % 5], alone=n == 33)


WIDTHS = [*range(1, 20), 31, 32, 33, 47, 63, 64, 65, 66, 79, 80, 81, 127, 1023, 1024, 1025, 1041]


@each_function(ROWS)
def test_a_bad_entry_at_each_tail_position(function):
    """Each of the last classes of each width; rows at the edges of the lanes of narrow rows, and the last."""
    for i, classes in enumerate(WIDTHS):
        n = 37 if classes <= 64 else 4
        rows = (0, 15, 16, 31, 32, 35, 36) if n == 37 else (0, 1, 2, 3)
        given = catalogue.arguments(function, (n,), classes, DTYPES[i % 2])
        clean = catalogue.call(function, given, reduction="none")
        names = may_be_bad(function, given)
        tail = range(max(0, classes - 17), classes)
        for k, at in enumerate(tail):
            name, row = names[(k + i) % len(names)], rows[(k + i) % len(rows)]
            try_one(function, given, clean, name, (row, at), BAD[(at + i) % 5], alone=k % 4 == 0)


@each_function(ROWS)
@pytest.mark.parametrize("dtype", DTYPES[2:], ids=str)
def test_a_bad_entry_of_a_half_format(dtype, function):
    for classes, n in ((3, 33), (65, 3), (1030, 3)):
        given = catalogue.arguments(function, (n,), classes, dtype)
        clean = catalogue.call(function, given, reduction="none")
        for k, what in enumerate(BAD):
            name = may_be_bad(function, given)[0]
            try_one(function, given, clean, name, (n - 1 - k % 3, classes - 1 - k % 3), what, alone=True)


@each_function([s for s in ROWS if s.kind == "soft"])
def test_a_bad_soft_target(function):
    """It may be NaN, or larger than it should be; not negative, of which the message speaks."""
    for classes in (3, 16, 17, 64, 65, 1030):
        given = catalogue.arguments(function, (20,), classes, F4)
        clean = catalogue.call(function, given, reduction="none")
        for k, what in enumerate(("nan", "inf", "subnormal", "huge")):
            try_one(function, given, clean, "target", (k * 6, classes - 1 - k % 3), what, alone=True)


@each_function(ROWS)
def test_a_bad_row_where_the_class_axis_is_first(function):
    for classes in (2, 17, 64, 70, 1030):
        n = 37 if classes <= 64 else 5
        given = catalogue.arguments(function, (n,), classes, F4, axis=0)
        clean = catalogue.call(function, given, axis=0, reduction="none")
        for k, what in enumerate(BAD):
            names = may_be_bad(function, given)
            row = (0, 15, 16, n - 2, n - 1)[k] if n == 37 else k
            at = (classes - 1 - k % 2, row)
            try_one(function, given, clean, names[k % len(names)], at, what, axis=0, alone=True)


# --- cross entropy in detail ------------------------------------------------------------------------------


PLANTED = [np.nan, np.inf, -np.inf, 1e-45, 3e38]


@pytest.mark.parametrize("value", PLANTED, ids=str)
@pytest.mark.parametrize(
    "classes", [*range(1, 36), 62, 63, 64, 65, 66, 79, 80, 81, 127, 1023, 1024, 1025, 1041]
)
def test_a_bad_entry_of_cross_entropy_at_each_tail_position(classes, value):
    """Each position of the last vector of a row, each row of a narrow block and its tail."""
    n = 37 if classes <= 100 else 5
    logits, target = example(n, classes, "f4")
    clean = everything(logits, target, reduction="none")
    for at in {0, classes // 2, *range(max(0, classes - 3), classes)}:
        for row in (0, 15, 31, 32, n - 1) if classes <= 100 else (1, n - 1):
            spoilt = logits.copy()
            spoilt[row, at] = value
            with np.errstate(all="raise"):
                got = everything(spoilt, target, reduction="none")
            for i, (a, b) in enumerate(zip(got, clean)):
                assert same_bits(np.delete(a, row, 0), np.delete(b, row, 0)), f"result {i}"
            bad = not np.isfinite(value) and (value > 0 or value != value or classes == 1)
            assert np.isnan(got[0][row]) == bad and np.isnan(got[2][row]).any() == bad


def test_calls_leave_the_floating_point_environment_alone():
    """No flush to zero, rounding still to nearest, and no flag that NumPy would report."""
    logits, target = example(100, 100, "f4")
    logits[3, 4], logits[7, 1], logits[9] = np.nan, np.inf, -np.inf
    with np.errstate(all="raise"):
        everything(logits, target)
        tiny = np.full(64, 1e-40, "f4")
        assert (tiny * np.float32(0.5) != 0).all()
        assert np.float32(1) + np.float32(2**-24) == 1 and np.float32(1) + np.float32(3 * 2**-24) != 1


# --- a weight hides a row, a class weight does not --------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["cross_entropy", "focal", "poly_cross_entropy", "generalized_cross_entropy", "multi_margin"]
)
@pytest.mark.parametrize("classes", [3, 70])
def test_a_class_weight_of_zero_hides_no_nan(name, classes):
    """sample_weight 0 hides a row; class_weight 0 says only that its class costs nothing."""
    x, y = np.zeros((2, classes)), np.array([1, 1])
    x[0, 2] = np.nan
    weight = np.ones(classes)
    weight[1] = 0
    loss = fl.losses[name]
    value, grad = loss.value_and_grad(x, y, class_weight=weight, reduction="none")
    assert np.isnan(value[0]) and value[1] == 0 and np.isnan(grad[0]).all() and (grad[1] == 0).all()
    hidden = loss.value_and_grad(x, y, class_weight=weight, reduction="none", sample_weight=[0, 1])
    assert (hidden[0] == 0).all() and (hidden[1] == 0).all()


# --- the control register ---------------------------------------------------------------------------------


CONTROL = 0xFFC0  # rounding, exception masks, flush to zero, denormals are zero; the rest are flags
FLUSH_AND_TOWARDS_ZERO = 0xE040


def test_the_register_is_read_and_written():
    with register() as (read, write):
        plain = read()
        assert plain & CONTROL == 0x1F80  # what a process starts with: all masked, to nearest, no flushing
        write(plain | FLUSH_AND_TOWARDS_ZERO)
        assert read() & CONTROL == (plain | FLUSH_AND_TOWARDS_ZERO) & CONTROL
        assert np.float32(1e-40) * np.ones(1, F4) == 0
    assert np.float32(1e-40) * np.ones(1, F4) != 0


@pytest.mark.parametrize("subject", FIRST, ids=str)
def test_the_control_bits_are_unchanged(subject):
    """Before and after each call, whatever the rows hold; also for a caller who has set them otherwise. The
    latter with one thread: a thread that is made then would keep the setting for good."""
    with register() as (read, write):
        plain = read()
        for function in catalogue.functions(subject):
            for classes, n in ((3, 20_000), (70, 1200), (1030, 90)) if subject.rowwise else ((1, 60_000),):
                given = catalogue.arguments(function, (n,), classes, F4)
                first = catalogue.positional(subject)[0]
                values = [bad(what, F4) for what in BAD]
                given[first].ravel()[-5:] = [*values[:-1], as_score(subject.name, values[-1])]
                for setting, threads in ((0, 2), (FLUSH_AND_TOWARDS_ZERO, 1)):
                    write(plain | setting)
                    before = read()
                    catalogue.call(function, given, n_threads=threads)
                    after = read()
                    write(plain)
                    assert after & CONTROL == before & CONTROL, f"{function}, {classes} classes"
