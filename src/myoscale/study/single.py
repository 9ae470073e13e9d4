"""A study of one run, for whatever shows studies."""

import contextlib

import numpy as np

from ..errors import InputError, InterruptedRun, StoppedError
from ..solution import Solution
from .measures import measures
from .result import Row, Study

_TIMES = 5  # at which populations are kept


def alone(solution: Solution, stopped: StoppedError | None = None) -> Study:
    """A study whose only level is that of a solution: its own reference, with no errors to show; `stopped`, why it ended early."""
    label, none = solution.scenario.level.label, np.zeros(0)
    costs = {name: getattr(solution.stats, name) for name in ("wall", "compile", "memory", "steps", "path")}
    reached, message = getattr(stopped, "time", float(solution.ts[-1])), None if stopped is None else str(stopped)
    known = {"residual": float(np.max(solution.residual)), "reached": reached, "message": message}
    row = Row(label, none, none, none, drift=solution.energy.drift, **known, **costs)
    times = solution.ts[np.unique(np.linspace(0, len(solution.ts) - 1, _TIMES).round().astype(int))]
    study = Study(label, np.asarray(times), [row], {label: solution}, interrupted=isinstance(stopped, InterruptedRun))
    with contextlib.suppress(InputError):  # a population that is not finite
        study.measures[label] = study.truth = measures(solution, study.times)
    return study
