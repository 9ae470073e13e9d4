"""Wasserstein-1 distance between two probability measures, exact, whatever represents them.

    nx = 1:   W1(a, b) = ∫ |F_a(x) − F_b(x)| dx,   F the distribution functions
    nx ≥ 2:   W1(a, b) = min over couplings of ∫ |x − x'| dπ(x, x'), a linear programme between weighted points

On the line nothing is sampled: F is a step function (`Points`), a piecewise cubic (`Table`) or a normal (`Gaussian`); the line is cut
where a piece ends and where F_a − F_b changes sign, and each part is integrated by a Gauss rule that is exact to rounding.

Reference: Santambrogio, Optimal Transport for Applied Mathematicians (2015), Prop. 2.17; Bonneel et al. (2011) for the solver in POT.
It does not do entropic or sliced approximations, nor W1 between densities in nx ≥ 2: those become points first.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.spatial.distance import cdist

from ..errors import InputError
from .mass import Array, Curve, Gaussian, Grid, Index, Measure, Nothing, Numbers, Points, Table, expect

_CHUNK = 1 << 17  # intervals handled at once: ten million points cost a few arrays of that size, not fifty


class TooManyPoints(InputError):
    """The linear programme in nx ≥ 2 would need more than `max_points` squared costs."""


def wasserstein(a: Measure, b: Measure, *, max_points: int = 4000) -> float:
    """W1(a, b), in the unit of x.

    **Arguments:** `a`, `b`: `Points`, `Table`, `Gaussian` (nx = 1) or `Grid`, of one nx; `max_points`: the most points each may have
    when nx ≥ 2, where memory grows with its square (on the line there is no limit).
    **Returns:** the distance: to about 1e-13 standard deviations when nx = 1, to the precision of the network simplex when nx ≥ 2.
    **Raises:** `InputError` when the dimensions differ, for a `Gaussian` in nx ≥ 2 (no exact form); `TooManyPoints`.
    """
    expect(
        a.nx == b.nx,
        "two measures of one dimension in wasserstein",
        f"nx = {a.nx} and nx = {b.nx}; take a marginal first",
    )
    if a.nx > 1:
        return _transport(_as_points(a, max_points), _as_points(b, max_points))
    if isinstance(a, Nothing) or isinstance(b, Nothing):
        expect(type(a) is type(b), "two measures with mass in wasserstein", "one where nothing is")
        return 0.0
    assert not isinstance(a, Grid) and not isinstance(b, Grid)
    f, g = a.curve(), b.curve()
    cuts = np.sort(np.concatenate([f.breaks, g.breaks]), kind="stable")
    return float(sum(_area(f, g, cuts[j : j + _CHUNK + 1]) for j in range(0, len(cuts) - 1, _CHUNK)))


def samples_apart(x: Numbers, table: Table) -> Array:
    """W1 between each of S samples of N equal points on the line, `x` (S, N), and one `Table`: (S,), all together and a hundred times faster.

    With Q the quantile function of the table, W1 = Σ_i ∫ |x_(i) − Q(u)| du over (i − 1)/N < u < i/N; each integral is a difference of ∫ s dF up to
    x_(i), which cancels to about 1e-14 of the table's width: enough for samples, not for points laid out at a million quantiles.
    """
    x = np.sort(np.asarray(x, float), axis=1)
    curve, count = table.curve(), x.shape[1]
    centre, edges = curve.median, curve.breaks
    nodes, gauss = np.polynomial.legendre.leggauss(3)  # exact for s dF, of degree 3, on a piece
    width = np.diff(edges)
    inside = edges[:-1] + width * (nodes[:, None] + 1) / 2
    pieces = np.arange(1, len(edges))
    each = width / 2 * (gauss @ ((inside - centre) * curve.value(inside, pieces, False, 1)))
    before = np.concatenate([[0.0], np.cumsum(each)])

    def both(s: Array) -> tuple[Array, Array]:  # F(s) and ∫ (s′ − centre) dF up to s
        i = np.clip(np.searchsorted(edges, s, "right"), 1, len(edges) - 1)
        s = np.clip(s, edges[0], edges[-1])
        left = edges[i - 1]
        part = np.zeros_like(s)
        for node, weight in zip(nodes, gauss, strict=True):
            at = left + (s - left) * (node + 1) / 2
            part += weight * (at - centre) * curve.value(at, i, False, 1)
        return curve.value(s, i, False, 0), before[i - 1] + part * (s - left) / 2

    u = np.arange(count + 1) / count
    quantiles = _quantiles(curve, u)
    below, moment = both(quantiles)
    below[0], below[-1] = 0.0, 1.0
    middle, reached = both(np.clip(x, quantiles[:-1], quantiles[1:]))
    middle = np.clip(middle, below[:-1], below[1:])
    apart = (x - centre) * (2 * middle - below[:-1] - below[1:]) + moment[:-1] + moment[1:] - 2 * reached
    return np.maximum(apart, 0.0).sum(axis=1)


def _quantiles(curve: Curve, u: Array) -> Array:
    """Where F reaches u: bisection within its piece, to rounding."""
    edges = curve.breaks
    pieces = np.arange(1, len(edges))
    reached = np.append(curve.value(edges[:-1], pieces, False, 0), 1.0)
    i = np.clip(np.searchsorted(reached, u, "right"), 1, len(edges) - 1)
    low, high = edges[i - 1], edges[i]
    for _ in range(54):
        middle = (low + high) / 2
        short = curve.value(middle, i, False, 0) < u
        low, high = np.where(short, middle, low), np.where(short, high, middle)
    return (low + high) / 2


def cdf(a: Measure, x: Numbers) -> Array:
    """The distribution function of `a` (nx = 1) at `x`, any shape, continuous from the right: what `wasserstein` integrates."""
    expect(a.nx == 1, "a measure on the line in cdf", f"nx = {a.nx}; take a marginal first")
    assert not isinstance(a, Grid | Nothing)
    f, x = a.curve(), np.asarray(x, float)
    return f.value(x, np.searchsorted(f.breaks, x, "right"), False, 0)


def coarsen(points: Points, max_points: int) -> tuple[Points, float]:
    """Merge points that share a cubic box into their centre of mass; the boxes are the smallest found that leave `max_points` at most.

    **Returns:** the merged `Points` and Σ w_i |x_i − x̄_box(i)|, the cost of one transport plan, hence a bound on W1(points, merged).
    **Raises:** `InputError` where `max_points` is below 1.
    """
    expect(max_points >= 1, "max_points of at least 1 in coarsen", f"{max_points}")
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


def _area(f: Curve, g: Curve, cuts: Array) -> float:
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


def _difference(f: Curve, g: Curve, cuts: Array) -> Callable[[Array, Any, int], Array]:
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
    expect(
        log["warning"] is None,
        "an optimal plan from the network simplex",
        f"{log['warning']}; use fewer points (coarsen)",
    )
    return float(cost)


def _boxes(index: Array) -> Index:
    """Numbers 0, 1, … for the distinct rows of `index` (K, nx), one axis at a time so that the key never exceeds K²."""
    key = np.zeros(len(index), np.intp)
    for column in index.T:
        _, digit = np.unique(column, return_inverse=True)
        _, key = np.unique(key * (digit.max() + 1) + digit, return_inverse=True)
    return key
