"""Where g_x loses rank, and where it never had all of it: `Constrained` goes through, and bridges keep velocities of their own.

Load-bearing: `test_passes_through_as_the_angle_says`: while a bridge passes x = 0 it follows a circle, so its angle is a coordinate in which
nothing is singular (theory.md 7.4); and the closed forms for lower rank.
"""

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.linalg import expm

import myoscale as ms
from myoscale import zoo

SINGULAR, START = zoo.singular()


def by_angle(x, t):
    """y(t) of the singular example from X at y = 3 at rest, the bridge of the smallest c at (√c sin θ, 2 + √c cos θ)."""
    w, c = 1.0 / len(x), x**2 + 1.0
    k = np.argmin(c)
    radius, others = np.sqrt(c[k]), np.delete(c, k)

    def mass(angle):
        s = radius * np.cos(angle)
        slopes = w * sum(s**2 / (other - s**2) for other in others)
        return c[k] * (np.sin(angle) ** 2 * (2.0 + slopes) + w * np.cos(angle) ** 2)

    def rate(_, state):
        angle, speed = state
        slope = mass(angle + 1e-30j).imag / 1e-30
        pull = (2.0 + radius * np.cos(angle)) * radius * np.sin(angle)  # −d(y²/2)/dθ
        return [speed, (pull - 0.5 * slope * speed**2) / mass(angle)]

    start = [np.arctan2(x[k], 1.0), 0.0]
    found = solve_ivp(rate, (0.0, t[-1]), start, method="DOP853", t_eval=t, rtol=1e-12, atol=1e-13)
    return 2.0 + radius * np.cos(found.y[0]), radius * np.sin(found.y[0]), k


@pytest.fixture(scope="module")
def passages():
    """The published example with a hundred bridges."""
    return ms.solve(SINGULAR, ms.Constrained(100), START, t1=20.0, tolerance=1e-9, save=401)


def test_passes_through_as_the_angle_says(passages):
    y, x, k = by_angle(passages.population(0.0).points[:, 0], passages.ts)
    assert np.abs(passages.y[:, 0] - y).max() < 1e-6
    own = passages.z.x[:, 0, k, 0]
    assert np.abs(own - x).max() < 1e-4  # it moves at up to 30
    assert np.sum(np.diff(np.sign(own)) != 0) >= 4
    assert passages.energy.drift < 1e-9
    assert passages.residual.max() < 1e-13 and passages.velocity_residual.max() < 1e-11


def test_motion_is_periodic(passages):
    """y comes back to 3 at rest between any two passages: the same motion each time."""
    k = np.argmin(passages.population(0.0).points[:, 0])
    turns = np.flatnonzero(np.diff(np.sign(passages.z.x[:, 0, k, 0])))
    times = passages.ts[turns]
    periods = np.diff(times)
    assert np.ptp(periods) <= passages.ts[1] * 1.01
    period = (times[-1] - times[0]) / (len(times) - 1)
    again = ms.solve(SINGULAR, ms.Constrained(100), START, t1=20.0, tolerance=1e-9, save=[0.0, period])
    assert abs(again.y[1, 0] - 3.0) < 2e-3


def test_multipliers_grow_like_the_square_of_the_number():
    """λ ~ N² in the passage: the bridge carries all of the momentum in a time ~ 1/N (theory.md 7.4)."""
    peaks = []
    for n in (10, 40, 160):
        x = np.linspace(1.6, 2.4, n)
        t = _passing(x)
        save = np.concatenate([[0.0], t + np.linspace(-1, 1, 81) * 2.0 / n])
        seen = ms.solve(SINGULAR, ms.Constrained(), ms.Start(3.0, x=x), t1=t + 3.0 / n, save=save)
        peaks.append(np.abs(seen.multipliers).max())
    slopes = np.diff(np.log(peaks)) / np.log(4)
    assert slopes == pytest.approx([2.0, 2.0], abs=0.25), peaks


def _passing(x):
    t = np.linspace(0, 4, 4001)
    return t[np.flatnonzero(np.diff(np.sign(by_angle(x, t)[1])))[0]]


@pytest.mark.parametrize("stepper", ["projected", "rattle", "energy-momentum"])
def test_hand_over_is_smooth(stepper):
    """Which bridges are kept in the saddle-point system is no more than rounding in the results: all of them, or those nearest."""
    x = np.array([1.5, 1.7, 2.1])
    level = ms.Constrained(stepper=stepper, order=None if stepper == "projected" else 4)
    seen = ms.solve(SINGULAR, level, ms.Start(3.0, x=x), t1=5.0, save=51, tolerance=1e-9)
    y, own, _ = by_angle(x, seen.ts)
    assert np.abs(seen.y[:, 0] - y).max() < 1e-7
    assert np.abs(seen.z.x[:, 0, 0, 0] - own).max() < 1e-6
    assert seen.energy.drift < 1e-9


class Two(ms.AbstractTissue):
    """Two elements that do not know of each other."""

    mass_matrix: np.ndarray
    counts: np.ndarray

    @property
    def heads(self):
        return self.counts

    def energy(self, y):
        return 0.5 * y @ y

    def kinematics(self, y):
        return y[:, None]


def test_several_pass_at_once_in_independent_elements():
    """Two elements whose bridges are alike move alike when driven alike, and pass at the same instant."""
    bridge = zoo.SingularBridge(mass=1.0)
    one = np.array([1.5, 1.9, 2.3])
    x = np.stack([one, one])[..., None]

    model = ms.Model(Two(2.0 * np.eye(2), np.ones(2)), bridge)
    seen = ms.solve(model, ms.Constrained(), ms.Start(np.array([3.0, 3.0]), np.zeros(2), x=x), t1=6.0, save=61)
    y, _, _ = by_angle(one, seen.ts)
    assert np.abs(seen.y - y[:, None]).max() < 1e-6
    assert np.array_equal(seen.z.x[-1, 0] < 0, [[True], [False], [False]])


@pytest.mark.parametrize("stepper", [None, "rattle"])
def test_nearly_at_once_in_one_element(stepper):
    """ΔR² = 1e-6: the second turns back at x = 1e-3, on its own side."""
    x = np.sqrt(np.array([2.25, 2.25 + 1e-6, 4.0, 5.0]))
    seen = ms.solve(SINGULAR, ms.Constrained(stepper=stepper), ms.Start(3.0, x=x), t1=10.0, save=101)
    y, own, _ = by_angle(x, seen.ts)
    assert np.abs(seen.y[:, 0] - y).max() < 1e-5
    signs = np.sign(seen.z.x[:, 0, :, 0])
    assert np.sum(np.diff(signs[:, 0]) != 0) >= 2 and np.array_equal(signs[:, 0], np.sign(own))
    assert np.all(signs[:, 1:] == 1)
    assert seen.energy.drift < 1e-7


@pytest.mark.parametrize("stepper", [None, "rattle"])
def test_at_once_in_one_element_is_an_error_that_names_both(stepper):
    x = np.array([2.0, 1.5, 2.2, 1.5])
    with pytest.raises(ms.SingularConstraintError) as stop:
        ms.solve(SINGULAR, ms.Constrained(stepper=stepper), ms.Start(3.0, x=x), t1=20.0)
    message = str(stop.value)
    assert "bridge 1 at point 0" in message and "bridge 3 at point 0" in message and "together" in message
    assert f"t = {stop.value.time:.6g}" in message and stop.value.singular_value < 1e-2
    _, own, _ = by_angle(x, np.linspace(0.0, stop.value.time - 1e-3, 101))  # on which its own integrator gets stuck
    assert own[0] == pytest.approx(1.5) and np.argmin(own) == 100 and 0 < own[-1] < 0.05
    assert stop.value.solution.energy.drift < 1e-7


def test_without_mass_the_loss_of_rank_is_named():
    with pytest.raises(ms.SingularConstraintError, match="without mass"):
        ms.solve(SINGULAR.one_way(), ms.Constrained(), ms.Start(3.0, x=np.array([1.5, 2.0])), t1=20.0)


# --- lower rank -------------------------------------------------------------------------------------------------------------------------


class Spring2(ms.AbstractBridge):
    """g = x₁ − q in the plane, W₁ = ½xᵀSx."""

    mass: float = 0.5
    stiffness: np.ndarray = None

    def constraint(self, x, q):
        return x[:1] - q

    def energy(self, x):
        return 0.5 * x @ self.stiffness @ x


S = np.array([[3.0, 1.2], [1.2, 2.0]])
LOWER = ms.Model(ms.SpringMass(mass=1.0, stiffness=2.0), Spring2(0.5, S))


def linear(x, v, w, y, u, t):
    """(y, X₂) of the linear system by the matrix exponential: X₁ = y + const."""
    n, m = len(x), 0.5
    total = 1.0 + m  # M₀ + m Σ w
    K, r = np.zeros((n + 1, n + 1)), np.zeros(n + 1)
    K[0, 0], r[0] = (2.0 + S[0, 0]) / total, S[0, 0] * (w @ (x[:, 0] - y)) / total
    K[0, 1:] = S[0, 1] * w / total
    K[1:, 1:] = np.eye(n) * S[1, 1] / m
    K[1:, 0], r[1:] = S[0, 1] / m, S[0, 1] * (x[:, 0] - y) / m
    rest = -np.linalg.solve(K, r)
    A = np.block([[np.zeros((n + 1, n + 1)), np.eye(n + 1)], [-K, np.zeros((n + 1, n + 1))]])
    first = np.concatenate([[y], x[:, 1], [u], v[:, 1]]) - np.concatenate([rest, np.zeros(n + 1)])
    return (expm(A * t) @ first)[: n + 1] + rest


def test_lower_rank_against_the_matrix_exponential():
    rng = np.random.default_rng(1)
    x, w = rng.normal(size=(5, 2)), rng.uniform(0.5, 1, 5)
    v = np.stack([np.full(5, 0.3), rng.normal(size=5)], axis=1)
    start = ms.Start(0.7, 0.3, x=x, velocity=v, weights=w / w.sum())
    for stepper in ("projected", "rattle", "energy-momentum"):
        seen = ms.solve(LOWER, ms.Constrained(stepper=stepper), start, t1=4.0, save=3, tolerance=1e-9)
        exact = linear(x, v, w / w.sum(), 0.7, 0.3, 4.0)
        assert abs(seen.y[-1, 0] - exact[0]) < 1e-9
        assert np.abs(seen.population(4.0).points[:, 1] - exact[1:]).max() < 1e-8
        assert seen.stats.moved < 1e-15


def test_projection_of_the_start_leaves_the_free_part():
    x = np.array([[0.1, 0.2], [0.3, -0.1]])
    v = np.array([[0.3 + 1e-6, 0.5], [0.3, -0.4]])
    start = ms.Start(0.7, 0.3, x=x, velocity=v)
    seen = ms.solve(LOWER, ms.Constrained(), start, t1=0.1, save=2)
    assert np.abs(seen.z.velocity[0, 0] - np.array([[0.3, 0.5], [0.3, -0.4]])).max() < 1e-15
    assert seen.stats.moved == pytest.approx(1e-6 / 0.5, rel=1e-3)


def test_kinetic_ensemble_of_lower_rank():
    """Nodes of the law of (X, Ẋ) give the linear system's mean exactly; particles come to it like N^(−1/2)."""
    law, velocity = ms.MultivariateNormal(np.array([0.2, 0.1]), 0.04 * np.eye(2)), ms.Normal(0.0, 0.2)
    velocity = ms.MultivariateNormal(np.zeros(2), 0.04 * np.eye(2))
    start = ms.Start(0.7, 0.0, x=law, velocity=velocity)
    mean = linear(np.array([[0.2, 0.1]]), np.zeros((1, 2)), np.ones(1), 0.7, 0.0, 3.0)
    field = ms.solve(LOWER, ms.Characteristics(16), start, t1=3.0, save=2, tolerance=1e-9)
    assert abs(field.y[-1, 0] - mean[0]) < 1e-9
    spread = []
    for n in (16, 256):
        ends = [ms.solve(LOWER, ms.Constrained(n), start, t1=3.0, save=2, tolerance=1e-6, seed=s) for s in range(24)]
        spread.append(np.sqrt(np.mean([(end.y[-1, 0] - mean[0]) ** 2 for end in ends])))
    assert np.log(spread[1] / spread[0]) / np.log(16) == pytest.approx(-0.5, abs=0.15), spread


def test_nodes_of_x_and_velocity_converge():
    model, start = zoo.lateral()
    fine = ms.solve(model, ms.Characteristics(6**4), start, t1=4.0, save=5)
    coarse, middle = (ms.solve(model, ms.Characteristics(k**4), start, t1=4.0, save=5) for k in (2, 4))
    errors = [np.abs(one.y - fine.y).max() for one in (coarse, middle)]
    assert errors[1] < 1e-5 and errors[1] < errors[0] / 20, errors


def test_stiffness_of_lower_rank_is_that_of_a_fast_stretch():
    """The spring along the fibre alone: nothing moves across it in no time."""
    seen = ms.solve(LOWER, ms.Constrained(4), ms.Start(0.7, x=ms.MultivariateNormal(np.zeros(2), np.eye(2))), t1=0.1)
    assert np.abs(seen.stiffness - S[0, 0]).max() < 1e-12
