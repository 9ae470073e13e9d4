"""Adaptive integration of tissue and populations together, for every level whose bridges have full rank.

diffrax's Dopri8 steps the motion (y, ẏ, moving parts of z, work). Around it, `Tracked` keeps what populations remember between steps
out of the stage vectors, and stops where the constraint loses rank. Along the way the energies, forces and residuals are recorded.
"""

from typing import Any, NamedTuple

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp

from .. import macro, mechanics
from ..drive import AbstractDrive, Length, QuasiStatic, at
from ..macro import Motion
from ..model import Model
from ..numerics import small
from ..numerics.blocks import block_map
from ..population import AbstractPopulation, Ensemble
from ..types import Array, Float, PyTree
from .noise import push

SINGULAR = 1e-4  # g_x is singular below this fraction of the greatest singular value at the start
MAX_STEPS = 200_000  # in one stretch
_EQUILIBRIUM = 1e-10  # tolerance of equilibria that are sought, at least
LOCAL = 2e-3  # local error allowed, as a fraction of the tolerance asked of the solution


RESULTS: Any = diffrax.RESULTS


class Problem(NamedTuple):
    """What stays fixed while integrating."""

    model: Model
    population: AbstractPopulation
    drive: AbstractDrive
    tolerance: Float[Array, ""]
    side: Float[Array, ""]  # sign of det g_x of every bridge at the start; 0 where it differs from bridge to bridge
    floor: Float[Array, ""]  # g_x is singular below this singular value
    key: Any = None  # of the random numbers of cycling heads
    mover: Any = None  # how cycling bridges are moved that carry multipliers, a `Tied`
    substeps: int = 0  # between two recorded times, where their number is known beforehand
    noise: Any = None  # a `Source`; while one of its pieces lasts, the `Piece`


class State(NamedTuple):
    """Where a run stands: time, motion, and the parts of the populations that are not integrated."""

    t: Float[Array, ""]
    motion: Motion
    still: PyTree
    tally: Any = None  # what cycling has done so far
    step: Any = None  # steps of cycling so far


class Record(NamedTuple):
    """What is kept at each saved time (leading axis T)."""

    y: Array
    v: Array
    z: PyTree
    load: Array
    damping: Array
    ledger: macro.Ledger
    force: Array
    reaction: Array
    residual: Array  # max |g(X_i, q) − c_i|
    singular_value: Array  # the smallest of g_x
    compression: Array  # error of the labels that stand for many particles, relative
    cycling: Any = None  # the tally of cycling bridges
    noise: Any = None  # work done by noise


class Weakest(NamedTuple):
    """The bridge whose constraint is nearest to losing rank."""

    singular_value: Array
    point: Array
    bridge: Array
    x: Array


class Outcome(NamedTuple):
    """How a stretch of integration ended."""

    state: State
    record: Record
    weakest: Weakest
    singular: Array
    finished: Array
    steps: Array


def weakest(problem: Problem, y: Array, z: PyTree) -> Weakest:
    """Smallest singular value of g_x over everything the populations represent; negative beyond a loss of rank."""
    x, values = singular_values(problem.model, problem.population, y, z)
    values = jnp.where(problem.side == 0, jnp.abs(values), problem.side * values)
    p, i = jnp.unravel_index(jnp.argmin(values), values.shape)
    return Weakest(values[p, i], p, i, x[p, i])


def singular_values(model: Model, population: AbstractPopulation, y: Array, z: PyTree) -> tuple[Array, Array]:
    """Everything the populations represent, (P, K, nx), and the smallest singular value of g_x there with the sign of det g_x."""

    def point(bridge, z, q):
        x = population.probes(z, bridge, q)
        return x, block_map(lambda x: small.signed_singular_value(mechanics.jacobians(bridge, x, q)[0]), x)

    return macro.over_points(model, point, z, model.tissue.kinematics(y))


def rank_margin(model: Model, population: AbstractPopulation, y: Array, z: PyTree) -> tuple[Array, Array]:
    """`side` and `floor` of a `Problem` that starts here."""
    _, values = singular_values(model, population, y, z)
    side = jnp.where(jnp.all(values > 0), 1.0, jnp.where(jnp.all(values < 0), -1.0, 0.0))
    return side, SINGULAR * jnp.max(jnp.abs(values))


def equilibrium(problem: Problem, state: State) -> State:
    """Let go slowly of what holds the tissue in place: a quasi-static unloading to equilibrium under ℓ at that time, its work among load."""
    model, drive = problem.model, problem.drive
    y, z = state.motion.y, eqx.combine(state.motion.z, state.still)
    load = at(drive.load, state.t, y.size)
    held = macro.static_force(model.one_way(), problem.population, y, z) + load
    tolerance = jnp.minimum(problem.tolerance, _EQUILIBRIUM)
    letting_go = problem._replace(drive=QuasiStatic(lambda s: load - (1.0 - s) * held), tolerance=tolerance)
    begin = state._replace(t=jnp.zeros(()))
    end = stretch(letting_go, begin, jnp.linspace(0.0, 1.0, 11), jnp.asarray(0.05)).state
    return end._replace(t=state.t, tally=state.tally, step=state.step)


def enter(problem: Problem, state: State, y: Float[Array, " ny"], v: Float[Array, " ny"]) -> State:
    """The state at the beginning of a leg of a protocol, from y and ẏ at the end of the one before (at rest if that was quasi-static).

    Prescribed velocities jump to their new values, and free ones so that no impulse acts on them; the work is what kinetic energy changes
    by. Where inertia ends, that energy is lost.
    """
    model, drive, motion = problem.model, problem.drive, state.motion
    mass = macro.mass_matrix(model, problem.population, y, eqx.combine(motion.z, state.still))
    kinetic = lambda v: 0.5 * v @ mass @ v
    if isinstance(drive, QuasiStatic):
        lost = motion._replace(y=y, v=jnp.zeros_like(v), damping=motion.damping - kinetic(v))
        state = state._replace(motion=lost)
        return equilibrium(problem, state) if model.tissue.damping is None else state
    after = v
    if isinstance(drive, Length):
        held = drive.indices(y.size)
        jump = (macro.prescribe(drive, state.t, y, v)[1] - v)[jnp.array(held)]
        after = v + macro.constrained(mass, jnp.zeros_like(v), held, jump)
    return state._replace(motion=motion._replace(y=y, v=after, load=motion.load + kinetic(after) - kinetic(v)))


def split(model: Model, population: AbstractPopulation, y: Array, z: PyTree) -> tuple[PyTree, PyTree]:
    """z in its moving and its still leaves."""
    q = model.tissue.kinematics(y)
    rate = jax.eval_shape(lambda: macro.over_points(model, population.transport, z, q, jnp.zeros_like(q)))
    mask = jax.tree.map(lambda r, leaf: r is not None, rate, z, is_leaf=lambda r: r is None)
    return eqx.partition(z, mask)


def refresh(problem: Problem, y: Array, z: PyTree) -> PyTree:
    """What populations remember, brought to y; None elsewhere. It only starts searches, so it carries no derivative."""
    q = problem.model.tissue.kinematics(y)
    return jax.lax.stop_gradient(macro.over_points(problem.model, problem.population.refresh, z, q))


class Tracked(diffrax.AbstractAdaptiveSolver, diffrax.AbstractWrappedSolver):
    """A solver whose vector field sees, besides `args = (problem, still)`, what populations remembered at the step's start."""

    solver: diffrax.AbstractSolver

    @property
    def term_structure(self):
        """The wrapped solver's."""
        return self.solver.term_structure

    @property
    def interpolation_cls(self):
        """The wrapped solver's."""
        return self.solver.interpolation_cls

    def order(self, terms):
        """The wrapped solver's."""
        return self.solver.order(terms)

    def init(self, terms, t0, t1, y0, args):
        """Remember from the start's state."""
        problem, still = args
        memory = refresh(problem, y0.y, eqx.combine(y0.z, still))
        return self.solver.init(terms, t0, t1, y0, (problem, eqx.combine(memory, still))), memory

    def step(self, terms, t0, t1, y0, args, solver_state, made_jump):
        """One step, with positions refreshed at its end."""
        problem, still = args
        inner, memory = solver_state
        still = eqx.combine(memory, still)
        motion, error, dense, inner, result = self.solver.step(terms, t0, t1, y0, (problem, still), inner, made_jump)
        z, kept = problem.population.admissible(motion.z, problem.tolerance * LOCAL)
        motion = motion._replace(z=z)
        y, _ = macro.prescribe(problem.drive, jnp.asarray(t1), motion.y, motion.v)
        whole = eqx.combine(z, still)
        memory = refresh(problem, y, whole)
        margin = weakest(problem, y, eqx.combine(memory, whole)).singular_value
        lost = ~kept | ~_finite(memory) | (margin < 0)
        error = jax.tree.map(lambda e: jnp.where(lost, jnp.inf, e), error)  # rejects the step
        result = RESULTS.where(margin < problem.floor, RESULTS.singular, result)
        return motion, error, dense, (inner, memory), result

    def func(self, terms, t0, y0, args):
        """The vector field."""
        return self.solver.func(terms, t0, y0, args)


def _finite(tree) -> Array:
    return jnp.all(jnp.array([jnp.all(jnp.isfinite(leaf)) for leaf in jax.tree.leaves(tree)] or [True]))


def field(t, motion, args):
    """diffrax's view of `macro.vector_field`."""
    problem, still = args
    z = eqx.combine(motion.z, still)
    if problem.noise is None:
        return macro.vector_field(problem.model, problem.population, problem.drive, t, motion, z)
    force = push(problem.noise, t)
    return macro.vector_field(problem.model, problem.population, problem.drive, t, motion, z, force)


def stretch(
    problem: Problem, state: State, ts: Float[Array, " L"], dt0: Float[Array, ""], max_steps: int = MAX_STEPS
) -> Outcome:
    """Integrate from `state` to the last of the times `ts`, recording at each."""
    local = jnp.maximum(LOCAL * problem.tolerance, 1e-14)
    solution: Any = diffrax.diffeqsolve(
        diffrax.ODETerm(field),
        Tracked(diffrax.Dopri8()),
        state.t,
        ts[-1],
        dt0,
        state.motion,
        (problem, state.still),
        saveat=diffrax.SaveAt(
            subs=[diffrax.SubSaveAt(ts=jnp.asarray(ts)), diffrax.SubSaveAt(t1=True)], solver_state=True
        ),
        stepsize_controller=diffrax.PIDController(rtol=local, atol=local, dtmin=1e-13 * ts[-1]),
        max_steps=max_steps,
        throw=False,
    )
    saved, last = solution.ys
    motion = jax.tree.map(lambda a: a[0], last)
    time = solution.ts[1][0]
    still = eqx.combine(solution.solver_state[1], state.still)
    whole = eqx.combine(motion.z, still)
    y, _ = macro.prescribe(problem.drive, time, motion.y, motion.v)
    return Outcome(
        state=State(time, motion, still),
        record=observe(problem, state, ts, saved),
        weakest=weakest(problem, y, whole),
        singular=solution.result == RESULTS.singular,
        finished=solution.result == RESULTS.successful,
        steps=jnp.asarray(solution.stats["num_steps"]),
    )


def observe(problem: Problem, state: State, ts: Array, motions: Motion) -> Record:
    """The record along saved motions; positions are followed from one saved time to the next."""

    def one(still, saved):
        t, motion = saved
        y, v = macro.prescribe(problem.drive, t, motion.y, motion.v)
        moving, _ = problem.population.admissible(motion.z, jnp.inf)
        whole = eqx.combine(moving, still)
        still = eqx.combine(refresh(problem, y, whole), still)
        return still, record(problem, t, motion._replace(y=y, v=v, z=moving), still)

    return jax.lax.scan(one, state.still, (ts, motions))[1]


def record(problem: Problem, t: Array, motion: Motion, still: PyTree) -> Record:
    """Everything kept of one instant."""
    model, population, drive = problem.model, problem.population, problem.drive
    y, v, z = motion.y, motion.v, eqx.combine(motion.z, still)
    if isinstance(drive, QuasiStatic):
        v, _ = macro.quasi_static_rate(model, population, drive, t, y, z)
        massless = model.one_way()
        q = model.tissue.kinematics(y)
        elastic = macro.over_points(massless, population.local, z, q, jnp.zeros_like(q))[1]
        force, reaction = model.tissue.heads[:, None] * elastic, jnp.zeros_like(y)
    else:
        _, _, force, reaction = macro.balance(model, population, drive, t, y, v, z)
    energies = macro.ledger(model, population, drive, y, v, z)
    residual, compression = _exactness(problem, y, v, z)
    value = weakest(problem, y, z).singular_value
    return Record(
        y,
        v,
        motion.z,
        motion.load,
        motion.damping,
        energies,
        force,
        reaction,
        residual,
        value,
        compression,
        noise=motion.noise,
    )


def _exactness(problem, y, v, z):
    """max |g − c| of an ensemble, and what `Ensemble.compression_error` reports; zeros for representations without labels."""
    population = problem.population
    if not isinstance(population, Ensemble):
        return jnp.zeros(()), jnp.zeros(())
    q, u, _ = macro.kinematics(problem.model, y, v)
    residual, error = macro.over_points(problem.model, population.exactness, z, q, u)
    return jnp.max(residual), jnp.max(error)
