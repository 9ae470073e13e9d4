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

from ..types import Array, Float, PyTree, Scalar


def box_mean(
    rate: Callable[[Array], PyTree], low: Array, high: Array, breakpoints: tuple[Scalar, ...], degree: int | None = None
) -> Any:
    """Mean of `rate` over [low, high], split at increasing breakpoints.

    **Arguments:** `rate`, elementwise, returns arrays that may append axes; `low` < `high`, of one shape; `degree`, of rates that are
    polynomials between breakpoints: their means are exact (to degree 3 if left out).

    **Returns:** as `rate(low)`.
    """
    nodes, weights = np.polynomial.legendre.leggauss(2 if degree is None else degree // 2 + 1)
    cuts = [low, *(jnp.clip(b, low, high) for b in breakpoints), high]
    total = None
    for left, right in itertools.pairwise(cuts):
        for node, weight in zip(nodes, weights, strict=True):
            part = lambda value, share=weight / 2 * (right - left): _along(share, value) * value
            parts = jax.tree.map(part, rate(left + (right - left) * ((node + 1) / 2)))
            total = parts if total is None else jax.tree.map(jnp.add, total, parts)
    # One division, and last: XLA keeps what it has divided, and would compute anything cheaper anew wherever it is used.
    return jax.tree.map(lambda total: total / _along(high - low, total), total)


def _along(a: Array, b: Array) -> Array:
    """`a` with axes of length 1 appended until it has as many as `b`."""
    return a.reshape(a.shape + (1,) * (b.ndim - a.ndim))


def phis(h: Array) -> tuple[Array, Array]:
    """φ₁ = (1 − e^{−h})/h and φ₂ = (1 − φ₁)/h for h ≥ 0; h φ₁ and h² φ₂, which are what heads do, to rounding."""
    small = h < 1e-3
    large = jnp.where(small, 1.0, h)
    first = (1.0 - jnp.exp(-large)) / large
    second = (1.0 - first) / large
    series = 0.5 - h * (1 / 6 - h * (1 / 24 - h / 120))
    return jnp.where(small, 1.0 - h * series, first), jnp.where(small, series, second)


def exchange_pair(p: Array, q: Array, there: Array, back: Array) -> tuple[Array, Array]:
    """What two states p ⇄ q pass to each other, exactly, while the integrated rates `there` and `back` act.

    **Returns:** gross amounts p → q and q → p; new states are p − there + back and q + there − back.
    """
    first, second = phis(there + back)
    total = p + q
    return there * (p * first + total * back * second), back * (q * first + total * there * second)


def jumps(
    key: Array,
    particles: PyTree,
    rates: Callable[[PyTree], Float[Array, "N S"]],
    jump: Callable[[Array, PyTree, Array], PyTree],
    tally: Callable[[PyTree, PyTree], PyTree],
    duration: Array,
) -> tuple[PyTree, PyTree]:
    """Jumps of independent particles during `duration` at constant rates, one after the other for each particle.

    **Arguments:** `particles`, leaves (N,); `rates(particles)` into each state, zero into the one a particle is in; `jump(key,
    particles, target)`, what they become; `tally(before, after)`, leaves (N,), counted for those that jump.

    **Returns:** the particles at the end, and the sums of what was counted.
    """
    n = jax.tree.leaves(particles)[0].shape[0]

    def forward(carry):
        key, particles, left, counted = carry
        key, *keys = jax.random.split(key, 4)
        out = rates(particles)
        total = jnp.sum(out, axis=1)
        wait = jax.random.exponential(keys[0], (n,)) / jnp.maximum(total, 1e-300)
        jumping = wait < left
        below = jax.random.uniform(keys[1], (n, 1)) * total[:, None] >= jnp.cumsum(out, axis=1)
        target = jnp.minimum(jnp.sum(below, axis=1), out.shape[1] - 1)
        after = jax.tree.map(lambda a, b: jnp.where(jumping, a, b), jump(keys[2], particles, target), particles)
        add = lambda total, each: total + jnp.sum(jnp.where(jumping, each, 0.0))
        return key, after, jnp.where(jumping, left - wait, 0.0), jax.tree.map(add, counted, tally(particles, after))

    zeros = jax.tree.map(lambda _: jnp.zeros(()), jax.eval_shape(tally, particles, particles))
    start = key, particles, jnp.full(n, duration), zeros
    _, particles, _, counted = jax.lax.while_loop(lambda carry: jnp.any(carry[2] > 0), forward, start)
    return particles, counted
