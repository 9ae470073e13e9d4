"""Small runs that tell what a level gets wrong and what it costs: the hands of `suggest`.

Points with weights of every size go through one compiled program, since a Gauss rule, quantiles and Sobol points are all the same system:
what a size lacks to the largest is filled with points of no weight. A cost is seconds of a run as `solve` makes it, without compiling, the
best of a few.
"""

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ...errors import InputError, StoppedError
from ...levels import AbstractLevel, Reduced
from ...levels.base import AbstractPointLevel
from ...model import scheme_of
from ...run import batch, check, solve
from ...solution import Scenario
from ...types import Array

_REPETITIONS = 4


@dataclasses.dataclass
class Pilot:
    """A run: the observable's value, NaN if it stopped, seconds without compiling, and seconds to compile."""

    value: float
    wall: float
    compile: float


class Pilots:
    """Runs of one scenario at many levels; each is made once.

    **Arguments:** `scenario`, whose level is replaced; `observable`, a function of a `Solution` that returns one number.
    """

    def __init__(self, scenario: Scenario, observable: Callable[[Any], Any]):
        self.scenario, self.observable = scenario, observable
        self._runs: dict[str, Pilot] = {}
        self.compiling = 0.0  # seconds, all runs together

    @property
    def options(self) -> dict[str, Any]:
        """What `solve` and `batch` take."""
        return {name: getattr(self.scenario, name) for name in ("t1", "drive", "save", "tolerance")}

    def why_not(self, level: AbstractLevel) -> str:
        """What a level has against this scenario, in its own words; empty if nothing."""
        try:
            check(dataclasses.replace(self.scenario, level=level))
        except InputError as error:
            return str(error)
        return ""

    def run(self, level: AbstractLevel) -> Pilot:
        """One run, compiled where it must be, and timed."""
        if level.label not in self._runs:
            first, value = self._once(level)
            compile = 0.0 if first is None else first.compile
            self.compiling += compile
            self._runs[level.label] = Pilot(value, math.inf if first is None else first.wall, compile)
            if first is not None:
                self.time(level, max(1, min(_REPETITIONS, int(4.0 / max(first.wall, 1e-3)))))
        return self._runs[level.label]

    def time(self, level: AbstractLevel, repetitions: int = 1) -> float:
        """Seconds of a run that was made before, best of all so far."""
        pilot = self._runs[level.label]
        for _ in range(repetitions):
            stats, _ = self._once(level)
            if stats is not None:
                pilot.wall = min(pilot.wall, stats.wall)
        return pilot.wall

    def forget(self, level: AbstractLevel) -> None:
        """Take the time of a level anew."""
        self._runs[level.label].wall = math.inf

    def _once(self, level: AbstractLevel) -> tuple[Any, float]:
        try:
            solution = solve(self.scenario.model, level, self.scenario.start, seed=self.scenario.seed, **self.options)
        except StoppedError:
            return None, math.nan
        return solution.stats, number(self.observable, solution)

    def points(self, levels: Sequence[tuple[AbstractPointLevel, int]], largest: int) -> Array:
        """The observable of weighted points of many sizes and seeds, through one program; NaN of runs that stopped."""
        model, start = self.scenario.model, self.scenario.start
        count = jax.eval_shape(model.tissue.kinematics, jnp.zeros(model.tissue.ny)).shape[0]
        starts = []
        for level, seed in levels:
            x, w = level.points(start, count, jax.random.key(seed), seed)
            w = np.full(x.shape[:2], 1.0 / x.shape[1]) if w is None else np.asarray(w)
            more = largest - x.shape[1]
            x = np.pad(np.asarray(x), ((0, 0), (0, more), (0, 0)), mode="edge")
            starts.append(dataclasses.replace(start, x=x, weights=np.pad(w, ((0, 0), (0, more)))))
        return self._values(batch(model, Reduced(), starts, seed=[0] * len(starts), **self.options))

    def samples(self, level: AbstractLevel, count: int) -> Array:
        """The observable of runs that differ in their random numbers."""
        seeds = [self.scenario.seed + 1 + s for s in range(count)]
        model, start = self.scenario.model, self.scenario.start
        if isinstance(level, Reduced) and scheme_of(model.bridge) is None:
            return self.points([(level, seed) for seed in seeds], level.n or 0)
        return self._values(batch(model, level, start, seed=seeds, **self.options))

    def _values(self, runs: Any) -> Array:
        self.compiling += runs.stats.compile
        return np.array([math.nan if i in runs.failed else number(self.observable, runs[i]) for i in range(len(runs))])


def number(observable: Callable[[Any], Any], solution: Any) -> float:
    """The value of an observable.

    **Raises:** `InputError` unless it is one number.
    """
    arrays = {name: jnp.asarray(getattr(solution, name)) for name in ("ts", "y", "v", "force", "reaction")}
    value = observable(dataclasses.replace(solution, **arrays))  # an entry of them is an array, as in an adjoint pass
    if np.ndim(value) or not isinstance(value, float | int | np.number | np.ndarray | jax.Array):
        shape = f"an array of shape {np.shape(value)}" if np.ndim(value) else type(value).__name__
        raise InputError(
            f"suggest expected an observable whose value is one number. Received {shape} from {getattr(observable, '__name__', 'it')}: "
            "pick an entry, run.y[-1, 0] for instance."
        )
    return float(value)
