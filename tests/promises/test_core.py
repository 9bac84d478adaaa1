"""The objects that a call of the core is made of: a number has a slot of its name, what is remembered of
keywords is what they were, and what is derived from class weights is that of this call."""

import threading
import tracemalloc

import numpy as np
import pytest

import fastloss as fl
from fastloss import _core

pytestmark = [pytest.mark.without_openmp, pytest.mark.memory_safety]

RNG = np.random.default_rng(5)


def test_a_number_without_a_slot_is_named():
    with pytest.raises(ValueError, match="nothing is no slot of a number: they are delta"):
        _core.Parameters({"nothing": 1.0})


def test_two_numbers_of_one_place_are_refused():
    assert _core.slots()["delta"] == _core.slots()["gamma"]
    with pytest.raises(ValueError, match="gamma has the place of another number"):
        _core.Parameters({"delta": 1.0, "gamma": 2.0})
    with pytest.raises(ValueError, match="gamma has the place of another number"):
        _core.Parameters({"gamma": 2.0}, clip=0.1)
    with pytest.raises(ValueError, match="share_of_zeros has the place of another number"):
        _core.Parameters({"share_of_zeros": 1.0}, target=_core.SIGNS)


def test_every_slot_lies_in_the_parameters():
    names = _core.slots()
    assert {0, 1, 2, 3} == set(names.values())
    for name in names:
        _core.Parameters({name: 1.5})


def test_a_margin_has_no_more_constants_than_there_is_room_for():
    _core.Parameters(softmax={"margin": ("large", 9)})
    with pytest.raises(ValueError, match="margin = 10 has 9 constants: at most 8"):
        _core.Parameters(softmax={"margin": ("large", 10)})


def test_a_plan_gives_at_most_four_outputs():
    plan = _core.Plan("cross_entropy", ("logits", "target"), rowwise=True, targets=_core.LABELS)
    with pytest.raises(ValueError, match="5 outputs"):
        plan.giving([_core.VALUE, _core.GRAD, _core.HESS, _core.ENTROPY, _core.CORRECT])


# ---- what is remembered of keywords ------------------------------------------------------------------


def test_equal_keywords_are_looked_over_once():
    made = []
    remembered = _core.Remembered(lambda keywords: made.append(keywords) or len(made))
    array = np.array([1.0, 2.0])
    assert remembered({"a": 1, "b": array}) == remembered({"a": 1, "b": array.copy()}) == 1
    # Equal to Python, and yet others.
    assert remembered({"a": True, "b": array}) == 2
    assert remembered({"a": 1.0, "b": array}) == 3
    assert remembered({"a": 1, "b": array.astype("f4")}) == 4
    assert remembered({"a": 1, "b": array[None]}) == 5
    assert remembered({"a": 1, "b": array.view("i8")}) == 6
    array[0] = 9
    assert remembered({"a": 1, "b": array}) == 7


def test_what_is_kept_is_made_of_what_was_compared():
    array = np.array([1.0, 2.0])

    def make(keywords):
        array[:] = 9  # as another thread may, after the keywords were compared
        return keywords["b"].tolist()

    remembered = _core.Remembered(make)
    assert remembered({"b": array}) == [1, 2]
    assert remembered({"b": np.array([1.0, 2.0])}) == [1, 2]


def test_what_belongs_to_many_classes_is_not_kept():
    logits, target = np.zeros((1, 200_000), np.float32), np.array([1])
    fl.cross_entropy(logits, target, label_smoothing=0.2)
    tracemalloc.start()
    try:
        for turn in range(30):
            fl.cross_entropy(logits, target, label_smoothing=0.1 + turn / 1000)
        assert tracemalloc.get_traced_memory()[0] < 1e6
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "value", [[1.0], {0: 1.0}, np.arange(6.0)[::2], np.zeros(10_000), object()], ids=repr
)
def test_what_has_no_key_is_looked_over_each_time(value):
    made = []
    remembered = _core.Remembered(lambda keywords: made.append(keywords) or len(made))
    assert [remembered({"a": value}), remembered({"a": value})] == [1, 2] and not remembered.made


def test_an_array_parameter_is_the_callers_array_at_each_call():
    pred, target, var = RNG.random(3), RNG.random(3), np.full(3, 2.0)
    first, before = fl.gaussian_nll(pred, target, var=var), var.copy()
    var[:] = 9
    assert fl.gaussian_nll(pred, target, var=before) == first != fl.gaussian_nll(pred, target, var=var)
    with pytest.raises(ValueError, match="out overlaps var in memory"):
        fl.gaussian_nll.grad(pred, target, var=var, out=var)


def test_class_weights_are_those_of_this_call():
    logits, target, weight = RNG.standard_normal((6, 3)), np.array([0, 1, 2, 0, 1, 2]), np.array([1.0, 2, 3])
    first, before = fl.cross_entropy(logits, target, class_weight=weight), weight.copy()
    weight[0] = 7
    changed = fl.cross_entropy(logits, target, class_weight=weight)
    assert changed == fl.cross_entropy(logits, target, class_weight=[7.0, 2, 3])
    assert first == fl.cross_entropy(logits, target, class_weight=before) != changed


# ---- gains and smoothing of classes ----------------------------------------------------------------------


def batch(classes, dtype):
    rng = np.random.default_rng(classes)
    return rng.standard_normal((9, classes)).astype(dtype), rng.integers(0, classes, 9)


WIDTHS = [(classes, dtype) for classes in (2, 5, 100) for dtype in (np.float32, np.float64)]


def test_one_set_of_keywords_serves_all_numbers_of_classes():
    expected = [float(fl.cross_entropy.bind(label_smoothing=0.1)(*batch(*width))) for width in WIDTHS]
    bound = fl.cross_entropy.bind(label_smoothing=0.1)
    for _ in range(2):
        assert [bound(*batch(*width)) for width in WIDTHS] == expected
        assert [bound(*batch(*width)) for width in reversed(WIDTHS)] == expected[::-1]
    for (classes, dtype), value in zip(WIDTHS, expected):
        logits, target = batch(classes, dtype)
        soft = np.eye(classes)[target] * 0.9 + 0.1 / classes
        assert value == pytest.approx(fl.cross_entropy(logits.astype("f8"), soft), rel=1e-6)


def test_threads_share_one_set_of_keywords():
    bound = fl.cross_entropy.bind(label_smoothing=0.1)
    expected, wrong = [bound(*batch(*width)) for width in WIDTHS], []

    def call(start):
        for turn in range(300):
            at = (start + turn) % len(WIDTHS)
            if bound(*batch(*WIDTHS[at]), n_threads=1) != expected[at]:
                wrong.append(at)

    threads = [threading.Thread(target=call, args=(start,)) for start in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


# ---- facts -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", fl.losses)
def test_what_is_said_of_a_loss_is_what_it_does(name):
    loss = fl.losses[name]
    facts = loss.facts
    if facts.of_logits is not None:
        assert facts.scores != "raw" and fl.losses[facts.of_logits].facts.scores == "raw"
    if facts.piecewise_linear:
        assert not hasattr(loss, "grad_and_hess")
    if facts.softmax_hessian:
        assert hasattr(loss, "grad_and_hess") and loss._plan.rowwise
    for keyword in (facts.column_parameter, facts.second_grad):
        assert keyword is None or keyword in loss._keywords
    assert bool(facts.second_grad) <= hasattr(loss, "value_and_grads")
