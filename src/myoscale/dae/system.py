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
from ..drive import AbstractDrive, Length, rates
from ..drive import at as value_at
from ..model import Model, Stacked
from ..numerics import arrow, small
from ..numerics.once import once
from ..population.base import Measure, pair_energy, pair_forces
from ..population.cycling import held as held_energies
from ..types import Array, Float


class Bridges(NamedTuple):
    """Bridges as they move, at each point (P, N, nx)."""

    x: Float[Array, "P N nx"]
    v: Float[Array, "P N nx"]


class Ties(NamedTuple):
    """Bridges as they move, at each point (P, N, …): extension, velocity; and of where they are the force and the derivatives of g."""

    x: Float[Array, "P N nx"]
    v: Float[Array, "P N nx"]
    f: Float[Array, "P N nx"]  # F₁ and pair forces
    A: Float[Array, "P N k nx"]
    B: Float[Array, "P N k nq"]
    guess: Float[Array, "P N k"]  # κ per length of a step, where a search for it begins: about λ/2m


class System(NamedTuple):
    """What stays fixed while stepping; `scale` is the size of the terms of g."""

    model: Model
    drive: AbstractDrive
    c: Float[Array, "P N k"]
    w: Float[Array, "P N"]
    scale: Float[Array, ""]
    differentiable: bool = False  # in reverse mode, which cannot pass through loops of unknown length
    modes: int = 0  # of the grid through which pairs are summed; 0 for every pair


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


def tangent(system: System, x: Array, q: Array) -> Tangent:
    """The constraints and their derivatives at x and q.

    Loops carry what this returns: whatever else needs it reads memory, and would compute the constraint once more for each use.
    """

    def one(bridge, x, q, c):
        def both(x, q):
            g = bridge.constraint(x, q)
            return g, g

        (a, b), g = jax.jacfwd(both, argnums=(0, 1), has_aux=True)(x, q)
        return Tangent(g - c, a, b)

    point = lambda bridge, x, q, c: jax.vmap(lambda x, c: one(bridge, x, q, c))(x, c)
    return macro.over_points(system.model, point, x, q, system.c)


def forces(system: System, x: Array) -> Float[Array, "P N nx"]:
    """f_i = F₁(X_i) + Σ_j w_j K(X_j, X_i); of cycling bridges those of one attached state come after those of another."""

    def point(bridge, x, w):
        if getattr(bridge, "cycling", None) is None:
            elastic = -jax.vmap(jax.grad(bridge.energy))(x)
        else:
            states = held_energies(bridge)
            each = [
                jax.vmap(jax.grad(one))(part) for one, part in zip(states, jnp.split(x[:, 0], len(states)), strict=True)
            ]
            elastic = -jnp.concatenate(each)[:, None]
        return elastic if bridge.interaction is None else elastic + pair_forces(bridge, Measure(x, w), system.modes)

    return macro.over_points(system.model, point, x, system.w)


def masses(model: Model, points: int) -> Float[Array, " P"]:
    """m at each point."""
    mass = model.bridge.mass if isinstance(model.bridge, Stacked) else jnp.asarray(model.bridge.mass, float)
    return jnp.broadcast_to(mass, (points,))


def per_mass(model: Model, f: Float[Array, "P N nx"]) -> Float[Array, "P N nx"]:
    """f/m; nothing for massless bridges, whose forces go straight to the tissue."""
    m = masses(model, f.shape[0])
    return f * jnp.where(m > 0, 1.0 / jnp.where(m > 0, m, 1.0), 0.0)[:, None, None]


def weighted(system: System, B: Float[Array, "P N k nq"]) -> Float[Array, "P N k nq"]:
    """ω w m B, what κ pulls with."""
    heads = system.model.tissue.heads
    weight = (heads * masses(system.model, heads.size))[:, None] * system.w
    return weight[..., None, None] * B


def pull(q_y: Float[Array, "P nq ny"], f: Float[Array, "P nq"]) -> Float[Array, " ny"]:
    """Σ_p q_p′ᵀ f_p."""
    return jnp.einsum("pia,pi->a", q_y, f)


def massless_pull(system: System, A: Array, B: Array, f: Array) -> Float[Array, "P nq"]:
    """−ω Σ w Bᵀ(AAᵀ)⁻¹A f where m = 0, k = nx (the index is 1 there), zero elsewhere."""
    model, m = system.model, masses(system.model, A.shape[0])
    none = jnp.zeros((B.shape[0], B.shape[3]))
    if A.shape[2] != A.shape[3]:
        return none

    def elastic():
        force = jax.vmap(jax.vmap(lambda a, b, f: -b.T @ small.inverse(a @ a.T) @ (a @ f)))(A, B, f)
        return jnp.where(m > 0, 0.0, model.tissue.heads)[:, None] * jnp.einsum("pn,pni->pi", system.w, force)

    return jax.lax.cond(jnp.any(m == 0), elastic, lambda: none)


def tissue_force(system: System, t: Array, y: Array) -> Float[Array, " ny"]:
    """F₀(y) + ℓ(t)."""
    return -jax.grad(system.model.tissue.energy)(y) + value_at(system.drive.load, t, y.size)


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


def near_singular(A: Float[Array, "P N k nx"], ny: int) -> arrow.Kept:
    """The bridges nearest to a loss of rank, as many as could lose it at once: never eliminated (theory.md section 11)."""
    return arrow.weakest(singular_values(A), ny)


def place(system: System, motion: macro.Motion) -> macro.Motion:
    """A motion of `Bridges` with what steppers keep of where they are."""
    (x, v), q = motion.z, system.model.tissue.kinematics(motion.y)
    now = tangent(system, x, q)
    return motion._replace(z=Ties(x, v, forces(system, x), now.A, now.B, jnp.zeros(system.c.shape)))


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


def bent(system: System, motion: macro.Motion) -> Float[Array, "P N k"]:
    """The second derivative of g along the velocities."""
    ties = motion.z
    q, u, _ = macro.kinematics(system.model, motion.y, motion.v)

    def point(bridge, x, dx, q, u):
        return jax.vmap(lambda x, dx: mechanics.curvature(bridge, x, q, dx, u))(x, dx)

    return macro.over_points(system.model, point, ties.x, ties.v, q, u)


class Accelerations(NamedTuple):
    """The solution of the saddle-point system of theory.md section 2."""

    tissue: Float[Array, " ny"]
    kappa: Float[Array, "P N k"]
    bridges: Float[Array, "P N nx"]
    reaction: Float[Array, " ny"]  # what holds a prescribed motion


def accelerate(system: System, t: Array, motion: macro.Motion, bend: Float[Array, "P N k"]) -> Accelerations:
    """Accelerations at one instant; `bend` is what `bent` says there."""
    model, ties = system.model, motion.z
    y, v, A, B = motion.y, motion.v, ties.A, ties.B
    _, _, bias = macro.kinematics(model, y, v)
    _, q_y = geometry(model, y)
    h = bend + jnp.einsum("pnkj,pj->pnk", B, bias)
    free = per_mass(model, ties.f)
    e = -h - jnp.einsum("pnkx,pnx->pnk", A, free)
    mass = jnp.asarray(model.tissue.mass_matrix)
    b = tissue_force(system, t, y) - macro.damping_matrix(model) @ v + pull(q_y, massless_pull(system, A, B, ties.f))
    a, kappa = tie(system, mass, b, q_y, ties, e, near_singular(A, y.size), prescribed(system, t)[2])
    reaction = mass @ a - b - pull(q_y, jnp.einsum("pnkj,pnk->pj", weighted(system, B), kappa))
    return Accelerations(a, kappa, free + jnp.einsum("pnkx,pnk->pnx", A, kappa), reaction)


def instant(system: System, t: Array, motion: macro.Motion) -> Instant:
    """Accelerations and multipliers at one instant."""
    model = system.model
    A, B, f = motion.z.A, motion.z.B, motion.z.f
    q, u, _ = macro.kinematics(model, motion.y, motion.v)
    m = masses(model, q.shape[0])[:, None, None]

    def bridges(motion):
        found = accelerate(system, t, motion, bent(system, motion))
        multiplier = m * found.kappa
        if A.shape[2] == A.shape[3]:
            direct = lambda a, f: -small.inverse(a @ a.T) @ (a @ f)
            multiplier = jax.lax.cond(
                jnp.any(m == 0),
                lambda: jnp.where(m > 0, multiplier, jax.vmap(jax.vmap(direct))(A, f)),
                lambda: multiplier,
            )
        return found, multiplier, jnp.einsum("pnkj,pnk->pnj", B, multiplier)

    found, multiplier, each = once(bridges, t, motion)
    weight = model.tissue.heads[:, None] * system.w
    return Instant(
        acceleration=found.tissue,
        reaction=found.reaction,
        multiplier=multiplier,
        force=jnp.einsum("pn,pnj->pj", weight, each),
        pulls=weight[..., None] * each,
        guess=found.kappa / 2,
        position=jnp.max(jnp.abs(tangent(system, motion.z.x, q).r)),
        velocity=jnp.max(jnp.abs(slip(motion, u))),
        singular_value=singular_values(A),
    )


def tie(
    system: System,
    M: Array,
    b: Array,
    q_y: Array,
    at: Ties | Tangent,
    e: Array,
    kept: arrow.Kept,
    given: Array | None,
) -> tuple[Float[Array, " ny"], Float[Array, "P N k"]]:
    """a and κ with M a − Σ ω w m Bᵀκ = b and AAᵀκ + B q′a = e, A and B those `at` a place."""
    blocks = arrow.Blocks(weighted(system, at.B), at.B, jnp.einsum("pnix,pnjx->pnij", at.A, at.A))
    solved = arrow.eliminate(M, b, q_y, q_y, blocks, e, kept, held(system), given)
    return solved.a, solved.unknowns(jnp.einsum("pia,a->pi", q_y, solved.a))


def slip(motion: macro.Motion, u: Float[Array, "P nq"]) -> Float[Array, "P N k"]:
    """A Ẋ + B q̇."""
    ties = motion.z
    return jnp.einsum("pnkx,pnx->pnk", ties.A, ties.v) + jnp.einsum("pnkj,pj->pnk", ties.B, u)


def project(system: System, motion: macro.Motion) -> macro.Motion:
    """Velocities of the bridges brought to A Ẋ + B q̇ = 0 by the shortest way, ẏ as it is."""
    ties = motion.z
    wrong = slip(motion, macro.kinematics(system.model, motion.y, motion.v)[1])
    back = jax.vmap(jax.vmap(lambda a, r: a.T @ small.inverse(a @ a.T) @ r))(ties.A, wrong)
    return motion._replace(z=ties._replace(v=ties.v - back))


def jump(system: System, t: Array, motion: macro.Motion) -> macro.Motion:
    """Velocities after an impulse on the prescribed coordinates, which then have the velocities given at t."""
    model, ties = system.model, motion.z
    _, q_y = geometry(model, motion.y)
    mass = jnp.asarray(model.tissue.mass_matrix)
    e = -jnp.einsum("pnkx,pnx->pnk", ties.A, ties.v)
    given = prescribed(system, t)[1]
    v, kappa = tie(system, mass, mass @ motion.v, q_y, ties, e, near_singular(ties.A, motion.y.size), given)
    return motion._replace(v=v, z=ties._replace(v=ties.v + jnp.einsum("pnkx,pnk->pnx", ties.A, kappa)))


def energies(system: System, motion: macro.Motion) -> macro.Ledger:
    """½ẏᵀM₀ẏ, Σω½m w|Ẋ|², W₀, Σω w W₁, Σω½ w w V."""
    model, w = system.model, system.w
    heads = model.tissue.heads

    def bridges(x, v):
        elastic = macro.over_points(model, lambda bridge, x: jax.vmap(bridge.energy)(x), x)
        return 0.5 * jnp.sum(v**2, axis=-1), elastic

    kinetic, elastic = once(bridges, motion.load, motion.z.x, motion.z.v)
    pair = macro.over_points(
        model, lambda bridge, x, w: pair_energy(bridge, Measure(x, w), system.modes), motion.z.x, w
    )
    sum_of = lambda each: jnp.einsum("pn,pn->p", w, each)
    return macro.Ledger(
        kinetic_tissue=0.5 * motion.v @ jnp.asarray(model.tissue.mass_matrix) @ motion.v,
        kinetic_bridges=heads * masses(model, heads.size) @ sum_of(kinetic),
        passive=model.tissue.energy(motion.y),
        bridges=heads @ sum_of(elastic),
        pair=heads @ pair,
    )
