"""The distribution-moment closure beyond two states: pools, power strokes and detached states of several kinds.

Load-bearing: `test_moments_follow_the_closure_s_equations`, which integrates the equations of theory.md section 9 by SciPy, moments in the
laboratory's frame and every integral on panels between breakpoints; nothing is shared with the package but the rates.
"""

import functools
import itertools
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad, solve_ivp
from scipy.stats import norm

import myoscale as ms
from myoscale.drive import Length, Line
from myoscale.numerics.gaussian import Pieces, interval_moments
from myoscale.types import Scalar

NODE, WEIGHT = np.polynomial.legendre.leggauss(8)


class Ready(ms.AbstractCycling):
    """Heads are made ready at 30 + x²/9, attach on [0, 6], pull at first weakly, then strongly, and let go; all between kinks at 0 and 6."""

    detached = 2
    attached = 2
    atp: ClassVar = {(3, 0): 1.0}

    spacing: Scalar = 36.0
    momentum: ms.Momentum = ms.parameter("", static=True, default=ms.Momentum.COMOVING)
    availability: ms.Availability = ms.parameter("", static=True, default=ms.Availability.POOL)

    @property
    def zone(self):
        return 0.0, 6.0

    def generator(self, x):
        one = jnp.ones_like(x)
        return ms.generator_of(
            {
                (0, 1): 30.0 + x**2 / 9,
                (1, 0): 10.0 * one,
                (1, 2): jnp.where((x > 0) & (x < 6), 400.0 * x / 6, 0.0),
                (2, 1): 20.0 * one,
                (2, 3): 50.0 * one,
                (3, 2): 5.0 * one,
                (3, 0): jnp.where(x < 0, 200.0, 10.0 + 5.0 * jnp.maximum(x - 6, 0.0)),
            },
            4,
        )


def panels(edges, most):
    """Gauss's nodes and weights on intervals, each cut into parts no longer than `most`."""
    edges = np.concatenate(
        [np.linspace(a, b, int(np.ceil((b - a) / most)) + 1)[:-1] for a, b in itertools.pairwise(edges)] + [edges[-1:]]
    )
    half = np.diff(edges)[:, None] / 2
    return (edges[:-1, None] + half * (NODE + 1)).ravel(), (half * WEIGHT).ravel()


class Closure:
    """dQ/dt of each attached state and of shares detached, in the laboratory's frame."""

    def __init__(self, scheme):
        self.scheme, self.first = scheme, scheme.detached
        self.breaks = [float(b) for b in scheme.breakpoints]
        self.pool = scheme.availability is ms.Availability.POOL
        self.size = scheme.attached, 3
        rates = jax.jit(jax.vmap(scheme.generator))
        self.rates = lambda x: np.asarray(rates(jnp.asarray(np.pad(x, (0, -len(x) % 512)))))[: len(x)]
        low, high = (float(end) for end in scheme.zone)
        x, w = panels([low, high], 0.5)
        self.offered = np.einsum("k,kl,kij->ijl", w, x[:, None] ** np.arange(3), self.rates(x))
        half = float(scheme.spacing) / 2
        x, w = panels([-half, *self.breaks, half], 0.5)
        self.among = np.einsum("k,kij->ij", w, self.rates(x))[: self.first, : self.first] / (2 * half)

    def seen(self, q):
        """∫x^λ R n dx of one state (S, S, 3)."""
        if q[0] < 1e-12:
            return np.zeros(self.offered.shape)
        mean, std = q[1] / q[0], np.sqrt(q[2] / q[0] - (q[1] / q[0]) ** 2)
        ends = mean - 8.5 * std, mean + 8.5 * std
        x, w = panels(np.sort([*ends, *np.clip(self.breaks, *ends)]), 0.4 * std)
        return np.einsum("k,kl,kij->ijl", w * q[0] * norm.pdf(x, mean, std), x[:, None] ** np.arange(3), self.rates(x))

    def __call__(self, t, state, u):
        first, q = self.first, state[: -self.first].reshape(self.size)
        d, seen = state[-first:], [self.seen(row) for row in q]
        flow = np.zeros(self.offered.shape)  # what goes from state to state
        offer = self.offered[:first, first:]
        flow[:first, first:] = offer * d[:, None, None] if self.pool else offer - sum(seen)[:first, first:]
        for a, all_of in enumerate(seen):
            flow[first + a] = all_of[first + a]
            flow[first + a, first + a] = 0.0
        net = flow.sum(0) - flow.sum(1)
        change = net[first:] + u * np.arange(3) * np.pad(q, ((0, 0), (1, 0)))[:, :3]
        detached = net[:first, 0] / float(self.scheme.spacing)
        off = self.among * (1 - np.eye(first))
        return np.concatenate([change.ravel(), detached + d @ off - d * off.sum(1)])

    def run(self, law, share, u, times):
        """Moments (T, A, 3)."""
        mean, std = law
        q = np.zeros(self.size)
        q[0] = share * float(self.scheme.spacing) * np.array([1.0, mean, mean**2 + std**2])
        d = np.zeros(self.first)
        d[0] = 1.0 - share
        state = np.concatenate([q.ravel(), d])
        found = solve_ivp(self, (0, times[-1]), state, method="LSODA", t_eval=times, args=(u,), rtol=1e-9, atol=1e-11)
        assert found.success
        return found.y.T[:, : -self.first].reshape(-1, *self.size)


def muscle(cycling, stiffness):
    return ms.Model(
        ms.SpringMass(mass=1.0, stiffness=0.0), ms.zoo.LinearBridge(0.0, stiffness, np.asarray(1.0), cycling=cycling)
    )


DUKE = ms.Duke1999(k_a=1000.0)
SCHEMES = {  # scheme, stiffness, law and share of what starts attached, speeds, step
    "pool": (ms.Zahalak1981(availability="pool"), 1.0, (6.0, 3.0), 0.1, (-200.0,), 2e-4),
    "power stroke": (DUKE, 1.3, (4.5, 1.5), 0.1, (0.0,), 5e-5),
    "power stroke, pool": (ms.Duke1999(k_a=1000.0, availability="pool"), 1.3, (4.5, 1.5), 0.1, (-100.0,), 5e-5),
    "several detached": (Ready(), 1.0, (3.0, 1.0), 0.05, (40.0,), 2e-4),
}
T1 = 0.02


def solve(name, speed, level=None):
    scheme, stiffness, law, share, _, dt = SCHEMES[name]
    start = ms.Start(0.0, x=ms.Normal(*law), attached=share)
    drive = Length(Line(0.0, speed, 0.0))
    return ms.solve(muscle(scheme, stiffness), level or ms.MomentClosure(dt=dt), start, t1=T1, drive=drive, save=5)


@functools.cache
def closed(name, speed):
    return solve(name, speed)


CASES = [(name, speed) for name, case in SCHEMES.items() for speed in case[4]]


@pytest.mark.parametrize(("name", "speed"), CASES)
def test_moments_follow_the_closure_s_equations(name, speed):
    scheme, stiffness, law, share, _, _ = SCHEMES[name]
    sol = closed(name, speed)
    with jax.enable_x64(True):
        exact = Closure(scheme).run(law, share, speed, sol.ts)
    spacing = float(scheme.spacing)
    number = exact[:, :, 0] / spacing
    rest = np.array([0.0]) if scheme.attached == 1 or name.startswith("several") else np.array([4.5, -4.5])
    pull = stiffness * np.sum(exact[:, :, 1] / spacing - rest * number, axis=1)
    size = np.abs(pull).max()
    print(name, speed, np.abs(-sol.force[:, 0, 0] - pull).max() / size, np.abs(np.diff(pull)).max() / size)
    assert np.abs(np.diff(pull)).max() > 0.02 * size, "nothing happened"
    assert np.abs(sol.cycling.attached[:, 0] - number.sum(1)).max() < 1e-5
    assert np.abs(-sol.force[:, 0, 0] - pull).max() < 1e-5 * size


@pytest.mark.parametrize(("name", "speed"), CASES[1:3])
def test_the_flag_is_up_before_the_error_is_five_per_cent(name, speed):
    """Against nodes, which close nothing; by the isometric force of the same nodes, as the closure measures it."""
    sol = closed(name, speed)
    fine = solve(name, speed, ms.Characteristics(800, dt=SCHEMES[name][5]))
    size = np.abs(fine.force).max()
    error = np.abs(sol.force - fine.force)[:, 0, 0] / size
    print(name, speed, error.max(), sol.cycling.trusted)
    assert not (sol.cycling.trusted & (error > 0.05)).any()
    assert np.isclose(sol.cycling.attached[0, 0], fine.cycling.attached[0, 0], rtol=1e-3)


@pytest.mark.parametrize(("breaks", "degree"), [((), 2), ((), None), ((1.0,), 2), ((1.0,), None), ((0.0, 1.0), 2)])
def test_pieces_of_any_number_of_breakpoints(breaks, degree):
    """No breakpoint, one, two: against SciPy's quadrature."""
    kink = 1.0 if breaks else 0.0
    rate = lambda x: 3.0 + x**2 + kink * 5 * max(x - 1.0, 0.0)
    traced = lambda x: (3.0 + x**2 + kink * 5 * jnp.maximum(x - 1.0, 0.0))[..., None, None]
    with jax.enable_x64(True):
        for mean, std, shift in [(0.4, 0.5, 0.0), (-30.0, 7.0, 2.0), (1.0, 1e-3, -0.2)]:
            found = Pieces(traced, breaks, degree).moments(jnp.asarray(mean), jnp.asarray(std), jnp.asarray(shift))
            for power in range(3):
                value = lambda z, p=power, m=mean, s=std, c=shift: (m + s * z) ** p * rate(m + s * z + c) * norm.pdf(z)
                cuts = [float(np.clip((b - shift - mean) / std, -8.9, 8.9)) for b in breaks] or None
                exact = quad(value, -9, 9, points=cuts, epsabs=0, epsrel=1e-12, limit=200)[0]
                scale = (3.0 + (abs(mean) + std + 2) ** 2 * 6) * (abs(mean) + std) ** power
                assert abs(float(found[power, 0, 0]) - exact) < 1e-9 * scale


def test_smooth_rates_are_integrated_over_the_zone():
    """Duke's attachment, narrow within its zone."""
    scheme = ms.Duke1999()
    low, high = scheme.zone
    with jax.enable_x64(True):
        found = np.asarray(interval_moments(jax.vmap(scheme.generator), (low, high), None))[:, 0, 1]
        rate = jax.jit(lambda x: scheme.generator(x)[0, 1])
        for power in range(3):
            exact = quad(lambda x, p=power: x**p * float(rate(x)), low, high, points=[4.5], epsrel=1e-11)[0]
            assert found[power] == pytest.approx(exact, rel=1e-9)
