"""Tissues: where bridges sit, what they see of the deformation, and how their forces reach y."""

from .chain import ChainTissue
from .continuum import (
    AbstractCondition,
    AbstractMaterial,
    Clamp,
    ContinuumTissue,
    FibreReinforced,
    Guccione,
    MooneyRivlin,
    Motion,
    NeoHookean,
    Pressure,
    Springs,
    Tie,
    Traction,
    determinant,
    solid,
)
from .kinematics import AbstractKinematics, DeformationGradient, Displacement, FibreStretch, RotationStretch
from .lumped import LumpedTissue, SpringMass

__all__ = [
    "AbstractCondition",
    "AbstractKinematics",
    "AbstractMaterial",
    "ChainTissue",
    "Clamp",
    "ContinuumTissue",
    "DeformationGradient",
    "Displacement",
    "FibreReinforced",
    "FibreStretch",
    "Guccione",
    "LumpedTissue",
    "MooneyRivlin",
    "Motion",
    "NeoHookean",
    "Pressure",
    "RotationStretch",
    "SpringMass",
    "Springs",
    "Tie",
    "Traction",
    "determinant",
    "solid",
]
