"""Tissue as a continuum: materials, conditions at the boundary, and the tissue itself."""

from .conditions import AbstractCondition, Clamp, During, Motion, Pressure, Springs, Tie, Traction
from .materials import AbstractMaterial, FibreReinforced, Guccione, MooneyRivlin, NeoHookean
from .tissue import ContinuumTissue, determinant, solid

__all__ = [
    "AbstractCondition",
    "AbstractMaterial",
    "Clamp",
    "ContinuumTissue",
    "During",
    "FibreReinforced",
    "Guccione",
    "MooneyRivlin",
    "Motion",
    "NeoHookean",
    "Pressure",
    "Springs",
    "Tie",
    "Traction",
    "determinant",
    "solid",
]
