"""The macroscopic equation, for every tissue and every representation of its bridges (theory.md sections 3, 5, 12).

    M_y ÿ = pull(f − M q̈₀) − ∇W₀ − Dẏ + ℓ,      M_y = M₀ + assemble(M),      q̈₀ = q″[ẏ, ẏ],

with M, f and ż of each point from its population. Nothing here knows how a population is represented.
"""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp

from .drive import AbstractDrive, Length, QuasiStatic, at, rates
from .model import Model, Stacked
from .numerics import small
from .population import AbstractPopulation
from .types import Array, Float, PyTree


class Motion(NamedTuple):
    """The integrator's state: tissue, moving parts of the populations, and work done so far by load and damping."""

    y: Float[Array, " ny"]
    v: Float[Array, " ny"]
    z: PyTree
    load: Float[Array, ""]
    damping: Float[Array, ""]
    noise: Any = None  # work done by noise, where there is any


class Balance(NamedTuple):
    """One evaluation of the macroscopic equation."""

    acceleration: Float[Array, " ny"]  # ÿ
    rate: PyTree  # ż, a leading axis P
    force: Float[Array, "P nq"]  # what the bridges do to the tissue at each point, ω_p(f − M q̈)
    reaction: Float[Array, " ny"]  # what holds a prescribed motion; zero elsewhere


def over_points(model: Model, function, *arguments: PyTree) -> PyTree:
    """`function(bridge, …)` at each point of the tissue; arguments and result have a leading axis P."""
    bridge = model.bridge.each if isinstance(model.bridge, Stacked) else model.bridge
    stacked = bridge is not model.bridge
    if jax.tree.leaves(arguments)[0].shape[0] == 1:  # one point needs no batching, and its loops no masks
        first = lambda tree: jax.tree.map(lambda a: a[0], tree)
        result = function(first(bridge) if stacked else bridge, *map(first, arguments))
        return jax.tree.map(lambda a: a[None], result)
    return jax.vmap(function, (0 if stacked else None, *(0 for _ in arguments)))(bridge, *arguments)


def kinematics(model: Model, y: Array, v: Array) -> tuple[Array, Array, Array]:
    """q, q̇ and q̈₀ = q″[ẏ, ẏ], each (P, nq)."""
    first = lambda y: jax.jvp(model.tissue.kinematics, (y,), (v,))
    (q, u), (_, bias) = jax.jvp(first, (y,), (v,))
    return q, u, bias


def balance(
    model: Model,
    population: AbstractPopulation,
    drive: AbstractDrive,
    t: Array,
    y: Array,
    v: Array,
    z: PyTree,
    push: Array | None = None,
) -> Balance:
    """ÿ and ż at one instant; `push` is a further force on the tissue, (ny,)."""
    tissue = model.tissue
    q, u, bias = kinematics(model, y, v)
    mass, force, rate = over_points(model, population.local, z, q, u)
    total = jnp.asarray(tissue.mass_matrix) + tissue.assemble(y, mass)
    free = force - jnp.einsum("pij,pj->pi", mass, bias)
    right = tissue.pull(y, free) - jax.grad(tissue.energy)(y) - damping_matrix(model) @ v + at(drive.load, t, y.size)
    if push is not None:
        right = right + push
    if isinstance(drive, Length):
        held = drive.indices(y.size)
        acceleration = constrained(total, right, held, rates(drive.y, t, len(held))[2])
        reaction = total @ acceleration - right
    else:
        acceleration, reaction = small.solve(total, right), jnp.zeros_like(right)
    to_q = jax.jvp(tissue.kinematics, (y,), (acceleration,))[1]
    force = tissue.heads[:, None] * (free - jnp.einsum("pij,pj->pi", mass, to_q))
    return Balance(acceleration, rate, force, reaction)


def constrained(total: Array, right: Array, held: tuple[int, ...], given: Array) -> Float[Array, " ny"]:
    """a with total · a = right in the free coordinates, where those `held` are given: accelerations, or jumps of velocities."""
    free = [k for k in range(right.size) if k not in held]
    result = jnp.zeros_like(right).at[jnp.array(held)].set(given)
    if free:
        index = jnp.array(free)
        rest = (right - total @ result)[index]
        result = result.at[index].set(small.solve(total[jnp.ix_(index, index)], rest))
    return result


def prescribe(drive: AbstractDrive, t: Array, y: Array, v: Array) -> tuple[Array, Array]:
    """y and ẏ with the prescribed coordinates at their exact values."""
    if not isinstance(drive, Length):
        return y, v
    held = jnp.array(drive.indices(y.size))
    position, velocity, _ = rates(drive.y, t, held.size)
    return jnp.asarray(y).at[held].set(position), jnp.asarray(v).at[held].set(velocity)


def mass_matrix(model: Model, population: AbstractPopulation, y: Array, z: PyTree) -> Float[Array, "ny ny"]:
    """M_y = M₀ + assemble(M)."""
    q = model.tissue.kinematics(y)
    mass = over_points(model, lambda bridge, z, q: population.inertia(bridge, z, q), z, q)
    return jnp.asarray(model.tissue.mass_matrix) + model.tissue.assemble(y, mass)


def damping_matrix(model: Model) -> Float[Array, "ny ny"]:
    """D, zeros where the tissue declares none, and the friction of a thermostat."""
    ny, damping = model.tissue.ny, model.tissue.damping
    damping = jnp.zeros((ny, ny)) if damping is None else jnp.reshape(jnp.asarray(damping), (ny, ny))
    drag = None if model.noise is None else model.noise.drag(ny)
    return damping if drag is None else damping + drag


def vector_field(
    model: Model,
    population: AbstractPopulation,
    drive: AbstractDrive,
    t: Array,
    motion: Motion,
    z: PyTree,
    push: Array | None = None,
) -> Motion:
    """d(motion)/dt; `z` holds the populations whole, moving parts included, `push` (ny,) is the force of noise on the tissue."""
    y, v = prescribe(drive, t, motion.y, motion.v)
    if isinstance(drive, QuasiStatic):
        v, rate = quasi_static_rate(model, population, drive, t, y, z)
        acceleration, reaction = jnp.zeros_like(v), jnp.zeros_like(v)
    else:
        acceleration, rate, _, reaction = balance(model, population, drive, t, y, v, z, push)
    load = v @ (at(drive.load, t, y.size) + reaction)
    noise = None if push is None else v @ push
    return Motion(v, acceleration, rate, load, -v @ damping_matrix(model) @ v, noise)


def static_force(model: Model, population: AbstractPopulation, y: Array, z: PyTree, v: Array | None = None) -> Array:
    """pull(f) − ∇W₀ without inertia, (ny,); v tells a density its upwind sides."""
    q, u, _ = kinematics(model, y, jnp.zeros_like(y) if v is None else v)
    _, force, _ = over_points(model.one_way(), population.local, z, q, u)
    return model.tissue.pull(y, force) - jax.grad(model.tissue.energy)(y)


def quasi_static_rate(
    model: Model, population: AbstractPopulation, drive: AbstractDrive, t: Array, y: Array, z: PyTree
) -> tuple[Array, PyTree]:
    """ẏ and ż that keep equilibrium: D ẏ = R(y, z, t) with damping, else the time derivative of R = 0.

    Without damping K ẏ = ℓ̇, K the tangent stiffness with the populations carried along.
    """
    model = model.one_way()
    carry = lambda v: over_points(model, population.transport, z, *kinematics(model, y, v)[:2])
    if model.tissue.damping is not None:
        load, damping = at(drive.load, t, y.size), damping_matrix(model)
        v = small.solve(damping, static_force(model, population, y, z) + load)
        v = small.solve(damping, static_force(model, population, y, z, v) + load)
        return v, carry(v)
    _, load_rate, _ = rates(drive.load, t, y.size)
    stiffness = -jax.vmap(
        lambda e: carried(lambda y, z: static_force(model, population, y, z), y, z, e, carry(e)), out_axes=1
    )(jnp.eye(y.size))
    v = small.solve(stiffness, load_rate)
    return v, carry(v)


def carried(function, y: Array, z: PyTree, direction: Array, rate: PyTree) -> Array:
    """Derivative of `function(y, z)` along y + s·direction with the populations moving at `rate`."""
    rate = jax.tree.map(lambda r, leaf: jnp.zeros_like(leaf) if r is None else r, rate, z, is_leaf=lambda r: r is None)
    z, states = eqx.partition(z, eqx.is_inexact_array)  # which state a head is in has no derivative
    rate, _ = eqx.partition(rate, eqx.is_inexact_array)
    return jax.jvp(lambda y, z: function(y, eqx.combine(z, states)), (y, z), (direction, rate))[1]


class Ledger(NamedTuple):
    """The energies of one instant (theory.md section 4)."""

    kinetic_tissue: Array
    kinetic_bridges: Array
    passive: Array
    bridges: Array
    pair: Array


def ledger(model: Model, population: AbstractPopulation, drive: AbstractDrive, y: Array, v: Array, z: PyTree) -> Ledger:
    """½ẏᵀM₀ẏ, Σω ½q̇ᵀMq̇, W₀, Σω∫W₁, Σω½∬V; no kinetic energies where the drive is quasi-static."""
    kinetic, elastic, pair = energies(model, population, y, v, z)
    moving = 0.0 if isinstance(drive, QuasiStatic) else 1.0
    tissue = 0.5 * v @ jnp.asarray(model.tissue.mass_matrix) @ v
    return Ledger(moving * tissue, moving * kinetic, model.tissue.energy(y), elastic, pair)


def energies(model: Model, population: AbstractPopulation, y: Array, v: Array, z: PyTree) -> tuple[Array, Array, Array]:
    """Σω ½q̇ᵀMq̇, Σω∫W₁ and Σω½∬V: what the bridges have."""
    q, u, _ = kinematics(model, y, v)

    def point(bridge, z, q, u):
        return (0.5 * u @ population.inertia(bridge, z, q) @ u, *population.energies(bridge, z, q))

    kinetic, elastic, pair = (model.tissue.heads @ part for part in over_points(model, point, z, q, u))
    return kinetic, elastic, pair


def stiffness(model: Model, population: AbstractPopulation, y: Array, z: PyTree) -> Float[Array, "P nq nq"]:
    """−∂(elastic force of the bridges)/∂q at each point, the population carried along: what a fast stretch would feel."""
    model = model.one_way()
    q = model.tissue.kinematics(y)

    def point(bridge, z, q):
        force = lambda q, z: population.local(bridge, z, q, jnp.zeros_like(q))[1]
        column = lambda e: carried(force, q, z, e, population.transport(bridge, z, q, e))
        return -jax.vmap(column, out_axes=1)(jnp.eye(q.size))

    return model.tissue.heads[:, None, None] * over_points(model, point, z, q)
