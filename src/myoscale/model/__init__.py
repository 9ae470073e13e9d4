"""What the user declares: bridges, tissues (abstract), laws, the start. Declares much, computes little."""

from .bridge import AbstractBridge, Stacked
from .cycling import (
    AbstractCycling,
    Availability,
    Duke1999,
    Huxley1957,
    Momentum,
    Zahalak1981,
    generator_of,
    scheme_at,
    scheme_of,
    transitions,
)
from .laws import AbstractLaw, Mixture, MultivariateNormal, Normal, Tabulated, Uniform
from .noise import AbstractNoise, Noise, Thermostat
from .scenario import Model, Start
from .tissue import AbstractTissue

__all__ = [
    "AbstractBridge",
    "AbstractCycling",
    "AbstractLaw",
    "AbstractNoise",
    "AbstractTissue",
    "Availability",
    "Duke1999",
    "Huxley1957",
    "Mixture",
    "Model",
    "Momentum",
    "MultivariateNormal",
    "Noise",
    "Normal",
    "Stacked",
    "Start",
    "Tabulated",
    "Thermostat",
    "Uniform",
    "Zahalak1981",
    "generator_of",
    "scheme_at",
    "scheme_of",
    "transitions",
]
