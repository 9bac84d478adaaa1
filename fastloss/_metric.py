"""What a model is judged by and never trained on: class Metric.

A metric has a value and no gradient. As of a loss, its declaration has its signature and docstring, and the
body checks its own keywords. What it returns says what the metric is the mean of; each kind of metric is a
class here.

    @rank_metric(higher_is_better=True)
    def accuracy(scores, target, *, ignore_index=-100):
        '''Share of the rows ...'''
        return Ranks([(0, 1)], ignore_index=_check.integer_or_none("ignore_index", ignore_index))
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from fastloss import _call, _check, _core
from fastloss._core import ENTROPY, LABELS, VALUE, Parameters, Plan
from fastloss._declared import COMMON, REDUCTIONS, Declared, Tally
from fastloss._loss import Loss

_registry: dict[str, Metric] = {}
metrics: Mapping[str, Metric] = MappingProxyType(_registry)


class Reduction(NamedTuple):
    how: str  # "mean", "sum" or "none"
    sample_weight: Any
    normalizer: float | None


class Metric(Declared):
    """A metric: call it for the value."""

    rowwise = True

    def __init__(self, declaration: Callable[..., Any], *, higher_is_better: bool) -> None:
        super().__init__(declaration, self._common())
        self.higher_is_better = higher_is_better
        _registry[self.__name__] = self

    def _common(self) -> dict[str, Any]:
        return COMMON | {"axis": -1} if self.rowwise else COMMON

    def __call__(
        self,
        *args: Any,
        reduction: str = "mean",
        sample_weight: Any = None,
        normalizer: Any = None,
        n_threads: Any = None,
        **parameters: Any,
    ) -> Any:
        if len(args) != len(self._names):
            args = self._bind(args, parameters)
        axis = parameters.pop("axis", -1) if self.rowwise else -1
        if not isinstance(reduction, str) or reduction not in REDUCTIONS:
            _check.reduction(reduction)
        if normalizer is not None:
            normalizer = _check.normalizer(normalizer, reduction)
        own = self._own(parameters)
        n_threads = _check.n_threads(n_threads)
        reduced = Reduction(reduction, sample_weight, normalizer)
        return self._value(args, own, axis, reduced, n_threads)

    def _value(
        self,
        args: tuple[Any, ...],
        own: Any,
        axis: Any,
        reduced: Reduction,
        n_threads: int | None,
    ) -> Any:
        raise NotImplementedError

    def _tally(
        self, args: tuple[Any, ...], parameters: dict[str, Any], sample_weight: Any, n_threads: int | None
    ) -> Tally:
        """The sums that make its mean, over one batch; of ranks one pass makes them for several metrics."""
        raise NotImplementedError

    def _of_mean(self, mean: float) -> float:
        """The metric, from the mean that it is made of."""
        return mean

    def __repr__(self) -> str:
        return f"<metric fastloss.{self.__name__}>"

    def __reduce__(self) -> str:
        return self.__name__


_FIRST: dict[tuple[tuple[float, float], ...], bool] = {((0, 1),): True, ((1, np.inf),): False}


class Ranks(NamedTuple):
    """A row counts as 1 where low <= rank < high, the rank being the number of classes before the true one.

    Spans begin at 0 or above, so that an ignored row, of rank -1, lies in none. `several` spans give several
    numbers. Of equal scores the first class comes before the others, or the last.
    """

    spans: tuple[tuple[float, float], ...]
    ignore_index: int | None
    several: bool = False
    last: bool = False

    @property
    def of_first(self) -> bool | None:
        """True: it counts the rows whose label is the first largest score; False: the others; else None."""
        return None if self.last else _FIRST.get(self.spans)


_RANK = Plan("rank", ("scores", "target"), rowwise=True, targets=LABELS).giving((VALUE,), _core.AS_IT_IS)


def row_ranks(args: tuple[Any, ...], own: Ranks, axis: Any, n_threads: int | None) -> tuple[np.ndarray, int]:
    """Of each row how many classes come before the true one, -1 if it is ignored; how many there are."""
    scores = _check.as_array("scores", args[0])
    axis = _check.named_axis(axis, args[0], "scores")
    p = _rank_parameters(own.last, own.ignore_index)
    ranks = _call.run(_RANK, p, scores, args[1], axis=axis, n_threads=n_threads)
    return ranks, scores.shape[axis]


@lru_cache(64)
def _rank_parameters(last: bool, ignore_index: int | None) -> Parameters:
    return Parameters({"last": last}, ignore_index=ignore_index)


class RankMetric(Metric):
    """A share of the rows, by how many classes have a larger score than the true one."""

    def _value(
        self,
        args: tuple[Any, ...],
        own: Ranks,
        axis: Any,
        reduced: Reduction,
        n_threads: int | None,
    ) -> Any:
        ranks, classes = row_ranks(args, own, axis, n_threads)
        w = _ratios(reduced)
        values = _reduced(*shares(ranks, own, classes, reduced.how, w), reduced)
        return np.stack(values, -1) if own.several else values[0]


class ElementMetric(Metric):
    """A metric of elements, by the core's kernel of the same name."""

    rowwise = False

    def __init__(self, declaration: Callable[..., Any], *, higher_is_better: bool) -> None:
        super().__init__(declaration, higher_is_better=higher_is_better)
        plan = Plan(self.__name__, self._names)
        self._plans = {name: plan.giving((VALUE,), how) for name, how in REDUCTIONS.items()}
        self._tally_plan = plan.giving((VALUE,), _core.TALLY)

    def _value(
        self,
        args: tuple[Any, ...],
        own: Parameters,
        axis: Any,
        reduced: Reduction,
        n_threads: int | None,
    ) -> Any:
        how, weight, normalizer = reduced
        return _call.run(
            self._plans[how], own, args[0], args[1], weight=weight, normalizer=normalizer, n_threads=n_threads
        )

    def _tally(
        self, args: tuple[Any, ...], parameters: dict[str, Any], sample_weight: Any, n_threads: int | None
    ) -> Tally:
        own = self._own(parameters)
        sums = _call.run(self._tally_plan, own, args[0], args[1], weight=sample_weight, n_threads=n_threads)
        return Tally(sums[:1], *sums[1:])


class EntropyMetric(Metric):
    """The mean of the entropy of each row's softmax."""

    _plan = Plan("cross_entropy", ("logits",), rowwise=True, targets=0).giving((ENTROPY,), _core.AS_IT_IS)

    def _value(
        self,
        args: tuple[Any, ...],
        own: Parameters,
        axis: Any,
        reduced: Reduction,
        n_threads: int | None,
    ) -> Any:
        rows = _call.run(self._plan, own, args[0], axis=axis, n_threads=n_threads)
        w = _ratios(reduced)
        w = None if w is None else _check.spread_weights(w, rows.shape)
        if reduced.how == "none":
            return rows if w is None else _weighted(rows, w, rows.dtype)
        total, weight = _summed(rows, w)
        return _reduced([total], weight, reduced)[0]

    def _tally(
        self, args: tuple[Any, ...], parameters: dict[str, Any], sample_weight: Any, n_threads: int | None
    ) -> Tally:
        own = {name: value for name, value in parameters.items() if name != "axis"}
        axis = parameters.get("axis", -1)
        rows = _call.run(self._plan, self._own(own), args[0], axis=axis, n_threads=n_threads)
        return tally_of_rows(rows, sample_weight)


class LossMetric(Metric):
    """A function of the mean of a loss."""

    def __init__(
        self,
        declaration: Callable[..., Any],
        *,
        higher_is_better: bool,
        loss: Loss,
        finish: Callable[[float], float],
    ) -> None:
        super().__init__(declaration, higher_is_better=higher_is_better)
        self._loss = loss
        self._finish = finish

    def _common(self) -> dict[str, Any]:
        return {name: value for name, value in super()._common().items() if name != "reduction"}

    def __call__(self, *args: Any, **parameters: Any) -> Any:
        _check.keywords(self.__name__, parameters, self.__signature__.parameters)
        return super().__call__(*args, **parameters)

    def _value(
        self,
        args: tuple[Any, ...],
        own: dict[str, Any],
        axis: Any,
        reduced: Reduction,
        n_threads: int | None,
    ) -> Any:
        _, weight, normalizer = reduced
        more = {"sample_weight": weight, "normalizer": normalizer, "n_threads": n_threads}
        return self._of_mean(self._loss(*args, axis=axis, **more, **own))

    def _tally(
        self, args: tuple[Any, ...], parameters: dict[str, Any], sample_weight: Any, n_threads: int | None
    ) -> Tally:
        return self._loss._tally(args, parameters, sample_weight, n_threads)

    def _of_mean(self, mean: float) -> float:
        return self._finish(mean)


def rank_metric(*, higher_is_better: bool) -> Callable[[Callable[..., Ranks]], RankMetric]:
    """Declares a metric of ranks."""
    return lambda declaration: RankMetric(declaration, higher_is_better=higher_is_better)


def element_metric(*, higher_is_better: bool) -> Callable[[Callable[..., Parameters]], ElementMetric]:
    """Declares a metric of elements; its kernel is the core's of the same name."""
    return lambda declaration: ElementMetric(declaration, higher_is_better=higher_is_better)


def entropy_metric(*, higher_is_better: bool) -> Callable[[Callable[..., Parameters]], EntropyMetric]:
    """Declares a metric of the entropies of rows."""
    return lambda declaration: EntropyMetric(declaration, higher_is_better=higher_is_better)


def loss_metric(
    loss: Loss, finish: Callable[[float], float], *, higher_is_better: bool
) -> Callable[[Callable[..., dict[str, Any]]], LossMetric]:
    """Declares a metric that is `finish` of the mean of a loss, whose keywords the declaration returns."""
    return lambda declaration: LossMetric(
        declaration, higher_is_better=higher_is_better, loss=loss, finish=finish
    )


# ---- sums over rows ------------------------------------------------------------------------------------


def _ratios(reduced: Reduction) -> Any:
    """Of a mean the ratios of the weights count: others, where their sum is no normal number."""
    how, weight, normalizer = reduced
    if weight is None or how != "mean" or normalizer is not None:
        return weight
    w = _check.as_array("sample_weight", weight)
    if w.dtype.kind not in "fiub":
        return weight
    return _check.of_normal_sum(np.asarray(w, np.float64))


def _summed(values: np.ndarray, w: np.ndarray | None) -> tuple[Any, Any]:
    """Sum of w times the values, whatever a value of weight 0 is, and sum of w."""
    if w is None:
        return values.ravel().sum(dtype=np.float64), values.size
    counts = w > 0
    return (w[counts] * values[counts]).sum(), w[counts].sum()


def tally_of_rows(values: np.ndarray, sample_weight: Any) -> Tally:
    """The sums of the mean of one number a row."""
    w = None if sample_weight is None else _check.spread_weights(sample_weight, values.shape)
    total, weight = _summed(values, w)
    return Tally((float(total),), float(weight), int(values.size if w is None else np.count_nonzero(w)))


def shares(
    ranks: np.ndarray, own: Ranks, classes: int, reduction: str, sample_weight: Any
) -> tuple[list[Any], Any]:
    """For each span the weight of the rows whose rank lies in it, and the weight of all that count."""
    # A row with NaN has the rank that no class has, and no span of ranks holds it.
    spans = [(low, high if np.isinf(high) else min(high, classes)) for low, high in own.spans]
    w = None if sample_weight is None else _check.spread_weights(sample_weight, ranks.shape)
    if reduction == "none":
        return [
            _weighted((ranks >= low) & (ranks < high), 1.0 if w is None else w, ranks.dtype)
            for low, high in spans
        ], None
    if w is None:
        below = {bound: np.count_nonzero(ranks < bound) for bound in {0.0, *sum(spans, ())}}
        return [below[high] - below[low] for low, high in spans], ranks.size - below[0]
    # Taken out in C order, so that the order of summation is not that of the memory.
    counts = ranks >= 0
    r, w = ranks[counts], w[counts]
    return [w[(r >= low) & (r < high)].sum() for low, high in spans], w.sum()


def tally_of_ranks(ranks: np.ndarray, own: Ranks, classes: int, sample_weight: Any) -> Tally:
    sums, weight = shares(ranks, own, classes, "sum", sample_weight)
    counts = ranks >= 0
    if sample_weight is not None:
        counts &= _check.spread_weights(sample_weight, ranks.shape) > 0
    return Tally(tuple(map(float, sums)), float(weight), int(np.count_nonzero(counts)))


def _weighted(values: np.ndarray, w: Any, dtype: np.dtype) -> np.ndarray:
    """w times the values, 0 where w is 0, whatever the value."""
    with np.errstate(all="ignore"):
        return np.asarray(np.where(w > 0, w * values, 0)).astype(dtype)


def _reduced(sums: list[Any], total: Any, reduced: Reduction) -> list[Any]:
    """What the reduction makes of them."""
    if reduced.how == "none":
        return sums
    if reduced.how == "sum":
        return [float(s) for s in sums]
    if reduced.normalizer is None and not total > 0:
        nothing = _check.mean_of_nothing()
        return [nothing for _ in sums]
    return [float(s / (reduced.normalizer or total)) for s in sums]
