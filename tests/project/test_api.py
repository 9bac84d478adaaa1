"""A loss is an object, as a ufunc is: identity, signature, documentation, the registry, keyword errors."""

import collections.abc
import copy
import doctest
import inspect
import pickle

import numpy as np
import pytest

import fastloss as fl
from support import reference

pytestmark = pytest.mark.without_openmp

LOSSES = {"cross_entropy": fl.cross_entropy, "mse": fl.mse}
PRIMITIVES = {n: getattr(fl, n) for n in ("softmax", "log_softmax", "logsumexp", "gather_log_softmax")}
EVERYWHERE = dict(reduction="mean", sample_weight=None, normalizer=None, n_threads=None)
OF_CROSS_ENTROPY = dict(
    axis=-1, class_weight=None, label_smoothing=0, ignore_index=-100, z_loss=0, softcap=None, logit_scale=1
)
each_loss = pytest.mark.parametrize("name", LOSSES)
each_object = pytest.mark.parametrize("name, thing", [*LOSSES.items(), *PRIMITIVES.items()])


def arguments(name):
    if name == "mse":
        return np.array([1.0, 2.0]), np.array([0.0, 0.0])
    return np.array([[1.0, 2.0], [0.0, 3.0]]), np.array([0, 1])


@each_object
def test_objects_survive_pickle_and_copy_as_themselves(name, thing):
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        assert pickle.loads(pickle.dumps(thing, protocol)) is thing
    assert copy.copy(thing) is thing and copy.deepcopy(thing) is thing
    assert copy.deepcopy([thing])[0] is thing


@each_loss
def test_bound_methods_survive_pickle(name):
    f = pickle.loads(pickle.dumps(LOSSES[name].value_and_grad))
    assert f(*arguments(name))[0] == LOSSES[name](*arguments(name))


@each_object
def test_name_and_repr(name, thing):
    assert thing.__name__ == name and name in repr(thing)


def test_every_loss_has_an_oracle():
    assert [name for name in fl.losses if not callable(getattr(reference, name, None))] == []


@each_loss
def test_registry_lists_every_loss(name):
    assert fl.losses[name] is LOSSES[name]


def test_registry_is_a_read_only_mapping():
    assert isinstance(fl.losses, collections.abc.Mapping)
    with pytest.raises(TypeError):
        fl.losses["mine"] = fl.mse
    with pytest.raises(TypeError):
        del fl.losses["mse"]
    for name, loss in fl.losses.items():
        assert loss.__name__ == name and getattr(fl, name) is loss


@pytest.mark.parametrize("name", sorted({*fl.losses, *PRIMITIVES}))
def test_every_docstring_has_an_example_that_runs(name):
    """Collectors find no doctest on an instance, so the registry is walked here."""
    doc = getattr(fl, name).__doc__
    test = doctest.DocTestParser().get_doctest(doc, {"fl": fl, "np": np}, name, None, 0)
    assert test.examples, f"{name} has no example"
    runner, lines = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS), []
    runner.run(test, out=lines.append)
    assert runner.summarize(verbose=False).failed == 0, "".join(lines)


@pytest.mark.parametrize("name", sorted(fl.losses))
def test_every_docstring_says_what_a_user_asks(name):
    doc = fl.losses[name].__doc__
    for word in ("shape", "dtype", "ValueError", "NaN"):
        assert word.lower() in doc.lower(), f"{name} does not speak of {word}"


@each_loss
def test_signature_is_the_documented_one(name):
    parameters = inspect.signature(LOSSES[name]).parameters
    positional = [p.name for p in parameters.values() if p.kind is not p.KEYWORD_ONLY]
    assert positional == (["pred", "target"] if name == "mse" else ["logits", "target"])
    options = {p.name: p.default for p in parameters.values() if p.kind is p.KEYWORD_ONLY}
    assert options == {**EVERYWHERE, **(OF_CROSS_ENTROPY if name == "cross_entropy" else {})}


@each_loss
@pytest.mark.parametrize(
    "method", ["__call__", "value_and_grad", "grad", "grad_and_hess", "intercept", "inverse_link"]
)
def test_every_method_is_documented_where_the_loss_is_not(method, name):
    doc = getattr(type(LOSSES[name]), method).__doc__
    assert doc or method == "__call__", f"{name}.{method}"


@each_loss
def test_options_are_keywords_only(name):
    loss, call = LOSSES[name], arguments(name)
    for f in (loss, loss.grad, loss.value_and_grad, loss.grad_and_hess):
        with pytest.raises(TypeError, match="positional"):
            f(*call, "mean")


@each_loss
def test_unknown_keyword(name):
    loss, call = LOSSES[name], arguments(name)
    for f in (loss, loss.grad, loss.value_and_grad, loss.grad_and_hess):
        with pytest.raises(TypeError, match="wieght"):
            f(*call, wieght=1)
    with pytest.raises(TypeError, match="out"):
        loss(*call, out=np.empty(2))
    with pytest.raises(TypeError, match="target"):
        loss(call[0])


@pytest.mark.parametrize("option", sorted(OF_CROSS_ENTROPY))
def test_mse_does_not_take_the_options_of_cross_entropy(option):
    with pytest.raises(TypeError, match=option):
        fl.mse(*arguments("mse"), **{option: OF_CROSS_ENTROPY[option]})


@pytest.mark.parametrize("method", ["hvp", "rows"])
def test_a_method_that_is_absent_says_so(method):
    with pytest.raises(AttributeError, match=rf"mse.*{method}"):
        getattr(fl.mse, method)
    assert not hasattr(fl.mse, method)


@each_loss
def test_positional_names_work_as_keywords(name):
    first, target = arguments(name)
    key = "pred" if name == "mse" else "logits"
    assert LOSSES[name](**{key: first, "target": target}) == LOSSES[name](first, target)


@each_loss
def test_values_are_python_floats_and_out_is_returned(name):
    loss, call = LOSSES[name], arguments(name)
    out, hess_out = np.empty_like(call[0]), np.empty_like(call[0])
    assert type(loss(*call)) is float and type(loss(*call, reduction="sum")) is float
    value, grad = loss.value_and_grad(*call, out=out)
    assert type(value) is float and grad is out
    assert loss.grad(*call, out=out) is out
    grad, hess = loss.grad_and_hess(*call, out=out, hess_out=hess_out)
    assert grad is out and hess is hess_out


def test_show_config_prints_the_facts(capsys):
    fl.show_config()
    printed = capsys.readouterr().out
    assert fl.__version__ in printed and fl._core.isa() in printed and "openmp" in printed.lower()
    assert all(isa in printed for isa in fl._core.isas())


def test_public_names_are_the_ones_listed():
    assert {*LOSSES, *PRIMITIVES, "losses", "show_config"} <= set(fl.__all__)
    assert all(hasattr(fl, name) for name in fl.__all__)


# --- corners --------------------------------------------------------------------------------------------


def test_many_sets_of_parameters_are_not_kept_for_good():
    x, y = np.zeros(3), np.ones(3)
    for i in range(200):
        assert fl.huber(x, y, delta=2 + i) == 0.5
    assert len(fl.huber._own.made) <= 64


def test_a_missing_library_is_named_with_its_extra():
    from fastloss._optional import require

    assert require("json", "nothing") is __import__("json")
    with pytest.raises(ImportError, match=r"needs no_such_library.*no_such_library, or \"\.\[some\]\""):
        require("no_such_library.part", "some")


def test_a_library_that_lacks_one_of_its_own_says_which(tmp_path, monkeypatch):
    from fastloss._optional import require

    (tmp_path / "half_a_library.py").write_text("import its_other_half")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="its_other_half"):
        require("half_a_library", "some")


# --- a loss with parameters fixed ---------------------------------------------------------------------


def test_bind_fixes_parameters_for_all_methods():
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((20, 4)), rng.integers(0, 4, 20)
    bound = fl.focal.bind(gamma=3.0)
    own = dict(gamma=3.0, class_weight=[1, 2, 1, 3.0])
    assert isinstance(bound, fl.Loss) and repr(bound) == "<loss fastloss.focal(gamma=3.0)>"
    assert bound(x, y) == fl.focal(x, y, gamma=3.0) != fl.focal(x, y)
    assert fl.focal(x, y) == fl.focal(x, y, gamma=2.0)  # the loss itself is what it was
    twice = bound.bind(class_weight=own["class_weight"])
    for method in ("grad", "value_and_grad", "grad_and_hess"):
        for got, want in zip(getattr(twice, method)(x, y), getattr(fl.focal, method)(x, y, **own)):
            np.testing.assert_array_equal(got, want)
    assert bound(x, y, gamma=1.0) == fl.focal(x, y, gamma=1.0)  # what a call says goes
    np.testing.assert_array_equal(twice.intercept(y), fl.focal.intercept(y, **own))
    smooth = fl.cross_entropy.bind(logit_scale=2.0, z_loss=0.1)
    np.testing.assert_array_equal(smooth.inverse_link(x), fl.cross_entropy.inverse_link(x, logit_scale=2.0))
    np.testing.assert_array_equal(smooth.intercept(y), fl.cross_entropy.intercept(y, logit_scale=2.0))
    assert fl.gaussian_nll.bind(var=2.0)(x, x + 1) == fl.gaussian_nll(x, x + 1, var=2.0)
    for again in (pickle.loads(pickle.dumps(twice)), copy.deepcopy(twice)):
        assert again(x, y) == twice(x, y) and repr(again) == repr(twice)
    assert inspect.signature(bound.grad).parameters["gamma"].default == 3.0
    weight = np.array([1.0, 2, 1, 3])
    held = fl.cross_entropy.bind(class_weight=weight)
    weight[:] = 100
    assert held(x, y) == held(x, y, z_loss=0.0) == fl.cross_entropy(x, y, class_weight=[1, 2, 1, 3])
    with pytest.raises(ValueError, match="gamma = -1 must be >= 0"):
        fl.focal.bind(gamma=-1)
    with pytest.raises(TypeError, match=r"focal.bind\(\) got .* keyword .* 'gama': did you mean 'gamma'"):
        fl.focal.bind(gama=1)
    with pytest.raises(TypeError, match="unexpected keyword argument 'sample_weight'"):
        fl.mse.bind(sample_weight=[1])


def test_a_bound_loss_goes_wherever_a_loss_goes():
    from fastloss.boosting import xgboost_metric, xgboost_objective

    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((20, 4), dtype=np.float32), rng.integers(0, 4, 20)
    bound = fl.focal.bind(gamma=3.0)
    seen = fl.Accumulator([bound, "accuracy"]).update(x, y)
    assert seen.result()["focal"] == bound(x, y)
    assert fl.Accumulator("focal", gamma=3.0).merge(fl.Accumulator(bound).update(x, y)).count == 20
    assert fl.evaluate(x, y, bound) == bound(x, y)
    got, want = xgboost_objective(bound), xgboost_objective("focal", gamma=3.0)
    assert repr(got) == repr(want)
    np.testing.assert_array_equal(got(y, x), want(y, x))
    assert xgboost_metric(bound)(y, x) == xgboost_metric("focal", gamma=3.0)(y, x)
    got, want = xgboost_objective(bound, gamma=1.0), xgboost_objective("focal", gamma=1.0)
    np.testing.assert_array_equal(got(y, x), want(y, x))


@pytest.mark.parametrize("name", fl.losses)
def test_signatures_of_methods_are_full(name):
    loss = fl.losses[name]
    own = list(loss.__signature__.parameters)
    results = ("value_and_grad", ["out"]), ("grad", ["out"]), ("grad_and_hess", ["out", "hess_out"])
    for method, more in results:
        if hasattr(loss, method):
            bound = getattr(loss, method)
            assert list(inspect.signature(bound).parameters) == own + more
            assert bound.__doc__ == getattr(fl.Loss, method, bound).__doc__ and bound.__name__ == method
            assert pickle.loads(pickle.dumps(bound)) == bound
    if loss._intercept is not None:
        assert list(inspect.signature(loss.intercept).parameters)[:2] == ["target", "sample_weight"]


def test_the_repr_of_an_accumulator_shows_what_it_has_seen():
    x, y = np.array([[2.0, 0], [0, 1]]), np.array([0, 0])
    seen = fl.Accumulator(["accuracy", ("focal", {"gamma": 1})])
    nothing = ", of nothing yet"
    assert repr(seen) == f"<Accumulator of accuracy: accuracy{nothing}; focal: focal, gamma=1{nothing}>"
    seen.update(x, y)
    assert "accuracy: accuracy = 0.5 of 2; focal: focal, gamma=1 = 0.487" in repr(seen)


@pytest.mark.memory_safety
def test_hvp_takes_names_and_wants_a_vector():
    x, y = np.array([[1.0, 2.0, 3.0], [0.0, 1.0, 0.0]]), np.array([0, 1])
    v = np.arange(6.0).reshape(x.shape)
    assert np.array_equal(fl.cross_entropy.hvp(logits=x, target=y, vector=v), fl.cross_entropy.hvp(x, y, v))
    assert np.array_equal(fl.cross_entropy.hvp(x, target=y, vector=v), fl.cross_entropy.hvp(x, y, v))
    for call in (lambda: fl.cross_entropy.hvp(x, y, None), lambda: fl.cross_entropy.hvp()):
        with pytest.raises(TypeError, match="vector"):
            call()
