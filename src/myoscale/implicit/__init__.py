"""Implicit steps of finite-element tissue with bridges at every quadrature point: Newton's method, cycling, and how a run goes on."""

from .active import ActiveStress, active_stress
from .advance import Standing, Unreached, Watcher, activation, begin, enter, exchange, move, record
from .newton import Found, Held, Solver

__all__ = [
    "ActiveStress",
    "Found",
    "Held",
    "Solver",
    "Standing",
    "Unreached",
    "Watcher",
    "activation",
    "active_stress",
    "begin",
    "enter",
    "exchange",
    "move",
    "record",
]
