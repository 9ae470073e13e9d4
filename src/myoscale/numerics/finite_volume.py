"""Conservative transport of cell masses on a box whose cells stretch evenly with its sides.

Upwinded reconstruction of fifth order along an axis (Suresh and Huynh 1997, before their limiter); across it, face averages of products
to fourth order (McCorquodale and Colella 2011, "A high-order finite-volume method for conservation laws on locally refined grids"). Each
flux is limited by what the cell it leaves can give, so that no mass becomes negative in the semi-discrete system, and it is homogeneous
of degree one in the velocity. No limiter acts where the density is smooth on the scale of a cell.
"""

import jax.numpy as jnp

from ..types import Array

_GHOSTS = 3
_ROUNDING = 0.3  # of the mean speed
_GIVE = 4.0  # a face may carry at most this many times the mean density of the cell that it empties


def fluxes(m: Array, velocity: Array, axis: int) -> Array:
    """Mass per time through the faces of one axis.

    **Arguments:** `m`: cell masses; `velocity`: of the density relative to the faces, in cell widths per time, at the centres of
    all faces (one more than cells along `axis`); nothing passes the two ends.

    **Returns:** fluxes in the shape of `velocity`.
    """
    m, velocity = jnp.moveaxis(m, axis, 0), jnp.moveaxis(velocity, axis, 0)
    padded = _extend(m)
    a, b, c, d, e, f = (padded[k : k + m.shape[0] + 1] for k in range(6))
    left = (2 * a - 13 * b + 47 * c + 27 * d - 3 * e) / 60
    right = (2 * f - 13 * e + 47 * d + 27 * c - 3 * b) / 60
    speed = _smooth_speed(velocity)
    value = (left + right) / 2
    flux = velocity * value + speed * (left - right) / 2
    for other in range(1, m.ndim):
        slope = _central(velocity, other)
        flux = flux + (_second(velocity, other) * value / 2 + slope * _central(value, other)) / 12
        speed = speed + jnp.abs(slope) / 2
    flux = _limited(flux, _GIVE * speed * jnp.where(flux > 0, c, d), speed == 0)
    flux = jnp.asarray(flux).at[0].set(0.0).at[-1].set(0.0)
    return jnp.moveaxis(flux, 0, axis)


def _limited(flux: Array, bound: Array, still: Array) -> Array:
    """The flux, kept within ± bound without a kink: changed by (flux/bound)¹⁶/16, 1e-11 where density varies little over a cell."""
    ratio = jnp.clip(jnp.where(bound > 0, flux / jnp.where(bound > 0, bound, 1.0), 0.0), -1e6, 1e6)
    return jnp.where(
        still, flux, bound * ratio / (1.0 + ratio**16) ** (1 / 16)
    )  # at rest it is zero, and keeps its derivative


def _smooth_speed(velocity: Array) -> Array:
    """|v|, rounded where it is small beside the axis's mean speed.

    The force that a density exerts is the adjoint of its fluxes. With |v| itself it would jump whenever a face changes its upwind
    side, and an adaptive integrator would crawl from jump to jump; rounded, it is smooth wherever anything moves. It stays
    homogeneous of degree one, and the scheme keeps its order, because left and right values differ by O(Δx⁵) only.
    """
    mean = jnp.mean(velocity**2)
    still = mean == 0  # the root has no derivative there; at rest the flux is the central one
    return jnp.where(still, 0.0, jnp.sqrt(jnp.where(still, 1.0, velocity**2 + _ROUNDING**2 * mean)))


def rate(m: Array, velocities: list[Array]) -> Array:
    """dm/dt from the velocities at the faces of each axis."""
    return -sum((jnp.diff(fluxes(m, v, axis), axis=axis) for axis, v in enumerate(velocities)), jnp.zeros(()))


def midpoint_weights(m: Array) -> Array:
    """Weights at cell centres that integrate smooth functions against the density to fourth order; their sum is the mass."""
    return m - sum(_second(m, axis) for axis in range(m.ndim)) / 24


def _extend(m):
    """Three ghost cells at either end of axis 0, on the parabola through the last three means."""
    ghosts = lambda i, j, k: [10 * i - 15 * j + 6 * k, 6 * i - 8 * j + 3 * k, 3 * i - 3 * j + k]
    return jnp.concatenate([jnp.stack(ghosts(*m[:3])), m, jnp.stack(ghosts(*m[:-4:-1])[::-1])])


def _pad(a, axis):
    widths = [(0, 0)] * a.ndim
    widths[axis] = (1, 1)
    return jnp.moveaxis(jnp.pad(a, widths, mode="edge"), axis, 0)


def _central(a, axis):
    padded = _pad(a, axis)
    return jnp.moveaxis((padded[2:] - padded[:-2]) / 2, 0, axis)


def _second(a, axis):
    padded = _pad(a, axis)
    return jnp.moveaxis(padded[2:] - 2 * padded[1:-1] + padded[:-2], 0, axis)
