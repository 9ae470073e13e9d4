"""A run before its first step: populations, state, and how far every constraint is from losing rank."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp

from .. import macro
from ..drive import AbstractDrive, QuasiStatic
from ..levels import AbstractLevel, AbstractPointLevel, tied
from ..levels.integrate import Problem, State, Weakest, equilibrium, rank_margin, split, weakest
from ..levels.splitting import no_tally
from ..macro import Motion
from ..model import Model, Start, scheme_of
from ..population import AbstractCyclingPopulation, AbstractPopulation, Ensemble, Tied
from ..population.ensemble import Particles, compress
from ..types import Array


class Begun(eqx.Module):
    """A run before its first step."""

    population: AbstractPopulation
    state: State
    margin: tuple[Array, Array]  # `side` and `floor` of the `Problem`
    weakest: Weakest
    origin: Array  # y where the particles were placed
    particles: Particles | None
    moved: Array | None = None  # how far velocities were moved to be consistent


class Placed(eqx.Module):
    """What results need of a run's beginning, where there is no more: as of `Begun`."""

    population: AbstractPopulation
    origin: Array
    particles: Particles | None


def begin(
    model: Model,
    level: AbstractLevel,
    start: Start,
    drive: AbstractDrive,
    key: Array,
    seed: int,
    grid: int,
    modes: int = 0,
) -> Begun:
    """Build populations and state at t = 0; bridges through `grid` labels an axis, or their pairs through `modes` an axis, if not 0."""
    if scheme_of(model.bridge) is None and (mover := level.tied(model, start)) is not None:
        return _tied(model, level, dataclasses.replace(mover, modes=modes), start, drive, key, seed)
    ny = model.tissue.ny
    vector = lambda value: jnp.broadcast_to(jnp.asarray(value, float), (ny,))
    y, v = macro.prescribe(drive, jnp.zeros(()), vector(start.y), vector(start.v))
    q = model.tissue.kinematics(y)
    particles = (
        Particles(*level.points(start, q.shape[0], key, seed))
        if isinstance(level, AbstractPointLevel) and scheme_of(model.bridge) is None
        else None
    )
    if grid and particles is not None:
        points, weights = jax.vmap(lambda particles: compress(*particles, grid))(particles)
        population = Ensemble(grid)
        z = macro.over_points(model, population.start, points, weights, q)
    else:
        population, z = level.begin(model, start, q, key, seed)
        if modes:
            population = Ensemble(modes=modes)
    margin = rank_margin(model, population, y, z)
    weak = weakest(Problem(model, population, drive, zero := jnp.zeros(()), *margin), y, z)
    moving, still = split(model, population, y, z)
    state = State(zero, Motion(y, v, moving, zero, zero, None if model.noise is None else zero), still)
    if isinstance(population, AbstractCyclingPopulation):
        state = state._replace(tally=no_tally(model, population, still), step=jnp.zeros((), int))
    if isinstance(drive, QuasiStatic) and model.tissue.damping is None:
        state = equilibrium(Problem(model, population, drive, jnp.ones(()), *margin), state)
        state = state._replace(motion=state.motion._replace(load=zero, damping=zero))
    return Begun(population, state, margin, weak, y, particles)


def _tied(
    model: Model, level: AbstractLevel, population: Tied, start: Start, drive: AbstractDrive, key: Array, seed: int
) -> Begun:
    """Bridges that carry multipliers."""
    y = macro.prescribe(
        drive,
        jnp.zeros(()),
        jnp.broadcast_to(jnp.asarray(start.y, float), (model.tissue.ny,)),
        jnp.zeros(model.tissue.ny),
    )[0]
    points = jax.eval_shape(model.tissue.kinematics, y).shape[0]
    assert isinstance(level, AbstractPointLevel)
    x, v, w = level.places(start, points, key, seed)
    begun = tied.begin(model, population, start, drive, x, v, w)
    return Begun(begun.population, begun.state, tied.margin(begun), begun.weakest, y, Particles(x, w), begun.moved)
