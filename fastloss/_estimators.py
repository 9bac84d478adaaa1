"""The estimators of XGBoost and LightGBM with a loss of fastloss: a custom objective and what it leaves open.

Under a custom objective either library starts at a score that has nothing to do with the targets, predicts
raw scores and measures them as if they were predictions. Here training starts at the loss's intercept, which
the model keeps; it is measured by the loss itself; `inverse_link` and the classes lead back to the target.

Each class is made when it is first asked for, as a subclass of the library's own.
"""

from __future__ import annotations

import copy
import inspect
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from fastloss import _check, boosting
from fastloss._declared import taken
from fastloss._loss import Loss
from fastloss._losses.intercepts import link_of
from fastloss._optional import require

_OWN: dict[str, Any] = {
    "loss": None,
    "loss_params": None,
    "hessian": None,
    "min_hessian": boosting.MIN_HESSIAN,
}
# The libraries weigh classes by these in objectives of their own.
_OF_OBJECTIVES = ("scale_pos_weight", "is_unbalance", "unbalance", "unbalanced_sets")
# Metrics that read only the order of the scores of two classes.
_OF_ORDER = frozenset({"auc", "aucpr", "average_precision"})
_NO_METRIC = frozenset({"", "none", "na", "null", "custom"})  # LightGBM's words for it

_DOC = """{base} with a loss of fastloss, from where it should start to the scale of the target.

    Parameters
    ----------
    loss : a loss of raw scores, or its name: {losses}
    loss_params : its parameters, a dict: {{"gamma": 2.0}}
    hessian, min_hessian : as for `{library}_objective`
    **params : {base}'s own, but for `objective`, which `loss` takes the place of, and scale_pos_weight and
        is_unbalance, which the library applies in its own objectives only

    Training starts at the `intercept` of the loss, which the fitted model keeps (`start_`){kept}; with
    {given} it starts there instead. `eval_metric` is the loss itself if nothing is said. A callable, such as
    `{library}_metric("accuracy")`, is given raw scores; so would the library's own metrics be, so that a name
    of one is a ValueError but where raw scores are predictions (a regressor whose inverse link is the
    identity) or only their order counts (auc of two classes). Early stopping goes by what is measured.

    {predict}

    Raises
    ------
    ValueError
        When fitted: a loss that is not for {kind}; targets that the loss refuses, or that are not finite;
        weights that are all 0; a parameter outside its domain.
    TypeError
        A parameter that the loss does not have.
    ImportError
        When first asked for: {library} is not installed.

    {source}

    >>> from sklearn.datasets import {data}
    >>> from fastloss.boosting import {name}
    >>> X, y = {data}(return_X_y=True)
    >>> model = {name}({example}, n_estimators=20, n_jobs=1).fit(X, y)
    >>> {shown}
    """
_PREDICT = {
    False: "`predict` gives `inverse_link` of the scores: rates for poisson, gamma and tweedie.",
    True: """`predict` gives labels as they were in `y`, which may be any; `predict_proba` probabilities,
    where the loss has them (hinge, squared_hinge, perceptron and the hinges of several classes have not);
    `decision_function` raw scores. A loss of class scores has a column for each class, for two as well; a
    loss of one score is for two classes.""",
}
_LOSSES = {
    False: '"half_squared" if nothing is said',
    True: 'if nothing is said\n        "binary_cross_entropy_with_logits" for two classes, else '
    '"cross_entropy"',
}


def made(name: str) -> type:
    """The estimator of that name, a class of the module `fastloss.boosting`."""
    library = "xgboost" if name.startswith("XGB") else "lightgbm"
    base, classifier = getattr(require(library, library), name), name.endswith("Classifier")
    kind: Any = (_of_xgboost if library == "xgboost" else _of_lightgbm)(base, classifier)
    kind.__name__ = kind.__qualname__ = name
    kind.__module__ = "fastloss.boosting"
    kind.__doc__ = _described(name, library, classifier)
    return kind


def _described(name: str, library: str, classifier: bool) -> str:
    xgboost = library == "xgboost"
    example = 'loss="focal", loss_params={"gamma": 2.0}' if classifier else 'loss="mae"'
    return _DOC.format(
        name=name,
        base=f"{library}.{name}",
        library=library,
        losses=_LOSSES[classifier],
        kept=": XGBoost's base_score" if xgboost else ", in the leaves of its first trees, as LightGBM's own",
        given="base_score, base_margin or xgb_model" if xgboost else "init_score or init_model",
        kind="classes" if classifier else "numbers",
        predict=_PREDICT[classifier],
        source="Chen and Guestrin, XGBoost: a scalable tree boosting system (2016)."
        if xgboost
        else "Ke et al., LightGBM: a highly efficient gradient boosting decision tree (2017).",
        data="load_iris" if classifier else "load_diabetes",
        example=example + ("" if xgboost else ", verbose=-1"),
        shown="bool(model.score(X, y) > 0.9)\n    True" if classifier else "float(model.start_)\n    140.0",
    )


class _Task(NamedTuple):
    """What an estimator learns by: a loss, its parameters, and how many columns of scores it has."""

    loss: Loss
    parameters: dict[str, Any]
    columns: int
    n_classes: int | None  # None of a regressor
    n_threads: int | None

    def inverse_link(self, raw: np.ndarray) -> np.ndarray:
        return self.loss.inverse_link(raw, **taken(self.loss.facts.inverse_link, self.parameters))

    @property
    def predicts_raw(self) -> bool:
        return link_of(self.loss.facts.inverse_link, self.parameters) == "identity"

    def start(self, y: np.ndarray, weight: np.ndarray | None) -> Any:
        """The best constant, or one for each column of scores."""
        if weight is not None and not weight.any():
            raise ValueError("sample_weight is 0 for every row: there is nothing to learn")
        for at in np.argwhere(~np.isfinite(y))[:1]:
            raise ValueError(f"y[{', '.join(map(str, at))}] = {y[tuple(at)]} must be finite")
        if self.loss._rowwise:
            best = self.loss.facts.start or self.loss._intercept
            if best is None:
                return np.zeros(self.columns)
            return best(y, weight, n_classes=self.columns, **taken(best, self.parameters))
        each = self.loss.facts.column_parameter
        if self.columns > 1 and each in self.parameters:
            return np.array(
                [self.loss.intercept(y, weight, **{each: value}) for value in self.parameters[each]]
            )
        if y.ndim == 2 and y.shape[1] > 1:
            return np.array([self.loss.intercept(column, weight, **self.parameters) for column in y.T])
        return self.loss.intercept(y.reshape(-1), weight, **self.parameters)


def _task(model: Any, n_classes: int | None) -> _Task:
    """The loss that the estimator is asked for; n_classes is None for a regressor."""
    given = model.loss
    if given is None and n_classes is None:
        given = "half_squared"
    elif given is None:
        given = "binary_cross_entropy_with_logits" if n_classes in (1, 2) else "cross_entropy"
    loss, fixed = boosting.of_raw_scores(given)._parted()
    if not isinstance(model.loss_params, Mapping | None):
        raise TypeError(f"loss_params = {model.loss_params!r} must be a dict of the loss's parameters")
    parameters = {**fixed, **(model.loss_params or {})}
    n_threads = parameters.pop("n_threads", _threads(model))
    columns = 1
    if n_classes is None:
        if loss._rowwise:
            raise ValueError(f"loss = {loss.__name__!r} is of class scores: it is for the classifier")
        each = loss.facts.column_parameter
        if each is not None and np.ndim(parameters.get(each, 0)):
            columns = len(parameters[each])
            if columns == 0:
                raise ValueError(f"{each} is empty: it must be a number or several of them")
            if columns == 1:
                [parameters[each]] = parameters[each]
    elif loss._rowwise:
        if loss.facts.target == "soft":
            raise ValueError(
                f"loss = {loss.__name__!r} compares distributions: a classifier needs a loss of labels"
            )
        columns = max(n_classes, 2)
    else:
        if loss.facts.target != "binary":
            raise ValueError(
                f"loss = {loss.__name__!r} is of numbers, not of classes: it is for the regressor"
            )
        if n_classes > 2:
            raise ValueError(
                f"loss = {loss.__name__!r} is of two classes, and y has {n_classes}: take a "
                "loss of class scores, as cross_entropy or focal"
            )
        if "labels" in inspect.signature(loss).parameters:
            parameters.setdefault("labels", "01")
    return _Task(loss, parameters, columns, n_classes, n_threads)


def _threads(model: Any) -> int | None:
    """Those of the objective: with XGBoost one below four million scores, if nothing is said."""
    if not hasattr(model, "_other_params"):
        return 1 if model.n_jobs == 1 else None
    given = {"n_jobs": model.n_jobs} | model._other_params
    names = ("num_threads", "num_thread", "nthread", "nthreads", "n_jobs")
    n = next(given[name] for name in names if name in given)
    return int(n) if n is not None and n > 0 else None


def _objective(library: str, model: Any, task: _Task) -> boosting.Objective:
    make = getattr(boosting, f"{library}_objective")
    return make(
        task.loss,
        hessian=model.hessian,
        min_hessian=model.min_hessian,
        n_threads=task.n_threads,
        **task.parameters,
    )


def _metrics(library: str, given: Any, task: _Task) -> list[Any]:
    """What `eval_metric` stands for: what it says, where the library would measure that on its own scale."""
    metrics = list(given) if isinstance(given, list | tuple) else [] if given is None else [given]
    if not metrics:
        make = getattr(boosting, f"{library}_metric")
        return [make(task.loss, n_threads=task.n_threads, **task.parameters)]
    for metric in metrics:
        if not isinstance(metric, str):
            if not callable(metric):
                raise TypeError(f"eval_metric = {metric!r} must be a function, a name, or a list of them")
            continue
        for name in metric.lower().split(","):
            of_order = task.loss.facts.target == "binary" and name.partition("@")[0].strip() in _OF_ORDER
            of_raw = task.predicts_raw and task.n_classes is None and task.columns == 1
            if not (of_order or of_raw or name.strip() in _NO_METRIC):
                raise ValueError(
                    f"eval_metric = {metric!r} would be computed from raw scores, not from the "
                    f"predictions of {task.loss.__name__}: take {library}_metric(...), as of "
                    "cross_entropy or zero_one, or a function of your own"
                )
    return metrics


def _refuse(parameters: Mapping[str, Any], objectives: Any) -> None:
    for name in objectives:
        if name in parameters:
            raise TypeError(f"{name} = {parameters[name]!r}: `loss` takes the place of an objective here")


def _refuse_weights_of_classes(parameters: Mapping[str, Any]) -> None:
    for name in _OF_OBJECTIVES:
        if parameters.get(name) not in (None, False) and (name, parameters[name]) != ("scale_pos_weight", 1):
            raise ValueError(
                f"{name} = {parameters[name]!r} is for the library's own objectives alone: "
                "give sample_weight, or what the loss has (pos_weight, alpha, class_weight)"
            )


def _given(y: Any) -> Any:
    if y is None:
        raise ValueError("this estimator requires y to be passed, but the target y is None")
    return y


def _labels(y: Any, which: str) -> np.ndarray:
    """One label a row, none of them missing."""
    labels = np.asarray(_given(y))
    if labels.ndim != 1 and labels.shape[1:] != (1,):
        raise ValueError(f"{which} has shape {labels.shape}: a classifier takes one label a row")
    labels = require("sklearn.utils.validation", "sklearn").column_or_1d(labels, warn=True)
    if labels.dtype.kind not in "fcO":
        return labels
    for at, label in enumerate(labels.tolist()):
        if _check.is_missing(label) or label != label:
            raise ValueError(f"{which}[{at}] is missing: every row needs a label")
        if label in (np.inf, -np.inf):
            raise ValueError(f"{which}[{at}] = {label} must be finite")
    if labels.dtype.kind == "O" and np.asarray(labels.tolist()).dtype.kind in "biuf":
        return np.asarray(labels.tolist())  # objects that are all numbers
    return labels


def _coded(model: Any, y: Any, sets: list[tuple[Any, Any]]) -> tuple[np.ndarray, list[tuple[Any, Any]]]:
    """The model's classes are those of y: the places among them of its labels and of the sets' targets."""
    labels = _labels(y, "y")
    require("sklearn.utils.multiclass", "sklearn").check_classification_targets(labels)
    model._classes, coded = np.unique(labels, return_inverse=True)
    return coded, [
        (X, coded if its is y else _places(model._classes, its, f"eval_set[{i}]"))
        for i, (X, its) in enumerate(sets)
    ]


def _places(classes: np.ndarray, y: Any, which: str) -> np.ndarray:
    labels = _labels(y, f"{which}: y")
    places = np.minimum(np.searchsorted(classes, labels), len(classes) - 1)
    unknown = classes[places] != labels
    if unknown.any():
        at = int(unknown.argmax())
        raise ValueError(f"{which}: label {labels.tolist()[at]!r} in row {at} is none of those in y")
    return places


def _numbers(y: Any) -> np.ndarray:
    return np.asarray(_check.as_array("y", _given(y)), np.float64)


def _weights(sample_weight: Any) -> np.ndarray | None:
    return None if sample_weight is None else np.asarray(sample_weight, np.float64).reshape(-1)


def _arguments(method: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
    """By name, as a method of the library takes them; without the estimator and the rows."""
    bound = inspect.signature(method).bind(*args, **kwargs).arguments
    more = bound.pop("kwargs", {})
    return {name: value for name, value in bound.items() if name not in ("self", "X")} | more


@contextmanager
def _training(model: Any, **attributes: Any) -> Iterator[None]:
    """The attributes while it trains: a parameter of an estimator stays what it was given as."""
    before = {name: getattr(model, name) for name in attributes}
    try:
        for name, value in attributes.items():
            setattr(model, name, value)
        yield
    finally:
        for name, value in before.items():
            setattr(model, name, value)


@contextmanager
def _whole(model: Any) -> Iterator[None]:
    """A fit that fails leaves the model that was there."""
    before = dict(model.__dict__)
    try:
        yield
    except BaseException:
        model.__dict__.clear()
        model.__dict__.update(before)
        raise


def _signature(base: type) -> inspect.Signature:
    """Our parameters, and those of all the library's classes beneath: clone and repr read them here."""
    found = {"self": inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)}
    for name, value in _OWN.items():
        found[name] = inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=value)
    for beneath in base.__mro__:
        if beneath.__module__.startswith(("xgboost", "lightgbm")):
            for name, parameter in inspect.signature(beneath.__init__).parameters.items():  # type: ignore[misc]
                if parameter.default is not parameter.empty and name != "objective":
                    found.setdefault(name, parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY))
    found["kwargs"] = inspect.Parameter("kwargs", inspect.Parameter.VAR_KEYWORD)
    return inspect.Signature(list(found.values()))


def _plain(model: Any, base: type) -> Any:
    """The estimator as one of the library's own, which knows nothing of our parameters."""
    plain = copy.copy(model)
    plain.__class__ = base
    return plain


def _common(base: Any, classifier: bool, objectives: Any) -> Any:
    """A class between the library's and ours: what the estimators of both libraries have."""
    require("sklearn", "sklearn")

    class Learner(base):  # type: ignore[misc]
        def __init__(
            self,
            *,
            loss: Loss | str | None = None,
            loss_params: Mapping[str, Any] | None = None,
            hessian: str | float | None = None,
            min_hessian: float = boosting.MIN_HESSIAN,
            **kwargs: Any,
        ) -> None:
            _refuse(kwargs, objectives)
            super().__init__(**kwargs)
            self.loss, self.loss_params = loss, loss_params
            self.hessian, self.min_hessian = hessian, min_hessian

        __init__.__signature__ = _signature(base)  # type: ignore[attr-defined]

        def get_params(self, deep: bool = True) -> dict[str, Any]:
            return {name: value for name, value in super().get_params(deep).items() if name != "objective"}

        def set_params(self, **params: Any) -> Any:
            _refuse(params, objectives)
            return super().set_params(**params)

        def fit(self, *args: Any, **kwargs: Any) -> Any:
            """The library's `fit`, from the intercept of the loss."""
            given = _arguments(base.fit, self, *args, **kwargs)
            with _whole(self):
                _refuse_weights_of_classes(self.get_params())
                return self._fit(args[0] if args else kwargs["X"], given.pop("y"), **given)

        fit.__signature__ = inspect.signature(base.fit)  # type: ignore[attr-defined]

        def predict(self, *args: Any, **kwargs: Any) -> Any:
            """Predictions on the scale of the target; raw scores with `output_margin` or `raw_score`."""
            return self._read(base.predict, self._predicted, *args, **kwargs)

        predict.__signature__ = inspect.signature(base.predict)  # type: ignore[attr-defined]

        @property
        def _task(self) -> _Task:
            """What it was fitted by, whatever has been set since."""
            return self.__dict__.get("_fitted") or _task(self, self.n_classes_ if classifier else None)

        def _predicted(self, raw: np.ndarray) -> np.ndarray:
            return self._task.inverse_link(raw)

    return _deciding(Learner, base) if classifier else Learner


def _deciding(learner: Any, base: Any) -> Any:
    """What classifiers of both libraries have: labels, probabilities and raw scores of a row."""
    available_if = require("sklearn.utils.metaestimators", "sklearn").available_if

    def has_probabilities(model: Any) -> bool:
        """Without a loss by name the number of classes chooses among those that have them."""
        fitted = getattr(model, "_fitted", None)
        loss = model.loss if fitted is None else fitted.loss
        return loss is None or link_of(boosting.of_raw_scores(loss).facts.inverse_link, {}) != "identity"

    class Classifier(learner):  # type: ignore[misc]
        def __sklearn_tags__(self) -> Any:
            tags = super().__sklearn_tags__()
            tags.classifier_tags.multi_label = False
            return tags

        def _predicted(self, raw: np.ndarray) -> np.ndarray:
            return self.classes_[raw.argmax(1) if raw.ndim == 2 else (raw > 0).astype(np.intp)]

        @available_if(has_probabilities)  # type: ignore[untyped-decorator]
        def predict_proba(self, *args: Any, **kwargs: Any) -> np.ndarray:
            """The probability of each class, (n, n_classes), in the order of `classes_`."""
            return self._read(base.predict_proba, self._probabilities, *args, **kwargs)

        predict_proba.fn.__signature__ = inspect.signature(base.predict_proba)

        def _probabilities(self, raw: np.ndarray) -> np.ndarray:
            p = self._task.inverse_link(raw)
            return (p if p.ndim == 2 else np.stack([1 - p, p], 1))[:, : len(self.classes_)]

        def decision_function(self, X: Any, **given: Any) -> np.ndarray:
            """Raw scores, (n, n_classes); of two classes (n,), how far the second lies above the first."""
            raw = self._raw(X, **given)
            return raw[:, 1] - raw[:, 0] if raw.ndim == 2 and raw.shape[1] == 2 else raw

    return Classifier


def _of_xgboost(base: Any, classifier: bool) -> type:
    general: Any = require("xgboost", "xgboost").XGBModel

    class Estimator(_common(base, classifier, {"objective"})):  # type: ignore[misc]
        def get_xgb_params(self) -> dict[str, Any]:
            """XGBoost's parameters, and what it has to know of the loss."""
            params = _plain(self, base).get_xgb_params() | {"disable_default_eval_metric": True}
            params.pop("objective", None)
            if getattr(self, "_columns", 1) > 1:
                params["num_class"] = self._columns
            start = getattr(self, "start_", None)
            if params.get("base_score") is None and start is not None:
                params["base_score"] = np.asarray(start).tolist()
            return params

        def _fit(
            self,
            X: Any,
            y: Any,
            sample_weight: Any = None,
            base_margin: Any = None,
            base_margin_eval_set: Any = None,
            xgb_model: Any = None,
            **given: Any,
        ) -> Any:
            if classifier:
                y, sets = _coded(self, y, list(given.get("eval_set") or ()))
                self.n_classes_, given["eval_set"] = len(self._classes), sets or None
            self._fitted = task = _task(self, self.n_classes_ if classifier else None)
            self._columns, self.start_ = task.columns, None
            objective = _objective("xgboost", self, task)
            metrics: Any = _metrics("xgboost", self.eval_metric, task)
            metrics = metrics[0] if len(metrics) == 1 else metrics
            if self.base_score is None and xgb_model is None:
                if base_margin is None and base_margin_eval_set is None:
                    self.start_ = task.start(y if classifier else _numbers(y), _weights(sample_weight))
                else:  # the margin is the start
                    self.start_ = np.zeros(task.columns) if task.columns > 1 else 0.0
            with _training(self, objective=objective, eval_metric=metrics):
                general.fit(
                    self,
                    X,
                    y,
                    sample_weight=sample_weight,
                    base_margin=base_margin,
                    base_margin_eval_set=base_margin_eval_set,
                    xgb_model=xgb_model,
                    **given,
                )
            if classifier:
                self._Booster.set_attr(fastloss_classes=_as_json(self._classes))
            return self

        def load_model(self, fname: Any) -> None:
            """XGBoost's `load_model`; the loss is that of the estimator, the labels come with the model."""
            for name in ("_fitted", "_classes", "_columns", "start_"):
                self.__dict__.pop(name, None)
            super().load_model(fname)
            known = self._Booster.attr("fastloss_classes")
            if classifier and known is not None:
                self._classes = np.array(json.loads(known))
            self._columns = self._task.columns

        def _read(self, method: Any, meant: Any, *args: Any, **kwargs: Any) -> Any:
            given = _arguments(method, self, *args, **kwargs)
            margin = given.pop("output_margin", False)
            raw = self._raw(args[0] if args else kwargs["X"], **given)
            return raw if margin else meant(raw)

        def _raw(self, X: Any, **given: Any) -> np.ndarray:
            return general.predict(self, X, output_margin=True, **given)

        if classifier:

            @property
            def classes_(self) -> np.ndarray:
                known = getattr(self, "_classes", None)
                return super().classes_ if known is None else known

    return Estimator


def _as_json(classes: np.ndarray) -> str | None:
    try:
        return json.dumps(classes.tolist())
    except TypeError:  # dates, say
        return None


def _of_lightgbm(base: Any, classifier: bool) -> type:
    lightgbm: Any = require("lightgbm", "lightgbm")
    aliases = lightgbm.basic._ConfigAliases
    general: Any = lightgbm.LGBMModel
    # LightGBM takes a parameter called loss for the objective: here it is ours.
    objectives = aliases.get("objective") - set(_OWN)

    class Estimator(_common(base, classifier, objectives)):  # type: ignore[misc]
        def _process_params(self, stage: str) -> dict[str, Any]:
            """LightGBM's parameters, and what it has to know of the loss."""
            plain = _plain(self, base)
            plain._other_params = {
                name: value for name, value in self._other_params.items() if name not in _OWN
            }
            params = base._process_params(plain, stage)
            if not aliases.get("metric") & set(self._other_params):
                params["metric"] = None  # that of the library's own objective
            if self._columns > 1:
                params["num_class"] = self._columns
            return params

        def _fit(
            self,
            X: Any,
            y: Any,
            sample_weight: Any = None,
            init_score: Any = None,
            eval_metric: Any = None,
            callbacks: Any = None,
            **given: Any,
        ) -> Any:
            weight, sets = _weights(sample_weight), _evaluated(given)
            if classifier:
                if self.class_weight is not None:
                    shares = _of_classes(self.class_weight, y)
                    sample_weight = weight = shares if weight is None else weight * shares
                y, sets = _coded(self, y, sets)
                self._n_classes = len(self._classes)
                self._class_map = dict(zip(self._classes.tolist(), range(self._n_classes), strict=True))
            else:
                numbers = _numbers(y)
                y, sets = numbers, [(other, numbers if its is y else its) for other, its in sets]
            self._fitted = task = _task(self, self._n_classes if classifier else None)
            self._columns, self.start_ = task.columns, None
            said = [self._other_params[name] for name in aliases.get("metric") & set(self._other_params)]
            for metric in said:
                _metrics("lightgbm", metric, task)
            metrics = None if said and eval_metric is None else _metrics("lightgbm", eval_metric, task)
            if init_score is given.get("eval_init_score") is given.get("init_model") is None:
                _check_that_a_start_is_kept(self.get_params(), aliases)
                self.start_ = task.start(y, weight)
                init_score = _repeated(self.start_, len(y))
                if sets:
                    given["eval_init_score"] = [_repeated(self.start_, len(its)) for _, its in sets]
            if sets:
                given |= _as_evaluated(sets, general)
            self._objective = _objective("lightgbm", self, task)  # LightGBM reads it there, and shows it
            with _training(self, class_weight=None, _class_weight=None):  # they are in sample_weight
                general.fit(
                    self,
                    X,
                    y,
                    sample_weight=sample_weight,
                    init_score=init_score,
                    eval_metric=metrics,
                    callbacks=[*(callbacks or ()), _without_objective],
                    **given,
                )
            if self.start_ is not None:
                _keep(self._Booster, self.start_)
            return self

        def _read(self, method: Any, meant: Any, *args: Any, **kwargs: Any) -> Any:
            given = _arguments(method, self, *args, **kwargs)
            got = self._raw(args[0] if args else kwargs["X"], **given)
            return got if any(map(given.get, ("raw_score", "pred_leaf", "pred_contrib"))) else meant(got)

        def _raw(self, X: Any, **given: Any) -> Any:
            return general.predict(self, X, **given)

    return Estimator


def _of_classes(class_weight: Any, y: Any) -> np.ndarray:
    """Of each row the weight of its class."""
    by_class = require("sklearn.utils.class_weight", "sklearn").compute_sample_weight
    return by_class(class_weight, _given(y))


def _check_that_a_start_is_kept(params: dict[str, Any], aliases: Any) -> None:
    for name in aliases.get("linear_tree") & set(params):
        if params[name]:
            raise ValueError(
                f"{name} = {params[name]!r} keeps no start in its leaves: give "
                "init_score, and add it to what is predicted"
            )
    for name in aliases.get("boosting") & set(params):
        if params[name] in ("rf", "random_forest"):
            raise ValueError(f"{name} = {params[name]!r}: LightGBM grows forests by its own objectives alone")


def _as_evaluated(sets: list[tuple[Any, Any]], model: Any) -> dict[str, Any]:
    """The arguments of `fit` that hold the sets to evaluate on."""
    if "eval_X" not in inspect.signature(model.fit).parameters:  # before LightGBM 4.7
        return {"eval_set": sets}
    given, targets = zip(*sets, strict=True)
    return {"eval_X": given, "eval_y": targets}


def _evaluated(given: dict[str, Any]) -> list[tuple[Any, Any]]:
    """The sets that LightGBM's model is evaluated on, in either of its ways to give them."""
    pairs, other, target = (given.pop(name, None) for name in ("eval_set", "eval_X", "eval_y"))
    if pairs is not None:
        if other is not None or target is not None:
            raise ValueError("eval_set and eval_X, eval_y: give one of the two")
        return [pairs] if isinstance(pairs, tuple) else list(pairs)
    if (other is None) != (target is None) or isinstance(other, tuple) != isinstance(target, tuple):
        raise ValueError("eval_X and eval_y go together: an array each, or a tuple of arrays each")
    if other is None:
        return []
    return list(zip(other, target, strict=True)) if isinstance(other, tuple) else [(other, target)]


def _without_objective(env: Any) -> None:
    """Before its first round LightGBM sets the objective to none, which it is already; where the rows are too
    few for any feature to split, that is an error."""
    env.model._Booster__set_objective_to_none = True


_without_objective.before_iteration = True  # type: ignore[attr-defined]


def _repeated(start: Any, n: int) -> np.ndarray:
    return np.tile(start, (n, 1)) if np.ndim(start) else np.full(n, start)


def _keep(booster: Any, start: Any) -> None:
    """Adds the start to the leaves of each column's first tree, where LightGBM keeps that of its own."""
    first = booster.dump_model(num_iteration=1)["tree_info"]
    for tree, score in zip(first, np.atleast_1d(start), strict=True):
        at = tree["tree_index"]
        for leaf in range(tree["num_leaves"]):
            booster.set_leaf_output(at, leaf, booster.get_leaf_output(at, leaf) + float(score))
