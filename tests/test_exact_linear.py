"""Linear constraints with springs are harmonic oscillators, exactly, at every level and every number of bridges.

Load-bearing: `test_every_level_is_the_oscillator` (each level against normal modes that share no code with it, for
the moments that this level started from); `test_modes_are_the_textbook_oscillator` holds the normal modes to a formula.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import myoscale as ms
from myoscale import macro
from myoscale.population import Ensemble
from myoscale.zoo import LinearExact

REDUCED, CHARACTERISTICS, CLOSURE = ms.Reduced(1_000), ms.Characteristics(64), ms.MomentClosure()
RUNS = [
    *(("linear", level, 1e-8, 1e-8) for level in (REDUCED, CHARACTERISTICS, CLOSURE)),
    ("linear", ms.Kinetic(200), 1e-6, 1e-8),
    *(("linear-matrix", level, 1e-8, 1e-8) for level in (REDUCED, CHARACTERISTICS, CLOSURE)),
    ("linear-matrix", ms.Kinetic(24), 1e-6, 1e-7),
    *(("element", level, 1e-8, 1e-7) for level in (REDUCED, CHARACTERISTICS, CLOSURE)),
]
KINETIC = [(name, level) for name, level, *_ in RUNS if isinstance(level, ms.Kinetic)]


@functools.cache
def run(name, level):
    problem = ms.zoo.problem(name)
    return ms.solve(problem.model, level, problem.start, t1=problem.t1)


def own_exact(solution):
    """The exact solution for the bridges that this run started with, not for their law."""
    start = solution.populations(0.0)
    second = start.covariance + np.einsum("pi,pj->pij", start.mean, start.mean)
    scenario = solution.scenario
    return LinearExact(scenario.model, scenario.start, mean=start.mean, second=second)


@pytest.mark.parametrize(("name", "level", "tolerance", "drift"), RUNS, ids=[f"{r[0]}, {r[1].label}" for r in RUNS])
def test_every_level_is_the_oscillator(name, level, tolerance, drift):
    solution = run(name, level)
    exact = own_exact(solution)
    y, v = exact(solution.ts)
    assert np.ptp(y, axis=0).min() > 0.1 and solution.ts[-1] * exact.frequencies[0] > 4, "hardly anything moved"
    assert np.abs(solution.y - y).max() <= tolerance
    assert np.abs(solution.v - v).max() <= tolerance
    assert solution.energy.drift <= drift


def test_a_random_sample_follows_its_own_mean_and_not_the_law():
    solution, law = run("linear", REDUCED), ms.zoo.problem("linear").exact
    assert np.abs(solution.y - law.y(solution.ts)).max() > 1e-3
    assert np.abs(own_exact(solution).y(solution.ts) - law.y(solution.ts)).max() > 1e-3


@pytest.mark.parametrize(("name", "level"), KINETIC)
def test_a_density_keeps_shape_and_mass(name, level):
    """A linear constraint only shifts the law: by G(y − y₀), with its covariance as it was."""
    solution = run(name, level)
    law = solution.scenario.start.x
    gain = np.asarray(solution.scenario.model.bridge.gain) * (np.eye(1) if law.nx == 1 else 1)
    std = np.sqrt(np.diag(law.covariance()))
    moved = []
    for k in (0, 50, 100, 150, 200):
        snapshot = solution.population(solution.ts[k])
        assert abs(snapshot.masses.sum() - 1) <= 1e-13 and snapshot.masses.min() >= 0
        assert np.abs(np.sqrt(np.diag(snapshot.covariance)) - std).max() <= 1e-3
        shift = snapshot.mean - np.asarray(law.mean())
        assert np.abs(shift - gain @ (solution.y[k] - solution.y[0])).max() <= 1e-6
        moved.append(np.abs(shift).max())
    assert max(moved) > 0.5


# The exact solution itself


def test_modes_are_the_textbook_oscillator():
    """ω² = (κ₀ + κ₁γ²)/(M₀ + mγ²) = 2/30 about y* = κ₁γ(γy₀ − x̄₀)/(κ₀ + κ₁γ²) = 1.5, from rest at 1."""
    exact, t = ms.zoo.problem("linear").exact, np.linspace(0, 60, 101)
    omega = np.sqrt(2 / 30)
    assert exact.frequencies == pytest.approx([omega], rel=1e-14)
    np.testing.assert_allclose(exact.y(t)[:, 0], 1.5 - 0.5 * np.cos(omega * t), atol=1e-14)
    np.testing.assert_allclose(exact.v(t)[:, 0], 0.5 * omega * np.sin(omega * t), atol=1e-14)


def test_a_constant_load_rest_and_heads_enter():
    """κ₀(rest − y) + ℓ − ωκ₁γ(x̄₀ + γ(y − y₀)) = 0 in the middle of the motion, mass M₀ + ωmγ²."""
    heads, rest, load, gamma = 3.0, 0.4, 0.7, -2.0
    tissue = ms.SpringMass(mass=20.0, stiffness=5.0, rest=rest, count=heads)
    bridge = ms.zoo.LinearBridge(mass=10.0, stiffness=1.5, gain=gamma)
    exact = LinearExact(ms.Model(tissue, bridge), ms.Start(1.0, 0.0, x=ms.Normal(2.0, 1.0)), load=load)
    stiffness = 5.0 + heads * 1.5 * gamma**2
    middle = (5.0 * rest + load - heads * 1.5 * gamma * (2.0 - gamma)) / stiffness
    omega = np.sqrt(stiffness / (20.0 + heads * 10.0 * gamma**2))
    t = np.linspace(0, 60, 101)
    np.testing.assert_allclose(exact.y(t)[:, 0], middle + (1 - middle) * np.cos(omega * t), atol=1e-13)


@pytest.mark.parametrize(("stiffness", "path"), [(0.0, lambda t: 1 + 2 * t + t**2 / 2), (-4.0, np.cosh)])
def test_modes_that_do_not_oscillate(stiffness, path):
    """A free mass under a constant load, and an unstable one that runs away."""
    tissue = ms.SpringMass(mass=1.0, stiffness=stiffness)
    bridge = ms.zoo.LinearBridge(mass=0.0, stiffness=0.0, gain=1.0)
    v, load = (2.0, 1.0) if stiffness == 0 else (0.0, 0.0)
    exact = LinearExact(ms.Model(tissue, bridge), ms.Start(1.0, v, x=ms.Normal(2.0, 1.0)), load=load)
    t = np.linspace(0, 3, 31)
    scale = 1.0 if stiffness == 0 else 2.0
    np.testing.assert_allclose(exact.y(t)[:, 0], path(scale * t), rtol=1e-13)
    np.testing.assert_allclose(exact.v(t)[1:-1, 0], np.gradient(path(scale * t), t)[1:-1], rtol=2e-2)


@pytest.mark.parametrize("name", [name for name in ms.zoo.names() if ms.zoo.problem(name).exact])
def test_exact_solves_its_equation(name):
    """y′ = v and v′ = ÿ by differences of sixth order, ÿ from the macroscopic equation on Gauss nodes of the law."""
    problem, h = ms.zoo.problem(name), 1e-2
    weights = np.array([-1, 9, -45, 0, 45, -9, 1]) / (60 * h)
    with jax.enable_x64(True):
        acceleration = jax.jit(functools.partial(_acceleration, problem))
        for t in (0.1, 3.0, 0.9 * problem.t1):
            y, v = problem.exact(t + h * np.arange(-3, 4))
            expected = np.asarray(acceleration(y[3], v[3]))
            np.testing.assert_allclose(weights @ y, v[3], atol=1e-10)
            np.testing.assert_allclose(weights @ v, expected, atol=1e-10)
            assert np.abs(expected).max() > 1e-3


def _acceleration(problem, y, v):
    model, start = problem.model, problem.start
    nodes, w = start.x.nodes(64)
    begun = model.tissue.kinematics(jnp.asarray(start.y, float).reshape(y.shape))
    population, spread = Ensemble(), lambda a: jnp.broadcast_to(a, (len(begun), *a.shape))
    z = macro.over_points(model, population.start, spread(nodes), spread(w), begun)
    return macro.balance(model, population, ms.Free(), jnp.zeros(()), y, v, z).acceleration


def test_given_points_are_summed_with_their_weights():
    model, start = ms.zoo.linear()
    law = LinearExact(model, start)
    points = ms.Start(start.y, start.v, x=np.array([[1.0], [5.0]]), weights=np.array([0.75, 0.25]))
    assert np.array_equal(LinearExact(model, points).y(7.0), law.y(7.0))


def test_what_is_not_linear_is_refused():
    model, start = ms.zoo.onion()
    with pytest.raises(ms.InputError, match="Received OnionBridge"):
        LinearExact(model, start)
    model, start = ms.zoo.linear()
    damped = ms.Model(ms.SpringMass(mass=1.0, stiffness=1.0, damping=0.1), model.bridge)
    with pytest.raises(ms.InputError, match="damping"):
        LinearExact(damped, start)
    with pytest.raises(ms.InputError, match="kinematics"):
        LinearExact(*ms.zoo.element_polar())
