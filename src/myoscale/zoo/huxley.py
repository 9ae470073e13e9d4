"""Huxley's half-sarcomere and three in series (theory.md section 8): heads attach, pull and let go, tissue moves and is moved.

The rates are those of 1957. `huxley` prescribes the length, in nm, pN and ms: heads attach, length is held, quickly released, held, then shortens
at constant speed. `huxley_chain` is free: elements contract against their springs until both balance, and feel the mass of what is attached.
"""

import numpy as np

from ..citations import HUXLEY_1957
from ..drive import AbstractDrive
from ..errors import InputError
from ..levels import AbstractLevel, Characteristics, Kinetic, Reduced
from ..model import Availability, Huxley1957, Model, Momentum, Start
from ..protocol import Hold, Protocol, Ramp, Release
from ..tissue import ChainTissue, SpringMass
from ..types import ArrayLike, Scalar
from .bridges import LinearBridge
from .page import Page

NANO = {"length": "nm", "force": "pN", "time": "ms"}
_H, _SPACING = 15.6, 36.0  # nm
_F1, _G1, _G2 = 0.0433, 0.010, 0.209  # 1/ms


def huxley(
    *,
    M0: Scalar = 1.0,
    m: Scalar = 0.0,
    kappa0: Scalar = 0.0,
    kappa1: Scalar = 1.0,
    heads: Scalar = 150.0,
    spacing: Scalar = _SPACING,
    h: Scalar = _H,
    f1: Scalar = _F1,
    g1: Scalar = _G1,
    g2: Scalar = _G2,
    availability: Availability | str = Availability.SITES,
    momentum: Momentum | str = Momentum.COMOVING,
) -> tuple[Model, Start]:
    """One half-sarcomere with Huxley's heads, all detached; h and the rates are published, the other numbers are not.

    **Arguments:** `M0`, `kappa0`: mass and stiffness of the tissue; `m`, `kappa1`: mass m and stiffness κ₁ of a bridge; `heads`: ω; the others as in
    `Huxley1957`, in nm and 1/ms.

    **Returns:** model and start.
    """
    scheme = Huxley1957(
        spacing=spacing, h=h, f1=f1, g1=g1, g2=g2, momentum=Momentum(momentum), availability=Availability(availability)
    )
    tissue = SpringMass(mass=M0, stiffness=kappa0, count=heads)
    return Model(tissue, LinearBridge(mass=m, stiffness=kappa1, gain=np.asarray(1.0), cycling=scheme)), Start(0.0)


def huxley_chain(
    elements: int = 3,
    *,
    M0: Scalar = 1.0,
    m: Scalar = 0.5,
    kappa0: Scalar = 2.0,
    kappa1: Scalar = 2.0,
    rest: Scalar = 1.0,
    spacing: Scalar = _SPACING / _H,
    f1: Scalar = _F1 / (_F1 + _G1),
    g1: Scalar = _G1 / (_F1 + _G1),
    g2: Scalar = _G2 / (_F1 + _G1),
    momentum: Momentum | str = Momentum.COMOVING,
    heads: ArrayLike | None = None,
) -> tuple[Model, Start]:
    """Elements in series with Huxley's heads, scaled: lengths by h, times by f₁ + g₁. Masses and springs are not published.

    **Arguments:** `elements`: P; `M0`, `kappa0`, `rest`: mass at the end of an element, stiffness and rest length of its spring; `m`, `kappa1`: mass m and
    stiffness κ₁ of a bridge; `heads`: ω_p, (P,), or a number, decreasing from 1.5 to 0.5 if left out; the others as in `Huxley1957`.

    **Returns:** model and start, slack and all heads detached.

    **Raises:** `InputError` unless there is an element, or if lengths do not fit.
    """
    if elements < 1:
        raise InputError(f"huxley_chain expected one element or more. Received {elements!r}.")
    every = lambda value: np.full(elements, value)
    counts = np.linspace(1.5, 0.5, elements) if heads is None else heads
    tissue = ChainTissue(masses=every(M0), springs=every(kappa0), rest=rest, counts=counts)
    scheme = Huxley1957(spacing=spacing, h=1.0, f1=f1, g1=g1, g2=g2, momentum=Momentum(momentum))
    model = Model(tissue, LinearBridge(mass=m, stiffness=kappa1, gain=np.asarray(1.0), cycling=scheme))
    return model, Start(np.cumsum(every(rest)), np.zeros(elements))


def experiment() -> AbstractDrive:
    """Rise to the isometric force, a quick release by 6 nm, recovery, and shortening by 60 nm at 0.4 nm/ms, near Huxley's φ."""
    return Protocol(steps=[Hold(200.0), Release(by=-6.0, duration=1.0), Hold(99.0), Ramp(by=-60.0, duration=150.0)])


LEVELS: tuple[AbstractLevel, ...] = (Reduced(2_000), Characteristics(800), Kinetic(200))

PAGE = Page(
    name="huxley",
    title="Huxley's half-sarcomere: isometric rise, quick release, recovery, shortening",
    build=huxley,
    t1=450.0,
    levels=LEVELS,
    source=f"{HUXLEY_1957}; theory.md section 8",
    drive=experiment(),
    units=NANO,
)

CHAIN_PAGE = Page(
    name="huxley-chain",
    title="Huxley's heads in elements in series that contract against springs",
    build=huxley_chain,
    t1=10.0,
    levels=LEVELS,
    source=f"{HUXLEY_1957}; theory.md section 8",
)
