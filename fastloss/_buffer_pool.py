"""Memory that is lent out, and lent out again when it comes back.

Fresh pages cost as much as a loss: the system fills them with zeros, one fault at a time.
"""

from __future__ import annotations

from typing import Any

import numpy as np


class BufferPool:
    """At most one block of memory, of `least` to `most` bytes, that nothing uses at the moment."""

    def __init__(self, least: int, most: float = float("inf")) -> None:
        self._least, self._most = least, most
        self._free: list[_Block] = []  # append and pop are one step each for all threads

    def take(self, size: int) -> np.ndarray:
        """So many bytes, uninitialised. They come back when the last array on them is gone."""
        if not self._least <= size <= self._most:
            return np.empty(size, np.uint8)
        try:
            block = self._free.pop()
        except IndexError:
            block = None
        if block is None or not size <= block.memory.nbytes <= 2 * size:
            del block  # never both
            block = _Block(np.empty(size, np.uint8))
        return np.asarray(_Lease(block, self._free))[:size]

    def clear(self) -> None:
        self._free.clear()


class _Block:
    """Memory, and what NumPy asks of it each time it is lent: to work that out takes a microsecond."""

    __slots__ = ("interface", "memory")

    def __init__(self, memory: np.ndarray) -> None:
        self.memory = memory
        self.interface: dict[str, Any] = memory.__array_interface__


class _Lease:
    """What the arrays on a block hold on to, and nothing else does."""

    __slots__ = ("__array_interface__", "_block", "_free")

    def __init__(self, block: _Block, free: list[_Block]) -> None:
        self._block, self._free = block, free
        self.__array_interface__ = block.interface

    def __del__(self) -> None:
        self._free.append(self._block)
        try:  # with what the interpreter still has at its end
            while len(self._free) > 1:
                self._free.pop()
        except IndexError:  # another thread has it
            pass
