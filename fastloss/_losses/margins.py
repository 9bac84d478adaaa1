"""Losses with a margin: hinges over class scores, and softmax with a margin at the true class."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fastloss import _check
from fastloss._core import Parameters
from fastloss._loss import rowwise
from fastloss._losses.intercepts import class_mass, identity, probabilities, softmax_of


def _majority(
    target: Any, sample_weight: Any = None, *, n_classes: int | None = None, ignore_index: int | None = -100
) -> np.ndarray:
    """1 at the class that more than half of the targets have, else zeros.

    No class probability can be read from it: a hinge over several classes is not consistent.
    """
    mass = class_mass(_check.labels_alone("target", target), sample_weight, n_classes, None, ignore_index)
    return np.where(np.isnan(mass), np.nan, mass > 0.5)


def _scaled(default: float) -> Any:
    """softmax(scale * raw), with the default scale of its loss."""

    def inverse_link(raw: Any, *, axis: int = -1, scale: float = default) -> np.ndarray:
        by = _check.positive("scale", scale)
        return softmax_of(raw, axis, lambda x: by * x)

    return inverse_link


# ---- hinges --------------------------------------------------------------------------------------------


@rowwise(target="labels", intercept=_majority, inverse_link=identity, piecewise_linear=True)
def multiclass_hinge(scores: Any, target: Any, *, ignore_index: int | None = -100) -> Parameters:
    """Multi-class hinge loss of Crammer and Singer, scikit-learn's `hinge_loss` of several classes.

    With s the scores, y the label and c the first largest of the other classes:

        loss = max(0, 1 + s_c - s_y)     gradient 1 at c, -1 at y where the loss is > 0, else 0

    Parameters
    ----------
    scores : (..., C) float64, float32, float16 or bfloat16, any strides; the class axis is `axis`
    target : (...) integers or bool, the labels
    ignore_index : rows with this label have loss 0 and gradient 0; None switches it off
    reduction, sample_weight, normalizer, n_threads, axis : as for every row loss; `sample_weight` has the
        shape of the rows or of their leading axes

    Returns
    -------
    float, or with reduction="none" an array of the shape of the rows.

    Raises
    ------
    ValueError
        A label outside [0, C) that is not ignore_index, before anything is written; shapes that do not fit;
        negative weights.
    TypeError
        Soft targets; a dtype that is not read; a masked array.

    NaN in a row makes that row NaN and no other. The mean of nothing is nan with a RuntimeWarning.

    `intercept` is 1 at the class that more than half of the targets have, else zeros: where no class has half
    the probability this loss does not find the most probable one (it is not consistent).

    Crammer and Singer, On the algorithmic implementation of multiclass kernel-based vector machines (2001).

    >>> import numpy as np, fastloss as fl
    >>> scores = np.array([[2.0, 1.5, 0.0], [0.0, 3.0, 0.0]])
    >>> value, grad = fl.multiclass_hinge.value_and_grad(scores, np.array([0, 1]))
    >>> value
    0.25
    >>> grad
    array([[-0.5,  0.5,  0. ],
           [ 0. ,  0. ,  0. ]])
    """
    return Parameters(ignore_index=_check.integer_or_none("ignore_index", ignore_index))


@rowwise(target="labels", intercept=_majority, inverse_link=identity, piecewise_linear=True)
def categorical_hinge(scores: Any, target: Any, *, ignore_index: int | None = -100) -> Parameters:
    """Categorical hinge loss exactly as in Keras, where 0 takes part in the maximum.

    With s the scores, y the label and c the first largest of the other classes:

        loss = max(0, 1 + max(0, s_c) - s_y)     gradient 1 at c if s_c > 0, -1 at y where the loss is > 0

    Parameters
    ----------
    scores : (..., C) float64, float32, float16 or bfloat16, any strides; the class axis is `axis`
    target : (...) integers or bool, the labels
    ignore_index : rows with this label have loss 0 and gradient 0; None switches it off
    reduction, sample_weight, normalizer, n_threads, axis : as for every row loss; `sample_weight` has the
        shape of the rows or of their leading axes

    Returns
    -------
    float, or with reduction="none" an array of the shape of the rows.

    Raises
    ------
    ValueError
        A label outside [0, C) that is not ignore_index, before anything is written; shapes that do not fit;
        negative weights.
    TypeError
        Soft targets; a dtype that is not read; a masked array.

    NaN in a row makes that row NaN and no other. The mean of nothing is nan with a RuntimeWarning.

    `intercept` is 1 at the class that more than half of the targets have, else zeros, as for
    `multiclass_hinge`, and for the same reason.

    Chollet et al., Keras (2015), after Crammer and Singer (2001).

    >>> import numpy as np, fastloss as fl
    >>> scores = np.array([[0.5, -1.0, -2.0], [0.0, 3.0, 0.0]])
    >>> value, grad = fl.categorical_hinge.value_and_grad(scores, np.array([0, 1]))
    >>> value
    0.25
    >>> grad
    array([[-0.5,  0. ,  0. ],
           [ 0. ,  0. ,  0. ]])
    """
    return Parameters(ignore_index=_check.integer_or_none("ignore_index", ignore_index))


@rowwise(target="labels", intercept=None, inverse_link=identity, mean_of_rows=True)
def multi_margin(
    scores: Any,
    target: Any,
    *,
    p: int = 1,
    margin: float = 1.0,
    class_weight: Any = None,
    ignore_index: int | None = -100,
) -> Parameters:
    """Multi-class margin loss of Weston and Watkins, torch's: each other class pays for itself.

    With s the scores, y the label, w_y its class weight and d_c = max(0, margin + s_c - s_y):

        loss = w_y sum(d_c^p over c != y) / C
        gradient at c != y: w_y p d_c^(p - 1) / C where d_c > 0, else 0; at y minus their sum

    Parameters
    ----------
    scores : (..., C) float64, float32, float16 or bfloat16, any strides; the class axis is `axis`
    target : (...) integers or bool, the labels
    p : 1 or 2
    margin : > 0
    class_weight : (C,) finite, >= 0; it multiplies, and "mean" still divides by the number of rows (torch's
        choice for this loss)
    ignore_index : rows with this label have loss 0 and gradient 0; None switches it off
    reduction, sample_weight, normalizer, n_threads, axis : as for every row loss; `sample_weight` has the
        shape of the rows or of their leading axes

    Returns
    -------
    float, or with reduction="none" an array of the shape of the rows.

    Raises
    ------
    ValueError
        A label outside [0, C) that is not ignore_index, before anything is written; shapes that do not fit;
        negative weights; a parameter outside its domain.
    TypeError
        Soft targets; a dtype that is not read; a masked array.

    NaN in a row makes that row NaN and no other. The mean of nothing is nan with a RuntimeWarning.

    Weston and Watkins, Support vector machines for multi-class pattern recognition (1999).

    >>> import numpy as np, fastloss as fl
    >>> scores = np.array([[2.0, 1.5, 0.0], [0.0, 0.5, 0.0]])
    >>> value, grad = fl.multi_margin.value_and_grad(scores, np.array([0, 1]), p=2)
    >>> value
    0.125
    >>> grad.round(4)
    array([[-0.1667,  0.1667,  0.    ],
           [ 0.1667, -0.3333,  0.1667]])
    """
    numbers = {"margin": _check.positive("margin", margin), "exponent": _check.integer_within("p", p, 1, 2)}
    return Parameters(
        numbers,
        class_weight=_check.class_weight(class_weight),
        ignore_index=_check.integer_or_none("ignore_index", ignore_index),
    )


# ---- softmax with a margin -----------------------------------------------------------------------------


def _margin(kind: str, margin: float, scale: Any, class_weight: Any, ignore_index: Any) -> Parameters:
    return Parameters(
        softmax={"margin": (kind, margin), "logit_scale": _check.positive("scale", scale)},
        class_weight=_check.class_weight(class_weight),
        ignore_index=_check.integer_or_none("ignore_index", ignore_index),
    )


@rowwise(target="labels", kernel="cross_entropy", intercept=None, inverse_link=_scaled(30.0))
def am_softmax(
    cosines: Any,
    target: Any,
    *,
    margin: float = 0.35,
    scale: float = 30.0,
    class_weight: Any = None,
    ignore_index: int | None = -100,
) -> Parameters:
    """Additive margin softmax (CosFace): cross entropy of scaled cosines, the true one less a margin.

    With c the cosines, y the label, u_y = scale (c_y - margin), u_j = scale c_j elsewhere and
    p = softmax(u):

        loss = w_y (logsumexp(u) - u_y)     gradient w_y scale (p_j - [j = y])

    Parameters
    ----------
    cosines : (..., C) float64, float32, float16 or bfloat16, any strides: of the angles between a sample and
        each class, from unit vectors; used as they are, not clipped
    target : (...) integers or bool, the labels
    margin : >= 0, in cosine
    scale : > 0
    class_weight : (C,) finite, >= 0, w; "mean" divides by the sum of the weights of the labels
    ignore_index : rows with this label have loss 0 and gradient 0; None switches it off
    reduction, sample_weight, normalizer, n_threads, axis : as for every row loss; `sample_weight` has the
        shape of the rows or of their leading axes

    Returns
    -------
    float in nats, or with reduction="none" an array of the shape of the rows.

    Raises
    ------
    ValueError
        A label outside [0, C) that is not ignore_index, before anything is written; shapes that do not fit;
        negative weights; a parameter outside its domain.
    TypeError
        Soft targets; a dtype that is not read; a masked array.

    NaN or +inf in a row makes that row NaN and no other. The mean of nothing is nan with a RuntimeWarning.
    It has no `intercept`: no constant row is a model of cosines.

    Wang et al., CosFace: large margin cosine loss for deep face recognition (2018); Wang et al., Additive
    margin softmax for face verification (2018).

    >>> import numpy as np, fastloss as fl
    >>> cosines = np.array([[0.8, 0.3, -0.2], [0.1, 0.6, 0.0]])
    >>> value, grad = fl.am_softmax.value_and_grad(cosines, np.array([0, 1]))
    >>> round(value, 6)
    0.011321
    >>> grad.round(4)
    array([[-0.1648,  0.1648,  0.    ],
           [ 0.1647, -0.1729,  0.0082]])
    """
    return _margin("additive", _check.non_negative("margin", margin), scale, class_weight, ignore_index)


@rowwise(target="labels", kernel="cross_entropy", intercept=None, inverse_link=_scaled(64.0))
def arcface(
    cosines: Any,
    target: Any,
    *,
    margin: float = 0.5,
    scale: float = 64.0,
    class_weight: Any = None,
    ignore_index: int | None = -100,
) -> Parameters:
    """Additive angular margin softmax (ArcFace): the angle to the true class counts as larger by a margin.

    With c the cosines, y the label, m the margin and s_y = sqrt(max((1 - c_y)(1 + c_y), eps)), eps that of
    the arithmetic:

        phi = c_y cos m - s_y sin m, phi' = cos m + c_y sin m / s_y     where c_y > -cos m
        phi = c_y - m sin m, phi' = 1                                   elsewhere

    u_y = scale phi, u_j = scale c_j elsewhere and p = softmax(u):

        loss = w_y (logsumexp(u) - u_y)     gradient w_y scale p_j, at the label w_y scale (p_y - 1) phi'

    phi is cos(angle + m) as long as that angle is below pi; no arc cosine is taken.

    Parameters
    ----------
    cosines : (..., C) float64, float32, float16 or bfloat16, any strides: of the angles between a sample and
        each class, from unit vectors; c_y beyond [-1, 1], where rounding may leave it, is clipped, and
        has gradient 0
    target : (...) integers or bool, the labels
    margin : in [0, pi / 2], in radians
    scale : > 0
    class_weight : (C,) finite, >= 0, w; "mean" divides by the sum of the weights of the labels
    ignore_index : rows with this label have loss 0 and gradient 0; None switches it off
    reduction, sample_weight, normalizer, n_threads, axis : as for every row loss; `sample_weight` has the
        shape of the rows or of their leading axes

    Returns
    -------
    float in nats, or with reduction="none" an array of the shape of the rows.

    Raises
    ------
    ValueError
        A label outside [0, C) that is not ignore_index, before anything is written; shapes that do not fit;
        negative weights; a parameter outside its domain.
    TypeError
        Soft targets; a dtype that is not read; a masked array.

    NaN or +inf in a row makes that row NaN and no other. The mean of nothing is nan with a RuntimeWarning.
    It has no `intercept`: no constant row is a model of cosines.

    Deng et al., ArcFace: additive angular margin loss for deep face recognition (2019).

    >>> import numpy as np, fastloss as fl
    >>> cosines = np.array([[0.8, 0.3, -0.2], [0.1, 0.6, 0.0]])
    >>> value, grad = fl.arcface.value_and_grad(cosines, np.array([0, 1]))
    >>> round(value, 6)
    0.031286
    >>> grad.round(4)
    array([[-0.032 ,  0.0211,  0.    ],
           [ 1.9179, -2.3767,  0.0032]])
    """
    m = _check.within("margin", margin, 0, math.pi / 2)
    return _margin("arc", m, scale, class_weight, ignore_index)


@rowwise(target="labels", kernel="cross_entropy", intercept=None, inverse_link=_scaled(30.0))
def l_softmax(
    cosines: Any,
    target: Any,
    *,
    margin: int = 4,
    scale: float = 30.0,
    class_weight: Any = None,
    ignore_index: int | None = -100,
) -> Parameters:
    """Large-margin softmax (SphereFace): the angle to the true class is multiplied by a margin.

    With c the cosines, y the label, m the margin and k the number of j in 1..m-1 with c_y < cos(j pi / m):

        psi = (-1)^k T_m(c_y) - 2 k     psi' = (-1)^k m U_(m-1)(c_y)

    T and U are Chebyshev's polynomials: psi = (-1)^k cos(m angle) - 2 k falls all the way from 0 to pi, and
    no arc cosine is taken. u_y = scale psi, u_j = scale c_j elsewhere and p = softmax(u):

        loss = w_y (logsumexp(u) - u_y)     gradient w_y scale p_j, at the label w_y scale (p_y - 1) psi'

    Parameters
    ----------
    cosines : (..., C) float64, float32, float16 or bfloat16, any strides: of the angles between a sample and
        each class, from unit vectors; used as they are, not clipped
    target : (...) integers or bool, the labels
    margin : integer from 1 (plain softmax) to 8
    scale : > 0, the length of the sample's vector where that is the same for all
    class_weight : (C,) finite, >= 0, w; "mean" divides by the sum of the weights of the labels
    ignore_index : rows with this label have loss 0 and gradient 0; None switches it off
    reduction, sample_weight, normalizer, n_threads, axis : as for every row loss; `sample_weight` has the
        shape of the rows or of their leading axes

    Returns
    -------
    float in nats, or with reduction="none" an array of the shape of the rows.

    Raises
    ------
    ValueError
        A label outside [0, C) that is not ignore_index, before anything is written; shapes that do not fit;
        negative weights; a parameter outside its domain.
    TypeError
        Soft targets; a dtype that is not read; a masked array.

    NaN or +inf in a row makes that row NaN and no other. The mean of nothing is nan with a RuntimeWarning.
    It has no `intercept`: no constant row is a model of cosines.

    Liu et al., Large-margin softmax loss for convolutional neural networks (2016); Liu et al., SphereFace:
    deep hypersphere embedding for face recognition (2017).

    >>> import numpy as np, fastloss as fl
    >>> cosines = np.array([[0.8, 0.3, -0.2], [0.1, 0.6, 0.0]])
    >>> value, grad = fl.l_softmax.value_and_grad(cosines, np.array([0, 1]), margin=2, scale=10.0)
    >>> round(value, 6)
    2.46566
    >>> grad.round(4)
    array([[ -8.8239,   2.739 ,   0.0185],
           [  3.5965, -11.8069,   1.3231]])
    """
    return _margin("large", _check.integer_within("margin", margin, 1, 8), scale, class_weight, ignore_index)


@rowwise(target="labels", kernel="cross_entropy", intercept=None, inverse_link=probabilities)
def sm_softmax(
    logits: Any,
    target: Any,
    *,
    margin: float = 0.35,
    class_weight: Any = None,
    ignore_index: int | None = -100,
) -> Parameters:
    """Soft-margin softmax: cross entropy of logits, that of the true class less a margin.

    With y the label, u_y = logits_y - margin, u_j = logits_j elsewhere and p = softmax(u):

        loss = w_y (logsumexp(u) - u_y)     gradient w_y (p_j - [j = y])

    Parameters
    ----------
    logits : (..., C) float64, float32, float16 or bfloat16, any strides; the class axis is `axis`
    target : (...) integers or bool, the labels
    margin : >= 0, in logits
    class_weight : (C,) finite, >= 0, w; "mean" divides by the sum of the weights of the labels
    ignore_index : rows with this label have loss 0 and gradient 0; None switches it off
    reduction, sample_weight, normalizer, n_threads, axis : as for every row loss; `sample_weight` has the
        shape of the rows or of their leading axes

    Returns
    -------
    float in nats, or with reduction="none" an array of the shape of the rows.

    Raises
    ------
    ValueError
        A label outside [0, C) that is not ignore_index, before anything is written; shapes that do not fit;
        negative weights; a parameter outside its domain.
    TypeError
        Soft targets; a dtype that is not read; a masked array.

    NaN or +inf in a row makes that row NaN and no other. The mean of nothing is nan with a RuntimeWarning.
    It has no `intercept`.

    Liang et al., Soft-margin softmax for deep classification (2017).

    >>> import numpy as np, fastloss as fl
    >>> logits = np.array([[2.0, 1.0, 0.0], [0.0, 3.0, 0.0]])
    >>> value, grad = fl.sm_softmax.value_and_grad(logits, np.array([0, 1]))
    >>> round(value, 6)
    0.335528
    >>> grad.round(4)
    array([[-0.2083,  0.1523,  0.056 ],
           [ 0.031 , -0.0619,  0.031 ]])
    """
    return _margin("additive", _check.non_negative("margin", margin), 1.0, class_weight, ignore_index)
