"""Sums over all pairs through a grid, by convolution and by one Gauss rule are the double sums that they stand for, within the bound they state.

Load-bearing: `test_the_bound_holds` (the other side is a plain double sum in NumPy, with derivatives by hand).
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import myoscale as ms
from myoscale.numerics import convolution, pairs
from myoscale.population import Density, Moments
from myoscale.population.density import Cells
from myoscale.population.moments import Spread


def gaussian(width):
    value = lambda s, xp: xp.exp(-0.5 * s / width**2)
    return value, lambda s: -0.5 / width**2 * value(s, np)


SMOOTH = {  # V as a function of |r|², and its derivative
    "gaussian": gaussian(1.0),
    "wide": gaussian(4.0),
    "narrow": gaussian(0.05),
    "coulomb": (lambda s, xp: 1 / xp.sqrt(1 + s), lambda s: -0.5 * (1 + s) ** -1.5),
    "quadratic": (lambda s, xp: 0.5 * s, lambda s: 0.5 + 0 * s),
    "quartic": (lambda s, xp: s**2 - s, lambda s: 2 * s - 1),
    "cosine": (lambda s, xp: xp.cos(20 * xp.sqrt(1 + s)), lambda s: -10 * np.sin(20 * np.sqrt(1 + s)) / np.sqrt(1 + s)),
}


def double_sum(law, x, w):
    value, derivative = law
    r = x[None, :] - x[:, None]
    s = (r**2).sum(-1)
    return 0.5 * w @ value(s, np) @ w, 2 * np.einsum("j,ij,ijk->ik", w, derivative(s), r)


def cloud(nx, count=600):
    rng = np.random.default_rng(nx)
    x = rng.normal(size=(count, nx)) * np.array([1.0, 0.6, 1.4])[:nx] + 3.0
    return x, rng.dirichlet(np.ones(count))


@pytest.mark.parametrize("nx", [1, 2, 3])
@pytest.mark.parametrize("name", SMOOTH)
def test_the_bound_holds(nx, name):
    (x, w), law = cloud(nx), SMOOTH[name]
    potential = lambda r: law[0](r @ r, jnp)
    energy, forces = double_sum(law, x, w)
    far = np.linspace(0, ((x.max(0) - x.min(0)) ** 2).sum(), 20_001)  # |r|² over the box of differences
    size, steepest = np.abs(law[0](far, np)).max(), np.abs(2 * law[1](far) * np.sqrt(far)).max()
    met = 0
    for modes in pairs.MODES[nx][:5:2] if nx > 1 else pairs.MODES[1][::2]:
        with jax.enable_x64(True):
            found = float(pairs.energy(potential, jnp.asarray(x), jnp.asarray(w), modes))
            pulls = np.asarray(pairs.forces(potential, jnp.asarray(x), jnp.asarray(w), modes))
            bound = float(pairs.bound(potential, pairs.box(jnp.asarray(x))[1], modes))
        assert abs(found - energy) <= bound * size, f"{modes} modes: energy off by more than {bound:.1e}"
        off = np.abs(pulls - forces).max() / steepest
        assert off <= bound, f"{modes} modes: forces off by {off:.1e}, bound {bound:.1e}"
        met += bound < 1e-3
    assert met or name in ("narrow", "cosine", "coulomb") or nx == 3


def test_the_bound_is_not_idle():
    (x, _), law = cloud(1), SMOOTH["gaussian"]
    with jax.enable_x64(True):
        bounds = [float(pairs.bound(lambda r: law[0](r @ r, jnp), pairs.box(jnp.asarray(x))[1], m)) for m in (24, 48)]
    assert bounds[0] > 1e-6 and bounds[1] < 1e-9


@pytest.mark.parametrize("nx", [1, 2])
def test_what_is_not_smooth_is_refused(nx):
    x, _ = cloud(nx)
    for potential in (
        lambda r: jnp.sum(jnp.abs(r)),
        lambda r: jnp.floor(r @ r),
        lambda r: jnp.where(r @ r < 1, 1.0, 1.01),
    ):
        with jax.enable_x64(True):
            bound = pairs.bound(potential, pairs.box(jnp.asarray(x))[1], pairs.MODES[nx][-1])
        assert float(bound) > 1e-3


@pytest.mark.parametrize("nx", [1, 2, 3])
def test_forces_are_the_derivative_of_the_approximate_energy(nx):
    x, w = cloud(nx, 200)
    modes, potential = 8, lambda r: jnp.exp(-0.5 * r @ r)  # far from converged: only the pair of the two can agree
    with jax.enable_x64(True):
        pulls = np.asarray(pairs.forces(potential, jnp.asarray(x), jnp.asarray(w), modes))
        exact = np.asarray(pairs.forces(potential, jnp.asarray(x), jnp.asarray(w)))
        slope = np.asarray(jax.grad(lambda x: pairs.energy(potential, x, jnp.asarray(w), modes))(jnp.asarray(x)))
    inside = ((x > x.min(0)) & (x < x.max(0))).all(1)  # the box follows the others
    assert np.abs(pulls + slope / w[:, None])[inside].max() < 1e-12
    assert np.abs(pulls - exact).max() > 1e-6


def test_points_on_a_line_feel_forces_across_it():
    x = np.stack([np.linspace(-1, 1, 50), np.full(50, 2.0)], 1)
    with jax.enable_x64(True):
        pulls = np.asarray(pairs.forces(lambda r: (r[0] + r[1]) ** 2, jnp.asarray(x), jnp.full(50, 0.02), 10))
    assert np.abs(pulls - (x.mean(0) - x)[:, :1] * 2).max() < 1e-10  # Σ_j w_j 2(r_0 + r_1), the same along both axes


@pytest.mark.parametrize("shape", [(37,), (9, 14), (3, 4, 5)])
def test_convolution_is_the_double_sum(shape):
    rng, size = np.random.default_rng(0), np.array([0.3, 0.2, 0.5])[: len(shape)]
    w = rng.normal(size=shape)
    x = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), -1).reshape(-1, len(shape)) * size
    r = x[None, :] - x[:, None]
    value = np.exp(-0.5 * (r**2).sum(-1)) + 0.1 * r[..., 0] * r[..., -1]
    with jax.enable_x64(True):
        potential = lambda r: jnp.exp(-0.5 * r @ r) + 0.1 * r[0] * r[-1]
        found = float(convolution.pair_sum(potential, jnp.asarray(w), jnp.asarray(size)))
    assert found == pytest.approx(w.ravel() @ value @ w.ravel(), rel=1e-12)


class Crowded(ms.zoo.LinearBridge):
    def interaction(self, r):
        return jnp.exp(-0.5 * r @ r)


def test_the_energies_of_cells_and_of_a_gaussian():
    bridge = Crowded(1.0, 1.0, 1.0)
    with jax.enable_x64(True):
        m = jnp.exp(-0.5 * jnp.linspace(-6, 6, 300) ** 2)
        z = Cells(m / jnp.sum(m), jnp.array([-3.0]), jnp.array([4.0]))
        cells = Density(300)
        pair = float(cells.energies(bridge, z, jnp.zeros(1))[1])
        measure = jax.tree.map(np.asarray, cells.measure(bridge, z, jnp.zeros(1)))
    exact, _ = double_sum(SMOOTH["gaussian"], measure.x, measure.w)
    assert pair == pytest.approx(exact, rel=1e-13)
    for nx in (1, 2, 3):
        s = np.tril(np.random.default_rng(nx).uniform(0.2, 0.6, (nx, nx)))
        with jax.enable_x64(True):
            z = Spread(jnp.full(nx, 2.0), jnp.asarray(s))
            moments = Moments(20)
            pair = float(moments.energies(bridge, z, jnp.zeros(nx))[1])
        # ½E exp(−|r|²/2), r ~ N(0, 2Q)
        assert pair == pytest.approx(0.5 / np.sqrt(np.linalg.det(np.eye(nx) + 2 * s @ s.T)), rel=1e-9)
        if nx == 1:
            with jax.enable_x64(True):
                measure = jax.tree.map(np.asarray, moments.measure(bridge, z, jnp.zeros(1)))
            assert pair == pytest.approx(double_sum(SMOOTH["gaussian"], measure.x, measure.w)[0], rel=1e-9)
