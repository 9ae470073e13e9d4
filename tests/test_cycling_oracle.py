"""The oracle of cycling (`cycling_oracle.py`, `cycling_master.py`) against closed forms, against the equations it solves and against itself by another method.

`test_path_is_the_master_equation` carries it: two codes that share no line of arithmetic, Gauss–Legendre along all phases and SciPy's
integrator on one head's states, must agree on every site of the same head along a length history with reversals.
"""

import cycling_master as master
import cycling_oracle as oracle
import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import curve_fit, root_scalar

F1, G1, G2, H = 43.3, 10.0, 209.0, 15.6
PHI = (F1 + G1) * H / 2
ALPHA = F1 / (F1 + G1)
P0 = ALPHA * H**2 / 2
SITES = 36.0
SPEEDS = [0.05, 0.1, 0.5, 1.0, 2.0, 3.0, 4.0, 8.0]
RATES = oracle.huxley()
ZAHALAK = oracle.zahalak(g3=100.0)
TWO_STATES = master.two_states(RATES, SITES)
# Rest, a stretch through more than one period, a release, a hold: every kind of crossing, both directions, a reversal inside the support.
KNOTS, LENGTHS = [0.0, 0.05, 0.15, 0.17, 0.2], [0.0, 0.0, 50.0, -6.0, -6.0]


def residual(profile, rates, u, spacing, x):
    """u n′ − f(1 − Σn) + g n of theory.md section 8, n′ by central differences."""
    step = 1e-4
    slope = (profile(x + step) - profile(x - step)) / (2 * step)
    total = sum(profile(x + k * spacing) for k in range(-12, 13)) if spacing else profile(x)
    return u * slope - rates.f(x) * (1 - total) + rates.g(x) * profile(x)


def away_from_kinks(rates, spacing, reach):
    x = np.linspace(-reach, reach, 199)
    kinks = np.add.outer(rates.breaks, (spacing or 0.0) * np.arange(-9, 10)).ravel()
    return x[np.abs(np.subtract.outer(x, kinks)).min(1) > 1e-3]


@pytest.mark.parametrize("rates", [RATES, ZAHALAK], ids=["huxley", "zahalak"])
@pytest.mark.parametrize("u", [-8, -1, -0.1, 0.1, 1, 8])
@pytest.mark.parametrize("spacing", [SITES, None])
def test_steady_solves_the_equation(rates, u, spacing):
    u = u * PHI
    x = away_from_kinks(rates, spacing, 120.0)
    profile = oracle.steady(rates, u, spacing).n
    assert profile(x).max() > 0.05
    assert np.abs(residual(profile, rates, u, spacing, x)).max() < 1e-4
    # The check can fail: the other availability leaves a residual wherever sites overlap (fast lengthening).
    if u == 8 * PHI:
        assert np.abs(residual(profile, rates, u, None if spacing else SITES, x)).max() > 0.5


@pytest.mark.parametrize("v", SPEEDS)
@pytest.mark.parametrize("sign", [-1, 1])
def test_one_site_is_huxley_1957(v, sign):
    exact = oracle.huxley_shortening if sign < 0 else oracle.huxley_lengthening
    answer = oracle.steady(RATES, sign * v * PHI, None)
    x = np.linspace(-60, 120, 3001)
    np.testing.assert_allclose(answer.n(x), exact(x, v * PHI), rtol=0, atol=1e-13)
    assert answer.moments[1] / P0 == pytest.approx(oracle.huxley_force(-sign * v * PHI), abs=1e-12)
    # The closed force is the closed profile's integral, so neither is a copy of the other's slip.
    kinks = [0.0, H]
    force = sum(
        quad(lambda s: s * exact(np.array(s), v * PHI), a, b, epsabs=1e-9)[0]
        for a, b in [(-600, -60), (-60, 0), (0, H)]
    )
    force += sum(
        quad(lambda s: s * exact(np.array(s), v * PHI), a, a + 20, epsabs=1e-9)[0]
        for a in np.arange(kinks[1], 1500, 20)
    )
    assert force / P0 == pytest.approx(oracle.huxley_force(-sign * v * PHI), abs=1e-7)


def test_published_properties_of_huxley_1957():
    assert oracle.huxley_isometric() == pytest.approx(P0, rel=1e-15)
    stop = root_scalar(lambda v: oracle.huxley_force(v * PHI), bracket=[1, 8]).root
    assert stop == pytest.approx(4.002, rel=0.01)
    # Hill's hyperbola (P + a)(V + b) = b(P₀ + a) through P = 0 at the greatest speed: Huxley's choice of rates gives a/P₀ ≈ 1/4.
    v = np.linspace(0, stop, 60)
    force = np.array([oracle.huxley_force(s * PHI) for s in v])
    a = curve_fit(lambda v, a: (stop - v) * a / (v + a * stop), v, force, p0=[0.3])[0][0]
    assert a == pytest.approx(0.25, abs=0.05), a
    for v, expected in [(0.1, 1.43298), (1.0, 3.73708), (3.0, 4.68226)]:
        assert oracle.huxley_force(-v * PHI) == pytest.approx(expected, abs=5e-6)


def test_spacing_of_the_sites():
    """Periodic availability: the published offsets, and the limit of sites far apart."""

    def offset(u, spacing):
        return oracle.steady(RATES, u * PHI, spacing).moments[1] / P0 - oracle.huxley_force(-u * PHI)

    assert oracle.steady(RATES, PHI, SITES).moments[1] / P0 == pytest.approx(3.343, abs=5e-4)
    assert max(abs(offset(-v, SITES)) for v in SPEEDS if v <= 1) < 1e-4
    assert offset(-8, 2.3 * H) == pytest.approx(4e-3, rel=0.1)
    assert offset(-8, 4 * H) == pytest.approx(7e-4, rel=0.1)
    assert max(abs(offset(-v, 20 * H)) for v in SPEEDS) < 1e-7
    # Stretched bridges last longer: fast lengthening feels a neighbour 20 supports away.
    assert max(abs(offset(v, 20 * H)) for v in SPEEDS if v <= 3) < 1e-7
    assert 1e-5 < abs(offset(8, 20 * H)) < 1e-4


@pytest.mark.parametrize("spacing", [SITES, None])
def test_isometric_rise_is_exact(spacing):
    answer = oracle.path(RATES, spacing, [0, 0.3], [0, 0], [0, 0.01, 0.1, 0.3])
    for x, n, t in zip(answer.x, answer.n, answer.times, strict=True):
        np.testing.assert_allclose(n, oracle.huxley_rise(x, t), rtol=0, atol=1e-14)
    partial = quad(lambda x: x * oracle.huxley_rise(np.array(x), 0.01), 0, H, epsabs=1e-12)[0]
    assert answer.moments[1, 1] == pytest.approx(partial, rel=1e-12)


@pytest.mark.parametrize("rates", [RATES, ZAHALAK], ids=["huxley", "zahalak"])
@pytest.mark.parametrize("u", [-8, -1, 1, 8])
def test_path_becomes_steady(rates, u):
    u = u * PHI
    end = max(10 * SITES / abs(u), 0.3)
    path, steady = oracle.path(rates, SITES, [0, end], [0, u * end], [end]), oracle.steady(rates, u, SITES)
    np.testing.assert_allclose(path.n[0], steady.n(path.x[0]), rtol=0, atol=1e-9)
    assert path.moments[0, 1] / P0 == pytest.approx(steady.moments[1] / P0, abs=1e-9)
    early = oracle.path(rates, SITES, [0, 0.01], [0, u * 0.01], [0.01])
    assert abs(early.moments[0, 1] - steady.moments[1]) > 1e-3 * P0


def test_path_is_the_master_equation():
    times = [0.05, 0.1, 0.15, 0.16, 0.17, 0.2]
    path = oracle.path(RATES, SITES, KNOTS, LENGTHS, times)
    compared = 0
    for phase in range(3, path.n.shape[1], path.n.shape[1] // 5):
        states, label = master.path(TWO_STATES, path.x[0, phase, 0], KNOTS, LENGTHS, times, np.ones(1))
        for x, n, state, t in zip(path.x, path.n, states, times, strict=True):
            site = label + np.interp(t, KNOTS, LENGTHS)
            there = np.abs(np.subtract.outer(x[phase], site)) < 1e-9
            expected = there @ state[1:]
            np.testing.assert_allclose(n[phase], expected, rtol=0, atol=2e-9)
            assert state.sum() == pytest.approx(1, abs=1e-10)
            assert n[phase].sum() == pytest.approx(state[1:].sum(), abs=2e-9)  # no site is missed
            compared += int((expected > 0.01).sum())
    assert compared > 20


@pytest.mark.parametrize("spacing", [SITES, None])
def test_path_balances_and_has_converged(spacing):
    times = np.linspace(0, 0.2, 21)
    path = oracle.path(RATES, spacing, KNOTS, LENGTHS, times)
    fine = oracle.path(RATES, spacing, KNOTS, LENGTHS, times, panel=0.05, nodes=24)
    assert np.abs(path.moments - fine.moments).max() / P0 < 1e-11
    assert fine.moments[:, 1].max() > 2 * P0
    assert fine.moments[:, 1].min() < -0.05 * P0
    np.testing.assert_allclose(path.attached[:, 0] - path.detached[:, 0], path.moments[:, 0], rtol=0, atol=1e-11)
    # Q₁ and Q₂ also move: Q_λ = attached − detached + ∫λ u Q_{λ−1} dt, here by Simpson's rule.
    dense = np.linspace(0.05, 0.15, 61)
    path = oracle.path(RATES, spacing, KNOTS, LENGTHS, dense)
    simpson = np.where(np.arange(61) % 2, 4.0, 2.0) / 3 * (dense[1] - dense[0])
    simpson[[0, -1]] /= 2
    for power in (1, 2):
        change = (path.moments - path.attached + path.detached)[[0, -1], power]
        assert change[1] - change[0] == pytest.approx(power * 500 * simpson @ path.moments[:, power - 1], rel=1e-6)


def test_activation_scales_attachment():
    """Constant r is a change of f₁; a slow r(t) is followed."""
    half, end = oracle.zahalak(f1=F1 / 2), [0.2]
    plain = oracle.path(half, SITES, KNOTS, LENGTHS, end).moments
    np.testing.assert_allclose(
        oracle.path(RATES, SITES, KNOTS, LENGTHS, end, activation=0.5).moments, plain, rtol=1e-12
    )
    moved = oracle.path(RATES, SITES, KNOTS, LENGTHS, end, activation=lambda t: 0.5 + 0 * t).moments
    np.testing.assert_allclose(moved, plain, rtol=1e-12)
    rising = oracle.path(RATES, None, [0, 0.3], [0, 0], [0.3], activation=lambda t: t)
    nearest = np.argmin(np.abs(rising.x[0, :, 0] - 7.0))
    x = float(rising.x[0, nearest, 0])
    f, g = float(RATES.f(np.array(x))), float(RATES.g(np.array(x)))
    exact = quad(lambda s: f * s * np.exp(-(f * (0.09 - s**2) / 2 + g * (0.3 - s))), 0, 0.3, epsabs=1e-13)[0]
    assert rising.n[0, nearest, 0] == pytest.approx(exact, abs=1e-11)


@pytest.mark.parametrize(("p", "q"), [(5.0, 6.0), (-3.0, 2.0), (20.0, 9.0), (8.0, 0.3)])
def test_partial_moments_are_integrals(p, q):
    Q = 8.0 * np.array([1.0, p, p**2 + q**2])
    gain, loss = oracle.partial_moments(RATES, Q, 0.7)
    a, b = p - 9 * q, p + 9 * q
    for k in range(3):
        offered = 0.7 * F1 * H ** (k + 1) / (k + 2)
        taken = 0.7 * F1 / H * 8 * oracle.gaussian_partial(k + 1, 0.0, H, p, q)
        assert gain[k] == pytest.approx(offered - taken, rel=1e-11, abs=1e-9)
        lost = 8 * G2 * oracle.gaussian_partial(k, a, 0.0, p, q) if a < 0 else 0.0
        lost += 8 * G1 / H * oracle.gaussian_partial(k + 1, max(a, 0.0), b, p, q)
        assert loss[k] == pytest.approx(lost, rel=1e-10, abs=1e-9)
        numeric = quad(
            lambda x, k=k: x**k * (1 - 8 * np.exp(-((x - p) ** 2) / (2 * q**2)) / (np.sqrt(2 * np.pi) * q)) * x,
            0,
            H,
            points=[p],
        )
        assert gain[k] == pytest.approx(0.7 * F1 / H * numeric[0], rel=1e-9, abs=1e-6)


def test_moments_are_the_closure():
    """A derivative of the answer is the right-hand side; a small ε changes nothing; without kinks in reach the closure is exact."""
    knots, lengths = [0, 0.2, 0.3], [0, 0, -12.0]
    t = np.array([0.25 - 1e-4, 0.25, 0.25 + 1e-4])
    Q = oracle.moments(RATES, knots, lengths, t, rtol=1e-12)
    gain, loss = oracle.partial_moments(RATES, Q[1], 1.0)
    expected = gain - loss - 120 * np.array([0, Q[1, 0], 2 * Q[1, 1]])
    np.testing.assert_allclose((Q[2] - Q[0]) / 2e-4, expected, rtol=1e-4)
    loose = oracle.moments(RATES, knots, lengths, t, rtol=1e-8)
    np.testing.assert_allclose(loose, Q, rtol=1e-6)
    early = oracle.moments(RATES, [0, 1], [0, 0], [1e-4])[0]
    assert early[1] == pytest.approx(oracle.path(RATES, None, [0, 1], [0, 0], [1e-4]).moments[0, 1], rel=1e-3)
    # g constant in x and no attachment: Q₀ decays, the mean rides along, the variance stays; the closure makes no error.
    decay = oracle.Rates(lambda x: 0.0 * x, lambda x: 7.0 + 0.0 * x, (0.0, H), (0.0, H))
    start = np.array([2.0, 2.0 * 5, 2.0 * (25 + 4)])
    end = oracle.moments(decay, [0, 0.1], [0, 9.0], [0.1], start=start)[0]
    np.testing.assert_allclose(end, np.exp(-0.7) * 2 * np.array([1, 14.0, 14.0**2 + 4]), rtol=1e-8)


def test_moments_at_rest_as_others_have_them():
    """The closure's own isometric state, ξ = x/h: an independent implementation of Zahalak (1981) starts from 0.684, 0.438, 0.322."""
    end = oracle.moments(oracle.huxley(h=1.0), [0, 2], [0, 0], [2.0])[0]
    np.testing.assert_allclose(end, [0.684, 0.438, 0.322], rtol=0, atol=5e-4)
    # A Gaussian is not Huxley's n = α on [0, h]: the closure's isometric force is 7.7 % off.
    assert end[1] / (ALPHA / 2) == pytest.approx(1.077, abs=1e-3)


@pytest.mark.parametrize("u", [-4, -1, 1])
def test_many_states_hold_two(u):
    force = [lambda x: np.stack([0 * x, x], axis=1)]
    cycle, steady = master.steady(TWO_STATES, u * PHI, force, sites=6), oracle.steady(RATES, u * PHI, SITES)
    assert cycle.averages[0] * SITES / P0 == pytest.approx(steady.moments[1] / P0, abs=1e-8)
    assert cycle.states[1] * SITES == pytest.approx(steady.moments[0], abs=1e-7)
    rest = master.isometric(TWO_STATES, force)
    assert rest.averages[0] * SITES == pytest.approx(P0, rel=1e-12)


def test_power_stroke_balances_in_detail():
    """Round the cycle the rates' ratios give e^{G_ATP}; each pair gives the difference of its energies; attachment ends inside a period."""
    stroke = master.PowerStroke()
    x = np.linspace(-18, 18, 361)
    R, U = stroke.generator(x), stroke.energies(x)
    forward, backward = R[:, [0, 1, 2], [1, 2, 0]], R[:, [1, 2, 0], [0, 1, 2]]
    np.testing.assert_allclose(np.log(forward / backward).sum(1), stroke.G_ATP, atol=1e-12)
    np.testing.assert_allclose(np.log(forward / backward)[:, :2], -np.diff(U, axis=1), atol=1e-12)
    np.testing.assert_allclose(R.sum(-1), 0, atol=1e-10)
    assert R[[0, -1], 0, 1:].max() < 1e-8
    # The force in each state is the slope of its energy.
    np.testing.assert_allclose(np.gradient(U, x, axis=0)[1:-1] * stroke.kT, stroke.force(x)[1:-1], atol=1e-9)


def test_power_stroke_without_drive_is_in_equilibrium():
    """G_ATP = 0: Boltzmann's fractions at every phase, no ATP, no work; with ATP it shortens against a load."""
    idle = master.PowerStroke(G_ATP=0.0)
    rest = master.isometric(idle.scheme(), [idle.force, idle.ATP])
    x = np.linspace(-18, 18, 20001)
    boltzmann = np.exp(-idle.energies(x))
    boltzmann /= boltzmann.sum(1, keepdims=True)
    np.testing.assert_allclose(rest.states, np.trapezoid(boltzmann, x, axis=0) / 36, atol=1e-7)
    assert rest.averages[0] == pytest.approx(np.trapezoid((boltzmann * idle.force(x)).sum(1), x) / 36, abs=1e-6)
    assert abs(rest.averages[1]) < 1e-10
    assert master.steady(idle.scheme(), -500.0, [idle.force], tol=1e-8).averages[0] < 0
    stroke = master.PowerStroke()
    moving = master.steady(stroke.scheme(), -500.0, [stroke.force, stroke.ATP], tol=1e-8)
    work, fuel = 500 * moving.averages[0], moving.averages[1] * stroke.G_ATP * stroke.kT
    assert 0.2 * fuel < work < fuel
    # One turn of the cycle is one ATP: attached heads come through state 1 and leave through state 2.
    through = [lambda x: np.stack([stroke.generator(x)[:, 0, 1], -stroke.generator(x)[:, 1, 0], 0 * x], -1)]
    assert master.steady(stroke.scheme(), -500.0, through, tol=1e-10).averages[0] == pytest.approx(
        moving.averages[1], rel=1e-6
    )
