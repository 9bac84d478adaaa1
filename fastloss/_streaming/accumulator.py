"""class Accumulator: the mean of a loss over data that comes in batches."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from fastloss import _check
from fastloss._declared import Tally
from fastloss._metric import Metric, Ranks
from fastloss._streaming.exact_sum import ExactSum
from fastloss._streaming.passes import Batch, passes_for
from fastloss._streaming.requests import Request, requested


class Accumulator:
    """Adds up a loss or metric, or several at once, over batches that need not be in memory together.

    Parameters
    ----------
    what : a loss or metric, or its name, also "name:key=value,key=value"; or several: a list of them or of
        pairs (loss, parameters), or a mapping, name -> one of these
    n_threads : as for every loss
    parameters : of a single loss: what it takes besides arrays; `axis`, and `reduction`, "mean" or "sum"

    Several share what they can: cross_entropy, perplexity, entropy, accuracy and zero_one are made from one
    pass over the scores where their options allow it, and so are all metrics of rank (`top_k_accuracy` and
    the accuracies beside it).

    Raises
    ------
    ValueError, TypeError
        An unknown name; a parameter that is unknown or outside its domain; the same loss twice in a list.

    Numerator and divisor are those of the loss's own mean, and are kept without rounding. So the result is
    the same to the bit in whatever order the same batches are added or their accumulators merged. Batches of
    another size may change its last bits, and so may another metric in the list, since sums within a batch
    are rounded. One batch of one loss gives what the loss itself gives.

    A pickled accumulator is small whatever it has seen: a few hundred bytes a loss, and its parameters. Two
    threads must not update one accumulator; each has its own, to be merged at the end.

    >>> import numpy as np, fastloss as fl
    >>> logits = np.array([[2.0, 1.0, 0.0], [0.0, 3.0, 0.0], [1.0, 0.0, 0.0]])
    >>> labels = np.array([0, 1, -100])
    >>> seen = fl.Accumulator("cross_entropy")
    >>> for i in range(3):
    ...     seen = seen.update(logits[i : i + 1], labels[i : i + 1])
    >>> round(seen.result(), 6), seen.count
    (0.251264, 2)
    >>> parts = [fl.Accumulator(["perplexity", "accuracy"]).update(logits[i:], labels[i:]) for i in (0, 1)]
    >>> sum(parts).result()["accuracy"]
    1.0
    """

    _n_threads: int | None

    def __init__(self, what: Any, *, n_threads: int | None = None, **parameters: Any) -> None:
        self._set(requested(what, parameters), _check.n_threads(n_threads))

    def _set(self, requests: dict[str | None, Request], n_threads: int | None) -> None:
        self._requests = requests
        self._n_threads = n_threads
        self._passes = passes_for(list(requests.values()))
        self._sums = [_Sums() for _ in requests]

    def update(self, pred: Any, target: Any = None, sample_weight: Any = None, **arrays: Any) -> Accumulator:
        """Adds a batch, and gives the accumulator itself.

        Takes what the loss takes; `arrays` are those that some losses need besides: `var` of gaussian_nll,
        `y` of cosine_embedding. `entropy` needs no target. Where an error is raised nothing has been added.
        """
        known = frozenset().union(*(request.arrays for request in self._requests.values()))
        for name in arrays:
            if name not in known:
                raise TypeError(f"update takes no {name}: parameters are given when the accumulator is made")
        for request in self._requests.values():
            if request.needs_target and target is None:
                raise TypeError(f"{request.metric.__name__} needs a target")
            if missing := sorted(request.arrays - arrays.keys()):
                raise TypeError(
                    f"{request.metric.__name__} needs {' and '.join(missing)}, as "
                    f"update(pred, target, {missing[0]}=...)"
                )
        batch = Batch(pred, target, sample_weight, arrays, self._n_threads)
        found = [(each.serves, each(batch)) for each in self._passes]
        for serves, tallies in found:
            for i, tally in zip(serves, tallies):
                self._sums[i].add(tally)
        return self

    def merge(self, other: Accumulator) -> Accumulator:
        """Adds what another accumulator of the same losses and parameters has seen; gives itself."""
        if not isinstance(other, Accumulator):
            raise TypeError(f"{other!r} is no Accumulator")
        mine, theirs = (
            {name: request.key for name, request in each._requests.items()} for each in (self, other)
        )
        if mine != theirs:
            raise ValueError(
                f"{self!r} and {other!r} cannot be merged: their losses and parameters must be the same"
            )
        for name, sums in zip(self._requests, self._sums):
            sums.merge(other._sums[list(other._requests).index(name)])
        return self

    def result(self) -> Any:
        """The mean (or sum) over all that was added: of one loss a float (several k: an array), else a dict.

        The mean of nothing is nan with a RuntimeWarning.
        """
        results = {}
        for (name, request), sums in zip(self._requests.items(), self._sums):
            results[name] = _result(request, sums)
        return self._each(results)

    @property
    def count(self) -> Any:
        """How many rows (elements, for an elementwise loss) count: neither ignored nor of weight 0."""
        return self._each({name: sums.count for name, sums in zip(self._requests, self._sums)})

    @property
    def weight(self) -> Any:
        """What the mean divides by: the weights of the rows or elements that count, else their number."""
        return self._each({name: sums.weight.value() for name, sums in zip(self._requests, self._sums)})

    def _each(self, values: Mapping[str | None, Any]) -> Any:
        return values[None] if None in values else values

    def __add__(self, other: Any) -> Accumulator:
        if not isinstance(other, Accumulator):
            return self.__radd__(other)
        return self.__copy__().merge(other)

    def __radd__(self, other: Any) -> Accumulator:
        if isinstance(other, int) and other == 0:  # where sum() begins
            return self.__copy__()
        return NotImplemented

    def __iadd__(self, other: Any) -> Accumulator:
        return self.merge(other) if isinstance(other, Accumulator) else NotImplemented

    def __copy__(self) -> Accumulator:
        new = object.__new__(type(self))
        new._set(self._requests, self._n_threads)
        return new.merge(self)

    def __getstate__(self) -> dict[str, Any]:
        return {"requests": self._requests, "n_threads": self._n_threads, "sums": self._sums}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._set(state["requests"], state["n_threads"])
        self._sums = state["sums"]

    def __repr__(self) -> str:
        def one(name: str | None, request: Request, sums: _Sums) -> str:
            given = "".join(f", {k}={v!r}" for k, v in request.given.items())
            something = 0 < sums.weight.value() < math.inf
            value = f" = {_result(request, sums)} of {sums.count}" if something else ", of nothing yet"
            return ("" if name is None else f"{name}: ") + request.metric.__name__ + given + value

        parts = [
            one(name, request, sums) for (name, request), sums in zip(self._requests.items(), self._sums)
        ]
        return f"<Accumulator of {'; '.join(parts)}>"


class _Sums:
    """What one loss has come to."""

    def __init__(self) -> None:
        self.totals: list[ExactSum] = []
        self.weight = ExactSum()
        self.count = 0

    def add(self, tally: Tally) -> None:
        self._reach(len(tally.totals))
        for total, x in zip(self.totals, tally.totals):
            total.add(x)
        self.weight.add(tally.divisor)
        self.count += tally.counted

    def merge(self, other: _Sums) -> None:
        self._reach(len(other.totals))
        for total, theirs in zip(self.totals, other.totals):
            total.merge(theirs)
        self.weight.merge(other.weight)
        self.count += other.count

    def _reach(self, n: int) -> None:
        self.totals += [ExactSum() for _ in range(n - len(self.totals))]


def _result(request: Request, sums: _Sums) -> Any:
    """What one loss's sums mean."""
    own = request.own
    several, n = (own.several, len(own.spans)) if isinstance(own, Ranks) else (False, 1)
    totals = [total.value() for total in sums.totals] or [0.0] * n
    if request.reduction == "mean":
        weight = sums.weight.value()
        if math.isinf(weight):
            _check.sum_overflows()
        if weight > 0:
            totals = [total / weight for total in totals]
        else:
            totals = [_check.mean_of_nothing()] * n
    if isinstance(request.metric, Metric):
        totals = [request.metric._of_mean(total) for total in totals]
    return np.array(totals) if several else totals[0]
