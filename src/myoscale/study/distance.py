"""Wasserstein-1 distance between two probability measures, exact, whatever represents them.

    nx = 1:   W1(a, b) = ∫ |F_a(x) − F_b(x)| dx,   F the distribution functions
    nx ≥ 2:   W1(a, b) = min over couplings of ∫ |x − x'| dπ(x, x'), a linear programme between weighted points

On the line nothing is sampled: F is a step function (`Points`), a piecewise cubic (`Table`) or a normal (`Gaussian`); the line is cut
where a piece ends and where F_a − F_b changes sign, and each part is integrated by a Gauss rule that is exact to rounding.

Reference: Santambrogio, Optimal Transport for Applied Mathematicians (2015), Prop. 2.17; Bonneel et al. (2011) for the solver in POT.
It does not do entropic or sliced approximations, nor W1 between densities in nx ≥ 2: those become points first.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple, final

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline
from scipy.spatial.distance import cdist
from scipy.special import ndtr

from ..errors import InputError

Array = NDArray[np.float64]
Index = NDArray[np.intp]
Numbers = Any  # whatever numpy.asarray takes

_CHUNK = 1 << 17  # intervals handled at once: ten million points cost a few arrays of that size, not fifty
_NORMAL_BREAKS = np.sort(
    np.append(np.arange(-36, 37) / 4, [-np.sqrt(3), np.sqrt(3)])
)  # φ'' is monotone between, 1e-19 outside


class TooManyPoints(InputError):
    """The linear programme in nx ≥ 2 would need more than `max_points` squared costs."""


class _Curve(NamedTuple):
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
        _expect(x.size > 0, "at least one point in Points.x", f"shape {x.shape}; check what produced the points")
        self.nx = 1 if x.ndim == 1 else x.shape[1]
        self.x, self.w = (
            x,
            _probability("Points.w", np.full(len(x), 1 / len(x)) if w is None else w, (len(x),)),
        )

    def _curve(self) -> _Curve:
        order = np.argsort(self.x)
        x, w = self.x[order], self.w[order]
        below, above = _cumulative(w), _cumulative(w[::-1])[::-1]

        def value(x: Array, i: Index, u: Any, k: int) -> Array:
            return np.zeros_like(x) if k else np.broadcast_to(np.where(u, -above[i], below[i]), x.shape)

        return _Curve(x, x[np.searchsorted(below[1:-1], 0.5)], 1, value)


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

    def _curve(self) -> _Curve:
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

        return _Curve(e, e[np.searchsorted(below[2:-1], 0.5)], 2, value)


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
        _expect(
            covariance.shape == (n, n),
            f"Gaussian.covariance of shape {(n, n)} to match the mean",
            f"shape {covariance.shape}",
        )
        symmetric = np.abs(covariance - covariance.T).max() <= 1e-12 * np.abs(covariance).max()
        good = symmetric and np.linalg.eigvalsh(covariance).min() > 0
        _expect(
            good,
            "a symmetric positive definite Gaussian.covariance",
            f"{covariance.tolist()}; for a point mass use Points",
        )
        self.nx, self.mean, self.covariance = n, mean, covariance

    def points(self, n_per_axis: int) -> Points:
        """Gauss–Hermite nodes: `n_per_axis`**nx `Points` with the moments of the Gaussian up to degree 2 n_per_axis − 1 per axis.

        **Raises:** `InputError` where `n_per_axis` is below 1. They are not the closest points in W1, only the best in moments.
        """
        _expect(n_per_axis >= 1, "n_per_axis of at least 1 in Gaussian.points", f"{n_per_axis}")
        z, w = np.polynomial.hermite_e.hermegauss(n_per_axis)
        z, w = _product([z] * self.nx), np.prod(_product([w / w.sum()] * self.nx), axis=1)
        return Points(self.mean + z @ np.linalg.cholesky(self.covariance).T, w)

    def _curve(self) -> _Curve:
        mean, sigma = float(self.mean[0]), float(np.sqrt(self.covariance[0, 0]))

        def value(x: Array, i: Index, u: Any, k: int) -> Array:
            z = (x - mean) / sigma
            if k == 0:
                sign = np.where(u, -1.0, 1.0)
                return sign * ndtr(sign * z)
            phi = np.exp(-(z**2) / 2) / (np.sqrt(2 * np.pi) * sigma**k)
            return phi * (1.0, -z, z**2 - 1)[k - 1]

        return _Curve(mean + sigma * _NORMAL_BREAKS, mean, 5, value)


@final
class Grid:
    """A density in nx ≥ 2 known by its mass in each box; compared as points at the box centres (error at most half a box diagonal).

    **Arguments:** `edges`, one increasing array (n_j + 1,) per axis; `masses` (n_1, …, n_nx) with sum 1.
    **Raises:** `InputError` as `Table`, and for a single axis.
    """

    def __init__(self, edges: tuple[Numbers, ...], masses: Numbers):
        _expect(len(edges) >= 2, "edges of two or more axes in Grid", f"{len(edges)}; on the line use Table")
        self.nx, self.edges = len(edges), tuple(_edges(f"Grid.edges[{j}]", e) for j, e in enumerate(edges))
        self.masses = _probability("Grid.masses", masses, tuple(len(e) - 1 for e in self.edges))

    def points(self) -> Points:
        """The centres of the boxes that hold mass, as `Points`."""
        w = self.masses.ravel()
        return Points(_product([(e[1:] + e[:-1]) / 2 for e in self.edges])[w > 0], w[w > 0])


Measure = Points | Table | Gaussian | Grid | Nothing


def wasserstein(a: Measure, b: Measure, *, max_points: int = 4000) -> float:
    """W1(a, b), in the unit of x.

    **Arguments:** `a`, `b`: `Points`, `Table`, `Gaussian` (nx = 1) or `Grid`, of one nx; `max_points`: the most points each may have
    when nx ≥ 2, where memory grows with its square (on the line there is no limit).
    **Returns:** the distance: to about 1e-13 standard deviations when nx = 1, to the precision of the network simplex when nx ≥ 2.
    **Raises:** `InputError` when the dimensions differ, for a `Gaussian` in nx ≥ 2 (no exact form); `TooManyPoints`.
    """
    _expect(
        a.nx == b.nx,
        "two measures of one dimension in wasserstein",
        f"nx = {a.nx} and nx = {b.nx}; take a marginal first",
    )
    if a.nx > 1:
        return _transport(_as_points(a, max_points), _as_points(b, max_points))
    if isinstance(a, Nothing) or isinstance(b, Nothing):
        _expect(type(a) is type(b), "two measures with mass in wasserstein", "one where nothing is")
        return 0.0
    assert not isinstance(a, Grid) and not isinstance(b, Grid)
    f, g = a._curve(), b._curve()
    cuts = np.sort(np.concatenate([f.breaks, g.breaks]), kind="stable")
    return float(sum(_area(f, g, cuts[j : j + _CHUNK + 1]) for j in range(0, len(cuts) - 1, _CHUNK)))


def cdf(a: Measure, x: Numbers) -> Array:
    """The distribution function of `a` (nx = 1) at `x`, any shape, continuous from the right: what `wasserstein` integrates."""
    _expect(a.nx == 1, "a measure on the line in cdf", f"nx = {a.nx}; take a marginal first")
    assert not isinstance(a, Grid | Nothing)
    f, x = a._curve(), np.asarray(x, float)
    return f.value(x, np.searchsorted(f.breaks, x, "right"), False, 0)


def coarsen(points: Points, max_points: int) -> tuple[Points, float]:
    """Merge points that share a cubic box into their centre of mass; the boxes are the smallest found that leave `max_points` at most.

    **Returns:** the merged `Points` and Σ w_i |x_i − x̄_box(i)|, the cost of one transport plan, hence a bound on W1(points, merged).
    **Raises:** `InputError` where `max_points` is below 1.
    """
    _expect(max_points >= 1, "max_points of at least 1 in coarsen", f"{max_points}")
    if len(points.x) <= max_points:
        return points, 0.0
    x = points.x.reshape(len(points.x), -1)
    corner, extent = x.min(axis=0), float(np.ptp(x, axis=0).max()) or 1.0
    n, factor, box = (
        1 - 1e-12,
        2.0,
        np.zeros(len(x), np.intp),
    )  # n boxes along the longest side: below 1, all points share one
    while factor > 1.01 and n < 2.0**40:
        trial = _boxes(np.floor((x - corner) * (n * factor / extent)))
        if trial.max() < max_points:
            n, box = n * factor, trial
        else:
            factor = np.sqrt(factor)
    w = np.bincount(box, points.w)
    safe = np.where(w > 0, w, 1.0)
    centre = np.stack([np.bincount(box, points.w * c) / safe for c in x.T], axis=1)
    bound = float(points.w @ np.linalg.norm(x - centre[box], axis=1))
    return Points(centre[w > 0], w[w > 0]), bound


def _area(f: _Curve, g: _Curve, cuts: Array) -> float:
    """∫ |F − G| between the first and the last of the sorted `cuts`, which hold the breaks of both in that range."""
    cuts = cuts[np.insert(np.diff(cuts) > 0, 0, True)]
    # A step against a monotone function crosses once at most. Two smooth ones: (F − G)''' is monotone between breaks, so cutting at its
    # sign changes leaves (F − G)'' monotone, and so down. Sampling for sign changes instead would miss pairs of crossings.
    for k in (0,) if 1 in (f.nodes, g.nodes) else (3, 2, 1, 0):
        cuts = np.sort(np.append(cuts, _crossings(_difference(f, g, cuts), cuts, k)), kind="stable")
    # Not differences of the antiderivative (z Φ + φ for a normal): they cancel on short pieces. For a million quantile points, at W1 =
    # 2.6e-6, they are off by 1.7e-13 (2e-14 from survival functions) and this rule by 1e-17.
    t, weight = np.polynomial.legendre.leggauss(max(f.nodes, g.nodes))
    width = np.diff(cuts)
    x = cuts[:-1] + width * (t[:, None] + 1) / 2
    return float(np.sum(width * np.abs(weight @ _difference(f, g, cuts)(x, slice(None), 0)) / 2))


def _difference(f: _Curve, g: _Curve, cuts: Array) -> Callable[[Array, Any, int], Array]:
    """D(x, at, k) = dᵏ/dxᵏ (F − G) at x in the intervals `at` between `cuts`, from survival functions on the right half."""
    lo = cuts[:-1]
    i, j, upper = (
        np.searchsorted(f.breaks, lo, "right"),
        np.searchsorted(g.breaks, lo, "right"),
        lo >= (f.median + g.median) / 2,
    )
    return lambda x, at, k: f.value(x, i[at], upper[at], k) - g.value(x, j[at], upper[at], k)


def _crossings(difference: Callable[[Array, Any, int], Array], cuts: Array, k: int) -> Array:
    """Where the k-th derivative of the difference changes sign: bracketed secants (Illinois), on all intervals at once."""
    lo, hi = cuts[:-1], cuts[1:]
    flo, fhi = difference(lo, slice(None), k), difference(hi, slice(None), k)
    at = np.flatnonzero(np.sign(flo) * np.sign(fhi) < 0)
    lo, hi, flo, fhi = lo[at], hi[at], flo[at], fhi[at]
    # The integrand vanishes at the crossing: an error d costs |D| d in the integral, so that product is what has to be small.
    enough = 1e-15 * (hi - lo) * (np.abs(flo) + np.abs(fhi))
    root, was_left, todo = np.empty_like(lo), np.full(len(lo), np.nan), np.arange(len(lo))
    for step in range(60):
        x = (lo + hi) / 2 if step % 4 == 3 else np.clip(lo - flo / (fhi - flo) * (hi - lo), lo, hi)
        fx = difference(x, at[todo], k)
        root[todo] = x
        left = np.sign(fx) == np.sign(flo)  # x lies left of the crossing and replaces lo
        halve = np.where(left == was_left, 0.5, 1.0)
        lo, flo = np.where(left, x, lo), np.where(left, fx, flo * halve)
        hi, fhi = np.where(left, hi, x), np.where(left, fhi * halve, fx)
        go = np.abs(fx) * (hi - lo) > enough[todo]
        lo, hi, flo, fhi, was_left, todo = lo[go], hi[go], flo[go], fhi[go], left[go].astype(float), todo[go]
        if not len(todo):
            break
    return root


def _as_points(a: Measure, max_points: int) -> Points:
    if isinstance(a, Gaussian):
        fix = "sample it into Points or take gaussian.points(n_per_axis)"
        raise InputError(f"Expected points when nx ≥ 2, where a Gaussian has no exact W1. Received a Gaussian; {fix}.")
    assert not isinstance(a, Table | Nothing)
    p = a.points() if isinstance(a, Grid) else a
    if len(p.x) > max_points:
        much = f"Expected at most max_points = {max_points} points when nx ≥ 2. Received {len(p.x)}"
        raise TooManyPoints(
            f"{much}; merge them first with coarsen(points, {max_points}), which bounds the error it makes."
        )
    return p


def _transport(a: Points, b: Points) -> float:
    import ot  # here, because it takes a second to import and the line does not need it

    # cdist, not ot.dist: |x|² + |y|² − 2xy loses half the digits of a short distance.
    cost, log = ot.emd2(a.w, b.w, cdist(a.x, b.x), numItermax=100_000_000, log=True)
    _expect(
        log["warning"] is None,
        "an optimal plan from the network simplex",
        f"{log['warning']}; use fewer points (coarsen)",
    )
    return float(cost)


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


def _boxes(index: Array) -> Index:
    """Numbers 0, 1, … for the distinct rows of `index` (K, nx), one axis at a time so that the key never exceeds K²."""
    key = np.zeros(len(index), np.intp)
    for column in index.T:
        _, digit = np.unique(column, return_inverse=True)
        _, key = np.unique(key * (digit.max() + 1) + digit, return_inverse=True)
    return key


def _product(axes: list[Array]) -> Array:
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(axes))


def _expect(good: bool | np.bool, what: str, received: str) -> None:
    if not good:
        raise InputError(f"Expected {what}. Received {received}.")


def _finite(name: str, value: Numbers, ndims: tuple[int, ...]) -> Array:
    array = np.array(value, float)
    _expect(
        array.ndim in ndims,
        f"{name} with {' or '.join(map(str, ndims))} axes",
        f"shape {array.shape}; reshape it",
    )
    bad = np.flatnonzero(~np.isfinite(array))
    _expect(
        not len(bad),
        f"finite {name}",
        f"{len(bad)} NaN or infinite, first at flat index {bad[:1]}; check what produced it",
    )
    return array


def _edges(name: str, value: Numbers) -> Array:
    edges = _finite(name, value, (1,))
    _expect(len(edges) >= 2, f"two or more {name}", f"{len(edges)}; n cells have n + 1 edges")
    bad = np.flatnonzero(np.diff(edges) <= 0)
    _expect(
        not len(bad),
        f"strictly increasing {name}",
        f"no increase after index {bad[:1]}; sort them and drop repeats",
    )
    return edges


def _probability(name: str, value: Numbers, shape: tuple[int, ...]) -> Array:
    w = _finite(name, value, (len(shape),))
    _expect(w.shape == shape, f"{name} of shape {shape}", f"shape {w.shape}; give one per point or cell")
    _expect(
        w.min() >= -1e-15,
        f"no negative {name}",
        f"{w.min():.3g} at flat index {w.argmin()}; clip them or refine the run",
    )
    total = float(w.sum())
    _expect(
        abs(total - 1) <= 1e-9,
        f"{name} that sum to 1 within 1e-9",
        f"the sum {total!r}; divide by it if the loss is meant",
    )
    w = np.maximum(w, 0)
    return w / w.sum()
