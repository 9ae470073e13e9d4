"""A study of one run, for whatever shows studies."""

import contextlib

import numpy as np

from ..errors import InputError
from ..solution import Solution
from .measures import measures
from .result import Row, Study

_TIMES = 5  # at which populations are kept


def alone(solution: Solution) -> Study:
    """A study whose only level is that of a solution: its own reference, with no errors to show."""
    label, none = solution.scenario.level.label, np.zeros(0)
    costs = {name: getattr(solution.stats, name) for name in ("wall", "compile", "memory", "steps", "path")}
    known = {"residual": float(np.max(solution.residual)), "reached": float(solution.ts[-1])}
    row = Row(label, none, none, none, drift=solution.energy.drift, **known, **costs)
    times = solution.ts[np.unique(np.linspace(0, len(solution.ts) - 1, _TIMES).round().astype(int))]
    study = Study(label, np.asarray(times), [row], {label: solution})
    with contextlib.suppress(InputError):  # a population that is not finite
        study.measures[label] = study.truth = measures(solution, study.times)
    return study
