"""Questions asked of runs: how far apart are levels, what does each cost, does the theory apply where they go?"""

from .assumptions import assumptions
from .cited import cite, cited
from .compare import compare
from .distance import wasserstein
from .findings import Assumptions
from .limits import (
    Convergence,
    Fluctuation,
    Growth,
    Limit,
    Suggestion,
    Where,
    converge,
    fluctuation,
    stability,
    suggest,
)
from .result import OneWay, Row, Study
from .single import alone
from .steps import StepAdvice, step_advice

__all__ = [
    "Assumptions",
    "Convergence",
    "Fluctuation",
    "Growth",
    "Limit",
    "OneWay",
    "Row",
    "StepAdvice",
    "Study",
    "Suggestion",
    "Where",
    "alone",
    "assumptions",
    "cite",
    "cited",
    "compare",
    "converge",
    "fluctuation",
    "stability",
    "step_advice",
    "suggest",
    "wasserstein",
]
