"""Rates that act while something moves: means along a path, and two states that exchange for a while.

A rate integrated along the path of a point, or over a cell that moves, is exact wherever the rate is a polynomial between its
breakpoints; frozen at a point it would cost an order (theory.md section 8).
"""

import itertools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..types import Array, PyTree, Scalar


def box_mean(
    rate: Callable[[Array], PyTree],
    low: Array,
    high: Array,
    breakpoints: tuple[Scalar, ...],
    degree: int | None = None,
    apart: Array | None = None,
) -> Any:
    """Mean of `rate` over [low, high], split at increasing breakpoints; or over that box moved by ± `apart`, half each.

    **Arguments:** `rate`, elementwise, returns arrays that may append axes; `low` < `high`, of one shape; `degree`, of rates that are
    polynomials between breakpoints: their means are exact (to degree 3 if left out).

    **Returns:** as `rate(low)`.
    """
    nodes, weights = np.polynomial.legendre.leggauss(2 if degree is None else degree // 2 + 1)
    boxes = [(low, high)] if apart is None else [(low - apart, high - apart), (low + apart, high + apart)]
    total = None
    for begin, end in boxes:
        cuts = [begin, *(jnp.clip(b, begin, end) for b in breakpoints), end]
        for left, right in itertools.pairwise(cuts):
            for node, weight in zip(nodes, weights, strict=True):
                part = lambda value, share=weight / 2 * (right - left): _along(share, value) * value
                parts = jax.tree.map(part, rate(left + (right - left) * ((node + 1) / 2)))
                total = parts if total is None else jax.tree.map(jnp.add, total, parts)
    # One division, and last: XLA keeps what it has divided, and would compute anything cheaper anew wherever it is used.
    whole = (high - low) * len(boxes)
    return jax.tree.map(lambda total: total / _along(whole, total), total)


def _along(a: Array, b: Array) -> Array:
    """`a` with axes of length 1 appended until it has as many as `b`."""
    return a.reshape(a.shape + (1,) * (b.ndim - a.ndim))


def phis(h: Array) -> tuple[Array, Array]:
    """φ₁ = (1 − e^{−h})/h and φ₂ = (1 − φ₁)/h for h ≥ 0; h φ₁ and h² φ₂, which are what heads do, to rounding."""
    small = h < 1e-3
    large = jnp.where(small, 1.0, h)
    series = 0.5 - h * (1 / 6 - h * (1 / 24 - h * (1 / 120)))
    first = jnp.where(small, 1.0 - h * series, 1.0 - jnp.exp(-large)) / large  # divided last: see `box_mean`
    return first, jnp.where(small, series, 1.0 - first) / large


def exchange_pair(p: Array, q: Array, there: Array, back: Array) -> tuple[Array, Array]:
    """What two states p ⇄ q pass to each other, exactly, while the integrated rates `there` and `back` act.

    **Returns:** gross amounts p → q and q → p; new states are p − there + back and q + there − back.
    """
    first, second = phis(there + back)
    total = p + q
    return there * (p * first + total * back * second), back * (q * first + total * there * second)
