"""Weighted points that carry velocities of their own and multipliers: bridges tied to the tissue, for every rank k ≤ nx.

How they move is no function of the tissue's rate alone where k < nx, so they are stepped apart (`myoscale.dae`); what is here is the measure that
they are, and how it answers a stretch so fast that only Φ = −A⁺B counts.
"""

from typing import Any, ClassVar, NamedTuple

import equinox as eqx
import jax
import numpy as np

from .. import mechanics
from ..numerics.composition import STAGES
from ..types import Array
from .base import AbstractPopulation, Measure


class Points(NamedTuple):
    """Extensions and weights; None for the latter in a tree of rates."""

    x: Array
    w: Any


class Tracks(NamedTuple):
    """What is kept of bridges at each point: those of `Tied.followed`, and the worst of all."""

    x: Array  # (K, nx)
    velocity: Array  # (K, nx)
    multiplier: Array  # λ (K, k), per unit weight
    pull: Array  # on the tissue, ω w g_qᵀλ (K, nq)
    slip: Array  # max |A Ẋ + B q̇|


class Tied(AbstractPopulation):
    """Bridges that `stepper` (of `order`) moves by steps of `dt`, or as long as the tolerance allows if that is None.

    `keep` is how many of them are followed one by one; `scale` the size of the terms of g.
    """

    kept: ClassVar[Any] = Tracks

    stepper: str = eqx.field(static=True)
    order: int = eqx.field(static=True)
    keep: int = eqx.field(static=True)
    dt: Any = None  # a number; of any size in one compiled program
    scale: Any = None
    modes: int = eqx.field(
        static=True, default=0
    )  # an axis, of the grid through which pairs are summed; 0 for every pair

    @property
    def explicit(self) -> bool:
        """Whether steps are explicit and by the tolerance: times are saved between them, so that stretches of few steps may be joined."""
        return self.stepper == "projected"

    @property
    def stages(self) -> int:
        """Steps of a symmetric stepper in one that is counted, or right-hand sides of the explicit one."""
        if self.explicit:
            return 13
        return len(STAGES[self.order]) * (3 if self.dt is None else 1)

    @property
    def path(self) -> str:
        """What it does, in words."""
        step = "adaptive" if self.dt is None else f"dt = {float(self.dt):g}"
        return f"every bridge with its multipliers, {self.stepper} of order {self.order}, {step}"

    def followed(self, count: int) -> np.ndarray:
        """Which of `count` bridges are kept: evenly, all if there are few."""
        return np.unique(np.linspace(0, count - 1, min(self.keep, count)).round().astype(int))

    def measure(self, bridge, z: Points, q):
        """Every point."""
        return Measure(z.x, z.w)

    def transport(self, bridge, z: Points, q, u):
        """Φu: bridges follow at once, and what is free of the tissue stays."""
        return Points(jax.vmap(lambda x: mechanics.flow(bridge, x, q) @ u)(z.x), None)
