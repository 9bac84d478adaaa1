"""The compiled core, as the Python modules of the package see it. Written by hand, kept beside _core.pyx."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

F64: np.dtype[np.float64]
F32: np.dtype[np.float32]
F16: np.dtype[np.float16]

# What a plan may give.
GRAD: int
SECOND_GRAD: int
HESS: int
HVP: int
VALUE: int
LOGSUMEXP: int
ENTROPY: int
CORRECT: int
SOFTMAX: int
LOG_SOFTMAX: int

# How the value is reduced.
MEAN: int
SUM: int
NONE: int
TALLY: int  # to the sum of weight * loss, what the mean divides it by, and how many count
AS_IT_IS: int  # not at all, and without weights: an output like the others

# What a target may be, in bits; 0: there is none. VECTORS: a second vector beside the first.
NUMBERS: int
LABELS: int
SOFT: int
VECTORS: int

# What each number of a target must be.
ANY: int
NON_NEGATIVE: int
VARIANCE: int
UNIT: int
SIGNS: int
BITS: int
PROBABILITY: int
LOG_PROBABILITY: int

compiler: str
openmp: int  # the date of its specification, as yyyymm; 0 where the build has none
team: str  # that runs the calls: "pool" or "openmp"

class Parameters:
    class_weight: NDArray[np.float64] | None
    array: np.ndarray | None
    label_smoothing: float
    log_target: bool
    def __init__(
        self,
        numbers: Mapping[str, float] | None = None,
        *,
        kernel: str | None = None,
        clip: float | str | None = None,
        target: int = ...,
        array: np.ndarray | None = None,
        scanned: bool = False,
        class_weight: NDArray[np.float64] | None = None,
        label_smoothing: float = 0,
        ignore_index: int | None = None,
        log_target: bool = False,
        softmax: Mapping[str, Any] | None = None,
    ) -> None: ...
    def fits_float32(self) -> bool: ...

class Remembered:
    made: dict[tuple[Any, ...], Any]
    def __init__(self, make: Callable[[dict[str, Any]], Any], used_as_it_is: str | None = None) -> None: ...
    def __call__(self, keywords: dict[str, Any]) -> Any: ...

class Plan:
    names: tuple[str, ...]
    rowwise: bool
    targets: int
    score_rule: int
    array_rule: int
    reads_all_scores: bool
    mean_of_rows: bool
    signed_weights: bool
    array_parameter: str | None
    of_logits: str | None
    outputs: tuple[int, ...]
    reduction: int
    def __init__(
        self,
        kernel: str,
        names: tuple[str, ...],
        *,
        rowwise: bool = False,
        targets: int = ...,
        scores: int = ...,
        reads_all_scores: bool = False,
        of_logits: str | None = None,
        array_parameter: tuple[str, int] | None = None,
        mean_of_rows: bool = False,
        signed_weights: bool = False,
    ) -> None: ...
    def of_any_scores(self) -> Plan: ...
    def giving(
        self,
        outputs: Sequence[int],
        reduction: int = ...,
        *,
        scale: float = 1,
        fresh: bool = False,
        hess_factor: float = 1,
        hess_least: float = 0,
        hess_floor: float | None = None,
    ) -> Plan: ...

def isa() -> str: ...
def isas() -> tuple[str, ...]: ...
def math(function: str, x: NDArray[Any]) -> NDArray[Any]: ...
def forked() -> bool: ...
def openmp_threads() -> int: ...
def openmp_limit() -> int: ...
def openmp_processors() -> int: ...
def set_available(function: Callable[[], int]) -> None: ...
def overlaps_itself(array: np.ndarray) -> bool: ...
def share_memory(a: np.ndarray, b: np.ndarray) -> bool: ...
def of_ratios(weight: np.ndarray | None, total: float) -> np.ndarray: ...
def is_supported(dtype: np.dtype[Any]) -> bool: ...
def kernels() -> dict[str, int]: ...
def slots() -> dict[str, int]: ...

# None: the arguments are not legal as they are, and _call.py converts them or _check.py says what is wrong.
def run(
    plan: Plan,
    parameters: Parameters,
    pred: Any,
    target: Any = None,
    third: Any = None,
    weight: Any = None,
    out: Any = None,
    other_out: Any = None,
    axis: Any = -1,
    normalizer: float | None = None,
    n_threads: int | None = None,
) -> Any: ...
