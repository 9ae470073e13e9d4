"""A half-sarcomere whose heads have a power stroke and obey detailed balance, but for what ATP gives (theory.md section 8).

The scheme is Duke's, in nm, pN and ms. Length is held until force has come up, quickly released, held while strokes recover the force
(far faster than heads attach), then shortens.
"""

import numpy as np

from ..citations import DUKE_1999
from ..levels import Characteristics, Kinetic, Reduced
from ..model import Duke1999, Model, Start
from ..protocol import Hold, Protocol, Ramp, Release
from ..tissue import SpringMass
from ..types import Scalar
from .bridges import LinearBridge
from .huxley import NANO
from .page import Page


def power_stroke(
    *,
    M0: Scalar = 1.0,
    m: Scalar = 0.0,
    kappa0: Scalar = 0.0,
    kappa1: Scalar = 1.3,
    heads: Scalar = 150.0,
    stroke: Scalar = 9.0,
    G1: Scalar = -3.0,
    Gs: Scalar = -15.0,
    GATP: Scalar = 24.0,
    k_on: Scalar = 0.1,
    k_s: Scalar = 1.0,
    k_d: Scalar = 0.08,
    k_a: Scalar = 5.0,
    delta: Scalar = 1.0,
) -> tuple[Model, Start]:
    """One half-sarcomere with Duke's heads, all detached. The form of the rates is published; values are of the published size.

    **Arguments:** `M0`, `kappa0`: mass and stiffness of the tissue; `m`, `kappa1`: mass m and stiffness κ₁ of a bridge; `heads`: ω; the others as in
    `Duke1999`, in nm, pN and ms.

    **Returns:** model and start.
    """
    scheme = Duke1999(
        stiffness=kappa1, stroke=stroke, G1=G1, Gs=Gs, GATP=GATP, k_on=k_on, k_s=k_s, k_d=k_d, k_a=k_a, delta=delta
    )
    tissue = SpringMass(mass=M0, stiffness=kappa0, count=heads)
    return Model(tissue, LinearBridge(mass=m, stiffness=kappa1, gain=np.asarray(1.0), cycling=scheme)), Start(0.0)


PAGE = Page(
    name="power-stroke",
    title="A power stroke in detailed balance: isometric rise, quick release, recovery, shortening",
    build=power_stroke,
    t1=80.0,
    levels=(Reduced(1_000), Characteristics(400, sites=3), Kinetic(200, sites=3)),
    source=f"{DUKE_1999}; theory.md section 8",
    drive=Protocol(steps=[Hold(40.0), Release(by=-4.0, duration=0.5), Hold(9.5), Ramp(by=-15.0, duration=30.0)]),
    units=NANO,
)
