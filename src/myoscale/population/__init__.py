"""Representations of the bridge population at one point: points, a density, a few moments."""

from .base import AbstractPopulation, Measure, energies, inertia, local
from .cycling import AbstractCyclingPopulation, Flux
from .density import Density
from .ensemble import Ensemble
from .heads import Heads
from .kept import Attached
from .moments import Moments
from .sites import Sites

__all__ = [
    "AbstractCyclingPopulation",
    "AbstractPopulation",
    "Attached",
    "Density",
    "Ensemble",
    "Flux",
    "Heads",
    "Measure",
    "Moments",
    "Sites",
    "energies",
    "inertia",
    "local",
]
