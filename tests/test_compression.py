"""Summing a large ensemble through a few labels changes nothing that the tolerance could see, and is given up where it would.

Load-bearing: `test_compressed_and_streamed_runs_agree`.
"""

import jax
import numpy as np
import pytest

import myoscale as ms
from myoscale.drive import Free
from myoscale.numerics import chebyshev
from myoscale.numerics.small import inverse
from myoscale.run.rungs import Rung
from myoscale.run.stretches import Run
from myoscale.solution import Scenario


class Bent(ms.AbstractBridge):
    """g = x + bend x³ − q."""

    mass: float = 0.5
    bend: float = 0.15

    def constraint(self, x, q):
        return x + self.bend * x**3 - q

    def energy(self, x):
        return 0.5 * x @ x


class Element(ms.AbstractBridge):
    """g = F⁻¹x."""

    mass: float = 0.5

    def constraint(self, x, q):
        return inverse(q.reshape(2, 2)) @ x

    def energy(self, x):
        return 0.5 * x @ x + 0.1 * (x @ x) ** 2


ELEMENT = ms.LumpedTissue(np.eye(4), 4 * np.eye(4), rest=np.eye(2).ravel(), local=ms.DeformationGradient())
CASES = {
    "bent": (ms.Model(ms.SpringMass(1.0, 2.0), Bent()), ms.Start(1.0, x=ms.Normal(0.4, 0.3)), 5_000),
    "element": (
        ms.Model(ELEMENT, Element()),
        ms.Start(np.array([1.05, 0.05, -0.05, 0.95]), 0.2 * np.ones(4), x=ms.Normal([0.5, 0.2], [0.3, 0.2])),
        5_000,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_compressed_and_streamed_runs_agree(name):
    model, start, n = CASES[name]
    compressed = ms.solve(model, ms.Reduced(n), start, t1=3.0, save=4)
    assert "compressed" in compressed.stats.path and compressed.stats.compression < 1e-10
    scenario = Scenario(model, ms.Reduced(n), start, 3.0, Free(), 4, 1e-8, 0)
    with jax.enable_x64(True):
        streamed = Run(scenario, np.linspace(0, 3, 4), lambda word, fraction: None)(Rung())
    assert streamed.stats.path == "every bridge"
    for field in ("y", "v", "force"):
        difference = np.abs(getattr(compressed, field) - getattr(streamed, field)).max()
        assert difference < 1e-10, f"{name}: {field} differs by {difference:.1e}"
    points = compressed.population(3.0).points - streamed.population(3.0).points
    assert np.abs(points).max() < 1e-9


def test_a_kink_is_not_compressed():
    class Kinked(Bent):
        def energy(self, x):
            return 0.5 * x @ x + abs(x[0] - 0.41)

    model, start, _ = CASES["bent"]
    solution = ms.solve(ms.Model(model.tissue, Kinked()), ms.Reduced(300), start, t1=0.5, save=2, tolerance=1e-6)
    assert solution.stats.path == "every bridge" and solution.stats.compression == 0.0


@pytest.mark.parametrize(("nx", "count"), [(1, 40), (2, 24), (3, 14)])
def test_grid_sums_are_ensemble_sums(nx, count):
    rng = np.random.default_rng(nx)
    x, w = rng.normal(size=(9_001, nx)), rng.dirichlet(np.ones(9_001))
    function = lambda x: np.exp(-0.1 * (x**2).sum(-1)) * np.cos(0.7 * x[..., 0] + 0.2)
    with jax.enable_x64(True):
        low, high = x.min(0), x.max(0)
        grid = np.asarray(chebyshev.grid(low, high, count))
        weights = np.asarray(chebyshev.weights(x, w, low, high, count))
        tail = float(chebyshev.tail(function(grid)[:, None], count))
        inside = np.asarray(chebyshev.interpolate(function(grid)[:, None], x[7], low, high, count))[0]
    error = abs(weights @ function(grid) - w @ function(x))
    assert error <= max(tail, 1e-14), f"error {error:.1e}, bound {tail:.1e}"
    assert tail < {1: 1e-12, 2: 1e-5, 3: 1e-3}[nx]  # what so many nodes can do over ±4 standard deviations
    assert inside == pytest.approx(function(x[7]), abs=max(10 * tail, 1e-13))
