"""Sums over very many points of a smooth function, through its values on a small Chebyshev grid.

Σ_i w_i f(x_i) = Σ_k W_k f(ξ_k) + error, with W_k = Σ_i w_i ℓ_k(x_i) and ℓ_k the Lagrange polynomials of the Chebyshev–Lobatto grid ξ
on the smallest box that holds the points. W costs one pass over the points and serves every f. Since Σ|w_i| = 1, the error is at most the
greatest error of the interpolant of f, which the tail of its Chebyshev coefficients measures (Trefethen 2019, chapters 3 and 8).
"""

import jax
import jax.numpy as jnp
import numpy as np

from ..types import Array, Float
from .blocks import block_map, block_total


def lobatto(count: int) -> np.ndarray:
    """cos(πk/(count − 1)), from 1 down to −1."""
    return np.cos(np.pi * np.arange(count) / (count - 1))


def to_coefficients(count: int) -> np.ndarray:
    """Matrix from values on the Lobatto grid to Chebyshev coefficients."""
    k = np.arange(count)
    turns = np.outer(k, k) % (2 * (count - 1))  # cosines of large angles lose digits
    matrix = 2.0 / (count - 1) * np.cos(np.pi * turns / (count - 1))
    matrix[:, [0, -1]] /= 2
    matrix[[0, -1]] /= 2
    return matrix


def _polynomials(s: Array, count: int) -> Float[Array, "count ..."]:
    """T_0 … T_{count−1} at s."""

    def next_one(pair, _):
        before, now = pair
        return (now, 2 * s * now - before), before

    return jax.lax.scan(next_one, (jnp.ones_like(s), s), None, length=count, unroll=8)[1]


def grid(low: Float[Array, " n"], high: Float[Array, " n"], count: int) -> Float[Array, "K n"]:
    """Tensor Lobatto grid of `count` nodes an axis on a box, K = count^n, last axis fastest."""
    axes = [(b + a) / 2 + (b - a) / 2 * lobatto(count) for a, b in zip(low, high, strict=True)]
    return jnp.stack(jnp.meshgrid(*axes, indexing="ij"), -1).reshape(-1, len(axes))


def weights(
    x: Float[Array, "N n"], w: Float[Array, " N"] | None, low: Array, high: Array, count: int
) -> Float[Array, " K"]:
    """W_k of the grid, for points x inside the box, with weights w (equal if None)."""
    half = jnp.where(high > low, (high - low) / 2, 1.0)

    polynomials = lambda s: _polynomials(s, count)  # at the points of a block
    total_count = x.shape[0]

    def moments(part):
        x, w = part
        tensor = polynomials((x[:, 0] - (high[0] + low[0]) / 2) / half[0])
        tensor = tensor / total_count if w is None else tensor * w[None]
        if x.shape[1] == 1:
            return jnp.sum(tensor, -1)
        for axis in range(1, x.shape[1] - 1):
            along = polynomials((x[:, axis] - (high[axis] + low[axis]) / 2) / half[axis])
            tensor = (tensor[:, None, :] * along[None]).reshape(-1, x.shape[0])
        last = polynomials((x[:, -1] - (high[-1] + low[-1]) / 2) / half[-1])
        return tensor @ last.T

    total = block_total(moments, (x, w)).reshape((count,) * x.shape[1])
    back = to_coefficients(count).T  # weights are the transpose of interpolation
    for axis in range(total.ndim):
        total = jnp.moveaxis(jnp.tensordot(back, total, (1, axis)), 0, axis)
    return total.ravel()


def tail(values: Float[Array, "K m"], count: int) -> Float[Array, ""]:
    """Greatest error of interpolating any of m functions given on the grid: the tail of its Chebyshev coefficients."""
    dimension = round(np.log(values.shape[0]) / np.log(count))
    table = values.reshape((count,) * dimension + (-1,))
    worst = jnp.zeros(())
    for axis in range(dimension):
        coefficients = jnp.tensordot(to_coefficients(count), table, (1, axis))
        worst = jnp.maximum(worst, jnp.max(jnp.sum(jnp.abs(coefficients[-max(count // 8, 2) :]), 0)))
    return worst


def coefficients(values: Float[Array, " K"], dimension: int, count: int) -> Float[Array, "..."]:
    """Chebyshev coefficients (count, …) of the interpolant of values on the grid, degrees of one axis along each."""
    table = values.reshape((count,) * dimension)
    for axis in range(dimension):
        table = jnp.moveaxis(jnp.tensordot(to_coefficients(count), table, (1, axis)), 0, axis)
    return table


def evaluate(table: Float[Array, "..."], s: Float[np.ndarray, "M n"]) -> Float[Array, " M"]:
    """The series with these coefficients, at fixed points of [−1, 1]^n."""
    count = table.shape[0]
    along = [jnp.asarray(np.polynomial.chebyshev.chebvander(s[:, i], count - 1)) for i in range(s.shape[1])]
    result = jnp.tensordot(along[-1], table, (1, table.ndim - 1))  # (M, count, …)
    for matrix in along[-2::-1]:
        shape = (matrix.shape[0], *(1,) * (result.ndim - 2), count)
        result = jnp.sum(result * matrix.reshape(shape), -1)
    return result


def gradients(
    values: Float[Array, " K"], x: Float[Array, "N n"], low: Array, high: Array, count: int
) -> Float[Array, "N n"]:
    """Derivatives of the interpolant at points of the box."""
    dimension, half = x.shape[1], (high - low) / 2
    table = coefficients(values, dimension, count)
    down = np.polynomial.chebyshev.chebder(np.eye(count))  # coefficients to those of the derivative
    down = np.concatenate([down, np.zeros((1, count))])
    slopes = jnp.stack(
        [jnp.moveaxis(jnp.tensordot(down, table, (1, axis)), 0, axis) / half[axis] for axis in range(dimension)]
    )

    def at(x):
        rest = slopes
        for axis in reversed(range(dimension)):
            polynomials = _polynomials((x[axis] - (high[axis] + low[axis]) / 2) / half[axis], count)
            rest = rest @ polynomials
        return rest

    return block_map(at, x)


def interpolate(
    values: Float[Array, "K m"], x: Float[Array, " n"], low: Array, high: Array, count: int
) -> Float[Array, " m"]:
    """The interpolant at one point of the box (barycentric formula)."""
    nodes = lobatto(count)
    sign = np.where(np.arange(count) % 2, -1.0, 1.0)
    sign[[0, -1]] /= 2
    table = values.reshape((count,) * x.shape[0] + (-1,))
    for axis in range(x.shape[0]):
        s = (x[axis] - (high[axis] + low[axis]) / 2) / jnp.where(
            high[axis] > low[axis], (high[axis] - low[axis]) / 2, 1.0
        )
        gap = s - nodes
        hit = gap == 0
        share = jnp.where(jnp.any(hit), hit.astype(float), sign / jnp.where(hit, 1.0, gap))
        table = jnp.tensordot(share / jnp.sum(share), table, 1)
    return table
