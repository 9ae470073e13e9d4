"""W1 is exact: closed forms, independent quadrature, metric axioms, order 4 for a tabulated density, and scipy and POT where they apply.

Load-bearing: `test_gauss_nodes_match_quadrature_of_quantiles` (every sign change and both tails of a step against a smooth function,
against a computation that shares no code) and `test_table_of_a_smooth_density_converges_at_order_4`.
"""

import numpy as np
import ot
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.interpolate import CubicSpline
from scipy.special import ndtr, ndtri
from scipy.stats import wasserstein_distance

from myoscale.study.distance import TooManyPoints, cdf, coarsen, wasserstein
from myoscale.study.mass import Gaussian, Grid, Points, Table

NORMAL = Gaussian(0.0, 1.0)


def phi(z):
    return np.exp(-np.square(z) / 2) / np.sqrt(2 * np.pi)


def tabulate(distribution, lo, hi, n):
    edges = np.linspace(lo, hi, n + 1)
    masses = np.diff(distribution(edges))
    return Table(edges, masses / masses.sum())


def truncated_normal(x):  # on [−1, 2]: its density vanishes at neither end
    return (ndtr(x) - ndtr(-1)) / (ndtr(2) - ndtr(-1))


def brute_force(a, b, lo, hi, n=10_000):
    """Mid-point rule, n nodes between neighbouring cuts; the cuts hold every jump, so what is left is n⁻² at the sign changes."""
    ends = [m.x if isinstance(m, Points) else m.edges for m in (a, b) if not isinstance(m, Gaussian)]
    cuts = np.unique(np.concatenate([np.linspace(lo, hi, 29), *ends]))
    x = cuts[:-1, None] + np.diff(cuts)[:, None] * (np.arange(n) + 0.5) / n
    return float(np.diff(cuts) @ np.abs(cdf(a, x) - cdf(b, x)).mean(axis=1))


# Closed forms


@pytest.mark.parametrize(
    ("m", "s"),
    [(0.3, 1), (1e-9, 1), (1e4, 1), (0, 2), (0, 1e-3), (0.5, 2), (-3, 0.1), (0.01, 1.01), (-8, 30)],
)
def test_two_gaussians_are_a_folded_normal_apart(m, s):
    d = s - 1  # the quantiles differ by m + d z
    expected = (
        abs(m)
        if d == 0
        else abs(d) * np.sqrt(2 / np.pi) * np.exp(-((m / d) ** 2) / 2) + abs(m) * (2 * ndtr(abs(m / d)) - 1)
    )
    assert wasserstein(NORMAL, Gaussian(m, s**2)) == pytest.approx(expected, rel=1e-14, abs=1e-15 * max(1, s))


@pytest.mark.parametrize("a", [0.0, 1.0, -0.37, -5.0, 12.0, 100.0])
@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_point_mass_against_gaussian_is_the_mean_absolute_deviation(a, scale):
    expected = scale * (2 * phi(a) + a * (2 * ndtr(a) - 1))
    assert wasserstein(Points([a * scale]), Gaussian(0, scale**2)) == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize("n", [1, 2, 3, 10])
@pytest.mark.parametrize("shift", [1e-6, 0.1, 0.77, 5.0])
def test_shifted_uniform_table(n, shift):
    edges = np.linspace(0, 1, n + 1)
    assert wasserstein(Table(edges, [1 / n] * n), Table(edges + shift, [1 / n] * n)) == pytest.approx(
        shift, rel=1e-15, abs=1e-15
    )


def test_uniform_table_against_its_mid_points():
    for n in (1, 7, 1000):
        assert wasserstein(Table([0.0, 1.0], [1.0]), Points((np.arange(n) + 0.5) / n)) == pytest.approx(
            1 / (4 * n), rel=1e-12
        )


def test_a_far_outlier_costs_no_digits():
    # Both keep 1e-6 of mass at 1e6: over that length the rounding of F ≈ 1, not of 1 − F, would leave 1e-10.
    rng = np.random.default_rng(0)
    x, y, v, w = (
        rng.normal(size=50),
        rng.normal(size=50),
        rng.dirichlet(np.ones(50)),
        rng.dirichlet(np.ones(50)),
    )
    a, b = (Points(np.append(z, 1e6), np.append(u * (1 - 1e-6), 1e-6)) for z, u in ((x, v), (y, w)))
    assert wasserstein(a, b) == pytest.approx((1 - 1e-6) * wasserstein_distance(x, y, v, w), abs=1e-14)


# Independent quadrature


@pytest.mark.parametrize("n", [1, 2, 5, 20, 60])
def test_gauss_nodes_match_quadrature_of_quantiles(n):
    nodes = Gaussian(0.4, 2.25).points(n)
    x, s = (nodes.x - 0.4) / 1.5, 1.5
    z = np.concatenate([[-40.0], ndtri(np.cumsum(nodes.w)[:-1]), [40.0]])
    expected = 0.0
    for node, lo, hi in zip(x, z[:-1], z[1:], strict=True):
        mid = np.clip(node, lo, hi)
        for left, right in ((lo, mid), (mid, hi)):
            left, right = np.clip([left, right], -12, 12)
            expected += quad(lambda q, node=node: abs(q - node) * phi(q), left, right, epsabs=1e-15, epsrel=1e-13)[0]
    assert wasserstein(nodes, Gaussian(0.4, 2.25)) == pytest.approx(s * expected, abs=1e-13)


def test_many_quantile_points_lose_no_digits():
    # A crossing in each of N intervals and W1 ~ 1e-5: differences of antiderivatives would lose half the digits.
    n = 100_000
    x, z = ndtri((np.arange(n) + 0.5) / n), ndtri(np.arange(n + 1) / n)
    t, w = np.polynomial.legendre.leggauss(12)
    expected = 2 * (x[0] * ndtr(x[0]) + phi(x[0]))
    for lo, hi in ((x[:-1], z[1:-1]), (z[1:-1], x[1:])):
        at = lo + (hi - lo) * (t[:, None] + 1) / 2
        expected += np.sum(w @ np.abs(ndtr(at) - np.arange(1, n) / n) * (hi - lo) / 2)
    assert wasserstein(Points(x), NORMAL) == pytest.approx(expected, rel=1e-11)


@pytest.mark.parametrize("seed", range(12))
def test_coarse_tables_with_several_crossings_in_a_cell(seed):
    rng = np.random.default_rng(seed)
    a, b = (
        Table(np.sort(rng.uniform(-3, 3, n + 1)), rng.dirichlet(np.full(n, 2.0))) for n in (3 + seed % 5, 4 + seed % 4)
    )
    c, p = Gaussian(rng.normal(), rng.uniform(0.2, 2)), Points(rng.normal(size=6), rng.dirichlet(np.ones(6)))
    for left, right in ((a, b), (a, c), (a, p)):
        assert wasserstein(left, right) == pytest.approx(brute_force(left, right, -14, 14), abs=1e-8)


@pytest.mark.parametrize("smooth", ["table", "gaussian"])
def test_pairs_of_crossings_between_breaks_are_found(smooth):
    # The interpolation error of a coarse table keeps one sign in a cell; a small shift against it makes two crossings with equal ends.
    coarse, worst = tabulate(ndtr, -8, 8, 25), 0.0
    for shift in np.linspace(-2e-3, 2e-3, 41):
        fine = Gaussian(shift, 1) if smooth == "gaussian" else tabulate(lambda x, m=shift: ndtr(x - m), -8, 8, 40)
        worst = max(worst, abs(wasserstein(coarse, fine) - brute_force(coarse, fine, -9, 9, n=2000)))
    assert worst < 1e-10


def test_three_crossings_inside_one_cell_are_found():
    # On [1, 2] the table is an S of chord 0.8 and the uniform a line of slope 0.87 through its middle: D' has one sign at both ends.
    s_shape, line = (
        Table([0.0, 1.0, 2.0, 3.0], [0.1, 0.8, 0.1]),
        Table(1.5 + np.array([-0.5, 0.5]) / 0.87, [1.0]),
    )
    signs = np.sign(cdf(s_shape, [1.0, 1.45, 1.55, 2.0]) - cdf(line, [1.0, 1.45, 1.55, 2.0]))
    assert signs.tolist() == [1, -1, 1, -1]
    assert wasserstein(s_shape, line) == pytest.approx(brute_force(s_shape, line, 0, 3), abs=1e-10)


@pytest.mark.parametrize(
    "measure", [Gaussian(0.3, 1.7), tabulate(truncated_normal, -1, 2, 5)], ids=["gaussian", "table"]
)
def test_derivatives_that_locate_the_crossings_are_derivatives(measure):
    curve, x, d = measure.curve(), np.linspace(-0.95, 1.93, 37), 1e-5
    i = np.searchsorted(curve.breaks, x, "right")
    for upper in (False, True):
        for k in (1, 2, 3):
            difference = (curve.value(x + d, i, upper, k - 1) - curve.value(x - d, i, upper, k - 1)) / (2 * d)
            assert curve.value(x, i, upper, k) == pytest.approx(difference, abs=1e-8)


def test_cdf_of_a_table_is_a_monotone_cubic_through_the_edges():
    smooth = tabulate(truncated_normal, -1, 2, 20)
    x = np.linspace(-1, 2, 501)
    spline = CubicSpline(smooth.edges, np.append(0, np.cumsum(smooth.masses)))
    assert np.abs(cdf(smooth, x) - spline(x)).max() < 1e-15
    jump = Table(np.linspace(0, 1, 11), np.repeat([0.19, 0.01], 5))
    x = np.linspace(-0.5, 1.5, 4001)
    assert np.diff(cdf(jump, x)).min() >= -1e-16
    assert cdf(jump, jump.edges) == pytest.approx(np.append(0, np.cumsum(jump.masses)), abs=1e-15)
    assert cdf(jump, [-1.0, 2.0]).tolist() == [0.0, 1.0]


# Order


@pytest.mark.parametrize(
    ("name", "distribution", "lo", "hi", "reference"),
    [
        ("normal", ndtr, -8, 8, NORMAL),
        ("truncated normal", truncated_normal, -1, 2, tabulate(truncated_normal, -1, 2, 6400)),
    ],
)
def test_table_of_a_smooth_density_converges_at_order_4(name, distribution, lo, hi, reference):
    cells, x = (25, 50, 100, 200), np.linspace(lo, hi, 20_001)
    tables = [tabulate(distribution, lo, hi, n) for n in cells]
    for what, errors in (
        ("W1", np.array([wasserstein(t, reference) for t in tables])),
        ("max |F|", np.array([np.abs(cdf(t, x) - distribution(x)).max() for t in tables])),
    ):
        order = np.log2(errors[:-1] / errors[1:])
        print(f"{name}, {what}: n = {cells}, errors {errors}, observed order {order.round(2)}")
        assert order.min() > 3.8, f"{name}, {what}: expected order 4, observed {order} from {errors}"


# Metric axioms and symmetries

numbers = st.floats(-5, 5, allow_subnormal=False)
positive = st.floats(0.05, 3, allow_subnormal=False)


@st.composite
def measures(draw):
    kind = draw(st.sampled_from(["points", "table", "gaussian"]))
    if kind == "gaussian":
        return Gaussian(draw(numbers), draw(positive) ** 2)
    w = np.array(draw(st.lists(positive, min_size=1, max_size=8)))
    if kind == "points":
        return Points(draw(st.lists(numbers, min_size=len(w), max_size=len(w))), w / w.sum())
    steps = draw(st.lists(positive, min_size=len(w), max_size=len(w)))
    return Table(draw(numbers) + np.append(0, np.cumsum(steps)), w / w.sum())


def moved(a, shift, scale):
    if isinstance(a, Points):
        return Points(shift + scale * a.x, a.w)
    if isinstance(a, Table):
        return Table(shift + scale * a.edges, a.masses)
    return Gaussian(shift + scale * a.mean, scale**2 * a.covariance)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(measures(), measures(), measures())
def test_symmetry_and_triangle_inequality(a, b, c):
    ab, bc, ac = wasserstein(a, b), wasserstein(b, c), wasserstein(a, c)
    assert wasserstein(b, a) == ab
    assert wasserstein(a, a) == 0
    assert ac <= ab + bc + 1e-13


@settings(max_examples=150, deadline=None, derandomize=True)
@given(measures(), measures(), numbers, st.floats(0.01, 100))
def test_translation_and_scale_equivariance(a, b, shift, scale):
    d = wasserstein(a, b)
    assume(d > 1e-6)
    assert wasserstein(moved(a, shift, scale), moved(b, shift, scale)) == pytest.approx(
        scale * d, abs=1e-13 * (1 + scale) * 10
    )


@settings(max_examples=60, deadline=None, derandomize=True)
@given(measures(), numbers)
def test_a_translate_is_the_translation_apart(a, shift):
    assert wasserstein(a, moved(a, shift, 1)) == pytest.approx(abs(shift), abs=1e-13)


# Points against points


@pytest.mark.parametrize("sizes", [(1, 1), (1, 9), (300, 1000)])
def test_points_on_the_line_match_scipy(sizes):
    rng = np.random.default_rng(0)
    (x, v), (y, w) = ((rng.normal(size=k).round(1), rng.dirichlet(np.ones(k))) for k in sizes)  # rounding makes ties
    assert wasserstein(Points(x, v), Points(y[:, None], w)) == pytest.approx(
        wasserstein_distance(x, y, v, w), abs=1e-14
    )


def test_intervals_in_several_chunks():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=200_000), rng.normal(size=150_000)
    assert wasserstein(Points(x), Points(y)) == pytest.approx(wasserstein_distance(x, y), rel=1e-12)


@pytest.mark.parametrize("nx", [2, 3])
def test_points_in_several_dimensions_match_pot(nx):
    rng = np.random.default_rng(nx)
    x, y, v, w = (
        rng.normal(size=(60, nx)),
        rng.normal(size=(80, nx)),
        rng.dirichlet(np.ones(60)),
        rng.dirichlet(np.ones(80)),
    )
    expected = ot.emd2(v, w, np.linalg.norm(x[:, None] - y, axis=2))
    assert wasserstein(Points(x, v), Points(y, w)) == pytest.approx(expected, abs=1e-12)


def test_points_in_the_plane_keep_short_distances():
    x = np.random.default_rng(0).normal(size=(50, 2)) + 1000
    assert wasserstein(Points(x), Points(x + np.array([3e-6, 4e-6]))) == pytest.approx(5e-6, rel=1e-6)


def test_points_on_a_line_in_the_plane_agree_with_the_line():
    rng = np.random.default_rng(4)
    x, y = rng.normal(size=70), rng.normal(size=50)
    direction = np.array([0.6, 0.8])
    assert wasserstein(Points(np.outer(x, direction)), Points(np.outer(y, direction))) == pytest.approx(
        wasserstein(Points(x), Points(y)), abs=1e-13
    )


def test_grid_is_its_box_centres():
    grid = Grid(([0.0, 1.0, 2.0], [0.0, 2.0]), [[0.25], [0.75]])
    assert wasserstein(grid, Points([[0.5, 1.0]])) == pytest.approx(0.75, abs=1e-15)


def test_gaussian_points_have_its_moments():
    covariance = np.array([[2.0, 0.6], [0.6, 0.5]])
    p = Gaussian([1.0, -1.0], covariance).points(5)
    assert p.x.shape == (25, 2)
    assert p.w @ p.x == pytest.approx([1, -1], abs=1e-14)
    assert (p.x - [1, -1]).T @ ((p.x - [1, -1]) * p.w[:, None]) == pytest.approx(covariance, abs=1e-13)


# coarsen


@pytest.mark.parametrize("nx", [1, 2, 3])
@pytest.mark.parametrize("most", [1, 10, 200])
def test_coarsen_keeps_mass_and_mean_and_its_bound_holds(nx, most):
    rng = np.random.default_rng(nx)
    points = Points(rng.normal(size=(1500, nx)), rng.dirichlet(np.ones(1500)))
    merged, bound = coarsen(points, most)
    assert 0.8 * most <= len(merged.x) <= most
    assert merged.w @ merged.x == pytest.approx(points.w @ points.x, abs=1e-13)
    assert 0 < wasserstein(points, merged) <= bound + 1e-12
    assert bound < 3.0 * most ** (-1 / nx)


def test_coarsen_leaves_few_points_alone_and_merges_repeats_for_free():
    few = Points([[0.0, 0.0], [1.0, 1.0]])
    assert coarsen(few, 2) == (few, 0.0)
    merged, bound = coarsen(Points(np.repeat([[0.0, 0.0], [1.0, 3.0]], 50, axis=0)), 2)
    assert len(merged.x) == 2
    assert bound < 1e-15


# Errors

nan = float("nan")


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Points([0.0, nan]), "finite Points.x"),
        (lambda: Points([]), "at least one point"),
        (lambda: Points([[[0.0]]]), "Points.x with 1 or 2 axes"),
        (lambda: Points([0.0, 1.0], [0.5, 0.4]), "sum to 1 within 1e-9"),
        (lambda: Points([0.0, 1.0], [1.5, -0.5]), "no negative Points.w"),
        (lambda: Points([0.0, 1.0], [1.0]), r"Points.w of shape \(2,\)"),
        (lambda: Table([0.0, 2.0, 1.0], [0.5, 0.5]), "strictly increasing Table.edges"),
        (lambda: Table([0.0, 1.0], [0.5, 0.5]), r"Table.masses of shape \(1,\)"),
        (lambda: Table([0.0, 1.0, 2.0], [1 + 1e-12, -1e-12]), "no negative Table.masses"),
        (lambda: Table([0.0], []), "two or more Table.edges"),
        (lambda: Gaussian(0, -1), "positive definite"),
        (lambda: Gaussian(0, 0), "use Points"),
        (lambda: Gaussian([0, 0], [[1, 2], [0, 1]]), "symmetric"),
        (lambda: Gaussian([0, 0], 1), r"covariance of shape \(2, 2\)"),
        (lambda: Gaussian(0, 1).points(0), "n_per_axis"),
        (lambda: Grid(([0.0, 1.0],), [1.0]), "on the line use Table"),
        (lambda: Grid(([0.0, 1.0], [1.0, 0.0]), [[1.0]]), r"strictly increasing Grid.edges\[1\]"),
        (lambda: wasserstein(NORMAL, Points([[0.0, 0.0]])), "one dimension"),
        (lambda: wasserstein(Gaussian([0, 0], np.eye(2)), Points([[0.0, 0.0]])), "no exact W1"),
        (lambda: cdf(Points([[0.0, 0.0]]), 0.0), "on the line"),
        (lambda: coarsen(Points([0.0]), 0), "max_points"),
    ],
)
def test_bad_input_says_what_was_expected_and_received(make, words):
    with pytest.raises(ValueError, match=words) as caught:
        make()
    assert str(caught.value).startswith("Expected ")
    assert " Received " in str(caught.value)


def test_rounding_below_zero_is_zero():
    assert Table([0.0, 1.0, 2.0], [1.0, -1e-16]).masses.tolist() == [1.0, 0.0]


def test_too_many_points_names_the_remedy():
    many = Points(np.random.default_rng(0).normal(size=(101, 2)))
    with pytest.raises(TooManyPoints, match=r"coarsen\(points, 100\)"):
        wasserstein(many, Points([[0.0, 0.0]]), max_points=100)
    merged, _ = coarsen(many, 100)
    wasserstein(merged, Points([[0.0, 0.0]]), max_points=100)
