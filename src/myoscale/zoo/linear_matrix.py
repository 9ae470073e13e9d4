"""The linear constraint g = x − Gq with a matrix: three tissue coordinates pull on bridges in the plane.

(M₀ + mGᵀG)ÿ = −S y − κ₁Gᵀ(x̄₀ + G(y − y₀)), theory.md section 7, example 1, for nx = 2 and ny = 3.
"""

import numpy as np

from ..citations import PLUNDER_SIMEON_2020
from ..levels import Characteristics, Kinetic, MomentClosure, Reduced
from ..model import AbstractLaw, Model, MultivariateNormal, Start
from ..tissue import LumpedTissue
from ..types import ArrayLike, Scalar, as_float
from .bridges import LinearBridge
from .exact import LinearExact
from .page import Page

_M0 = np.array([[20.0, 2.0, 0.0], [2.0, 15.0, 1.0], [0.0, 1.0, 10.0]])
_S = np.array([[2.0, -1.0, 0.0], [-1.0, 2.0, -1.0], [0.0, -1.0, 2.0]])
_G = np.array([[-1.0, 0.5, 0.2], [0.3, -0.8, 0.6]])
_LAW = MultivariateNormal(mean=np.array([2.0, -1.0]), covariance=np.array([[1.0, 0.3], [0.3, 0.5]]))


def linear_matrix(
    *,
    M0: ArrayLike = _M0,
    m: Scalar = 10.0,
    kappa0: ArrayLike = _S,
    kappa1: Scalar = 1.0,
    gain: ArrayLike = _G,
    y: ArrayLike = np.array([1.0, 0.5, -0.5]),
    v: ArrayLike = np.array([0.0, 0.1, -0.1]),
    x: AbstractLaw = _LAW,
) -> tuple[Model, Start]:
    """The linear example in several dimensions. No values are published: the defaults leave no symmetry to hide behind.

    **Arguments:** `M0`, `kappa0`: mass matrix M₀ and stiffness matrix S of the tissue, (ny, ny); `m`, `kappa1`: mass m and
    stiffness κ₁ of a bridge; `gain`: G (nx, ny); `y`, `v`: the tissue's start, (ny,); `x`: the law of the bridges' initial
    extension on R^nx.

    **Returns:** model and start.
    """
    tissue = LumpedTissue(mass_matrix=as_float(M0), stiffness=as_float(kappa0))
    model = Model(tissue, LinearBridge(mass=m, stiffness=kappa1, gain=as_float(gain)))
    return model, Start(as_float(y), as_float(v), x=x)


PAGE = Page(
    name="linear-matrix",
    title="Linear constraint with a matrix: bridges in the plane on three tissue coordinates",
    build=linear_matrix,
    t1=30.0,
    levels=(Reduced(1_000), Characteristics(64), Kinetic(32), MomentClosure()),
    source=f"{PLUNDER_SIMEON_2020}; theory.md section 7, example 1",
    exact=LinearExact,
)
