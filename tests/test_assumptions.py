"""Bounds, Lipschitz constants and δ on the visited region are those of closed forms, found without following a bridge in time.

Load-bearing: `test_onion_is_elliptic_on_what_is_visited` (roots of the constraint between the turning points that energy conservation
gives) and `test_a_tail_that_loses_rank_is_found` (the time from a quadrature).
"""

import functools
import json
import re

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import integrate
from scipy.optimize import brentq

import myoscale as ms
from myoscale import zoo
from myoscale.study.survey import sample
from myoscale.types import Array, Scalar

NAMES = tuple(name for name in zoo.names() if not zoo.problem(name).model.tissue.is_field)


@functools.cache
def of(name):
    problem = zoo.problem(name)
    return ms.assumptions(problem.model, problem.start, t1=problem.t1)


def row(found, name):
    (one,) = (row for row in found.rows if row.name.split(" ")[0] == name)
    return pytest.approx(one.bound, rel=1e-3, abs=1e-9), pytest.approx(one.lipschitz, rel=1e-3, abs=1e-9)


def said(found, kind):
    return " ".join(finding.text for finding in found.findings if finding.kind == kind)


class Signed(ms.AbstractBridge):
    """± (x + βx³ − q), with a pair energy κ₂r²/2."""

    mass: Scalar = 0.5
    sign: Scalar = 1.0
    bend: Scalar = 0.15
    pair: Scalar = 0.0

    def constraint(self, x, q):
        return self.sign * (x + self.bend * x**3 - q)

    def energy(self, x):
        return 0.25 * jnp.sum(x**4)

    def interaction(self, r):
        return 0.5 * self.pair * r @ r


def signed(start, **parameters):
    return ms.assumptions(ms.Model(ms.SpringMass(mass=20.0), Signed(**parameters)), start, t1=0.5)


# Every problem of the zoo


@pytest.mark.parametrize("name", NAMES)
def test_every_problem_is_told_in_words_and_numbers(name):
    found = of(name)
    lines = str(found).splitlines()
    assert max(map(len, lines)) <= 100 and len(lines) < 40
    assert not re.search(r"\b(nan|inf)\b", str(found))
    data = json.loads(json.dumps(found.as_dict(), allow_nan=False))
    assert data["ellipticity"] == found.ellipticity and len(data["rows"]) == len(found.rows) == 5
    assert found.hold == (name != "singular") == ("x " not in {line[:2] for line in lines})


def test_linear_is_as_the_exact_solution_says():
    found, problem = of("linear"), zoo.problem("linear")
    y = problem.exact.y(np.linspace(0.0, 60.0, 5000))[:, 0]
    x = [2.0 - 7.0 - (y.max() - 1.0), 2.0 + 7.0 - (y.min() - 1.0)]  # X = X₀ − (y − y₀), ±7 standard deviations
    np.testing.assert_allclose([found.x[0][0, 0], found.x[1][0, 0]], x, atol=2e-4)
    np.testing.assert_allclose([found.y[0][0], found.y[1][0]], [y.min(), y.max()], atol=1e-4)
    assert row(found, "Dg") == (np.sqrt(2.0), 0.0) and row(found, "D²g") == (0.0, 0.0)
    assert row(found, "F₀") == (np.abs(y).max(), 1.0) and row(found, "F₁") == (np.abs(x).max(), 1.0)
    assert row(found, "g")[1] == np.sqrt(2.0)
    assert found.ellipticity == found.definite == 1.0
    assert "F₀ grows like |y| and F₁ grows like |x|" in said(found, "note")


def test_a_quasi_static_run_is_followed_from_where_bridges_were_placed():
    """They start at y = 1 and let go to y = 2 − (y − 1) = 1.5, which takes X along, X = X₀ − (y − 1)."""
    problem = zoo.problem("linear")
    found = ms.assumptions(problem.model, problem.start, t1=1.0, drive=ms.QuasiStatic())
    np.testing.assert_allclose([found.x[0][0, 0], found.x[1][0, 0]], [2 - 7 - 0.5, 2 + 7], atol=2e-4)
    assert (found.y[0][0], found.y[1][0]) == pytest.approx((1.0, 1.5))


def test_chain_is_as_the_exact_solution_says():
    found, problem = of("chain"), zoo.problem("chain")
    q = np.diff(problem.exact.y(np.linspace(0.0, 60.0, 5000)), axis=1, prepend=0.0)
    np.testing.assert_allclose(np.stack(found.q)[..., 0], [q.min(0), q.max(0)], atol=3e-3)
    assert found.ellipticity == 1.0 and row(found, "F₀")[1] == np.linalg.norm([[2, -1, 0], [-1, 2, -1], [0, -1, 1]], 2)


ONION = lambda x, y: 0.1 * x - np.sin(0.1 * x) / (1 + y**2)
SLOPE = lambda x, y: 0.1 * (1 - np.cos(0.1 * x) / (1 + y**2))


def onion(mean, std):
    """Where bridges to ±7 standard deviations sit while |y| ≤ 1, and the least g_x there."""
    starts, rest = mean + 7 * std * np.linspace(-1, 1, 41), np.linspace(-1.0, 1.0, 401)
    at = lambda x0, y: brentq(lambda x: ONION(x, y) - ONION(x0, 1.0), 1e-6, 30.0)
    visited = [(at(x0, y), y) for x0 in starts for y in rest]
    return visited, min(SLOPE(x, y) for x, y in visited)


def test_onion_is_elliptic_on_what_is_visited():
    """From rest at y = 1 without bridge energy, energy conservation turns y at ±1; each bridge sits at a root of its constraint."""
    found, (visited, least) = of("onion"), onion(2.5, 0.3)
    assert found.ellipticity == pytest.approx(least, rel=2e-3)
    assert found.weakest is not None and found.weakest.start[0] == pytest.approx(0.4, abs=1e-3)
    assert SLOPE(found.weakest.x[0], found.weakest.q[0]) == pytest.approx(found.ellipticity, rel=1e-9)
    assert row(found, "g")[0] == max(abs(ONION(x, y)) for x, y in visited)
    assert found.x[1].max() == pytest.approx(max(x for x, _ in visited), rel=1e-3)
    assert "uniformly elliptic" in said(found, "holds") and found.hold


def test_onion_near_the_origin_is_weakly_elliptic():
    model, start = zoo.onion(x=ms.Normal(mean=0.02, std=0.0028))
    found, (_, least) = ms.assumptions(model, start, t1=24.0), onion(0.02, 0.0028)
    assert found.ellipticity == pytest.approx(least, rel=2e-2)  # the run meets y near 0 at a few times only
    assert "only weakly elliptic" in said(found, "weak") and "uniformly" not in str(found) and found.hold


def test_element_is_as_the_exact_solution_says():
    """g_x = F⁻¹: δ = 1/max‖F‖, and the least eigenvalue of its symmetric part."""
    found, problem = of("element"), zoo.problem("element")
    path = problem.exact.y(np.linspace(0.0, problem.t1, 4001)).reshape(-1, 2, 2)
    inverse = np.linalg.inv(path)
    symmetric = np.linalg.eigvalsh((inverse + np.swapaxes(inverse, 1, 2)) / 2)
    assert found.ellipticity == pytest.approx(1 / np.linalg.norm(path, 2, axis=(1, 2)).max(), rel=2e-3)
    assert found.quadratic == pytest.approx((symmetric.min(), symmetric.max()), rel=2e-3)
    assert found.definite == found.quadratic[0]


def test_an_element_that_turns_is_no_longer_definite():
    found = of("element-polar")
    turned = np.abs(np.stack(found.y)[:, 0]).max()
    assert turned > np.pi / 2 and found.definite is None and found.quadratic[0] < 0 < found.ellipticity
    assert "neither g_x nor −g_x is positive definite" in said(found, "weak")


# Loss of rank


def test_a_run_that_stops_is_a_finding():
    """g_x = 2x with x² = c − (y − 2)²; nothing is raised."""
    found = of("singular")
    assert "stops at t = 1.89" in said(found, "fails") and "lost rank" in said(found, "fails")
    assert 1.7 < found.reached < 1.9 and "uniformly" not in str(found)
    assert found.ellipticity == pytest.approx(2 * np.sqrt(0.6**2 + 1 - (found.y[0][0] - 2) ** 2), rel=1e-3)


def test_a_tail_that_loses_rank_is_found():
    """Four nodes never get near x = 0, a bridge 7 standard deviations out does: when y = 2 − √(x₀² + 1), by t = ∫dy/|ẏ|."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(4)
    x, w = 2.0 + 0.2 * nodes, weights / weights.sum()
    mass = lambda y: 2.0 + np.sum(w * (y - 2.0) ** 2 / (x**2 + 1.0 - (y - 2.0) ** 2))
    end = 2.0 - np.sqrt(0.6**2 + 1.0)
    slowness = lambda y: np.sqrt(mass(y) / (9.0 - y**2))
    middle = (end + 3.0) / 2
    expected = integrate.quad(slowness, end, middle)[0]
    expected += integrate.quad(lambda s: 2 * s * slowness(3.0 - s**2), 0.0, np.sqrt(3.0 - middle))[0]
    problem = zoo.problem("singular")
    found = ms.assumptions(problem.model, problem.start, t1=2.0, level=ms.Characteristics(4))
    assert found.reached == 2.0 and not found.hold
    before, after = (
        float(part) for part in said(found, "fails").split("between t = ")[1].split(" for ")[0].split(" and ")
    )
    assert before < expected < after < before + 0.011
    assert "starts at x = 0.6" in said(found, "fails") and "3e-12 of the law" in said(found, "fails")


def test_a_law_on_both_sides_is_found():
    model, start = zoo.singular(x=ms.Normal(mean=0.5, std=0.3))
    found = ms.assumptions(model, start, t1=0.1, level=ms.Characteristics(2))
    assert "has both signs among the bridges" in said(found, "fails") and "uniformly" not in str(found)


# Sign, points of the tissue, pairs


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_the_sign_of_the_constraint_does_not_matter(sign):
    """x + βx³ = q + c moves with q: δ = 1 + 3βx² where x is least."""
    found = signed(ms.Start(1.0, x=ms.Normal(2.0, 0.1)), sign=sign)
    label = lambda x: x + 0.15 * x**3
    root = lambda x0, y: brentq(lambda x: label(x) - label(x0) - (y - 1.0), -20.0, 20.0)
    low, high = root(1.3, found.y[0][0]), root(2.7, found.y[1][0])
    np.testing.assert_allclose([found.x[0][0, 0], found.x[1][0, 0]], [low, high], rtol=1e-4)
    assert low > 0.3, "the claim is about bridges on one side"
    assert found.ellipticity == found.definite == pytest.approx(1 + 0.45 * low**2, rel=1e-3)
    assert row(found, "g")[1] == np.hypot(1 + 0.45 * high**2, 1.0)
    assert row(found, "Dg")[1] == row(found, "D²g")[0] == 0.9 * high and row(found, "D²g")[1] == 0.9
    assert row(found, "F₁") == (high**3, 3 * high**2)
    assert ("−g, the same constraint, is positive definite" in said(found, "holds")) == (sign < 0)
    assert "F₁ grows like |x|^3" in said(found, "note")


def test_pair_forces_are_bounded_by_the_spread():
    """A translation keeps differences: at most 14 standard deviations."""
    found = signed(ms.Start(1.0, x=ms.Normal(2.0, 0.1)), bend=0.0, pair=0.3)
    assert row(found, "K") == (0.3 * 14 * 0.1, 0.3)
    assert "F₀ and K are bounded" in said(found, "holds")


def test_each_point_of_the_tissue_has_its_own_sign():
    tissue = ms.ChainTissue(masses=np.ones(2), springs=np.ones(2))
    model = ms.Model(tissue, ms.Stacked([Signed(sign=1.0), Signed(sign=-3.0)]))
    found = ms.assumptions(model, ms.Start(np.array([0.0, 0.3]), np.zeros(2), x=ms.Normal(2.0, 0.1)), t1=0.5)
    low = found.x[0][:, 0]
    assert found.definite == found.ellipticity == pytest.approx(min(1.0, 3.0) * (1 + 0.45 * low[0] ** 2), rel=1e-3)
    assert found.quadratic[0] < -3 < 1 < found.quadratic[1] and "each point" in said(found, "holds")
    assert len(found.x[0]) == 2 and " | " in str(found)


# What is not finite, and what is looked at


class Kink(ms.AbstractBridge):
    """g = x + |x|^2.5 − q, whose third derivative is not finite at x = 0."""

    mass: Scalar = 0.5

    def constraint(self, x, q):
        return x + jnp.abs(x) ** 2.5 - q

    def energy(self, x):
        return 0.5 * x @ x


def test_what_is_not_finite_is_named():
    found = ms.assumptions(ms.Model(ms.SpringMass(), Kink()), ms.Start(1.0, x=np.array([0.0, 0.3, 0.5])), t1=1.0)
    rows = {row.name: row for row in found.rows}
    assert rows["D²g"].lipschitz is None and rows["g"].bound > 0 and not found.hold
    assert "The derivative of D²g is not finite at t = 0, x = 0, for bridge 0" in said(found, "fails")
    assert not re.search(r"\b(nan|inf)\b", str(found)) and json.dumps(found.as_dict(), allow_nan=False)


class Cusp(ms.AbstractTissue):
    """W₀ = |y|^1.5, whose force has no derivative at y = 0, and bridges that repel as |r|^-1."""

    mass_matrix: Array = eqx.field(default_factory=lambda: np.eye(1))

    def energy(self, y):
        return jnp.abs(y[0]) ** 1.5


class Repelling(ms.AbstractBridge):
    """Bridges whose pair energy is not finite where they are one apart."""

    mass: Scalar = 1.0

    def constraint(self, x, q):
        return x - q

    def energy(self, x):
        return 0.5 * x @ x

    def interaction(self, r):
        return 1.0 / jnp.abs(1.0 - r[0] ** 2)


def test_forces_that_are_not_finite_are_named():
    model = ms.Model(Cusp(), Repelling())
    found = ms.assumptions(model, ms.Start(0.0, x=np.array([0.0, 1.0])), t1=1.0)
    assert "The derivative of F₀ = −∇W₀ is not finite at t = 0." in said(found, "fails")
    assert "K = ∇V(x′ − x) is not finite between some bridges." in said(found, "fails")
    assert "The run stops early" in said(found, "fails") and not re.search(r"\b(nan|inf)\b", str(found))


def test_extreme_bridges_are_looked_at():
    x = np.random.default_rng(1).normal(size=(1, 5000, 2))
    with jax.enable_x64(True):
        chosen = sample(ms.Start(1.0, x=x), 1)
    for axis in (0, 1):
        assert {np.argmin(x[0, :, axis]), np.argmax(x[0, :, axis])} <= set(chosen.index[0])
    np.testing.assert_array_equal(chosen.x[0], x[0, chosen.index[0]])
    assert len(chosen.index[0]) < 600


@pytest.mark.parametrize("nx", [1, 2, 3])
def test_tails_of_the_law_are_looked_at(nx):
    covariance = 0.3 * np.eye(nx) + 0.2
    with jax.enable_x64(True):
        chosen = sample(ms.Start(1.0, x=ms.MultivariateNormal(np.arange(1.0, nx + 1), covariance)), 2)
    away = np.asarray(chosen.x[1]) - np.arange(1.0, nx + 1)
    distance = np.sqrt(np.einsum("ni,ij,nj->n", away, np.linalg.inv(covariance), away))
    np.testing.assert_allclose(distance, chosen.deviation, atol=2e-3)
    assert distance.max() == pytest.approx(7.0, abs=2e-3) and chosen.x.shape[0] == 2


def test_gaps_of_a_mixture_are_not_visited():
    law = ms.Mixture([ms.Normal(-2.0, 0.1), ms.Normal(2.0, 0.1)], np.array([0.5, 0.5]))
    with jax.enable_x64(True):
        x = np.asarray(sample(ms.Start(1.0, x=law), 1).x).ravel()
    assert ((np.abs(x) > 1.0) & (np.abs(x) < 3.0)).sum() >= len(x) - 1


def test_mistakes_are_named():
    problem = zoo.problem("linear")
    with pytest.raises(ms.InputError, match="t1 > 0"):
        ms.assumptions(problem.model, problem.start, t1=-1.0)
    with pytest.raises(ms.InputError, match=r"shape \(1,\)"):
        ms.assumptions(problem.model, ms.Start(np.ones(2), x=problem.start.x), t1=1.0)
