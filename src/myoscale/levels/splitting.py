"""Runs of cycling bridges: mechanics and exchange in turn (theory.md section 8).

A step is M(h/2) · E(h) · M(h/2): tissue moves with every bridge as it is, bridges attach and detach at rates integrated along the path,
tissue moves on. The order is two, also with rates that jump and with two-way coupling. Mechanics are adaptive (or, where
the motion is prescribed or static, exact), so the step h is set by the rates alone.
"""

from typing import Any, NamedTuple

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .. import dae, macro
from ..drive import Length, QuasiStatic, at
from ..macro import Motion
from ..model import Momentum, scheme_of
from ..numerics import small
from ..population import AbstractCyclingPopulation
from ..types import Array, Float, PyTree
from .integrate import Outcome, Problem, Record, State, field, refresh, weakest
from .noise import piece

_LOCAL = 1e-2  # local error allowed to mechanics, as a fraction of the tolerance asked of the solution
_NEWTON = 12  # iterations for an equilibrium
_MAX_STEPS = 4096  # of mechanics within half a step
_GAUSS = np.polynomial.legendre.leggauss(5)  # exact for springs along the quintic of a release


class Tally(NamedTuple):
    """What cycling has done since t = 0: energies in total, the others per head at each point."""

    energy_in: Array
    energy_out: Array
    attachments: Float[Array, " P"]
    detachments: Float[Array, " P"]
    atp: Float[Array, " P"]
    lost: Float[Array, " P"]
    attached: Float[Array, " P"]  # share of heads attached when last recorded
    closure_error: Float[Array, " P"] | None = None  # of a closure, so far


def no_tally(model, population, z: PyTree) -> Tally:
    """At the start."""
    zeros = jnp.zeros(model.tissue.heads.shape[0])
    return Tally(
        jnp.zeros(()),
        jnp.zeros(()),
        zeros,
        zeros,
        zeros,
        zeros,
        share_attached(model, population, z),
        closure_error(model, population, z),
    )


def share_attached(model, population, z: PyTree) -> Float[Array, " P"]:
    """The share of heads attached at each point."""
    return macro.over_points(model, lambda bridge, z: jnp.sum(population.attached(bridge, z)[1]), z)


def closure_error(model, population, z: PyTree) -> Float[Array, " P"] | None:
    """What a closure says about itself at each point."""
    return macro.over_points(model, lambda bridge, z: population.closure_error(z), z)


def stretch(problem: Problem, state: State, ts: Float[Array, " L"], dt0: Float[Array, ""]) -> Outcome:
    """Step from `state` to the last of the times `ts`, recording at each."""

    def one(state, t):
        h = (t - state.t) / problem.substeps

        def step(state, behind):
            return _exchange(problem, _move(problem, state, behind, h / 2), h), None

        # Nothing happens between two steps: the last half of one and the first half of the next are one motion.
        behind = jnp.where(jnp.arange(problem.substeps) > 0, h / 2, 0.0)
        end = _move(problem, jax.lax.scan(step, state, behind)[0], h / 2, jnp.zeros(()))
        tally = end.tally._replace(
            attached=share_attached(problem.model, problem.population, end.still),
            closure_error=closure_error(problem.model, problem.population, end.still),
        )
        end = end._replace(t=t, tally=tally)
        return end, _record(problem, end)

    end, record = jax.lax.scan(one, state, ts)
    return Outcome(
        state=end,
        record=record,
        weakest=weakest(problem, end.motion.y, end.still),
        singular=jnp.array(False),
        finished=jnp.all(jnp.isfinite(record.y)) & jnp.all(jnp.isfinite(record.force)),
        steps=jnp.asarray(problem.substeps * ts.size),
    )


def _record(problem: Problem, state: State) -> Record:
    model, drive = problem.model, problem.drive
    population: Any = problem.population
    motion, z = state.motion, state.still
    y, v = macro.prescribe(drive, state.t, motion.y, motion.v)
    q, _, _ = macro.kinematics(model, y, v)
    if isinstance(drive, QuasiStatic):
        elastic = macro.over_points(model.one_way(), population.local, z, q, jnp.zeros_like(q))[1]
        force, reaction = model.tissue.heads[:, None] * elastic, jnp.zeros_like(y)
    else:
        _, _, force, reaction = macro.balance(model, population, drive, state.t, y, v, z)
    return Record(
        y=y,
        v=v,
        z=macro.over_points(model, population.summary, z, q),
        load=motion.load,
        damping=motion.damping,
        ledger=macro.ledger(model, population, drive, y, v, z),
        force=force,
        reaction=reaction,
        residual=jnp.zeros(()),
        singular_value=weakest(problem, y, z).singular_value,
        compression=jnp.zeros(()),
        cycling=state.tally,
        noise=motion.noise,
    )


def _move(problem: Problem, state: State, behind: Array, ahead: Array) -> State:
    """Tissue moves for the last half of a step (0 before the first) and the first half of the next, and with it all labels."""
    drive, model = problem.drive, problem.model
    whole = behind + ahead
    if isinstance(drive, Length) and len(drive.indices(model.tissue.ny)) == model.tissue.ny:
        motion = _prescribed(problem, state, whole)
    elif isinstance(drive, QuasiStatic) and model.tissue.damping is None:
        motion = _static(problem, state, behind, ahead)
    elif problem.mover is not None:
        motion = _tied(problem, state, whole)
    else:
        motion = _integrated(problem, state, whole)
    still = eqx.combine(refresh(problem, motion.y, state.still), state.still)
    return state._replace(t=state.t + whole, motion=motion, still=still)


def _prescribed(problem: Problem, state: State, h: Array) -> Motion:
    """All coordinates are given. What moves them pays the change of energy, which is exact, and what damping takes, by Gauss's rule."""
    model, population, drive, z = problem.model, problem.population, problem.drive, state.still
    place = lambda t: macro.prescribe(drive, t, state.motion.y, state.motion.v)
    energy = lambda t: sum(macro.ledger(model, population, drive, *place(t), z))

    def damped(t):
        v = place(t)[1]
        return v @ macro.damping_matrix(model) @ v

    end = state.t + h
    taken = h * jnp.asarray(_GAUSS[1] / 2) @ jax.vmap(damped)(state.t + h * jnp.asarray((_GAUSS[0] + 1) / 2))
    motion, work = state.motion, energy(end) - energy(state.t) + taken
    y, v = place(end)
    return motion._replace(y=y, v=v, load=motion.load + work, damping=motion.damping - taken)


def _static(problem: Problem, state: State, behind: Array, ahead: Array) -> Motion:
    """Equilibrium at the end of a step with its mean velocity, and on at that velocity to the middle of the next.

    There bridges attach and let go, to second order. What moves the tissue so slowly balances it all the way: it does work against the
    bridges as they are, by Gauss's rule, and differs from the load by what a step changes.
    """
    motion = state.motion
    begun = behind > 0
    begin = motion.y - behind * motion.v
    end = jnp.where(begun, settled(problem, state.t + behind, motion.y, state.still), motion.y)
    v = jnp.where(begun, (end - begin) / jnp.where(begun, 2 * behind, 1.0), motion.v)
    y = end + ahead * v
    model = problem.model.one_way()
    against = lambda s: -macro.static_force(model, problem.population, motion.y + s * (y - motion.y), state.still)
    forces = jax.vmap(against)(jnp.asarray((_GAUSS[0] + 1) / 2))
    return motion._replace(y=y, v=v, load=motion.load + jnp.asarray(_GAUSS[1] / 2) @ forces @ (y - motion.y))


def settled(problem: Problem, t: Array, y: Array, z: PyTree) -> Array:
    """Equilibrium under the load at t with the bridges as they are, by Newton's method from y."""
    model, population = problem.model.one_way(), problem.population
    load = at(problem.drive.load, t, y.size)
    residual = lambda y: macro.static_force(model, population, y, z) + load

    def newton(y, _):
        return y + small.solve(-jax.jacfwd(residual)(y), residual(y)), None

    return jax.lax.scan(newton, y, None, length=_NEWTON)[0]


def _integrated(problem: Problem, state: State, h: Array) -> Motion:
    local = jnp.maximum(_LOCAL * problem.tolerance, 1e-13)
    y, v = macro.prescribe(problem.drive, state.t, state.motion.y, state.motion.v)
    if problem.noise is not None:
        model, population, drive, source = problem.model, problem.population, problem.drive, problem.noise
        noise = piece(model, population, drive, source, state.t, h, state.motion, state.still)
        problem = problem._replace(noise=noise)
    solution: Any = diffrax.diffeqsolve(
        diffrax.ODETerm(field),
        diffrax.Dopri8(),
        state.t,
        state.t + h,
        jnp.maximum(h, 1e-300),
        state.motion._replace(y=y, v=v),
        (problem, state.still),
        saveat=diffrax.SaveAt(t1=True),
        stepsize_controller=diffrax.PIDController(rtol=local, atol=local),
        max_steps=_MAX_STEPS,
        throw=False,
    )
    good = solution.result == diffrax.RESULTS.successful
    motion = jax.tree.map(lambda a: jnp.where(good, a[0], jnp.nan), solution.ys)
    y, v = macro.prescribe(problem.drive, state.t + h, motion.y, motion.v)
    return motion._replace(y=y, v=v)


def _tied(problem: Problem, state: State, h: Array) -> Motion:
    """Attached bridges carry multipliers, those of the others are switched off: g = s(Z − y) with s constant between exchanges."""
    model, mover, motion = problem.model, problem.mover, state.motion
    y, v = macro.prescribe(problem.drive, state.t, motion.y, motion.v)
    q = model.tissue.kinematics(y)
    heads = macro.over_points(model, problem.population.measure, state.still, q)
    nothing, size = jnp.zeros(heads.x.shape), lambda a: jnp.max(jnp.abs(a))
    system = dae.System(model, problem.drive, nothing, heads.w, jnp.ones(()))
    c, A, B = dae.tangent(system, heads.x, q)
    system = system._replace(c=c, scale=size(c) + size(A) * size(heads.x) + size(B) * size(q))
    begun = motion._replace(y=y, v=v, z=dae.Bridges(heads.x, nothing))
    begun = dae.project(system, dae.place(system, begun))
    if mover.stepper == dae.Stepper.PROJECTED:
        moving = begun._replace(z=dae.Bridges(begun.z.x, begun.z.v))
        to, first = (state.t + h)[None], jnp.maximum(h, 1e-300)
        arrived = dae.travel(system, state.t, moving, to, first, problem.tolerance, _MAX_STEPS, lambda t, motion: None)
        return _unless(~arrived.finished & (h > 0), arrived.motion._replace(z=motion.z))
    guess = dae.instant(system, state.t, begun).guess
    begun = begun._replace(z=begun.z._replace(guess=guess))
    scheme, true = dae.Scheme(dae.Stepper(mover.stepper), mover.order), jnp.array(True)
    at = dae.Progress(state.t, begun, jnp.maximum(h, 1e-300), jnp.zeros((), int), true, true)
    if mover.dt is None:
        end = dae.adaptively(system, scheme, at, state.t + h, problem.tolerance, _MAX_STEPS)
    else:
        end = dae.evenly(system, scheme, at, state.t + h, 1)
    return _unless(end.t < state.t + h * (1 - 1e-12), end.motion._replace(z=motion.z))


def _unless(failed: Array, motion: Motion) -> Motion:
    return jax.tree.map(lambda a: jnp.where(failed, jnp.nan, a), motion)


def _exchange(problem: Problem, state: State, h: Array) -> State:
    """Bridges attach and detach for h, with the energies that this moves (theory.md section 4)."""
    model, drive = problem.model, problem.drive
    population: AbstractCyclingPopulation = problem.population  # pyright: ignore[reportAssignmentType]
    motion, z, heads = state.motion, state.still, model.tissue.heads
    y, v = motion.y, motion.v
    q, u, _ = macro.kinematics(model, y, v)
    r = jnp.broadcast_to(at(drive.activation, state.t, 1)[0], heads.shape)
    keys = jax.random.split(jax.random.fold_in(problem.key, state.step), heads.size)
    duration = jnp.broadcast_to(h, heads.shape)
    after, flux = macro.over_points(model, population.exchange, z, q, u, duration, r, keys)

    def masses(bridge, z, after, q):
        pair = population.energies(bridge, after, q)[1] - population.energies(bridge, z, q)[1]
        return population.inertia(bridge, z, q), population.unit_inertia(bridge, z, q), pair

    # The mass afterwards from the fluxes: sums over what an exchange returns would compute it once more for each.
    before, unit, pair = macro.over_points(model, masses, z, after, q)
    gained = flux.attached[:, None, None] * unit
    held = before + gained - (flux.detached + flux.lost)[:, None, None] * unit
    pair = heads @ pair
    kinetic_in, kinetic_out, v = _kinetic(problem, y, v, before, held, gained)
    tally = Tally(
        energy_in=state.tally.energy_in + heads @ flux.energy_in + jnp.maximum(pair, 0.0) + kinetic_in,
        energy_out=state.tally.energy_out + heads @ flux.energy_out + jnp.maximum(-pair, 0.0) + kinetic_out,
        attachments=state.tally.attachments + flux.attached,
        detachments=state.tally.detachments + flux.detached,
        atp=state.tally.atp + flux.atp,
        lost=state.tally.lost + flux.lost,
        attached=state.tally.attached,
        closure_error=state.tally.closure_error,
    )
    return state._replace(motion=motion._replace(v=v), still=after, tally=tally, step=state.step + (h > 0))


def _kinetic(problem, y, v, before, after, gained):
    """Kinetic energy that heads bring and take, and ẏ afterwards.

    Heads `at_rest` are taken along while others let go with the velocity they have: v′ = −M⁻¹Bv, B the mass attached in a unit of time.
    With the mean mass M̄ and the gross gain G of a step, (M̄ + G/2)v⁺ = (M̄ − G/2)v is of second order, and for one head that attaches
    it is M⁺v⁺ = M⁻v.
    """
    model, drive = problem.model, problem.drive
    if isinstance(drive, QuasiStatic):
        return jnp.zeros(()), jnp.zeros(()), v
    brought = model.tissue.assemble(y, gained)
    held = drive.indices(y.size) if isinstance(drive, Length) else ()
    scheme = scheme_of(model.bridge)
    assert scheme is not None
    if scheme.momentum is Momentum.COMOVING or len(held) == y.size:  # what holds the motion takes them along
        taken = model.tissue.assemble(y, before - after + gained)
        return 0.5 * v @ brought @ v, 0.5 * v @ taken @ v, v
    tissue = jnp.asarray(model.tissue.mass_matrix)
    m0, m1 = (tissue + model.tissue.assemble(y, mass) for mass in (before, after))
    left, right = (m0 + m1 + brought) / 2, (m0 + m1 - brought) @ v / 2
    new = macro.constrained(left, right, held, v[jnp.array(held)]) if held else small.solve(left, right)
    change = 0.5 * new @ m1 @ new - 0.5 * v @ m0 @ v
    return jnp.maximum(change, 0.0), jnp.maximum(-change, 0.0), new
