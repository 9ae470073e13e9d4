"""State and parts of the constrained system: what its steppers, its start and its records share.

At point p bridge i has the extension X, the velocity Ẋ and the label c, and keeps g(X, q_p(y)) = c. With A = g_x and B = g_q,

    M₀ÿ = F₀ − Dẏ + ℓ + Σ_p ω_p q_p′ᵀ Σ_i w_i Bᵀλ,      mẌ = f + Aᵀλ,      A Ẋ + B q̇ = 0,      A Ẍ + B q̈ + h = 0.

In all solves the blocks' unknown is κ, a multiple of λ/m, so that equations of blocks do not know their weights.
Arrays have leading axes (P, N).
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from .. import macro, mechanics
from ..drive import AbstractDrive, Length, at, rates
from ..model import Model, Stacked
from ..numerics import arrow, small
from ..population.base import Measure, pair_energy, pair_forces
from ..types import Array, Float


class Ties(NamedTuple):
    """Bridges at each point (P, N, …): extension, velocity, label, weight; the force on each, and κ where a search for it begins."""

    x: Float[Array, "P N nx"]
    v: Float[Array, "P N nx"]
    f: Float[Array, "P N nx"]
    guess: Float[Array, "P N k"]  # about λ/2m
    c: Float[Array, "P N k"]
    w: Float[Array, "P N"]


class System(NamedTuple):
    """What stays fixed while stepping; `scale` is the size of the terms of g."""

    model: Model
    drive: AbstractDrive
    scale: Float[Array, ""]
    differentiable: bool = False  # in reverse mode, which cannot pass through loops of unknown length


class Tangent(NamedTuple):
    """g − c, A = g_x and B = g_q of every bridge."""

    r: Float[Array, "P N k"]
    A: Float[Array, "P N k nx"]
    B: Float[Array, "P N k nq"]


def iterate(system: System, going: Callable, body: Callable, first: Any, count: int) -> Any:
    """`body` again and again while `going` says so, or `count` times where derivatives are wanted."""
    if not system.differentiable:
        return jax.lax.while_loop(going, body, first)
    return jax.lax.scan(lambda now, _: (body(now), None), first, None, length=count)[0]


def rows(model: Model, x: Array, q: Array) -> int:
    """k."""
    bridge = model.bridge.each if isinstance(model.bridge, Stacked) else model.bridge
    one = (lambda tree: jax.tree.map(lambda a: a[0], tree)) if isinstance(model.bridge, Stacked) else lambda tree: tree
    return jax.eval_shape(lambda x, q: one(bridge).constraint(x, q), x[0, 0], q[0]).shape[0]


def geometry(model: Model, y: Float[Array, " ny"]) -> tuple[Float[Array, "P nq"], Float[Array, "P nq ny"]]:
    """q and q′ of every point."""
    return model.tissue.kinematics(y), jax.jacfwd(model.tissue.kinematics)(y)


def tangent(model: Model, x: Array, q: Array, c: Array) -> Tangent:
    """The constraints and their derivatives at x and q."""

    def one(bridge, x, q, c):
        def both(x, q):
            g = bridge.constraint(x, q)
            return g, g

        (a, b), g = jax.jacfwd(both, argnums=(0, 1), has_aux=True)(x, q)
        return Tangent(g - c, a, b)

    return macro.over_points(model, lambda bridge, x, q, c: jax.vmap(lambda x, c: one(bridge, x, q, c))(x, c), x, q, c)


def forces(model: Model, x: Array, w: Array) -> Float[Array, "P N nx"]:
    """f_i = F₁(X_i) + Σ_j w_j K(X_j, X_i)."""

    def point(bridge, x, w):
        elastic = -jax.vmap(jax.grad(bridge.energy))(x)
        return elastic if bridge.interaction is None else elastic + pair_forces(bridge, Measure(x, w))

    return macro.over_points(model, point, x, w)


def masses(model: Model, points: int) -> Float[Array, " P"]:
    """m at each point."""
    mass = model.bridge.mass if isinstance(model.bridge, Stacked) else jnp.asarray(model.bridge.mass, float)
    return jnp.broadcast_to(mass, (points,))


def per_mass(model: Model, f: Float[Array, "P N nx"]) -> Float[Array, "P N nx"]:
    """f/m; nothing for massless bridges, whose forces go straight to the tissue."""
    m = masses(model, f.shape[0])
    return f * jnp.where(m > 0, 1.0 / jnp.where(m > 0, m, 1.0), 0.0)[:, None, None]


def weighted(model: Model, w: Float[Array, "P N"], B: Float[Array, "P N k nq"]) -> Float[Array, "P N k nq"]:
    """ω w m B, what κ pulls with."""
    weight = (model.tissue.heads * masses(model, w.shape[0]))[:, None] * w
    return weight[..., None, None] * B


def pull(q_y: Float[Array, "P nq ny"], f: Float[Array, "P nq"]) -> Float[Array, " ny"]:
    """Σ_p q_p′ᵀ f_p."""
    return jnp.einsum("pia,pi->a", q_y, f)


def massless_pull(model: Model, ties: Ties, A: Array, B: Array) -> Float[Array, "P nq"]:
    """−ω Σ w Bᵀ(AAᵀ)⁻¹A f where m = 0, k = nx (the index is 1 there), zero elsewhere."""
    m = masses(model, A.shape[0])
    none = jnp.zeros((B.shape[0], B.shape[3]))
    if A.shape[2] != A.shape[3]:
        return none

    def elastic():
        force = jax.vmap(jax.vmap(lambda a, b, f: -b.T @ small.inverse(a @ a.T) @ (a @ f)))(A, B, ties.f)
        return jnp.where(m > 0, 0.0, model.tissue.heads)[:, None] * jnp.einsum("pn,pni->pi", ties.w, force)

    return jax.lax.cond(jnp.any(m == 0), elastic, lambda: none)


def tissue_force(system: System, t: Array, y: Array) -> Float[Array, " ny"]:
    """F₀(y) + ℓ(t)."""
    return -jax.grad(system.model.tissue.energy)(y) + at(system.drive.load, t, y.size)


def held(system: System) -> tuple[int, ...]:
    """Prescribed coordinates."""
    return system.drive.indices(system.model.tissue.ny) if isinstance(system.drive, Length) else ()


def prescribed(system: System, t: Array) -> tuple[Array, Array, Array] | tuple[None, None, None]:
    """Position, velocity and acceleration of the held coordinates."""
    return rates(system.drive.y, t, len(held(system))) if isinstance(system.drive, Length) else (None, None, None)


def singular_values(A: Float[Array, "P N k nx"]) -> Float[Array, "P N"]:
    """About the smallest singular value of each A (exact for k = 1, a lower bound tight to √k else)."""
    if A.shape[2] == 1:
        return jnp.abs(A[..., 0, 0]) if A.shape[3] == 1 else jnp.sqrt(jnp.sum(A[..., 0, :] ** 2, axis=-1))
    gram = jnp.einsum("pnij,pnkj->pnik", A, A)
    return jnp.sqrt(jnp.abs(jax.vmap(jax.vmap(small.signed_singular_value))(gram)))


def near_singular(system: System, motion: macro.Motion) -> arrow.Kept:
    """The bridges nearest to a loss of rank, one more than could lose it at once: never eliminated (theory.md section 11)."""
    model, ties = system.model, motion.z
    A = tangent(model, ties.x, model.tissue.kinematics(motion.y), ties.c).A
    return arrow.weakest(singular_values(A), motion.y.size)


class Instant(NamedTuple):
    """Accelerations and multipliers at one instant."""

    acceleration: Float[Array, " ny"]
    reaction: Float[Array, " ny"]  # what holds a prescribed motion
    multiplier: Float[Array, "P N k"]  # λ, per unit weight
    force: Float[Array, "P nq"]  # on the tissue, ω Σ w Bᵀλ
    pulls: Float[Array, "P N nq"]  # its parts ω w Bᵀλ
    guess: Float[Array, "P N k"]
    position: Float[Array, ""]  # max |g − c|
    velocity: Float[Array, ""]  # max |A Ẋ + B q̇|
    singular_value: Float[Array, "P N"]


def instant(system: System, t: Array, motion: macro.Motion) -> Instant:
    """Solve the saddle-point system of theory.md section 2 at one instant."""
    model, ties = system.model, motion.z
    y, v = motion.y, motion.v
    q, u, bias = macro.kinematics(model, y, v)
    _, q_y = geometry(model, y)
    now = tangent(model, ties.x, q, ties.c)

    def bent(bridge, x, dx, q, u):
        return jax.vmap(lambda x, dx: mechanics.curvature(bridge, x, q, dx, u))(x, dx)

    h = macro.over_points(model, bent, ties.x, ties.v, q, u) + jnp.einsum("pnkj,pj->pnk", now.B, bias)
    free = per_mass(model, ties.f)
    e = -h - jnp.einsum("pnkx,pnx->pnk", now.A, free)
    blocks = arrow.Blocks(weighted(model, ties.w, now.B), now.B, jnp.einsum("pnix,pnjx->pnij", now.A, now.A))
    mass, massless = jnp.asarray(model.tissue.mass_matrix), massless_pull(model, ties, now.A, now.B)
    b = tissue_force(system, t, y) - macro.damping_matrix(model) @ v + pull(q_y, massless)
    size = singular_values(now.A)
    solved = arrow.eliminate(
        mass, b, q_y, q_y, blocks, e, arrow.weakest(size, y.size), held(system), prescribed(system, t)[2]
    )
    kappa = solved.unknowns(jnp.einsum("pia,a->pi", q_y, solved.a))
    m = masses(model, q.shape[0])[:, None, None]
    multiplier = m * kappa
    if now.A.shape[2] == now.A.shape[3]:
        direct = lambda a, f: -small.inverse(a @ a.T) @ (a @ f)
        multiplier = jax.lax.cond(
            jnp.any(m == 0),
            lambda: jnp.where(m > 0, multiplier, jax.vmap(jax.vmap(direct))(now.A, ties.f)),
            lambda: multiplier,
        )
    weight = model.tissue.heads[:, None] * ties.w
    pulls = weight[..., None] * jnp.einsum("pnkj,pnk->pnj", now.B, multiplier)
    force = jnp.einsum("pn,pnj->pj", weight, jnp.einsum("pnkj,pnk->pnj", now.B, multiplier))
    along = jnp.einsum("pnkx,pnx->pnk", now.A, ties.v) + jnp.einsum("pnkj,pj->pnk", now.B, u)
    return Instant(
        acceleration=solved.a,
        reaction=mass @ solved.a - (b - pull(q_y, massless)) - pull(q_y, force),
        multiplier=multiplier,
        force=force,
        pulls=pulls,
        guess=kappa / 2,
        position=jnp.max(jnp.abs(now.r)),
        velocity=jnp.max(jnp.abs(along)),
        singular_value=size,
    )


def project(system: System, t: Array, motion: macro.Motion) -> macro.Motion:
    """Velocities of the bridges brought to A Ẋ + B q̇ = 0 by the shortest way, ẏ as it is."""
    model, ties = system.model, motion.z
    q, u, _ = macro.kinematics(model, motion.y, motion.v)
    now = tangent(model, ties.x, q, ties.c)
    wrong = jnp.einsum("pnkx,pnx->pnk", now.A, ties.v) + jnp.einsum("pnkj,pj->pnk", now.B, u)
    back = jax.vmap(jax.vmap(lambda a, r: a.T @ small.inverse(a @ a.T) @ r))(now.A, wrong)
    return motion._replace(z=ties._replace(v=ties.v - back))


def jump(system: System, t: Array, motion: macro.Motion) -> macro.Motion:
    """Velocities after an impulse on the prescribed coordinates, which then have the velocities given at t."""
    model, ties = system.model, motion.z
    q, q_y = geometry(model, motion.y)
    now = tangent(model, ties.x, q, ties.c)
    mass = jnp.asarray(model.tissue.mass_matrix)
    blocks = arrow.Blocks(weighted(model, ties.w, now.B), now.B, jnp.einsum("pnix,pnjx->pnij", now.A, now.A))
    e = -jnp.einsum("pnkx,pnx->pnk", now.A, ties.v)
    kept = arrow.weakest(singular_values(now.A), motion.y.size)
    given = prescribed(system, t)[1]
    solved = arrow.eliminate(mass, mass @ motion.v, q_y, q_y, blocks, e, kept, held(system), given)
    kappa = solved.unknowns(jnp.einsum("pia,a->pi", q_y, solved.a))
    return motion._replace(v=solved.a, z=ties._replace(v=ties.v + jnp.einsum("pnkx,pnk->pnx", now.A, kappa)))


def energies(system: System, motion: macro.Motion) -> macro.Ledger:
    """½ẏᵀM₀ẏ, Σω½m w|Ẋ|², W₀, Σω w W₁, Σω½ w w V."""
    model, ties = system.model, motion.z
    heads = model.tissue.heads
    kinetic = heads * masses(model, heads.size) @ jnp.einsum("pn,pnx->p", ties.w, 0.5 * ties.v**2)

    def point(bridge, x, w):
        return w @ jax.vmap(bridge.energy)(x), pair_energy(bridge, Measure(x, w))

    elastic, pair = (heads @ part for part in macro.over_points(model, point, ties.x, ties.w))
    tissue = 0.5 * motion.v @ jnp.asarray(model.tissue.mass_matrix) @ motion.v
    return macro.Ledger(tissue, kinetic, model.tissue.energy(motion.y), elastic, pair)
