"""Where the constraint loses rank, every level built on Φ stops at the right time, says where, and keeps what it has.

Load-bearing: `test_stops_when_the_smallest_extension_reaches_zero`. The time is found without integrating in time: with one
coordinate and conserved energy, t = ∫ √(M(y) / 2(E − W(y))) dy from the start down to where the smallest |X| is zero.
"""

import jax.numpy as jnp
import numpy as np
import pytest
from scipy import integrate, special

import myoscale as ms


class Circle(ms.AbstractBridge):
    """g = x² + (q − 2)² (theory.md 7.4)."""

    mass: float = 1.0

    def constraint(self, x, q):
        return x**2 + (q - 2.0) ** 2

    def energy(self, x):
        return 0.0 * x @ x


MODEL = ms.Model(ms.SpringMass(mass=2.0, stiffness=1.0), Circle())
LAW = ms.Normal(2.0, 0.2)
START = ms.Start(y=3.0, x=LAW)
NODES = special.roots_hermitenorm(16)


def arrival(extent, mass):
    """Time from rest at y = 3 to y = `extent`, with the effective mass `mass(y)` and W₀ = y²/2."""
    speed = lambda y: np.sqrt((9.0 - y**2) / mass(y))
    middle = (extent + 3.0) / 2  # y = extent + s² below, y = 3 − s² above: both ends are smooth in s
    low = integrate.quad(lambda s: 2 * s / speed(extent + s**2), 0, np.sqrt(middle - extent), epsabs=1e-10)[0]
    high = integrate.quad(lambda s: 2 * s / speed(3.0 - s**2), 0, np.sqrt(3.0 - middle), epsabs=1e-10)[0]
    return low + high


def of_points(x, w):
    """Arrival for weighted points that start at x: the smallest x gets to zero first."""
    mass = lambda y: 2.0 + np.sum(w * (y - 2.0) ** 2 / (x**2 + 1.0 - (y - 2.0) ** 2))
    return arrival(2.0 - np.sqrt(np.min(x) ** 2 + 1.0), mass)


def of_density():
    """Arrival for the law in a window of ±7 standard deviations: its lower end is at 0.6."""
    x, w = np.polynomial.legendre.leggauss(400)
    x = 2.0 + 1.4 * x
    density = np.exp(-0.5 * ((x - 2.0) / 0.2) ** 2)
    w = w * density / np.sum(w * density)
    mass = lambda y: 2.0 + np.sum(w * (y - 2.0) ** 2 / (x**2 + 1.0 - (y - 2.0) ** 2))
    return arrival(2.0 - np.sqrt(0.6**2 + 1.0), mass)


def of_closure():
    """Arrival for a Gaussian whose mean and width follow y: dp/dy = E[Φ], dS/dy = E[Φζ]; y itself is the clock."""
    zeta, w = NODES[0], NODES[1] / NODES[1].sum()
    flow = lambda y, p, s: -(y - 2.0) / (p + s * zeta)

    def rate(down, state):
        y, (p, s) = 3.0 - down, state
        phi = flow(y, p, s)
        return [-(w @ phi), -(w @ (phi * zeta))]

    touch = lambda down, state: state[0] + state[1] * zeta[0] - 1e-6
    touch.terminal = True
    path = integrate.solve_ivp(rate, (0.0, 5.0), [2.0, 0.2], rtol=1e-11, atol=1e-13, events=touch, dense_output=True)
    extent = 3.0 - path.t[-1]
    return arrival(extent, lambda y: 2.0 + w @ flow(y, *path.sol(np.clip(3.0 - y, 0, path.t[-1]))) ** 2)


def drawn(level):
    """The points that a level starts from."""
    first = ms.solve(MODEL, level, START, t1=1e-3, save=2).population(0.0)
    return first.points[:, 0], first.weights


@pytest.mark.parametrize(
    ("level", "who"),
    [
        (ms.Reduced(100), "bridge"),
        (ms.Characteristics(16), "bridge 0"),
        (ms.Kinetic(200), "the lower end of the window"),
        (ms.MomentClosure(), "Gauss node 0"),
    ],
    ids=lambda value: getattr(value, "label", ""),
)
def test_stops_when_the_smallest_extension_reaches_zero(level, who):
    if isinstance(level, ms.Reduced | ms.Characteristics):
        points, weights = drawn(level)
        expected = of_points(points, weights)
        if isinstance(level, ms.Reduced):
            who = f"bridge {np.argmin(points)} at point 0"
    else:
        expected = of_density() if isinstance(level, ms.Kinetic) else of_closure()
    with pytest.raises(ms.SingularConstraintError) as stop:
        ms.solve(MODEL, level, START, t1=20.0)
    assert stop.value.time == pytest.approx(expected, abs=1e-3), f"{level.label}: {stop.value}"
    for part in (who, f"t = {stop.value.time:.6g}", f"{stop.value.singular_value:.2e}"):
        assert part in str(stop.value)
    kept = stop.value.solution
    assert kept.ts[-1] == pytest.approx(np.floor(stop.value.time * 10) / 10) and np.isfinite(kept.y).all()
    assert kept.energy.drift < 1e-7


def test_a_large_ensemble_names_its_bridge():
    points = np.random.default_rng(0).normal(2.0, 0.2, 3000)
    with pytest.raises(ms.SingularConstraintError) as stop:
        ms.solve(MODEL, ms.Reduced(), ms.Start(3.0, x=points), t1=20.0)
    assert stop.value.bridge == np.argmin(points)
    assert stop.value.time == pytest.approx(of_points(points, 1 / 3000), abs=1e-3)


def test_a_constraint_that_is_singular_from_the_start_is_named_at_once():
    with pytest.raises(ms.StoppedError, match=r"t = 0: .*lost rank"):
        ms.solve(MODEL, ms.Reduced(), ms.Start(3.0, x=jnp.array([0.0, 2.0])), t1=1.0)
