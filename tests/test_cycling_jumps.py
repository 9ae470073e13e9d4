"""Heads that jump: one by one as the scheme says, together as the mean field does; and the order of time steps of what they converge to.

`test_jumps_converge_to_the_mean_field` carries it: two-way coupled, at the rate of chance. Lengths in units of h, rates of f₁ + g₁.
"""

import cycling_oracle as oracle
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import binom, kstest, norm, uniform
from stepping import free

import myoscale as ms
from myoscale.drive import Length, Line
from myoscale.model import Availability, Huxley1957, Momentum
from myoscale.model.scenario import tree_float
from myoscale.population import Heads

F1, G1, G2 = 43.3 / 53.3, 10 / 53.3, 209 / 53.3
PHI = 0.5
START = ms.Start(1.0, x=ms.Normal(mean=0.5, std=0.25), attached=0.2)


def muscle(momentum="comoving", mass=0.5, spacing=36 / 15.6, springs=1.0, **options):
    rates = {"f1": F1, "g1": G1, "g2": G2, "momentum": Momentum(momentum)} | options
    bridge = ms.zoo.LinearBridge(
        mass=mass, stiffness=2.0 * springs, gain=np.asarray(1.0), cycling=Huxley1957(spacing=spacing, h=1.0, **rates)
    )
    return ms.Model(ms.SpringMass(mass=1.0, stiffness=springs, count=2.0), bridge)


@pytest.fixture(scope="module", params=["comoving", "at_rest"])
def ensembles(request):
    """For 50, 500 and 5,000 heads, 48 seeds each: every step; and the mean field at a fine step."""
    model, sizes = muscle(request.param), (50, 500, 5_000)
    runs = [free(model, ms.Reduced(n), START, 2.0, int(20 * (n / 50) ** 0.25), seed=np.arange(48)) for n in sizes]
    return np.array(sizes), runs, free(model, ms.Characteristics(1920, sites=2), START, 2.0, 200)


def test_jumps_converge_to_the_mean_field(ensembles):
    """Root mean squares over 48 seeds fall with N^{-1/2}: a slope of −0.5, known to 0.03 from so many seeds."""
    sizes, runs, truth = ensembles
    for name in ("y", "force"):
        wanted = getattr(truth, name)[-1].ravel()
        errors = np.stack([getattr(run, name)[:, -1].reshape(48, -1) - wanted for run in runs])[..., 0]
        rms = np.sqrt(np.mean(errors**2, axis=1))
        assert abs(np.polyfit(np.log(sizes), np.log(rms), 1)[0] + 0.5) < 0.12
        # A mean that is off would bend the line sooner or later; here it is within four standard errors at the largest N.
        assert abs(errors[-1].mean()) < 4 * errors[-1].std(ddof=1) / np.sqrt(48)


def test_every_jump_is_in_the_ledger(ensembles):
    """Energy now is that of the start, and what cycling brought and took."""
    _, runs, _ = ensembles
    for run in runs:
        total = sum(np.asarray(part) for part in run.ledger)
        change = total - run.cycling.energy_in + run.cycling.energy_out
        scale = np.abs(total).max() + run.cycling.energy_in.max()
        assert np.ptp(change, axis=1).max() < 1e-12 * scale and run.cycling.energy_in.min(axis=0)[-1] > 0.05


def test_without_mass_momentum_makes_no_difference():
    """Path by path: the same heads jump at the same times; from another seed others do."""
    models = [muscle(word, mass=0.0) for word in Momentum]
    one, other = (free(model, ms.Reduced(300), START, 2.0, 200, seed=7) for model in models)
    assert np.array_equal(one.cycling.attached, other.cycling.attached) and len(np.unique(one.cycling.attached)) > 10
    np.testing.assert_allclose(one.y, other.y, rtol=0, atol=1e-12)
    np.testing.assert_allclose(one.force, other.force, rtol=0, atol=1e-12)
    third = free(models[0], ms.Reduced(300), START, 2.0, 200, seed=8)
    assert not np.array_equal(one.cycling.attached, third.cycling.attached)


@pytest.mark.parametrize("momentum", ["comoving", "at_rest"])
def test_heads_at_rest_are_taken_along(momentum):
    """Without forces, and no head letting go, momentum stays what it was if heads attach at rest, and velocity if they move along."""
    model = muscle(momentum, springs=0.0, g1=0.0, g2=0.0)
    run = free(model, ms.Reduced(300), ms.Start(1.0, -1.5, x=START.x, attached=0.2), 2.0, 200, seed=7)
    mass = 1.0 + 2.0 * 0.5 * run.cycling.attached[:, 0]
    kept = mass * run.v[:, 0] if momentum == "at_rest" else run.v[:, 0]
    assert mass[-1] > mass[0] + 0.2
    np.testing.assert_allclose(kept, kept[0], rtol=1e-12)


# In units of φ (negative: shortening), and the distance after which n is steady.
@pytest.mark.parametrize(("ratio", "distance"), [(-4.0, 6), (-1.0, 6), (0.3, 6), (1.0, 10)])
def test_steady_force_of_many_heads(ratio, distance):
    """1e5 heads against the closed form, within four standard errors of what so many heads say; sites as far apart as that asks for."""
    spacing, u = 24.0, ratio * PHI
    run = ms.solve(
        muscle(mass=0.0, spacing=spacing),
        ms.Reduced(100_000, dt=distance / abs(u) / 400),
        ms.Start(0.0),
        t1=distance / abs(u),
        drive=Length(Line(0.0, u, 0.0)),
        save=2,
    )
    profile = (
        oracle.steady(oracle.huxley(F1, G1, G2, h=1.0), u, None).moments / spacing
    )  # of the share of heads attached
    isometric = oracle.huxley_isometric(F1, G1, h=1.0) / spacing
    assert profile[1] == pytest.approx(oracle.huxley_force(-u, F1, G1, G2, h=1.0) * isometric, rel=1e-9)
    found, error = -run.force[-1, 0, 0] / 4.0, np.sqrt((profile[2] - profile[1] ** 2) / 1e5)
    assert abs(found - profile[1]) < 4 * error and error < 0.08 * isometric
    assert run.cycling is not None
    share = np.sqrt(profile[0] * (1 - profile[0]) / 1e5)
    assert abs(run.cycling.attached[-1, 0] - profile[0]) < 4 * share


def exchanged(heads, dt, u, x=None, attached=0.0, r=1.0, seed=5, spacing=4.0, **options):
    """One exchange of heads that were detached, or attached with a law: states before and after, where they are, and fluxes."""
    model = tree_float(muscle(spacing=spacing, **options))
    with jax.enable_x64(True):
        population, q = Heads(heads), jnp.zeros(1)
        before = population.start(model.bridge, q, x, jnp.asarray(attached), jax.random.key(seed))
        arguments = (jnp.asarray([u]), jnp.asarray(dt), jnp.asarray(r), jax.random.key(seed + 1))
        after, flux = eqx.filter_jit(population.exchange)(model.bridge, before, q, *arguments)
        return before, after, jax.tree.map(float, flux)


def test_heads_start_with_the_law():
    """The share attached, and where: Kolmogorov's distance; detached heads are uniform over what is left."""
    law = ms.Normal(mean=1.5, std=0.5)
    start, _, _ = exchanged(100_000, 0.0, 0.0, law, 0.2)
    x, attached = np.asarray(start.l), np.asarray(start.state) == 1
    assert abs(attached.mean() - 0.2) < 4 * np.sqrt(0.2 * 0.8 / 1e5)
    assert kstest(x[attached], norm(1.5, 0.5).cdf).pvalue > 1e-4
    assert kstest((x + 2) % 4, uniform(0, 4).cdf).pvalue > 1e-4


def test_the_number_attached_is_binomial():
    """At rest, n(x, t) = f/(f + g)(1 − e^{−(f+g)t}): in one long exchange heads jump many times, and 5,000 groups of 20 tell."""
    t, n, groups = 6.0, 20, 5_000
    phase = (np.arange(20_000) + 0.5) / 20_000 * 4.0 - 2.0
    p = np.mean(oracle.huxley_rise(phase, t, F1, G1, h=1.0))
    _, after, flux = exchanged(groups * n, t, 0.0)
    counts = np.asarray(after.state).reshape(groups, n).sum(1)
    expected = groups * binom.pmf(np.arange(n + 1), n, p)
    # All that attached in that time, ∫f(1 − n)dt.
    f = np.where((phase > 0) & (phase < 1), F1 * phase, 0.0)
    total = f + np.where(phase > 0, G1 * phase, G2)
    attachments = np.mean(f * (t - f / total * (t + np.expm1(-total * t) / total)))
    assert abs(flux.attached - attachments) < 4 * np.sqrt(2 * attachments / (groups * n))
    # Pearson's χ², of classes that are expected five times or more.
    cut = np.flatnonzero(expected >= 5)
    classes = np.clip(counts, cut[0], cut[-1])
    wanted = np.array([expected[: cut[0] + 1].sum(), *expected[cut[1:-1]], expected[cut[-1] :].sum()])
    seen = np.array([np.sum(classes == c) for c in cut])
    assert np.sum((seen - wanted) ** 2 / wanted) < len(cut) - 1 + 4 * np.sqrt(2 * (len(cut) - 1))


def test_rates_are_those_along_the_path():
    """Heads pass h within the step, where the rate jumps to zero: they attach as the mean over their path says."""
    u, dt, n = 1.0, 0.2, 200_000
    before, after, flux = exchanged(n, dt, u)
    x = np.asarray(before.l)
    on = ((np.arange(400) + 0.5) / 400 - 0.5) * u * dt
    for low, high in ((1.0, 1.1), (0.9, 1.0), (0.4, 0.6), (-0.05, 0.1)):
        inside = (x > low) & (x < high)
        path = x[inside][:, None] + on[None]
        f = np.where((path > 0) & (path < 1), F1 * path, 0.0).mean(1)
        g = np.where(path > 0, G1 * path, G2).mean(1)
        wanted = np.mean(f / (f + g) * -np.expm1(-(f + g) * dt))
        found = np.mean(np.asarray(after.state)[inside])
        assert inside.sum() * wanted > 40 and abs(found - wanted) < 4 * np.sqrt(wanted / inside.sum())
    assert flux.attached - flux.detached == pytest.approx(np.mean(np.asarray(after.state)), abs=1e-12)


@pytest.mark.parametrize("availability", list(Availability))
def test_counts_and_energies_of_jumps(availability):
    """Gross fluxes against what heads became: an ATP for each that let go, W₁ for each that jumped; those that let go are home again."""
    law = ms.Normal(mean=2.5, std=0.3)
    before, after, flux = exchanged(50_000, 0.05, -0.5, law, 0.1, r=0.0, availability=availability)
    x, was, now = np.asarray(before.l), np.asarray(before.state), np.asarray(after.state)
    gone = (was == 1) & (now == 0)
    assert gone.sum() > 50 and not np.any((was == 0) & (now == 1)), "nothing attaches without activation"
    assert flux.detached == flux.atp == pytest.approx(gone.sum() / 50_000, rel=1e-12) and flux.attached == 0
    home = np.asarray(after.l)[gone]
    assert (np.abs(home) <= 2).all() and (x[gone] > 2).any()
    np.testing.assert_allclose((home - x[gone] + 2) % 4, 2, atol=1e-12)
    energy = lambda x: np.sum(x**2) / 50_000  # κ = 2
    assert flux.energy_in == pytest.approx(0.0) and flux.energy_out == pytest.approx(energy(x[gone]), rel=1e-12)
    before, after, flux = exchanged(50_000, 0.01, 0.5, availability=availability)
    came = np.asarray(after.l)[np.asarray(after.state) == 1]
    # Few of them let go again in so short a time; those have put in and taken out the same.
    assert flux.energy_in - flux.energy_out == pytest.approx(energy(came), rel=1e-9) and len(came) > 50
    assert flux.attached - flux.detached == pytest.approx(len(came) / 50_000, rel=1e-9)


@pytest.mark.parametrize("momentum", ["comoving", "at_rest"])
def test_time_steps_are_of_second_order(momentum):
    """A chain of three, two-way coupled, with rates that jump: y, v and force at all times.

    Nodes are so near to each other that several pass a breakpoint within a step: that is when the order shows.
    """
    model, _ = ms.zoo.huxley_chain(3, m=1.0, kappa0=6.0, momentum=momentum)
    start = ms.Start(np.array([1.6, 2.6, 4.5]), np.zeros(3), x=START.x, attached=START.attached)
    level = ms.Characteristics(960, sites=2)
    fine, first, last = (free(model, level, start, 4.0, 40 * k, 480) for k in (12, 1, 4))
    for name in ("y", "v", "force"):
        truth = getattr(fine, name)[::12]
        one, other = (np.abs(getattr(run, name)[::k] - truth).max() for run, k in ((first, 1), (last, 4)))
        assert 2e-4 < one < 1e-2 and 1.75 < np.log2(one / other) / 2 < 2.5, (name, one, other)
