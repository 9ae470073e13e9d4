"""The bridge populations of a solution, as measures that `distance.wasserstein` compares.

    points of an ensemble → Points,   density on a grid → Table (nx = 1) or Grid,   closure → Gaussian,
    attached heads in cells → Table of what is attached, divided by its share, or Nothing,
    law carried by the flow → its exact push-forward μ^in ∘ (X^t)^{-1}:   Table (nx = 1) or a Sobol cloud of Points.

The push-forward needs no population: the label of a point e is c = g(e, q₀), and at time t it sits at X = ξ(q(t); c). On the
line cells between fine quantiles keep their exact masses while their edges move, so it is as exact as the path y(t). This
stands for `Characteristics`, whose nodes are a quadrature of that measure, not the measure.
"""

import contextlib
import dataclasses

import numpy as np
from scipy.special import ndtr, ndtri
from scipy.stats import qmc

from ..errors import InputError
from ..levels import Characteristics
from ..model import AbstractLaw
from ..population import Ensemble
from ..population.ensemble import Particles
from ..snapshot import Snapshot
from ..solution import Solution
from ..types import Array, float64
from .distance import coarsen, wasserstein
from .mass import Gaussian, Grid, Measure, Nothing, Points, Table

_EDGES = 1998  # and two for the ends of the law's window: solutions follow 2000 bridges one by one
_TAIL = 6.5  # the outermost quantiles, as those of a normal law
_WINDOW = 8.0  # standard deviations
CLOUD = 1024  # points that stand for a law in two or more dimensions, and the most that are compared there
_LOST = 1e-6  # mass that the flow may lose to edges outside its domain


def measures(solution: Solution, times: Array) -> list[list[Measure]]:
    """The populations at saved times, one list a time, one measure a point of the tissue."""
    if isinstance(solution.representation, Ensemble) and isinstance(solution.scenario.level, Characteristics):
        with contextlib.suppress(InputError):  # where the flow does not reach all of the law, its nodes have to do
            return pushforward(solution, times)
    return [[_measure(everyone[p]) for p in range(len(everyone.mean))] for everyone in map(solution.populations, times)]


@float64
def pushforward(solution: Solution, times: Array) -> list[list[Measure]]:
    """The start's law carried by the solution's own path y(t), as `measures`."""
    law = solution.scenario.start.x
    assert isinstance(law, AbstractLaw)
    if law.nx == 1:
        x, masses = _cells(law)
        return [[_table(edges[:, 0], masses) for edges in _carried(solution, x[:, None], t)] for t in times]
    return cloud(solution, times, CLOUD)


@float64
def cloud(solution: Solution, times: Array, count: int, seed: int = 0) -> list[list[Measure]]:
    """`count` scrambled Sobol points of the start's law carried by the solution's own path y(t), as `measures`."""
    law = solution.scenario.start.x
    assert isinstance(law, AbstractLaw)
    x = np.asarray(law.transform(_sobol(law.dim, count, seed)))
    return [[Points(here) for here in _carried(solution, x, t)] for t in times]


def distance(a: list[Measure], b: list[Measure]) -> float:
    """Greatest W₁ over the points of the tissue; NaN where a population is not usable.

    In two or more dimensions both sides are at most `CLOUD` points, so distances below the spread × `CLOUD`^(−1/nx) mean nothing.
    """
    try:
        return max(wasserstein(_comparable(p), _comparable(q), max_points=CLOUD) for p, q in zip(a, b, strict=True))
    except InputError:
        return float("nan")


def _measure(one: Snapshot) -> Measure:
    if one.points is not None:
        return Points(one.points, one.weights)
    if one.attached is not None and one.edges is not None:
        masses = np.maximum(np.asarray(one.masses), 0.0)
        return Table(one.edges[0], masses / masses.sum()) if masses.any() else Nothing()
    if one.edges is not None:
        assert one.masses is not None
        return Table(one.edges[0], one.masses) if len(one.edges) == 1 else Grid(one.edges, one.masses)
    if np.linalg.eigvalsh(one.covariance).min() > 0:
        return Gaussian(one.mean, one.covariance)
    values, vectors = np.linalg.eigh(one.covariance)  # without spread in some direction: one bridge, say
    return Points(one.mean + ndtri(_sobol(len(one.mean))) @ (vectors * np.sqrt(np.maximum(values, 0.0))).T)


def _comparable(a: Measure) -> Measure:
    """In two or more dimensions, at most `CLOUD` points."""
    if a.nx == 1:
        return a
    if isinstance(a, Gaussian):  # not Gauss–Hermite nodes: best in moments, far away in W₁
        return Points(a.mean + ndtri(_sobol(a.nx)) @ np.linalg.cholesky(a.covariance).T)
    if isinstance(a, Grid):  # not the merged centres of its boxes, most of which are tail
        return Points(_drawn(a, _sobol(a.nx)))
    assert isinstance(a, Points)
    return coarsen(a, CLOUD)[0]


def _drawn(grid: Grid, u: Array) -> Array:
    """The inverse Rosenblatt transform: quantiles along the first axis, then along the second given the first."""
    first, second = grid.edges
    below = np.concatenate([[0.0], np.cumsum(grid.masses.sum(axis=1))])
    x = np.interp(u[:, 0] * below[-1], below, first)
    rows = grid.masses[np.clip(np.searchsorted(first, x, "right") - 1, 0, len(first) - 2)]
    given = np.cumsum(np.pad(rows, ((0, 0), (1, 0))), axis=1)
    y = [np.interp(v * total[-1], total, second) for v, total in zip(u[:, 1], given, strict=True)]
    return np.stack([x, np.array(y)], axis=1)


def _cells(law: AbstractLaw) -> tuple[Array, Array]:
    """Edges at fine quantiles, and the exact masses between."""
    u = ndtr(np.linspace(-_TAIL, _TAIL, _EDGES))  # not equal masses, which leave one cell for each tail
    low, high = (np.asarray(end) for end in law.window(_WINDOW))
    edges = np.unique(np.concatenate([low, high, np.asarray(law.transform(u[:, None]))[:, 0]]))
    return edges, np.asarray(law.cell_masses(edges))


def _carried(solution: Solution, x: Array, t: float) -> Array:
    """Where bridges that start at x (N, nx), at every point of the tissue, are at a saved time, (P, N, nx)."""
    everywhere = np.broadcast_to(x, (solution.force.shape[1], *x.shape))
    points = dataclasses.replace(solution, particles=Particles(everywhere, None)).populations(t).points
    assert points is not None
    return points


def _table(edges: Array, masses: Array) -> Table:
    """Cells whose edges have moved; cells squeezed below rounding, or whose edge is nowhere, join their neighbours.

    **Raises:** `InputError` if more than `_LOST` of the mass has no place.
    """
    below = np.concatenate([[0.0], np.cumsum(masses)])
    kept = np.flatnonzero(np.isfinite(edges))
    where = edges[kept]
    kept = kept[np.insert(where[1:] > np.maximum.accumulate(where)[:-1], 0, True)] if len(kept) else kept
    if len(kept) < 2 or below[kept[-1]] - below[kept[0]] < 1 - _LOST:
        raise InputError("Expected the flow to carry the whole law. Received edges that it takes nowhere.")
    left = np.diff(below[kept])
    return Table(edges[kept], left / left.sum())


def _sobol(dim: int, count: int = CLOUD, seed: int = 0) -> Array:
    """The same scrambled points of the open unit cube for everyone."""
    cube = qmc.Sobol(dim, rng=np.random.default_rng(seed)).random_base2(max(count - 1, 1).bit_length())[:count]
    return np.clip(cube, 2.0**-54, 1 - 2.0**-53)
