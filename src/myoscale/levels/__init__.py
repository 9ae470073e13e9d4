"""Levels of description: what a user passes to `solve`. One file a level."""

from ..dae import Stepper
from .base import AbstractLevel, AbstractPointLevel
from .characteristics import Characteristics
from .constrained import Constrained
from .kinetic import Kinetic
from .moments import MomentClosure
from .reduced import Reduced
from .sampling import Sampling

LEVELS: dict[str, type[AbstractLevel]] = {
    level.name: level for level in (Reduced, Characteristics, Kinetic, MomentClosure, Constrained)
}

__all__ = [
    "LEVELS",
    "AbstractLevel",
    "AbstractPointLevel",
    "Characteristics",
    "Constrained",
    "Kinetic",
    "MomentClosure",
    "Reduced",
    "Sampling",
    "Stepper",
]
