"""How the decoder's gradient passes the quantizer on its way to the encoder (torch).

An estimator takes latents (n, w) and what their codes stand for (n, w); it returns the latter unchanged in value, with
a gradient towards the latents.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

Estimator = Callable[[Tensor, Tensor], Tensor]


def straight_through(latent: Tensor, quantized: Tensor) -> Tensor:
    """Copy the gradient: Bengio, Leonard, Courville, arXiv 1308.3432."""
    return latent + (quantized - latent).detach()


def rotation(latent: Tensor, quantized: Tensor) -> Tensor:
    """Turn and stretch the gradient as the latent was turned and stretched: Fifty et al., arXiv 2410.06424, eq. 4.

    With e and q of length 1 and r = (e + q) / |e + q|, the rotation from e to q is I - 2 r r' + 2 q e', held constant.
    A latent that is zero or opposite to its quantized value has no such rotation and is passed straight through.
    """
    with torch.no_grad():
        e, q = functional.normalize(latent, dim=1), functional.normalize(quantized, dim=1)
        r = functional.normalize(e + q, dim=1)
        length = latent.norm(dim=1, keepdim=True)
        stretch = quantized.norm(dim=1, keepdim=True) / length.clamp_min(1e-12)
        turnable = ((e * q).sum(dim=1, keepdim=True) > -0.99) & (length > 1e-12)
    turned = latent - 2 * r * (latent * r).sum(dim=1, keepdim=True) + 2 * q * (latent * e).sum(dim=1, keepdim=True)
    return torch.where(turnable, stretch * turned, straight_through(latent, quantized))


ESTIMATORS: dict[str, Estimator] = {"straight_through": straight_through, "rotation": rotation}
