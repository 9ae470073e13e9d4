"""Cross-bridge cycling as data on a bridge: states, rates, energies, momentum (theory.md section 8)."""

from .base import AbstractCycling, Availability, Momentum, generator_of, scheme_at, scheme_of, transitions
from .curves import RateCurve, rate_curves, rate_limit
from .power_stroke import Duke1999
from .two_state import Huxley1957, Zahalak1981

__all__ = [
    "AbstractCycling",
    "Availability",
    "Duke1999",
    "Huxley1957",
    "Momentum",
    "RateCurve",
    "Zahalak1981",
    "generator_of",
    "rate_curves",
    "rate_limit",
    "scheme_at",
    "scheme_of",
    "transitions",
]
