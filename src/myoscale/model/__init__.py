"""What the user declares: bridges, tissues (abstract), laws, the start. Declares much, computes little."""

from .bridge import AbstractBridge, Stacked
from .laws import AbstractLaw, Mixture, MultivariateNormal, Normal, Tabulated, Uniform
from .scenario import Model, Start
from .tissue import AbstractTissue

__all__ = [
    "AbstractBridge",
    "AbstractLaw",
    "AbstractTissue",
    "Mixture",
    "Model",
    "MultivariateNormal",
    "Normal",
    "Stacked",
    "Start",
    "Tabulated",
    "Uniform",
]
