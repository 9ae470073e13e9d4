"""Σω ½q̇ᵀMq̇ along a run, with the mass of another model: what a ledger would say that counts bridges' kinetic energy there."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .. import macro
from ..dae.system import masses
from ..drive import QuasiStatic
from ..model import Model
from ..model.scenario import tree_float
from ..population import AbstractCyclingPopulation, AbstractPopulation, Ensemble, Tied
from ..population.kept import kinetic
from ..protocol import SAME, legs
from ..solution import Solution
from ..types import Array, Float, PyTree, float64


@float64
def kinetic_bridges(model: Model, solution: Solution) -> Float[np.ndarray, " T"]:
    """The bridges' kinetic energy at the saved times of a solution, if their mass were that of `model`."""
    population, moving = solution.representation, ~_slow(solution)
    if isinstance(population, Tied):
        if _all_followed(solution) or solution.z.multiplier.shape[-1] < solution.z.x.shape[-1]:
            return moving * _of_tracks(model, solution)
        population = Ensemble()  # of full rank all of them follow from the path
    arguments = tree_float(model), population
    if solution.particles is None:
        z = jax.tree.map(jnp.asarray, solution.z)
        return moving * np.asarray(_of_states(*arguments, jnp.asarray(solution.y), jnp.asarray(solution.v), z))
    ts, path = solution.path[:, 0], solution.path[:, 1:]
    saved = np.searchsorted(ts, solution.ts - 1e-9 * float(ts[-1]))
    v = np.zeros_like(path)
    v[saved] = solution.v
    x, w = solution.particles
    w = np.full(x.shape[:2], 1.0 / x.shape[1]) if w is None else w
    placed = map(jnp.asarray, (x, w, solution.origin))
    return moving * np.asarray(_of_labels(*arguments, jnp.asarray(path), jnp.asarray(v), *placed))[saved]


def _all_followed(solution: Solution) -> bool:
    return solution.particles is not None and len(solution.followed) == solution.particles.x.shape[1]


def _of_tracks(model: Model, solution: Solution) -> np.ndarray:
    """Where bridges have velocities of their own: of those that were followed, which stand for all."""
    assert solution.particles is not None
    squares, w = np.sum(np.asarray(solution.z.velocity) ** 2, axis=3), solution.particles.w  # (T, P, K)
    w = np.ones(squares.shape[1:]) if w is None else np.asarray(w)[:, solution.followed]
    mean = np.sum(w / w.sum(axis=1, keepdims=True) * squares, axis=2)
    return mean @ (0.5 * np.asarray(model.tissue.heads) * np.asarray(masses(model, squares.shape[1])))


def _slow(solution: Solution) -> np.ndarray:
    """(T,): whether inertia was left out, in the leg that holds each saved time."""
    t1 = float(solution.scenario.t1)
    parts, y = legs(solution.scenario.drive, t1), jnp.asarray(solution.y[0])
    slow = np.array([isinstance(leg.drive(y), QuasiStatic) for leg in parts])
    return slow[np.searchsorted([leg.end for leg in parts[:-1]], solution.ts - SAME * t1)]


@eqx.filter_jit
def _of_states(model: Model, population: AbstractPopulation, y: Array, v: Array, z: PyTree) -> Array:
    """Where the states of the populations were saved."""
    if not isinstance(population, AbstractCyclingPopulation):
        return jax.lax.map(lambda now: macro.energies(model, population, *now)[0], (y, v, z))

    def one(bridge, z, q, u):
        return kinetic(bridge, population.cells(bridge, z), q, u)

    def at(now):
        q, u, _ = macro.kinematics(model, *now[:2])
        return model.tissue.heads @ macro.over_points(model, one, now[2], q, u)

    return jax.lax.map(at, (y, v, z))


@eqx.filter_jit
def _of_labels(
    model: Model,
    population: AbstractPopulation,
    y: Array,
    v: Array,
    x: Array,
    w: Array,
    origin: Array,
) -> Array:
    """Where positions follow from labels, Newton's method on its branch from one time of the path to the next."""

    def one(z, now):
        y, v = now
        z = eqx.combine(macro.over_points(model, population.refresh, z, model.tissue.kinematics(y)), z)
        return z, macro.energies(model, population, y, v, z)[0]

    labels = macro.over_points(model, Ensemble().start, x, w, model.tissue.kinematics(origin))
    return jax.lax.scan(one, labels, (y, v))[1]
