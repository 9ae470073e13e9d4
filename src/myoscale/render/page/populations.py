"""Populations over time, thinned for drawing: on the line as densities, histograms or rugs, in the plane as maps.

A density on cells keeps exact masses: neighbouring cells are joined until they are few. The law that characteristics carry is
shown as that law, not as its nodes. Of large ensembles a part is followed. Every array has the time first, and one length at all
times, so that what lies between two frames can be drawn too.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.stats import qmc

from ...draw.population import FEW, bin_count
from ...errors import InputError
from ...levels import Characteristics
from ...model import AbstractLaw, scheme_at
from ...model.cycling import rate_curves, rate_limit
from ...population import Tied
from ...population.ensemble import Particles
from ...solution import Solution
from ...study.mass import Table
from ...study.measures import pushforward
from ...types import Array, float64
from .numbers import FEW_DIGITS, even, plain

POINTS = 8  # points of the tissue that are shown
_NUMBERS = 120_000  # about as many as the page holds for all densities on the line
_CELLS, _FEWEST = 200, 40  # of a density on the line
_MAP = {1: 40, 2: 28}  # cells an axis of a map, by the number of points of the tissue (more than one: 2)
_CLOUD = 128  # points shown in the plane
_FOLLOWED = 50_000  # bridges of a large ensemble
_Frame = Any  # a Snapshot, of which only what its kind has is read
_TAIL = 1e-7  # mass left out at each end of a law that is carried


def populations(runs: Mapping[str, Solution], times: Array, points: list[int]) -> dict[str, Any]:
    """What is drawn of each level at each of `points`, and the axes that hold all of it."""
    nx = next(iter(runs.values())).scenario.start.nx
    cells = int(np.clip(_NUMBERS // (len(runs) * len(times) * len(points)), _FEWEST, _CELLS))
    if any(run.cycling is not None for run in runs.values()):
        return _attached(runs, times, points, cells)
    levels = {
        label: _level(run, times[times <= run.ts[-1] * (1 + 1e-12)], points, cells) for label, run in runs.items()
    }
    ranges = _line_ranges(levels) if nx == 1 else _plane_ranges(levels)
    return {"nx": nx, "levels": {label: [_plain(one) for one in each] for label, each in levels.items()}, **ranges}


def _attached(runs: Mapping[str, Solution], times: Array, points: list[int], cells: int) -> dict[str, Any]:
    """Attached heads per length on cells that stay where they are, and the rates behind them."""
    ends = np.array([[run.visited(p) for run in runs.values()] for p in points])
    low, high = ends[..., 0].min(), ends[..., 1].max()
    levels: dict[str, list[dict[str, Any]]] = {}
    for label, run in runs.items():
        reached = times[times <= run.ts[-1] * (1 + 1e-12)]
        everyone = [run.populations(float(t)) for t in reached]
        most = max(float(np.max(np.asarray(one.attached))) for one in everyone)
        population: Any = run.representation
        count = population.bins(most)
        # A histogram's bins are as wide as if they covered what is drawn; chance shows in narrower ones.
        kind, edges = ("density", cells) if count is None else ("histogram", min(cells, 2 * count))
        grid = np.linspace(low, high, edges + 1)
        heights = lambda one, grid=grid: np.diff(below(one, grid)) / np.diff(grid)
        levels[label] = [_cells(kind, [heights(o[p]) for o in everyone], [grid] * len(everyone)) for p in points]
    top = max(_peak(one["height"].max(axis=1)) for each in levels.values() for one in each)
    x = np.linspace(low, high, 301)
    first = next(iter(runs.values())).scenario.model.bridge
    found = [rate_curves(scheme_at(first, p), x) for p in points]
    limit = max(map(rate_limit, found))
    named = [
        [{"name": c.name, "attaches": c.attaches, "rate": plain(_cut(c.rate, limit))} for c in each] for each in found
    ]
    return {
        "nx": 1,
        "levels": {label: [_plain(one) for one in each] for label, each in levels.items()},
        "x": plain(np.array([low, high])),
        "top": plain(np.array(top or 1.0)),
        "rates": {"x": plain(x), "top": plain(np.array(limit)), "points": named},
    }


def below(one: _Frame, x: Array) -> Array:
    """The share attached below x. Densities are linear in a cell, with the smaller of the slopes to its neighbours: edges of cells do not
    show, and a jump gets no peak (a smooth curve through the shares below edges gives it one)."""
    edges, width = one.edges[0], np.diff(one.edges[0])
    height, below = one.masses / width, np.concatenate([[0.0], np.cumsum(one.masses)])
    slopes = np.diff(height) / ((width[1:] + width[:-1]) / 2)
    left, right = np.append(0.0, slopes), np.append(slopes, 0.0)
    slope = np.where(left * right > 0, np.sign(left) * np.minimum(np.abs(left), np.abs(right)), 0.0)
    x = np.clip(x, edges[0], edges[-1])
    j = np.clip(np.searchsorted(edges, x, side="right") - 1, 0, len(width) - 1)
    into = x - edges[j]
    return below[j] + into * (height[j] + slope[j] * (into - width[j]) / 2)


def _cut(values: Array, limit: float) -> Array:
    """NaN above the end of the axis."""
    return np.where(values <= limit, values, np.nan)


def carried(run: Solution, x: Array) -> Solution:
    """The same motion, followed by bridges that start at x (n, nx) at every point, or (P, n, nx)."""
    shape = (run.force.shape[1], *np.shape(x)[-2:])
    return dataclasses.replace(run, particles=Particles(np.broadcast_to(x, shape), None))


@float64
def low_discrepancy(law: AbstractLaw, count: int) -> Array:
    """Points (count, nx) that stand for a law, as do the first of them; count is a power of two."""
    u = qmc.Sobol(law.dim, rng=np.random.default_rng(0)).random(count)
    return np.asarray(law.transform(np.clip(u, 2.0**-54, 1 - 2.0**-53)))


def _level(run: Solution, times: Array, points: list[int], cells: int) -> list[dict[str, Any]]:
    run = _thinned(run)
    law, nx = run.scenario.start.x, run.scenario.start.nx
    carries_law = isinstance(run.scenario.level, Characteristics) and isinstance(law, AbstractLaw)
    carries_law = carries_law and not isinstance(run.representation, Tied)
    if nx == 1 and carries_law:
        try:
            tables = pushforward(run, times)
            return [_table_frames([found[p] for found in tables], cells) for p in points]
        except InputError:  # where the flow does not reach all of the law, its nodes have to do
            pass
    snapshots = [run.populations(float(t)) for t in times]
    finite = [bool(np.isfinite(one.mean).all() and np.isfinite(one.covariance).all()) for one in snapshots]
    snapshots = snapshots[: finite.index(False) if False in finite else None]  # what comes after it means nothing
    if not snapshots:
        return [{"kind": "none"} for _ in points]
    if nx == 1:
        return [_line([found[p] for found in snapshots], cells) for p in points]
    clouds = snapshots
    if carries_law:
        assert isinstance(law, AbstractLaw)
        follower = carried(run, low_discrepancy(law, _CLOUD))
        clouds = [follower.populations(float(t)) for t in times[: len(snapshots)]]
    side = _MAP[min(len(points), 2)]
    return [_plane([s[p] for s in snapshots], [c[p] for c in clouds], side) for p in points]


def _followed(run: Solution) -> Solution:
    """Only the bridges whose tracks were kept, which need no label to be found again."""
    assert run.particles is not None
    x, w = run.particles.x[:, run.followed], run.particles.w
    w = None if w is None else w[:, run.followed] / w[:, run.followed].sum(axis=1, keepdims=True)
    return dataclasses.replace(run, particles=Particles(x, w))


def _thinned(run: Solution) -> Solution:
    """Of an ensemble that is too large to be followed again, so many bridges drawn by their weights; of multipliers', those that were followed."""
    if isinstance(run.representation, Tied):
        return _followed(run)
    if run.particles is None or run.particles.x.shape[1] <= _FOLLOWED:
        return run
    x, w, rng = run.particles.x, run.particles.w, np.random.default_rng(0)
    pick = lambda p: rng.choice(x.shape[1], _FOLLOWED, p=None if w is None else w[p])
    return carried(run, np.stack([np.asarray(x[p])[pick(p)] for p in range(len(x))]))


# On the line


def _line(frames: list[_Frame], cells: int) -> dict[str, Any]:
    first = frames[0]
    if first.points is not None and first.weights is not None:
        if len(first.weights) <= FEW:
            return {"kind": "rug", "x": np.stack([one.points[:, 0] for one in frames])}
        return _histograms(frames)
    if first.masses is not None:
        return _table_frames([Table(one.edges[0], one.masses) for one in frames], cells)
    std = np.sqrt([max(one.covariance[0, 0], 0.0) for one in frames])
    return {"kind": "gaussian", "mean": np.array([one.mean[0] for one in frames]), "std": std}


def _histograms(frames: list[_Frame]) -> dict[str, Any]:
    """As many bins at all times, from the first bridge to the last."""
    count = bin_count(frames[0].points[:, 0], frames[0].weights)
    found = [np.histogram(one.points[:, 0], count, weights=one.weights, density=True) for one in frames]
    return _cells("histogram", [heights for heights, _ in found], [edges for _, edges in found])


def _table_frames(tables: list[Any], most: int) -> dict[str, Any]:
    """Densities of `Table`s on even cells; where the table's own are even, on those, joined."""
    heights, edges = [], []
    for table in tables:
        below = np.concatenate([[0.0], np.cumsum(table.masses)])
        steps = np.diff(table.edges)
        if np.ptp(steps) <= 1e-6 * steps.max():
            ends, count = table.edges[[0, -1]], _joined(len(steps), most)
        else:
            ends, count = np.interp([_TAIL, 1 - _TAIL], below, table.edges), most
        edges.append(np.linspace(*ends, count + 1))
        heights.append(np.diff(np.interp(edges[-1], table.edges, below)) / np.diff(edges[-1]))
    return _cells("density", heights, edges)


def _joined(count: int, most: int) -> int:
    """How many cells to make of `count`: a divisor if there is a good one."""
    if count <= most:
        return count
    return next((n for n in range(most, most // 2, -1) if count % n == 0), most)


def _cells(kind: str, heights: list[Array], edges: list[Array]) -> dict[str, Any]:
    ends = np.array([each[[0, -1]] for each in edges])
    return {"kind": kind, "low": ends[:, 0], "high": ends[:, 1], "height": np.stack(heights)}


def _line_ranges(levels: Mapping[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """One pair of axes for all levels, points and times."""
    low, high, top = [], [], [0.0]
    for one in (one for each in levels.values() for one in each if one["kind"] != "none"):
        if one["kind"] == "rug":
            ends = one["x"].min(), one["x"].max()
        elif one["kind"] == "gaussian":
            ends = (one["mean"] - 4 * one["std"]).min(), (one["mean"] + 4 * one["std"]).max()
            top.append(_peak(0.4 / one["std"][one["std"] > 0]))
        else:
            middle = (np.arange(one["height"].shape[1]) + 0.5) / one["height"].shape[1]
            x = one["low"][:, None] + middle * (one["high"] - one["low"])[:, None]
            seen = one["height"] > 1e-4 * one["height"].max()
            ends = x[seen].min(), x[seen].max()
            top.append(_peak(one["height"].max(axis=1)))
        low.append(ends[0])
        high.append(ends[1])
    start, end = min(low, default=0.0), max(high, default=1.0)
    margin = 0.03 * (end - start) or 1.0
    return {"x": plain(np.array([start - margin, end + margin])), "top": plain(np.array(max(top) or 1.0))}


def _peak(heights: Array) -> float:
    return float(np.max(heights, initial=0.0))


# In the plane


def _plane(frames: list[_Frame], clouds: list[_Frame], side: int) -> dict[str, Any]:
    """First two components: mean, covariance (xx, xy, yy), some points, masses on a map in thousandths of the greatest."""
    found: dict[str, Any] = {
        "kind": "map",
        "mean": np.array([one.mean[:2] for one in frames]),
        "covariance": np.array([one.covariance[[0, 0, 1], [0, 1, 1]] for one in frames]),
    }
    if clouds[0].points is not None:
        shown = even(len(clouds[0].points), _CLOUD)
        found["points"] = np.stack([one.points[shown, :2] for one in clouds])
    if frames[0].edges is not None:
        joined = [_joined_map(one, side) for one in frames]
        found["density"] = np.stack([density for density, _ in joined])
        found["ends"] = np.array([ends for _, ends in joined])
    return found


def _joined_map(one: _Frame, side: int) -> tuple[Array, Array]:
    """Density on at most side × side cells, and the ends of both axes."""
    masses = one.masses.reshape(*one.masses.shape[:2], -1).sum(axis=2)
    ends = np.array([edges[[0, -1]] for edges in one.edges[:2]])
    counts = [next((n for n in range(side, side // 2, -1) if size % n == 0), size) for size in masses.shape]
    joined = masses.reshape(counts[0], masses.shape[0] // counts[0], counts[1], -1).sum(axis=(1, 3))
    return joined / np.prod(np.diff(ends) / np.array(counts)[:, None]), ends.ravel()


def _plane_ranges(levels: Mapping[str, list[dict[str, Any]]]) -> dict[str, Any]:
    every = [one for each in levels.values() for one in each if one["kind"] != "none"]
    std = [np.sqrt(one["covariance"][:, [0, 2]]) for one in every]
    pairs = list(zip(every, std, strict=True))
    low = np.min([np.zeros(2)] * (not pairs) + [(one["mean"] - 3 * s).min(axis=0) for one, s in pairs], axis=0)
    high = np.max([np.ones(2)] * (not pairs) + [(one["mean"] + 3 * s).max(axis=0) for one, s in pairs], axis=0)
    top = max((float(one["density"].max()) for one in every if "density" in one), default=1.0)
    for one in every:
        if "density" in one:
            one["density"] = np.round(1000 * one["density"] / top)
    return {
        "x": plain(np.array([low[0], high[0]])),
        "y": plain(np.array([low[1], high[1]])),
        "top": plain(np.array(top)),
    }


def _plain(one: dict[str, Any]) -> dict[str, Any]:
    return {name: value if isinstance(value, str) else plain(value, FEW_DIGITS) for name, value in one.items()}
