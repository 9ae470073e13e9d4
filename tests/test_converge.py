"""Convergence to the mean-field limit: rates, intervals that hold, the published study, the same bits however they were computed.

Load-bearing: `test_published_study` against the exact solution, and `test_intervals_hold_with_new_seeds`.
"""

import time

import jax
import numpy as np
import pytest

import myoscale as ms
from myoscale import zoo
from myoscale.errors import InputError
from myoscale.study.distance import samples_apart, wasserstein
from myoscale.study.limits import members
from myoscale.study.limits.rates import Expected, fit
from myoscale.study.mass import Points, Table

HALF = Expected(-0.5, "theory")
PUBLISHED = {"t1": 36.0, "level": ms.Reduced(4), "sizes": [4 << k for k in range(9)], "samples": 100}
SMALL = {"t1": 12.0, "level": ms.Reduced(4), "sizes": (16, 32, 64), "samples": 6, "save": 5}


@pytest.fixture(scope="module")
def published():
    return ms.converge(*zoo.linear(), **PUBLISHED)


def exact_share(t):
    """(1 − cos ωt)/2: how much of an error in the bridges' mean is seen in y."""
    return (1 - np.cos(np.sqrt(2 / 30) * t)) / 2


def test_published_study(published):
    """N Var y(t) = ((1 − cos ωt)/2)² Var x at each size within five standard errors, and over all sizes within three; rates of −1/2."""
    variance, exact = published.variance[:, :, 0], exact_share(published.ts) ** 2
    standard = np.sqrt(2 / (PUBLISHED["samples"] - 1)) * exact[-1]
    assert np.all(np.abs(variance[:, -1] - exact[-1]) < 5 * standard)
    assert abs(np.mean(variance[:, -1]) - exact[-1]) < 3 * standard / 3
    np.testing.assert_allclose(
        variance / variance[:, -1:], np.broadcast_to(exact / exact[-1], variance.shape), atol=1e-5
    )
    for name in ("y", "v", "force", "wasserstein"):
        rate = published.rates[name]
        assert abs(rate.exponent + 0.5) < 0.07 and rate.high - rate.low < 0.1 and rate.verdict == "as expected"


def test_each_run_is_the_one_that_solve_makes(published):
    """Labels stand for particles to within the tolerance: y, force, and W₁ of the particles themselves."""
    k, s = 4, 17
    model, start = zoo.linear()
    size = PUBLISHED["sizes"][k]
    run = ms.solve(model, ms.Reduced(size), start, t1=36.0, save=73, seed=k * PUBLISHED["samples"] + s)
    np.testing.assert_allclose(published.y[k, s], run.y, atol=2e-8)
    np.testing.assert_allclose(published.force[k, s], run.force, atol=2e-8)
    alone = ms.compare(
        model, start, t1=36.0, levels=[ms.Reduced(size)], seed=k * PUBLISHED["samples"] + s, one_way=False
    )
    np.testing.assert_allclose(published.wassersteins[k, s], alone[f"reduced:{size}"].wassersteins, atol=1e-6)


def test_members_in_the_plane_are_those_of_solve():
    """Every particle is carried there, and sizes share a program by particles of no weight."""
    problem = zoo.problem("element")
    study = ms.converge(problem.model, problem.start, t1=3.0, level=ms.Reduced(4), sizes=(8, 12, 20), samples=2, save=3)
    for k, size in enumerate(study.sizes):
        run = ms.solve(problem.model, ms.Reduced(size), problem.start, t1=3.0, save=3, seed=2 * k + 1)
        np.testing.assert_allclose(study.y[k, 1], run.y, atol=1e-8)
    assert np.all(study.bias > 0) and "bias" in str(study)


def test_labels_that_are_too_few_are_not_used(monkeypatch):
    """The same numbers from every particle where no grid is good enough, and from more labels where the first is not."""
    model, start = zoo.bent()
    options = {**SMALL, "t1": 4.0, "samples": 2}
    study = ms.converge(model, start, **options)
    monkeypatch.setattr(members, "_GRIDS", ())
    every = ms.converge(model, start, **options)
    np.testing.assert_allclose(study.y, every.y, atol=1e-8)
    np.testing.assert_allclose(study.wassersteins, every.wassersteins, atol=1e-7)
    monkeypatch.setattr(members, "_GRIDS", (4,))
    np.testing.assert_array_equal(ms.converge(model, start, **options).y, every.y)


def test_intervals_hold_with_new_seeds():
    """Nine in ten intervals or more hold the rate, of the linear example's y and W₁, in forty repetitions with seeds of their own."""
    held = {"y": 0, "wasserstein": 0}
    for repetition in range(40):
        options = {**SMALL, "sizes": (32, 64, 128, 256), "samples": 20}
        study = ms.converge(*zoo.linear(), **options, seed=1000 * repetition)
        for name in held:
            held[name] += study.rates[name].low <= -0.5 <= study.rates[name].high
    assert all(count >= 34 for count in held.values()), held  # 95 % of forty is 38 ± 1.4


def test_fit_finds_a_power_and_says_how_sure_it_is():
    sizes = np.array([10, 20, 40, 80])
    rate = fit(sizes, (3.0 / sizes)[:, None], 0.0, Expected(-1.0, ""))
    assert (
        rate.exponent == pytest.approx(-1, abs=1e-12) and rate.high - rate.low < 1e-10 and rate.verdict == "as expected"
    )
    bent = fit(sizes, (3.0 / sizes + 0.1)[:, None], 0.0, Expected(-1.0, ""))
    assert bent.verdict == "slower than expected" and bent.high - bent.low > 0.1
    assert fit(sizes, (3.0 / sizes)[:, None], 0.05, HALF).verdict == "faster than expected"
    nothing = fit(sizes, (3.0 / sizes)[:, None], 0.1, HALF)
    assert (
        nothing.verdict == "below the tolerance"
        and np.isnan(nothing.exponent)
        and nothing.used == (True, True, False, False)
    )
    noise = np.random.default_rng(0)
    wide, narrow = (
        fit(sizes, np.abs(noise.normal(size=(4, count))) / sizes[:, None] ** 0.5, 0.0, HALF) for count in (10, 1000)
    )
    assert wide.high - wide.low == pytest.approx(10 * (narrow.high - narrow.low), rel=0.5)


def test_quantiles_and_cells():
    """Points at quantiles of a normal law: W₁ falls like √log N/N, y like 1/N or faster; finite volumes by their order."""
    model, start = zoo.bent()
    quantiles = ms.converge(model, start, t1=4.0, level=ms.Reduced(4, "quantile"), sizes=(64, 256, 1024), save=5)
    assert quantiles.samples == 1
    w1 = quantiles.rates["wasserstein"]
    assert -1 < w1.expected.exponent < -0.9 and abs(w1.exponent - w1.expected.exponent) < 0.07
    assert quantiles.rates["y"].exponent < -1 and quantiles.rates["y"].verdict == "as expected"
    cells = ms.converge(model, start, t1=2.0, level=ms.Kinetic(50), sizes=(20, 30, 45), save=5, tolerance=1e-10)
    assert cells.rates["y"].exponent < -4 + 0.3 and cells.rates["y"].expected.at_least


def test_bridges_that_attach_and_detach():
    problem = zoo.problem("huxley")
    study = ms.converge(
        problem.model, problem.start, t1=30.0, drive=problem.drive, level=ms.Reduced(4), sizes=(50, 100, 200), samples=40,
        save=3, reference=ms.Kinetic(200),
    )  # fmt: skip
    assert "y" not in study.errors  # the motion is given
    for name in ("force", "wasserstein"):
        assert abs(study.rates[name].exponent + 0.5) < 0.15, study.rates


@pytest.mark.parametrize("table", [Table([0, 1, 2.5, 3], [0.5, 0, 0.5]), Table([-1.0, 0.0, 4.0], [0.3, 0.7])])
@pytest.mark.parametrize("count", [1, 3, 50])
def test_many_samples_at_once(table, count):
    """What `wasserstein` finds for each, jumps and gaps of the density, and samples outside of it, included."""
    x = np.random.default_rng(count).normal(1.0, 2.0, (6, count))
    np.testing.assert_allclose(samples_apart(x, table), [wasserstein(Points(row), table) for row in x], atol=1e-13)


def test_killed_and_resumed_to_the_same_bits(tmp_path):
    """At every part of the study; a part that was spoilt is computed again."""
    model, start = zoo.linear()
    whole = ms.converge(model, start, **SMALL)

    def stop_at(share):
        def progress(word, fraction):
            if fraction > share:
                raise KeyboardInterrupt

        return progress

    for share in (0.01, 0.3, 0.6):
        part = ms.converge(model, start, **SMALL, resume=tmp_path, progress=stop_at(share))
        assert part.interrupted and "Interrupted" in str(part) and np.isnan(part.y).any()
    next(tmp_path.glob("64-0.npz")).write_bytes(b"spoilt")
    for _ in range(2):
        again = ms.converge(model, start, **SMALL, resume=tmp_path)
        for name in ("y", "v", "force", "wassersteins"):
            np.testing.assert_array_equal(getattr(again, name), getattr(whole, name))
    with pytest.raises(InputError, match=r"another scenario \(not the same sizes"):
        ms.converge(model, start, **{**SMALL, "sizes": (16, 32, 65)}, resume=tmp_path)


def test_files(published, tmp_path):
    import xarray as xr

    from myoscale import store

    data = xr.open_dataset(published.save(tmp_path / "study.nc"), engine="h5netcdf")
    np.testing.assert_array_equal(data.y, published.y)
    assert store.typed_attribute(data, "scenario").level == ms.Reduced(4)
    assert published.as_dict()["rates"]["y"]["verdict"] == "as expected"


LAW = zoo.linear()[1]
POINTS = ms.Start(1.0, x=np.linspace(0, 1, 5))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"sizes": (16, 32)}, "three or more increasing sizes"),
        ({"sizes": (16, 32, 32)}, "increasing sizes"),
        ({"samples": 0}, "samples, a whole number"),
        ({"level": ms.MomentClosure()}, "has no size to let grow"),
        ({"reference": ms.MomentClosure()}, "an error of its own"),
        ({"reference": ms.Reduced(64)}, "say reduced:256, or more"),
        ({"level": ms.Characteristics(8), "reference": ms.Reduced(10_000)}, "not the other way round"),
        ({"level": ms.Kinetic(8), "reference": ms.Kinetic(64)}, "say kinetic:256, or more"),
        ({"start": POINTS}, "Start.x to be a law"),
        ({"where": {"workers": 0}}, "workers, a whole number"),
    ],
)
def test_mistakes(changes, said):
    with pytest.raises(InputError, match=said):
        where = ms.Where(**changes.pop("where", {}))
        start = changes.pop("start", LAW)
        ms.converge(zoo.linear()[0], start, **{**SMALL, **changes}, where=where)


def test_the_same_bits_in_a_cluster():
    """Processes of a scheduler compute what this one computes, a user's own class included; one that is not there is said, or passed over."""
    from distributed import LocalCluster

    class Own(zoo.LinearBridge):
        def energy(self, x):
            return 0.5 * self.stiffness * x @ x + 0.1 * (x @ x) ** 2

    model = ms.Model(zoo.linear()[0].tissue, Own(mass=10.0, stiffness=1.0, gain=-1.0))
    here = ms.converge(model, LAW, **SMALL)
    with LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None, silence_logs=50) as cluster:
        there = ms.converge(model, LAW, **SMALL, where=ms.Where(cluster.scheduler_address))
    for name in ("y", "v", "force", "wassersteins"):
        np.testing.assert_array_equal(getattr(here, name), getattr(there, name))
    nobody = ms.Where("tcp://127.0.0.1:9", fallback=True)
    np.testing.assert_array_equal(ms.converge(model, LAW, **SMALL, where=nobody).y, here.y)
    with pytest.raises(InputError, match=r"No scheduler answers at 'tcp://127.0.0.1:9'"):
        ms.converge(model, LAW, **SMALL, where=ms.Where("tcp://127.0.0.1:9"))


def test_processes_of_this_machine_join_where_it_pays(monkeypatch):
    """The same bits, whoever computed which part."""
    from myoscale.study.limits import work

    here = ms.converge(*zoo.linear(), **SMALL)
    monkeypatch.setattr(work, "_LONG", 0.0)
    shared = ms.converge(*zoo.linear(), **SMALL, where=ms.Where(workers=2))
    np.testing.assert_array_equal(here.y, shared.y)
    np.testing.assert_array_equal(here.wassersteins, shared.wassersteins)


def test_compiling_is_no_reason_to_start_processes(monkeypatch):
    """What the first part took to compile the next ones here need not; what it took to compute they do."""
    from myoscale.study.limits import work

    def slow(x):
        time.sleep(1.0)
        return x

    monkeypatch.setattr(work, "_LONG", 0.9)  # two parts left, and two processes
    for function, expected in ((jax.jit(slow), 0), (slow, 1)):
        started = []
        monkeypatch.setattr(work, "_cluster", lambda *_, started=started: started.append(True))
        part = lambda shared, x, function=function: {"x": np.asarray(function(x))}
        found = list(work.parts(part, None, {"a": (1.0,), "b": (2.0,), "c": (3.0,)}, None, ms.Where(workers=2), print))
        assert [float(made["x"]) for _, made in found] == [1.0, 2.0, 3.0] and len(started) == expected
