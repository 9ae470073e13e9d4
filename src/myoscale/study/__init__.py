"""Questions asked of several runs: how far apart are levels, and what does each cost?"""

from .compare import compare
from .distance import wasserstein
from .result import OneWay, Row, Study
from .single import alone

__all__ = ["OneWay", "Row", "Study", "alone", "compare", "wasserstein"]
