"""Eliminating multipliers is exact: the reduced equation solves the dense saddle-point system of theory.md section 2.

Load-bearing: `test_acceleration_solves_the_saddle_point_system` (random nonlinear constraints g(x, q), nonlinear kinematics q_p(y),
unequal weights and heads, pair energies, massless bridges; the other side is plain NumPy with hand-written derivatives, tests/oracle.py).
"""

import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from oracle import (
    Shape,
    bridge_at,
    constraints,
    derivatives,
    elastic_force,
    leaf,
    random_case,
    relative,
    saddle_point,
    tissue_force,
)

from myoscale import Free, Length, Stacked, macro, mechanics
from myoscale.population import Ensemble, Measure, local
from myoscale.population.base import pair_forces

SHAPES = [
    Shape(nx=1, nq=1, ny=1, P=1, N=6, pairs=False, linear=False, stacked=False),
    Shape(nx=1, nq=1, ny=2, P=3, N=5, pairs=True, linear=True, stacked=True),
    Shape(nx=2, nq=1, ny=2, P=2, N=4, pairs=False, linear=False, stacked=True),
    Shape(nx=1, nq=3, ny=3, P=2, N=5, pairs=True, linear=False, stacked=False),
    Shape(nx=2, nq=2, ny=3, P=3, N=4, pairs=True, linear=False, stacked=False),
    Shape(nx=3, nq=3, ny=2, P=2, N=4, pairs=False, linear=False, stacked=False),
    Shape(nx=3, nq=2, ny=1, P=1, N=4, pairs=True, linear=False, stacked=False),
]
SEEDS = range(10)
POPULATION = Ensemble()


class Wave(eqx.Module):
    """y(t) = a + b sin t, whose second derivative is −b sin t."""

    a: np.ndarray
    b: np.ndarray

    def __call__(self, t):
        return self.a + self.b * jnp.sin(t)


def begin(model, x, w, y_in):
    return macro.over_points(model, POPULATION.start, x, w, model.tissue.kinematics(y_in))


@eqx.filter_jit
def reduced(model, drive, x, w, y_in, y, v):
    """Everything that the code says of one instant."""
    z = begin(model, x, w, y_in)
    balance = macro.balance(model, POPULATION, drive, jnp.asarray(0.0), y, v, z)
    q, u, bias = macro.kinematics(model, y, v)
    q_rate = jax.jvp(model.tissue.kinematics, (y,), (balance.acceleration,))[1] + bias

    def point(bridge, z, q, u, a):
        measure = POPULATION.measure(bridge, z, q)
        f = -jax.vmap(jax.grad(bridge.energy))(measure.x)
        if bridge.interaction is not None:
            f = f + pair_forces(bridge, Measure(measure.x, measure.w))
        phi, omega = jax.vmap(lambda x: mechanics.flow_and_bias(bridge, x, q, u))(measure.x)
        multiplier = jax.vmap(lambda x, f: mechanics.multiplier(bridge, x, q, u, a, f))(measure.x, f)
        special = POPULATION.local(bridge, z, q, u)[:2]
        generic = local(POPULATION, bridge, z, q, u)[:2]
        return measure.x, phi @ a + omega, multiplier, special, generic

    found = macro.over_points(model, point, z, q, u, q_rate)
    return balance, found, macro.stiffness(model, POPULATION, y, z)


@functools.cache
def both(shape, seed):
    """The case, the oracle's answer and the code's."""
    case = random_case(shape, seed)
    bridges = constraints(case)
    answer = saddle_point(case.model.tissue.mass_matrix, tissue_force(case), bridges)
    with jax.enable_x64(True):
        arrays = map(jnp.asarray, (case.x_in, case.w, case.y_in, case.y, case.v))
        observed = jax.tree.map(np.asarray, reduced(case.model, Free(jnp.asarray(case.load)), *arrays))
    return case, bridges, answer, observed


def conditioned(case, bridges) -> bool:
    """Whether M_eff and every g_x are far from singular (the first by its condition, g_x also by its size: nx may be 1)."""
    phi = -np.linalg.solve(bridges.A, bridges.B)
    mass = case.model.tissue.mass_matrix + np.einsum("n,nij,nik->jk", bridges.weight * bridges.mass, phi, phi)
    ellipticity = np.linalg.svd(bridges.A, compute_uv=False)[:, -1].min()
    return np.linalg.cond(mass) < 1e4 and (np.linalg.cond(bridges.A) < 1e4).all() and ellipticity > 0.2


def worst(shape, error):
    """Greatest error over the well-conditioned seeds, with the seed; there must be many."""
    errors = {s: error(*both(shape, s)) for s in SEEDS if conditioned(*both(shape, s)[:2])}
    assert len(errors) >= 8, f"expected at least 8 of 10 random cases to be well conditioned, observed {len(errors)}"
    seed = max(errors, key=errors.get)
    return errors[seed], f"{shape}, seed {seed}: expected relative error ≤ {{}}, observed {errors[seed]:.2e}"


by_shape = pytest.mark.parametrize("shape", SHAPES, ids=str)


@by_shape
def test_acceleration_solves_the_saddle_point_system(shape):
    error, message = worst(shape, lambda case, bridges, answer, seen: relative(seen[0].acceleration, answer.y))
    assert error <= 1e-12, message.format(1e-12)


@by_shape
def test_bridges_sit_and_accelerate_as_the_saddle_point_system_says(shape):
    def error(case, bridges, answer, seen):
        x, acceleration = (a.reshape(bridges.x.shape) for a in seen[1][:2])
        return max(relative(x, bridges.x), relative(acceleration, answer.x))

    error, message = worst(shape, error)
    assert error <= 1e-12, message.format(1e-12)


@by_shape
def test_multipliers(shape):
    error, message = worst(
        shape,
        lambda case, bridges, answer, seen: relative(seen[1][2].reshape(bridges.x.shape), answer.multiplier),
    )
    assert error <= 1e-12, message.format(1e-12)


@by_shape
def test_force_on_each_point_is_that_of_the_multipliers(shape):
    def error(case, bridges, answer, seen):
        each = bridges.weight[:, None] * np.einsum("nij,ni->nj", bridges.g_q, answer.multiplier)
        return relative(seen[0].force, each.reshape(shape.P, shape.N, -1).sum(1))

    error, message = worst(shape, error)
    assert error <= 1e-11, message.format(1e-11)  # a difference of large numbers


@by_shape
def test_ensemble_is_the_one_equation_of_every_representation(shape):
    def error(case, bridges, answer, seen):
        (mass, force), (generic_mass, generic_force) = seen[1][3:]
        massless = not bridges.mass.any()
        if massless:
            assert not mass.any() and not generic_mass.any(), "expected no inertia without bridge mass"
        return max(relative(force, generic_force), 0.0 if massless else relative(mass, generic_mass))

    error, message = worst(shape, error)
    assert error <= 1e-12, message.format(1e-12)


@by_shape
def test_stiffness_is_the_slope_of_the_elastic_force(shape):
    """Fourth-order central differences of the oracle's force along ξ."""

    def error(case, bridges, answer, seen):
        h, expected = 2e-4, np.zeros_like(seen[2])
        for p in range(shape.P):
            q = derivatives(leaf(case.model.tissue.local, p), case.y)[0]
            for k, e in enumerate(np.eye(shape.nq)):
                at = lambda s, p=p, q=q, e=e: elastic_force(case, p, q + s * h * e)
                expected[p, :, k] = -(8 * (at(1) - at(-1)) - (at(2) - at(-2))) / (12 * h)
        return relative(seen[2], expected)

    error, message = worst(shape, error)
    assert error <= 1e-8, message.format(1e-8)


held_balance = eqx.filter_jit(
    lambda model, drive, x, w, y_in, y, v: macro.balance(
        model, POPULATION, drive, jnp.asarray(0.7), y, v, begin(model, x, w, y_in)
    )
)


@pytest.mark.parametrize("dofs", [None, (1,)], ids=["all", "one"])
def test_prescribed_motion_takes_the_reaction_of_the_saddle_point_system(dofs):
    shape, errors = SHAPES[4], []
    for seed in SEEDS:
        case, bridges, _, _ = both(shape, seed)
        if not conditioned(case, bridges):
            continue
        held = range(shape.ny) if dofs is None else dofs
        rng = np.random.default_rng(seed)
        wave = Wave(rng.normal(size=len(held)), rng.normal(size=len(held)))
        answer = saddle_point(case.model.tissue.mass_matrix, tissue_force(case), bridges, held, -wave.b * np.sin(0.7))
        with jax.enable_x64(True):
            drive = Length(wave, dofs, load=jnp.asarray(case.load))
            arrays = map(jnp.asarray, (case.x_in, case.w, case.y_in, case.y, case.v))
            seen = held_balance(case.model, drive, *arrays)
        errors.append(max(relative(seen.acceleration, answer.y), relative(seen.reaction, answer.reaction)))
    assert len(errors) >= 8, f"expected at least 8 well-conditioned cases, observed {len(errors)}"
    assert max(errors) <= 1e-12, f"expected relative errors ≤ 1e-12, observed {max(errors):.2e}"


@pytest.mark.parametrize(("shape", "copies"), [(SHAPES[0], 1500), (SHAPES[4], 1100)], ids=["alone", "pairs"])
def test_splitting_each_bridge_changes_nothing(shape, copies):
    """Thousands of bridges, summed in blocks, weigh what the few do of which they are copies."""
    case, _, answer, _ = both(shape, 0)
    x, w = np.repeat(case.x_in, copies, axis=1), np.repeat(case.w / copies, copies, axis=1)
    assert x.shape[1] > 4096, f"expected more bridges than one block holds, observed {x.shape[1]}"
    with jax.enable_x64(True):
        arrays = map(jnp.asarray, (x, w, case.y_in, case.y, case.v))
        seen = held_balance(case.model, Free(jnp.asarray(case.load)), *arrays)
    error = relative(seen.acceleration, answer.y)
    assert error <= 1e-12, f"expected relative error ≤ 1e-12 with {x.shape[1]} bridges, observed {error:.2e}"


def test_the_cases_are_general():
    """What the comparisons are worth: q″, Ω, mass and unequal weights all matter in them, and some bridges are massless."""
    counts = dict.fromkeys(("q″", "Stacked", "massless"), 0)
    for shape in SHAPES:
        effect = {"Ω": 0.0, "mass": 0.0}
        for seed in SEEDS:
            case, bridges, answer, _ = both(shape, seed)
            second = max(np.abs(derivatives(leaf(case.model.tissue.local, p), case.y)[2]).max() for p in range(shape.P))
            assert (second > 1e-3) is not shape.linear, f"{shape}: observed q″ up to {second:.1e}"
            spread = bridges.weight.max() / bridges.weight.min()
            assert spread > 1.5, f"{shape}: expected unequal weights, observed a ratio of {spread:.2f}"
            counts["q″"] += second > 1e-3
            counts["Stacked"] += isinstance(case.model.bridge, Stacked)
            counts["massless"] += bridge_at(case, 0).mass == 0
            for name, without in {"Ω": {"h": 0 * bridges.h}, "mass": {"mass": 0 * bridges.mass}}.items():
                other = saddle_point(case.model.tissue.mass_matrix, tissue_force(case), bridges._replace(**without))
                effect[name] = max(effect[name], relative(other.y, answer.y))
        assert min(effect.values()) > 1e-2, f"{shape}: expected every effect above 1e-2 in some case, observed {effect}"
    assert min(counts.values()) >= 10, f"expected at least 10 cases of each kind, observed {counts}"
