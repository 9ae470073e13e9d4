"""The entry point: `solve` runs a model at a level, in stretches that can be watched, interrupted, kept and resumed."""

from .batch import Batch, batch
from .check import check
from .solve import solve
from .stretches import Progress

__all__ = ["Batch", "Progress", "batch", "check", "solve"]
