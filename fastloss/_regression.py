"""Regression losses, r = pred - target."""

from __future__ import annotations

from typing import Any

from fastloss._core import Parameters
from fastloss._loss import elementwise, identity, weighted_mean


@elementwise(hessian=True, intercept=weighted_mean, inverse_link=identity)
def mse(pred: Any, target: Any) -> Parameters:
    """Squared error, (pred - target)^2; its mean is the mean squared error.

    gradient 2 (pred - target), Hessian 2. In the units of the target, squared.

    Parameters
    ----------
    pred : array of any shape, float64, float32, float16 or bfloat16 (integers and lists become float64)
    target : array of exactly that shape, any float, integer or bool dtype
    reduction, sample_weight, normalizer, n_threads : as for every loss; `sample_weight` has the shape of
        `pred` or of its leading axes

    Returns
    -------
    float, or with reduction="none" an array of the shape of `pred`.

    Raises
    ------
    ValueError
        Shapes that differ, a scalar target, a negative or non-finite weight.
    TypeError
        A dtype that is not read; a masked array.

    A NaN makes its own element NaN (and a reduced value with it); an element of weight 0 counts nothing.

    Gauss, Theoria combinationis observationum (1823).

    >>> import numpy as np, fastloss as fl
    >>> fl.mse(np.array([1.0, 2.0, 4.0]), np.array([1.0, 3.0, 2.0]))
    1.6666666666666667
    >>> grad = np.empty(3)
    >>> value, grad = fl.mse.value_and_grad(np.array([1.0, 2.0, 4.0]), [1, 3, 2], reduction="sum", out=grad)
    >>> value, grad
    (5.0, array([ 0., -2.,  4.]))
    """
    return Parameters()
