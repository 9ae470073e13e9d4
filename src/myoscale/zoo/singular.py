"""A constraint that loses rank: g = x² + (q − 2)² (theory.md section 7, example 4).

g_x = 2x vanishes at x = 0, which the bridge with the smallest c_i reaches first, at |q − 2| = √c_i. Levels that eliminate
the multipliers stop there with `SingularConstraintError`, the results so far kept; the system itself stays regular, and `Constrained`
goes on: the bridge passes at a speed like √N and throws the tissue back.
"""

from typing import ClassVar

from ..citations import PLUNDER_SIMEON_2023
from ..fields import parameter
from ..levels import Characteristics, Constrained, MomentClosure, Reduced
from ..model import AbstractBridge, AbstractLaw, Model, Normal, Start
from ..tissue import SpringMass
from ..types import Scalar
from .page import Page


class SingularBridge(AbstractBridge):
    """g = x² + (q − 2)², nx = nq = 1; W₁ = κ₁|x|²/2, by default no energy at all.

    **Arguments:** `mass` m ≥ 0; `stiffness` κ₁.
    """

    cites: ClassVar = (PLUNDER_SIMEON_2023,)

    mass: Scalar = parameter("m, mass of a head", "mass")
    stiffness: Scalar = parameter("κ₁, stiffness of a bridge", "force/length", default=0.0)

    def constraint(self, x, q):
        """x² + (q − 2)²."""
        return x**2 + (q - 2.0) ** 2

    def energy(self, x):
        """κ₁|x|²/2."""
        return 0.5 * self.stiffness * x @ x


def singular(
    *,
    M0: Scalar = 2.0,
    m: Scalar = 1.0,
    kappa0: Scalar = 1.0,
    kappa1: Scalar = 0.0,
    y: Scalar = 3.0,
    v: Scalar = 0.0,
    x: AbstractLaw = Normal(mean=2.0, std=0.2),
) -> tuple[Model, Start]:
    """The singular example; the defaults are the published values.

    **Arguments:** `M0`, `kappa0`: mass M₀ and stiffness κ₀ of the tissue; `m`, `kappa1`: mass m and stiffness κ₁ of a
    bridge; `y`, `v`: the tissue's start; `x`: the law of the bridges' initial extension.

    **Returns:** model and start.
    """
    model = Model(SpringMass(mass=M0, stiffness=kappa0), SingularBridge(mass=m, stiffness=kappa1))
    return model, Start(y, v, x=x)


PAGE = Page(
    name="singular",
    title="Singular: the constraint of a bridge loses rank on the way",
    build=singular,
    t1=20.0,
    levels=(Constrained(100), Reduced(100), Characteristics(64), MomentClosure()),
    reference=Constrained(100),  # the others stop
    source=f"{PLUNDER_SIMEON_2023}; theory.md section 7, example 4",
)
