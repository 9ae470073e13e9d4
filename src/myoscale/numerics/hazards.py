"""Rates that act while something moves: means along a path, and two states that exchange for a while.

A rate integrated along the path of a point, or over a cell that moves, is exact wherever the rate is a polynomial between its
breakpoints; frozen at a point it would cost an order (theory.md section 8).
"""

import itertools
from collections.abc import Callable

import jax.numpy as jnp
import numpy as np

from ..types import Array, Scalar

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(2)  # exact to degree 3


def box_mean(rate: Callable[[Array], Array], low: Array, high: Array, breakpoints: tuple[Scalar, ...]) -> Array:
    """Mean of `rate` over [low, high], split at increasing breakpoints.

    **Arguments:** `rate`, elementwise, may append axes; `low` < `high`, of one shape.

    **Returns:** the shape of `rate(low)`.
    """
    cuts = [low, *(jnp.clip(b, low, high) for b in breakpoints), high]
    total: Array | None = None
    for left, right in itertools.pairwise(cuts):
        share = (right - left) / (high - low) / 2
        for node, weight in zip(_NODES, _WEIGHTS, strict=True):
            value = rate(left + (right - left) * ((node + 1) / 2))
            part = weight * share.reshape(share.shape + (1,) * (value.ndim - share.ndim)) * value
            total = part if total is None else total + part
    assert total is not None
    return total


def phis(h: Array) -> tuple[Array, Array]:
    """φ₁ = (1 − e^{−h})/h and φ₂ = (1 − φ₁)/h for h ≥ 0, to rounding."""
    small = h < 0.1
    s = jnp.where(small, h, 0.1)
    series = jnp.ones_like(s)  # of φ₂: Σ (−s)^k · 2/(k+2)!, halved at the end
    for k in range(9, 0, -1):
        series = 1.0 - s / (k + 2) * series
    large = jnp.where(small, 1.0, h)
    first = (1.0 - jnp.exp(-large)) / large
    second = (1.0 - first) / large
    return jnp.where(small, 1.0 - h * series / 2, first), jnp.where(small, series / 2, second)


def exchange_pair(p: Array, q: Array, there: Array, back: Array) -> tuple[Array, Array]:
    """What two states p ⇄ q pass to each other, exactly, while the integrated rates `there` and `back` act.

    **Returns:** gross amounts p → q and q → p; new states are p − there + back and q + there − back.
    """
    first, second = phis(there + back)
    total = p + q
    return there * (p * first + total * back * second), back * (q * first + total * there * second)
