"""The one entry point: `solve(model, level, start, t1=…)`."""

import dataclasses
import time
from collections.abc import Callable, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from . import macro
from .drive import AbstractDrive, Free, Length, QuasiStatic
from .errors import InputError, InterruptedRun, SingularConstraintError, StoppedError
from .levels import AbstractLevel, AbstractPointLevel, Reduced
from .levels.integrate import (
    MAX_STEPS,
    Outcome,
    Problem,
    Record,
    State,
    Weakest,
    equilibrium,
    rank_margin,
    split,
    stretch,
    weakest,
)
from .macro import Motion
from .model import AbstractLaw, Model, Stacked, Start
from .model.checks import check_model
from .model.scenario import tree_float
from .population import AbstractPopulation, Density, Ensemble, Moments
from .population.ensemble import Particles, compress
from .solution import Energy, Scenario, Solution, Stats
from .types import Array, ArrayLike, concrete, float64, is_traced

Progress = Callable[[str, float], None]  # what is being done, and the fraction done

_WATCHED = 201  # times at which every run is recorded and watched, whatever is saved
_STRETCHES = 20  # a run is integrated in so many pieces: progress is shown and Ctrl-C obeyed between them
_GRIDS = {1: (64, 256), 2: (24,), 3: (14,)}  # Chebyshev nodes an axis for compressed ensembles, by nx
_COMPRESSION = 1e-2  # error allowed in a compressed sum, as a fraction of the tolerance
_STAGES = 13  # right-hand sides in a step of Dopri8
_DIFFERENTIABLE_STEPS = 2**14


@float64
def solve(
    model: Model,
    level: AbstractLevel,
    start: Start,
    *,
    t1: float,
    drive: AbstractDrive = Free(),
    save: int | ArrayLike | Sequence[float] = 201,
    tolerance: float = 1e-8,
    seed: int = 0,
    progress: Progress | None = None,
) -> Solution:
    """Run a model at a level from 0 to `t1`.

    **Arguments:**

    - `model`, `start`: what the user wrote down, the same for every level.
    - `level`: `Reduced(n)`, `Characteristics(nodes)`, `Kinetic(cells)` or `MomentClosure()`.
    - `t1`: the end, > 0.
    - `drive`: `Free(load)`, `Length(y)` or `QuasiStatic(load)`.
    - `save`: how many times to save, evenly from 0 to t1, or the times themselves.
    - `tolerance`: aimed at in y and v; the integrator's local error is kept a hundred times smaller.
    - `seed`: fixes every random number.
    - `progress`: called with a word and the fraction done.

    **Returns:** a `Solution`. Inside `jit`, `grad` or `vmap` its arrays are JAX arrays; differentiate in reverse mode. There, JAX must
    be in float64 (`jax.config.update("jax_enable_x64", True)`), and errors that depend on values cannot be raised: NaN marks them.

    **Raises:** `InputError` for input that cannot be used; `SingularConstraintError` where the constraint loses rank (theory.md
    7.4) and `StoppedError` where the integrator cannot go on, both with the results so far in `.solution`.
    """
    traced = is_traced((model, level, start, drive, tolerance))
    scenario = Scenario(
        model, level, start, t1, drive, save if isinstance(save, int) else np.asarray(save), tolerance, seed
    )
    times = _check(scenario)
    if traced:
        return _solve_traced(scenario, times)
    run = _Run(scenario, times, progress or (lambda word, fraction: None))
    for grid in _compressible(scenario):
        try:
            solution = run(grid)
        except InterruptedRun:
            raise
        except StoppedError:
            continue  # labels cannot say which bridge it was
        if solution.stats.compression <= _COMPRESSION * tolerance:
            return solution
    return run(0)


def _check(scenario: Scenario) -> np.ndarray:
    """The saved times of a scenario that makes sense."""
    level, start, drive, t1 = scenario.level, scenario.start, scenario.drive, scenario.t1
    if not isinstance(level, AbstractLevel):
        hint = ": make an instance of it, with its size in brackets" if isinstance(level, type) else ""
        raise InputError(f"Expected a level, Reduced(1_000) for instance. Received {level!r:.80}{hint}.")
    if not isinstance(drive, AbstractDrive):
        raise InputError(f"Expected drive to be Free, Length or QuasiStatic. Received {drive!r:.80}.")
    check_model(scenario.model, start)
    if not _positive(t1):
        raise InputError(f"Expected t1 > 0, the end of the run. Received {t1!r}.")
    if not is_traced(scenario.tolerance) and not (
        _positive(scenario.tolerance) and 1e-13 <= scenario.tolerance <= 1e-2
    ):
        raise InputError(f"Expected tolerance between 1e-13 and 1e-2. Received {scenario.tolerance!r}.")
    if not isinstance(scenario.seed, int | np.integer):
        raise InputError(f"Expected seed to be a whole number. Received {scenario.seed!r}.")
    if not is_traced((level, start)):
        level.check(start)
    if not is_traced(scenario.model):
        _check_drive(drive, scenario.model, float(t1))
    return _times(scenario.save, float(t1))


def _positive(value: Any) -> bool:
    return (
        isinstance(value, int | float | np.number)
        and not isinstance(value, bool)
        and bool(np.isfinite(value) and value > 0)
    )


def _check_drive(drive: AbstractDrive, model: Model, t1: float) -> None:
    ny = model.tissue.ny
    named = {"load": (drive.load, ny)}
    if isinstance(drive, Length):
        if any(not -ny <= dof < ny for dof in drive.dofs or ()) or len(set(drive.indices(ny))) != len(
            drive.indices(ny)
        ):
            raise InputError(
                f"Expected Length.dofs to be different coordinates from 0 to {ny - 1}. Received {drive.dofs}."
            )
        named["Length.y"] = (drive.y, len(drive.indices(ny)))
    for name, (function, size) in named.items():
        for t in (0.0, t1) if function is not None else ():
            value = np.asarray(function(jnp.asarray(t)) if callable(function) else function)
            if value.shape not in ((), (size,)) or not np.isfinite(np.asarray(value, float)).all():
                raise InputError(f"Expected {name} at t = {t:g} to be finite, of shape ({size},). Received {value}.")
    if isinstance(drive, QuasiStatic) and model.tissue.damping is not None:
        damping = np.asarray(macro.damping_matrix(model))
        if np.linalg.matrix_rank(damping) < ny:
            raise InputError(
                "QuasiStatic with damping expected it to act on every coordinate (D invertible). Received a singular D: add to it, or leave damping None."
            )


def _times(save: int | ArrayLike, t1: float) -> np.ndarray:
    if isinstance(save, int | np.integer) and not isinstance(save, bool):
        if save < 2:
            raise InputError(f"Expected save ≥ 2 times (the start and the end). Received {save}.")
        return np.linspace(0.0, t1, int(save))
    times = np.atleast_1d(np.asarray(save, float))
    if (
        times.ndim != 1
        or not times.size
        or not np.isfinite(times).all()
        or (np.diff(times) <= 0).any()
        or times[0] < 0
        or times[-1] > t1
    ):
        raise InputError(
            f"Expected save to be a count or increasing times from 0 to t1 = {t1:g}. Received {save!r:.80}."
        )
    return times


def _grid(times: np.ndarray, t1: float) -> np.ndarray:
    """Saved times together with the watched ones, from 0 to t1."""
    watched = np.linspace(0.0, t1, _WATCHED)
    apart = np.min(np.abs(watched[:, None] - times[None, :]), axis=1) > 1e-9 * t1
    return np.sort(np.concatenate([watched[apart], times]))


def _compressible(scenario: Scenario) -> tuple[int, ...]:
    """Label grids worth trying before summing over every particle."""
    level, start, bridge = scenario.level, scenario.start, scenario.model.bridge
    interaction = bridge.each.interaction if isinstance(bridge, Stacked) else bridge.interaction
    if not isinstance(level, Reduced) or interaction is not None:
        return ()
    count = level.n if isinstance(start.x, AbstractLaw) else start.points(1)[0].shape[1]
    return tuple(grid for grid in _GRIDS[start.nx] if (count or 0) >= 4 * grid**start.nx)


class _Begun(eqx.Module):
    """A run before its first step."""

    population: AbstractPopulation
    state: State
    margin: tuple[Array, Array]  # `side` and `floor` of the `Problem`
    weakest: Weakest
    origin: Array  # y where the particles were placed
    particles: Particles | None


def _begin(
    model: Model, level: AbstractLevel, start: Start, drive: AbstractDrive, key: Array, seed: int, grid: int
) -> _Begun:
    """Build populations and state at t = 0."""
    ny = model.tissue.ny
    vector = lambda value: jnp.broadcast_to(jnp.asarray(value, float), (ny,))
    y, v = macro.prescribe(drive, jnp.zeros(()), vector(start.y), vector(start.v))
    q = model.tissue.kinematics(y)
    particles = (
        Particles(*level.points(start, q.shape[0], key, seed)) if isinstance(level, AbstractPointLevel) else None
    )
    if grid and particles is not None:
        points, weights = jax.vmap(lambda particles: compress(*particles, grid))(particles)
        population = Ensemble(grid)
        z = macro.over_points(model, population.start, points, weights, q)
    else:
        population, z = level.begin(model, start, q, key, seed)
    margin = rank_margin(model, population, y, z)
    weak = weakest(Problem(model, population, drive, zero := jnp.zeros(()), *margin), y, z)
    moving, still = split(model, population, y, z)
    state = State(zero, Motion(y, v, moving, zero, zero), still)
    if isinstance(drive, QuasiStatic) and model.tissue.damping is None:
        state = equilibrium(Problem(model, population, drive, jnp.asarray(1e-10), *margin), state)
    return _Begun(population, state, margin, weak, y, particles)


def _solve_traced(scenario: Scenario, times: np.ndarray) -> Solution:
    """The run as one differentiable program."""
    if not jax.config.read("jax_enable_x64"):
        raise InputError(
            "myoscale computes in float64: before jit, grad or vmap say jax.config.update('jax_enable_x64', True)."
        )
    model, start, drive = tree_float((scenario.model, scenario.start, scenario.drive))
    begun = _begin(model, scenario.level, start, drive, jax.random.key(scenario.seed), scenario.seed, 0)
    problem = Problem(model, begun.population, drive, jnp.asarray(scenario.tolerance), *begun.margin)
    grid = _grid(times, scenario.t1)
    outcome = stretch(problem, begun.state, jnp.asarray(grid), jnp.asarray(grid[1] / 10), _DIFFERENTIABLE_STEPS)
    stats = Stats("every bridge, differentiable", 0, 0, 0.0, 0.0, 0, 0.0)
    return _assemble(scenario, times, grid, begun, outcome.record, stats)


class _Run:
    """One scenario, run outside of JAX transformations: compiled once, in stretches, watched."""

    def __init__(self, scenario: Scenario, times: np.ndarray, progress: Progress):
        self.scenario, self.times, self.progress = scenario, times, progress

    def __call__(self, grid: int) -> Solution:
        """Run with compressed sums on `grid` labels an axis, or over every bridge if 0."""
        scenario, costs = self.scenario, _Costs()
        model, start, drive = tree_float((scenario.model, scenario.start, scenario.drive))
        t1, tolerance = float(scenario.t1), jnp.asarray(scenario.tolerance, float)
        word = scenario.level.label
        self.progress(f"{word}: compiling", 0.0)
        key = jax.random.key(scenario.seed)
        begun = compiled(_begin, costs)(model, scenario.level, start, drive, key, scenario.seed, grid)
        problem = Problem(model, begun.population, drive, tolerance, *begun.margin)
        if not float(begun.weakest.singular_value) >= float(begun.margin[1]):
            raise self._singular(begun, 0.0, begun.weakest, None)
        times = _grid(self.times, t1)
        pieces = np.array_split(times, _STRETCHES)
        longest = max(map(len, pieces))
        state, records, dt0 = begun.state, [], times[1] / 10
        program = compiled(stretch, costs)
        try:
            for piece in pieces:
                ts = np.concatenate([piece, np.repeat(piece[-1:], longest - len(piece))])
                outcome = program(problem, state, jnp.asarray(ts), jnp.asarray(min(dt0, ts[-1] - float(state.t))))
                records.append(jax.tree.map(lambda a, n=len(piece): np.asarray(a)[:n], outcome.record))
                costs.steps += int(outcome.steps)
                if not outcome.finished:
                    self._stop(begun, times, records, costs, outcome)
                dt0 = (float(outcome.state.t) - float(state.t)) / max(int(outcome.steps), 1)
                state = outcome.state
                self.progress(word, float(state.t) / t1)
        except KeyboardInterrupt as interrupt:
            kept = self._solution(begun, times, records, costs)
            raise InterruptedRun(
                f"Interrupted at t = {float(state.t):g} of {t1:g}; the results so far are kept.", kept
            ) from interrupt
        solution = self._solution(begun, times, records, costs)
        assert solution is not None
        return solution

    def _solution(self, begun, times, records, costs) -> Solution | None:
        """What has been computed so far, None if no saved time has been reached."""
        if not records:
            return None
        record = jax.tree.map(lambda *parts: np.concatenate(parts), *records)
        count = int(np.sum(np.cumprod(np.isfinite(record.y).all(1))))
        record = jax.tree.map(lambda a: a[:count], record)
        kept = self.times[self.times <= times[count - 1]] if count else self.times[:0]
        if not len(kept):
            return None
        grid = begun.population.grid if isinstance(begun.population, Ensemble) else 0
        path = (
            f"sums compressed to {grid} Chebyshev labels an axis"
            if grid
            else "every bridge"
            if begun.particles is not None
            else "every cell"
            if isinstance(begun.population, Density)
            else "every node"
        )
        stats = Stats(
            path=path,
            steps=costs.steps,
            right_hand_sides=costs.steps * _STAGES,
            wall=time.perf_counter() - costs.began - costs.compile,
            compile=costs.compile,
            memory=costs.memory,
            compression=float(np.max(record.compression)),
        )
        return _assemble(self.scenario, kept, times[:count], begun, record, stats)

    def _stop(self, begun, times, records, costs, outcome: Outcome) -> None:
        """Raise the error that says why the integrator stopped."""
        solution = self._solution(begun, times, records, costs)
        t, weak, level = float(outcome.state.t), outcome.weakest, self.scenario.level
        value = float(weak.singular_value)
        if outcome.singular or value < 100 * float(begun.margin[1]):
            raise self._singular(begun, t, weak, solution)
        raise StoppedError(
            f"{level.label} stops at t = {t:.6g}: the step size fell below rounding or {MAX_STEPS} steps did not suffice. "
            "Look for a force or constraint that is not smooth there; the results so far are kept.",
            solution,
        )

    def _singular(self, begun, t: float, weak: Weakest, solution: Solution | None) -> SingularConstraintError:
        value, point, bridge = float(weak.singular_value), int(weak.point), int(weak.bridge)
        return SingularConstraintError(
            f"{self.scenario.level.label} stops at t = {t:.6g}: the constraint of {_who(begun.population, bridge)} at point {point} "
            f"lost rank, the smallest singular value of g_x being {value:.2e} at x = {np.asarray(weak.x)}. "
            "Levels that eliminate multipliers cannot go further; the results so far are kept.",
            solution,
            time=t,
            point=point,
            bridge=bridge,
            singular_value=value,
        )


def _who(population: AbstractPopulation, bridge: int) -> str:
    if isinstance(population, Density):
        return (
            ("the lower end of the window", "the upper end of the window")[bridge]
            if bridge < 2
            else f"cell {bridge - 2}"
        )
    return f"{'Gauss node' if isinstance(population, Moments) else 'label' if getattr(population, 'grid', 0) else 'bridge'} {bridge}"


def _assemble(
    scenario: Scenario, times: np.ndarray, grid: np.ndarray, begun: _Begun, record: Record, stats: Stats
) -> Solution:
    """The saved part of a record."""
    saved = np.searchsorted(grid, times - 1e-9 * float(times[-1]))
    pick = lambda tree: jax.tree.map(lambda a: a[saved], tree)
    kept = pick(record)
    return Solution(
        scenario=scenario,
        ts=times,
        y=kept.y,
        v=kept.v,
        energy=Energy(*kept.ledger, kept.load, kept.damping),
        force=kept.force,
        reaction=kept.reaction,
        residual=kept.residual,
        singular_value=kept.singular_value,
        stats=stats,
        representation=Ensemble() if begun.particles is not None else begun.population,
        z=None if begun.particles is not None else kept.z,
        origin=concrete(begun.origin),
        particles=concrete(begun.particles),
        path=(np if isinstance(record.y, np.ndarray) else jnp).concatenate([grid[:, None], record.y], axis=1),
    )


@dataclasses.dataclass
class _Costs:
    """What a run has cost so far."""

    began: float = dataclasses.field(default_factory=time.perf_counter)
    compile: float = 0.0
    memory: int = 0
    steps: int = 0


_programs: dict[Any, Any] = {}


def compiled(function: Callable[..., Any], costs: _Costs) -> Callable[..., Any]:
    """`function`, compiled ahead for each new structure of its arguments, so that compiling is timed and its memory known."""

    def call(*arguments):
        dynamic, static = eqx.partition(arguments, eqx.is_array)
        leaves, structure = jax.tree.flatten(dynamic)
        fixed, fixed_structure = jax.tree.flatten(static)
        key = (function, structure, fixed_structure, tuple(fixed), tuple((a.shape, a.dtype) for a in leaves))
        if key not in _programs:
            began = time.perf_counter()
            shape = {}

            def run(dynamic):
                result, shape["static"] = eqx.partition(function(*eqx.combine(dynamic, static)), eqx.is_array)
                return result

            program = jax.jit(run).lower(dynamic).compile()
            sizes = program.memory_analysis()
            memory = (
                sizes.argument_size_in_bytes + sizes.output_size_in_bytes + sizes.temp_size_in_bytes if sizes else 0
            )
            _programs[key] = program, shape["static"], memory
            costs.compile += time.perf_counter() - began
        program, static_result, memory = _programs[key]
        costs.memory = max(costs.memory, memory)
        return eqx.combine(jax.block_until_ready(program(dynamic)), static_result)

    return call
