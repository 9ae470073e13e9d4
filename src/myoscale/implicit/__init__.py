"""Implicit steps of finite-element tissue with bridges at every quadrature point: Newton's method, cycling, and how a run goes on."""

from .advance import Standing, Unreached, Watcher, activation, begin, exchange, move, record
from .newton import Found, Held, Solver

__all__ = [
    "Found",
    "Held",
    "Solver",
    "Standing",
    "Unreached",
    "Watcher",
    "activation",
    "begin",
    "exchange",
    "move",
    "record",
]
