"""Quantizers by kind. Apart from `codebook`, which readers of codebooks import, because training needs torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any, TypeVar

from semid.quantize.base import Progress, Quantizer
from semid.quantize.kmeans import KmeansParams
from semid.quantize.opq import OpqParams, OpqQuantizer
from semid.quantize.pq import PqQuantizer
from semid.quantize.prq import PrqQuantizer
from semid.quantize.rkmeans import RkmeansQuantizer
from semid.quantize.spherical import SphericalParams
from semid.quantize.vq import VqQuantizer

RECIPES: dict[str, tuple[Callable[..., Quantizer], type[Any]]] = {
    "rkmeans": (RkmeansQuantizer, KmeansParams),
    "prq": (PrqQuantizer, SphericalParams),
    "pq": (PqQuantizer, KmeansParams),
    "opq": (OpqQuantizer, OpqParams),
    "vq": (VqQuantizer, KmeansParams),
}
"""Quantizer and params classes of the kinds that need numpy only; `rqvae`, which needs torch, is the other one."""

P = TypeVar("P")


def quantizer(
    kind: str, sizes: tuple[int, ...], params: Mapping[str, Any], progress: Progress | None = None
) -> Quantizer:
    """Return the quantizer of a kind: `rqvae` or one of `RECIPES`.

    Args:
        kind: As in the codebook table.
        sizes: Codes per level, coarse to fine.
        params: Fields of that kind's params class to set; the rest keep their defaults.
        progress: Called during the fit, after each level or epoch.

    Raises:
        ValueError: When the kind is unknown or cannot have so many levels, or `params` has an unknown name or a
            value out of range.
    """
    if kind in RECIPES:
        recipe, cls = RECIPES[kind]
        return recipe(sizes, _params(cls, params), progress)
    if kind == "rqvae":
        from semid.quantize.rqvae_params import RqvaeParams
        from semid.quantize.rqvae_train import RqvaeQuantizer

        return RqvaeQuantizer(sizes, _params(RqvaeParams, params), progress)
    raise ValueError(f"unknown codebook kind {kind!r}, expected rqvae or one of {', '.join(RECIPES)}")


def _params(cls: type[P], values: Mapping[str, Any]) -> P:
    """Return `cls(**values)`, or raise ValueError naming every unknown field."""
    known = [field.name for field in fields(cls)]  # type: ignore[arg-type]
    if unknown := sorted(values.keys() - set(known)):
        raise ValueError(f"unknown parameters {unknown}, {cls.__name__} has {known}")
    return cls(**values)
