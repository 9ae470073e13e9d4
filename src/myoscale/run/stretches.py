"""A run in stretches: compiled once, watched, interrupted, kept and resumed between them.

A stretch lies within one leg of the drive and ends at a state from which the next one begins with nothing but that state and a first step size, so what a run has done
after k stretches does not depend on how many processes did it.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from .. import checkpoint
from ..books import Cycling, Energy, Stats
from ..drive import QuasiStatic
from ..errors import InputError, InterruptedRun, NotKeptError, SingularConstraintError, StoppedError
from ..levels import AbstractLevel, Sampling, noise, noisy, splitting, tied
from ..levels.integrate import MAX_STEPS, Outcome, Problem, Record, State, Weakest, enter, stretch
from ..levels.steps import complete, substeps
from ..macro import Ledger
from ..model import AbstractLaw, scheme_of
from ..model.scenario import tree_float
from ..population import AbstractCyclingPopulation, AbstractPopulation, Density, Ensemble, Heads, Moments, Tied
from ..protocol import SAME, Leg, legs
from ..solution import Scenario, Solution
from ..types import Array, concrete
from .begin import Begun, Placed, begin
from .programs import Costs, compiled
from .rungs import Rung

Progress = Callable[[str, float], None]  # what is being done, and the fraction done

_WATCHED = 201  # times at which every run is recorded and watched, whatever is saved
_STRETCHES = 20  # and a few more for many legs; progress is shown, Ctrl-C obeyed and the run kept between them
_STEPS_TOGETHER = 20  # or more in one stretch, where that costs nothing to say and memory to end
_WHICH = ("rung", "pieces", "done")  # what tells one kept state from another
_STAGES = 13  # right-hand sides in a step of Dopri8


def recorded_times(times: np.ndarray, legs: Sequence[Leg], watched: int = _WATCHED, near: float = SAME) -> np.ndarray:
    """Saved times, and the ends of all legs, which stand for times nearer than `SAME`; and watched ones with none of these within `near`.

    Distances are parts of the run.
    """
    t1, found = legs[-1].end, np.array([0.0, *(leg.end for leg in legs)])
    for more, distance in ((times, SAME), (np.linspace(0.0, t1, watched), near)):
        apart = np.min(np.abs(more[:, None] - found[None, :]), axis=1) > distance * t1
        found = np.concatenate([found, more[apart]])
    return np.sort(found)


def leg_times(grid: np.ndarray, legs: Sequence[Leg]) -> list[np.ndarray]:
    """The recorded times of each leg: a boundary belongs to the leg that ends there, t = 0 to the first."""
    return np.split(grid, np.searchsorted(grid, [leg.end for leg in legs[:-1]], side="right"))


def at_saved(grid: np.ndarray, times: np.ndarray, t1: float) -> np.ndarray:
    """Where the saved times are among the recorded ones."""
    return np.searchsorted(grid, times - SAME * t1)


def grid_of(scenario: Scenario, times: np.ndarray, legs: Sequence[Leg]) -> np.ndarray:
    """The recorded times of a run; few are watched besides the saved ones where a record takes as long as a step, or has to end one."""
    level, model = scenario.level, scenario.model
    if scheme_of(model.bridge) is not None or (mover := level.tied(model, scenario.start)) is None:
        return recorded_times(times, legs)
    steps = _STRETCHES if mover.dt is None else int(np.clip(float(scenario.t1) / float(mover.dt), 1, _STRETCHES))
    return recorded_times(times, legs, steps + 1, SAME if mover.dt else 0.5 / _STRETCHES)


class Piece(NamedTuple):
    """What one stretch is to do."""

    leg: int
    ts: np.ndarray
    first: bool  # of its leg


def pieces(grid: np.ndarray, legs: Sequence[Leg]) -> list[Piece]:
    """The recorded times in stretches of about one length."""
    found = []
    for k, ts in enumerate(leg_times(grid, legs)):
        parts = np.array_split(ts, np.clip(round(_STRETCHES * len(ts) / len(grid)), 1, len(ts)))
        found += [Piece(k, part, j == 0) for j, part in enumerate(parts)]
    return found


def join(plan: Sequence[Piece], step: float, t: float) -> tuple[Piece, int]:
    """The next pieces of one leg as one, so many that they make a stretch of some steps from t, and how many they are."""
    count = 1
    while count < len(plan) and plan[count].leg == plan[0].leg and plan[count - 1].ts[-1] < t + _STEPS_TOGETHER * step:
        count += 1
    return plan[0]._replace(ts=np.concatenate([piece.ts for piece in plan[:count]])), count


class _Standing(NamedTuple):
    """Where a run stands between two stretches."""

    state: State
    records: tuple[Record, ...]
    dt0: float  # first step of the next stretch
    steps: int
    done: int  # stretches


class Run:
    """One scenario, run outside of JAX transformations; `kept` is where, `resumed` what an earlier process left there."""

    def __init__(
        self,
        scenario: Scenario,
        times: np.ndarray,
        progress: Progress,
        kept: checkpoint.Checkpoint | None = None,
    ):
        self.scenario, self.times, self.progress, self.kept = scenario, times, progress, kept
        self.legs = legs(scenario.drive, float(scenario.t1))
        self.grid = grid_of(scenario, times, self.legs)
        self.resumed = None if kept is None else kept.read()
        self.pieces = 0  # of noise between two recorded times
        self._last = None if self.resumed is None else tuple(self.resumed.numbers[name] for name in _WHICH)

    def __call__(self, rung: Rung) -> Solution:
        """Run with these sums."""
        scenario, costs = self.scenario, Costs()
        model, start = tree_float((scenario.model, scenario.start))
        t1, tolerance = float(scenario.t1), jnp.asarray(scenario.tolerance, float)
        word, resumed = scenario.level.label, self._resumed(rung)
        legs, y = self.legs, jnp.broadcast_to(jnp.asarray(start.y, float), (model.tissue.ny,))
        self.progress(f"{word}: compiling", resumed.numbers["t"] / t1 if resumed else 0.0)
        key = jax.random.key(scenario.seed)
        drive = tree_float(legs[0].drive(y))
        level = complete(scenario.level, scenario.model)
        # Only Sobol points need a seed that is a number; others would compile anew for each.
        number = scenario.seed if getattr(level, "sampling", None) is Sampling.SOBOL else 0
        begun = compiled(begin, costs)(model, level, start, drive, key, number, *rung)
        problem = Problem(model, begun.population, drive, tolerance, *begun.margin)
        advance = stretch if scenario.model.noise is None else noisy.stretch
        entering = enter
        if isinstance(begun.population, Tied):
            advance, entering = tied.stretch, tied.enter
            self._consistent(begun)
        elif scheme_of(model.bridge) is not None:
            advance, drawn = splitting.stretch, jax.random.fold_in(key, 1)
            problem = problem._replace(
                key=drawn, substeps=substeps(level, scenario.model, self.grid), mover=level.tied(model, start)
            )
        if scenario.model.noise is not None:
            weights, count = bridges(begun, level)
            origin = noise.source(model, level, weights, count, key, t1, jnp.asarray(self.pieces))
            problem = problem._replace(noise=origin)
        if not float(begun.weakest.singular_value) >= float(begun.margin[1]):
            raise self._singular(begun.population, 0.0, begun.weakest, None)
        plan = pieces(self.grid, legs)
        joins = isinstance(begun.population, Tied) and begun.population.explicit
        longest = max(map(len, leg_times(self.grid, legs) if joins else [piece.ts for piece in plan]))
        at = _Standing(begun.state, (), self.grid[1] / 10, 0, 0)
        if resumed:
            at = _restored(resumed, begun.population, begun.state, costs)
        program, entry, leg = compiled(advance, costs), compiled(entering, costs), 0
        try:
            while at.done < len(plan):
                piece, count = join(plan[at.done :], at.dt0 if joins else 0.0, float(at.state.t))
                if piece.leg != leg:
                    leg, y = piece.leg, self._y(at, legs[piece.leg].begin)
                    problem = problem._replace(drive=tree_float(legs[leg].drive(y)))
                if piece.first and leg:
                    slow = isinstance(legs[leg - 1].drive(y), QuasiStatic)
                    v = np.zeros_like(y) if slow else at.records[-1].v[-1]
                    state = entry(problem, at.state, jnp.asarray(y), jnp.asarray(v))
                    dt0 = (piece.ts[0] - legs[leg].begin) / 10
                else:
                    state, dt0 = at.state, at.dt0
                ts = np.concatenate([piece.ts, np.repeat(piece.ts[-1:], longest - len(piece.ts))])
                before = float(at.state.t)
                outcome = program(problem, state, jnp.asarray(ts), jnp.asarray(min(dt0, ts[-1] - before)))
                record = jax.tree.map(lambda a, n=len(piece.ts): np.asarray(a)[:n], outcome.record)
                steps = int(outcome.steps)
                mean = (float(outcome.state.t) - before) / max(steps, 1)
                after = _Standing(
                    state=outcome.state,
                    records=(*at.records, record),
                    dt0=mean or at.dt0,  # a stretch may be the instant t = 0 alone
                    steps=at.steps + steps,
                    done=at.done + count,
                )
                if not outcome.finished:
                    self._stop(problem, begun, rung, at, after, costs, outcome)
                at = after
                self.progress(word, float(at.state.t) / t1)
                if self.kept and at.done < len(plan) and self.kept.due() and (trouble := self._keep(rung, at, costs)):
                    raise NotKeptError(
                        f"{word} stops at t = {float(at.state.t):g} of {t1:g}. {trouble}",
                        self._solution(begun, at, costs),
                    )
        except KeyboardInterrupt as interrupt:
            solution, trouble = self._solution(begun, at, costs), self._keep(rung, at, costs)
            message = f"Interrupted at t = {float(at.state.t):g} of {t1:g}; the results so far are kept."
            raise InterruptedRun(" ".join(filter(None, (message, trouble))), solution) from interrupt
        solution = self._solution(begun, at, costs)
        assert solution is not None
        return solution

    def _y(self, at: _Standing, t: float) -> np.ndarray:
        """y at a leg's beginning, from the records."""
        return np.concatenate([record.y for record in at.records])[np.searchsorted(self.grid, t)]

    @property
    def reached(self) -> Rung | None:
        """The sums with which an earlier process was at work on so many pieces."""
        here = self.resumed is not None and self.resumed.numbers["pieces"] == self.pieces
        return Rung(*self.resumed.numbers["rung"]) if here and self.resumed else None

    def _resumed(self, rung: Rung) -> checkpoint.Kept | None:
        return self.resumed if self.reached == rung else None

    def _keep(self, rung: Rung, at: _Standing, costs: Costs) -> str | None:
        """Write where the run stands, if it is to be kept and has come further than what is there; returns why it could not."""
        which = list(rung), self.pieces, at.done
        if self.kept is None or not at.done or self._last == which:
            return None
        trees = {"state": at.state, "record": _joined(at.records)}
        numbers = {name: getattr(at, name) for name in ("dt0", "steps", "done")}
        spent = {name: getattr(costs, name) for name in ("wall", "compile", "memory")}
        try:
            self.kept.write(
                trees, {"rung": list(rung), "pieces": self.pieces, "t": float(at.state.t), **numbers, **spent}
            )
        except OSError as error:
            return checkpoint.cannot_keep(self.kept.folder, error)
        self._last = which
        return None

    def _solution(self, begun: Begun, at: _Standing, costs: Costs) -> Solution | None:
        """What has been computed so far, None if no saved time has been reached."""
        if not at.records:
            return None
        record, times = _joined(at.records), self.grid
        count = int(np.sum(np.cumprod(np.isfinite(record.y).all(1))))
        record = jax.tree.map(lambda a: a[:count], record)
        kept = self.times[at_saved(times[:count], self.times, float(self.scenario.t1)) < count]
        if not len(kept):
            return None
        error = float(np.max(record.compression))
        stats = Stats(
            path=_path(begun, error),
            steps=at.steps,
            right_hand_sides=at.steps * (begun.population.stages if isinstance(begun.population, Tied) else _STAGES),
            wall=costs.wall,
            compile=costs.compile,
            memory=costs.memory,
            compression=error,
            moved=0.0 if begun.moved is None else float(np.asarray(begun.moved)),
            pieces=self.pieces * (len(times) - 1),
        )
        return assemble(self.scenario, kept, times[:count], begun, record, stats)

    def _stop(
        self,
        problem: Problem,
        begun: Begun,
        rung: Rung,
        at: _Standing,
        after: _Standing,
        costs: Costs,
        outcome: Outcome,
    ) -> None:
        """Raise the error that says why the integrator stopped; resumed, only this stretch is computed again."""
        self._keep(rung, at, costs)
        solution = self._solution(begun, after, costs)
        t, weak, level = float(outcome.state.t), outcome.weakest, self.scenario.level
        if isinstance(begun.population, Tied):
            raise self._tied_stop(problem, outcome, costs, solution)
        value = float(weak.singular_value)
        if outcome.singular or value < 100 * float(begun.margin[1]):
            raise self._singular(begun.population, t, weak, solution)
        raise StoppedError(
            f"{level.label} stops at t = {t:.6g}: the step size fell below rounding or {MAX_STEPS} steps did not suffice. "
            "Look for a force or constraint that is not smooth there; the results so far are kept.",
            solution,
        )

    def _consistent(self, begun: Begun) -> None:
        """Raise `InputError` if the start's velocities had to be moved too far."""
        moved = float(np.asarray(begun.moved))
        if (
            self.scenario.start.velocity is not None
            and not isinstance(self.scenario.start.velocity, AbstractLaw)
            and moved > tied.INCONSISTENT
        ):
            raise InputError(
                f"Expected Start.velocity consistent with ẏ, g_x Ẋ + g_q q̇ = 0 for every bridge. Received velocities that had to be moved by "
                f"{moved:.2g} of the greatest: leave it out, or give what the constraint allows (differences below {tied.INCONSISTENT:g} are projected)."
            )

    def _tied_stop(self, problem: Problem, outcome: Outcome, costs: Costs, solution: Solution | None) -> StoppedError:
        """Why bridges that carry multipliers could not be moved on."""
        t, level, mover = float(outcome.state.t), self.scenario.level.label, problem.population
        assert isinstance(mover, Tied)
        longest = jnp.asarray(float(self.scenario.t1) / 2) if mover.dt is None else jnp.asarray(mover.dt)
        found = jax.tree.map(np.asarray, compiled(tied.diagnose, costs)(problem, outcome.state, longest))
        kept = "The results so far are kept."
        if mover.dt is not None and found.works > 0:
            return StoppedError(
                f"{level} stops at t = {t:.6g}: a step of dt = {float(mover.dt):g} is too long there, the multipliers are not found. "
                f"dt = {float(found.works):.2g} works there; or leave dt out, and the tolerance decides. {kept}",
                solution,
            )
        if (np.asarray(problem.model.bridge.mass) == 0).any() and float(
            outcome.weakest.singular_value
        ) < 0.1 * found.strongest:
            return self._singular(problem.population, t, outcome.weakest, solution)
        if not (outcome.singular or found.joint <= tied.JOINTLY * found.strongest):
            return StoppedError(
                f"{level} stops at t = {t:.6g}: no step is short enough. Look for a force or constraint that is not smooth there. {kept}",
                solution,
            )
        (p, other_p), (i, other) = found.point, found.bridge
        return SingularConstraintError(
            f"{level} stops at t = {t:.6g}: the constraints of bridge {i} at point {p} and bridge {other} at point {other_p} lose rank together, "
            f"the smallest singular value of their rows (g_x, g_y) being {float(found.joint):.2e}; where they pass, the motion has no single "
            f"continuation (two bridges that are equal, for instance). {kept}",
            solution,
            time=t,
            point=int(p),
            bridge=int(i),
            singular_value=float(found.joint),
        )

    def _singular(
        self, population: AbstractPopulation, t: float, weak: Weakest, solution: Solution | None
    ) -> SingularConstraintError:
        value, point, bridge = float(weak.singular_value), int(weak.point), int(weak.bridge)
        further = (
            "Bridges without mass cannot pass there, nor can a run begin there. "
            if isinstance(population, Tied)
            else "Levels that eliminate multipliers cannot go further (Constrained can). "
        )
        return SingularConstraintError(
            f"{self.scenario.level.label} stops at t = {t:.6g}: the constraint of {_who(population, bridge)} at point {point} "
            f"lost rank, the smallest singular value of g_x being {value:.2e} at x = {np.asarray(weak.x)}. {further}"
            "The results so far are kept.",
            solution,
            time=t,
            point=point,
            bridge=bridge,
            singular_value=value,
        )


def _path(begun: Begun, error: float) -> str:
    """How sums were computed, in words."""
    population = begun.population
    if isinstance(population, Ensemble) and population.grid:
        return f"sums compressed to {population.grid} Chebyshev labels an axis"
    words = {Tied: getattr(population, "path", ""), Density: "every cell", Heads: "every head"}
    path = words.get(type(population), "every node" if begun.particles is None else "every bridge")
    modes = getattr(population, "modes", 0)
    return f"{path}, pair forces by {modes} Chebyshev modes an axis, error bound {error:.0e}" if modes else path


def _joined(records: tuple[Record, ...]) -> Record:
    return jax.tree.map(lambda *parts: np.concatenate(parts), *records)


def _restored(kept: checkpoint.Kept, population: AbstractPopulation, start: State, costs: Costs) -> _Standing:
    """Where an earlier process left the run; its costs are added to this one's."""
    numbers = kept.numbers
    record = Record._make(Record._fields)._replace(z=start.motion.z, ledger=Ledger._make(Ledger._fields))
    record = record._replace(cycling=None, noise=start.motion.noise)
    if isinstance(population, AbstractCyclingPopulation | Tied):
        record = record._replace(z=population.kept._make(population.kept._fields), cycling=start.tally)
    costs.add(numbers["wall"], numbers["compile"], numbers["memory"])
    state = jax.tree.map(jnp.asarray, kept.tree("state", start))
    return _Standing(state, (kept.tree("record", record),), numbers["dt0"], numbers["steps"], numbers["done"])


def _who(population: AbstractPopulation, bridge: int) -> str:
    if isinstance(population, Density):
        return (
            ("the lower end of the window", "the upper end of the window")[bridge]
            if bridge < 2
            else f"cell {bridge - 2}"
        )
    return f"{'Gauss node' if isinstance(population, Moments) else 'label' if getattr(population, 'grid', 0) else 'bridge'} {bridge}"


def bridges(begun: Begun, level: AbstractLevel) -> tuple[Array | None, int]:
    """Weights of the bridges at each point, None if all are equal, and how many there are."""
    if begun.particles is None:
        return None, getattr(level, "n", None) or 1
    return begun.particles.w, begun.particles.x.shape[1]


def _cycled(record: Record):
    """Net energy that cycling has put in, zero without it."""
    return record.load * 0.0 if record.cycling is None else record.cycling.energy_in - record.cycling.energy_out


def assemble(
    scenario: Scenario, times: np.ndarray, grid: np.ndarray, begun: Begun | Placed, record: Record, stats: Stats
) -> Solution:
    """The saved part of a record."""
    saved = at_saved(grid, times, float(scenario.t1))
    pick = lambda tree: jax.tree.map(lambda a: a[saved], tree)
    kept = pick(record)
    population = begun.population
    representation = population if begun.particles is None or isinstance(population, Tied) else Ensemble()
    return Solution(
        scenario=scenario,
        ts=times,
        y=kept.y,
        v=kept.v,
        energy=Energy(
            *kept.ledger, kept.load, kept.damping, _cycled(kept), kept.load * 0.0 if kept.noise is None else kept.noise
        ),
        force=kept.force,
        reaction=kept.reaction,
        residual=kept.residual,
        singular_value=kept.singular_value,
        stats=stats,
        representation=representation,
        z=None if isinstance(representation, Ensemble) else kept.z,
        origin=concrete(begun.origin),
        particles=concrete(begun.particles),
        cycling=None if kept.cycling is None else Cycling(times, *kept.cycling),
        path=(np if isinstance(record.y, np.ndarray) else jnp).concatenate([grid[:, None], record.y], axis=1),
    )
