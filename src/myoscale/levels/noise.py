"""Noise along a run: one Brownian path from the seed, resolved in pieces (theory.md section 10).

In a piece [s, s + h] the path is the cubic with its increment W and its first two moments, the space-time and space-time-time Lévy areas H and K,
which are drawn exactly. To the motion this is a smooth load,

    β(τ) = (W + 6(1 − 2τ)H + 60(1 − 6τ + 6τ²)K)/h,     0 ≤ τ ≤ 1,

so every stepper, representation and energy balance stays what it was, and levels see the same load to the last bit. Itô's and Stratonovich's readings
agree here, so the limit h → 0 needs no correction. What the cubic leaves out is a bridge of variance
s(τ)h, s = τ(1 − τ) − 3τ²(1 − τ)² − 5τ²(1 − τ)²(1 − 2τ)². It shakes ẏ by M_eff⁻¹Σ times itself and so adds ½sh tr(M_eff⁻¹ΣΣᵀ) to the kinetic energy in the mean:
a potential, where M_eff depends on y, whose force is added. With it y and ẏ converge like h^{3/2} on each path and like h² in law, where M_eff is constant like h³.

Foster, Lyons and Oberhauser (2020): the polynomials; Jelinčič, Foster and Kidger (2024): the tree that the areas are drawn from.
"""

from typing import Any, NamedTuple

import diffrax
import jax
import jax.numpy as jnp

from .. import macro, mechanics
from ..drive import AbstractDrive, Length
from ..model import Model
from ..numerics import small
from ..numerics.blocks import block_sum
from ..population import AbstractPopulation
from ..types import Array, Float, PyTree
from .base import AbstractLevel
from .reduced import Reduced

MOST_PIECES = 2**18  # in a run
_FINEST = 2.0**-24  # of a run: where the tree ends


class Areas(NamedTuple):
    """Of each component of a Brownian path in one piece."""

    W: Float[Array, " nw"]  # increment
    H: Float[Array, " nw"]
    K: Float[Array, " nw"]


class Source(NamedTuple):
    """Where the noise of a run comes from."""

    key: Any
    t1: Float[Array, ""]
    amplitude: Float[Array, "ny nw"]  # Σ
    share: Any  # of per-bridge noise: σ²w_i, (P, N) or (P, 1); None where the level carries none
    pieces: Any = 1  # between two recorded times


class Piece(NamedTuple):
    """The noise while one piece lasts."""

    begin: Float[Array, ""]
    length: Float[Array, ""]
    areas: Areas
    amplitude: Float[
        Array, "ny nw"
    ]  # Σ, and a factor of what reaches the tissue from its bridges; zero where the motion is prescribed
    unresolved: Float[Array, " ny"]  # −½∇tr(M_eff⁻¹ΣΣᵀ)


def source(
    model: Model, level: AbstractLevel, weights: Array | None, count: int, key: Array, t1: float, pieces: Any
) -> Source | None:
    """The noise of a run; `weights` (P, N) of its `count` bridges at each point, None if all are equal."""
    noise = model.noise
    if noise is None:
        return None
    share = None
    if isinstance(level, Reduced) and noise.bridges is not None:
        variance = jnp.asarray(noise.bridges) ** 2
        share = variance * (jnp.full((1, 1), 1.0 / count) if weights is None else jnp.asarray(weights))
        share = jnp.broadcast_to(share, (model.tissue.heads.shape[0], share.shape[1]))
    return Source(key, jnp.asarray(t1, float), noise.amplitude(model.tissue.ny), share, pieces)


def piece(
    model: Model,
    population: AbstractPopulation,
    drive: AbstractDrive,
    source: Source,
    t: Array,
    h: Array,
    motion: macro.Motion,
    z: PyTree,
) -> Piece:
    """The path from t to t + h, which begins with this motion and the populations z.

    What depends on y is taken at one point of the piece, the bridges' part on its way to the middle: that is of second order in law.
    """
    y, v = macro.prescribe(drive, t, motion.y, motion.v)
    held = drive.indices(y.size) if isinstance(drive, Length) else ()
    free = jnp.array([float(k not in held) for k in range(y.size)])  # what holds a coordinate takes its noise
    amplitude = free[:, None] * source.amplitude
    unresolved = _unresolved(model, population, free, amplitude, y, z)
    if source.share is not None:
        spread = small.cholesky(_bridges(model, population, source.share, y + h / 2 * v, z))
        amplitude = jnp.concatenate([amplitude, free[:, None] * spread], axis=1)
    areas = _areas(source.key, source.t1, amplitude.shape[1], t, h)
    return Piece(t, jnp.where(h > 0, h, 1.0), areas, amplitude, unresolved)


def path(key: Any, t1: Array, component: Array | int) -> diffrax.VirtualBrownianTree:
    """One component of the Brownian path of a run with this key, from 0 to t1: those on the tissue first, whatever the level."""
    struct, own = jax.ShapeDtypeStruct((), float), jax.random.fold_in(jax.random.fold_in(key, 2), component)
    return diffrax.VirtualBrownianTree(
        0.0, t1, _FINEST * t1, struct, own, diffrax.SpaceTimeTimeLevyArea, _spline="zero"
    )


def _areas(key: Any, t1: Array, size: int, t: Array, h: Array) -> Areas:
    ends = jnp.minimum(t, t1), jnp.minimum(t + h, t1)
    found: Any = jax.vmap(lambda k: path(key, t1, k).evaluate(*ends, use_levy=True))(jnp.arange(size))
    return Areas(found.W, found.H, found.K)


def push(noise: Piece, t: Array) -> Float[Array, " ny"]:
    """The force of the noise on the tissue."""
    (w, h, k), length = noise.areas, noise.length
    s = jnp.clip((t - noise.begin) / length, 0.0, 1.0)
    b, turn = s * (1.0 - s), 1.0 - 2.0 * s
    rate = (w + 6.0 * turn * h + 60.0 * (1.0 - 6.0 * b) * k) / length
    return noise.amplitude @ rate + (b - 3.0 * b**2 - 5.0 * (b * turn) ** 2) * length * noise.unresolved


def _unresolved(model, population, free, amplitude, y, z) -> Float[Array, " ny"]:
    """−½∇tr(M_eff⁻¹ΣΣᵀ) on the coordinates that are free, the populations carried along."""
    mass = lambda y, z: macro.mass_matrix(model, population, y, z)
    rise = small.inverse(free[:, None] * mass(y, z) * free[None, :] + jnp.diag(1.0 - free)) @ amplitude

    def along(e):
        q, u, _ = macro.kinematics(model, y, e)
        rate = macro.over_points(model, population.transport, z, q, u)
        return jnp.sum(rise * (macro.carried(mass, y, z, e, rate) @ rise))

    return 0.5 * jax.vmap(along)(jnp.eye(y.size))


def _bridges(model: Model, population: AbstractPopulation, share: Array, y: Array, z: PyTree) -> Float[Array, "ny ny"]:
    """Σ_i w_i²σ²Φ_iᵀΦ_i, the variance of Σ_i w_iΦ_iᵀσ dB_i in a unit of time: a sum of N noises is in law this one noise."""

    def point(bridge, z, q, share):
        measure = population.measure(bridge, z, q)

        def product(part):
            phi = mechanics.flow(bridge, part[0], q)
            return part[1] * phi.T @ phi

        return block_sum(product, (measure.x, measure.w * share))

    tissue = model.tissue
    each = macro.over_points(model, point, z, tissue.kinematics(y), share)
    return tissue.assemble(y, tissue.heads[:, None, None] * each)
