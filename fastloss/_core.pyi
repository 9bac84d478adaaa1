"""The compiled core, as the Python modules of the package see it. Written by hand, kept beside _core.pyx."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

F64: np.dtype[np.float64]
F32: np.dtype[np.float32]
F16: np.dtype[np.float16]

# What a call may be asked for, and how its value is reduced.
VALUE: int
GRAD: int
HESS: int
HVP: int
SECOND: int
MEAN: int
SUM: int
NONE: int
TALLY: int  # the value is (sum of weight * loss, what the mean divides it by, how many count)

# What the targets of rows may be; 0: the loss is elementwise. VECTORS: a second vector beside the first.
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
    array_name: str | None
    label_smoothing: float
    score_rule: int
    reads_all: int
    of_logits: str | None
    def __init__(self, *, class_weight: NDArray[np.float64] | None = None, label_smoothing: float = 0,
                 ignore_index: int | None = None, z_loss: float = 0, softcap: float = 0,
                 logit_scale: float = 1, values: tuple[float, ...] = (), kernel: str | None = None,
                 rule: int = ..., clip: float | str | None = None, array: np.ndarray | None = None,
                 array_name: str | None = None, array_rule: int = ...,
                 margin: tuple[str, float] | None = None, factor: float = 1,
                 divergence: bool = False, log_target: bool = False, by_rows: bool = False,
                 scores: int = ..., reads_all: bool = False, of_logits: str | None = None) -> None: ...
    def fits_float32(self) -> bool: ...

def isa() -> str: ...
def isas() -> tuple[str, ...]: ...
def math(function: str, x: NDArray[Any]) -> NDArray[Any]: ...
def forked() -> bool: ...
def openmp_threads() -> int: ...
def openmp_limit() -> int: ...
def openmp_processors() -> int: ...
def overlaps_itself(array: np.ndarray) -> bool: ...
def is_supported(dtype: np.dtype[Any]) -> bool: ...
def kernels() -> dict[str, int]: ...

# None from any of these: the arguments are not legal as they are, and _check.py says why or converts them.
def run(kernel: int, targets: int, names: tuple[str, ...], pred: Any, target: Any, third: Any, p: Parameters,
        want: int, reduction: int, weight: Any, normalizer: Any, out: Any, other_out: Any, axis: int,
        n_threads: int | None, hess_factor: float = 1.0, hess_least: float = 0.0,
        fresh: bool = False, hess_floor: float = -1.0) -> Any: ...
def facts(pred: Any, target: Any, p: Parameters, axis: int, n_threads: int | None,
          entropies: bool = True) -> Any: ...
def transform(what: str, pred: Any, out: Any, axis: int, n_threads: int | None) -> Any: ...
def unary(name: str, x: Any, out: Any, n_threads: int | None) -> Any: ...
def rank(scores: Any, labels: Any, p: Parameters, last: bool, axis: int, n_threads: int | None) -> Any: ...
def gather(logits: Any, index: Any, weight: Any, want_grad: int, value: Any, out: Any, axis: int,
           n_threads: int | None) -> Any: ...
