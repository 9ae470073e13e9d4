"""Questions asked of several runs: how far apart are levels, and what does each cost?"""

from .compare import compare
from .distance import wasserstein
from .result import OneWay, Row, Study

__all__ = ["OneWay", "Row", "Study", "compare", "wasserstein"]
