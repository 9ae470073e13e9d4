"""Elements in series with linear bridges in each: the linear example, P times (theory.md sections 7 and 12).

Element p sees q_p = y_p − y_{p−1}. P coupled oscillators, solved by normal modes; P = 1 is the linear example.
"""

import numpy as np

from ..errors import InputError
from ..levels import Characteristics, Kinetic, MomentClosure, Reduced
from ..model import AbstractLaw, Model, Normal, Start
from ..tissue import ChainTissue
from ..types import ArrayLike, Scalar, as_float
from .bridges import LinearBridge
from .exact import LinearExact
from .page import Page


def chain(
    elements: int = 3,
    *,
    M0: Scalar = 20.0,
    m: Scalar = 10.0,
    kappa0: Scalar = 1.0,
    kappa1: Scalar = 1.0,
    gamma: Scalar = -1.0,
    rest: ArrayLike = 0.0,
    heads: ArrayLike = 1.0,
    q: ArrayLike = 1.0,
    x: AbstractLaw = Normal(mean=2.0, std=1.0),
) -> tuple[Model, Start]:
    """Elements in series, each as the linear example starts. No values are published for more than one element.

    **Arguments:** `elements`: P; `M0`, `kappa0`: mass at the end of an element and stiffness of its spring; `m`, `kappa1`,
    `gamma`: mass m, stiffness κ₁ and gain γ of a bridge; `rest`, `heads`, `q`: stretch at which a spring is slack, heads ω_p
    and initial stretch, numbers or (P,); `x`: the law of the initial extension in every element.

    **Returns:** model and start, at rest.

    **Raises:** `InputError` unless there is an element, or if lengths do not fit.
    """
    if elements < 1:
        raise InputError(f"chain expected one element or more. Received {elements!r}.")
    every = lambda value: np.full(elements, value)
    tissue = ChainTissue(masses=every(M0), springs=every(kappa0), rest=rest, counts=heads)
    stretches = np.broadcast_to(as_float(q), elements)
    model = Model(tissue, LinearBridge(mass=m, stiffness=kappa1, gain=as_float(gamma)))
    return model, Start(np.cumsum(stretches), np.zeros(elements), x=x)


PAGE = Page(
    name="chain",
    title="Linear elements in series: normal modes",
    build=chain,
    t1=60.0,
    levels=(Reduced(1_000), Characteristics(64), Kinetic(200), MomentClosure()),
    source="theory.md section 12 on section 7, example 1",
    exact=LinearExact,
)
