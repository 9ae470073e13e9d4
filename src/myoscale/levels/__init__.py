"""Levels of description: what a user passes to `solve`. One file a level."""

from .base import AbstractLevel, AbstractPointLevel
from .characteristics import Characteristics
from .kinetic import Kinetic
from .moments import MomentClosure
from .reduced import Reduced, Sampling

LEVELS: dict[str, type[AbstractLevel]] = {
    level.name: level for level in (Reduced, Characteristics, Kinetic, MomentClosure)
}

__all__ = [
    "LEVELS",
    "AbstractLevel",
    "AbstractPointLevel",
    "Characteristics",
    "Kinetic",
    "MomentClosure",
    "Reduced",
    "Sampling",
]
