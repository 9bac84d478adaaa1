"""fastloss for torch tensors on the CPU: the names and signatures of torch.nn.functional and torch.nn.

    import fastloss.torch as F

    loss = F.cross_entropy(logits, labels)                # as torch.nn.functional.cross_entropy
    loss = F.cross_entropy(logits, labels, inplace=True)  # and the gradient replaces the logits
    loss.backward()

Value and gradient are made together, and the backward pass costs nothing where the incoming gradient is 1.
Where fastloss has no kernel for a call, torch's own function answers: nothing that torch takes is refused.
`strict(True)` keeps the rules of fastloss instead.

All functions and modules take one more keyword than torch's:

inplace : the gradient is written over the input, which saves one array of its size. The input must be the
    result of an operation (no leaf), and is spent: its values are gone, and autograd says so if it is used
    again. Nothing is overwritten where no gradient is wanted (`torch.no_grad`, an input that needs none).

The memory of a gradient of 32 MB or more is kept for the next one when it is free; `empty_cache()` gives it
back. `loss` and `Loss` do the same for any other loss of fastloss, whose arguments mean what they mean there.

Kernels take dense tensors on the CPU of float32, float64, float16 or bfloat16 (which needs ml_dtypes). Under
torch.compile the losses are operators. What differs from torch is written in docs/torch.md.
"""

from __future__ import annotations

from fastloss._optional import require

require("torch", "torch")

from fastloss.torch import functional as _functional  # noqa: E402
from fastloss.torch._any_loss import Loss, loss  # noqa: E402
from fastloss.torch._autograd import empty_cache  # noqa: E402
from fastloss.torch._fused_call import strict  # noqa: E402
from fastloss.torch.functional import (  # noqa: E402
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    cosine_embedding_loss,
    cross_entropy,
    ctc_loss,
    gaussian_nll_loss,
    hinge_embedding_loss,
    huber_loss,
    kl_div,
    l1_loss,
    margin_ranking_loss,
    mse_loss,
    multi_margin_loss,
    multilabel_margin_loss,
    multilabel_soft_margin_loss,
    nll_loss,
    poisson_nll_loss,
    smooth_l1_loss,
    soft_margin_loss,
    triplet_margin_loss,
    triplet_margin_with_distance_loss,
)
from fastloss.torch.modules import (  # noqa: E402
    BCELoss,
    BCEWithLogitsLoss,
    CosineEmbeddingLoss,
    CrossEntropyLoss,
    CTCLoss,
    GaussianNLLLoss,
    HingeEmbeddingLoss,
    HuberLoss,
    KLDivLoss,
    L1Loss,
    MarginRankingLoss,
    MSELoss,
    MultiLabelMarginLoss,
    MultiLabelSoftMarginLoss,
    MultiMarginLoss,
    NLLLoss,
    PoissonNLLLoss,
    SmoothL1Loss,
    SoftMarginLoss,
    TripletMarginLoss,
    TripletMarginWithDistanceLoss,
)

__all__ = [
    "BCELoss",
    "BCEWithLogitsLoss",
    "CTCLoss",
    "CosineEmbeddingLoss",
    "CrossEntropyLoss",
    "GaussianNLLLoss",
    "HingeEmbeddingLoss",
    "HuberLoss",
    "KLDivLoss",
    "L1Loss",
    "Loss",
    "MSELoss",
    "MarginRankingLoss",
    "MultiLabelMarginLoss",
    "MultiLabelSoftMarginLoss",
    "MultiMarginLoss",
    "NLLLoss",
    "PoissonNLLLoss",
    "SmoothL1Loss",
    "SoftMarginLoss",
    "TripletMarginLoss",
    "TripletMarginWithDistanceLoss",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "cosine_embedding_loss",
    "cross_entropy",
    "ctc_loss",
    "empty_cache",
    "gaussian_nll_loss",
    "hinge_embedding_loss",
    "huber_loss",
    "kl_div",
    "l1_loss",
    "loss",
    "margin_ranking_loss",
    "mse_loss",
    "multi_margin_loss",
    "multilabel_margin_loss",
    "multilabel_soft_margin_loss",
    "nll_loss",
    "poisson_nll_loss",
    "smooth_l1_loss",
    "soft_margin_loss",
    "strict",
    "triplet_margin_loss",
    "triplet_margin_with_distance_loss",
]
if hasattr(_functional, "linear_cross_entropy"):  # torch 2.13
    from fastloss.torch.functional import linear_cross_entropy
    from fastloss.torch.modules import LinearCrossEntropyLoss

    __all__ += ["LinearCrossEntropyLoss", "linear_cross_entropy"]


def __dir__() -> list[str]:
    return sorted(__all__)
