"""A run of a finite-element tissue: from saved time to saved time, watched, and interrupted, kept and resumed after any step."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .. import checkpoint, implicit
from ..books import Stats
from ..drive import Free, QuasiStatic
from ..errors import InputError, InterruptedRun, NotKeptError, StoppedError
from ..levels import AbstractPointLevel, Constrained
from ..levels.base import need_memory
from ..levels.integrate import Record
from ..levels.steps import complete, divided, fastest
from ..model import scheme_of
from ..model.scenario import tree_float
from ..population.ensemble import Particles
from ..solution import Scenario, Solution
from ..tissue import ContinuumTissue
from .begin import Placed
from .programs import Costs, compiling
from .stretches import Progress, assemble

_SHOWN = 4  # residuals of Newton's method in a line of progress


def check_continuum(scenario: Scenario) -> None:
    """Raise `InputError` unless a scenario on a continuum can be run."""
    model, tissue = scenario.model, scenario.model.tissue
    assert isinstance(tissue, ContinuumTissue)
    if isinstance(scenario.level, Constrained):
        raise InputError(
            f"{scenario.level.label} carries multipliers of bridges, which ContinuumTissue eliminates. Use Reduced, Characteristics, Kinetic or MomentClosure."
        )
    if type(scenario.drive) not in (Free, QuasiStatic):
        raise InputError(
            f"ContinuumTissue expected drive to be Free or QuasiStatic. Received {type(scenario.drive).__name__}: prescribe motion and loads by the tissue's conditions, Motion for instance."
        )
    if model.noise is not None:
        raise InputError("ContinuumTissue expected a model without noise. Received one with noise: leave it out.")
    if isinstance(scenario.drive, Free) and not float(tissue.density) > 0:
        raise InputError(
            "ContinuumTissue expected density > 0 for a drive with inertia. Received 0: give it a density, or use drive=QuasiStatic()."
        )


def run_continuum(scenario: Scenario, times: np.ndarray, progress: Progress, kept: Any = None) -> Solution:
    """Run it.

    **Raises:** as `solve`.
    """
    costs = Costs()
    with compiling(costs):
        return _run(scenario, times, progress, kept, costs)


def _run(scenario: Scenario, times: np.ndarray, progress: Progress, kept: Any, costs: Costs) -> Solution:
    level = complete(scenario.level, scenario.model)
    model, start, drive = tree_float((scenario.model, scenario.start, scenario.drive))
    tissue: ContinuumTissue = model.tissue
    word, t1 = level.label, float(scenario.t1)
    progress(f"{word}: compiling", 0.0)
    grid = times if times[-1] >= t1 * (1 - 1e-12) else np.append(times, t1)
    y, v = (np.broadcast_to(np.asarray(value, float), (tissue.ny,)).copy() for value in (start.y, start.v))
    key, cycles = jax.random.key(scenario.seed), scheme_of(model.bridge) is not None
    q = tissue.kinematics(jnp.asarray(y))
    particles = (
        Particles(*level.points(start, q.shape[0], key, scenario.seed))
        if isinstance(level, AbstractPointLevel) and not cycles
        else None
    )
    if particles is None:
        need_memory(level, float(q.shape[0] * (len(grid) + 3) * _size(level)))
    population, z = level.begin(model, start, q, key, scenario.seed)
    make = lambda when: implicit.Solver(model, drive, population, isinstance(drive, QuasiStatic), when)
    solver = make(0.5 * float(_stops(tissue, grid)[1]))
    run = _Run(scenario, solver, Placed(population, jnp.asarray(y), particles), grid, times, costs, kept)
    watch = functools.partial(_watched, progress, word, t1)
    gap = float(np.min(np.diff(grid))) if len(grid) > 1 else t1
    longest = gap if tissue.dt is None else float(tissue.dt)
    rate, drawn = float(fastest(model)) if cycles else 0.0, jax.random.fold_in(key, 1)
    records = run.records
    try:
        at = implicit.begin(solver, z, y, v, longest)
        stops = _stops(tissue, grid)
        if kept is not None and (found := kept.read()) is not None:
            at = run.restored(found, at)
            solver = run.solver = _changed(solver, make, 0.5 * (max(stops[stops < at.t], default=-at.t) + at.t))
        else:
            run.at = at
        progress(word, at.t / t1)
        for begin, until in zip(np.insert(stops[:-1], 0, 0.0), stops, strict=True):
            if until > at.t:
                if at.t == begin:
                    run.exchanges = at.exchanges
                    now = _changed(solver, make, 0.5 * (begin + until))  # what is kept has not entered yet
                    if now is not solver:
                        solver = run.solver = now
                        at = implicit.enter(solver, at)
                steps = divided(level, rate, np.array([0.0, until - begin])) if cycles else 1
                at = _advanced(run, at, float(begin), float(until), steps, longest, watch, drawn)
            if until == at.t and len(records) < len(grid) and until == grid[len(records)]:
                records.append(implicit.record(solver, at))
                progress(word, at.t / t1)
                run.done(at)
    except implicit.Unreached as stop:
        residuals = ", ".join(f"{r:.1e}" for r in stop.residuals[-_SHOWN:])
        raise StoppedError(
            f"{word} stops at t = {stop.standing.t:.6g}, {stop.standing.t / t1:.1%} of the run: {stop.why}, even in the shortest steps (residuals "
            f"{residuals}). Load it more slowly, refine the cells, or make the tissue stiffer there; the results so far are kept.",
            run.solution(),
        ) from None
    except KeyboardInterrupt as interrupt:
        reached = 0.0 if run.at is None else run.at.t
        message = f"Interrupted at t = {reached:g} of {t1:g}; the results so far are kept."
        raise InterruptedRun(" ".join(filter(None, (message, run.keep()))), run.solution()) from interrupt
    finally:
        solver.close()
    solution = run.solution()
    assert solution is not None
    return solution


def _stops(tissue: ContinuumTissue, grid: np.ndarray) -> np.ndarray:
    """Saved times, and those at which conditions begin or end."""
    near = 1e-12 * grid[-1]  # one time but for rounding
    changes = [
        t for one in tissue.conditions for t in one.lasts if near < t < grid[-1] and np.min(np.abs(grid - t)) > near
    ]
    return np.unique([*grid, *changes, *([] if grid[0] == 0 else [0.0])])


def _changed(solver: implicit.Solver, make, when: float) -> implicit.Solver:
    """The solver for what holds at a time: another one only where that differs."""
    holds = {k for k, one in enumerate(solver.tissue.conditions) if one.lasts[0] <= when < one.lasts[1]}
    if holds == set(solver.conditions):
        return solver
    solver.close()
    return make(when)


def _advanced(run: "_Run", at, begin: float, until: float, steps: int, longest: float, watch, key):
    """From where a run stands between two stops to the second."""
    solver, done = run.solver, run.done
    if at.tally is None:  # nothing attaches
        return implicit.move(solver, at, until, longest, watch, done)
    h = (until - begin) / steps
    if solver.static:
        short = min(h, longest)
        for k in range(int((at.t - begin) / h + 1e-9), steps):
            at = implicit.slow(solver, at, until if k + 1 == steps else begin + (k + 1) * h, short, key, watch, done)
        return at
    for k in range(at.exchanges - run.exchanges, steps):
        at = implicit.move(solver, at, begin + (k + 0.5) * h, longest, watch, done)
        at = implicit.exchange(solver, at, h, key)
        done(at)
    return implicit.move(solver, at, until, longest, watch, done)


def _watched(progress: Progress, word: str, t1: float, t: float, h: float, found: implicit.Found) -> None:
    residuals = " ".join(f"{r:.0e}" for r in found.residuals[-_SHOWN:])
    said = residuals if found.converged else f"{found.why}: step halved"
    progress(f"{word}: t = {t + h:.4g}, residuals {said}", min(t / t1, 1.0))


def _size(level: Any) -> int:
    """Numbers that a population is kept in at one point and time, about."""
    return 4 * int(getattr(level, "cells", 0) or getattr(level, "nodes", 0) or getattr(level, "n", 0) or 4)


class _Run:
    """What makes a solution of records, and keeps a run in its folder after any step."""

    def __init__(self, scenario, solver, begun, grid, times, costs, kept):
        self.scenario, self.solver, self.begun = scenario, solver, begun
        self.grid, self.times, self.costs, self.kept = grid, times, costs, kept
        self.at: Any = None
        self.records: list[Record] = []
        self.exchanges = 0  # up to the last stop

    def done(self, at) -> None:
        """The run stands here, after a step.

        **Raises:** `NotKeptError` if that cannot be kept.
        """
        self.at = at
        if self.kept is None or at.t >= self.grid[-1] or not self.kept.due():
            return
        if trouble := self.keep():
            word = self.scenario.level.label
            raise NotKeptError(f"{word} stops at t = {at.t:g} of {self.grid[-1]:g}. {trouble}", self.solution())

    def solution(self) -> Solution | None:
        """What has been computed so far, None if no saved time has been reached."""
        if not self.records:
            return None
        record, count = self._stacked(), len(self.records)
        stats = Stats(
            path=f"{self.solver.tissue.element} on {len(self.solver.tissue.space.nodes):,} cells, {self.solver.linear.name}",
            steps=self.at.steps,
            right_hand_sides=self.at.iterations,
            wall=self.costs.wall,
            compile=self.costs.compile,
            memory=self.costs.memory,
            compression=0.0,
        )
        times = self.times[self.times <= self.grid[count - 1] * (1 + 1e-12)]
        return assemble(self.scenario, times, self.grid[:count], self.begun, record, stats)

    def keep(self) -> str | None:
        """Write where the run stands; returns why it could not."""
        if self.kept is None or self.at is None:
            return None
        trees = {"state": self.at}
        if self.records:
            trees["record"] = self._stacked()
        numbers = {"wall": self.costs.wall, "saved": len(self.records), "exchanges": self.exchanges}
        try:
            self.kept.write(trees, numbers)
        except OSError as error:
            return checkpoint.cannot_keep(self.kept.folder, error)
        return None

    def restored(self, found: checkpoint.Kept, like) -> Any:
        """Where an earlier process left the run."""
        state = found.tree("state", like)
        plain = {
            name: type(getattr(like, name))(getattr(state, name))
            for name in like._fields
            if isinstance(getattr(like, name), int | float)
        }
        self.at, self.exchanges = state._replace(**plain), found.numbers["exchanges"]
        self.costs.add(found.numbers["wall"], 0.0, 0)
        if found.numbers["saved"]:
            record = found.tree("record", implicit.record(self.solver, like))
            self.records += [jax.tree.map(lambda a, k=k: a[k], record) for k in range(found.numbers["saved"])]
        return self.at

    def _stacked(self):
        return jax.tree.map(lambda *parts: np.stack(parts), *self.records)
