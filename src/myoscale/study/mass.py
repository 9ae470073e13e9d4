"""Probability measures that distances are taken between: points, tables of a density, normals, grids, or nothing.

On the line each has a distribution function that is smooth between breaks, which `distance` integrates; in nx ≥ 2 each becomes points.
What is not a probability measure is refused: numbers that are not finite, negative masses, a sum that is not 1.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple, final

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline
from scipy.special import ndtr

from ..errors import InputError

Array = NDArray[np.float64]
Index = NDArray[np.intp]
Numbers = Any  # whatever numpy.asarray takes

_NORMAL_BREAKS = np.sort(
    np.append(np.arange(-36, 37) / 4, [-np.sqrt(3), np.sqrt(3)])
)  # φ'' is monotone between, 1e-19 outside


class Curve(NamedTuple):
    """A distribution function, smooth between `breaks`: value(x, i, u, k) = dᵏ/dxᵏ (F(x) − u) on the i-th piece, i = 0 left of all.

    u = 1 asks for −(1 − F) computed without cancellation. Between breaks F''' is monotone and a Gauss rule of `nodes` exact.
    """

    breaks: Array
    median: float
    nodes: int
    value: Callable[[Array, Index, Any, int], Array]


@final
class Points:
    """Weighted points μ = Σ w_i δ(x − x_i).

    **Arguments:** `x` (K,) or (K, nx); `w` (K,) with sum 1, or None for equal weights. Weights are divided by their sum.
    **Raises:** `InputError` on non-finite entries, negative weights, a sum off by more than 1e-9, shapes that do not match.
    """

    def __init__(self, x: Numbers, w: Numbers | None = None):
        x = _finite("Points.x", x, (1, 2))
        x = x[:, 0] if x.ndim == 2 and x.shape[1] == 1 else x
        expect(x.size > 0, "at least one point in Points.x", f"shape {x.shape}; check what produced the points")
        self.nx = 1 if x.ndim == 1 else x.shape[1]
        self.x, self.w = (
            x,
            _probability("Points.w", np.full(len(x), 1 / len(x)) if w is None else w, (len(x),)),
        )

    def curve(self) -> Curve:
        """Its distribution function."""
        order = np.argsort(self.x)
        x, w = self.x[order], self.w[order]
        below, above = _cumulative(w), _cumulative(w[::-1])[::-1]

        def value(x: Array, i: Index, u: Any, k: int) -> Array:
            return np.zeros_like(x) if k else np.broadcast_to(np.where(u, -above[i], below[i]), x.shape)

        return Curve(x, x[np.searchsorted(below[1:-1], 0.5)], 1, value)


@final
class Table:
    """A density on the line known by its mass in each cell; F passes through the exact cumulative sums at the edges.

    **Arguments:** `edges` (n+1,), increasing; `masses` (n,) with sum 1 (divided by their sum; down to −1e-15 a mass counts as zero).
    **Raises:** `InputError` on non-finite or unsorted input, negative masses, a sum off by more than 1e-9, shapes that do not match.

    Between edges F is the cubic with the slopes of the C² not-a-knot spline, cut to [0, 3 min of the two neighbouring mean densities]
    (de Boor & Swartz 1977), hence monotone. For a smooth density F and W1 are accurate to order 4. A spline clamped to zero slope falls
    to order 2 in W1 when the density does not vanish at the ends; without the cut a jump gives negative densities.
    """

    def __init__(self, edges: Numbers, masses: Numbers):
        self.nx, self.edges = 1, _edges("Table.edges", edges)
        self.masses = _probability("Table.masses", masses, (len(self.edges) - 1,))

    def curve(self) -> Curve:
        """Its distribution function."""
        e, m = self.edges, self.masses
        below, above = _cumulative(m), _cumulative(m[::-1])[::-1]
        h, density = np.diff(e), m / np.diff(e)
        limit = 3 * np.minimum(np.append(density, density[-1]), np.insert(density, 0, density[0]))
        slope = np.clip(CubicSpline(e, below)(e, 1), 0, limit)
        left, right = h * slope[:-1], h * slope[1:]
        c1, c2, c3 = (np.pad(c, 1) for c in (left, 3 * m - 2 * left - right, left + right - 2 * m))
        start, width = np.insert(e, 0, e[0]), np.pad(h, 1, constant_values=1.0)
        below, above = np.insert(below, 0, 0.0), np.insert(above, 0, 1.0)

        def value(x: Array, i: Index, u: Any, k: int) -> Array:
            t, p1, p2, p3 = (x - start[i]) / width[i], c1[i], c2[i], c3[i]
            if k == 0:
                return np.where(u, -above[i], below[i]) + t * (p1 + t * (p2 + t * p3))
            return (p1 + t * (2 * p2 + t * 3 * p3), 2 * p2 + 6 * t * p3, 6 * p3 + 0 * t)[k - 1] / width[i] ** k

        return Curve(e, e[np.searchsorted(below[2:-1], 0.5)], 2, value)


@final
class Nothing:
    """No mass at all, of bridges that have not attached: at no distance from itself, and not comparable with anything else."""

    nx = 1


@final
class Gaussian:
    """The normal distribution N(mean, covariance).

    **Arguments:** `mean` () or (nx,); `covariance` () or (nx, nx), symmetric positive definite (the variance when nx = 1).
    **Raises:** `InputError` on non-finite entries, shapes that do not match, or a covariance that is not positive definite.
    """

    def __init__(self, mean: Numbers, covariance: Numbers):
        mean = np.atleast_1d(_finite("Gaussian.mean", mean, (0, 1)))
        covariance = np.atleast_2d(_finite("Gaussian.covariance", covariance, (0, 2)))
        n = len(mean)
        expect(
            covariance.shape == (n, n),
            f"Gaussian.covariance of shape {(n, n)} to match the mean",
            f"shape {covariance.shape}",
        )
        symmetric = np.abs(covariance - covariance.T).max() <= 1e-12 * np.abs(covariance).max()
        good = symmetric and np.linalg.eigvalsh(covariance).min() > 0
        expect(
            good,
            "a symmetric positive definite Gaussian.covariance",
            f"{covariance.tolist()}; for a point mass use Points",
        )
        self.nx, self.mean, self.covariance = n, mean, covariance

    def points(self, n_per_axis: int) -> Points:
        """Gauss–Hermite nodes: `n_per_axis`**nx `Points` with the moments of the Gaussian up to degree 2 n_per_axis − 1 per axis.

        **Raises:** `InputError` where `n_per_axis` is below 1. They are not the closest points in W1, only the best in moments.
        """
        expect(n_per_axis >= 1, "n_per_axis of at least 1 in Gaussian.points", f"{n_per_axis}")
        z, w = np.polynomial.hermite_e.hermegauss(n_per_axis)
        z, w = _product([z] * self.nx), np.prod(_product([w / w.sum()] * self.nx), axis=1)
        return Points(self.mean + z @ np.linalg.cholesky(self.covariance).T, w)

    def curve(self) -> Curve:
        """Its distribution function."""
        mean, sigma = float(self.mean[0]), float(np.sqrt(self.covariance[0, 0]))

        def value(x: Array, i: Index, u: Any, k: int) -> Array:
            z = (x - mean) / sigma
            if k == 0:
                sign = np.where(u, -1.0, 1.0)
                return sign * ndtr(sign * z)
            phi = np.exp(-(z**2) / 2) / (np.sqrt(2 * np.pi) * sigma**k)
            return phi * (1.0, -z, z**2 - 1)[k - 1]

        return Curve(mean + sigma * _NORMAL_BREAKS, mean, 5, value)


@final
class Grid:
    """A density in nx ≥ 2 known by its mass in each box; compared as points at the box centres (error at most half a box diagonal).

    **Arguments:** `edges`, one increasing array (n_j + 1,) per axis; `masses` (n_1, …, n_nx) with sum 1.
    **Raises:** `InputError` as `Table`, and for a single axis.
    """

    def __init__(self, edges: tuple[Numbers, ...], masses: Numbers):
        expect(len(edges) >= 2, "edges of two or more axes in Grid", f"{len(edges)}; on the line use Table")
        self.nx, self.edges = len(edges), tuple(_edges(f"Grid.edges[{j}]", e) for j, e in enumerate(edges))
        self.masses = _probability("Grid.masses", masses, tuple(len(e) - 1 for e in self.edges))

    def points(self) -> Points:
        """The centres of the boxes that hold mass, as `Points`."""
        w = self.masses.ravel()
        return Points(_product([(e[1:] + e[:-1]) / 2 for e in self.edges])[w > 0], w[w > 0])


Measure = Points | Table | Gaussian | Grid | Nothing


def _cumulative(w: Array) -> Array:
    """(K+1,) sums from 0 to exactly 1, in two levels: a running sum over 1e6 equal weights would be off by 1e-11."""
    n = math.isqrt(len(w) - 1) + 1
    total = np.zeros(n * n + 1)
    total[1 : len(w) + 1] = w
    block = total[1:].reshape(n, n)
    before = np.cumsum(block.sum(axis=1))
    np.cumsum(block, axis=1, out=block)
    block[1:] += before[:-1, None]
    return np.minimum(total[: len(w) + 1] / total[len(w)], 1.0)


def _product(axes: list[Array]) -> Array:
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(axes))


def expect(good: bool | np.bool, what: str, received: str) -> None:
    """Raise `InputError` with what was expected and what was received."""
    if not good:
        raise InputError(f"Expected {what}. Received {received}.")


def _finite(name: str, value: Numbers, ndims: tuple[int, ...]) -> Array:
    array = np.array(value, float)
    expect(
        array.ndim in ndims,
        f"{name} with {' or '.join(map(str, ndims))} axes",
        f"shape {array.shape}; reshape it",
    )
    bad = np.flatnonzero(~np.isfinite(array))
    expect(
        not len(bad),
        f"finite {name}",
        f"{len(bad)} NaN or infinite, first at flat index {bad[:1]}; check what produced it",
    )
    return array


def _edges(name: str, value: Numbers) -> Array:
    edges = _finite(name, value, (1,))
    expect(len(edges) >= 2, f"two or more {name}", f"{len(edges)}; n cells have n + 1 edges")
    bad = np.flatnonzero(np.diff(edges) <= 0)
    expect(
        not len(bad),
        f"strictly increasing {name}",
        f"no increase after index {bad[:1]}; sort them and drop repeats",
    )
    return edges


def _probability(name: str, value: Numbers, shape: tuple[int, ...]) -> Array:
    w = _finite(name, value, (len(shape),))
    expect(w.shape == shape, f"{name} of shape {shape}", f"shape {w.shape}; give one per point or cell")
    expect(
        w.min() >= -1e-15,
        f"no negative {name}",
        f"{w.min():.3g} at flat index {w.argmin()}; clip them or refine the run",
    )
    total = float(w.sum())
    expect(
        abs(total - 1) <= 1e-9,
        f"{name} that sum to 1 within 1e-9",
        f"the sum {total!r}; divide by it if the loss is meant",
    )
    w = np.maximum(w, 0)
    return w / w.sum()
