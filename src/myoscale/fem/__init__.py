"""Finite elements that know no muscle: cells as arrays, a fixed sparse pattern, and direct solvers."""

from .linear import Linear, symmetric_mode
from .pattern import Pattern
from .space import ELEMENTS, Facets, Space, space

__all__ = ["ELEMENTS", "Facets", "Linear", "Pattern", "Space", "space", "symmetric_mode"]
