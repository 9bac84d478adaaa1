"""Losses of two vectors a row, `(..., D)` against `(..., D)`."""

from __future__ import annotations

from typing import Any

from fastloss import _check
from fastloss._core import Parameters
from fastloss._loss import vectors


@vectors()
def cosine_distance(x1: Any, x2: Any) -> Parameters:
    """Cosine distance, 1 less the cosine of the angle between two vectors; in [0, 2].

    With |a|, |b| the lengths of x1, x2 and c = <x1, x2> / (|a| |b|):

        loss = 1 - c     gradient by x1: (c x1 / |a| - x2 / |b|) / |a|     by x2: the same, exchanged

    A vector of zeros has cosine 0 with any other, and both gradients are 0. Lengths neither overflow nor
    underflow.

    Parameters
    ----------
    x1 : (..., D) float64, float32, float16 or bfloat16, any strides; the axis of the vectors is `axis`
    x2 : array of exactly that shape, any float, integer or bool dtype
    reduction, sample_weight, normalizer, n_threads, axis : as for every row loss; `sample_weight` has the
        shape of the rows (that of x1 without `axis`) or of their leading axes

    Returns
    -------
    float, or with reduction="none" an array of the shape of the rows. `value_and_grads` gives
    `(value, (gradient by x1, gradient by x2))`.

    Raises
    ------
    ValueError
        Shapes that differ, a negative or non-finite weight.
    TypeError
        A dtype that is not read; a masked array.

    NaN or an infinity in a row makes that row NaN and no other. The mean of nothing is nan with a
    RuntimeWarning. It has neither `intercept` nor `inverse_link`: its arguments are vectors.

    Salton, Wong and Yang, A vector space model for automatic indexing (1975).

    >>> import numpy as np, fastloss as fl
    >>> x1, x2 = np.array([[1.0, 0.0], [1.0, 1.0]]), np.array([[0.0, 1.0], [1.0, 0.0]])
    >>> value, (grad1, grad2) = fl.cosine_distance.value_and_grads(x1, x2, reduction="sum")
    >>> round(value, 6)
    1.292893
    >>> grad1.round(4)
    array([[ 0.    , -1.    ],
           [-0.3536,  0.3536]])
    """
    return Parameters()


@vectors()
def cosine_embedding(x1: Any, x2: Any, y: Any, *, margin: float = 0.0) -> Parameters:
    """Cosine embedding loss, torch's: vectors marked 1 shall point the same way, those marked -1 shall not.

    With c the cosine of the angle between x1 and x2:

        loss = 1 - c                if y = 1      gradient minus that of c
        loss = max(0, c - margin)   if y = -1     gradient that of c where c > margin, else 0

    and the gradient of c by x1 as in `cosine_distance`. A vector of zeros has cosine 0 and gradient 0.

    Parameters
    ----------
    x1 : (..., D) float64, float32, float16 or bfloat16, any strides; the axis of the vectors is `axis`
    x2 : array of exactly that shape, any float, integer or bool dtype
    y : (...) one 1 or -1 a row, any float or integer dtype
    margin : in [-1, 1]
    reduction, sample_weight, normalizer, n_threads, axis : as for every row loss; `sample_weight` has the
        shape of the rows (that of x1 without `axis`) or of their leading axes

    Returns
    -------
    float, or with reduction="none" an array of the shape of the rows. `value_and_grads` gives
    `(value, (gradient by x1, gradient by x2))`.

    Raises
    ------
    ValueError
        Shapes that do not fit; an entry of y that is not 1 or -1, before anything is written; a negative or
        non-finite weight; a margin outside its domain.
    TypeError
        A dtype that is not read; a masked array.

    NaN or an infinity in a row makes that row NaN and no other. The mean of nothing is nan with a
    RuntimeWarning. It has neither `intercept` nor `inverse_link`: its arguments are vectors.

    Collobert et al., Torch7: a Matlab-like environment for machine learning (2011).

    >>> import numpy as np, fastloss as fl
    >>> x1, x2 = np.array([[1.0, 0.0], [1.0, 1.0]]), np.array([[0.0, 1.0], [1.0, 0.0]])
    >>> value, grad = fl.cosine_embedding.value_and_grad(x1, x2, np.array([1, -1]), margin=0.5)
    >>> round(value, 6)
    0.603553
    >>> grad.round(4)
    array([[ 0.    , -0.5   ],
           [ 0.1768, -0.1768]])
    """
    return Parameters({"margin": _check.within("margin", margin, -1.0, 1.0)})
