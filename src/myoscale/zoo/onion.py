"""The onion: g = 0.1x − sin(0.1x)/(1 + q²), weakly elliptic (theory.md section 7, example 3).

g_x = 0.1(1 − cos(0.1x)/(1 + q²)) → 0 as (x, q) → (0, 0), where g_q vanishes too.
"""

from typing import ClassVar

import jax.numpy as jnp

from ..citations import PLUNDER_SIMEON_2023
from ..fields import parameter
from ..levels import Characteristics, Kinetic, MomentClosure, Reduced
from ..model import AbstractBridge, AbstractLaw, Model, Normal, Start
from ..tissue import SpringMass
from ..types import Scalar
from .page import Page


class OnionBridge(AbstractBridge):
    """g = 0.1x − sin(0.1x)/(1 + q²), nx = nq = 1; W₁ = κ₁|x|²/2, by default no energy at all.

    **Arguments:** `mass` m ≥ 0; `stiffness` κ₁.
    """

    cites: ClassVar = (PLUNDER_SIMEON_2023,)

    mass: Scalar = parameter("m, mass of a head", "mass")
    stiffness: Scalar = parameter("κ₁, stiffness of a bridge", "force/length", default=0.0)

    def constraint(self, x, q):
        """0.1x − sin(0.1x)/(1 + q²)."""
        return 0.1 * x - jnp.sin(0.1 * x) / (1.0 + q**2)

    def energy(self, x):
        """κ₁|x|²/2."""
        return 0.5 * self.stiffness * x @ x


def onion(
    *,
    M0: Scalar = 2.0,
    m: Scalar = 1.0,
    kappa0: Scalar = 1.0,
    kappa1: Scalar = 0.0,
    y: Scalar = 1.0,
    v: Scalar = 0.0,
    x: AbstractLaw = Normal(mean=2.5, std=0.3),
) -> tuple[Model, Start]:
    """The onion; the defaults are the published values.

    **Arguments:** `M0`, `kappa0`: mass M₀ and stiffness κ₀ of the tissue; `m`, `kappa1`: mass m and stiffness κ₁ of a
    bridge; `y`, `v`: the tissue's start; `x`: the law of the bridges' initial extension.

    **Returns:** model and start.
    """
    model = Model(SpringMass(mass=M0, stiffness=kappa0), OnionBridge(mass=m, stiffness=kappa1))
    return model, Start(y, v, x=x)


PAGE = Page(
    name="onion",
    title="Onion: a nonlinear constraint that is barely elliptic at the origin",
    build=onion,
    t1=24.0,
    levels=(Reduced(1_000), Characteristics(64), Kinetic(400), MomentClosure()),
    source=f"{PLUNDER_SIMEON_2023}; theory.md section 7, example 3",
)
