"""Bridges that are tied along the fibre and free across it: a constraint of lower rank, k = 1 < nx = 2 (theory.md section 11).

A head reaches x₁ along the filament and d + x₂ across the gap to it. The tissue moves it along, g = x₁ − γq; across, it vibrates on the
lattice's spring and on its own, whose length is that of (x₁, d + x₂): W₁ = ½κ(|(x₁, d + x₂)| − r)² + ½κ₂x₂². So stretching the
muscle stirs its bridges, the gap carries a force of its own, and Ẋ₂ is a state that no level without velocities has. The
mean field is a kinetic equation for the law of (X, Ẋ), here by characteristics.
"""

from typing import ClassVar

import jax.numpy as jnp
import numpy as np

from ..citations import PLUNDER_SIMEON_2023
from ..fields import parameter
from ..levels import Characteristics, Constrained
from ..model import AbstractBridge, AbstractLaw, Model, MultivariateNormal, Start
from ..tissue import SpringMass
from ..types import Scalar
from .page import Page


class LateralBridge(AbstractBridge):
    """g = x₁ − γq (nx = 2, k = nq = 1); W₁ = ½κ(|(x₁, d + x₂)| − r)² + ½κ₂x₂².

    **Arguments:** `mass` m > 0; `stiffness` κ and `rest` r of the head's spring; `lattice` κ₂, stiffness of the lattice; `gap` d > 0, its
    width where x₂ = 0; `gain` γ.
    """

    cites: ClassVar = (PLUNDER_SIMEON_2023,)

    mass: Scalar = parameter("m, mass of a head", "mass")
    stiffness: Scalar = parameter("κ, stiffness of a head's spring", "force/length")
    lattice: Scalar = parameter("κ₂, stiffness across the gap", "force/length")
    gap: Scalar = parameter("d, width of the gap", "length", default=1.0)
    rest: Scalar = parameter("r, length at which the spring is slack", "length", default=1.0)
    gain: Scalar = parameter("γ, extension along the fibre for each unit of q", default=1.0)

    def constraint(self, x, q):
        """x₁ − γq."""
        return x[:1] - self.gain * q

    def energy(self, x):
        """½κ(|(x₁, d + x₂)| − r)² + ½κ₂x₂²."""
        length = jnp.sqrt(x[0] ** 2 + (self.gap + x[1]) ** 2)
        return 0.5 * self.stiffness * (length - self.rest) ** 2 + 0.5 * self.lattice * x[1] ** 2


def lateral(
    *,
    M0: Scalar = 1.0,
    m: Scalar = 0.5,
    kappa0: Scalar = 2.0,
    kappa1: Scalar = 4.0,
    lattice: Scalar = 6.0,
    gap: Scalar = 1.0,
    rest: Scalar = 1.0,
    y: Scalar = 0.6,
    v: Scalar = 0.0,
    x: AbstractLaw = MultivariateNormal(np.array([0.3, 0.1]), np.diag([0.02, 0.005])),
    velocity: AbstractLaw | None = MultivariateNormal(np.zeros(2), np.diag([0.01, 0.01])),
) -> tuple[Model, Start]:
    """Bridges free across the fibre. No values are published.

    **Arguments:** `M0`, `kappa0`: mass M₀ and stiffness κ₀ of the tissue; `m`, `kappa1`, `lattice`, `gap`, `rest`: m, κ, κ₂, d and r of a
    bridge; `y`, `v`: the tissue's start; `x`, `velocity`: laws of the bridges' initial extension, and of what is free of their velocity.

    **Returns:** model and start.
    """
    bridge = LateralBridge(mass=m, stiffness=kappa1, lattice=lattice, gap=gap, rest=rest)
    return Model(SpringMass(mass=M0, stiffness=kappa0), bridge), Start(y, v, x=x, velocity=velocity)


PAGE = Page(
    name="lateral",
    title="Bridges free across the fibre: a constraint of lower rank",
    build=lateral,
    t1=10.0,
    levels=(Constrained(1_000), Characteristics(256)),
    source=f"{PLUNDER_SIMEON_2023}; theory.md section 11",
)
