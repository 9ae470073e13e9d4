"""Runs are differentiable and batchable: what comes out of grad, jit and vmap is what separate runs say.

Load-bearing: `test_gradient_is_the_slope_between_runs` (reverse mode through `solve` against central differences of plain runs, which
take another path through the code). Nothing here switches JAX to 64 bits for anybody else.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from myoscale import (
    AbstractBridge,
    Characteristics,
    Kinetic,
    Model,
    MomentClosure,
    Normal,
    Reduced,
    SpringMass,
    Start,
    solve,
)

LEVELS = [Reduced(64), Characteristics(16), Kinetic(64), MomentClosure()]
by_level = pytest.mark.parametrize("level", LEVELS, ids=lambda level: level.name)
NAMES = ("bend", "mass", "stiffness", "tissue mass", "std")
VALUES = np.array([0.1, 0.7, 0.8, 1.5, 0.3])
STEP = 1e-4


class Bent(AbstractBridge):
    """g = x + bend x³ − q on a spring."""

    mass: object
    bend: object
    stiffness: object

    def constraint(self, x, q):
        return x + self.bend * x**3 - q

    def energy(self, x):
        return 0.5 * self.stiffness * x @ x


def final(level, values):
    """y(1), from which every parameter can be told."""
    bend, mass, stiffness, tissue_mass, std = values
    model = Model(SpringMass(tissue_mass, 1.2, 0.2), Bent(mass, bend, stiffness))
    return solve(model, level, Start(0.5, 0.3, x=Normal(0.8, std)), t1=1.0, save=np.ones(1), tolerance=1e-12).y[-1, 0]


@functools.cache
def traced(level):
    """y(1) and its gradient, compiled once a level."""
    return jax.jit(jax.value_and_grad(lambda values: final(level, values)))


@functools.cache
def separate(level):
    """y(1) and its slopes from plain runs."""
    plain = lambda values: final(level, tuple(map(float, values)))
    slopes = [(plain(VALUES + e) - plain(VALUES - e)) / (2 * STEP) for e in STEP * np.eye(len(VALUES))]
    return plain(VALUES), np.array(slopes)


@by_level
def test_gradient_is_the_slope_between_runs(level):
    _, expected = separate(level)
    with jax.enable_x64(True):
        observed = np.asarray(traced(level)(jnp.asarray(VALUES))[1])
    error = dict(zip(NAMES, np.abs(observed / expected - 1), strict=True))
    assert max(error.values()) <= 1e-6, (
        f"{level.label}: expected {expected}, observed {observed}, relative errors {error}"
    )


@by_level
def test_jit_changes_no_number(level):
    expected, _ = separate(level)
    with jax.enable_x64(True):
        observed = float(traced(level)(jnp.asarray(VALUES))[0])
    assert observed == pytest.approx(expected, abs=1e-11), (
        f"{level.label}: expected {expected!r}, observed {observed!r}"
    )


def test_vmap_is_a_sweep():
    """Three runs at once, each with its own steps, are the three runs."""
    level, bends = LEVELS[1], np.array([0.02, 0.1, 0.25])
    each = lambda bend: (bend, *VALUES[1:])
    expected = np.array([final(level, tuple(map(float, each(bend)))) for bend in bends])
    with jax.enable_x64(True):
        observed = np.asarray(jax.vmap(lambda bend: final(level, each(bend)))(jnp.asarray(bends)))
    error = np.max(np.abs(observed - expected))
    assert error <= 1e-11, f"expected {expected}, observed {observed}, error {error:.2e}"
    assert np.ptp(expected) > 1e-3, f"expected runs that differ, observed {expected}"
