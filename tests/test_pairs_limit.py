"""Bridges that feel each other: every level conserves energy, and all of them have the same mean field.

Load-bearing: `test_levels_meet_in_the_mean_field`. With g = x/y bridges sit at X = cy, and X′ − X is y times a difference of labels. So
V = a r²/2 adds a Var(c) y to the pull on the tissue, a spring more, at every level and for any sample; and of normal labels V = A exp(−r²/2b²) has the
mean ½A(1 + 2s²y²/b²)^{−1/2}, whose motion scipy integrates here.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import solve_ivp

import myoscale as ms
from myoscale.run.rungs import Rung, spectral
from myoscale.run.stretches import Run
from myoscale.solution import Scenario

M0, K0, REST, MASS, KAPPA = 2.0, 4.0, 1.5, 0.8, 1.0
MEAN, STD, T1 = 0.4, 0.3, 3.0
A, B = 2.0, 0.4  # of the Gaussian
STIFF = 0.8  # of the quadratic V
START = ms.Start(1.0, x=ms.Normal(MEAN, STD))
LEVELS = {
    ms.Reduced(20_000, sampling="quantile"): 1e-4,
    ms.Characteristics(64): 1e-9,
    ms.Kinetic(300): 1e-5,
    ms.MomentClosure(40): 1e-9,
}


class Quadratic(ms.zoo.ElementBridge):
    def interaction(self, r):
        return 0.5 * STIFF * r @ r


class Gaussian(ms.zoo.ElementBridge):
    def interaction(self, r):
        return A * jnp.exp(-0.5 * (r @ r) / B**2)


def model(kind):
    return ms.Model(ms.SpringMass(M0, K0, REST), kind(MASS, KAPPA))


@functools.cache
def run(kind, level):
    return ms.solve(model(kind), level, START, t1=T1, save=31, tolerance=1e-9)


@pytest.mark.parametrize("level", LEVELS, ids=str)
def test_a_quadratic_pair_energy_is_one_more_spring(level):
    solution = run(Quadratic, level)
    square, variance = MEAN**2 + STD**2, STD**2
    if isinstance(level, ms.Reduced):  # exact for its own sample
        c = solution.population(0.0).points[:, 0]
        square, variance = (c**2).mean(), c.var()
    stiffness, mass = K0 + KAPPA * square + STIFF * variance, M0 + MASS * square
    middle = K0 * REST / stiffness
    y = middle + (1.0 - middle) * np.cos(np.sqrt(stiffness / mass) * solution.ts)
    error = np.abs(solution.y[:, 0] - y).max()
    assert error < (1e-6 if isinstance(level, ms.Kinetic) else 2e-9), f"{level.label}: {error:.1e}"
    pair = 0.5 * STIFF * variance * solution.y[:, 0] ** 2
    assert np.abs(solution.energy.pair - pair).max() < (1e-6 if isinstance(level, ms.Kinetic) else 1e-9)
    assert np.ptp(y) > 0.5


@pytest.mark.parametrize("level", LEVELS, ids=str)
def test_levels_meet_in_the_mean_field(level):
    square = MEAN**2 + STD**2
    slope = lambda y: A / 2 * (1 + 2 * STD**2 * y**2 / B**2) ** -1.5 * (2 * STD**2 * y / B**2)  # −d/dy of the mean of V
    pull = lambda y, pairs: -K0 * (y - REST) - KAPPA * square * y + pairs * slope(y)
    reach = lambda pairs: solve_ivp(
        lambda t, z: [z[1], pull(z[0], pairs) / (M0 + MASS * square)],
        (0, T1), [1.0, 0.0], method="DOP853", t_eval=np.linspace(0, T1, 31), rtol=1e-12, atol=1e-13,
    ).y[0]  # fmt: skip
    solution = run(Gaussian, level)
    error = np.abs(solution.y[:, 0] - reach(1)).max()
    assert error < LEVELS[level], f"{level.label}: {error:.1e}"
    assert np.abs(reach(0) - reach(1)).max() > 0.05  # V matters


@pytest.mark.parametrize("level", LEVELS, ids=str)
def test_energy_is_conserved(level):
    for kind in (Quadratic, Gaussian):
        solution = run(kind, level)
        assert solution.energy.drift < 1e-9 and np.ptp(solution.energy.pair) > 1e-3
    assert ("compressed" in solution.stats.path) == isinstance(level, ms.Reduced)


class Crowded(ms.zoo.BentBridge):
    def interaction(self, r):
        return 0.4 * jnp.exp(-0.5 * (r @ r) / 0.3**2)


@functools.cache
def summed(rung):
    start = ms.Start(1.0, x=ms.Normal(0.4, 0.3))
    scenario = Scenario(
        ms.Model(ms.SpringMass(1.0, 2.0), Crowded()), ms.Reduced(1_500), start, 3.0, ms.Free(), 4, 1e-9, 0
    )
    with jax.enable_x64(True):
        return Run(scenario, np.linspace(0, 3, 4), lambda word, fraction: None)(rung)


@pytest.mark.parametrize("rung", [Rung(grid=64), Rung(modes=64), Rung()], ids=str)
def test_three_ways_to_sum_are_one(rung):
    solution, exact = summed(rung), summed(Rung())
    assert solution.stats.compression < 1e-10 and solution.energy.drift < 1e-9
    for field in ("y", "v", "force"):
        assert np.abs(getattr(solution, field) - getattr(exact, field)).max() < 1e-10
    words = {
        Rung(grid=64): "compressed to 64",
        Rung(modes=64): "pair forces by 64 Chebyshev modes an axis, error bound",
    }
    assert words.get(rung, "every bridge") in solution.stats.path


@pytest.mark.parametrize("rung", [Rung(grid=12), Rung(modes=16)], ids=str)
def test_too_coarse_a_grid_is_seen_along_the_run(rung):
    rough = summed(rung)
    error = np.abs(rough.force - summed(Rung()).force).max()
    assert rough.stats.compression > 1e-6 and error < rough.stats.compression


def test_a_run_that_leaves_its_box_is_done_again():
    class Wide(Gaussian):
        """Nothing to see at first; bridges spread fivefold."""

        def interaction(self, r):
            return 0.1 * jnp.exp(-0.5 * (r @ r) / 0.15**2)

    bridge, level = Wide(MASS, KAPPA), ms.Constrained(1_200)
    start = ms.Start(0.3, x=ms.Normal(0.12, 0.03))
    wide = ms.Model(ms.SpringMass(M0, K0, 1.0), bridge)
    solution = ms.solve(wide, level, start, t1=1.0, save=3, tolerance=1e-7)
    with jax.enable_x64(True):
        scenario = Scenario(wide, level, start, 1.0, ms.Free(), 3, 1e-7, 0)
        tried = spectral(scenario, 1e-9)
        run = Run(scenario, np.linspace(0, 1, 3), lambda word, fraction: None)
        left, exact = run(Rung(modes=tried[0])), run(Rung())
    assert left.stats.compression > 1e-9 and f" {tried[0]} " in left.stats.path
    assert solution.stats.compression <= 1e-9 and f" {tried[0]} " not in solution.stats.path
    assert np.abs(solution.y - exact.y).max() < 1e-8


def test_a_kink_is_summed_pair_by_pair():
    class Kinked(Crowded):
        def interaction(self, r):
            return 0.1 * jnp.sum(jnp.abs(r))

    kinked = ms.Model(ms.SpringMass(1.0, 2.0), Kinked())
    solution = ms.solve(kinked, ms.Reduced(1_100), ms.Start(1.0, x=ms.Normal(0.4, 0.3)), t1=0.2, save=2, tolerance=1e-5)
    assert solution.stats.path == "every bridge" and solution.stats.compression == 0.0
