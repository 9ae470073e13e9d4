"""Bridges whose lever arm bends: g = x + βx³ − q. The model of the introduction, and a template for one's own.

g_x = 1 + 3βx² ≥ 1: uniformly elliptic, with a flow that depends on x, so that the law changes its shape.
"""

from ..fields import parameter
from ..levels import Characteristics, Kinetic, MomentClosure, Reduced
from ..model import AbstractBridge, AbstractLaw, Model, Normal, Start
from ..tissue import SpringMass
from ..types import Scalar
from .page import Page


class BentBridge(AbstractBridge):
    """g = x + βx³ − q, each component by itself (nx = nq), with a spring, W₁ = κ₁|x|²/2.

    **Arguments:** `mass` m ≥ 0; `stiffness` κ₁; `bend` β ≥ 0.
    """

    mass: Scalar = parameter("m, mass of a head", "mass", default=0.5)
    stiffness: Scalar = parameter("κ₁, stiffness of a bridge", "force/length", default=1.0)
    bend: Scalar = parameter("β, how the lever arm bends: g = x + βx³ − q", "1/length**2", default=0.15)

    def constraint(self, x, q):
        """x + βx³ − q."""
        return x + self.bend * x**3 - q

    def energy(self, x):
        """κ₁|x|²/2."""
        return 0.5 * self.stiffness * x @ x


def bent(
    *,
    M0: Scalar = 1.0,
    m: Scalar = 0.5,
    kappa0: Scalar = 2.0,
    kappa1: Scalar = 1.0,
    bend: Scalar = 0.15,
    y: Scalar = 1.0,
    v: Scalar = 0.0,
    x: AbstractLaw = Normal(mean=0.4, std=0.3),
) -> tuple[Model, Start]:
    """The bent lever arm. No values are published; the defaults are those of the introduction.

    **Arguments:** `M0`, `kappa0`: mass M₀ and stiffness κ₀ of the tissue; `m`, `kappa1`, `bend`: mass m, stiffness κ₁ and β
    of a bridge; `y`, `v`: the tissue's start; `x`: the law of the bridges' initial extension.

    **Returns:** model and start.
    """
    model = Model(SpringMass(mass=M0, stiffness=kappa0), BentBridge(mass=m, stiffness=kappa1, bend=bend))
    return model, Start(y, v, x=x)


PAGE = Page(
    name="bent",
    title="Bent lever arms: a nonlinear, uniformly elliptic constraint",
    build=bent,
    t1=10.0,
    levels=(Reduced(1_000), Characteristics(64), Kinetic(400), MomentClosure()),
    source="The example of the introduction; theory.md section 3",
)
