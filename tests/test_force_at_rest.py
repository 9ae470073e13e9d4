"""Held still, a muscle pulls with the integral of its bridges' forces, at every level.

Load-bearing: `test_isometric_force` (against quadrature of ∫Φ F₁ ρ dx). A force that is the adjoint of an upwinded transport has no
one-sided choice to make at u = 0: this is where it shows.
"""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from myoscale import (
    AbstractBridge,
    Characteristics,
    Kinetic,
    Length,
    Model,
    MomentClosure,
    Normal,
    QuasiStatic,
    Reduced,
    SpringMass,
    Start,
    solve,
)

BEND, STIFFNESS, MEAN, STD = 0.1, 0.8, 0.8, 0.3
LEVELS = [Reduced(4000, "quantile"), Characteristics(24), Kinetic(96), MomentClosure()]
by_level = pytest.mark.parametrize("level", LEVELS, ids=lambda level: level.name)


class Bent(AbstractBridge):
    """g = x + bend x³ − q on a spring."""

    mass: float = 0.7

    def constraint(self, x, q):
        return x + BEND * x**3 - q

    def energy(self, x):
        return 0.5 * STIFFNESS * x @ x


def expectation(function):
    """∫ function dμ by adaptive quadrature."""
    return quad(
        lambda x: function(x) * norm.pdf(x, MEAN, STD),
        MEAN - 9 * STD,
        MEAN + 9 * STD,
        epsabs=1e-13,
        epsrel=1e-12,
    )[0]


def phi(x):
    return 1 / (1 + 3 * BEND * x**2)


def hold(level, drive):
    tissue = SpringMass(mass=1.5, stiffness=1.2, rest=0.2, damping=0.6)
    return solve(Model(tissue, Bent()), level, Start(0.5, x=Normal(MEAN, STD)), t1=1.0, drive=drive, save=2)


@by_level
def test_isometric_force(level):
    expected = -expectation(lambda x: phi(x) * STIFFNESS * x)
    solution = hold(level, Length(0.5))
    observed = solution.force[-1, 0, 0]
    assert observed == pytest.approx(expected, rel=1e-4), (
        f"{level.label}: expected {expected:.6f}, observed {observed:.6f}"
    )
    reaction = 1.2 * (0.5 - 0.2) - expected
    assert solution.reaction[-1, 0] == pytest.approx(reaction, rel=1e-4), (
        f"{level.label}: expected the reaction {reaction:.6f}, observed {solution.reaction[-1, 0]:.6f}"
    )


@by_level
def test_isometric_stiffness(level):
    """K = ∫(κΦ² + κxΦ Φ′) ρ dx."""
    expected = expectation(lambda x: STIFFNESS * phi(x) ** 2 * (1 - 6 * BEND * x**2 * phi(x)))
    observed = hold(level, Length(0.5)).stiffness[-1, 0, 0, 0]
    accuracy = 1e-3 if isinstance(level, MomentClosure) else 1e-4  # Φ stretches a Gaussian into something else
    assert observed == pytest.approx(expected, rel=accuracy), (
        f"{level.label}: expected {expected:.6f}, observed {observed:.6f}"
    )


@by_level
def test_quasi_static_force(level):
    """Where damping alone resists, D ẏ = force − κ₀(y − rest): the first instant is known."""
    expected = -expectation(lambda x: phi(x) * STIFFNESS * x)
    solution = hold(level, QuasiStatic())
    observed = solution.force[0, 0, 0]
    assert observed == pytest.approx(expected, rel=1e-4), (
        f"{level.label}: expected {expected:.6f}, observed {observed:.6f}"
    )
    rate = (expected - 1.2 * (0.5 - 0.2)) / 0.6
    assert solution.v[0, 0] == pytest.approx(rate, rel=1e-4), (
        f"{level.label}: expected ẏ = {rate:.6f}, observed {solution.v[0, 0]:.6f}"
    )


def test_results_are_float64_arrays():
    """NumPy's, in a session that never asked JAX for 64 bits: where the particles started too, or whatever is computed from them is rounded to 32."""
    solution = hold(LEVELS[0], Length(0.5))
    arrays = {name: getattr(solution, name) for name in ("ts", "y", "v", "force", "reaction", "residual", "path")}
    arrays["particles.x"] = solution.particles.x
    wrong = {
        name: type(a).__name__
        for name, a in arrays.items()
        if not (isinstance(a, np.ndarray) and a.dtype == np.float64)
    }
    assert not wrong, f"expected NumPy float64 arrays, observed {wrong}"
