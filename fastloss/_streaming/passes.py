"""What one batch adds to the mean of each loss, in as few passes over the scores as that takes.

A softmax is paid for once: cross entropy, perplexity, entropy and accuracy come from one pass where their
options allow it, and all metrics of the true class's rank from another.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from fastloss import _check, _core
from fastloss._loss import Loss
from fastloss._losses import metrics as _metrics
from fastloss._losses.classification import Rows, cross_entropy
from fastloss._streaming.requests import Request, same

_OF_THE_CALL = ("reduction", "sample_weight", "normalizer", "n_threads")


class Tally(NamedTuple):
    """The numerator of a mean (several k: several), its divisor, and how many rows or elements count."""

    totals: tuple[float, ...]
    weight: float
    counted: int


class Batch(NamedTuple):
    pred: Any
    target: Any
    sample_weight: Any
    arrays: Mapping[str, Any]
    n_threads: int | None


class Pass(Protocol):
    """Makes the tallies of some of the requests, those of the places `serves`."""

    serves: Sequence[int]

    def __call__(self, batch: Batch) -> list[Tally]: ...


def passes_for(requests: Sequence[Request]) -> list[Pass]:
    """The passes that serve all requests."""
    names = [request.metric.__name__ for request in requests]
    softmaxes: dict[Any, list[int]] = {}
    ranks: dict[Any, list[int]] = {}
    for i, name in enumerate(names):
        if name in ("cross_entropy", "perplexity"):
            softmaxes.setdefault(same(_softmax(requests[i])), []).append(i)
        elif name == "top_k_accuracy":
            ranks.setdefault(_rank_key(requests[i]), []).append(i)
    for i, name in enumerate(names):
        if name in ("accuracy", "zero_one"):
            key, host = _rank_key(requests[i]), None
            if key not in ranks:
                host = _host(requests, softmaxes, i, "axis", "ignore_index")
            (ranks.setdefault(key, []) if host is None else host).append(i)
        elif name == "entropy":
            host = _host(requests, softmaxes, i, "axis")
            if host is not None:
                host.append(i)
    passes: list[Pass] = []
    for members in softmaxes.values():
        alike = {names[i] for i in members} <= {"cross_entropy", "perplexity"}
        passes.append((_OwnPass if alike else _SoftmaxPass)(members, requests))
    passes += [_RankPass(members, requests) for members in ranks.values()]
    served = {i for each in passes for i in each.serves}
    return passes + [_OwnPass([i], requests) for i in range(len(requests)) if i not in served]


def _softmax(request: Request) -> dict[str, Any]:
    """The parameters of the cross entropy that a request needs."""
    plain = {name: p.default for name, p in cross_entropy.__signature__.parameters.items()
             if p.kind is p.KEYWORD_ONLY and name not in _OF_THE_CALL}
    return {**plain, **request.parameters}


def _host(requests: Sequence[Request], softmaxes: dict[Any, list[int]], i: int,
          *alike: str) -> list[int] | None:
    """A softmax pass over the scores as they are, with the same options of the given names."""
    for members in softmaxes.values():
        p = _softmax(requests[members[0]])
        untouched = p["softcap"] is None and p["logit_scale"] == 1
        if untouched and all(same({n: p[n]}) == same({n: requests[i].parameters[n]}) for n in alike):
            return members
    return None


def _rank_key(request: Request) -> tuple[Any, ...]:
    p = request.parameters
    return same({"axis": p["axis"], "ignore_index": p["ignore_index"], "ties": p.get("ties", "first")})


class _OwnPass:
    """A loss or metric by itself; several requests only where they add up the same."""

    def __init__(self, serves: Sequence[int], requests: Sequence[Request]) -> None:
        self.serves = serves
        self._request = requests[serves[0]]

    def __call__(self, batch: Batch) -> list[Tally]:
        request, (pred, target, weight, arrays, n_threads) = self._request, batch
        parameters = {**request.parameters, **{k: v for k, v in arrays.items() if k in request.arrays}}
        name = request.metric.__name__
        if isinstance(request.metric, Loss):
            total, divisor, count = request.metric._tally((pred, target), parameters, weight, n_threads)
        elif name == "perplexity":
            total, divisor, count = cross_entropy._tally((pred, target), parameters, weight, n_threads)
        elif name == "binary_accuracy":
            own = parameters["threshold"], parameters["labels"]
            total, divisor, count = _metrics._binary(pred, target, *own, _core.TALLY, weight, None, n_threads)
        else:
            return [_of_values(_metrics._entropies(pred, parameters["axis"], n_threads), weight)]
        return [Tally((total,), divisor, count)] * len(self.serves)


class _RankPass:
    """accuracy, zero_one and top_k_accuracy: how many classes stand before the true one."""

    def __init__(self, serves: Sequence[int], requests: Sequence[Request]) -> None:
        self.serves = serves
        first = requests[serves[0]].parameters
        self._ignore_index, self._axis = first["ignore_index"], first["axis"]
        self._last = first.get("ties", "first") == "last"
        self._wrong = [requests[i].metric.__name__ == "zero_one" for i in serves]
        self._bounds = [_check.counts("k", requests[i].parameters.get("k", 1))[1] for i in serves]

    def __call__(self, batch: Batch) -> list[Tally]:
        ranks, classes = _metrics._ranks(batch.pred, batch.target, self._ignore_index, self._last, self._axis,
                                         batch.n_threads)
        spans = [(1.0, math.inf) if wrong else (0.0, float(min(bound, classes)))
                 for wrong, bounds in zip(self._wrong, self._bounds) for bound in bounds]
        sums, weight = _metrics._shares(ranks, spans, "sum", batch.sample_weight)
        counts = ranks >= 0
        if batch.sample_weight is not None:
            counts &= _check.spread_weights(batch.sample_weight, ranks.shape) > 0
        count, rest = int(np.count_nonzero(counts)), iter(map(float, sums))
        return [Tally(tuple(next(rest) for _ in bounds), float(weight), count) for bounds in self._bounds]


# Up to so many classes two passes over them take less than what one pass has to write of each row.
_NARROW = 16


class _SoftmaxPass:
    """What `cross_entropy.rows` knows: cross entropy or perplexity, entropy, accuracy and zero_one."""

    def __init__(self, serves: Sequence[int], requests: Sequence[Request]) -> None:
        self.serves = serves
        self._names = [requests[i].metric.__name__ for i in serves]
        self._parameters = _softmax(requests[serves[0]])
        ranked = [i for i, name in zip(serves, self._names) if name in ("accuracy", "zero_one")]
        alone = [i for i in serves if i not in ranked]
        self._apart: list[Pass] = [_OwnPass(alone, requests), _RankPass(ranked, requests)] if ranked else []

    def __call__(self, batch: Batch) -> list[Tally]:
        scores = _check.scores("logits", batch.pred)
        axis = _check.named_axis(self._parameters["axis"], batch.pred, "logits")
        axis, _ = _check.class_axis("logits", scores, axis)
        target = _check.labels("target", batch.target, scores, axis, "logits", _core.LABELS | _core.SOFT)
        batch = batch._replace(target=target)
        if self._apart and "entropy" not in self._names and scores.shape[axis] <= _NARROW:
            found = {i: tally for each in self._apart for i, tally in zip(each.serves, each(batch))}
            return [found[i] for i in self.serves]
        soft = target.dtype.kind not in "iub" and target.size > 0
        if soft and not {"accuracy", "zero_one"}.isdisjoint(self._names):
            raise TypeError(f"target has dtype {target.dtype}: it must hold integer labels")
        parameters = {k: v for k, v in self._parameters.items() if k != "axis"}
        rows = Rows(*cross_entropy._facts(batch.pred, batch.target, batch.n_threads, self._parameters["axis"],
                                          parameters, "entropy" in self._names))
        shape, w = rows.loss.shape, None
        if batch.sample_weight is not None:
            w = _check.spread_weights(batch.sample_weight, shape)
        ignored = self._parameters["ignore_index"]
        counts = np.ones(shape, bool)
        if not soft and ignored is not None:
            counts = target.reshape(shape).astype(np.int64, copy=False) != ignored  # as the core reads labels
        if w is not None:
            counts &= w > 0
        weight, count = _weight(counts, w), int(np.count_nonzero(counts))
        correct = rows.correct
        if not np.isfinite(rows.logsumexp).all():
            # Where the softmax is undefined, the rank of an infinite score is not.
            correct = self._first(batch)
        made = {
            "cross_entropy": lambda: Tally((float(_metrics._summed(rows.loss, w)[0]),),
                                           self._divisor(target, counts, w, soft), count),
            "entropy": lambda: _of_values(rows.entropy, batch.sample_weight),
            "accuracy": lambda: Tally((_weight(counts & correct, w),), weight, count),
            "zero_one": lambda: Tally((_weight(counts & ~correct, w),), weight, count),
        }
        made["perplexity"] = made["cross_entropy"]
        return [made[name]() for name in self._names]

    def _first(self, batch: Batch) -> np.ndarray:
        """As `accuracy` has it: is the label the first largest score?"""
        if {"accuracy", "zero_one"}.isdisjoint(self._names):
            return np.zeros((), bool)
        p = self._parameters
        return _metrics._ranks(batch.pred, batch.target, p["ignore_index"], False, p["axis"],
                               batch.n_threads)[0] == 0

    def _divisor(self, target: np.ndarray, counts: np.ndarray, w: np.ndarray | None, soft: bool) -> float:
        """Labels: the sum of sample_weight * class_weight[label] over the rows that count."""
        class_weight = _check.class_weight(self._parameters["class_weight"])
        if class_weight is None or soft:
            return _weight(counts, w)
        each = class_weight[target.reshape(counts.shape)[counts]]
        return float((each if w is None else each * w[counts]).sum())


def _weight(rows: np.ndarray, w: np.ndarray | None) -> float:
    return float(np.count_nonzero(rows) if w is None else w[rows].sum())


def _of_values(values: np.ndarray, sample_weight: Any) -> Tally:
    w = None if sample_weight is None else _check.spread_weights(sample_weight, values.shape)
    total, weight = _metrics._summed(values, w)
    return Tally((float(total),), float(weight), int(values.size if w is None else np.count_nonzero(w)))
