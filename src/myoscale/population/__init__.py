"""Representations of the bridge population at one point: points, a density, a few moments."""

from .base import AbstractPopulation, Measure, energies, inertia, local
from .density import Density
from .ensemble import Ensemble
from .moments import Moments

__all__ = ["AbstractPopulation", "Density", "Ensemble", "Measure", "Moments", "energies", "inertia", "local"]
