"""The linear constraint g = x − γq on one spring and mass (theory.md section 7, example 1).

(M₀ + mγ²)ÿ = −κ₀y − κ₁γ(x̄₀ + γ(y − y₀)): a harmonic oscillator at every level and every number of bridges, while the law
of the bridges is carried without changing its shape.
"""

from ..citations import PLUNDER_SIMEON_2020
from ..levels import Characteristics, Kinetic, MomentClosure, Reduced
from ..model import AbstractLaw, Model, Normal, Start
from ..tissue import SpringMass
from ..types import Scalar, as_float
from .bridges import LinearBridge
from .exact import LinearExact
from .page import Page


def linear(
    *,
    M0: Scalar = 20.0,
    m: Scalar = 10.0,
    kappa0: Scalar = 1.0,
    kappa1: Scalar = 1.0,
    gamma: Scalar = -1.0,
    y: Scalar = 1.0,
    v: Scalar = 0.0,
    x: AbstractLaw = Normal(mean=2.0, std=1.0),
) -> tuple[Model, Start]:
    """The linear example; the defaults are the published values.

    **Arguments:** `M0`, `kappa0`: mass M₀ and stiffness κ₀ of the tissue; `m`, `kappa1`, `gamma`: mass m, stiffness κ₁ and
    gain γ of a bridge; `y`, `v`: the tissue's start; `x`: the law of the bridges' initial extension.

    **Returns:** model and start.
    """
    model = Model(SpringMass(mass=M0, stiffness=kappa0), LinearBridge(mass=m, stiffness=kappa1, gain=as_float(gamma)))
    return model, Start(y, v, x=x)


PAGE = Page(
    name="linear",
    title="Linear constraint on one spring and mass: a harmonic oscillator",
    build=linear,
    t1=60.0,
    levels=(Reduced(1_000), Characteristics(64), Kinetic(200), MomentClosure()),
    source=f"{PLUNDER_SIMEON_2020}; theory.md section 7, example 1",
    exact=LinearExact,
)
