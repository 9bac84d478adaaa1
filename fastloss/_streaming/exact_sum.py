"""class ExactSum: a sum of floats that no order of addition can change.

The finite terms are kept as a few floats that do not overlap and whose sum is exactly theirs, as math.fsum
does it. Infinities and NaNs are counted apart, since they cannot be taken out of a sum again.

Shewchuk, Adaptive precision floating-point arithmetic and fast robust geometric predicates (1997).
"""

from __future__ import annotations

import math
from collections.abc import Iterable

# Terms from here on are kept apart, scaled down: else a sum could overflow on the way and not at its end.
_LARGE, _SCALE = 2.0**900, 2.0**-200


class ExactSum:
    """Adds floats without rounding; `value` rounds once."""

    __slots__ = ("_infinite", "_large", "_nans", "_parts")

    def __init__(self) -> None:
        self._parts: tuple[float, ...] = ()
        self._large: tuple[float, ...] = ()
        self._infinite = (0, 0)  # +inf, -inf
        self._nans = 0

    def add(self, x: float) -> None:
        """Adds one term."""
        if math.isfinite(x):
            if abs(x) < _LARGE:
                self._parts = _grown(self._parts, x)
            else:
                self._large = _grown(self._large, x * _SCALE)
        elif x != x:
            self._nans += 1
        else:
            above, below = self._infinite
            self._infinite = (above + (x > 0), below + (x < 0))

    def merge(self, other: ExactSum) -> None:
        """Adds the terms of another sum."""
        for part in other._parts:
            self._parts = _grown(self._parts, part)
        for part in other._large:
            self._large = _grown(self._large, part)
        self._infinite = (self._infinite[0] + other._infinite[0], self._infinite[1] + other._infinite[1])
        self._nans += other._nans

    def value(self) -> float:
        """The sum, correctly rounded; what IEEE 754 makes of it where a term is infinite or NaN."""
        above, below = self._infinite
        if self._nans or (above and below):
            return math.nan
        if above or below:
            return math.inf if above else -math.inf
        if not self._large:
            return math.fsum(self._parts)
        from fractions import Fraction

        exact = sum(map(Fraction, self._large), Fraction(0)) / Fraction(_SCALE)
        exact += sum(map(Fraction, self._parts), Fraction(0))
        try:
            return float(exact)
        except OverflowError:
            return math.inf if exact > 0 else -math.inf

    def __getstate__(self) -> tuple[object, ...]:
        return self._parts, self._large, self._infinite, self._nans

    def __setstate__(self, state: tuple[object, ...]) -> None:
        self._parts, self._large, self._infinite, self._nans = state  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"ExactSum({self.value()!r})"


def _grown(parts: Iterable[float], x: float) -> tuple[float, ...]:
    """The parts and x as parts that do not overlap, least first: Shewchuk's Grow-Expansion, zeros dropped."""
    grown = []
    for y in parts:
        if abs(x) < abs(y):
            x, y = y, x
        high = x + y
        low = y - (high - x)
        if low:
            grown.append(low)
        x = high
    if x:
        grown.append(x)
    return tuple(grown)
