"""What one batch adds to the mean of each loss, in as few passes over the scores as that takes.

A softmax is paid for once: cross entropy, perplexity, entropy and accuracy come from one pass where their
options allow it, and all metrics of the true class's rank from another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from fastloss import _check, _core
from fastloss._declared import Tally
from fastloss._losses.classification import CrossEntropy
from fastloss._metric import EntropyMetric, LossMetric, RankMetric, row_ranks, tally_of_ranks, tally_of_rows
from fastloss._streaming.requests import OF_THE_CALL, Request, same


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
    softmaxes: dict[Any, list[int]] = {}
    ranks: dict[Any, list[int]] = {}
    for i, request in enumerate(requests):
        if _loss(request) is not None:
            softmaxes.setdefault(same(_parameters(request)), []).append(i)
        elif _is_rank(request) and request.own.of_first is None:
            ranks.setdefault(_rank_key(request), []).append(i)
    for i, request in enumerate(requests):
        if _is_rank(request) and request.own.of_first is not None:
            key, host = _rank_key(request), None
            if key not in ranks:
                host = _host(requests, softmaxes, i, "axis", "ignore_index")
            (ranks.setdefault(key, []) if host is None else host).append(i)
        elif isinstance(request.metric, EntropyMetric):
            host = _host(requests, softmaxes, i, "axis")
            if host is not None:
                host.append(i)
    passes: list[Pass] = []
    for members in softmaxes.values():
        alike = all(_loss(requests[i]) is not None for i in members)
        passes.append((OwnPass if alike else SoftmaxPass)(members, requests))
    passes += [RankPass(members, requests) for members in ranks.values()]
    served = {i for each in passes for i in each.serves}
    return passes + [OwnPass([i], requests) for i in range(len(requests)) if i not in served]


def _loss(request: Request) -> CrossEntropy | None:
    """The cross entropy whose mean the request is made of, if it is."""
    loss = request.metric._loss if isinstance(request.metric, LossMetric) else request.metric
    return loss if isinstance(loss, CrossEntropy) else None


def _is_rank(request: Request) -> bool:
    return isinstance(request.metric, RankMetric)


def _parameters(request: Request) -> dict[str, Any]:
    """The parameters of the cross entropy that a request needs."""
    loss: Any = _loss(request)
    plain = {
        name: p.default
        for name, p in loss.__signature__.parameters.items()
        if p.kind is p.KEYWORD_ONLY and name not in OF_THE_CALL and name != "reduction"
    }
    return {**plain, **request.parameters}


def _host(
    requests: Sequence[Request], softmaxes: dict[Any, list[int]], i: int, *alike: str
) -> list[int] | None:
    """A softmax pass over the scores as they are, with the same options of the given names."""
    for members in softmaxes.values():
        p = _parameters(requests[members[0]])
        untouched = p["softcap"] is None and p["logit_scale"] == 1
        if untouched and all(same({n: p[n]}) == same({n: requests[i].parameters[n]}) for n in alike):
            return members
    return None


def _rank_key(request: Request) -> tuple[Any, ...]:
    return same({"axis": request.parameters["axis"]}), request.own.ignore_index, request.own.last


class OwnPass:
    """A loss or metric by itself; several requests only where they add up the same."""

    def __init__(self, serves: Sequence[int], requests: Sequence[Request]) -> None:
        self.serves = serves
        self._request = requests[serves[0]]

    def __call__(self, batch: Batch) -> list[Tally]:
        request = self._request
        parameters = {**request.parameters, **{k: v for k, v in batch.arrays.items() if k in request.arrays}}
        args = (batch.pred, batch.target) if request.needs_target else (batch.pred,)
        tally = request.metric._tally(args, parameters, batch.sample_weight, batch.n_threads)
        return [tally] * len(self.serves)


class RankPass:
    """accuracy, zero_one and top_k_accuracy: how many classes stand before the true one."""

    def __init__(self, serves: Sequence[int], requests: Sequence[Request]) -> None:
        self.serves = serves
        self._own = [requests[i].own for i in serves]
        self._axis = requests[serves[0]].parameters["axis"]

    def __call__(self, batch: Batch) -> list[Tally]:
        args = batch.pred, batch.target
        ranks, classes = row_ranks(args, self._own[0], self._axis, batch.n_threads)
        return [tally_of_ranks(ranks, own, classes, batch.sample_weight) for own in self._own]


# Up to so many classes two passes over them take less than what one pass has to write of each row.
_NARROW = 16


class SoftmaxPass:
    """What `cross_entropy.rows` knows: cross entropy or perplexity, entropy, accuracy and zero_one."""

    def __init__(self, serves: Sequence[int], requests: Sequence[Request]) -> None:
        self.serves = serves
        self._requests = [requests[i] for i in serves]
        self._loss: Any = _loss(requests[serves[0]])
        self._parameters = _parameters(requests[serves[0]])
        ranked = [i for i in serves if _is_rank(requests[i])]
        alone = [i for i in serves if i not in ranked]
        self._needs_ranks = bool(ranked)
        self._needs_entropy = any(isinstance(request.metric, EntropyMetric) for request in self._requests)
        self._apart: list[Pass] = [OwnPass(alone, requests), RankPass(ranked, requests)] if ranked else []

    def __call__(self, batch: Batch) -> list[Tally]:
        scores = _check.scores("logits", batch.pred)
        axis = _check.named_axis(self._parameters["axis"], batch.pred, "logits")
        axis, shape = _check.class_axis("logits", scores, axis)
        target = _check.labels("target", batch.target, scores, axis, "logits", _core.LABELS | _core.SOFT)
        batch = batch._replace(target=target)
        if self._apart and not self._needs_entropy and scores.shape[axis] <= _NARROW:
            found = {i: tally for each in self._apart for i, tally in zip(each.serves, each(batch))}
            return [found[i] for i in self.serves]
        if self._needs_ranks and target.dtype.kind not in "iub" and target.size > 0:
            raise TypeError(f"target has dtype {target.dtype}: it must hold integer labels")
        args = batch.pred, batch.target
        of_loss, logsumexp, correct, *entropy = self._loss._tally_with_rows(
            args, self._parameters, batch.sample_weight, batch.n_threads, self._needs_entropy
        )
        of_first = {}
        if self._needs_ranks:
            of_first = self._of_first(
                batch, target.reshape(shape), correct, bool(np.isfinite(logsumexp).all())
            )
        return [
            of_loss
            if _loss(request)
            else of_first[request.own.of_first]
            if _is_rank(request)
            else tally_of_rows(entropy[0], batch.sample_weight)
            for request in self._requests
        ]

    def _of_first(
        self, batch: Batch, labels: np.ndarray, correct: np.ndarray, finite: bool
    ) -> dict[bool, Tally]:
        """Of the rows that count: those whose label is the first largest score (True), and the others."""
        p, w = self._parameters, None
        counts = _check.counting(labels, p["ignore_index"])
        if batch.sample_weight is not None:
            w = _check.spread_weights(batch.sample_weight, labels.shape)
            counts &= w > 0
        if not finite:
            # Where the softmax is undefined, the rank of an infinite score is not.
            own = next(request.own for request in self._requests if _is_rank(request))
            correct = row_ranks((batch.pred, batch.target), own, p["axis"], batch.n_threads)[0] == 0
        weight, count = _weight(counts, w), int(np.count_nonzero(counts))
        return {
            which: Tally((_weight(counts & (correct == which), w),), weight, count) for which in (True, False)
        }


def _weight(rows: np.ndarray, w: np.ndarray | None) -> float:
    return float(np.count_nonzero(rows) if w is None else w[rows].sum())
