"""A deforming element whose coordinates are the entries of F: g = F⁻¹x (theory.md section 7, example 2).

F is affine in y, so Ω = 0 and bridges deform affinely, X = F c: with springs the effective equation is linear,
(M₀ + m 1 ⊗ C)ÿ = −κ₀(y − 1) − κ₁(1 ⊗ C)y, C the second moment of c = F₀⁻¹X₀.
"""

import numpy as np

from ..citations import PLUNDER_SIMEON_2023
from ..errors import InputError
from ..levels import Characteristics, Kinetic, MomentClosure, Reduced
from ..model import AbstractLaw, Model, MultivariateNormal, Start
from ..tissue import DeformationGradient, LumpedTissue
from ..types import ArrayLike, Scalar
from .bridges import ElementBridge
from .exact import LinearExact
from .page import Page

_F = np.array([[1.1, 0.2, 0.0], [-0.1, 0.95, 0.1], [0.05, 0.0, 1.05]])
_RATE = np.array([[0.0, -0.3, 0.1], [0.3, 0.1, 0.0], [0.0, -0.1, -0.1]])
_MEAN = np.array([0.7, 0.4, -0.3])
_COVARIANCE = np.array([[0.09, 0.02, 0.0], [0.02, 0.04, 0.01], [0.0, 0.01, 0.06]])


def bridges_in(size: int) -> MultivariateNormal:
    """A law of X on R^size without symmetry, size 2 or 3."""
    return MultivariateNormal(mean=_MEAN[:size], covariance=_COVARIANCE[:size, :size])


def element(
    *,
    size: int = 2,
    M0: Scalar = 2.0,
    m: Scalar = 1.0,
    kappa0: Scalar = 4.0,
    kappa1: Scalar = 1.0,
    F: ArrayLike | None = None,
    rate: ArrayLike | None = None,
    x: AbstractLaw | None = None,
) -> tuple[Model, Start]:
    """The affine element. No values are published; with the defaults det F stays above 0.5.

    **Arguments:** `size`: n = 2 or 3, of F (n × n) and of X; `M0`, `kappa0`: mass and stiffness of each entry of F, at rest at
    F = 1; `m`, `kappa1`: mass m and stiffness κ₁ of a bridge; `F`, `rate`: F and Ḟ at the start, (n, n), near the identity if
    left out; `x`: the law of the bridges' initial extension on R^n.

    **Returns:** model and start.

    **Raises:** `InputError` for another size.
    """
    if size not in (2, 3):
        raise InputError(f"element expected size 2 or 3. Received {size!r}.")
    F, rate = (np.asarray(a[:size, :size] if b is None else b, float) for a, b in ((_F, F), (_RATE, rate)))
    tissue = LumpedTissue(
        mass_matrix=M0 * np.eye(size**2),
        stiffness=kappa0 * np.eye(size**2),
        rest=np.eye(size).ravel(),
        local=DeformationGradient(),
    )
    start = Start(F.ravel(), rate.ravel(), x=bridges_in(size) if x is None else x)
    return Model(tissue, ElementBridge(mass=m, stiffness=kappa1)), start


PAGE = Page(
    name="element",
    title="Deforming element: the entries of F are the coordinates",
    build=element,
    t1=20.0,
    levels=(Reduced(1_000), Characteristics(64), Kinetic(32), MomentClosure()),
    source=f"{PLUNDER_SIMEON_2023}; theory.md section 7, example 2",
    exact=LinearExact,
)
