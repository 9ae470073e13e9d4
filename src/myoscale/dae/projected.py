"""Explicit steps of order 8, as long as an error estimate allows, brought back to both constraints after each.

Accelerations of tissue and bridges solve the saddle-point system at every stage of Dormand and Prince's method. It is written the way of
Nyström, x_i = x + c_i h v + h² Σ_j (A²)_ij a_j: the same numbers, and half the memory. What a step leaves of g − c and of A Ẋ + B q̇ is taken away by the
least motion in the metric of the masses, which keeps the order (Hairer, Lubich, Wanner, Geometric Numerical Integration, IV.4).
Solutions between steps come from the method's own interpolant, brought back in the same way.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import diffrax
import jax
import jax.numpy as jnp
import numpy as np

from .. import macro
from ..drive import at
from ..macro import Motion
from ..numerics import arrow
from ..numerics.once import once
from ..types import Array, Float, PyTree
from .advance import LOCAL, SHORTEST, longer
from .rattle import ROUNDING, SETTLED, together, turned
from .system import (
    Bridges,
    System,
    Tangent,
    Ties,
    accelerate,
    bent,
    geometry,
    near_singular,
    place,
    prescribed,
    singular_values,
    tangent,
    tie,
)

BRINK = 1e-6  # bridges are about to pass below this part of the greatest singular value
PASSES = 5  # of Newton's method
_TABLEAU = diffrax.Dopri8.tableau
_A = np.zeros((14, 14))  # the last row is that of the solution
for _row, _given in enumerate(_TABLEAU.a_lower):
    _A[_row + 1, : _row + 1] = _given
_AA = _A @ _A
_C = _A.sum(1)
_ERROR = np.asarray(_TABLEAU.b_error)
_DENSE = np.asarray(diffrax.Dopri8.interpolation_cls.eval_coeffs)


class Rate(NamedTuple):
    """What is stored of a stage: accelerations and powers."""

    v: Float[Array, " ny"]
    V: Float[Array, "P N nx"]
    load: Float[Array, ""]
    damping: Float[Array, ""]


class Arrival(NamedTuple):
    """How a run of steps ended; `records` are of the times asked for, motions of `Bridges`."""

    t: Float[Array, ""]
    motion: Motion
    records: PyTree
    h: Array  # length of the next step
    steps: Array
    regular: Array
    finished: Array


def rate(t: Array, motion: Motion, system: System) -> Rate:
    """Accelerations, from the saddle-point system, and powers of load and damping."""
    y, v = macro.prescribe(system.drive, t, motion.y, motion.v)

    def local(y, v, bridges):
        there = place(system, motion._replace(y=y, v=v, z=bridges))
        return there.z.f, there.z.A, there.z.B, bent(system, there)

    *ties, bend = once(local, t, y, v, motion.z)
    found = accelerate(system, t, motion._replace(y=y, v=v, z=Ties(*motion.z, *ties, guess=bend)), bend)
    load = v @ (at(system.drive.load, t, y.size) + found.reaction)
    return Rate(found.tissue, found.bridges, load, -v @ macro.damping_matrix(system.model) @ v)


def combine(motion: Motion, h: Array, time: Any, single: Any, double: Any, rates: Rate) -> Motion:
    """Motion for time·h with velocities as they are, and sums of rates: h Σ single_j a_j for velocities, h² Σ double_j a_j for positions.

    Weights that are NumPy's zeros are left out.
    """

    def total(weights, all):
        if isinstance(weights, np.ndarray):
            return sum(weight * all[j] for j, weight in enumerate(weights) if weight) + 0.0
        return jnp.tensordot(weights, all, axes=1)

    return Motion(
        y=motion.y + time * h * motion.v + h**2 * total(double, rates.v),
        v=motion.v + h * total(single, rates.v),
        z=Bridges(
            x=motion.z.x + time * h * motion.z.v + h**2 * total(double, rates.V),
            v=motion.z.v + h * total(single, rates.V),
        ),
        load=motion.load + h * total(single, rates.load),
        damping=motion.damping + h * total(single, rates.damping),
    )


class _At(NamedTuple):
    """Where stepping stands."""

    t: Array
    motion: Motion
    rate: Rate
    A: Array  # g_x there
    h: Array  # length of the next step
    steps: Array
    saved: Array  # times so far
    regular: Array  # false where no step was short enough to keep bridges from passing together that cannot
    short: Array


def stages(system: System, t: Array, motion: Motion, first: Rate, h: Array) -> Rate:
    """The rates of all stages of a step but that at its end."""
    count, times = len(_C) - 1, jnp.asarray(_C)
    rates = jax.tree.map(lambda a: jnp.zeros((count, *a.shape)).at[0].set(a), first)
    places = [lambda rates, k=k: combine(motion, h, _C[k], _A[k], _AA[k], rates) for k in range(1, count)]

    def stage(k, rates):
        here = jax.lax.switch(k - 1, places, rates)
        return keep(k, rates, rate(t + times[k] * h, here, system))

    return jax.lax.fori_loop(1, count, stage, rates)


def keep(k: Array | int, all: PyTree, one: PyTree) -> PyTree:
    """`all` with `one` in place k."""
    return jax.tree.map(lambda a, b: a.at[k].set(b), all, one)


def between(motion: Motion, h: Array, s: Array, rates: Rate, last: Rate) -> Motion:
    """The interpolant at the part s of a step from a motion, `last` being the rate at its end."""
    single = jax.vmap(jnp.polyval, (0, None))(jnp.asarray(_DENSE), s) * s
    found = combine(motion, h, s, single[:-1], (single @ jnp.asarray(_A))[:-1], rates)
    more = jax.tree.map(lambda a: h * single[-1] * a, last)
    return found._replace(
        v=found.v + more.v,
        z=found.z._replace(v=found.z.v + more.V),
        load=found.load + more.load,
        damping=found.damping + more.damping,
    )


def passable(begun: Array, ended: Tangent, q_y: Array) -> Array:
    """Whether the bridges that a step takes through a loss of rank, or to its brink, may pass together; `begun` is g_x before it."""
    values = singular_values(ended.A)
    over = turned(begun, ended.A) | (values < BRINK * jnp.max(values))
    return together(over, ended, q_y, arrow.weakest(jnp.where(over, 0.0, 1.0), q_y.shape[2]))


class _Here(NamedTuple):
    y: Array
    x: Array
    there: Tangent
    size: Array  # of g − c here
    before: Array  # and one iteration before
    count: Array


def project(system: System, t: Array, motion: Motion) -> tuple[Motion, Tangent, Array]:
    """The nearest place with g = c and A Ẋ + B q̇ = 0, the derivatives of g there, and whether it was found."""
    model = system.model
    mass = jnp.asarray(model.tissue.mass_matrix)
    y, v = macro.prescribe(system.drive, t, motion.y, motion.v)
    position, velocity, _ = prescribed(system, t)
    unmoved = None if position is None else jnp.zeros_like(position)

    def arrive(y, x, before, count):
        there = tangent(system, x, model.tissue.kinematics(y))
        return _Here(y, x, there, jnp.max(jnp.abs(there.r)) / system.scale, before, count)

    def least(here: _Here, b, e, given):
        """a and the bridges' part of the least motion that changes g by e, or its rate."""
        kept = near_singular(here.there.A, y.size)
        a, kappa = tie(system, mass, b, geometry(model, here.y)[1], here.there, e, kept, given)
        return a, jnp.einsum("pnkx,pnk->pnx", here.there.A, kappa)

    def newton(here: _Here):
        a, change = least(here, jnp.zeros_like(y), -here.there.r, unmoved)
        return arrive(here.y + a, here.x + change, here.size, here.count + 1)

    going = lambda here: (here.size > ROUNDING) & (here.size < here.before) & (here.count < PASSES)
    here = jax.lax.while_loop(going, newton, arrive(y, motion.z.x, jnp.asarray(jnp.inf), jnp.zeros((), int)))
    v, change = least(here, mass @ v, -jnp.einsum("pnkx,pnx->pnk", here.there.A, motion.z.v), velocity)
    return motion._replace(y=here.y, v=v, z=Bridges(here.x, motion.z.v + change)), here.there, here.size <= SETTLED


def travel(
    system: System,
    t: Float[Array, ""],
    motion: Motion,
    ts: Float[Array, " L"],
    h: Float[Array, ""],
    tolerance: Float[Array, ""],
    most: int,
    record: Callable[[Array, Motion], PyTree],
) -> Arrival:
    """Step from t to the last of `ts`, with what `record` says at each; if the last comes more than once, only the first time."""
    local = jnp.maximum(LOCAL * tolerance, 1e-14)
    end = ts[-1]
    count = jnp.sum(ts < end) + 1

    def attempt(at: _At):
        left = end - at.t
        h = jnp.where(at.h >= left * (1 - 1e-10), left, at.h)
        to = jnp.where(h == left, end, at.t + h)
        rates = stages(system, at.t, at.motion, at.rate, h)
        after, there, met = project(system, to, combine(at.motion, h, _C[-1], _A[-1], _AA[-1], rates))
        error = size(to, at.motion, after, rates, h) / local
        regular = passable(at.A, there, geometry(system.model, after.y)[1])
        error = jnp.where(met & regular & jnp.isfinite(error), error, jnp.inf)
        taken = error <= 1.0
        last = rate(to, after, system)
        next_h = longer(at.h, h, error, 8)
        new = at._replace(t=to, motion=after, rate=last, A=there.A)
        new = jax.tree.map(lambda new, old: jnp.where(taken, new, old), new, at)
        short = ~taken & (next_h < SHORTEST * end)
        new = new._replace(h=next_h, steps=at.steps + 1, regular=regular | ~short, short=short)
        return new, taken, h, rates, last

    def size(t: Array, before: Motion, after: Motion, rates: Rate, h: Array):
        """The error of a step, relative where values are above 1."""

        def scaled(before, after, rates, h):
            error = combine(jax.tree.map(jnp.zeros_like, before), h, 0.0, _ERROR[:-1], (_ERROR @ _A)[:-1], rates)
            return jax.tree.map(lambda e, a, b: e / (1.0 + jnp.maximum(jnp.abs(a), jnp.abs(b))), error, before, after)

        error = once(scaled, t, before, after, rates, h)
        largest = lambda a: jnp.max(jnp.abs(a))
        mean = lambda a: jnp.sqrt(jnp.max(jnp.einsum("pn,pnx->px", system.w, a**2)))
        parts = [largest(error.y), largest(error.v), mean(error.z.x), mean(error.z.v), error.load, error.damping]
        return jnp.max(jnp.abs(jnp.stack(parts)))

    def one(carry):
        at, records = carry
        before = at.motion
        at, taken, h, rates, last = attempt(at)

        def save(carry):
            k, records = carry
            part = 1.0 - (at.t - ts[k]) / jnp.where(h > 0, h, 1.0)
            there = lambda t: project(system, t, between(before, h, part, rates, last))[0]
            return k + 1, keep(k, records, record(ts[k], once(there, ts[k], ts[k])))

        due = lambda carry: taken & (carry[0] < count) & (ts[carry[0]] <= at.t)
        saved, records = jax.lax.while_loop(due, save, (at.saved, records))
        return at._replace(saved=saved), records

    zero, true = jnp.zeros((), int), jnp.array(True)
    A = tangent(system, motion.z.x, system.model.tissue.kinematics(motion.y)).A
    first = _At(t, motion, rate(t, motion, system), A, h, zero, zero, true, ~true)
    shapes = jax.eval_shape(record, t, motion)
    records = jax.tree.map(lambda a: jnp.full((ts.size, *a.shape), jnp.nan, a.dtype), shapes)
    going = lambda carry: (carry[0].saved < count) & ~carry[0].short & (carry[0].steps < most)
    at, records = jax.lax.while_loop(going, one, (first, records))
    return Arrival(at.t, at.motion, records, at.h, at.steps, at.regular, at.saved == count)
