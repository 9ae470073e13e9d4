"""A deforming element in polar form: g = F⁻¹x, F = R(θ)U(stretch, shear) (theory.md section 7, example 2).

F is not affine in y = (θ, stretch, shear), so Ω = D²F[ẏ, ẏ]F⁻¹x ≠ 0: rotation throws bridges outward.
"""

import numpy as np

from ..citations import PLUNDER_SIMEON_2023
from ..levels import Characteristics, MomentClosure, Reduced
from ..model import AbstractLaw, Model, Start
from ..tissue import LumpedTissue, RotationStretch
from ..types import ArrayLike, Scalar, as_float
from .bridges import ElementBridge
from .element import bridges_in
from .page import Page


def element_polar(
    *,
    size: int = 2,
    M0: ArrayLike = np.array([1.0, 2.0, 2.0]),
    m: Scalar = 1.0,
    kappa0: ArrayLike = np.array([0.5, 4.0, 4.0]),
    kappa1: Scalar = 1.0,
    y: ArrayLike = np.array([0.3, 1.1, 0.1]),
    v: ArrayLike = np.array([0.8, -0.1, 0.2]),
    x: AbstractLaw | None = None,
) -> tuple[Model, Start]:
    """The element as rotation and stretch. No values are published; with the defaults det F stays above 0.5.

    **Arguments:** `size`: 2, or 3 for a rotation about the third axis; `M0`, `kappa0`: mass and stiffness of θ, stretch and
    shear, (3,), at rest at (0, 1, 0); `m`, `kappa1`: mass m and stiffness κ₁ of a bridge; `y`, `v`: θ, stretch and shear at
    the start, and their rates; `x`: the law of the bridges' initial extension on R^size.

    **Returns:** model and start.

    **Raises:** `InputError` for another size.
    """
    tissue = LumpedTissue(
        mass_matrix=np.diag(as_float(M0)),
        stiffness=np.diag(as_float(kappa0)),
        rest=np.array([0.0, 1.0, 0.0]),
        local=RotationStretch(size),
    )
    start = Start(as_float(y), as_float(v), x=bridges_in(size) if x is None else x)
    return Model(tissue, ElementBridge(mass=m, stiffness=kappa1)), start


PAGE = Page(
    name="element-polar",
    title="Deforming element: F is a rotation and a stretch",
    build=element_polar,
    t1=20.0,
    # No Kinetic: bridges turn by 100° across a grid that does not, which takes minutes (2e-5 in y on 48 × 48 cells).
    levels=(Reduced(1_000), Characteristics(64), MomentClosure()),
    source=f"{PLUNDER_SIMEON_2023}; theory.md section 7, example 2",
)
