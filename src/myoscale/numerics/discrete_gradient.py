"""Discrete derivatives: averages J̄ of a derivative between a and b with J̄ (b − a) = f(b) − f(a).

The mean along the segment by Gauss's rule, which has this property up to a term of order seven in b − a (McLachlan, Quispel, Robidoux
1999); where that term is more than rounding the smallest correction removes it (Gonzalez 1996). The correction alone, on top of the
midpoint derivative, would do as well but for rounding: it divides a difference of values by |b − a|.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from ..types import Array, Float

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(3)
_ROUNDING = 100 * np.finfo(float).eps


def gradient(function: Callable[[Array], Array], a: Float[Array, " n"], b: Float[Array, " n"]) -> Float[Array, " n"]:
    """Of a scalar function."""
    step = b - a
    mean = _mean(jax.grad(function), a, step)
    return mean + _missing(function(a), function(b), mean @ step, step) * step


def derivative(function: Callable[[Array], Array], a: Float[Array, " n"], b: Float[Array, " n"]) -> Float[Array, "m n"]:
    """Of a function with values in R^m."""
    step = b - a
    mean = _mean(jax.jacfwd(function), a, step)
    return mean + _missing(function(a), function(b), mean @ step, step)[:, None] * step[None]


def _mean(slope, a, step):
    return sum(weight / 2 * slope(a + (1 + node) / 2 * step) for node, weight in zip(_NODES, _WEIGHTS, strict=True))


def _missing(before, after, found, step):
    """What the mean misses of the difference, divided by |b − a|²; nothing where that is rounding."""
    rest, square = after - before - found, step @ step
    known = jnp.abs(rest) <= _ROUNDING * (jnp.abs(before) + jnp.abs(after) + jnp.abs(found))
    return jnp.where(known, 0.0, rest / jnp.where(square > 0, square, 1.0))


def middle(value: Array, before: Array, after: Array, step: Float[Array, " n"]) -> Float[Array, " n"]:
    """The derivative `value` in the middle of a step, corrected so that its product with the step is after − before (Gonzalez 1996)."""
    return value + _missing(before, after, value @ step, step) * step
