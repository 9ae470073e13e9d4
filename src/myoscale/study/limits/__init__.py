"""Limits as studies: how fast a level converges, how small differences grow, how far chance takes a muscle of N bridges, which level is enough."""

from .converge import converge
from .convergence import Convergence
from .fluctuation import OBSERVABLES, final_force, final_v, final_y, fluctuation
from .growth import Coarser, Growth
from .influence import Fluctuation
from .rates import Expected, Rate
from .stability import stability
from .suggest import suggest
from .suggestion import Suggestion
from .work import Where

Limit = Convergence | Fluctuation | Growth | Suggestion  # what a study of limits can find

__all__ = [
    "OBSERVABLES",
    "Coarser",
    "Convergence",
    "Expected",
    "Fluctuation",
    "Growth",
    "Limit",
    "Rate",
    "Suggestion",
    "Where",
    "converge",
    "final_force",
    "final_v",
    "final_y",
    "fluctuation",
    "stability",
    "suggest",
]
