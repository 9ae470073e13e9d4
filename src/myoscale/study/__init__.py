"""Questions asked of runs: how far apart are levels, what does each cost, does the theory apply where they go?"""

from .assumptions import assumptions
from .cited import cite, cited
from .compare import compare
from .distance import wasserstein
from .findings import Assumptions
from .result import OneWay, Row, Study
from .single import alone
from .steps import StepAdvice, step_advice

__all__ = [
    "Assumptions",
    "OneWay",
    "Row",
    "StepAdvice",
    "Study",
    "alone",
    "assumptions",
    "cite",
    "cited",
    "compare",
    "step_advice",
    "wasserstein",
]
