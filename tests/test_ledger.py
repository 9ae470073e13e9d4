"""The energy ledger closes at every level: what tissue and bridges gain is what load and damping did (theory.md section 4).

Load-bearing: `test_energy_is_conserved` (bent constraint, with and without a pair energy, four levels) and
`test_quasi_static_motion_follows_equilibrium` (against roots of the energy's slope, found without the code).
"""

import functools
from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import simpson, solve_ivp
from scipy.optimize import brentq

from myoscale import (
    AbstractBridge,
    Characteristics,
    Free,
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

LEVELS = [Reduced(64), Characteristics(16), Kinetic(48, window=6.0), MomentClosure(12)]
by_level = pytest.mark.parametrize("level", LEVELS, ids=lambda level: level.name)
TOLERANCE, T = 1e-11, 10.0
SAVE = np.linspace(0.0, T, 41)


class Bent(AbstractBridge):
    """g = x + bend x³ − q on a spring."""

    mass: np.ndarray | float = 0.7
    bend: np.ndarray | float = 0.1
    stiffness: np.ndarray | float = 0.8

    def constraint(self, x, q):
        return x + self.bend * x**3 - q

    def energy(self, x):
        return 0.5 * self.stiffness * x @ x


class BentPairs(AbstractBridge):
    """The same with the pair energy V(r) = strength · exp(−r²/2)."""

    mass: np.ndarray | float = 0.7
    bend: np.ndarray | float = 0.1
    stiffness: np.ndarray | float = 0.8
    strength: np.ndarray | float = 2.0

    def constraint(self, x, q):
        return x + self.bend * x**3 - q

    def energy(self, x):
        return 0.5 * self.stiffness * x @ x

    def interaction(self, r):
        return self.strength * jnp.exp(-0.5 * r @ r)


class Wave(eqx.Module):
    """a + b sin(ωt)."""

    a: float
    b: float
    omega: float

    def __call__(self, t):
        return self.a + self.b * jnp.sin(self.omega * t)


class Element(NamedTuple):
    """The tissue of every test here."""

    mass: float = 1.5
    stiffness: float = 1.2
    rest: float = 0.2


ELEMENT = Element()
START = Start(0.5, 0.3, x=Normal(0.8, 0.3))
QUIET, LOAD = Wave(0.0, 0.0, 1.0), Wave(0.3, 0.5, 1.3)


@functools.cache
def run(bridge, level, damping, drive):
    tissue = SpringMass(*ELEMENT, damping=damping)
    return solve(Model(tissue, bridge()), level, START, t1=T, drive=drive, save=SAVE, tolerance=TOLERANCE)


def closes(solution, to=1e-9):
    drift = solution.energy.drift
    assert drift <= to, f"expected the ledger to close to {to:g}, observed {drift:.2e}"


def works(solution, **expected):
    """The ledger's entries for work are there where they should be, and only there."""
    done = {name: float(np.ptp(getattr(solution.energy, name))) for name in expected}
    for name, should in expected.items():
        assert (done[name] > 0.05) is should, f"expected work by {name}: {should}, observed {done}"


@pytest.mark.parametrize(
    ("bridge", "how"), [(Bent, (0.0, Free(QUIET))), (BentPairs, (None, Free()))], ids=["alone", "pairs"]
)
@by_level
def test_energy_is_conserved(level, bridge, how):
    solution = run(bridge, level, *how)
    energy = solution.energy
    closes(solution)
    drift = np.max(np.abs(energy.total - energy.total[0])) / energy.total[0]
    assert drift <= 1e-9, f"expected a constant energy, observed a relative change of {drift:.2e}"
    forms = ("kinetic_tissue", "kinetic_bridges", "passive", "bridges") + (("pair",) if bridge is BentPairs else ())
    exchanged = {name: np.ptp(getattr(energy, name)) / energy.total[0] for name in forms}
    assert min(exchanged.values()) > 1e-3, f"expected every form of energy to change hands, observed {exchanged}"


@pytest.mark.parametrize(
    ("damping", "load"), [(0.15, QUIET), (0.0, LOAD), (0.15, LOAD)], ids=["damping", "load", "both"]
)
@by_level
def test_ledger_closes_with_damping_and_load(level, damping, load):
    solution = run(Bent, level, damping, Free(load))
    closes(solution)
    works(solution, damping=damping > 0, load=load is LOAD)


@by_level
def test_ledger_closes_with_prescribed_length(level):
    """The reaction's work keeps the ledger; its force is what the motion takes, so the motion itself is exact."""
    wave = Wave(0.5, 0.4, 1.7)
    solution = run(BentPairs, level, 0.15, Length(wave))
    closes(solution)
    works(solution, damping=True, load=True)
    expected = 0.5 + 0.4 * np.sin(1.7 * solution.ts)
    error = np.max(np.abs(solution.y[:, 0] - expected))
    assert error <= 1e-13, f"expected the prescribed motion itself, observed an error of {error:.2e}"


@by_level
def test_entries_for_work_are_the_integrals_they_claim_to_be(level):
    """−∫Dẏ² dt and ∫ℓẏ dt by Simpson's rule on the saved velocities."""
    solution = run(Bent, level, 0.15, Free(LOAD))
    t, v = solution.ts, solution.v[:, 0]
    for name, power in {"damping": -0.15 * v**2, "load": (0.3 + 0.5 * np.sin(1.3 * t)) * v}.items():
        expected, observed = simpson(power, x=t), getattr(solution.energy, name)[-1]
        assert observed == pytest.approx(expected, abs=2e-4), (
            f"{name}: expected {expected:.6f}, observed {observed:.6f}"
        )


def slope(solution, y):
    """∂W_eff/∂y for the ensemble of a run, in NumPy: X_i + bend X_i³ − y is what it was at the start."""
    bend, stiffness, strength = 0.1, 0.8, 2.0
    x_in, w = np.asarray(solution.particles.x)[0, :, 0], solution.particles.w
    w = np.full(x_in.size, 1 / x_in.size) if w is None else np.asarray(w)[0]
    level = x_in + bend * x_in**3 + y - 0.5
    x = 2 / np.sqrt(3 * bend) * np.sinh(np.arcsinh(1.5 * level * np.sqrt(3 * bend)) / 3)  # the cubic's real root
    r = x[None] - x[:, None]  # r[i, j] = X_j − X_i
    pull = stiffness * x + strength * (r * np.exp(-(r**2) / 2)) @ w
    return ELEMENT.stiffness * (y - ELEMENT.rest) + w @ (pull / (1 + 3 * bend * x**2))


def test_quasi_static_motion_follows_equilibrium():
    """Bridges as characteristics: what is tested is the same for particles."""
    solution = run(BentPairs, LEVELS[1], None, QuasiStatic(LOAD))
    load = 0.3 + 0.5 * np.sin(1.3 * solution.ts)
    expected = np.array([brentq(lambda y, f=f: slope(solution, y) - f, -3, 3, xtol=1e-14) for f in load])
    error = np.max(np.abs(solution.y[:, 0] - expected))
    assert np.ptp(expected) > 0.1, f"expected the equilibrium to move, observed {np.ptp(expected):.2e}"
    assert error <= 1e-9, f"expected equilibrium to 1e-9, observed {error:.2e}"


def test_damped_quasi_static_motion_relaxes_towards_equilibrium():
    """D ẏ = ℓ − ∂W_eff/∂y from the given start, by an integrator of its own."""
    solution = run(BentPairs, LEVELS[1], 0.6, QuasiStatic(LOAD))
    rate = lambda t, y: (0.3 + 0.5 * np.sin(1.3 * t) - slope(solution, y[0])) / 0.6
    expected = solve_ivp(rate, (0, T), [0.5], "DOP853", solution.ts, rtol=1e-12, atol=1e-13).y[0]
    error = np.max(np.abs(solution.y[:, 0] - expected))
    assert error <= 1e-9, f"expected the relaxation to 1e-9, observed {error:.2e}"


@pytest.mark.parametrize("damping", [None, 0.6], ids=["undamped", "damped"])
@pytest.mark.parametrize("level", LEVELS[1:], ids=lambda level: level.name)
def test_quasi_static_ledger_closes(level, damping):
    solution = run(BentPairs, level, damping, QuasiStatic(LOAD))
    # Without damping there is no velocity to choose the upwind side by when equilibrium is asked for: fifth order is left.
    closes(solution, 1e-5 if isinstance(level, Kinetic) and damping is None else 1e-9)
    works(solution, load=True, damping=damping is not None)
    kinetic = solution.energy.kinetic_tissue + solution.energy.kinetic_bridges
    assert not kinetic.any(), f"expected no kinetic energy, observed up to {np.max(kinetic):.2e}"
