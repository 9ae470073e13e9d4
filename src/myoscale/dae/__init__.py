"""The macro–micro DAE: bridges tied to the tissue by multipliers, for every rank k ≤ nx (theory.md sections 2, 3, 11)."""

from .advance import Progress, Scheme, Stepper, adaptively, apart, evenly, step
from .projected import travel
from .system import (
    Bridges,
    Instant,
    System,
    Tangent,
    Ties,
    energies,
    forces,
    geometry,
    instant,
    jump,
    place,
    project,
    rows,
    singular_values,
    tangent,
)

__all__ = [
    "Bridges",
    "Instant",
    "Progress",
    "Scheme",
    "Stepper",
    "System",
    "Tangent",
    "Ties",
    "adaptively",
    "apart",
    "energies",
    "evenly",
    "forces",
    "geometry",
    "instant",
    "jump",
    "place",
    "project",
    "rows",
    "singular_values",
    "step",
    "tangent",
    "travel",
]
