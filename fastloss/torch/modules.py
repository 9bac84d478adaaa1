"""The losses of torch.nn: its own modules, whose forward pass is a function of fastloss.torch."""

from __future__ import annotations

import inspect
from typing import Any

from torch import Tensor, nn

from fastloss import _check
from fastloss.torch import functional as f
from fastloss.torch._fused_call import strict
from fastloss.torch.functional import _refuse_deprecated


class _Twin:
    """torch's own module, whose forward pass is ours; its arguments and its state are torch's."""

    inplace = False
    _torchs_signature: inspect.Signature
    __signature__: inspect.Signature

    def __init__(self, *args: Any, inplace: bool = False, **kwargs: Any) -> None:
        if strict.on:
            given = self._torchs_signature.bind(*args, **kwargs).arguments
            _refuse_deprecated(given.get("size_average"), given.get("reduce"))
        super().__init__(*args, **kwargs)
        self.inplace = _check.flag("inplace", inplace)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if _Twin not in cls.__bases__:  # a user's own
            if "__init__" in vars(cls):
                _, *own = inspect.signature(cls.__init__).parameters.values()
                cls.__signature__ = inspect.Signature(own)
            return
        parent = cls._torchs_signature = inspect.signature(cls.__mro__[2])
        more = inspect.Parameter("inplace", inspect.Parameter.KEYWORD_ONLY, default=False, annotation="bool")
        cls.__signature__ = parent.replace(parameters=[*parent.parameters.values(), more])
        cls.__doc__ = (
            f"torch.nn.{cls.__name__} with the loss of fastloss.torch.\n\n"
            "`inplace`: write the gradient over the input."
        )

    def extra_repr(self) -> str:
        theirs: str = super().extra_repr()  # type: ignore[misc]
        return ", ".join([*([theirs] if theirs else []), *(["inplace=True"] if self.inplace else [])])

    def __prepare_scriptable__(self) -> Any:
        """torch.jit.script compiles torch's own module."""
        if _Twin not in type(self).__bases__:  # a user's own, with a forward pass of its own
            return self
        theirs: Any = object.__new__(type(self).__bases__[1])
        theirs.__dict__ = {name: each for name, each in self.__dict__.items() if name != "inplace"}
        return theirs


class CrossEntropyLoss(_Twin, nn.CrossEntropyLoss):  # type: ignore[misc]
    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return f.cross_entropy(
            input,
            target,
            self.weight,
            ignore_index=self.ignore_index,
            reduction=self.reduction,
            label_smoothing=self.label_smoothing,
            inplace=self.inplace,
        )


class NLLLoss(_Twin, nn.NLLLoss):  # type: ignore[misc]
    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return f.nll_loss(
            input,
            target,
            self.weight,
            ignore_index=self.ignore_index,
            reduction=self.reduction,
            inplace=self.inplace,
        )


class MultiMarginLoss(_Twin, nn.MultiMarginLoss):  # type: ignore[misc]
    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return f.multi_margin_loss(
            input, target, self.p, self.margin, self.weight, reduction=self.reduction, inplace=self.inplace
        )


class KLDivLoss(_Twin, nn.KLDivLoss):  # type: ignore[misc]
    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return f.kl_div(
            input, target, reduction=self.reduction, log_target=self.log_target, inplace=self.inplace
        )


class MSELoss(_Twin, nn.MSELoss):  # type: ignore[misc]
    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return f.mse_loss(input, target, reduction=self.reduction, inplace=self.inplace)


class L1Loss(_Twin, nn.L1Loss):  # type: ignore[misc]
    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return f.l1_loss(input, target, reduction=self.reduction, inplace=self.inplace)


class SmoothL1Loss(_Twin, nn.SmoothL1Loss):  # type: ignore[misc]
    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return f.smooth_l1_loss(input, target, reduction=self.reduction, beta=self.beta, inplace=self.inplace)


class HuberLoss(_Twin, nn.HuberLoss):  # type: ignore[misc]
    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return f.huber_loss(input, target, self.reduction, self.delta, inplace=self.inplace)


class BCELoss(_Twin, nn.BCELoss):  # type: ignore[misc]
    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return f.binary_cross_entropy(
            input, target, self.weight, reduction=self.reduction, inplace=self.inplace
        )


class BCEWithLogitsLoss(_Twin, nn.BCEWithLogitsLoss):  # type: ignore[misc]
    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return f.binary_cross_entropy_with_logits(
            input,
            target,
            self.weight,
            reduction=self.reduction,
            pos_weight=self.pos_weight,
            inplace=self.inplace,
        )


class MultiLabelSoftMarginLoss(_Twin, nn.MultiLabelSoftMarginLoss):  # type: ignore[misc]
    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return f.multilabel_soft_margin_loss(
            input, target, self.weight, reduction=self.reduction, inplace=self.inplace
        )


class SoftMarginLoss(_Twin, nn.SoftMarginLoss):  # type: ignore[misc]
    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return f.soft_margin_loss(input, target, reduction=self.reduction, inplace=self.inplace)


class PoissonNLLLoss(_Twin, nn.PoissonNLLLoss):  # type: ignore[misc]
    def forward(self, log_input: Tensor, target: Tensor) -> Tensor:
        return f.poisson_nll_loss(
            log_input,
            target,
            self.log_input,
            self.full,
            eps=self.eps,
            reduction=self.reduction,
            inplace=self.inplace,
        )


class GaussianNLLLoss(_Twin, nn.GaussianNLLLoss):  # type: ignore[misc]
    def forward(self, input: Tensor, target: Tensor, var: Tensor | float) -> Tensor:
        return f.gaussian_nll_loss(
            input, target, var, self.full, self.eps, self.reduction, inplace=self.inplace
        )


class CosineEmbeddingLoss(_Twin, nn.CosineEmbeddingLoss):  # type: ignore[misc]
    def forward(self, input1: Tensor, input2: Tensor, target: Tensor) -> Tensor:
        return f.cosine_embedding_loss(
            input1, input2, target, self.margin, reduction=self.reduction, inplace=self.inplace
        )


# ---- no kernels yet ------------------------------------------------------------------------------------

CTCLoss = nn.CTCLoss
HingeEmbeddingLoss = nn.HingeEmbeddingLoss
MarginRankingLoss = nn.MarginRankingLoss
MultiLabelMarginLoss = nn.MultiLabelMarginLoss
TripletMarginLoss = nn.TripletMarginLoss
TripletMarginWithDistanceLoss = nn.TripletMarginWithDistanceLoss
if hasattr(nn, "LinearCrossEntropyLoss"):  # torch 2.13
    LinearCrossEntropyLoss = nn.LinearCrossEntropyLoss
