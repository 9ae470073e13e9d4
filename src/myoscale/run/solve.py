"""`solve(model, level, start, t1=…)`: which way a run takes, and where it is kept."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import jax
import numpy as np

from .. import checkpoint
from ..books import Stats
from ..drive import AbstractDrive, Free
from ..errors import InputError, InterruptedRun, NotKeptError, StoppedError
from ..levels import AbstractLevel
from ..model import Model, Start
from ..protocol import legs
from ..solution import Scenario, Solution
from ..types import ArrayLike, float64, is_traced
from .check import check
from .continuum import run_continuum
from .resolve import given, resolved
from .rungs import Rung, rungs
from .stretches import Progress, Run, assemble, grid_of
from .whole import steps_between, whole

_COMPRESSION = 1e-2  # error allowed in a compressed sum, as a fraction of the tolerance


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
    resume: str | Path | None = None,
) -> Solution:
    """Run a model at a level from 0 to `t1`.

    **Arguments:**

    - `model`, `start`: what the user wrote down, the same for every level.
    - `level`: `Constrained(n)`, `Reduced(n)`, `Characteristics(nodes)`, `Kinetic(cells)` or `MomentClosure()`.
    - `t1`: the end, > 0.
    - `drive`: `Free(load)`, `Length(y)`, `QuasiStatic(load)`, or a `Protocol` of steps.
    - `save`: how many times to save, evenly from 0 to t1, or the times themselves.
    - `tolerance`: aimed at in y and v; the integrator's local error is kept a hundred times smaller. Under noise the pieces that its path is
        resolved in are halved until y and v change by less (relative to 1 + |y|, 1 + |v|), unless the noise says how long they are (`dt`).
    - `seed`: fixes every random number.
    - `progress`: called with a word and the fraction done, after each twentieth of the run (where `Constrained` needs few steps, after
        twenty of them or so); a resumed run's first fraction is where it goes on, so time left is told from what was done since the first call.
    - `resume`: a folder to keep the run in while it is computed, for this run alone. A run that was killed there goes on from
        where it was last kept, to the same bits as one that was not killed (on the same machine); one that was finished is read
        back. Its `stats` count all parts together. The folder is never used for another scenario: model, start, t1, drive,
        times, tolerance, seed and the versions of what computes must agree. Python functions and classes agree if their
        compiled code, constants, defaults, closures and the globals they name agree; not compared is what they reach otherwise
        (an attribute of a library, a file).

    **Returns:** a `Solution`. Inside `jit`, `grad` or `vmap` its arrays are JAX arrays; differentiate in reverse mode. There, JAX must
    be in float64 (`jax.config.update("jax_enable_x64", True)`), and errors that depend on values cannot be raised: NaN marks them.

    **Raises:** `InputError` for input that cannot be used, or a folder that cannot: in use by another run, of another scenario, not
    writable; `SingularConstraintError` where the constraint loses rank (theory.md 7.4) and `StoppedError` where the integrator
    cannot go on or the run can no longer be kept in its folder (a full disk), both with the results so far in `.solution`.
    """
    traced = is_traced((model, level, start, drive, tolerance))
    scenario = Scenario(
        model, level, start, t1, drive, save if isinstance(save, int) else np.asarray(save), tolerance, seed
    )
    times = check(scenario)
    if traced:
        if resume is not None:
            raise InputError(
                "resume expected a run outside of jit, grad and vmap. Received one inside: leave resume out."
            )
        return _solve_traced(scenario, times)
    progress = progress or (lambda word, fraction: None)
    run = _run if not model.tissue.is_field else run_continuum
    if resume is None:
        return run(scenario, times, progress)
    with checkpoint.hold(resume, checkpoint.identity(scenario, times)) as kept:
        if (finished := kept.finished(scenario)) is not None:
            progress(level.label, 1.0)
            return finished
        solution = run(scenario, times, progress, kept)
        try:
            kept.finish(solution)
        except OSError as error:
            raise NotKeptError(
                f"{level.label} is computed. {checkpoint.cannot_keep(resume, error)}", solution
            ) from None
        return solution


def _run(
    scenario: Scenario, times: np.ndarray, progress: Progress, kept: checkpoint.Checkpoint | None = None
) -> Solution:
    """As it is, or under noise in as many pieces as it takes."""
    run = Run(scenario, times, progress, kept)
    if scenario.model.noise is None:
        return _summed(scenario, run, 0)
    if (pieces := given(scenario, run.grid)) is not None:
        return _summed(scenario, run, pieces)
    found = run.resumed.numbers["pieces"] if run.resumed else 1
    motion = lambda solution: (solution.y, solution.v)
    once = lambda pieces: _summed(scenario, run, pieces)
    solution, _, change = resolved(float(scenario.tolerance), len(run.grid) - 1, once, motion, found)
    return dataclasses.replace(solution, stats=dataclasses.replace(solution.stats, unresolved=change))


def _summed(scenario: Scenario, run: Run, pieces: int) -> Solution:
    """Compressed sums where they are good enough, or else every bridge and every pair."""
    run.pieces = pieces
    allowed = _COMPRESSION * float(scenario.tolerance)
    good = lambda solution: solution is not None and solution.stats.compression <= allowed
    reached = run.reached
    for rung in rungs(scenario, allowed):
        if reached not in (None, rung):
            continue
        reached = None
        try:
            solution = run(rung)
        except (InterruptedRun, NotKeptError):
            raise
        except StoppedError as error:
            if rung.grid or not good(error.solution):
                continue  # labels cannot say which bridge it was
            raise
        if good(solution):
            return solution
    return run(Rung())


def _solve_traced(scenario: Scenario, times: np.ndarray) -> Solution:
    """The run as one differentiable program."""
    if not jax.config.read("jax_enable_x64"):
        raise InputError(
            "myoscale computes in float64: before jit, grad or vmap say jax.config.update('jax_enable_x64', True)."
        )
    grid = grid_of(scenario, times, legs(scenario.drive, float(scenario.t1)))
    key = jax.random.key(scenario.seed)
    if (pieces := given(scenario, grid)) is None:
        raise InputError(
            "Expected noise with dt=… inside jit, grad or vmap. Received none: give the length of the pieces that its path is resolved in."
        )
    begun, record = whole(scenario, grid, key, steps_between(scenario, grid), pieces)
    stats = Stats("every bridge, differentiable", 0, 0, 0.0, 0.0, 0, 0.0)
    return assemble(scenario, times, grid, begun, record, stats)
