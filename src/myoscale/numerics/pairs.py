"""Sums over all pairs of points, ½ Σ_i Σ_j w_i w_j V(x_j − x_i) and its forces: exactly, or through a Chebyshev grid in time O(N).

On the box that the points fill, V(x′ − x) is interpolated in x and in x′ on a Lobatto grid t of n nodes an axis ("modes"):

    W_a = Σ_j w_j L_a(x_j),      u_a = Σ_b W_b V(t_b − t_a),      U_n = ½ Σ_a W_a u_a,      force on x_i: −∇ Σ_a u_a L_a(x_i),

so that the forces are the derivatives of the approximate energy U_n on a given box (Fong & Darve 2009 take the same interpolant for
the far field; here it serves all pairs, which asks that V be smooth where points meet as well).

Interpolation reproduces polynomials of degree < n of the difference r, so its error is that of the Chebyshev series of V on the box of
differences beyond degree n − 1, times what interpolation does to one term: `bound`. What it cannot see is a feature of V narrower
than the points at which V is looked at.
"""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from ..types import Array, Float
from . import chebyshev
from .blocks import block_map, block_total

MODES = {
    1: (16, 24, 32, 48, 64, 96, 128, 192, 256),
    2: (10, 14, 18, 24, 32, 40, 48, 64),
    3: (6, 8, 10, 12, 16, 20, 24),
}  # by nx

_BLOCK = 64  # rows of pairs at a time
_FEW = 1_000  # points whose pairs cost next to nothing
_DEGREE = {1: 512, 2: 128, 3: 48}  # of the series of V that bounds are read from
_GROWTH = 2.5  # greatest |interpolant of T_k((s′ − s)/2)| over s, s′ in [−1, 1], k ≥ n: 2.06 … 2.49 for n = 8 … 64; its slope stays below n²
_LOOKED_AT = 256  # differences at which the series is compared with V
_ROUNDING = 1e-14  # coefficients below this part of the greatest |V| are none
_NOISE = 1e-16  # rounding of a coefficient of u beside the greatest |V|; differentiating at the ends of an axis sums k² of it, n³ in all
_THIN = 1e-3  # thinnest side of a box, as a part of its greatest


def box(x: Float[Array, "N nx"]) -> tuple[Float[Array, " nx"], Float[Array, " nx"]]:
    """Centre and half sides of a box that holds the points; no side is so thin that differentiating across it would lose digits."""
    low, high = jnp.min(x, 0), jnp.max(x, 0)
    half = (high - low) / 2
    widest = jnp.max(half)
    return (low + high) / 2, jnp.maximum(half, jnp.where(widest > 0, _THIN * widest, 1.0))


def potentials(
    potential: Callable, at: Float[Array, "K nx"], x: Float[Array, "N nx"], w: Float[Array, " N"]
) -> Float[Array, " K"]:
    """Σ_j w_j V(x_j − at) at each of K points, without a K × N temporary."""
    return _rows(potential, at, x, w)


def slopes(
    potential: Callable, at: Float[Array, "K nx"], x: Float[Array, "N nx"], w: Float[Array, " N"]
) -> Float[Array, "K nx"]:
    """Σ_j w_j ∇V(x_j − at), the exact force on each of K points."""
    return _rows(jax.grad(potential), at, x, w)


def _rows(function: Callable, at, x, w) -> Array:
    """Σ_j w_j function(x_j − at); a product with w, for XLA's weighted reductions keep loops from being vectorised (17 times slower)."""
    row = lambda a: block_total(lambda part: part[1] @ jax.vmap(lambda x: function(x - a))(part[0]), (x, w))
    return block_map(row, at, _BLOCK)


def energy(potential: Callable, x: Float[Array, "N nx"], w: Float[Array, " N"], modes: int = 0) -> Float[Array, ""]:
    """½ Σ_i Σ_j w_i w_j V(x_j − x_i), i = j included; exact if modes = 0."""
    if modes:
        x, w = _grid(x, w, modes)
    return 0.5 * w @ potentials(potential, x, x, w)


def forces(potential: Callable, x: Float[Array, "N nx"], w: Float[Array, " N"], modes: int = 0) -> Float[Array, "N nx"]:
    """Σ_j w_j K(x_j, x_i) for every i, K(x′, x) = −∇_x V(x′ − x); exact if modes = 0."""
    if not modes:
        return slopes(potential, x, x, w)
    nodes, weights = _grid(x, w, modes)
    centre, half = box(x)
    return -chebyshev.gradients(potentials(potential, nodes, nodes, weights), x, centre - half, centre + half, modes)


def worth(count: int, nx: int, modes: int) -> bool:
    """Whether the grid is cheaper than all pairs of so many points."""
    nodes = modes**nx
    return count >= _FEW and nodes**2 + count * nodes < count**2


def _grid(x, w, modes: int) -> tuple[Array, Array]:
    """Nodes of the box, and the weights with which they stand for the points."""
    centre, half = box(x)
    low, high = centre - half, centre + half
    return chebyshev.grid(low, high, modes), chebyshev.weights(x, w, low, high, modes)


def bound(potential: Callable, half: Float[Array, " nx"], modes: int) -> Float[Array, ""]:
    """Error of `energy` and `forces` through the grid on a box of these half sides, as a part of the greatest |V| and |∇V| there.

    Σ|w| = 1 is assumed. Infinite where V or its gradient is not a number.
    """
    nx, reach = half.size, 2 * half
    degree = _DEGREE[nx]
    values = jax.vmap(potential)(chebyshev.grid(-reach, reach, degree + 1))
    series = chebyshev.coefficients(values, nx, degree + 1)
    s = _between(nx)
    seen, steep = jax.vmap(jax.value_and_grad(potential))(s * reach[None])
    size, steepest = jnp.maximum(jnp.max(jnp.abs(seen)), jnp.max(jnp.abs(values))), jnp.max(jnp.abs(steep))
    # What the series does not explain at differences that it has not seen counts as one more term, of its greatest degree.
    missed = jnp.max(jnp.abs(chebyshev.evaluate(series, s) - seen))
    missed = jnp.where(missed > 10 * _ROUNDING * size, missed, 0.0)
    terms = jnp.where(jnp.abs(series) > _ROUNDING * size, jnp.abs(series), 0.0)
    of_energy, *of_slopes = (
        jnp.sum(terms * factor) + missed * np.max(factor) for factor in _interpolated(nx, modes, degree)
    )
    of_energy = of_energy + 50 * _NOISE * size
    of_force = jnp.max((jnp.array(of_slopes) + _NOISE * modes**3 * size) / half)
    part = lambda error, whole: jnp.where(error > 0, error / whole, 0.0)
    found = jnp.maximum(part(of_energy, size), part(of_force, steepest))
    return jnp.where(jnp.isfinite(found), found, jnp.inf)


@functools.cache
def _interpolated(nx: int, modes: int, degree: int) -> list[np.ndarray]:
    """What interpolation makes wrong of Π T_{k_i}((s′_i − s_i)/2), k_i ≤ degree: greatest error, and that of its derivative along each s_i."""
    value, slope = _one_axis(modes, degree)
    k = np.arange(degree + 1.0)
    kept = np.minimum(1 + value, _GROWTH)  # greatest |interpolant| of one factor
    axes = lambda factors: functools.reduce(np.multiply.outer, factors)
    pick = lambda special, others: [special.get(i, others) for i in range(nx)]
    none = np.zeros((degree + 1,) * nx)
    total = [sum((axes(pick({i: value}, kept)) for i in range(nx)), none)]
    for g in range(nx):
        own = axes(pick({g: slope}, kept))
        across = (axes(pick({i: value, g: k**2 / 2 + slope}, kept)) for i in range(nx) if i != g)
        total.append(sum(across, own))
    return total


def _one_axis(modes: int, degree: int) -> tuple[np.ndarray, np.ndarray]:
    """Bounds of the error of interpolating T_k((s′ − s)/2), k ≤ degree, in s and s′, and of its derivative.

    In the ellipse of foci ±1 and half axes of sum ρ, |T_k((s′ − s)/2)| ≤ e^{kη} with cosh η = cosh²(log ρ/2), so that its coefficients of
    degree j in s′ are at most 2 e^{kη} ρ^{−j}; terms j ≥ n are lost and aliased (Trefethen 2019, chapters 4 and 8).
    """
    k, lebesgue = np.arange(degree + 1.0)[:, None], 1 + 2 / np.pi * np.log(modes)
    rho = np.exp(np.geomspace(1e-3, 5.0, 400))[None]
    eta = np.arccosh(np.cosh(np.log(rho) / 2) ** 2)
    greatest = k * eta - modes * np.log(rho)  # logarithm of e^{kη} ρ^{−n}
    j = modes + np.arange(4000.0)[:, None]
    falls = rho ** (modes - j)
    least = lambda sums: np.exp(np.minimum(np.min(greatest + np.log(sums), axis=1), 700.0))
    value = (1 + lebesgue) * least(4 * np.sum(falls, 0))
    slope = (1 + lebesgue) * least(2 * np.sum(falls * (j**2 + modes**2), 0))
    value = np.minimum(value, 1 + _GROWTH)
    slope = np.minimum(slope, k[:, 0] ** 2 / 2 + modes**2)
    return np.where(k[:, 0] < modes, 0.0, value), np.where(k[:, 0] < modes, 0.0, slope)


def _between(nx: int) -> Float[np.ndarray, "K nx"]:
    """Points that fill [−1, 1]^nx evenly and lie on no grid (additive recurrence with the roots of z^{nx+1} = z + 1)."""
    root = max(z.real for z in np.roots([1.0, *[0.0] * (nx - 1), -1.0, -1.0]) if abs(z.imag) < 1e-9)
    return 2 * np.mod(0.5 + np.outer(np.arange(1, _LOOKED_AT + 1), root ** -np.arange(1.0, nx + 1)), 1.0) - 1
