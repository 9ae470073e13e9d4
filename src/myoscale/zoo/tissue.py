"""Finite-element tissue: a block and a fusiform muscle of Huxley's heads, and a block of vector bridges that is sheared (theory.md section 12).

Extensions are in units of h, the reach of a head, times in 1/(f₁ + g₁), stresses in units of the passive shear modulus. A half-sarcomere is ℓ_h = 70
such extensions long (1.1 µm over 15.6 nm), so that a stretch of a few percent carries a head through all of its reach: what bridges
add to the stiffness is far above the passive one. No values are published for these problems.
"""

import numpy as np

from ..citations import HUXLEY_1957, PLUNDER_SIMEON_2023
from ..drive import Free, Polyline, QuasiStatic
from ..levels import Characteristics, Kinetic, MomentClosure, Reduced
from ..model import AbstractLaw, Huxley1957, Model, MultivariateNormal, Start
from ..tissue import (
    Block,
    Clamp,
    ContinuumTissue,
    DeformationGradient,
    During,
    FibreReinforced,
    Fusiform,
    Motion,
    NeoHookean,
    Tie,
    Traction,
)
from ..types import Scalar
from .bridges import ElementBridge, LinearBridge
from .page import Page

_RATES = {"f1": 43.3 / 53.3, "g1": 10.0 / 53.3, "g2": 209.0 / 53.3}
_LENGTH = 70.0  # ℓ_h
_SPACING = 2.3


def _heads(m: Scalar) -> LinearBridge:
    return LinearBridge(
        mass=m, stiffness=1.0, gain=np.array(_LENGTH), cycling=Huxley1957(spacing=_SPACING, h=1.0, **_RATES)
    )


def block_isometric(
    *,
    cells: tuple[int, int, int] = (4, 2, 2),
    angle: float = 0.4,
    tension: Scalar = 20.0,
    shear: Scalar = 1.0,
    bulk: Scalar = 200.0,
) -> tuple[Model, Start]:
    """A block 2 × 1 × 1 whose ends are held while it is activated; its fibres run at an angle to them, so that it warps.

    **Arguments:** `cells` along the axes; `angle` of the fibres to x, in the x–y plane; `tension`, the isometric active stress; `shear` and `bulk`
    modulus.

    **Returns:** model and start, slack and all heads detached.
    """
    tissue = ContinuumTissue(
        Block((2.0, 1.0, 1.0), cells, fibre=(np.cos(angle), np.sin(angle), 0.0)),
        FibreReinforced(shear=shear, fibre_stiffness=shear, fibre_exponent=2.0),
        bulk=bulk,
        bridges=_density(tension),
        conditions=(Clamp("x0"), Clamp("x1")),
    )
    return Model(tissue, _heads(0.0)), Start(0.0)


def fusiform_twitch(
    *,
    cells: tuple[int, int] = (8, 4),
    tension: Scalar = 20.0,
    afterload: Scalar = 5.0,
    release: float = 4.0,
    shear: Scalar = 1.0,
    bulk: Scalar = 200.0,
) -> tuple[Model, Start]:
    """A muscle that is thick in the middle: activated with its ends held, at t = `release` let go against a load.

    **Arguments:** `cells` along and across; `tension`, the isometric active stress; `afterload`, pull per area at the free end after the release;
    `shear` and `bulk` modulus.

    **Returns:** model and start, slack and all heads detached.
    """
    tissue = ContinuumTissue(
        Fusiform(length=6.0, radius=1.0, end_radius=0.5, cells=cells),
        FibreReinforced(shear=shear, fibre_stiffness=shear, fibre_exponent=2.0),
        bulk=bulk,
        bridges=_density(tension),
        conditions=(
            Clamp("x0"),
            Clamp("x1", (1, 2)),
            During(Motion("x1", 0, 0.0), until=release),
            During(Tie("x1", 0), since=release),
            During(Traction("x1", np.array([afterload, 0.0, 0.0])), since=release),
        ),
    )
    return Model(tissue, _heads(0.0)), Start(0.0)


def element_shear(
    *,
    cells: tuple[int, int] = (4, 4),
    m: Scalar = 0.2,
    kappa1: Scalar = 1.0,
    shear: Scalar = 1.0,
    bulk: Scalar = 20.0,
    push: float = 0.3,
    x: AbstractLaw | None = None,
) -> tuple[Model, Start]:
    """A square of vector bridges that deform with it, g = F⁻¹x, pushed sideways at its top and let go: energy is conserved.

    **Arguments:** `cells` along the axes; `m`, `kappa1`: mass and stiffness of a bridge; `shear` and `bulk` modulus; `push`, velocity of the top at the
    start; `x`, law of the bridges' extension in the plane.

    **Returns:** model and start.
    """
    tissue = ContinuumTissue(
        Block((1.0, 1.0), cells),
        NeoHookean(shear=shear),
        bulk=bulk,
        density=1.0,
        bridges=1.0,
        local=DeformationGradient(),
        conditions=(Clamp("y0"),),
        dt=0.05,
    )
    v = np.zeros((tissue.space.count, 2))
    v[:, 0] = push * np.asarray(tissue.space.locations)[:, 1]
    law = MultivariateNormal(mean=[0.3, 0.1], covariance=[[0.05, 0.01], [0.01, 0.02]]) if x is None else x
    return Model(tissue, ElementBridge(mass=m, stiffness=kappa1)), Start(0.0, v.ravel(), x=law)


def _density(tension: float) -> float:
    """n_b for an isometric stress: n_b ℓ_h F̄ with F̄ = α/(2ℓ_b) of a head on average (κ₁ = h = 1)."""
    alpha = _RATES["f1"] / (_RATES["f1"] + _RATES["g1"])
    return tension / (_LENGTH * alpha / (2.0 * _SPACING))


_LEVELS = (MomentClosure(), Kinetic(100), Characteristics(200))

BLOCK_PAGE = Page(
    name="block-isometric",
    title="Block of muscle between two plates: isometric contraction at every quadrature point",
    build=block_isometric,
    t1=6.0,
    levels=_LEVELS,
    reference=Kinetic(200),
    source=f"{HUXLEY_1957}; theory.md section 12",
    drive=QuasiStatic(activation=Polyline([0.0, 0.5], [0.0, 1.0])),
    save=25,
)

FUSIFORM_PAGE = Page(
    name="fusiform-twitch",
    title="Fusiform muscle: twitch between fixed ends, then release against a load",
    build=fusiform_twitch,
    t1=10.0,
    levels=_LEVELS,
    reference=Kinetic(200),
    source=f"{HUXLEY_1957}; theory.md section 12",
    drive=QuasiStatic(activation=Polyline([0.0, 0.5, 5.0, 8.0], [0.0, 1.0, 1.0, 0.0])),
    save=41,
)

SHEAR_PAGE = Page(
    name="element-shear",
    title="Square of vector bridges, pushed sideways and let go",
    build=element_shear,
    t1=10.0,
    levels=(Characteristics(64), Reduced(256), MomentClosure()),
    source=f"{PLUNDER_SIMEON_2023}; theory.md sections 7 and 12",
    drive=Free(),
    save=51,
)
