"""The estimators of XGBoost and LightGBM with a loss of fastloss: a custom objective and what it leaves open.

Under a custom objective either library starts at a score that has nothing to do with the targets, predicts
raw scores and measures them as if they were predictions. Here training starts at the loss's intercept, which
the model keeps; it is measured by the loss itself; `inverse_link` and the classes lead back to the target.

Each class is made when it is first asked for, as a subclass of the library's own.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from fastloss import _check, _core, boosting
from fastloss._intercept import identity
from fastloss._loss import Loss
from fastloss._optional import require

_OWN: dict[str, Any] = {"loss": None, "loss_params": None, "hessian": None,
                        "min_hessian": boosting.MIN_HESSIAN}
# The libraries weigh classes by these in objectives of their own.
_OF_OBJECTIVES = ("scale_pos_weight", "is_unbalance", "unbalance", "unbalanced_sets")
# Metrics that read only the order of the scores of two classes.
_OF_ORDER = frozenset({"auc", "aucpr", "average_precision"})

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
    `decision_function` raw scores. A loss of class scores has a column for each class, of two as well; a
    loss of one score is for two classes.""",
}
_LOSSES = {False: '"half_squared" if nothing is said',
           True: 'if nothing is said\n        "binary_cross_entropy_with_logits" for two classes, else '
                 '"cross_entropy"'}


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
        name=name, base=f"{library}.{name}", library=library, losses=_LOSSES[classifier],
        kept=": XGBoost's base_score" if xgboost else ", in the leaves of its first trees, as LightGBM's own",
        given="base_score, base_margin or xgb_model" if xgboost else "init_score or init_model",
        kind="classes" if classifier else "numbers", predict=_PREDICT[classifier],
        source="Chen and Guestrin, XGBoost: a scalable tree boosting system (2016)." if xgboost else
               "Ke et al., LightGBM: a highly efficient gradient boosting decision tree (2017).",
        data="load_iris" if classifier else "load_diabetes",
        example=example + ("" if xgboost else ", verbose=-1"),
        shown="bool(model.score(X, y) > 0.9)\n    True" if classifier else "float(model.start_)\n    140.0")


class _Task(NamedTuple):
    """What an estimator learns by: a loss, its parameters, and how many columns of scores it has."""

    loss: Loss
    parameters: dict[str, Any]
    columns: int

    def inverse_link(self, raw: np.ndarray) -> np.ndarray:
        return self.loss.inverse_link(raw, **_accepted(self.loss._inverse_link, self.parameters))

    @property
    def predicts_raw(self) -> bool:
        return self.loss._inverse_link is identity or self.parameters.get("log_input") is False

    def start(self, y: np.ndarray, weight: np.ndarray | None) -> Any:
        """The best constant, or one for each column of scores."""
        if self.loss._rowwise:
            if self.loss._intercept is None:
                return np.zeros(self.columns)
            own = _accepted(self.loss._intercept, self.parameters)
            best = self.loss.intercept(y, weight, n_classes=self.columns, **own)
        elif np.ndim(self.parameters.get("q", 0)):
            best = np.array([self.loss.intercept(y, weight, q=q) for q in self.parameters["q"]])
        elif y.ndim == 2 and y.shape[1] > 1:
            best = np.array([self.loss.intercept(column, weight, **self.parameters) for column in y.T])
        else:
            best = self.loss.intercept(y.reshape(-1), weight, **self.parameters)
        if not np.isfinite(best).all():
            for at in np.argwhere(~np.isfinite(y))[:1]:
                where = ", ".join(map(str, at))
                raise ValueError(f"y[{where}] = {y[tuple(at)]} must be finite")
            raise ValueError("sample_weight is 0 for every row: there is nothing to learn")
        return best


def _task(model: Any, n_classes: int | None) -> _Task:
    """The loss that the estimator is asked for; n_classes is None for a regressor."""
    given = model.loss
    if given is None and n_classes is None:
        given = "half_squared"
    elif given is None:
        given = "binary_cross_entropy_with_logits" if n_classes in (1, 2) else "cross_entropy"
    loss = boosting.of_raw_scores(given)
    if not isinstance(model.loss_params, Mapping | None):
        raise TypeError(f"loss_params = {model.loss_params!r} must be a dict of the loss's parameters")
    parameters = dict(model.loss_params or {})
    if n_classes is None:
        if loss._rowwise:
            raise ValueError(f"loss = {loss.__name__!r} is of class scores: it is for the classifier")
        q = parameters.get("q", 0)
        return _Task(loss, parameters, np.size(q) if np.ndim(q) else 1)
    if loss._rowwise:
        if not loss._targets & _core.LABELS:
            raise ValueError(f"loss = {loss.__name__!r} compares distributions: a classifier needs a loss of "
                             "labels")
        return _Task(loss, parameters, max(n_classes, 2))
    if not loss._binary:
        raise ValueError(f"loss = {loss.__name__!r} is of numbers, not of classes: it is for the regressor")
    if n_classes > 2:
        raise ValueError(f"loss = {loss.__name__!r} is of two classes, and y has {n_classes}: take a loss of "
                         "class scores, as cross_entropy or focal")
    if "labels" in inspect.signature(loss).parameters:
        parameters.setdefault("labels", "01")
    return _Task(loss, parameters, 1)


def _accepted(function: Any, parameters: Mapping[str, Any]) -> dict[str, Any]:
    known = inspect.signature(function).parameters
    return {name: value for name, value in parameters.items() if name in known}


def _objective(library: str, model: Any, task: _Task) -> boosting.Objective:
    make = getattr(boosting, f"{library}_objective")
    return make(task.loss, hessian=model.hessian, min_hessian=model.min_hessian,
                **{"n_threads": _threads(model), **task.parameters})


def _threads(model: Any) -> int | None:
    return 1 if model.n_jobs == 1 else None


def _metrics(library: str, given: Any, model: Any, task: _Task) -> list[Any]:
    """What `eval_metric` stands for: what it says, where the library would measure that on its own scale."""
    if given is None or given == []:
        make = getattr(boosting, f"{library}_metric")
        return [make(task.loss, **{"n_threads": _threads(model), **task.parameters})]
    metrics = list(given) if isinstance(given, list | tuple) else [given]
    for metric in metrics:
        if not isinstance(metric, str):
            continue
        of_order = task.loss._binary and metric.partition("@")[0] in _OF_ORDER
        of_raw = task.predicts_raw and not (task.loss._binary or task.loss._rowwise)
        if not (of_order or of_raw):
            raise ValueError(f"eval_metric = {metric!r} would be computed from raw scores, which are not the "
                             f"predictions of {task.loss.__name__}: take {library}_metric(...), as of "
                             "cross_entropy or zero_one, or a function of your own")
    return metrics


def _refuse(parameters: Mapping[str, Any], objectives: Any) -> None:
    for name in objectives:
        if name in parameters:
            raise TypeError(f"{name} = {parameters[name]!r}: `loss` takes the place of an objective here")


def _refuse_weights_of_classes(model: Any) -> None:
    parameters = model.get_params()
    for name in _OF_OBJECTIVES:
        if parameters.get(name) not in (None, False) and (name, parameters[name]) != ("scale_pos_weight", 1):
            raise ValueError(f"{name} = {parameters[name]!r} is for the library's own objectives alone: "
                             "give sample_weight, or what the loss has (pos_weight, alpha, class_weight)")


def _given(y: Any) -> Any:
    if y is None:
        raise ValueError("this estimator requires y to be passed, but the target y is None")
    return y


def _encoded(y: Any) -> tuple[np.ndarray, np.ndarray]:
    """The classes of y, and the place of each label among them."""
    labels = np.asarray(_given(y))
    if labels.ndim != 1 and labels.shape[1:] != (1,):
        raise ValueError(f"y has shape {labels.shape}: a classifier takes one label a row")
    labels = require("sklearn.utils.validation", "sklearn").column_or_1d(labels, warn=True)
    if labels.dtype.kind in "fcO":
        for at, label in enumerate(labels.tolist()):
            if label is None or type(label).__name__ in ("NAType", "NaTType") or label != label:
                raise ValueError(f"y[{at}] is missing: every row needs a label")
            if label in (np.inf, -np.inf):
                raise ValueError(f"y[{at}] = {label} must be finite")
    require("sklearn.utils.multiclass", "sklearn").check_classification_targets(labels)
    return np.unique(labels, return_inverse=True)


def _coded(model: Any, y: Any, sets: list[tuple[Any, Any]]) -> tuple[np.ndarray, list[tuple[Any, Any]]]:
    """The model's classes are those of y: the places among them of its labels and of the sets' targets."""
    model._classes, coded = _encoded(y)
    return coded, [(X, coded if labels is y else _places(model._classes, labels, f"eval_set[{i}]"))
                   for i, (X, labels) in enumerate(sets)]


def _places(classes: np.ndarray, y: Any, which: str) -> np.ndarray:
    labels = np.asarray(y).reshape(-1)
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


@contextmanager
def _set(model: Any, **attributes: Any) -> Iterator[None]:
    """The attributes while it trains: a parameter of an estimator stays what it was given as."""
    before = {name: getattr(model, name) for name in attributes}
    try:
        for name, value in attributes.items():
            setattr(model, name, value)
        yield
    finally:
        for name, value in before.items():
            setattr(model, name, value)


def _signature(base: type) -> inspect.Signature:
    """Our parameters, and those of all the library's classes beneath: clone and repr read them here."""
    found = {"self": inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)}
    for name, value in _OWN.items():
        found[name] = inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=value)
    for beneath in base.__mro__:
        if beneath.__module__.startswith(("xgboost", "lightgbm")):
            for name, parameter in inspect.signature(beneath.__init__).parameters.items():  # type: ignore[misc]
                if parameter.kind is inspect.Parameter.KEYWORD_ONLY and name != "objective":
                    found.setdefault(name, parameter)
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
    available_if = require("sklearn.utils.metaestimators", "sklearn").available_if

    def has_probabilities(model: Any) -> bool:
        try:
            return model._task().loss._inverse_link is not identity
        except AttributeError:  # not fitted: the number of classes may choose the loss
            return True

    class Learner(base):  # type: ignore[misc]
        def __init__(self, *, loss: Loss | str | None = None, loss_params: Mapping[str, Any] | None = None,
                     hessian: str | float | None = None, min_hessian: float = boosting.MIN_HESSIAN,
                     **kwargs: Any) -> None:
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

        def _task(self) -> _Task:
            return _task(self, self.n_classes_ if classifier else None)

    class Classifier(Learner):
        def __sklearn_tags__(self) -> Any:
            tags = super().__sklearn_tags__()
            tags.classifier_tags.multi_label = False
            return tags

        def _predicted(self, raw: np.ndarray) -> np.ndarray:
            return self.classes_[raw.argmax(1) if raw.ndim == 2 else (raw > 0).astype(np.intp)]

        @available_if(has_probabilities)  # type: ignore[untyped-decorator]
        def predict_proba(self, X: Any, **given: Any) -> np.ndarray:
            """The probability of each class, (n, n_classes), in the order of `classes_`."""
            raw = self._raw(X, **given)
            p = self._task().inverse_link(raw)
            return p if p.ndim == 2 else np.stack([1 - p, p], 1)

        def decision_function(self, X: Any, **given: Any) -> np.ndarray:
            """Raw scores: (n,) of two classes, (n, n_classes) where each class has a score."""
            return self._raw(X, **given)

    class Regressor(Learner):
        def _predicted(self, raw: np.ndarray) -> np.ndarray:
            return self._task().inverse_link(raw)

    return Classifier if classifier else Regressor


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

        def fit(self, X: Any, y: Any, *, sample_weight: Any = None, base_margin: Any = None,
                eval_set: Any = None, xgb_model: Any = None, base_margin_eval_set: Any = None,
                **given: Any) -> Any:
            """XGBoost's `fit`, from the intercept of the loss."""
            _refuse_weights_of_classes(self)
            if classifier:
                y, sets = _coded(self, y, list(eval_set or ()))
                self.n_classes_, eval_set = len(self._classes), sets or None
            task = self._task()
            self._columns, self.start_ = task.columns, None
            objective = _objective("xgboost", self, task)
            metrics = _metrics("xgboost", self.eval_metric, self, task)
            if base_margin is not None or base_margin_eval_set is not None:
                self.start_ = np.zeros(task.columns) if task.columns > 1 else 0.0  # the margin is the start
            elif xgb_model is None and self.base_score is None:
                self.start_ = task.start(y if classifier else _numbers(y), _weights(sample_weight))
            with _set(self, objective=objective, eval_metric=metrics if len(metrics) > 1 else metrics[0]):
                return general.fit(self, X, y, sample_weight=sample_weight, base_margin=base_margin,
                                   eval_set=eval_set, xgb_model=xgb_model,
                                   base_margin_eval_set=base_margin_eval_set, **given)

        def predict(self, X: Any, *, output_margin: bool = False, **given: Any) -> Any:
            """Predictions on the scale of the target; raw scores with `output_margin`."""
            raw = self._raw(X, **given)
            return raw if output_margin else self._predicted(raw)

        def _raw(self, X: Any, **given: Any) -> np.ndarray:
            return general.predict(self, X, output_margin=True, **given)

        if classifier:
            @property
            def classes_(self) -> np.ndarray:
                known = getattr(self, "_classes", None)
                return super().classes_ if known is None else known

    return Estimator


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
            plain._other_params = {name: value for name, value in self._other_params.items()
                                   if name not in _OWN}
            params = base._process_params(plain, stage)
            if not aliases.get("metric") & set(self.get_params()):
                params["metric"] = None  # that of the library's own objective
            if self._columns > 1:
                params["num_class"] = self._columns
            return params

        def fit(self, X: Any, y: Any, sample_weight: Any = None, init_score: Any = None,
                eval_metric: Any = None, callbacks: Any = None, **given: Any) -> Any:
            """LightGBM's `fit`, from the intercept of the loss."""
            _refuse_weights_of_classes(self)
            if aliases.get("linear_tree") & {name for name, value in self.get_params().items() if value}:
                raise ValueError("linear_tree = True keeps no start in its leaves: give LightGBM's own "
                                 "estimator lightgbm_objective(...) and init_score")
            weight, sets = _weights(sample_weight), _evaluated(given)
            if classifier:
                if self.class_weight is not None:
                    by_class = require("sklearn.utils.class_weight", "sklearn").compute_sample_weight
                    shares = by_class(self.class_weight, _given(y))
                    sample_weight = weight = shares if weight is None else weight * shares
                y, sets = _coded(self, y, sets)
                self._n_classes = len(self._classes)
                self._class_map = dict(zip(self._classes.tolist(), range(self._n_classes), strict=True))
            else:
                y = _numbers(y)
            task = _task(self, self._n_classes if classifier else None)
            self._columns = task.columns
            said = [self.get_params()[name] for name in aliases.get("metric") & set(self.get_params())]
            for metric in said:
                _metrics("lightgbm", metric, self, task)
            metrics = None if said and eval_metric is None else _metrics("lightgbm", eval_metric, self, task)
            self.start_ = None
            if init_score is None and not {"eval_init_score", "init_model"} & _told(given):
                self.start_ = task.start(y, weight)
                init_score = _repeated(self.start_, len(y))
                if sets:
                    given["eval_init_score"] = [_repeated(self.start_, len(its)) for _, its in sets]
            if sets and "eval_X" in inspect.signature(general.fit).parameters:
                given["eval_X"], given["eval_y"] = (tuple(each) for each in zip(*sets, strict=True))
            elif sets:  # before LightGBM 4.7
                given["eval_set"] = sets
            objective = _objective("lightgbm", self, task)
            with _set(self, class_weight=None):  # it is in sample_weight
                self._objective = objective
                general.fit(self, X, y, sample_weight=sample_weight, init_score=init_score,
                            eval_metric=metrics, callbacks=[*(callbacks or ()), _without_objective], **given)
            if self.start_ is not None:
                _keep(self._Booster, self.start_)
            return self

        def predict(self, X: Any, raw_score: bool = False, start_iteration: int = 0,
                    num_iteration: int | None = None, pred_leaf: bool = False, pred_contrib: bool = False,
                    validate_features: bool = False, **kwargs: Any) -> Any:
            """Predictions on the scale of the target; raw scores with `raw_score`."""
            got = self._raw(X, raw_score=raw_score, start_iteration=start_iteration,
                            num_iteration=num_iteration, pred_leaf=pred_leaf, pred_contrib=pred_contrib,
                            validate_features=validate_features, **kwargs)
            return got if raw_score or pred_leaf or pred_contrib else self._predicted(got)

        def _raw(self, X: Any, **given: Any) -> Any:
            return general.predict(self, X, **given)

    return Estimator


def _told(given: Mapping[str, Any]) -> set[str]:
    return {name for name, value in given.items() if value is not None}


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
    """LightGBM 4 resets its objective to none, which it is, and fails where the rows are too few to split."""
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
