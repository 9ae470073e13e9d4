"""Many runs of one level and size that differ in their random numbers: what a convergence study is made of.

Particles drawn from a law are not carried one by one. All samples share one Chebyshev grid of labels, a sample is a vector of weights on it
(`Ensemble.grid`), and so runs of every size go through one compiled program; where each particle is, the interpolant of the labels' flow
says. How good the grid is, each run records; grids are made finer until it is good enough. In two or more dimensions every particle is
carried; there, sizes share a program by particles of no weight.
"""

import dataclasses
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.polynomial import chebyshev as polynomials

from ... import macro
from ...errors import StoppedError
from ...levels import AbstractLevel, Reduced, Sampling
from ...levels.sampling import draw
from ...model import AbstractLaw, Start, scheme_of
from ...model.scenario import tree_float
from ...numerics import chebyshev
from ...population import Ensemble
from ...protocol import legs
from ...run import batch, solve
from ...run.batch import tree_arrays
from ...run.programs import Costs, compiled
from ...run.stretches import at_saved, recorded_times
from ...run.whole import whole
from ...solution import Scenario, Solution
from ...types import Array, float64
from ..distance import samples_apart, wasserstein
from ..mass import Measure, Points, Table
from ..measures import distance, measures

_GRIDS = (16, 32, 64, 256)  # labels, coarse ones first
_COMPRESSION = 1e-2  # error allowed in a sum over labels, as a fraction of the tolerance
_TRANSPORTS = 20  # samples whose W₁ is computed where that is a linear programme


class Shared(NamedTuple):
    """What all runs of a study have in common.

    `scenario` has the level at no particular size; `times` are those at which populations are compared; `largest` is the greatest size of the
    study.
    """

    scenario: Scenario
    times: np.ndarray
    largest: int


class Members(NamedTuple):
    """Runs at the saved times, NaN from where one stopped: y, v (S, T, ny), force (S, T, P, nq), W₁ (S, times)."""

    y: np.ndarray
    v: np.ndarray
    force: np.ndarray
    wasserstein: np.ndarray


def sized(level: AbstractLevel, size: int) -> Any:
    """The level at another size, its first field."""
    return dataclasses.replace(level, **{dataclasses.fields(level)[0].name: size})


@float64
def members(shared: Shared, size: int, seeds: tuple[int, ...], truth: list[list[Measure]]) -> Members:
    """One run for each seed; W₁ is taken to `truth`, a list for each time with a measure for each point of the tissue."""
    scenario = dataclasses.replace(shared.scenario, level=sized(shared.scenario.level, size))
    if not _carried(scenario):
        return _solved(scenario, shared.times, seeds, truth)
    x = _draws(scenario, size, seeds)
    if scenario.start.nx == 1:  # sums over particles are sums of a function of one variable
        for grid in _GRIDS:
            labels, w = _on_labels(x, grid)
            runs, error = _run(scenario, shared.times, labels, w, grid)
            if error <= _COMPRESSION * scenario.tolerance:
                break
        else:
            grid = 0
    else:
        grid = 0
    if not grid:
        padding = ((0, 0), (0, 0), (0, shared.largest - size), (0, 0))
        w = np.pad(np.full(x.shape[:3], 1.0 / size), padding[:3])
        runs, _ = _run(scenario, shared.times, np.pad(x, padding, mode="edge"), w, 0)
    y, v, force, places = runs
    apart = np.full((len(seeds), len(shared.times)), np.nan)
    for k, (here, population) in enumerate(zip(places, truth, strict=True)):
        now = here[:, :, :size] if not grid else _interpolated(here[..., 0], x[..., 0])[..., None]
        apart[:, k] = _apart(now, population)
    apart[~np.isfinite(y).all((1, 2))] = np.nan
    return Members(y, v, force, apart)


def _carried(scenario: Scenario) -> bool:
    """Whether the level's particles are functions of the tissue, drawn from a law."""
    model, law = scenario.model, isinstance(scenario.start.x, AbstractLaw)
    return law and isinstance(scenario.level, Reduced) and scheme_of(model.bridge) is None and model.noise is None


def _draws(scenario: Scenario, size: int, seeds: tuple[int, ...]) -> np.ndarray:
    """The particles that `solve` would draw, (S, P, N, nx)."""
    level, start = scenario.level, scenario.start
    points = _points(scenario)
    if level.sampling is not Sampling.RANDOM:
        return np.stack([np.asarray(draw(level, start, points, jax.random.key(seed), seed)[0]) for seed in seeds])
    keys = jax.vmap(jax.random.key)(jnp.asarray(seeds))
    return np.asarray(compiled(_random, Costs())(level, tree_arrays(start), points, keys))


def _random(level: Reduced, start: Start, points: int, keys: Array) -> Array:
    return jax.vmap(lambda key: draw(level, start, points, key, 0)[0])(keys)


def _points(scenario: Scenario) -> int:
    tissue = scenario.model.tissue
    return jax.eval_shape(tissue.kinematics, jnp.zeros(tissue.ny)).shape[0]


def _on_labels(x: np.ndarray, grid: int) -> tuple[np.ndarray, np.ndarray]:
    """Labels between the least and the greatest of all samples, and the weights on them, for (S, P, N, 1) particles."""
    low, high = x.min(), x.max()
    middle, half = (low + high) / 2, max((high - low) / 2, np.finfo(float).tiny)
    labels = middle + half * chebyshev.lobatto(grid)
    back = chebyshev.to_coefficients(grid)
    rows = ((x[..., 0] - middle) / half).reshape(-1, x.shape[2])
    w = np.stack([polynomials.chebvander(row, grid - 1).mean(axis=0) @ back for row in rows])
    w = w.reshape(*x.shape[:2], grid)
    return np.broadcast_to(labels[:, None], (*w.shape, 1)), w


def _interpolated(values: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Values (S, P, K) at labels, at the particles x (S, P, N) that these were laid out for."""
    low, high = x.min(), x.max()
    place = (x - (low + high) / 2) / max((high - low) / 2, np.finfo(float).tiny)
    coefficients = np.moveaxis(values @ chebyshev.to_coefficients(values.shape[-1]).T, -1, 0)
    return polynomials.chebval(place, coefficients[..., None], tensor=False)


def _run(scenario: Scenario, times: np.ndarray, x: np.ndarray, w: np.ndarray, labels: int) -> tuple[tuple, float]:
    """y, v, force, and where the points are at each of the `times` (S, P, K, nx); and the greatest error of sums over labels."""
    wanted = np.asarray(scenario.save)
    grid = recorded_times(wanted, legs(scenario.drive, float(scenario.t1)), watched=2)
    saved, at = (at_saved(grid, ts, float(scenario.t1)) for ts in (wanted, times))
    fixed = (float(scenario.t1), float(scenario.tolerance), labels, tuple(map(float, grid)), tuple(map(int, at)))
    start = dataclasses.replace(scenario.start, x=None)
    common = tree_arrays(tree_float((scenario.model, start)))
    found = compiled(_program, Costs())(*map(jnp.asarray, (x, w)), *common, scenario.drive, fixed)
    *runs, places = found
    y, v, force, compression = map(np.asarray, runs)
    stopped: Any = ~(np.isfinite(y).all((1, 2)) & np.isfinite(force).all((1, 2, 3)))
    y, v, force = (np.where(stopped.reshape(-1, *[1] * (a.ndim - 1)), np.nan, a[:, saved]) for a in (y, v, force))
    return (y, v, force, [np.asarray(here) for here in places]), float(
        np.nanmax(np.where(stopped[:, None], np.nan, compression), initial=0.0)
    )


def _program(x: Array, w: Array, model, start: Start, drive, fixed: tuple) -> tuple:
    """Runs side by side."""
    t1, tolerance, labels, grid, at = fixed
    times = np.asarray(grid)

    def one(x, w):
        begin = dataclasses.replace(start, x=x, weights=w)
        scenario = Scenario(model, Reduced(), begin, t1, drive, times, tolerance, 0)
        begun, record = whole(scenario, times, jax.random.key(0), 1, labels=labels)
        z = macro.over_points(model, Ensemble().start, x, w, model.tissue.kinematics(begun.origin))

        def follow(z, y):
            return z._replace(x=macro.over_points(model, Ensemble().positions, z, model.tissue.kinematics(y))), None

        places, done = [], 0
        for k in at:
            z, done = jax.lax.scan(follow, z, record.y[done : k + 1])[0], k + 1
            places.append(z.x)
        return record.y, record.v, record.force, record.compression, tuple(places)

    return jax.vmap(one)(x, w)


def _apart(places: np.ndarray, truth: list[Measure]) -> np.ndarray:
    """W₁ of each sample (S, P, N, nx), at the worst point of the tissue."""
    count, points = places.shape[:2]
    apart = np.full((count, points), np.nan)
    finite = np.isfinite(places).all((1, 2, 3))
    for p, measure in enumerate(truth):
        if isinstance(measure, Table):
            apart[finite, p] = samples_apart(places[finite, p, :, 0], measure)
            continue
        for s in np.flatnonzero(finite)[: count if measure.nx == 1 else _TRANSPORTS]:
            apart[s, p] = wasserstein(Points(places[s, p]), measure, max_points=10**6)
    return apart.max(axis=1)


def _solved(scenario: Scenario, times: np.ndarray, seeds: tuple[int, ...], truth: list[list[Measure]]) -> Members:
    """Runs of any level, each as `solve` makes it; random ones side by side."""
    names = ("t1", "drive", "save", "tolerance")
    options = {name: getattr(scenario, name) for name in names}
    what = scenario.model, scenario.level, scenario.start
    if len(seeds) > 1 and scenario.level.sampling is Sampling.RANDOM:
        found: Any = batch(*what, seed=list(seeds), **options)
        runs: list[Solution | None] = [None if i in found.failed else found[i] for i in range(len(seeds))]
    else:
        runs = [_attempt(*what, seed=seed, **options) for seed in seeds]
    shape = np.size(scenario.save), scenario.model.tissue.ny
    y, v = np.full((2, len(seeds), *shape), np.nan)
    force, apart = [], np.full((len(seeds), len(times)), np.nan)
    for s, run in enumerate(runs):
        if run is None:
            continue
        y[s], v[s], force = run.y, run.v, [*force, (s, run.force)]
        if truth[0][0].nx == 1 or s < _TRANSPORTS:
            apart[s] = [_between(a, b) for a, b in zip(measures(run, times), truth, strict=True)]
    forces = np.full((len(seeds), shape[0], *(force[0][1].shape[1:] if force else (1, 1))), np.nan)
    for s, values in force:
        forces[s] = values
    return Members(y, v, forces, apart)


def _between(a: list[Measure], b: list[Measure]) -> float:
    """W₁ at the worst point: exact between points, however many there are."""
    pairs = list(zip(a, b, strict=True))
    if all(isinstance(p, Points) and isinstance(q, Points) for p, q in pairs):
        return max(wasserstein(p, q, max_points=10**6) for p, q in pairs)
    return distance(a, b)


def _attempt(model, level, start, **options) -> Solution | None:
    try:
        return solve(model, level, start, **options)
    except StoppedError:
        return None
