"""Claims about the laws of the initial extension: nodes, points, density and distribution function are of one
measure.

Load-bearing: `test_nodes_points_and_samples_have_the_moments_of_the_law`. Every law meets it, and every level
starts from one of the three. Reference values come from scipy, closed forms or finite differences, never from
the laws.
"""

import itertools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import integrate, stats

from myoscale.model.laws import AbstractLaw, Mixture, MultivariateNormal, Normal, Tabulated, Uniform

pytestmark = pytest.mark.filterwarnings("error")


@pytest.fixture(autouse=True)
def strict_numerics():
    with jax.enable_x64(True), jax.numpy_rank_promotion("raise"):
        yield


Q2, Q3 = np.array([[1.0, 0.6], [0.6, 2.0]]), np.array([[1.0, 0.3, -0.2], [0.3, 0.5, 0.1], [-0.2, 0.1, 2.0]])
TABLE = (
    np.array([0.0, 0.5, 1.0, 2.0, 2.25]),
    np.array([0.0, 1.0, 0.0, 0.0, 4.0]),
)  # integral 1, one piece without mass

# name: law, mean, covariance, a valid count of nodes that integrates quadratics exactly
LAWS = {
    "normal": (Normal(0.4, 0.3), [0.4], [[0.09]], 9),
    "normal-2d": (Normal([0.4, -1.0], [0.3, 2.0]), [0.4, -1.0], [[0.09, 0.0], [0.0, 4.0]], 9),
    "multivariate-1d": (MultivariateNormal([0.4], [[0.09]]), [0.4], [[0.09]], 4),
    "multivariate-2d": (MultivariateNormal([1.0, 2.0], Q2), [1.0, 2.0], Q2, 16),
    "multivariate-3d": (MultivariateNormal([1.0, 2.0, 3.0], Q3), [1.0, 2.0, 3.0], Q3, 27),
    "uniform": (Uniform(-1, 2), [0.5], [[0.75]], 5),
    "uniform-3d": (Uniform([0, 0, -1], [1, 2, 1]), [0.5, 1.0, 0.0], np.diag([1 / 12, 1 / 3, 1 / 3]), 8),
    # away from the mean (−1.75, 1.75): law of total covariance, by hand
    "mixture": (
        Mixture([Normal(-2.0, 0.3), Uniform(1.0, 2.0)], [0.5, 0.5]),
        [-0.25],
        [[0.045 + 1 / 24 + 3.0625]],
        5,
    ),
    "mixture-2d": (
        Mixture([Normal([0.0, 0.0], [1.0, 1.0]), MultivariateNormal([4.0, 0.0], Q2)], [0.75, 0.25]),
        [1.0, 0.0],
        [[0.75 + 0.25 + 3.0, 0.15], [0.15, 0.75 + 0.5]],
        8,
    ),
    # triangle of mass ½ on [0, 1] (mean ½, variance 1/24), ramp of mass ½ on [2, 2.25] (mean 2 + 1/6,
    # variance 1/288)
    "tabulated": (Tabulated(*TABLE), [4 / 3], [[0.5 / 24 + 0.5 / 288 + (5 / 6) ** 2]], 9),
}
LINE = [name for name, (law, *_) in LAWS.items() if law.nx == 1]
each_law = pytest.mark.parametrize("name", LAWS)
each_law_on_the_line = pytest.mark.parametrize("name", LINE)


def reference_cdf(name):
    """The distribution function and the survival function of a law on the line, from scipy or by hand."""
    if name in ("normal", "multivariate-1d"):
        return stats.norm(0.4, 0.3).cdf, stats.norm(0.4, 0.3).sf
    if name == "uniform":
        return stats.uniform(-1, 3).cdf, stats.uniform(-1, 3).sf
    if name == "mixture":
        left, right = stats.norm(-2, 0.3), stats.uniform(1, 1)
        return lambda x: 0.5 * (left.cdf(x) + right.cdf(x)), lambda x: 0.5 * (left.sf(x) + right.sf(x))
    rise, ramp = stats.triang(0.5), stats.triang(1.0, 2.0, 0.25)
    return lambda x: 0.5 * (rise.cdf(x) + ramp.cdf(x)), lambda x: 0.5 * (rise.sf(x) + ramp.sf(x))


def compiled(function, *arguments):
    """function(*arguments) as numpy arrays, compiled as a whole: much faster than one operation at a time."""
    return jax.tree.map(np.asarray, jax.jit(function)(*arguments))


def moments(x, w):
    mean = w @ x
    return mean, (w[:, None] * (x - mean)).T @ (x - mean)


# One measure


@each_law
def test_nodes_points_and_samples_have_the_moments_of_the_law(name):
    law, mean, covariance, n = LAWS[name]
    size = 2**14
    u = stats.qmc.Sobol(law.dim, rng=1).random(size)  # scrambled: no point at 0
    exact, (x, w), points, sample = compiled(
        lambda law, u, key: (
            (law.mean(), law.covariance()),
            law.nodes(n),
            law.transform(u),
            law.sample(key, size),
        ),
        law,
        u,
        jax.random.key(2),
    )
    for got, want in zip(exact, (mean, covariance), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-14, atol=1e-14)
        assert got.shape == np.shape(want)

    assert x.shape == (n, law.nx) and w.shape == (n,) and np.all(w >= 0)
    np.testing.assert_allclose(np.sum(w), 1, rtol=1e-14)
    for got, want in zip(moments(x, w), (mean, covariance), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-13)

    scale = np.max(covariance)
    for x, error in ((points, 0.01), (sample, 6 / np.sqrt(size))):
        assert x.shape == (size, law.nx)
        got = moments(x, np.full(size, 1 / size))
        np.testing.assert_allclose(got[0], mean, atol=error * np.sqrt(scale))
        np.testing.assert_allclose(got[1], covariance, atol=2 * error * scale)


@each_law_on_the_line
def test_samples_follow_the_distribution_function(name):
    x = np.asarray(LAWS[name][0].sample(jax.random.key(3), 20_000))[:, 0]
    assert stats.kstest(x, reference_cdf(name)[0]).statistic < 2.0 / np.sqrt(20_000)  # passes with 99.9 %
    assert not np.array_equal(x, np.asarray(LAWS[name][0].sample(jax.random.key(4), 20_000))[:, 0])


def test_samples_of_independent_axes_are_independent():
    mixture = Mixture([Normal([0.0, 0.0], [1.0, 1.0]), Normal([0.0, 0.0], [1.0, 1.0])], [0.5, 0.5])
    for law in (Normal([0.0, 0.0], [1.0, 1.0]), Uniform([0.0, 0.0], [1.0, 1.0]), mixture):
        x = np.asarray(law.sample(jax.random.key(5), 20_000))
        assert abs(np.corrcoef(x.T)[0, 1]) < 5 / np.sqrt(20_000)
        assert len(np.unique(x)) == x.size


def test_ten_million_normal_points_need_no_more_than_a_few_copies():
    compiled = jax.jit(lambda key: Normal(0.4, 0.3).sample(key, 10**7)).lower(jax.random.key(0)).compile()
    assert compiled.memory_analysis().temp_size_in_bytes <= 3 * 8e7


# Gauss rules


@pytest.mark.parametrize("n", [1, 2, 3, 8, 12])
def test_gauss_rules_are_exact_up_to_degree_2n_minus_1_and_not_beyond(n):
    normal, uniform = compiled(lambda: (Normal(0.0, 1.0).nodes(n), Uniform(-1.0, 1.0).nodes(n)))
    for degree in range(2 * n + 1):
        even = degree % 2 == 0
        exact = np.prod(np.arange(1.0, degree, 2)) if even else 0.0, 1 / (degree + 1) if even else 0.0
        for (x, w), value in zip((normal, uniform), exact, strict=True):
            error = abs(float(w @ x[:, 0] ** degree) - value) / float(w @ abs(x[:, 0]) ** degree + (n == 1))
            assert (error < 1e-13) == (degree < 2 * n), (degree, error)


@pytest.mark.parametrize("n", [150, 200, 1000])
def test_gauss_hermite_has_no_overflow_at_high_counts(n):
    x, w = Normal(0.4, 0.3).nodes(n)
    assert np.all(np.isfinite(x)) and np.all(np.isfinite(w)) and np.all(np.diff(x[:, 0]) > 0)
    np.testing.assert_allclose(w @ jnp.cos(5 * x[:, 0]), np.cos(2.0) * np.exp(-0.5 * 1.5**2), rtol=1e-12)


def test_tensor_rules_meet_isserlis_fourth_moments():
    x, w = MultivariateNormal([0.0, 0.0, 0.0], Q3).nodes(27)
    pairs = [np.einsum(f"{a},{b}->abcd", Q3, Q3) for a, b in (("ab", "cd"), ("ac", "bd"), ("ad", "bc"))]
    np.testing.assert_allclose(np.einsum("n,na,nb,nc,nd->abcd", w, x, x, x, x), sum(pairs), atol=1e-13)


def test_table_nodes_against_adaptive_quadrature():
    law, (points, density) = Tabulated(*TABLE), TABLE
    x, w = law.nodes(23)  # 6 + 6 + 6 + 5
    want = sum(
        integrate.quad(lambda s: np.exp(s) * np.interp(s, points, density), a, b, epsabs=1e-14)[0]
        for a, b in itertools.pairwise(points)
    )
    np.testing.assert_allclose(w @ jnp.exp(x[:, 0]), want, rtol=1e-13)
    counts = np.histogram(x[:, 0], points)[0]
    np.testing.assert_array_equal(counts, [6, 6, 6, 5])


def test_mixture_nodes_are_shared_out_equally():
    x, w = Mixture([Normal(0.0, 0.1), Uniform(5.0, 6.0), Normal(9.0, 0.1)], [0.2, 0.5, 0.3]).nodes(8)
    np.testing.assert_array_equal(np.histogram(x[:, 0], [-2, 3, 7, 12])[0], [3, 3, 2])
    np.testing.assert_allclose([w[:3].sum(), w[3:6].sum(), w[6:].sum()], [0.2, 0.5, 0.3], rtol=1e-14)


# Densities and distribution functions


@each_law
def test_density_integrates_to_one_and_has_the_mean(name):
    law, mean, *_ = LAWS[name]
    t, w = np.polynomial.legendre.leggauss(40)
    low, high = map(np.asarray, law.window(9.0))
    # panels that end where a density jumps or bends
    cuts = [np.linspace(a, b, 5) for a, b in zip(low, high, strict=True)]
    if name in ("mixture", "tabulated"):
        kinks = np.array([1.0, 2.0, *TABLE[0]])
        cuts = [np.unique(np.append(cuts[0], kinks[(kinks > low) & (kinks < high)]))]
    if law.nx == 3:
        cuts, (t, w) = (
            [np.linspace(a, b, 3) for a, b in zip(low, high, strict=True)],
            np.polynomial.legendre.leggauss(20),
        )
    axes = [((c[:-1, None] + c[1:, None]) / 2 + np.diff(c)[:, None] / 2 * t).ravel() for c in cuts]
    weights = [(np.diff(c)[:, None] / 2 * w).ravel() for c in cuts]
    x = np.stack(np.meshgrid(*axes, indexing="ij"), -1)
    mass = np.asarray(law.pdf(x)) * np.prod(np.stack(np.meshgrid(*weights, indexing="ij"), -1), -1)
    assert mass.shape == x.shape[:-1]
    np.testing.assert_allclose(np.sum(mass), 1, rtol=1e-8)
    np.testing.assert_allclose(np.tensordot(mass, x, law.nx), mean, atol=1e-8)


def test_density_is_zero_outside_the_support():
    outside = np.array([[-1e-9], [2.25 + 1e-9], [50.0]])
    for law in (
        Uniform(0.0, 2.25),
        Tabulated(*TABLE),
        Mixture([Uniform(0, 1), Uniform(1, 2.25)], [0.5, 0.5]),
    ):
        np.testing.assert_array_equal(law.pdf(outside), 0.0)
    assert float(Uniform([0, 0], [1, 1]).pdf(np.array([0.5, 1.5]))) == 0.0


def test_normal_densities_against_scipy():
    x = np.random.default_rng(0).normal([1.0, 2.0, 3.0], size=(4, 5, 3))
    want = stats.multivariate_normal([1.0, 2.0, 3.0], Q3).pdf(x)
    np.testing.assert_allclose(MultivariateNormal([1.0, 2.0, 3.0], Q3).pdf(x), want, rtol=1e-12)
    np.testing.assert_allclose(Normal(0.4, 0.3).pdf(x[..., :1]), stats.norm(0.4, 0.3).pdf(x[..., 0]), rtol=1e-12)


@each_law_on_the_line
def test_distribution_function_against_scipy(name):
    x = np.linspace(-4, 4, 163).reshape(1, 163)
    law, (cdf, sf) = LAWS[name][0], reference_cdf(name)
    np.testing.assert_allclose(law.cdf(x), cdf(x), rtol=0, atol=3e-16)
    np.testing.assert_allclose(law.tails(x)[1], sf(x), rtol=0, atol=3e-16)
    assert law.cdf(0.4).shape == ()


@each_law_on_the_line
def test_points_and_distribution_function_are_inverse(name):
    law = LAWS[name][0]
    tail = np.logspace(-12, -2, 21)
    u = np.concatenate([tail, np.linspace(0.011, 0.989, 64), 1 - tail[::-1]])

    def there_and_back(law, u):
        x = law.transform(u)
        back = law.cdf(x[:, 0])
        return x, back, law.transform(back[:, None]), law.pdf(x)

    x, back, again, density = compiled(there_and_back, law, u[:, None])
    assert np.all(np.diff(x[:, 0]) > 0)
    np.testing.assert_allclose(back, u, rtol=1e-12, atol=4e-16)
    seen = (u > 1e-3) & (u < 1 - 1e-3) & (density > 1e-2)  # elsewhere u does not determine x
    assert np.sum(seen) > 50
    np.testing.assert_allclose(again[seen], x[seen], rtol=1e-12, atol=1e-12)


@each_law_on_the_line
def test_cell_masses_keep_both_tails(name):
    law, (cdf, sf) = LAWS[name][0], reference_cdf(name)
    edges = np.linspace(-5.0, 5.0, 201)
    masses, median = compiled(lambda law: (law.cell_masses(edges), law.transform(np.array([[0.5]]))[0, 0]), law)
    want = np.where(edges[:-1] < median, np.diff(cdf(edges)), -np.diff(sf(edges)))
    assert masses.shape == (200,) and np.all(masses >= 0)
    np.testing.assert_allclose(masses, want, rtol=0, atol=1e-15)
    if "tabulated" not in name and "mixture" not in name:  # scipy's triangles have no accurate survival function
        seen = want > 1e-100
        np.testing.assert_allclose(masses[seen], want[seen], rtol=1e-11)


def test_masses_of_a_thin_right_tail_are_relatively_accurate():
    table = Tabulated([0.0, 1.0, 2.0, 2.5, 3.0], [0.0, 1 - 1.5e-20, 1e-20, 1e-20, 1e-20])
    masses = table.cell_masses(np.array([2.0, 2.25, 2.75, 3.0]))
    np.testing.assert_allclose(masses, [2.5e-21, 5e-21, 2.5e-21], rtol=1e-12)
    mixture = Mixture([Normal(0.0, 1.0), Normal(0.0, 0.1)], [0.25, 0.75])
    np.testing.assert_allclose(mixture.cell_masses(np.array([9.0, 10.0]))[0], 0.25 * stats.norm.sf(9.0), rtol=1e-4)


@pytest.mark.parametrize("gap", [0.0, 2.0, 50.0])
def test_mixture_quantile_against_brute_force_bisection(gap):
    weights, laws = [0.2, 0.3, 0.5], [stats.norm(0, 1), stats.norm(gap, 0.1), stats.uniform(gap + 3, 2)]
    law = Mixture([Normal(0.0, 1.0), Normal(gap, 0.1), Uniform(gap + 3, gap + 5)], weights)
    u = np.array([1e-10, 1e-4, *np.linspace(0.013, 0.987, 50), 1 - 1e-4])
    low, high = np.full(u.shape, -100.0), np.full(u.shape, 100.0)
    for _ in range(100):
        middle = (low + high) / 2
        left = sum(w * s.cdf(middle) for w, s in zip(weights, laws, strict=True)) < u
        low, high = np.where(left, middle, low), np.where(left, high, middle)
    # elsewhere u does not determine x
    steep = sum(w * s.pdf(high) for w, s in zip(weights, laws, strict=True)) > 1e-3
    assert np.sum(steep) > 45
    np.testing.assert_allclose(
        compiled(lambda law: law.transform(u[:, None]), law)[steep, 0], high[steep], rtol=1e-12, atol=1e-12
    )


def test_distribution_functions_are_for_the_line():
    for call in (Normal([0.0, 0.0], [1.0, 1.0]).cdf, Uniform([0, 0], [1, 1]).cell_masses):
        with pytest.raises(ValueError, match=r"nx = 1 for a distribution function\. Received nx = 2; use pdf"):
            call(np.zeros(3))


# Derivatives and transforms of JAX


@each_law
def test_derivatives_in_every_parameter_and_in_u_against_finite_differences(name):
    law, _, _, n = LAWS[name]
    u = np.linspace(0.07, 0.91, 6 * law.dim).reshape(law.dim, 6).T
    dynamic = jax.tree.map(jnp.asarray, law)
    leaves, treedef = jax.tree.flatten(dynamic)

    @jax.jit
    def points(leaves, u):
        law = jax.tree.unflatten(treedef, leaves)
        x, w = law.nodes(n)
        return jnp.concatenate(
            [
                jnp.sin(law.transform(u)).ravel(),
                x.ravel(),
                w,
                law.pdf(x),
                law.mean(),
                law.covariance().ravel(),
            ]
        )

    forward = jax.jit(lambda arguments, direction: jax.jvp(points, arguments, direction))
    backward = jax.jit(jax.grad(lambda *arguments: jnp.sum(points(*arguments)), (0, 1)))
    key = iter(jax.random.split(jax.random.key(0), 10))
    for i in range(len(leaves) + 1):
        direction = [jnp.zeros_like(leaf) for leaf in leaves], jnp.zeros_like(u)
        if i < len(leaves):
            step = jax.random.normal(next(key), leaves[i].shape)
            direction[0][i] = step + step.T if step.ndim == 2 else step  # a covariance stays symmetric
        else:
            direction = direction[0], jnp.cos(jnp.arange(u.size, dtype=float)).reshape(u.shape)
        arguments = leaves, jnp.asarray(u)
        got = forward(arguments, direction)[1]
        ahead, back = (points(*jax.tree.map(lambda a, d, h=h: a + h * d, arguments, direction)) for h in (1e-5, -1e-5))
        want = (ahead - back) / 2e-5
        assert np.any(np.abs(want) > 1e-3)
        np.testing.assert_allclose(got, want, rtol=1e-6, atol=1e-6)
        reverse = backward(*arguments)
        paired = sum(jnp.vdot(a, b) for a, b in zip(jax.tree.leaves(reverse), jax.tree.leaves(direction), strict=True))
        np.testing.assert_allclose(paired, jnp.sum(got), rtol=1e-9, atol=1e-9)


def test_quantile_where_the_density_vanishes_is_finite_with_finite_derivatives():
    table, gap = Tabulated(*TABLE), Mixture([Uniform(0, 1), Uniform(2, 3)], [0.5, 0.5])
    for law in (
        table,
        Mixture([table], [1.0]),
        gap,
    ):  # half of the mass lies left of a gap: at u = ½ the point is its left end
        x, slope = jax.vjp(law.transform, jnp.array([[0.5]]))
        np.testing.assert_allclose(x, [[1.0]], rtol=1e-12)
        assert np.all(np.isfinite(slope(jnp.ones((1, 1)))[0]))


@each_law
def test_one_compilation_and_vmap_serve_all_parameters_of_a_law(name):
    law, _, _, n = LAWS[name]
    larger = jax.tree.map(lambda leaf: 1.25 * leaf, law)  # weights and densities are normalised again
    u, traces = np.full((3, law.dim), 0.3), []

    def draw(law):
        traces.append(name)
        return law.transform(u), law.nodes(n), law.window(3.0)

    filtered = eqx.filter_jit(draw)
    one_by_one = jax.tree.map(lambda *leaves: np.stack(leaves), filtered(law), filtered(larger))
    assert len(traces) == 1
    at_once = jax.jit(jax.vmap(draw))(jax.tree.map(lambda *leaves: np.stack(leaves), law, larger))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-13), at_once, one_by_one)
    assert np.all(np.abs(one_by_one[0][0] - one_by_one[0][1]) > 1e-3)


def test_python_float_leaves_and_construction_inside_transforms():
    plain = eqx.tree_at(lambda law: (law.p, law.std), Normal(0.4, 0.3), (0.4, 0.3))
    np.testing.assert_array_equal(plain.transform(np.array([[0.2]])), Normal(0.4, 0.3).transform(np.array([[0.2]])))
    np.testing.assert_allclose(jax.jit(lambda law: law.nodes(3)[0])(plain), plain.nodes(3)[0], rtol=1e-14)
    mixed = Mixture((plain, Uniform(0, 1)), [0.5, 0.5])
    assert np.isfinite(mixed.transform(np.array([[0.2]]))).all()

    given = np.array([1.0, 2.0])
    law, given[0] = Normal(given, given), 5.0  # the law keeps a copy
    np.testing.assert_array_equal(law.mean(), [1.0, 2.0])

    stds = jnp.array([0.1, 0.2, -1.0])  # traced: not looked at
    means = jax.vmap(lambda s: Mixture([Normal(s, s), Uniform(0.0, s)], jnp.stack([s, 1 - s])).mean())(stds)
    np.testing.assert_allclose(means[:, 0], stds * stds + (1 - stds) * stds / 2, rtol=1e-14)
    slope = jax.grad(lambda s: jnp.sum(MultivariateNormal([0.0, 0.0], [[s, 0.0], [0.0, 1.0]]).covariance()))(2.0)
    assert slope == 1.0


# Windows


def test_windows_hold_the_law_and_stop_at_its_support():
    def equal(law, width, low, high):
        np.testing.assert_allclose(law.window(width), (low, high), rtol=1e-14)

    equal(Normal(0.4, 0.3), 7.0, [-1.7], [2.5])
    equal(MultivariateNormal([1.0, 2.0], Q2), 2.0, [-1.0, 2 - 2 * np.sqrt(2)], [3.0, 2 + 2 * np.sqrt(2)])
    equal(Uniform([0, 1], [1, 3]), 7.0, [0, 1], [1, 3])
    equal(Tabulated(*TABLE), 0.1, [0.0], [2.25])
    equal(Mixture([Normal(-2.0, 0.5), Uniform(-1.0, 4.0)], [0.5, 0.5]), 3.0, [-3.5], [4.0])


# Messages


MESSAGES = [
    (lambda: Normal(0.0, -1.0), "Expected std > 0. Received std = -1.0."),
    (lambda: Normal([0.0, 0.0], [1.0, 0.0]), "Expected std > 0. Received std = [1. 0.]."),
    (lambda: Normal(0.0, np.inf), "Expected finite numbers for std. Received std = inf."),
    (lambda: Normal(np.nan, 1.0), "Expected finite numbers for mean. Received mean = nan."),
    (lambda: Normal("wide", 1.0), "Expected a number or an array of numbers. Received 'wide'."),
    (
        lambda: Normal([0.0, 0.0], 1.0),
        "Expected mean and std as two scalars or two arrays (nx,), nx = 1, 2, 3. Received",
    ),
    (lambda: Normal(np.zeros(4), np.ones(4)), "nx = 1, 2, 3. Received shapes (4,) and (4,)."),
    (lambda: Uniform(1.0, 0.0), "Expected low < high. Received low = 1.0 and high = 0.0."),
    (lambda: Uniform([0, 0], [1, 0]), "Expected low < high. Received low = [0. 0.] and high = [1. 0.]."),
    (lambda: Uniform(0.0, np.inf), "Expected finite numbers for high. Received high = inf."),
    (lambda: Uniform(0.0, [1.0]), "Expected low and high as two scalars or two arrays"),
    (lambda: MultivariateNormal([0.0], [[np.nan]]), "Expected finite numbers for covariance."),
    (
        lambda: MultivariateNormal(0.0, 1.0),
        "Expected mean of shape (nx,) and covariance of shape (nx, nx), nx = 1, 2, 3.",
    ),
    (lambda: MultivariateNormal(np.zeros(4), np.eye(4)), "nx = 1, 2, 3. Received shapes (4,) and (4, 4)."),
    (
        lambda: MultivariateNormal([0, 0], [[1, 1], [0, 1]]),
        "Expected a symmetric covariance. Received one off by 1",
    ),
    (
        lambda: MultivariateNormal([0, 0], [[1, 2], [2, 1]]),
        "Expected a positive definite covariance. Received one with",
    ),
    (lambda: MultivariateNormal([0, 0], [[1, 1], [1, 1]]), "Expected a positive definite covariance."),
    (
        lambda: Mixture([Normal(0.0, 1.0)], [0.9]),
        "Expected weights >= 0 with sum 1. Received [0.9] with sum 0.9",
    ),
    (lambda: Mixture([Normal(0, 1), Normal(1, 1)], [-1, 2]), "Expected weights >= 0 with sum 1."),
    (lambda: Mixture([Normal(0, 1)], [np.nan]), "Expected finite numbers for weights."),
    (
        lambda: Mixture([Normal(0, 1)], [0.5, 0.5]),
        "Expected one weight a law, shape (1,). Received shape (2,).",
    ),
    (lambda: Mixture([], []), "Expected one or more laws of one nx. Received nx = []."),
    (
        lambda: Mixture([Normal(0, 1), Uniform([0, 0], [1, 1])], [0.5, 0.5]),
        "laws of one nx. Received nx = [1, 2].",
    ),
    (
        lambda: Mixture([Mixture([Normal(0, 1)], [1])], [1]),
        "no mixtures themselves. Received Mixture as laws[0]; list a",
    ),
    (lambda: Mixture([0.5], [1.0]), "Received float as laws[0]"),
    (
        lambda: Tabulated([0, 1, 1], [1, 1, 1]),
        "Expected increasing x. Received x[1] = 1.0 before x[2] = 1.0.",
    ),
    (lambda: Tabulated([0, 1, 2], [1, -0.5, 1]), "Expected density >= 0. Received density[1] = -0.5."),
    (
        lambda: Tabulated([0, 1], [1.1, 1.1]),
        "Expected a density with integral 1. Received one with integral 1.1; divide",
    ),
    (
        lambda: Tabulated([0, 1], [1, 1, 1]),
        "Expected x and density of one shape (J + 1,), J >= 1. Received shapes (2,) and",
    ),
    (lambda: Tabulated([0], [1]), "Expected x and density of one shape (J + 1,), J >= 1."),
    (lambda: Tabulated([0, np.nan], [1, 1]), "Expected finite numbers for x."),
    (
        lambda: Normal(0, 1).nodes(0),
        "Expected n = k nodes for nx = 1, k >= 1. Received n = 0; the nearest counts are 1 and 2.",
    ),
    (
        lambda: Normal([0, 0], [1, 1]).nodes(10),
        "Expected n = k**2 nodes for nx = 2, k >= 1. Received n = 10; the nearest counts are 9 and 16.",
    ),
    (lambda: Uniform([0] * 3, [1] * 3).nodes(26), "Received n = 26; the nearest counts are 8 and 27."),
    (
        lambda: LAWS["mixture-2d"][0].nodes(9),
        "Expected n = 2 * k**2 nodes for nx = 2, k >= 1. Received n = 9; the nearest counts are 8 and 18.",
    ),
    (
        lambda: LAWS["mixture"][0].nodes(1),
        "Expected a whole number n >= 2 of nodes, one or more a component of the mixture.",
    ),
    (
        lambda: LAWS["tabulated"][0].nodes(3),
        "n >= 4 of nodes, one or more a piece of the table. Received n = 3.",
    ),
]


@pytest.mark.parametrize(("call", "message"), MESSAGES, ids=[message[:60] for _, message in MESSAGES])
def test_messages_say_what_was_expected_and_received(call, message):
    with pytest.raises(ValueError) as raised:
        call()
    assert message in str(raised.value)


def test_what_misses_of_one_within_the_tolerance_is_divided_out():
    nearly = (
        Tabulated([0.0, 1.0], [1 + 5e-7, 1 + 5e-7]),
        Mixture([Uniform(0, 1), Uniform(1, 2)], [0.5, 0.5 + 5e-10]),
    )
    for law in nearly:
        assert float(law.cdf(2.0)) == 1.0
        np.testing.assert_allclose(jnp.sum(law.nodes(4)[1]), 1.0, rtol=1e-15)


def test_laws_are_final_and_their_base_is_abstract():
    for law, *_ in LAWS.values():
        assert isinstance(law, AbstractLaw) and not type(law).__subclasses__()
    with pytest.raises(TypeError):
        AbstractLaw()
