"""Tissues: where bridges sit, what they see of the deformation, and how their forces reach y."""

from .chain import ChainTissue
from .continuum import (
    AbstractCondition,
    AbstractMaterial,
    Clamp,
    ContinuumTissue,
    During,
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
from .shapes import AbstractShape, Block, Cylinder, Fusiform, MeshFile, Pennate, Ventricle

__all__ = [
    "AbstractCondition",
    "AbstractKinematics",
    "AbstractMaterial",
    "AbstractShape",
    "Block",
    "ChainTissue",
    "Clamp",
    "ContinuumTissue",
    "Cylinder",
    "DeformationGradient",
    "Displacement",
    "During",
    "FibreReinforced",
    "FibreStretch",
    "Fusiform",
    "Guccione",
    "LumpedTissue",
    "MeshFile",
    "MooneyRivlin",
    "Motion",
    "NeoHookean",
    "Pennate",
    "Pressure",
    "RotationStretch",
    "SpringMass",
    "Springs",
    "Tie",
    "Traction",
    "Ventricle",
    "determinant",
    "solid",
]
