"""Noise is what stochastic calculus says of it, path by path and in law, at every level that carries it.

Load-bearing: `test_a_path_of_the_linear_example` (a stochastic integral against the same Brownian path), `test_mean_and_covariance`,
`test_a_path_of_a_nonlinear_example` (a different integrator in momenta, with M_eff(y) from quadrature), `test_levels_share_one_path`,
`test_noise_of_bridges_vanishes` and `test_a_bath_keeps_its_temperature`, which tells √det M_eff e^{−W/k_BT} from e^{−W/k_BT}.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from scipy.linalg import expm

import myoscale as ms
from myoscale.levels.noise import path

BEND, M0, M1, K0, K1 = 0.5, 0.5, 4.0, 2.0, 1.0  # of the bent lever arms: M_eff changes fourfold


def shaken(model, noise):
    return ms.Model(model.tissue, model.bridge, noise)


def linear(noise):
    model, start = ms.zoo.linear(M0=2.0, m=1.0)
    return shaken(model, noise), start


def bent(noise, **others):
    model, start = ms.zoo.bent(M0=M0, m=M1, kappa0=K0, kappa1=K1, bend=BEND, x=ms.Normal(0.4, 0.3), **others)
    return shaken(model, noise), start


def increments(seed, t1, count):
    """W and H of the common path over `count` equal parts of [0, t1]."""
    with jax.enable_x64(True):
        ts = jnp.linspace(0.0, t1, count + 1)
        return tuple(map(np.asarray, areas(jax.random.key(seed), jnp.asarray(t1), ts[:-1], ts[1:])))


@jax.jit
def areas(key, t1, begins, ends):
    """W and H of a path from `begins` to `ends`; one program for all seeds."""
    found = jax.vmap(lambda *part: path(key, t1, 0).evaluate(*part, use_levy=True))(begins, ends)
    return found.W, found.H


# The linear example: (M₀ + m) ÿ = 3 − 2y + Σ dB/dt


def integral(seed, t1, omega, count=2**14):
    """∫ sin(ω(t₁ − s))/ω dB and ∫ cos(ω(t₁ − s)) dB, the weight linear in each of `count` parts."""
    w, h = increments(seed, t1, count)
    left = t1 - (np.arange(count) + 0.5) * t1 / count
    y = np.sin(omega * left) / omega @ w + np.cos(omega * left) @ h * t1 / count
    v = np.cos(omega * left) @ w - omega * np.sin(omega * left) @ h * t1 / count
    return y, v


def rates(errors):
    """Observed orders where each error belongs to half the length of the one before."""
    return np.log2(np.array(errors[:-1]) / np.array(errors[1:]))


def at_end(noise, make, level, t1, seeds, **options):
    """y and ẏ at t1, (2, B), in pieces of `noise.dt`."""
    model, start = make(noise)
    many = ms.batch(model, level, start, t1=t1, save=[t1], seed=list(seeds), tolerance=1e-10, **options)
    assert many.stats.pieces == round(t1 / noise.dt)
    return np.array([many.y[:, -1, 0], many.v[:, -1, 0]])


def test_a_path_of_the_linear_example():
    """The stochastic integral on the same path, to the third order in the pieces' length."""
    sigma, t1, seeds = 0.7, 8.0, range(8)
    omega, mass = np.sqrt(2.0 / 3.0), 3.0
    shaking = sigma / mass * np.array([integral(seed, t1, omega) for seed in seeds]).T
    still = np.array([1.5 - 0.5 * np.cos(omega * t1), 0.5 * omega * np.sin(omega * t1)])
    level = ms.MomentClosure(2)  # exact for linear bridges
    found = [at_end(ms.Noise(sigma, dt=t1 / 2**k), linear, level, t1, seeds) for k in (2, 3, 4, 5, 6)]
    errors = [np.sqrt(np.mean((run - still[:, None] - shaking) ** 2)) for run in found]
    slope = np.mean(rates(errors))
    print("errors", errors, "order", slope, "expected 3 ± 0.3")
    assert np.std(shaking) > 0.3 and errors[-1] < 1e-5 and abs(slope - 3.0) < 0.3


def test_mean_and_covariance():
    """Two coordinates with damping and correlated noise: a linear equation, whose law is known from matrix exponentials."""
    gain = np.array([[1.0, 0.4], [0.0, 0.8]])
    bridge = ms.zoo.LinearBridge(mass=0.5, stiffness=1.5, gain=gain)
    damping, stiffness = np.array([[0.3, 0.1], [0.1, 0.2]]), np.array([[2.0, 0.5], [0.5, 1.0]])
    tissue = ms.LumpedTissue(mass_matrix=np.diag([1.0, 2.0]), stiffness=stiffness, damping=damping)
    sigma = np.array([[0.8, 0.0, 0.3], [0.2, 0.5, 0.0]])
    start = ms.Start(
        np.array([0.5, -0.2]), np.array([0.0, 0.3]), x=ms.MultivariateNormal(gain @ [0.5, -0.2], np.eye(2))
    )
    count, ts = 2048, np.array([0.5, 1.5, 3.0])
    model = ms.Model(tissue, bridge, ms.Noise(sigma, dt=0.125))
    many = ms.batch(model, ms.MomentClosure(2), start, t1=3.0, save=ts, seed=list(range(count)), tolerance=1e-8)
    found = np.concatenate([many.y, many.v], axis=2)[:, -3:]

    mass, spring = np.diag([1.0, 2.0]) + 0.5 * gain.T @ gain, stiffness + 1.5 * gain.T @ gain
    inverse = np.linalg.inv(mass)
    flow = np.block([[np.zeros((2, 2)), np.eye(2)], [-inverse @ spring, -inverse @ damping]])
    rise = np.concatenate([np.zeros((2, 3)), inverse @ sigma])
    begin = np.array([0.5, -0.2, 0.0, 0.3])
    # Van Loan: the covariance from one exponential; X follows y, so at y the bridges pull with κ₁Gᵀ(x̄ − G y₀ + G y) = κ₁GᵀG y.
    for k, t in enumerate(ts):
        whole = expm(np.block([[-flow, rise @ rise.T], [np.zeros((4, 4)), flow.T]]) * t)
        covariance = whole[4:, 4:].T @ whole[:4, 4:]
        away = (found[:, k].mean(0) - expm(flow * t) @ begin) / np.sqrt(np.diag(covariance) / count)
        spread = np.cov(found[:, k].T) / np.sqrt(np.outer(np.diag(covariance), np.diag(covariance)))
        exact = covariance / np.sqrt(np.outer(np.diag(covariance), np.diag(covariance)))
        wrong = (spread - exact) / np.sqrt((1 + exact**2) / count)
        print(f"t = {t}: mean off by {np.abs(away).max():.1f} standard errors, covariance by {np.abs(wrong).max():.1f}")
        assert np.abs(away).max() < 4.0 and np.abs(wrong).max() < 4.0
    work = np.array([run.energy.noise[-1] for run in many[:256]])
    assert abs(work.mean() - 1.5 * np.trace(inverse @ sigma @ sigma.T)) < 4 * work.std() / 16
    assert max(run.energy.drift for run in many[:8]) < 1e-7 < np.abs(work).min()


# Bent lever arms: M_eff changes with y


SIGMA, T1, SEEDS = 1.5, 4.0, range(32)


@functools.cache
def bent_at_end(k):
    """y and ẏ at T1 on each path, in 2ᵏ pieces."""
    return at_end(ms.Noise(SIGMA, dt=T1 / 2**k), bent, ms.Characteristics(32), T1, SEEDS)


def test_a_path_of_a_nonlinear_example():
    """Momenta p = M_eff ẏ under the same increments, by another integrator: it comes nearer as its steps are halved, with the order 1 that it has."""
    found, errors = bent_at_end(10), []
    impulses = SIGMA * np.array([increments(seed, T1, 2**10)[0] for seed in SEEDS])
    for count in (2**8, 2**9, 2**10):
        sums = impulses.reshape(len(SEEDS), count, -1).sum(2)
        errors.append(np.sqrt(np.mean((kicked(sums, T1) - found) ** 2)))
    print("errors", errors, "order", np.mean(rates(errors)), "expected 1 ± 0.3")
    assert np.std(found) > 0.5 and errors[-1] < 3e-3 and abs(np.mean(rates(errors)) - 1.0) < 0.3


NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(40)
X0, ROOT = 0.4 + 0.3 * NODES, np.sqrt(4 / (3 * BEND))


def population(y):
    """M_eff, dM_eff/dy and dW_eff/dy of the bent lever arms, from the root of a cubic and Gauss's rule."""
    c, weights = X0 + BEND * X0**3 - 1.0 + np.asarray(y)[..., None], WEIGHTS / WEIGHTS.sum()
    x = ROOT * np.sinh(np.arcsinh(3 * c / ROOT) / 3)
    phi = 1 / (1 + 3 * BEND * x**2)
    slope = -12 * BEND * M1 * (x * phi**4) @ weights
    return M0 + M1 * phi**2 @ weights, slope, K0 * y + K1 * (x * phi) @ weights


def kicked(impulses, t1):
    """y and ẏ at t1 after momenta that grow evenly in each step by its impulse, (B, steps)."""
    h, y = t1 / impulses.shape[1], np.ones(len(impulses))
    p = np.zeros_like(y)

    def rate(y, p, impulse):
        mass, slope, force = population(y)
        return np.array([p / mass, slope * (p / mass) ** 2 / 2 - force + impulse / h])

    for impulse in impulses.T:
        a = rate(y, p, impulse)
        b = rate(*(np.array([y, p]) + h / 2 * a), impulse)
        c = rate(*(np.array([y, p]) + h / 2 * b), impulse)
        d = rate(*(np.array([y, p]) + h * c), impulse)
        y, p = np.array([y, p]) + h / 6 * (a + 2 * b + 2 * c + d)
    return np.array([y, p / population(y)[0]])


def test_strong_order():
    """h^{3/2} on each path, as pieces are halved on one family of paths."""
    fine = bent_at_end(10)
    errors = [np.sqrt(np.mean((bent_at_end(k) - fine) ** 2)) for k in (4, 5, 6, 7, 8)]
    slope = np.mean(rates(errors))
    print("errors", errors, "order", slope, "expected 1.5 ± 0.25")
    assert abs(slope - 1.5) < 0.25


def test_weak_order():
    """h² in the mean of cos y, on the same paths so that differences are seen."""
    t1, seeds, runs = 4.0, list(range(4096)), {}
    for k in (1, 2, 3, 5):
        model, start = bent(ms.Noise(3.0, dt=t1 / 2**k))
        many = ms.batch(model, ms.Characteristics(8), start, t1=t1, save=[t1], seed=seeds, tolerance=1e-5)
        runs[k] = np.cos(many.y[:, -1, 0])
    apart = [runs[k] - runs[5] for k in (1, 2, 3)]
    errors, doubts = (np.array(list(map(of, apart))) for of in (np.mean, lambda a: np.std(a) / np.sqrt(len(seeds))))
    slope = np.mean(rates(np.abs(errors)))
    print("errors", errors, "±", doubts, "order", slope, "expected 2 ± 0.4")
    assert np.all(np.abs(errors) > 5 * doubts) and abs(slope - 2.0) < 0.4


# Noise of each bridge


def test_noise_of_bridges_vanishes():
    """Like N^{-1/2}, and by the amount that the law of Σ_i w_iΦ_iᵀσ dB_i says; the mean field has none of it."""
    sigma, t1, omega, mass = 2.0, 8.0, np.sqrt(2.0 / 3.0), 3.0
    model, start = linear(ms.Noise(bridges=sigma, dt=0.5))
    sizes, seeds, spread = np.array([4, 32, 256]), np.arange(1024), []
    for k, n in enumerate(sizes):
        level = ms.Reduced(int(n), sampling="quantile")  # the same bridges in each run
        drawn = (seeds + k * len(seeds)).tolist()
        spread.append(np.std(ms.batch(model, level, start, t1=t1, save=[t1], seed=drawn, tolerance=1e-8).y[:, -1, 0]))
    slope = np.polyfit(np.log(sizes), np.log(spread), 1)[0]
    exact = sigma / mass * np.sqrt((t1 / 2 - np.sin(2 * omega * t1) / (4 * omega)) / omega**2 / sizes)
    print("spread", spread, "exact", exact, "slope", slope, "expected -0.5 ± 0.07")
    assert abs(slope + 0.5) < 0.07
    assert np.abs(np.array(spread) / exact - 1).max() < 4 / np.sqrt(2 * len(seeds))
    still = ms.solve(model, ms.MomentClosure(), start, t1=t1, save=[t1])
    assert not np.any(still.energy.noise) and still.energy.drift < 1e-10


def test_noise_of_each_bridge_by_itself():
    """Bent bridges of unequal weights, each shaken by itself in NumPy: the noise of their sum has the same law."""
    sigma, t1, steps, count = 3.0, 4.0, 200, 4096
    x0, weights = 0.4 + 0.3 * np.linspace(-1.5, 1.5, 4), np.array([0.6, 0.2, 0.1, 0.1])
    c, h, draw = x0 + BEND * x0**3 - 1.0, t1 / steps, np.random.default_rng(1)

    def rate(state, kick):
        y, p = state
        x = ROOT * np.sinh(np.arcsinh(3 * (c + y[:, None]) / ROOT) / 3)
        phi = 1 / (1 + 3 * BEND * x**2)
        v = p / (M0 + M1 * phi**2 @ weights)
        slope = -12 * BEND * M1 * (x * phi**4) @ weights
        return np.array([v, slope * v**2 / 2 - K0 * y - K1 * (x * phi) @ weights + (phi * kick) @ weights / h])

    state = np.array([np.ones(count), np.zeros(count)])
    for _ in range(
        steps
    ):  # the constraint, and so the effect of each kick, moves within the step: Stratonovich's reading
        kick = sigma * np.sqrt(h) * draw.standard_normal((count, 4))
        a = rate(state, kick)
        b = rate(state + h / 2 * a, kick)
        state = state + h / 6 * (a + 2 * b + 2 * (d := rate(state + h / 2 * b, kick)) + rate(state + h * d, kick))
    model, _ = bent(ms.Noise(bridges=sigma, dt=0.125))
    start = ms.Start(1.0, x=x0, weights=weights)
    many = ms.batch(model, ms.Reduced(), start, t1=t1, save=[t1], seed=list(range(1024)), tolerance=1e-6)
    found, own = many.y[:, -1, 0], state[0]
    mean = (found.mean() - own.mean()) / np.hypot(found.std() / 32, own.std() / 64)
    spread = np.log(found.std() / own.std()) / np.hypot(1 / np.sqrt(2048), 1 / np.sqrt(8192))
    print(f"mean off by {mean:+.1f} standard errors, spread {own.std():.3f} by {spread:+.1f}")
    assert abs(mean) < 4.0 and abs(spread) < 4.0
    assert 0.5 * np.log((weights**2).sum() * 4) * np.sqrt(2048) > 8.0, "equal weights would be told apart"


# A bath


def test_a_bath_keeps_its_temperature():
    """⟨ẏᵀM_effẏ⟩ = k_BT, and y has the density √M_eff e^{−W_eff/k_BT}; without the root it would be told apart."""
    heat, times = 0.5, np.linspace(8.0, 64.0, 29)
    model, start = bent(ms.Thermostat(heat, 1.0, dt=0.25))
    many = ms.batch(model, ms.Characteristics(8), start, t1=64.0, save=times, seed=list(range(128)), tolerance=1e-5)
    y, v = many.y[..., 0], many.v[..., 0]
    errors = lambda samples, exact: (samples.mean() - exact) / (samples.std() / np.sqrt(len(samples)))
    assert abs(errors((population(y)[0] * v**2).mean(1), heat)) < 4.0

    grid = np.linspace(-8.0, 8.0, 40_001)
    mass, _, slope = population(grid)
    energy = np.cumsum(slope) * (grid[1] - grid[0])
    boltzmann = np.exp(-(energy - energy.min()) / heat)
    for function in (lambda y: y, lambda y: y**2, np.abs):
        mean = lambda density, function=function: function(grid) @ density / density.sum()
        found = function(y).mean(1)  # of each chain: they are independent
        true, naive = errors(found, mean(np.sqrt(mass) * boltzmann)), errors(found, mean(boltzmann))
        print(f"off by {true:+.1f} standard errors, without the root by {naive:+.1f}")
        assert abs(true) < 4.0
    assert abs(errors(y.mean(1), mean_of(grid, boltzmann))) > 8.0
    books = [run.energy for run in many]
    warmth = np.array([one.damping[0] - one.damping[-1] for one in books]) / 56.0  # Γ⟨ẏ²⟩ = Γ k_BT ⟨1/M_eff⟩
    exact = heat * mean_of(1 / mass, np.sqrt(mass) * boltzmann)
    print(f"heat to the bath {warmth.mean():.4f} in a unit of time, exact {exact:.4f}")
    assert abs(errors(warmth, exact)) < 4.0 < exact / (warmth.std() / np.sqrt(len(warmth)))
    assert max(one.drift for one in books) < 1e-4


def mean_of(grid, density):
    return grid @ density / density.sum()
