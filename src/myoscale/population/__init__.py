"""Representations of the bridge population at one point: points, a density, a few moments; and of bridges that attach and detach."""

from .base import AbstractPopulation, Measure, local
from .cycling import AbstractCyclingPopulation, Flux
from .density import Density
from .distribution import Distribution
from .ensemble import Ensemble
from .heads import Heads
from .kept import Attached
from .moments import Moments
from .sites import Sites
from .tied import Tied

__all__ = [
    "AbstractCyclingPopulation",
    "AbstractPopulation",
    "Attached",
    "Density",
    "Distribution",
    "Ensemble",
    "Flux",
    "Heads",
    "Measure",
    "Moments",
    "Sites",
    "Tied",
    "local",
]
