"""Every page of the zoo holds what it says: formulas, published parameters, and problems that can be run.

Load-bearing: `test_closed_forms_are_the_derivatives` (every `extension` and `flow` against automatic differentiation of
the constraint alone) and `test_constraints_are_the_published_ones` (Φ of the constraint against Φ by hand). New pages
and new closed forms are found by themselves.
"""

import functools
import importlib
import pkgutil
import re
import subprocess
import sys

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import myoscale as ms
from myoscale import mechanics, zoo
from myoscale.model.checks import check_model
from myoscale.run.check import check_level
from myoscale.zoo.page import Page

PARTS = [importlib.import_module(m.name) for m in pkgutil.iter_modules(zoo.__path__, "myoscale.zoo.")]


# The register


def test_every_page_is_registered():
    written = {page.name for part in PARTS for page in vars(part).values() if isinstance(page, Page)}
    assert written == set(zoo.names()) and len(written) == len(zoo.names()) >= 8


@pytest.mark.parametrize("name", zoo.names())
def test_problems_can_be_run(name):
    problem = zoo.problem(name)
    with jax.enable_x64(True):
        check_model(problem.model, problem.start)
        for level in problem.levels:
            check_level(level, problem.model, problem.start)
    assert problem.t1 > 0 and len(problem.levels) >= 2
    assert problem.name == name and re.fullmatch(r"[a-z]+(-[a-z]+)*", name)
    assert problem.title and "\n" not in problem.title and "theory.md" in problem.source


@pytest.mark.parametrize("name", zoo.names())
def test_problems_are_the_functions_of_the_same_name(name):
    problem, (model, start) = zoo.problem(name), getattr(zoo, name.replace("-", "_"))()
    assert eqx.tree_equal((model, start), (problem.model, problem.start)) is True


def test_parameters_reach_the_model():
    assert zoo.problem("onion", m=0.0).model.bridge.mass == 0.0
    assert zoo.problem("chain", elements=7).model.tissue.ny == 7


def test_an_unknown_name_is_answered_with_the_nearest():
    with pytest.raises(ms.InputError, match="no problem 'onoin' in the zoo: did you mean 'onion'"):
        zoo.problem("onoin")
    with pytest.raises(ms.InputError, match="choose one of: bent, chain"):
        zoo.problem("?")


def test_sizes_that_do_not_exist_are_refused():
    for build in (zoo.element, zoo.element_polar):
        with pytest.raises(ms.InputError, match="size 2 or 3"):
            build(size=4)
    with pytest.raises(ms.InputError, match="one element or more"):
        zoo.chain(elements=0)
    with pytest.raises(ms.InputError, match="one element or more"):
        zoo.huxley_chain(elements=0)


def test_the_zoo_opens_when_asked_for():
    program = (
        "import sys, myoscale as ms\n"
        "assert 'zoo' in dir(ms) and 'jax' not in sys.modules and 'myoscale.zoo' not in sys.modules\n"
        "assert ms.zoo is sys.modules['myoscale.zoo'] and ms.zoo.linear()\n"
    )
    run = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr


# Published parameters: theory.md section 7


@pytest.mark.parametrize(
    ("name", "M0", "m", "kappa1", "y", "mean", "std", "t1"),
    [
        ("linear", 20, 10, 1, 1, 2, 1, 60),
        ("onion", 2, 1, 0, 1, 2.5, 0.3, 24),
        ("singular", 2, 1, 0, 3, 2, 0.2, 20),
    ],
)
def test_published_parameters(name, M0, m, kappa1, y, mean, std, t1):
    problem = zoo.problem(name)
    tissue, bridge, start = problem.model.tissue, problem.model.bridge, problem.start
    assert (tissue.mass, tissue.stiffness, tissue.rest, tissue.damping, tissue.count) == (M0, 1, 0, None, 1)
    assert (bridge.mass, bridge.stiffness, start.y, start.v, problem.t1) == (m, kappa1, y, 0, t1)
    assert (start.x.p, start.x.std) == (mean, std)
    assert name != "linear" or bridge.gain == -1


# Constraints and their closed forms


def vectors(n, low, high):
    return arrays(float, n, elements=st.floats(low, high, allow_subnormal=False))


def matrix_near_identity(n):
    """F row by row, diagonally dominant."""
    return vectors(n * n, -0.3, 0.3).map(lambda a: a + np.eye(n).ravel())


MATRIX = np.array([[1.0, 0.2, -3.0], [0.4, 2.0, 0.0]])
CLOSED = {
    "linear, scalar": (zoo.LinearBridge(2.0, 1.0, -0.7), vectors(2, -3, 3), vectors(2, -3, 3)),
    "linear, matrix": (zoo.LinearBridge(2.0, 1.0, MATRIX), vectors(2, -3, 3), vectors(3, -3, 3)),
    "element, 1": (zoo.ElementBridge(2.0, 1.0), vectors(1, -3, 3), matrix_near_identity(1)),
    "element, 2": (zoo.ElementBridge(2.0, 1.0), vectors(2, -3, 3), matrix_near_identity(2)),
    "element, 3": (zoo.ElementBridge(2.0, 1.0), vectors(3, -3, 3), matrix_near_identity(3)),
}


def kinds_of_bridges():
    found = {value for part in PARTS for value in vars(part).values() if isinstance(value, type)}
    return {kind for kind in found if issubclass(kind, ms.AbstractBridge) and kind is not ms.AbstractBridge}


def test_every_closed_form_is_tried():
    closed = {kind for kind in kinds_of_bridges() if kind.flow is not None or kind.extension is not None}
    assert closed == {type(bridge) for bridge, *_ in CLOSED.values()} == {zoo.LinearBridge, zoo.ElementBridge}


@functools.partial(jax.jit, static_argnums=0)
def closed_and_derived(kind, leaves, x, q):
    bridge = jax.tree.unflatten(kind, leaves)
    a, b = jax.jacfwd(bridge.constraint, argnums=(0, 1))(x, q)
    c = bridge.constraint(x, q)
    return bridge.extension(c, q), bridge.flow(x, q), -jnp.linalg.solve(a, b)


@pytest.mark.parametrize("case", CLOSED)
def test_closed_forms_are_the_derivatives(case):
    """ξ(g(x, q); q) = x and Φ = −g_x⁻¹g_q, the constraint differentiated and nothing else used."""
    bridge, xs, qs = CLOSED[case]
    leaves, kind = jax.tree.flatten(bridge)

    @given(x=xs, q=qs)
    def claim(x, q):
        with jax.enable_x64(True):
            found = closed_and_derived(kind, leaves, jnp.asarray(x), jnp.asarray(q))
        back, flow, derived = map(np.asarray, found)
        assert back.dtype == np.float64 and flow.shape == (x.size, q.size)
        np.testing.assert_allclose(back, x, rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(flow, derived, rtol=1e-12, atol=1e-12)

    claim()


def onion_flow(x, q):
    return -2 * q * np.sin(0.1 * x) / (1 + q**2) / (0.1 * (1 + q**2 - np.cos(0.1 * x)))


BY_HAND = {
    "onion": onion_flow,
    "singular": lambda x, q: -(q - 2) / x,
    "bent": lambda x, q: 1 / (1 + 3 * 0.15 * x**2),
    "linear": lambda x, q: -np.ones_like(x),
    "chain": lambda x, q: -np.ones_like(x),
    "huxley": lambda x, q: np.ones_like(x),
    "huxley-chain": lambda x, q: np.ones_like(x),
    "power-stroke": lambda x, q: np.ones_like(x),
}


@functools.partial(jax.jit, static_argnums=0)
def constraint_flow_energy(kind, leaves, x, q):
    bridge = jax.tree.unflatten(kind, leaves)
    return bridge.constraint(x, q), mechanics.flow(bridge, x, q), bridge.energy(x)


@pytest.mark.parametrize("name", BY_HAND)
def test_constraints_are_the_published_ones(name):
    bridge, hand = zoo.problem(name).model.bridge, BY_HAND[name]
    leaves, kind = jax.tree.flatten(bridge)

    @given(x=st.floats(0.5, 4.0), q=st.floats(0.2, 3.0))
    def claim(x, q):
        with jax.enable_x64(True):
            _, flow, energy = constraint_flow_energy(kind, leaves, jnp.array([x]), jnp.array([q]))
        np.testing.assert_allclose(flow, [[hand(x, q)]], rtol=1e-11, atol=1e-14)
        assert float(energy) == pytest.approx(0.5 * bridge.stiffness * x**2, rel=1e-14)

    claim()


def test_pages_without_published_formulas_are_the_elements():
    tissue = {"block-isometric", "fusiform-twitch", "element-shear"}
    assert set(zoo.names()) - set(BY_HAND) == {"linear-matrix", "element", "element-polar", "lateral", *tissue}


# Elements stay far from singular


@pytest.mark.parametrize("size", [2, 3])
def test_an_affine_element_does_not_collapse(size):
    problem = zoo.problem("element", size=size)
    path = problem.exact.y(np.linspace(0, problem.t1, 2001)).reshape(-1, size, size)
    assert np.linalg.det(path).min() > 0.5
    assert np.abs(path - np.eye(size)).max() > 0.2 and np.ptp(path[:, 0, 1]) > 0.1


def test_a_polar_element_turns_and_does_not_collapse():
    problem = zoo.problem("element-polar")
    solution = ms.solve(problem.model, ms.Reduced(64), problem.start, t1=problem.t1)
    angle, stretch, shear = solution.y.T
    assert (1 - shear**2).min() > 0.5 and stretch.min() > 0.5  # det F = det U
    assert np.ptp(angle) > 1 and np.ptp(stretch) > 0.1 and np.ptp(shear) > 0.1
    assert solution.energy.drift <= 1e-8
