"""The losses as objectives and metrics of XGBoost and LightGBM.

    model = XGBClassifier(loss="focal", loss_params={"gamma": 2.0}, n_estimators=200)
    model = LGBMRegressor(loss="poisson", num_leaves=63)

    objective = xgboost_objective("focal", gamma=2.0)
    booster = xgboost.train({"num_class": 3}, dtrain, 100, obj=objective)

    objective = lightgbm_objective("cross_entropy", hessian="lightgbm")
    booster = lightgbm.train({"objective": objective, "num_class": 3}, dataset, 100)

XGBRegressor, XGBClassifier, LGBMRegressor and LGBMClassifier are the libraries' estimators with a loss from
here; each is made, and its library imported, when it is first asked for.

An objective or a metric serves both ways of a library: called with scores and a dataset, as `train` does, it
takes labels and weights from there; called with labels and scores, as the libraries' estimators do, it takes
them as they come. For these neither library is imported. docs/boosting.md has the rest.
"""

from __future__ import annotations

import inspect
import warnings
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np

from fastloss import _check
from fastloss._buffer_pool import BufferPool
from fastloss._loss import Loss, LossWithHessian, VectorLoss, losses
from fastloss._metric import Metric, metrics

__all__ = ["lightgbm_metric", "lightgbm_objective", "xgboost_metric", "xgboost_objective"]

# XGBoost's own floor, in its logistic and softmax objectives.
MIN_HESSIAN = 1e-16

_TINY, _HUGE = float(np.finfo(np.float32).tiny), float(np.finfo(np.float32).max)
# XGBoost comes with an OpenMP of its own. The idle threads of ours would spin beside its rounds for
# milliseconds, more than a second thread gains below so many scores.
_ALONE = 1 << 22
# Derivatives of 64 kB to 64 MB a round are written where those of the round before were, if nobody has them.
_buffers = BufferPool(1 << 16, 1 << 26)

_RESERVED = frozenset({"reduction", "sample_weight", "normalizer", "axis", "out", "hess_out"})


def xgboost_objective(
    loss: Loss | str,
    *,
    hessian: str | float | None = None,
    min_hessian: float = MIN_HESSIAN,
    **parameters: Any,
) -> Objective:
    """A loss as an objective of XGBoost: for `xgboost.train(obj=...)` and `XGBClassifier(objective=...)`.

    Parameters
    ----------
    loss : a loss of one raw score an element or one for each class, or its name. XGBoost's own:
        "binary:logistic" is "binary_cross_entropy_with_logits", "multi:softprob" is "cross_entropy" with
        hessian="upper", "reg:squarederror" is "half_squared"
    hessian : "majorize", a curvature by which no step overshoots, for regression, robust and count losses:
        their default but for mse, half_squared and expectile. Gradient and Hessian are divided by its
        weighted mean where that is below 1, so that the library's lambda and min_child_weight mean what they
        mean for squared error: both take a look at all rows of a round, so that shards of a distributed
        training would differ (docs/boosting.md says what it is for each loss);
        "exact", the diagonal of the Hessian, the default of all others, and 1 for losses that are linear
        piece by piece (mae, quantile, epsilon_insensitive, mape, hinge, perceptron, multiclass_hinge,
        categorical_hinge);
        "upper", twice the diagonal, which bounds the full matrix, for cross_entropy: 2 p (1 - p);
        "lightgbm", K / (K - 1) times the diagonal, for cross_entropy of K classes;
        or a number > 0 that stands for it everywhere: plain gradient boosting, for any loss
    min_hessian : > 0, what a Hessian is raised to, times the weight of its row. Hessians may be negative
        (focal), zero (huber beyond delta) or too small for float32. A weight is sample_weight times
        class_weight, and 0 where the label is ignore_index; a number for `hessian` is multiplied by it too
    n_threads : as for every loss; with XGBoost one, if nothing is said, up to four million scores
    **parameters : the loss's own

    Returns
    -------
    A picklable object, called as `(preds, dtrain)` or `(y_true, y_pred, sample_weight=None)`, which returns
    gradient and Hessian of the sum: float32 arrays of the shape and memory order of the scores, times the
    weights of the rows. Weights that `dtrain` has are applied.

    Raises
    ------
    ValueError
        A loss of vectors or of probabilities; a Hessian that the loss does not have; a number that is not > 0
        and normal in float32; a parameter outside its domain. When called: no labels; a label that is not an
        integer of a class; a negative label of poisson, gamma or tweedie; scores without a class axis; labels
        of another shape, but (n,) and (n, 1) are one, and an array of `q`, one for each column of the scores,
        takes one label a row.
    TypeError
        A parameter that the loss does not have.

    Warns
    -----
    RuntimeWarning
        Of losses that have "majorize": all scores are one constant, as before the first tree, and all
        gradients of one sign, so that the model begins far from its targets. `loss.intercept(target)` is the
        best constant.

    NaN scores have NaN derivatives, as everywhere, which XGBoost refuses to grow a tree from.

    Chen and Guestrin, XGBoost: a scalable tree boosting system (2016).
    """
    return Objective("xgboost", loss, hessian, min_hessian, parameters)


def lightgbm_objective(
    loss: Loss | str,
    *,
    hessian: str | float | None = None,
    min_hessian: float = MIN_HESSIAN,
    **parameters: Any,
) -> Objective:
    """A loss as an objective of LightGBM: `params["objective"]`, or `LGBMClassifier(objective=...)`.

    Takes, returns and raises what `xgboost_objective` does. LightGBM's float64 scores in Fortran order are
    read where they lie, and the float32 derivatives are in that order too. LightGBM's own: "binary" is
    "binary_cross_entropy_with_logits", "multiclass" is "cross_entropy" with hessian="lightgbm", "regression"
    is "half_squared". It starts custom objectives at 0: `init_score` from `loss.intercept(target)` starts
    where its own would.

    Ke et al., LightGBM: a highly efficient gradient boosting decision tree (2017).
    """
    return Objective("lightgbm", loss, hessian, min_hessian, parameters)


def xgboost_metric(metric: Loss | Metric | str, *, name: str | None = None, **parameters: Any) -> Evaluation:
    """A loss or metric for `xgboost.train(custom_metric=...)` and `XGBClassifier(eval_metric=...)`.

    Parameters
    ----------
    metric : a loss or a metric, or its name. With an objective from here XGBoost hands over raw scores; with
        one of its own, probabilities: "log_loss", "binary_cross_entropy", threshold=0.5 are for those
    name : what it is called in the log, by default the loss's own name
    n_threads : as for every loss; with XGBoost one, if nothing is said, up to four million scores
    **parameters : its own, one number a metric: `k` of top_k_accuracy is an integer

    Returns
    -------
    A picklable object, called as `(preds, dtrain)`, which returns `(name, value)`, or as
    `(y_true, y_pred, sample_weight=None)`, which returns the value: the mean, weighted where there are
    weights. XGBoost's estimators, which call the second way, minimise: there 1 less accuracy, binary_accuracy
    or top_k_accuracy, by the name of "1-accuracy".

    Raises
    ------
    ValueError
        A loss of vectors; a metric without a target; a parameter outside its domain.
    TypeError
        A parameter that it does not have.

    NaN scores make a loss NaN and count as wrong in a metric. `xgboost.train` takes any name for a loss:
    early stopping on accuracy needs `EarlyStopping(maximize=True)` there.
    """
    return Evaluation("xgboost", metric, name, parameters)


def lightgbm_metric(metric: Loss | Metric | str, *, name: str | None = None, **parameters: Any) -> Evaluation:
    """A loss or metric for `lightgbm.train(feval=...)` and `LGBMClassifier.fit(eval_metric=...)`.

    Takes and raises what `xgboost_metric` does. Called either way it returns `(name, value, whether higher is
    better)`, from which LightGBM's early stopping knows its direction.
    """
    return Evaluation("lightgbm", metric, name, parameters)


_ESTIMATORS = ("XGBRegressor", "XGBClassifier", "LGBMRegressor", "LGBMClassifier")


def __getattr__(name: str) -> Any:
    """The estimators, each made when it is first asked for."""
    if name not in _ESTIMATORS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from fastloss import _estimators

    made = globals()[name] = _estimators.made(name)
    return made


def __dir__() -> list[str]:
    return sorted({*globals(), *_ESTIMATORS})


class _Operands(NamedTuple):
    scores: np.ndarray
    target: np.ndarray
    weight: np.ndarray | None


class _Adapter:
    """What objectives and metrics share: a function, its parameters, and where its arrays come from."""

    def __init__(self, library: str, function: Any, parameters: dict[str, Any]) -> None:
        if isinstance(function, Loss):
            function, fixed = function._parted()
            parameters = {**fixed, **parameters}
        self.library = library
        self.function = function
        self.n_threads = parameters.pop("n_threads", None)
        self.parameters = parameters
        # Several quantiles at once, of one label a row: as many columns of scores.
        each = function.facts.column_parameter if isinstance(function, Loss) else None
        several = 0 if each is None else parameters.get(each, 0)
        self._columns = np.size(several) if np.ndim(several) == 1 else 0
        self._rowwise = "axis" in inspect.signature(function).parameters
        self._converted: WeakKeyDictionary[Any, tuple[np.ndarray, np.ndarray]] = WeakKeyDictionary()
        for taken in _RESERVED.intersection(parameters):
            raise TypeError(f"{taken} is not for the caller to choose: the boosting library needs its own")
        _check.n_threads(self.n_threads)
        if isinstance(function, Loss):
            function._own(parameters)
        else:
            inspect.signature(function).bind(None, None, **parameters)

    def _operands(self, first: Any, second: Any, weight: Any) -> _Operands:
        """Scores, target and weights of a call `(preds, dataset)` or `(y_true, y_pred, weight)`."""
        dataset = second if hasattr(second, "get_label") else None
        if dataset is None:
            labels, scores = np.asarray(first), np.asarray(second)
        else:
            given, scores = dataset.get_label(), np.asarray(first)
            labels = np.empty(0) if given is None else np.asarray(given)
            if labels.size == 0 and scores.size:
                raise ValueError(
                    f"the dataset has no labels, and {self.function.__name__} needs them: set label="
                )
            weight = dataset.get_weight()
        weights = None if weight is None else np.asarray(weight)
        if weights is not None and weights.size == 0:
            weights = None  # XGBoost's way to say that there are none
        return _Operands(scores, self._target(labels, scores, dataset), weights)

    def _target(self, labels: np.ndarray, scores: np.ndarray, dataset: Any) -> np.ndarray:
        if not self._rowwise:
            same = {labels.shape, scores.shape} == {(scores.size,), (scores.size, 1)}
            if scores.ndim == 2 and self._columns == scores.shape[1] > 1 and labels.size == len(scores):
                return np.broadcast_to(labels.reshape(-1, 1), scores.shape)
            return labels.reshape(scores.shape) if same else labels
        if scores.ndim != 2:
            raise ValueError(
                f"{self.function.__name__} needs a score for each class, the scores have shape "
                f"{scores.shape}: set num_class of {self.library}, or take a binary loss"
            )
        if labels.shape == scores.shape:
            return labels  # soft targets, of XGBoost's models of several outputs
        if dataset is None:
            return self._as_integers(labels)
        known = self._converted.get(dataset)
        # LightGBM gives the same array until other labels are set, XGBoost a copy each time.
        if known is None or not (known[0] is labels or np.array_equal(known[0], labels)):
            known = self._converted[dataset] = labels, self._as_integers(labels)
        return known[1]

    def _as_integers(self, labels: np.ndarray) -> np.ndarray:
        if labels.dtype.kind != "f":
            return labels
        with np.errstate(invalid="ignore"):
            integers = labels.astype(np.int32)
        wrong = integers.astype(labels.dtype) != labels
        if wrong.any():
            at = int(wrong.argmax())
            raise ValueError(
                f"label[{at}] = {labels.flat[at]} must be an integer: "
                f"{self.function.__name__} takes classes 0 to K - 1"
            )
        return integers

    def _threads(self, scores: np.ndarray) -> int | None:
        alone = self.n_threads is None and self.library == "xgboost" and scores.size < _ALONE
        return 1 if alone else self.n_threads

    def _arguments(self) -> list[str]:
        chosen = {} if self.n_threads is None else {"n_threads": self.n_threads}
        return [f"{name}={value!r}" for name, value in (self.parameters | chosen).items()]

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_converted": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _converted=WeakKeyDictionary())


class Objective(_Adapter):
    """Gradient and Hessian of a loss, as a boosting library asks for them."""

    function: Loss

    def __init__(
        self,
        library: str,
        loss: Loss | str,
        hessian: str | float | None,
        min_hessian: float,
        parameters: dict[str, Any],
    ) -> None:
        super().__init__(library, of_raw_scores(loss), parameters)
        found, parameters = self.function, self.parameters
        self.__name__ = found.__name__
        self.hessian = _check_hessian(hessian, found, parameters)
        self.min_hessian = _check_float32("min_hessian", min_hessian)
        own = {name: p.default for name, p in inspect.signature(found).parameters.items()}
        self._options = {
            name: parameters.get(name, own.get(name))
            for name in ("ignore_index", "class_weight", "label_smoothing")
        }

    def __call__(self, first: Any, second: Any, sample_weight: Any = None) -> tuple[np.ndarray, np.ndarray]:
        scores, target, weight = self._operands(first, second, sample_weight)
        if self.hessian == "lightgbm" and scores.shape[-1] < 2:
            raise ValueError(
                f"hessian = 'lightgbm' divides by K - 1: the scores have shape {scores.shape}, "
                "and must have K >= 2 columns"
            )
        self._check_counts(target, weight)
        grad, hess = _pair_like(scores)
        n_threads = self._threads(scores)
        if self.hessian == "majorize":
            self._majorize(scores, target, weight, grad, hess, n_threads)
        else:
            self._fill(scores, target, weight, grad, hess, n_threads)
        self._warn_of_the_start(scores, target, weight, grad)
        return grad, hess

    def _check_counts(self, target: np.ndarray, weight: np.ndarray | None) -> None:
        """Losses of counts fall for ever where a target is negative, and a model would follow."""
        if self.function.facts.target != "counts":
            return
        wrong = target < 0
        if wrong.any() and weight is not None and weight.shape == target.shape[: weight.ndim]:
            wrong &= weight.reshape(weight.shape + (1,) * (target.ndim - weight.ndim)) > 0
        if wrong.any():
            at = int(wrong.argmax())
            raise ValueError(f"label[{at}] = {target.flat[at]} must be >= 0 for {self.__name__}")

    def _majorize(
        self,
        scores: np.ndarray,
        target: np.ndarray,
        weight: np.ndarray | None,
        grad: np.ndarray,
        hess: np.ndarray,
        n_threads: int | None,
    ) -> None:
        """The bound of the loss; both divided by the mean of the bounds where that is less than 1. Each
        column of scores is a model of its own, with a scale of its own."""
        if scores.ndim == 2 and scores.shape[1] > 1 and scores.shape == target.shape and not self._columns:
            for column in range(scores.shape[1]):
                at = np.s_[:, column]
                self._majorize(scores[at], target[at], weight, grad[at], hess[at], n_threads)
            return
        floor = _floor(scores, target, weight) if self.function.facts.bound == "residual" else 0.0
        self.function._boosted(
            (scores, target),
            self.parameters,
            weight,
            (grad, hess),
            n_threads,
            hess_least=MIN_HESSIAN,
            hess_floor=floor,
        )
        total = hess.sum(dtype=np.float64)
        counted = hess.size if weight is None else weight.sum(dtype=np.float64) * hess.size / weight.size
        if 0 < total < counted:
            grad *= np.float32(counted / total)
            hess *= np.float32(counted / total)
        if self.min_hessian > MIN_HESSIAN:
            np.maximum(hess, _by_row(self.min_hessian, weight, hess.ndim), out=hess)

    def _warn_of_the_start(
        self, scores: np.ndarray, target: np.ndarray, weight: np.ndarray | None, grad: np.ndarray
    ) -> None:
        """Before the first tree all scores are one; no other round looks at more than some of them. Squared
        errors find their way from any start."""
        few = scores.reshape(-1, order="A")[:64]
        if (
            self.function.facts.bound is None
            or few.size < 2
            or (few != few[0]).any()
            or (scores != few[0]).any()
        ):
            return
        up, down = (grad > 0).any(), (grad < 0).any()
        if (up and down) or self._columns:
            return
        where = "base_score or base_margin" if self.library == "xgboost" else "init_score"
        start = f"{self.__name__}: all scores are {few[0]:g}, and every gradient is"
        if not up and not down:
            if (target != few[0]).any():
                warnings.warn(
                    f"{start} 0: no tree will be grown. No target lies further from the scores "
                    "than the loss forgives (eps), or none has a weight",
                    RuntimeWarning,
                    stacklevel=_check.callers_level(),
                )
            return
        best = self.function.intercept(target, weight, **self.parameters)
        # Most targets are one number, the best to begin with; or the least loss lies at infinity.
        if abs(few[0] - best) <= 1e-3 * abs(best) or (best > few[0] if up else best < few[0]):
            return
        warnings.warn(
            f"{start} {'>=' if up else '<='} 0: the first rounds will only carry the whole model "
            f"to its targets. {self.__name__}.intercept(target) is the best constant to begin "
            f"with, here {best:g}: give it as {where}",
            RuntimeWarning,
            stacklevel=_check.callers_level(),
        )

    def _fill(
        self,
        scores: np.ndarray,
        target: np.ndarray,
        weight: np.ndarray | None,
        grad: np.ndarray,
        hess: np.ndarray,
        n_threads: int | None,
    ) -> None:
        if not isinstance(self.hessian, str) or not isinstance(self.function, LossWithHessian):
            self.function.grad(
                scores,
                target,
                reduction="sum",
                sample_weight=weight,
                out=grad,
                n_threads=n_threads,
                **self.parameters,
            )
            constant = 1.0 if isinstance(self.hessian, str) else self.hessian
            hess[...] = _by_row(constant, self._mass(target, weight), hess.ndim)
            return
        factor = 2.0 if self.hessian == "upper" else 1.0
        if self.hessian == "lightgbm":
            factor = scores.shape[-1] / (scores.shape[-1] - 1)
        by_class = self._rowwise and self._shares() is not None
        self.function._boosted(
            (scores, target),
            self.parameters,
            weight,
            (grad, hess),
            n_threads,
            hess_factor=factor,
            hess_least=0.0 if by_class else self.min_hessian,
        )
        if by_class:
            least = _by_row(self.min_hessian, self._mass(target, weight), hess.ndim)
            np.maximum(hess, least, out=hess)

    def _mass(self, target: np.ndarray, weight: np.ndarray | None) -> np.ndarray | None:
        """What the derivatives of each row are multiplied by: its weights, and 0 if it is ignored."""
        if not self._rowwise:
            return weight
        share = self._shares()
        if target.ndim > 1:  # soft targets, of which none is ignored
            row = None if share is None else target @ share
        else:
            kept = _check.counting(target, self._options["ignore_index"])
            row = None if kept.all() else kept
            if share is not None:
                row = share[np.where(kept, target, 0).astype(np.intp)] * kept
        if row is None or weight is None:
            return weight if row is None else row
        return row * weight.astype(np.float64)

    def _shares(self) -> np.ndarray | None:
        """class_weight, and what label smoothing makes of it."""
        if self._options["class_weight"] is None:
            return None
        share = np.asarray(self._options["class_weight"], np.float64)
        smoothing = self._options["label_smoothing"] or 0.0
        return (1 - smoothing) * share + smoothing * share.mean()

    def __repr__(self) -> str:
        arguments = [repr(self.__name__), f"hessian={self.hessian!r}", f"min_hessian={self.min_hessian!r}"]
        return f"{self.library}_objective({', '.join(arguments + self._arguments())})"


class Evaluation(_Adapter):
    """The mean of a loss or metric, as a boosting library asks for it."""

    def __init__(
        self, library: str, metric: Loss | Metric | str, name: str | None, parameters: dict[str, Any]
    ) -> None:
        found = _look_up("metric", metric, {**losses, **metrics})
        if isinstance(found, Loss):
            _of_one_score(found)
        elif "target" not in inspect.signature(found).parameters:
            raise ValueError(f"metric = {found.__name__!r} has no target to hold scores against")
        super().__init__(library, found, parameters)
        parameters = self.parameters
        if np.ndim(parameters.get("k", 1)):
            raise ValueError(
                f"k = {parameters['k']!r} must be an integer: a boosting library takes one number a metric"
            )
        if isinstance(found, Metric):  # a metric checks its parameters when it runs
            one = np.int32(parameters.get("ignore_index") != 1)  # a label that counts
            found(np.zeros((1, 2) if self._rowwise else 1), [one], **parameters)
        self.shown = found.__name__ if name is None else name
        self.higher_is_better = isinstance(found, Metric) and found.higher_is_better
        # XGBoost's estimators minimise, and call what they are given by its __name__.
        self._complement = library == "xgboost" and self.higher_is_better
        self.__name__ = f"1-{self.shown}" if self._complement else self.shown

    def __call__(self, first: Any, second: Any, sample_weight: Any = None) -> Any:
        scores, target, weight = self._operands(first, second, sample_weight)
        value = self.function(
            scores, target, sample_weight=weight, n_threads=self._threads(scores), **self.parameters
        )
        if self.library == "lightgbm":
            return self.shown, value, self.higher_is_better
        if hasattr(second, "get_label"):
            return self.shown, value
        return 1 - value if self._complement else value

    def __repr__(self) -> str:
        name = [] if self.shown == self.function.__name__ else [f"name={self.shown!r}"]
        arguments = [repr(self.function.__name__), *name, *self._arguments()]
        return f"{self.library}_metric({', '.join(arguments)})"


def _pair_like(scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Two float32 arrays in the order of the scores, which is the order that each library wants."""
    if not (scores.flags.c_contiguous or scores.flags.f_contiguous):
        return np.empty_like(scores, np.float32), np.empty_like(scores, np.float32)
    shape, size = scores.shape, 4 * scores.size
    room = _buffers.take(2 * size)
    order: Any = "C" if scores.flags.c_contiguous else "F"
    return (
        np.ndarray(shape, np.float32, room, 0, None, order),
        np.ndarray(shape, np.float32, room, size, None, order),
    )


def _floor(scores: np.ndarray, target: np.ndarray, weight: np.ndarray | None) -> float:
    """0.3 times the median residual of the rows that count: what a bound takes no residual for smaller than.

    Of 65,536 rows evenly apart where there are more: a scale is all that is wanted. Where half of the
    residuals are 0 their mean stands in, where all are 0 any number does.
    """
    if target.shape != scores.shape or (weight is not None and weight.shape != scores.shape[: weight.ndim]):
        return 1.0  # the loss will say what is wrong
    step = max(1, len(scores) >> 16)
    with np.errstate(invalid="ignore"):
        size = np.abs(scores[::step].astype(np.float64) - target[::step])
    if weight is not None:
        size = size[weight[::step] > 0]
    size = size[np.isfinite(size)]
    if not size.size:
        return 1.0
    scale = float(np.median(size)) or float(size.mean()) or 1.0
    return 0.3 * max(scale, _TINY)


def _by_row(value: float, weight: np.ndarray | None, ndim: int) -> Any:
    """The value times the weight of each row, to be broadcast over its scores.

    Where the weight is not 0 the product is not either: a leaf would divide a gradient by 0.
    """
    if weight is None:
        return np.float32(value)
    product = np.array(weight, np.float64)
    product *= value
    np.maximum(product, _TINY, out=product, where=weight > 0)
    np.minimum(product, _HUGE, out=product)
    return product.astype(np.float32).reshape(product.shape + (1,) * (ndim - product.ndim))


def _look_up(argument: str, given: Any, known: Any) -> Any:
    if isinstance(given, str):
        if given not in known:
            raise ValueError(f"{argument} = {given!r} is not one of {', '.join(sorted(known))}")
        return known[given]
    if not isinstance(given, (Loss, Metric)) or given.__name__ not in known:
        raise TypeError(f"{argument} is {given!r}: it must be a {argument} of fastloss or its name")
    return given


def _of_one_score(loss: Loss) -> Loss:
    if isinstance(loss, VectorLoss):
        raise ValueError(f"loss = {loss.__name__!r} compares vectors: boosting needs a loss of raw scores")
    return loss


def of_raw_scores(given: Any) -> Loss:
    """The loss that is meant. Trees add up to any number: a loss of probabilities would clip most of them,
    without a gradient."""
    loss = _of_one_score(_look_up("loss", given, losses))
    of_logits = loss.facts.of_logits
    if of_logits is not None:
        raise ValueError(
            f"loss = {loss.__name__!r} is of probabilities or their logarithms, and trees give "
            f"raw scores: take {of_logits!r}"
        )
    return loss


def _check_float32(name: str, value: Any) -> float:
    number = _check.positive(name, value)
    if not _TINY <= number <= _HUGE:
        raise ValueError(f"{name} = {value!r} must be a normal number in float32")
    return number


def _check_hessian(hessian: Any, loss: Loss, parameters: dict[str, Any]) -> str | float:
    if hessian is None:
        hessian = "exact" if loss.facts.bound is None else "majorize"
    if not isinstance(hessian, str):
        return _check_float32("hessian", hessian)
    if hessian not in ("majorize", "exact", "upper", "lightgbm"):
        raise ValueError(
            f'hessian = {hessian!r} must be "majorize", "exact", "upper", "lightgbm" or a number > 0'
        )
    name = loss.__name__
    if hessian == "majorize":
        if loss.facts.bound is None:
            raise ValueError(
                f"{name} has no bound here: hessian='majorize' is for regression, robust and "
                "count losses; 'exact' or a number > 0 boost the others"
            )
        return hessian
    if hessian == "exact":
        if not isinstance(loss, LossWithHessian) and not loss.facts.piecewise_linear:
            raise ValueError(f"{name} has no Hessian here: hessian=1.0 boosts by its gradient alone")
    elif not loss.facts.softmax_hessian or parameters.get("z_loss") or parameters.get("softcap") is not None:
        raise ValueError(
            f"hessian = {hessian!r} is a multiple of p (1 - p): it is for cross_entropy, "
            "without z_loss and softcap"
        )
    return hessian
