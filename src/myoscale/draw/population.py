"""A probability measure on the line or the plane: density, histogram or rug, mean and covariance ellipses."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Ellipse

from ..types import Array
from .axes import equal_aspect
from .styles import PALE, Style

FEW = 50  # points that are shown one by one


def population(
    axes: Axes,
    style: Style,
    *,
    points: Array | None = None,
    weights: Array | None = None,
    edges: Sequence[Array] | None = None,
    masses: Array | None = None,
    mean: Array | None = None,
    covariance: Array | None = None,
    bins: int | None = None,
    rugs: int = 0,
    cloud: bool = False,
) -> bool:
    """Draw a measure that is given by weighted points, by masses of cells, or else by mean and covariance.

    **Arguments:** `points` (N, nx) or (N,), `weights` (N,), equal if left out; `edges`, one array an axis, and `masses`; `mean`
    (nx,) and `covariance` (nx, nx), needed also for cells in two or more dimensions; `bins`: cells are joined to so many
    and drawn as a histogram; `rugs`: how many rugs are there already; `cloud`: whether to show points and masses in the plane too, pale.

    **Returns:** whether it was drawn as a rug.
    """
    if points is not None:
        points = points[:, None] if points.ndim == 1 else points
        weights = np.full(len(points), 1 / len(points)) if weights is None else weights
        if points.shape[1] == 1:
            return _points(axes, points[:, 0], weights, style, rugs)
        mean = weights @ points
        covariance = (points - mean).T @ ((points - mean) * weights[:, None])
        if cloud:
            axes.scatter(*points[:, :2].T, s=5, color=PALE, linewidths=0, zorder=0)
    elif edges is not None and len(edges) == 1 and masses is not None:
        if not np.any(masses):
            return False
        if bins is None:
            axes.plot(*_curve(np.asarray(edges[0]), masses), **style.line)
        else:
            _stairs(axes, *joined(np.asarray(edges[0]), masses, bins), style)
        return False
    assert mean is not None and covariance is not None
    if cloud and edges is not None and masses is not None and len(edges) == 2:
        axes.pcolormesh(
            edges[0], edges[1], masses.T, cmap="Greys", vmax=float(2 * masses.max()), zorder=0, rasterized=True
        )
    if len(mean) > 1:
        _ellipses(axes, mean, covariance, style)
    elif covariance[0, 0] > 0:
        std = float(np.sqrt(covariance[0, 0]))
        z = np.linspace(-4.5, 4.5, 301)
        axes.plot(mean[0] + std * z, np.exp(-(z**2) / 2) / (np.sqrt(2 * np.pi) * std), **style.line)
    else:  # all mass in one place
        return _points(axes, mean, np.ones(1), style, rugs)
    return False


def same_scale(axes: Sequence[Axes], flat: bool) -> None:
    """One range for all; densities stand on zero. Not shared axes, which cannot keep an aspect."""
    if not axes:
        return
    drawn = [a for a in axes if a.has_data()] or axes
    x, y = (np.array([getattr(a, get)() for a in drawn]) for get in ("get_xlim", "get_ylim"))
    for a in axes:
        a.set_xlim(x[:, 0].min(), x[:, 1].max())
        a.set_ylim(0.0 if flat else y[:, 0].min(), y[:, 1].max())
        if not flat:
            equal_aspect(a)


def bin_count(x: Array, w: Array) -> int:
    """Scott's rule, with the effective number of points; 8 to 80."""
    mean, span = w @ x, float(np.ptp(x))
    width = 3.49 * float(np.sqrt(w @ (x - mean) ** 2)) * float(np.sum(w**2)) ** (1 / 3)
    return int(np.clip(round(span / width), 8, 80)) if span > 0 and width > 0 else 1


def _points(axes: Axes, x: Array, w: Array, style: Style, rugs: int) -> bool:
    if len(x) > FEW:
        heights, edges = np.histogram(x, bin_count(x, w), weights=w, density=True)
        _stairs(axes, heights, edges, style)
        return False
    bottom = 0.055 * rugs
    axes.vlines(x, bottom, bottom + 0.05, color=style.colour, linewidth=1.2, transform=axes.get_xaxis_transform())
    return True


def _stairs(axes: Axes, heights: Array, edges: Array, style: Style) -> None:
    axes.stairs(heights, edges, color=style.colour, linewidth=1.3, fill=False, zorder=style.order)
    axes.stairs(heights, edges, color=style.colour, fill=True, alpha=0.12, zorder=1)


def joined(edges: Array, masses: Array, count: int) -> tuple[Array, Array]:
    """Densities in `count` even cells over where masses are, and the edges of those."""
    held = np.flatnonzero(masses)
    even = np.linspace(edges[held[0]], edges[held[-1] + 1], count + 1)
    below = np.concatenate([[0.0], np.cumsum(masses)])
    return np.diff(np.interp(even, edges, below)) / np.diff(even), even


def _curve(edges: Array, masses: Array) -> tuple[Array, Array]:
    """A density line through cells joined to about 200, without empty tails."""
    below = np.concatenate([[0.0], np.cumsum(masses)])
    seen = np.flatnonzero((below[1:] > 1e-5 * below[-1]) & (below[:-1] < (1 - 1e-5) * below[-1]))
    span = edges[seen[-1] + 1] - edges[seen[0]]
    kept = [seen[0]]
    for j in range(seen[0] + 1, seen[-1] + 2):
        if edges[j] - edges[kept[-1]] >= span / 200 or j == seen[-1] + 1:
            kept.append(j)
    joined, mass = edges[kept], np.diff(below[kept])
    return (joined[1:] + joined[:-1]) / 2, mass / np.diff(joined)


def _ellipses(axes: Axes, mean: Array, covariance: Array, style: Style) -> None:
    """Mean, and one and two standard deviations, of the first two components."""
    values, vectors = np.linalg.eigh(covariance[:2, :2])
    angle = float(np.degrees(np.arctan2(vectors[1, 1], vectors[0, 1])))
    for size in (1, 2):
        width, height = 2 * size * np.sqrt(np.maximum(values[::-1], 0.0))
        axes.add_patch(Ellipse((float(mean[0]), float(mean[1])), width, height, angle=angle, fill=False, edgecolor=style.colour, linestyle=style.dashes, linewidth=style.width, zorder=style.order))  # fmt: skip
    axes.plot(*mean[:2], marker="+", markersize=9, markeredgewidth=1.6, color=style.colour, zorder=style.order)
    axes.autoscale_view()
