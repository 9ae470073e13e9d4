"""The rates of a scheme over extension, as curves to draw behind populations."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ...types import Array, float64
from .base import AbstractCycling

_SEEN = 0.01  # of an axis of rates: what stays below lies on its ground


class RateCurve(NamedTuple):
    """One transition: what it is called, whether it attaches, its rate at each extension."""

    name: str
    attaches: bool
    rate: np.ndarray


@float64
def rate_curves(scheme: AbstractCycling, x: Array) -> list[RateCurve]:
    """Attachment and detachment at full activation, as far as they can be seen beside each other; `x` (n,)."""
    rates, first, two = np.asarray(jax.vmap(scheme.generator)(jnp.asarray(x))), scheme.detached, scheme.states == 2
    pairs = [(i, j) for i in range(scheme.states) for j in range(scheme.states) if (i < first) != (j < first)]
    found = []
    for i, j in pairs:
        word = "attachment" if i < first else "detachment"
        if rates[:, i, j].any():
            found.append(RateCurve(word if two else f"{word} {i}→{j}", i < first, rates[:, i, j]))
    least = _SEEN * rate_limit(found)
    return [curve for curve in found if np.nanmax(curve.rate) > least]


def rate_limit(curves: list[RateCurve]) -> float:
    """Where an axis of rates may end: what is much faster than attachment does not dwarf it."""
    finite = lambda values: float(np.max(values, initial=0.0, where=np.isfinite(values)))
    attach = max((finite(curve.rate) for curve in curves if curve.attaches), default=0.0)
    most = max((finite(curve.rate) for curve in curves), default=0.0)
    return 1.3 * (min(most, 8 * attach) if attach else most) or 1.0
