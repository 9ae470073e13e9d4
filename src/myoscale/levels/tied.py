"""Runs of bridges that carry multipliers: beginning, stepping and recording the macro–micro DAE.

The counterpart of `integrate`, for `Constrained` at every rank and for the mean field of constraints of lower rank.
"""

import dataclasses
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from .. import dae, macro
from ..drive import AbstractDrive
from ..errors import InputError
from ..macro import Motion
from ..model import Model, Start
from ..population import Measure, Tied
from ..population.base import pair_error
from ..population.tied import Tracks
from ..types import Array, Float
from .base import AbstractLevel
from .integrate import Outcome, Problem, Record, State, Weakest

MOST = 1_000_000  # steps between two recorded times
INCONSISTENT = 1e-3  # velocities that have to be moved by more than this part of the greatest are a mistake
JOINTLY = 1e-4  # rows of two bridges are dependent below this part of the greatest singular value of g_x
_SINGULAR = 1e-8  # g_x must not begin singular: below this fraction of the greatest singular value


class Labels(NamedTuple):
    """What stays of bridges while they move."""

    c: Float[Array, "P N k"]
    w: Float[Array, "P N"]


class Begun(NamedTuple):
    """Populations and state at t = 0, and how far velocities were moved to be consistent, as a part of the greatest."""

    population: Tied
    state: State
    weakest: Weakest
    strongest: Array  # singular value of g_x
    moved: Array


def begin(
    model: Model,
    population: Tied,
    start: Start,
    drive: AbstractDrive,
    x: Float[Array, "P N nx"],
    velocity: Float[Array, "P N nx"],
    w: Float[Array, "P N"] | None,
) -> Begun:
    """Bridges at x that move as the tissue makes them and, where they are free, at `velocity`."""
    vector = lambda value: jnp.broadcast_to(jnp.asarray(value, float), (model.tissue.ny,))
    zero = jnp.zeros(())
    y, v = macro.prescribe(drive, zero, vector(start.y), vector(start.v))
    w = jnp.full(x.shape[:2], 1.0 / x.shape[1]) if w is None else w
    q, size = model.tissue.kinematics(y), lambda a: jnp.max(jnp.abs(a))
    nothing = jnp.zeros((*x.shape[:2], dae.rows(model, x, q)))
    system = dae.System(model, drive, nothing, w, jnp.ones(()))
    c, A, B = dae.tangent(system, x, q)
    scale = size(c) + size(A) * size(x) + size(B) * size(q)
    system = system._replace(c=c, scale=scale)
    placed = dae.place(system, macro.Motion(y, v, dae.Bridges(x, velocity), zero, zero))
    motion = _carried(dae.project(system, placed))
    moved = size(motion.z.v - velocity) / jnp.maximum(size(motion.z.v), size(velocity) + 1e-300)
    population = dataclasses.replace(population, scale=scale)
    state, values = State(zero, motion, Labels(c, w), step=zero), dae.singular_values(A)
    return Begun(population, state, _weakest(values, x), size(values), moved)


def margin(begun: Begun) -> tuple[Array, Array]:
    """`side` and `floor` of a `Problem`: only at the start must g_x have full rank, where velocities are made consistent."""
    return jnp.zeros(()), _SINGULAR * begun.strongest


def _weakest(values: Float[Array, "P N"], x: Array) -> Weakest:
    p, i = jnp.unravel_index(jnp.argmin(values), values.shape)
    return Weakest(values[p, i], p, i, x[p, i])


def enter(problem: Problem, state: State, y: Float[Array, " ny"], v: Float[Array, " ny"]) -> State:
    """The state at the beginning of a leg of a protocol: prescribed velocities jump, free ones and bridges so that no other impulse acts."""
    system = _system(problem, state)
    motion = dae.place(system, state.motion._replace(y=y, v=v))
    after = dae.jump(system, state.t, motion)
    kinetic = lambda motion: sum(dae.energies(system, motion)[:2])
    work = kinetic(after) - kinetic(motion)
    return state._replace(motion=_carried(after._replace(load=motion.load + work)))


def _carried(motion: Motion) -> Motion:
    """What of a motion goes from one stretch to the next."""
    return motion._replace(z=dae.Bridges(motion.z.x, motion.z.v))


def _system(problem: Problem, state: State) -> dae.System:
    population: Any = problem.population
    return dae.System(
        problem.model, problem.drive, *state.still, population.scale, problem.substeps > 0, population.modes
    )


def _scheme(problem: Problem) -> dae.Scheme:
    population: Any = problem.population
    return dae.Scheme(dae.Stepper(population.stepper), population.order)


def stretch(problem: Problem, state: State, ts: Float[Array, " L"], dt0: Float[Array, ""]) -> Outcome:
    """Step from `state` to the last of the times `ts`, recording at each; nothing is recorded after a step that failed."""
    population: Any = problem.population
    if population.stepper == dae.Stepper.PROJECTED:
        return _travel(problem, state, ts, dt0)
    system, scheme = _system(problem, state), _scheme(problem)

    def one(at: dae.Progress, t):
        if system.differentiable:
            new = dae.evenly(system, scheme, at, t, problem.substeps)
        elif population.dt is not None:
            count = jnp.ceil((t - at.t) / population.dt - 1e-9).astype(int)
            new = dae.evenly(system, scheme, at, t, jnp.maximum(count, jnp.where(t > at.t, 1, 0)))
        else:
            new = dae.adaptively(system, scheme, at, t, problem.tolerance, MOST)
        record = _record(problem, system, new.t, new.motion)
        return new, record._replace(y=jnp.where(new.t >= t, record.y, jnp.nan))

    first, true = jnp.where(state.step > 0, state.step, dt0), jnp.array(True)
    motion = dae.place(system, state.motion)
    motion = motion._replace(z=motion.z._replace(guess=dae.instant(system, state.t, motion).guess))
    begun = dae.Progress(state.t, motion, first, jnp.zeros((), int), true, true)
    end, records = jax.lax.scan(one, begun, jnp.asarray(ts))
    return Outcome(
        state=State(end.t, _carried(end.motion), state.still, step=end.h),
        record=records,
        weakest=_weakest(dae.singular_values(end.motion.z.A), end.motion.z.x),
        singular=~end.regular,
        finished=end.t >= ts[-1],
        steps=end.steps,
    )


def _travel(problem: Problem, state: State, ts: Float[Array, " L"], dt0: Float[Array, ""]) -> Outcome:
    """`stretch` where times are saved between steps."""
    system = _system(problem, state)
    record = lambda t, motion: _record(problem, system, t, dae.place(system, motion))
    first = jnp.where(state.step > 0, state.step, dt0)
    end = dae.travel(system, state.t, state.motion, jnp.asarray(ts), first, problem.tolerance, MOST, record)
    return Outcome(
        state=State(end.t, end.motion, state.still, step=end.h),
        record=end.records,
        weakest=_weakest(dae.singular_values(dae.place(system, end.motion).z.A), end.motion.z.x),
        singular=~end.regular,
        finished=end.finished,
        steps=end.steps,
    )


def substeps(level: AbstractLevel, population: Tied, times: np.ndarray) -> int:
    """Steps between two recorded times where their number must be known beforehand.

    **Raises:** `InputError` without dt.
    """
    if population.dt is None:
        raise InputError(
            f"Expected {level.label} with dt=… inside jit, grad or vmap, and in batches. Received none: give a time step."
        )
    return max(1, int(np.ceil(float(np.max(np.diff(times))) / float(population.dt) - 1e-9)))


def _record(problem: Problem, system: dae.System, t: Array, motion: Motion) -> Record:
    now = dae.instant(system, t, motion)
    population: Any = problem.population
    index = population.followed(motion.z.x.shape[1])
    y, v = macro.prescribe(problem.drive, t, motion.y, motion.v)
    paired = lambda bridge, x, w: pair_error(bridge, Measure(x, w), population.modes)
    return Record(
        y=y,
        v=v,
        z=Tracks(
            x=motion.z.x[:, index],
            velocity=motion.z.v[:, index],
            multiplier=now.multiplier[:, index],
            pull=now.pulls[:, index],
            slip=jnp.broadcast_to(now.velocity, motion.z.x.shape[:1]),
        ),
        load=motion.load,
        damping=motion.damping,
        ledger=dae.energies(system, motion),
        force=now.force,
        reaction=now.reaction,
        residual=now.position,
        singular_value=jnp.min(now.singular_value),
        compression=jnp.max(macro.over_points(problem.model, paired, motion.z.x, system.w)),
    )


class Failure(NamedTuple):
    """Where stepping could not go on."""

    works: Array  # the longest of the steps tried that does; 0 if none does
    point: Array  # of the two bridges nearest to a loss of rank
    bridge: Array
    strongest: Array  # singular value of g_x
    joint: Array  # the smallest singular value of their rows (g_x, g_y)


def diagnose(problem: Problem, state: State, longest: Array) -> Failure:
    """Try ever shorter steps, where dt is given, and find the two bridges nearest to a loss of rank."""
    population: Any = problem.population
    system = _system(problem, state)
    motion = dae.place(system, state.motion)

    def shorter(tried):
        h = tried[0] / 2
        step = dae.step(system, _scheme(problem), state.t, motion, h)
        return h, step.solved & step.regular

    going = lambda tried: ~tried[1] & (tried[0] > 1e-12 * longest)
    h, works = longest, jnp.array(False)
    if population.dt is not None:
        h, works = jax.lax.while_loop(going, shorter, (h, works))
    q, q_y = dae.geometry(problem.model, motion.y)
    now, values = motion.z, dae.singular_values(motion.z.A)
    count = values.shape[1]
    index = jnp.argsort(values.ravel())[: min(2, values.size)]
    index = jnp.concatenate([index, index])[:2]
    k, nx = now.A.shape[2:]
    A = now.A.reshape(-1, k, nx)[index]
    B = jnp.einsum("skj,sja->ska", now.B.reshape(-1, k, q.shape[1])[index], q_y[index // count])
    none = jnp.zeros((k, nx))
    rows = jnp.block([[A[0], none, B[0]], [none, A[1], B[1]]])
    joint = jnp.min(jnp.linalg.svd(rows, compute_uv=False))
    return Failure(jnp.where(works, h, 0.0), index // count, index % count, jnp.max(values), joint)
