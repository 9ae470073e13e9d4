"""A run as one program without stops: what can be differentiated, and mapped over many runs at once."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np

from ..drive import QuasiStatic
from ..levels import noise, noisy, splitting, tied
from ..levels.integrate import Problem, Record, enter, stretch
from ..levels.steps import complete, substeps
from ..model import scheme_of
from ..model.scenario import tree_float
from ..population import Ensemble, Tied
from ..protocol import legs
from ..solution import Scenario
from ..types import Array
from .begin import Begun, begin
from .stretches import bridges, leg_times

_STEPS = 2**14  # in a stretch, at most


def steps_between(scenario: Scenario, grid: np.ndarray) -> int:
    """Steps of cycling between two recorded times; 1 without cycling."""
    level, model = scenario.level, scenario.model
    if scheme_of(model.bridge) is None:
        mover = level.tied(model, scenario.start)
        return 1 if mover is None else tied.substeps(level, mover, grid)
    return substeps(complete(scenario.level, scenario.model), scenario.model, grid)


def whole(
    scenario: Scenario, grid: np.ndarray, key: Array, steps: int, pieces: int | Array | None = None, labels: int = 0
) -> tuple[Begun, Record]:
    """The run's start, and its record at the times of `grid`, with random numbers from the key; `pieces` of noise between two of them.

    With `labels` the given points are a Chebyshev grid of so many an axis, whose weights stand for many particles (`Ensemble.grid`).
    """
    model, start = tree_float((scenario.model, scenario.start))
    parts = legs(scenario.drive, float(scenario.t1))
    y = jnp.broadcast_to(jnp.asarray(start.y, float), (model.tissue.ny,))
    drive = tree_float(parts[0].drive(y))
    level = complete(scenario.level, scenario.model)
    begun = begin(model, level, start, drive, key, scenario.seed, 0)
    if labels:
        begun = dataclasses.replace(begun, population=Ensemble(labels))
    problem = Problem(model, begun.population, drive, jnp.asarray(scenario.tolerance), *begun.margin)
    advance = lambda *arguments: stretch(*arguments, _STEPS)
    entering = enter
    if isinstance(begun.population, Tied):
        advance, entering = tied.stretch, tied.enter
        problem = problem._replace(substeps=steps)
    elif scheme_of(model.bridge) is not None:
        advance = splitting.stretch
        problem = problem._replace(key=jax.random.fold_in(key, 1), substeps=steps, mover=level.tied(model, start))
    elif model.noise is not None:
        advance = noisy.stretch
    if model.noise is not None:
        origin = noise.source(model, level, *bridges(begun, level), key, float(scenario.t1), pieces)
        problem = problem._replace(noise=origin)
    state, records = begun.state, []
    for k, (leg, ts) in enumerate(zip(parts, leg_times(grid, parts), strict=True)):
        if k:
            v = jnp.zeros_like(y) if isinstance(problem.drive, QuasiStatic) else records[-1].v[-1]
            y = records[-1].y[-1]
            problem = problem._replace(drive=tree_float(leg.drive(y)))
            state = entering(problem, state, y, v)
        first = (ts[0] or ts[1]) - leg.begin
        outcome = advance(problem, state, jnp.asarray(ts), jnp.asarray(first / 10))
        state, records = outcome.state, [*records, outcome.record]
    return begun, jax.tree.map(lambda *parts: jnp.concatenate(parts), *records)
