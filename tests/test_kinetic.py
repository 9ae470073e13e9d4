"""The kinetic level is conservative, positive, accurate to its design order, and holds its energy.

Load-bearing: `test_density_converges_to_the_exact_pushforward`, against μ^in moved by ξ, found without solving the kinetic equation.
"""

import jax.numpy as jnp
import numpy as np
import pytest
from scipy import optimize

import myoscale as ms
from myoscale.study.distance import wasserstein
from myoscale.study.mass import Table


class Bent(ms.AbstractBridge):
    """g = x + bend x³ − q."""

    mass: float = 0.5
    bend: float = 0.15

    def constraint(self, x, q):
        return x + self.bend * x**3 - q

    def energy(self, x):
        return 0.5 * x @ x


class Onion(ms.AbstractBridge):
    """g = 0.1x − sin(0.1x)/(1 + q²)."""

    mass: float = 1.0

    def constraint(self, x, q):
        return 0.1 * x - jnp.sin(0.1 * x) / (1.0 + q**2)

    def energy(self, x):
        return 0.0 * x @ x


CASES = {
    "bent": (Bent(), ms.SpringMass(1.0, 2.0), ms.Normal(0.4, 0.3), 5.0),
    "onion": (Onion(), ms.SpringMass(2.0, 1.0), ms.Normal(2.5, 0.3), 6.0),
}


def pushforward(bridge, law, q0, q, bracket):
    """The law carried from q0 to q, as a table: its edges solve g(x, q) = g(x₀, q0), its masses do not change."""
    start = np.linspace(law.mean()[0] - 7.5 * law.std, law.mean()[0] + 7.5 * law.std, 1201)
    g = lambda x, q: float(bridge.constraint(np.array([x]), np.array([q]))[0])
    edges = [optimize.brentq(lambda x, c=g(x0, q0): g(x, q) - c, *bracket, xtol=1e-14) for x0 in start]
    with_jax = np.asarray(law.cell_masses(start))
    return Table(np.array(edges), with_jax / with_jax.sum())


@pytest.mark.parametrize("name", CASES)
def test_density_converges_to_the_exact_pushforward(name):
    bridge, tissue, law, t1 = CASES[name]
    model, start = ms.Model(tissue, bridge), ms.Start(1.0, x=law)
    reference = ms.solve(model, ms.Characteristics(48), start, t1=t1, save=3, tolerance=1e-11)
    exact = pushforward(bridge, law, 1.0, reference.y[-1, 0], (-30.0, 30.0))
    sizes, errors = (50, 100, 400), []
    for cells in sizes:
        solution = ms.solve(model, ms.Kinetic(cells), start, t1=t1, save=3)
        density = solution.population(t1)
        assert abs(density.masses.sum() - 1.0) < 1e-13 and density.masses.min() >= 0.0
        errors.append(wasserstein(Table(density.edges[0], density.masses), exact) / law.std)
        assert np.abs(solution.y - reference.y).max() < (1e-4 if cells < 100 else 1e-6)
    order = np.log(errors[0] / errors[1]) / np.log(sizes[1] / sizes[0])
    assert order > 3.6, f"{name}: W₁/std {errors}, observed order {order:.2f}, expected 4"
    assert errors[-1] < 2e-6, f"{name}: W₁ = {errors[-1]:.1e} std at 400 cells"


def test_a_law_with_jumps_keeps_its_mass_and_its_bounds():
    bridge, tissue, _, t1 = CASES["bent"]
    start = ms.Start(1.0, x=ms.Mixture([ms.Uniform(-0.6, 0.0), ms.Uniform(0.5, 0.9)], [0.3, 0.7]))
    solution = ms.solve(ms.Model(tissue, bridge), ms.Kinetic(120), start, t1=t1, save=11)
    reference = ms.solve(ms.Model(tissue, bridge), ms.Characteristics(48), start, t1=t1, save=11)
    for t in solution.ts:
        masses = solution.population(t).masses
        assert abs(masses.sum() - 1.0) < 1e-13 and masses.min() >= 0.0
    assert np.abs(solution.y - reference.y).max() < 2e-4
    assert solution.energy.drift < 1e-6


def test_density_in_the_plane_converges_to_the_exact_moments():
    """The element moves X by F F₀⁻¹: mean and covariance at the end follow from F(t1) alone."""
    model, start = ms.zoo.element()
    t1, sizes, errors = 1.5, (20, 40), []
    reference = ms.solve(model, ms.MomentClosure(), start, t1=t1, save=2, tolerance=1e-11)
    f = lambda y: np.asarray(y).reshape(2, 2)
    move = f(reference.y[-1]) @ np.linalg.inv(f(start.y))
    mean = move @ np.asarray(start.x.mean())
    covariance = move @ np.asarray(start.x.covariance()) @ move.T
    for cells in sizes:
        solution = ms.solve(model, ms.Kinetic(cells), start, t1=t1, save=2, tolerance=1e-7)
        density = solution.population(t1)
        assert abs(density.masses.sum() - 1.0) < 1e-13 and density.masses.min() >= 0.0
        errors.append(max(np.abs(density.mean - mean).max(), np.abs(density.covariance - covariance).max()))
    order = np.log2(errors[0] / errors[1])
    assert errors[1] < 1e-4 and order > 3.6, f"errors {errors}, observed order {order:.2f}, expected 4"
