"""A run of a finite-element tissue, step by step: motion by Newton's method, attachment and detachment between two motions.

As for lumped tissue a step of cycling bridges is M(h/2) · E(h) · M(h/2), the last half of one motion and the first half of the next being one; at
equilibrium the first half goes on at the mean velocity of the step before, and the second ends where forces balance (`slow`). A motion that
Newton's method cannot make is made in two halves, at equilibrium together with what attaches in it, down to a millionth of the longest
step; order 4 and 6 are symmetric compositions of the step of order 2. Nothing is carried from one step to the next but the `Standing`, so
that a run may be divided anywhere.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .. import macro, mechanics
from ..drive import AbstractSignal, at, rates
from ..errors import InputError
from ..levels.integrate import Record, split
from ..levels.splitting import Tally, closure_error, no_tally, share_attached
from ..model import Momentum, scheme_of
from ..numerics import small
from ..numerics.composition import STAGES
from ..population import AbstractCyclingPopulation, Ensemble
from ..types import Array, PyTree
from . import cells, points
from .newton import Found, Held, Solver

_SHORTEST = 1e-6  # of the longest step
_EASY = 6  # iterations, after which a step may be twice as long


class Standing(NamedTuple):
    """Where a run stands."""

    t: float
    held: Held
    z: PyTree
    mass: Array  # of the bridges at each point, (P, nq, nq) a head
    reaction: np.ndarray  # of what prescribes a motion, mean over the last step
    load: float  # work of these
    tally: Any
    h: float  # longest motion that is tried next
    last: float  # length of the last motion
    moved: np.ndarray  # by how much it moved the tissue
    exchanges: int
    steps: int
    iterations: int


class Unreached(Exception):
    """A motion that Newton's method cannot make, however short."""

    def __init__(self, why: str, standing: Standing, residuals: tuple[float, ...]):
        super().__init__(why)
        self.why, self.standing, self.residuals = why, standing, residuals


Watcher = Callable[[float, float, Found], None]  # time, length and outcome of a motion that was tried
Attempt = Callable[[Standing, float], tuple[Found, Standing]]  # a step from somewhere: how it went, and where it leads
Done = Callable[[Standing], None]  # where a run stands after each step that was made; it may go on from there


def begin(solver: Solver, z: PyTree, y: np.ndarray, v: np.ndarray, longest: float) -> Standing:
    """At t = 0, before anything has moved; a static run begins at the equilibrium under the loads at 0.

    **Raises:** `Unreached` if there is none near the start; `InputError` for bridges of mass whose inertia is not constant.
    """
    tissue, model, population = solver.tissue, solver.model, solver.population
    y, v = solver.prescribed(0.0, y), _held_velocities(solver, 0.0, v)
    q = cells.kinematics(tissue, y)
    mass = points.masses(model, population, z, q)
    heavy = not solver.static and bool(jnp.any(jnp.asarray(model.bridge.mass) > 0))
    if heavy:
        _check_inertia(solver, z, q)
    elif not solver.static:
        mass = jnp.zeros_like(mass)
    u = jnp.zeros_like(q) if solver.static else cells.rates(tissue, y, v)
    held = Held(y, v, np.asarray(cells.pressure_of(tissue, y)), q, u)
    tally = no_tally(model, population, z) if isinstance(population, AbstractCyclingPopulation) else None
    zero = np.zeros_like(y)
    start = Standing(0.0, held, z, mass, zero, 0.0, tally, longest, longest, zero, 0, 0, 0)
    if solver.static:
        start = _settled(solver, start)
        return start._replace(load=0.0, h=longest, moved=zero, steps=0)
    return start


def enter(solver: Solver, at: Standing) -> Standing:
    """Where other conditions begin to hold: at rest the new equilibrium, else velocities of what is now prescribed; the work is that of what holds it.

    **Raises:** `Unreached` if there is no equilibrium near.
    """
    if solver.static:
        after = _settled(solver, at)
        return after._replace(h=at.h, moved=np.zeros_like(at.moved), steps=at.steps)
    held = at.held
    v = _held_velocities(solver, at.t, held.v)
    kinetic = lambda v: 0.5 * float(v @ (solver.mass @ v))
    return at._replace(held=held._replace(v=v), load=at.load + kinetic(v) - kinetic(held.v))


def _held_velocities(solver: Solver, t: float, v: np.ndarray) -> np.ndarray:
    """v with what is prescribed at t."""
    v = np.where(solver.layout.number < 0, 0.0, v)
    for k, where in solver.layout.moved.items():
        condition: Any = solver.conditions[k]
        v[where] = np.asarray(rates(condition.value, jnp.asarray(t), 1)[1])[0]
    return v


def _check_inertia(solver: Solver, z: PyTree, q: Array) -> None:
    model = solver.model
    if not bool(points.inertia_is_constant(model, solver.population, z, q)):
        raise InputError(
            f"ContinuumTissue expected bridges whose extension is linear in what they see (Ω = 0) where they have a mass. Received "
            f"{type(getattr(model.bridge, 'each', model.bridge)).__name__}: set its mass to 0."
        )


def _settled(solver: Solver, at: Standing) -> Standing:
    """The equilibrium at this time; where it is too far for Newton's method, what holds the start in place is let go in steps."""
    share, step = 0.0, 1.0
    unbalanced: np.ndarray | None = None
    while share < 1.0:
        step = min(step, 1.0 - share)
        withheld = None if unbalanced is None else (1.0 - share - step) * unbalanced
        found = solver.step(at.z, at.mass, at.held, at.t, 0.0, at.held.y, withheld)
        if found.converged:
            at = _arrived(solver, at, found, 0.0)
            share, step = share + step, 2.0 * step
            continue
        if unbalanced is None:
            unbalanced = solver.unbalanced(at.z, at.mass, at.held, at.t)
        step /= 2.0
        if step < 1e-4:
            raise Unreached(
                f"{found.why} on the way to the equilibrium under what holds from t = {at.t:g} on", at, found.residuals
            )
    return at


def move(
    solver: Solver, at: Standing, until: float, longest: float, watch: Watcher, done: Done = lambda at: None
) -> Standing:
    """Move tissue and bridges to a later time, in as many steps as it takes.

    **Raises:** `Unreached`.
    """
    stages = (1.0,) if solver.static else STAGES[solver.tissue.order]

    def attempt(at, h):
        for stage in stages:
            found = _try(solver, at, stage * h)
            watch(at.t, stage * h, found)
            if not found.converged:
                break
            at = _arrived(solver, at, found, stage * h)
        return found, at

    return _stepped(at, until, longest, attempt, done)


def slow(
    solver: Solver, at: Standing, until: float, longest: float, key: Array, watch: Watcher, done: Done
) -> Standing:
    """Steps at equilibrium to a later time, in each of which bridges attach and let go.

    **Raises:** `Unreached`.
    """

    def attempt(at, h):
        found, after = _slow_step(solver, at, h, key)
        watch(at.t, h, found)
        return found, after

    return _stepped(at, until, longest, attempt, done)


def _stepped(at: Standing, until: float, longest: float, attempt: Attempt, done: Done) -> Standing:
    """To a later time in steps of at most the `longest` length; one that Newton's method cannot make is tried again half as long."""
    near = 1e-12 * max(until, longest)
    while until - at.t > near:
        left = until - at.t
        h = left / max(1, math.ceil(left / min(at.h, longest) - 1e-9))
        found, after = attempt(at, h)
        if found.converged:
            at = after._replace(
                t=until if abs(until - after.t) < near else after.t,
                h=min(longest, 2.0 * at.h) if found.iterations <= _EASY else at.h,
                steps=at.steps + 1,
            )
            done(at)
            continue
        if h / 2 < _SHORTEST * longest:
            raise Unreached(found.why, at, found.residuals)
        at = at._replace(h=h / 2)
    return at


def _slow_step(solver: Solver, at: Standing, h: float, key: Array) -> tuple[Found, Standing]:
    """Half of a step at the last mean velocity, there bridges attach and let go, and on to where forces balance; second order."""
    begin = at.held
    y = solver.prescribed(at.t + h / 2, begin.y + h / 2 * begin.v)
    q = cells.kinematics(solver.tissue, y)
    z = points.arrive(solver.model, solver.population, at.z, begin.q, q)
    held = begin._replace(y=y, q=q)
    work = at.load + _stored(solver, held, z) - _stored(solver, begin, at.z)
    half = at._replace(t=at.t + h / 2, held=held, z=z, load=work, last=h / 2, moved=y - begin.y)
    half = exchange(solver, half, h, key)
    found = _try(solver, half, h / 2)
    if not found.converged:
        return found, at
    end = _arrived(solver, half, found, h / 2)
    if not math.isfinite(end.load):
        return found._replace(converged=False, why="a cell turns inside out half way"), at
    return found, end._replace(held=end.held._replace(v=(end.held.y - begin.y) / h))


def _try(solver: Solver, at: Standing, h: float) -> Found:
    held = at.held
    guess = held.y + at.moved * (h / at.last) if solver.static else held.y + h * held.v
    found = solver.step(at.z, at.mass, held, at.t, h, guess)
    if not found.converged and solver.static and np.any(at.moved):
        found = solver.step(at.z, at.mass, held, at.t, h, held.y)  # a guess may be a bad one
    return found


def _arrived(solver: Solver, at: Standing, found: Found, h: float) -> Standing:
    model, population, held = solver.model, solver.population, found.held
    moved = held.y - at.held.y
    z = points.arrive(model, population, at.z, at.held.q, held.q)
    work = at.load
    if solver.static:  # slow: what is done is what is stored
        work += _stored(solver, held, z) - _stored(solver, at.held, at.z)
    else:
        work += float(found.outside @ moved)
    return at._replace(
        t=at.t + h,
        held=held,
        z=z,
        reaction=found.reaction,
        load=work,
        last=h or at.last,
        moved=moved,
        iterations=at.iterations + found.iterations,
    )


def _stored(solver: Solver, held: Held, z: PyTree) -> float:
    books = points.books(solver.model, solver.population, z, held.q, held.u, jnp.zeros((held.q.shape[0], 1, 1)))
    return float(cells.passive(solver.tissue, held.y) + books[1] + books[2])


def exchange(solver: Solver, at: Standing, h: float, key: Array) -> Standing:
    """Bridges attach and detach for h around the time where the run stands, with the energies that this moves."""
    tissue, model, held = solver.tissue, solver.model, at.held
    u = cells.rates(tissue, held.y, held.v)
    r = activation(solver, at.t, held.q)
    keys = jax.random.split(jax.random.fold_in(key, at.exchanges), held.q.shape[0])
    z, flux, mass, pair = _exchanged(model, solver.population, at.z, held.q, u, jnp.asarray(h), r, keys)
    heads, tally = model.tissue.heads, at.tally
    pair = heads @ pair
    held, mass, kinetic = _kinetic(solver, at, flux, mass)
    tally = Tally(
        energy_in=tally.energy_in + heads @ flux.energy_in + jnp.maximum(pair, 0.0) + kinetic[0],
        energy_out=tally.energy_out + heads @ flux.energy_out + jnp.maximum(-pair, 0.0) + kinetic[1],
        attachments=tally.attachments + flux.attached,
        detachments=tally.detachments + flux.detached,
        atp=tally.atp + flux.atp,
        lost=tally.lost + flux.lost,
        attached=tally.attached,
        closure_error=tally.closure_error,
    )
    return at._replace(held=held, z=z, mass=mass, tally=tally, exchanges=at.exchanges + 1)


def _kinetic(solver: Solver, at: Standing, flux: Any, unit: Array) -> tuple[Held, Array, tuple[Array, Array]]:
    """Velocities and the bridges' inertia afterwards, `unit` being that of one head, and kinetic energy that heads bring and take.

    As in `levels.splitting`: heads `at_rest` are taken along while others let go, (M̄ + G/2)v⁺ = (M̄ − G/2)v. What holds a prescribed motion takes
    some along without a change of velocity; that energy, too, counts as brought by the heads.
    """
    held, heads, zero = at.held, solver.model.tissue.heads, jnp.zeros(())
    if solver.static or not bool(jnp.any(unit != 0)):
        return held, at.mass, (zero, zero)
    gained, lost = (count[:, None, None] * unit for count in (flux.attached, flux.detached + flux.lost))
    mass = at.mass + gained - lost
    stored = lambda mass, u: 0.5 * heads @ jnp.einsum("pi,pij,pj->p", u, mass, u)
    scheme = scheme_of(solver.model.bridge)
    if scheme is None or scheme.momentum is Momentum.COMOVING:
        return held, mass, (stored(gained, held.u), stored(lost, held.u))
    jump = solver.entrained((at.mass + mass + gained) / 2, held, gained)
    v, u = held.v + jump, held.u + cells.rates(solver.tissue, held.y, jump)
    tissue = 0.5 * float((held.v + v) @ (solver.mass @ jump))
    change = tissue + stored(mass, u) - stored(at.mass, held.u)
    return held._replace(v=v, u=u), mass, (jnp.maximum(change, zero), jnp.maximum(-change, zero))


def activation(solver: Solver, t: float, q: Array) -> Array:
    """r at each point: the drive's, times the tissue's own field, times the overlap of filaments."""
    tissue, now = solver.tissue, jnp.asarray(t, float)
    r = jnp.broadcast_to(at(solver.drive.activation, now, 1)[0], q.shape[:1])
    if tissue.activation is not None:
        places = jnp.asarray(tissue.space.places).reshape(-1, tissue.space.dim)
        field: Any = tissue.activation
        share = (lambda X: field(now)) if isinstance(field, AbstractSignal) else (lambda X: field(now, X))
        r = r * jax.vmap(lambda X: jnp.asarray(share(X), float))(places)
    if tissue.overlap is not None:
        factor: Any = tissue.overlap
        r = r * jax.vmap(lambda q: jnp.asarray(factor(q[0]), float))(q)
    return r


@eqx.filter_jit
def _exchanged(model, population, z, q, u, h, r, keys):
    """Populations afterwards, fluxes, the inertia of one attached head, and the change of pair energy, at every point."""

    def point(bridge, z, q, u, r, key):
        after, flux = population.exchange(bridge, z, q, u, h, r, key)
        pair = population.energies(bridge, after, q)[1] - population.energies(bridge, z, q)[1]
        return after, flux, population.unit_inertia(bridge, z, q), pair

    return points.over(model, point, z, q, u, r, keys)


def record(solver: Solver, at: Standing) -> Record:
    """Everything kept of one instant."""
    tissue, model, population, held = solver.tissue, solver.model, solver.population, at.held
    books = points.books(model, population, at.z, held.q, held.u, at.mass)
    moving = 0.0 if solver.static else 1.0
    kinetic = moving * 0.5 * float(held.v @ (solver.mass @ held.v))
    ledger = macro.Ledger(
        *map(np.asarray, (kinetic, moving * books[0], cells.passive(tissue, held.y), books[1], books[2]))
    )
    residual, weakest = _exactness(model, population, at.z, held.q)
    force, tally = _force(solver, at), at.tally
    if isinstance(population, AbstractCyclingPopulation):
        tally = tally._replace(
            attached=share_attached(model, population, at.z), closure_error=closure_error(model, population, at.z)
        )
        z = _summary(model, population, at.z, held.q)
    else:
        z = split(model, population, held.y, at.z)[0]
    found = Record(
        y=held.y,
        v=held.v,
        z=z,
        load=np.asarray(at.load),
        damping=np.zeros(()),
        ledger=ledger,
        force=tissue.heads[:, None] * force,
        reaction=at.reaction,
        residual=residual,
        singular_value=weakest,
        compression=np.zeros(()),
        cycling=tally,
    )
    return jax.tree.map(np.asarray, found)


def _force(solver: Solver, at: Standing) -> Array:
    """What the bridges do to the tissue at each point, per head, inertia included."""
    held = at.held
    pull = points.equilibrium(solver.model, solver.population, at.z, held.q, held.q).force
    if solver.static or not bool(jnp.any(at.mass != 0)):
        return pull
    y = solver.acceleration(at.mass, held, pull, at.t)
    turned = cells.rates(solver.tissue, held.y, y) + cells.bias(solver.tissue, held.y, held.v)
    return pull - jnp.einsum("pij,pj->pi", at.mass, turned)


@eqx.filter_jit
def _summary(model, population, z, q):
    return points.over(model, population.summary, z, q)


@eqx.filter_jit
def _exactness(model, population, z, q):
    """max |g − c| of an ensemble, and the smallest singular value of g_x over everything represented."""

    def point(bridge, z, q):
        values = jax.vmap(lambda x: small.signed_singular_value(mechanics.jacobians(bridge, x, q)[0]))
        weak = jnp.min(jnp.abs(values(population.probes(z, bridge, q))))
        if not isinstance(population, Ensemble):
            return jnp.zeros(()), weak
        return population.exactness(bridge, z, q, jnp.zeros_like(q))[0], weak

    residual, weak = points.over(model, point, z, q)
    return jnp.max(residual), jnp.min(weak)
