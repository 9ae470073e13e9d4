"""Which sums a run is tried with, from the cheapest to every bridge and every pair.

A run on one rung records the error bound of its sums; `solve` takes the next rung if it was above what the tolerance allows.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .. import macro
from ..levels import AbstractPointLevel, Constrained, Reduced
from ..model import AbstractLaw, Model, Stacked, Start, scheme_of
from ..model.scenario import tree_float
from ..numerics import pairs
from ..solution import Scenario
from ..types import Array

_GRIDS = {1: (64, 256), 2: (24,), 3: (14,)}  # Chebyshev nodes an axis for compressed ensembles, by nx
_ROOM = 1.1  # to move in: modes are chosen for a box that many times greater than where points start


class Rung(NamedTuple):
    """`grid` labels an axis stand for all bridges; or all bridges move, and their pairs are summed through `modes` an axis. 0: exactly."""

    grid: int = 0
    modes: int = 0


def rungs(scenario: Scenario, allowed: float) -> Iterator[Rung]:
    """The rungs worth trying for an error `allowed`, before exact sums; later ones are only looked for when they are asked for."""
    yield from (Rung(grid) for grid in compressible(scenario))
    yield from (Rung(modes=modes) for modes in spectral(scenario, allowed))


def compressible(scenario: Scenario) -> tuple[int, ...]:
    """Label grids worth trying before summing over every particle."""
    level, start = scenario.level, scenario.start
    if not isinstance(level, Reduced) or scheme_of(scenario.model.bridge) is not None:
        return ()
    noise = scenario.model.noise
    if noise is not None and noise.bridges is not None and start.weights is not None:
        return ()  # whose noise is a sum over squared weights
    count = level.n if isinstance(start.x, AbstractLaw) else start.count
    return tuple(grid for grid in _GRIDS[start.nx] if (count or 0) >= 4 * grid**start.nx)


def spectral(scenario: Scenario, allowed: float) -> tuple[int, ...]:
    """Numbers of modes whose bound allows the sum over pairs where the points start, fewest first."""
    model, level, start = scenario.model, scenario.level, scenario.start
    if not isinstance(level, AbstractPointLevel) or scheme_of(model.bridge) is not None:
        return ()
    if _interaction(model) is None or (isinstance(level, Constrained) and level.stepper == "energy-momentum"):
        return ()  # whose forces are means over a step, pair by pair
    model, start = tree_float((model, start))
    points = jax.eval_shape(model.tissue.kinematics, jnp.zeros(model.tissue.ny)).shape[0]
    key = jax.random.key(scenario.seed)
    count, nx = jax.eval_shape(lambda key: level.points(start, points, key, 0)[0], key).shape[1:]
    modes = [number for number in pairs.MODES[nx] if pairs.worth(count, nx, number)]
    if not modes:
        return ()
    bounds = np.asarray(_bounds(model, level, start, points, key, scenario.seed, tuple(modes)))
    return tuple(number for number, bound in zip(modes, bounds, strict=True) if bound <= allowed)


@eqx.filter_jit
def _bounds(
    model: Model, level: AbstractPointLevel, start: Start, points: int, key: Array, seed: int, modes: tuple[int, ...]
) -> Array:
    """The error bound of each number of modes on a box somewhat greater than where the points start."""

    def one(bridge, x):
        half = _ROOM * pairs.box(x)[1]
        return jnp.stack([pairs.bound(bridge.interaction, half, number) for number in modes])

    return jnp.max(macro.over_points(model, one, level.points(start, points, key, seed)[0]), axis=0)


def _interaction(model: Model) -> Any:
    bridge = model.bridge
    return (bridge.each if isinstance(bridge, Stacked) else bridge).interaction
