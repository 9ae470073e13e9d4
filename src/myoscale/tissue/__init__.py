"""Tissues: where bridges sit, what they see of the deformation, and how their forces reach y."""

from .chain import ChainTissue
from .kinematics import AbstractKinematics, DeformationGradient, Displacement, RotationStretch
from .lumped import LumpedTissue, SpringMass

__all__ = [
    "AbstractKinematics",
    "ChainTissue",
    "DeformationGradient",
    "Displacement",
    "LumpedTissue",
    "RotationStretch",
    "SpringMass",
]
