"""A study's numbers are those of independent computations: two harmonic oscillators, quadrature of distribution functions.

Load-bearing: `test_errors_are_those_of_two_oscillators`, `test_the_effect_of_mass_is_the_difference_of_two_oscillators` and
`test_push_forward_is_the_law_of_the_cubic`.
"""

import dataclasses
import importlib

import numpy as np
import pytest
from scipy.special import ndtr

import myoscale as ms
from myoscale import render, store
from myoscale.errors import InterruptedRun
from myoscale.model import AbstractBridge
from myoscale.study import distance
from myoscale.study.measures import pushforward
from myoscale.types import Scalar

MODULE = importlib.import_module("myoscale.study.compare")  # the package holds the function of that name
T1 = 30.0
# Reduced and Characteristics on as many points share a program.
LEVELS = (ms.Reduced(20), ms.Characteristics(20), ms.Kinetic(60), ms.MomentClosure())
REFERENCE = "characteristics:64"


class Linear(AbstractBridge):
    mass: Scalar = 10.0
    gamma: Scalar = -1.0
    stiffness: Scalar = 1.0

    def constraint(self, x, q):
        return x - self.gamma * q

    def energy(self, x):
        return 0.5 * self.stiffness * x @ x


class Bent(AbstractBridge):
    mass: Scalar = 0.5
    bend: Scalar = 0.15

    def constraint(self, x, q):
        return x + self.bend * x**3 - q

    def energy(self, x):
        return 0.5 * x @ x


MODEL = ms.Model(tissue=ms.SpringMass(mass=20.0, stiffness=1.0), bridge=Linear())
START = ms.Start(y=1.0, v=0.0, x=ms.Normal(mean=2.0, std=1.0))


def oscillator(ts, mean, mass):
    """y and ẏ of mass ÿ = −y + (mean − (y − 1)), from rest at 1."""
    middle, omega = (1 + mean) / 2, np.sqrt(2 / mass)
    return middle + (1 - middle) * np.cos(omega * ts), -(1 - middle) * omega * np.sin(omega * ts)


@pytest.fixture(scope="module")
def study():
    return ms.compare(MODEL, START, t1=T1, levels=LEVELS, save=41)


@pytest.fixture
def replay(study, monkeypatch):
    """`compare` on the runs of `study`, without running them; `replay[label] = error` makes a level raise."""
    errors = {}

    def solve(model, level, start, **options):
        if level.label in errors:
            raise errors[level.label]
        return study.solutions[level.label]

    monkeypatch.setattr(MODULE, "solve", solve)
    return errors


def again(**options):
    return ms.compare(MODEL, START, t1=T1, levels=LEVELS, save=41, **options)


def shortened(run, count):
    """The first `count` times of a run."""
    entries = {f.name: getattr(run.energy, f.name)[:count] for f in dataclasses.fields(run.energy)}
    cut = {
        name: getattr(run, name)[:count] for name in ("ts", "y", "v", "force", "reaction", "residual", "singular_value")
    }
    z = None if run.z is None else type(run.z)(*(a[:count] for a in run.z))
    return dataclasses.replace(run, energy=dataclasses.replace(run.energy, **entries), z=z, **cut)


# Numbers


def test_errors_are_those_of_two_oscillators(study):
    row, ts = study["reduced:20"], study.solutions["reduced:20"].ts
    mean = study.solutions["reduced:20"].population(0.0).mean[0]
    assert abs(mean - 2) > 0.01, "the sample has the mean of the law: nothing is measured"
    for k, errors in enumerate((row.errors_y, row.errors_v)):
        exact = np.abs(oscillator(ts, mean, 30.0)[k] - oscillator(ts, 2.0, 30.0)[k])
        np.testing.assert_allclose(errors, exact, atol=1e-7)
    assert row.error_y == pytest.approx(abs(mean - 2), rel=1e-2)  # t1 is beyond the half period


def test_levels_that_are_exact_here_have_no_error(study):
    for label in ("characteristics:20", "kinetic:60", "moments"):
        assert study[label].error_y < 1e-6
        assert study[label].drift < 1e-6
    assert study[REFERENCE].error_y == study[REFERENCE].wasserstein == 0.0
    assert study.rows[0].label == study.reference == REFERENCE


def test_the_effect_of_mass_is_the_difference_of_two_oscillators(study):
    effect, ts = study.one_way, study.solutions[REFERENCE].ts
    (y2, v2), (y1, v1) = oscillator(ts, 2.0, 30.0), oscillator(ts, 2.0, 20.0)
    np.testing.assert_allclose(effect.differences_y, np.abs(y1 - y2), atol=1e-7)
    np.testing.assert_allclose(effect.differences_v, np.abs(v1 - v2), atol=1e-7)
    assert effect.relative_y == pytest.approx(np.abs(y1 - y2).max() / (np.ptp(y2) / 2), rel=1e-6)
    kinetic, bridges = 5 * v1**2, 0.5 * ((2 - (y1 - 1)) ** 2 + 1)
    total = 10 * v1**2 + kinetic + 0.5 * y1**2 + bridges
    assert effect.ledger_error == pytest.approx(kinetic.max() / total.max(), rel=1e-6)


@pytest.mark.parametrize("label", ["reduced:20", "kinetic:60"])
def test_kinetic_energy_with_another_mass(study, label):
    """Positions followed from labels, and states as they were saved."""
    run = study.solutions[label]
    heavier = ms.Model(MODEL.tissue, Linear(mass=14.0))
    np.testing.assert_allclose(MODULE.kinetic_bridges(heavier, run), 7 * run.v[:, 0] ** 2, rtol=1e-9, atol=1e-14)


# Populations


def test_wasserstein_of_points_is_the_area_between_distribution_functions(study):
    run, x = study.solutions["reduced:20"], np.linspace(-12, 14, 400_001)
    for t, found in zip(study.times, study["reduced:20"].wassersteins, strict=True):
        points = run.population(t).points
        steps = np.searchsorted(np.sort(points[:, 0]), x, side="right") / len(points)
        law = ndtr(x - (2.0 - (oscillator(t, 2.0, 30.0)[0] - 1)))
        assert found == pytest.approx(np.abs(steps - law).sum() * (x[1] - x[0]), rel=1e-4)
    np.testing.assert_allclose(study.times, [0, 7.5, 15, 22.5, 30])


def test_wasserstein_of_exact_levels_is_small(study):
    bounds = {"characteristics:20": 1e-7, "kinetic:60": 1e-5, "moments": 1e-7}
    assert all(
        len(study[label].wassersteins) == 5 and study[label].wasserstein < bound for label, bound in bounds.items()
    )
    assert study["reduced:20"].wasserstein > 1e-2


def test_push_forward_is_the_law_of_the_cubic():
    model = ms.Model(tissue=ms.SpringMass(mass=1.0, stiffness=2.0), bridge=Bent())
    start = ms.Start(y=1.0, x=ms.Normal(mean=0.4, std=0.3))
    run = ms.solve(model, ms.Characteristics(8), start, t1=2.0, save=3)
    cubic = lambda x: x + 0.15 * x**3
    assert abs(run.y[-1, 0] - 1) > 0.3
    for t, y, (table,) in zip(run.ts, run.y[:, 0], pushforward(run, run.ts), strict=True):
        x0 = np.linspace(-0.8, 1.6, 13)  # where bridges started; they are now where the cubic has risen by y − 1
        x = np.array(
            [np.real(r[np.abs(r.imag) < 1e-9][0]) for r in (np.roots([0.15, 0, 1, -c]) for c in cubic(x0) + y - 1)]
        )
        np.testing.assert_allclose(distance.cdf(table, x), ndtr((x0 - 0.4) / 0.3), atol=1e-9)
        assert t == 0 or np.abs(x - x0).min() > 0.1


def test_two_dimensions_are_compared_as_clouds():
    mean, covariance = np.array([1.0, -2.0]), np.array([[2.0, 0.3], [0.3, 0.5]])
    law = [distance.Gaussian(mean, covariance)]
    moved = [distance.Gaussian(mean + np.array([0.3, 0.4]), covariance)]
    assert MODULE.distance(law, law) == 0
    assert MODULE.distance(law, moved) == pytest.approx(0.5, rel=1e-9)
    assert MODULE.distance(law * 2, [*law, *moved]) == pytest.approx(0.5, rel=1e-9), "the worst point counts"
    edges = np.linspace(-9, 9, 257)
    x = (edges[1:] + edges[:-1]) / 2
    grid = np.stack(np.meshgrid(x, x, indexing="ij"), -1) - mean
    masses = np.exp(-0.5 * np.einsum("abi,ij,abj->ab", grid, np.linalg.inv(covariance), grid))
    assert MODULE.distance([distance.Grid((edges, edges), masses / masses.sum())], law) < 0.01


# What does not go well


def test_a_level_that_stops_keeps_its_row(study, replay):
    part = shortened(study.solutions["reduced:20"], 12)
    replay["reduced:20"] = ms.SingularConstraintError("no rank", part, time=8.4, point=0, bridge=3, singular_value=0.0)
    replay["kinetic:60"] = ms.StoppedError("nothing at all")
    found = again(one_way=False)
    row = found["reduced:20"]
    assert (row.message, row.reached, len(row.errors_y)) == ("no rank", 8.4, 12)
    np.testing.assert_array_equal(row.errors_y, study["reduced:20"].errors_y[:12])
    np.testing.assert_array_equal(row.wassersteins, study["reduced:20"].wassersteins[:2])
    assert np.isnan(found["kinetic:60"].error_y) and "kinetic:60" not in found.solutions
    assert found["moments"].message is None and found["moments"].error_y == study["moments"].error_y
    assert "! no rank" in str(found) and "! nothing at all" in str(found) and not found.interrupted
    data = found.to_xarray()
    assert list(data.level.values) == [REFERENCE, "reduced:20", "characteristics:20", "moments"]
    assert np.isfinite(data.y.sel(level="reduced:20")).sum() == 12
    render.figure(found)


def test_a_reference_that_stops_measures_as_far_as_it_came(study, replay):
    replay[REFERENCE] = ms.StoppedError("stopped", shortened(study.solutions[REFERENCE], 21))
    found = again(one_way=False)
    assert len(found["reduced:20"].errors_y) == 21 and found.times[-1] == 15.0
    assert len(found["reduced:20"].wassersteins) == 5 and len(found.solutions["reduced:20"].ts) == 41


def test_too_little_memory_is_a_row(replay):
    replay["reduced:20"] = MemoryError()
    assert "more memory" in again(one_way=False)["reduced:20"].message


def test_interrupt_keeps_what_was_computed(study):
    seen = []

    def progress(word, fraction):
        seen.append(fraction)
        if word.startswith("characteristics:20"):
            raise KeyboardInterrupt

    found = again(progress=progress)
    assert found.interrupted and [row.label for row in found.rows] == [REFERENCE, "reduced:20"]
    np.testing.assert_array_equal(found["reduced:20"].errors_y, study["reduced:20"].errors_y)
    assert found.one_way is None and "Interrupted" in str(found)
    assert seen == sorted(seen) and seen[0] == 0 and seen[-1] == pytest.approx(2 / 6)


def test_interrupt_inside_a_run_keeps_its_part(study, replay):
    replay["reduced:20"] = InterruptedRun("Interrupted at t = 8.", shortened(study.solutions["reduced:20"], 11))
    found = again()
    assert found.interrupted and [row.label for row in found.rows] == [REFERENCE, "reduced:20"]
    assert len(found["reduced:20"].errors_y) == 11


@pytest.mark.parametrize(
    ("levels", "said"),
    [
        ([], "one or more"),
        ([ms.MomentClosure(), ms.MomentClosure()], "'moments' twice"),
        ([ms.MomentClosure(), ms.Reduced()], "Reduced"),
        ([ms.MomentClosure(), ms.Kinetic(60, window=1.0)], "widen it"),
    ],
)
def test_mistakes_are_found_before_anything_runs(levels, said, monkeypatch):
    monkeypatch.setattr(MODULE, "solve", lambda *_, **__: pytest.fail("a level was run"))
    with pytest.raises(ms.InputError, match=said):
        ms.compare(MODEL, START, t1=T1, levels=levels)


# Output


def test_file_holds_the_study_and_its_scenarios(study, tmp_path):
    data = store.read(study.save(tmp_path / "study.nc"))
    assert list(data.level.values) == [REFERENCE, *(level.label for level in LEVELS)]
    for k, row in enumerate(study.rows):
        run = study.solutions[row.label]
        np.testing.assert_array_equal(data.y.values[k], run.y)
        np.testing.assert_array_equal(data.energy_total.values[k], run.energy.total)
        np.testing.assert_array_equal(data.errors_v.values[k], row.errors_v)
        np.testing.assert_array_equal(data.wassersteins.values[k], row.wassersteins)
        assert float(data.wall[k]) == row.wall and str(data.path.values[k]) == row.path
    assert data.attrs["one_way_effect_y"] == study.one_way.effect_y
    scenario = store.typed_attribute(data, "level_1_scenario", [Linear])
    rest = {
        f.name: getattr(scenario, f.name)
        for f in dataclasses.fields(scenario)
        if f.name not in ("model", "level", "start")
    }
    rerun = ms.solve(scenario.model, scenario.level, scenario.start, **rest)
    np.testing.assert_array_equal(rerun.y, study.solutions["reduced:20"].y)


def test_table_is_narrow_and_complete(study):
    long = dataclasses.replace(study["reduced:20"], label="reduced:" + "9" * 60, message="word " * 60, drift=0.5)
    text = str(dataclasses.replace(study, rows=[*study.rows, long]))
    assert max(map(len, text.splitlines())) <= 110
    narrow = study.text(80)
    assert max(map(len, narrow.splitlines())) <= 80 and "max|Δy|" in narrow and "run s" in narrow
    assert all(sum(line.startswith(row.label + " ") for line in text.splitlines()) == 1 for row in study.rows)
    assert "do not trust" in text and "do not trust" not in str(study)
    assert f"{study['reduced:20'].error_y:.1e}" in text and "of the amplitude" in text


def test_figure_shows_every_level_and_is_written_twice_alike(study, tmp_path):
    fig = render.figure(study)
    assert len(fig.axes) == 5
    drawn = [{line.get_color() for line in axes.lines} for axes in fig.axes[:2]]
    assert len(drawn[0]) == 6 and len(drawn[1]) == 5  # five levels and one-way; the reference has no error
    first, again = (render.save_figure(study, tmp_path / name, title="Linear") for name in "ab")
    names = ["figure.png", "figure.svg", "figure.pdf"]
    assert [path.name for path in first] == names
    assert [p.read_bytes() for p in first] == [p.read_bytes() for p in again]
    assert {p.name for p in (tmp_path / "a").iterdir()} == set(names)


def test_figure_in_two_dimensions_shows_ellipses(study):
    cloud = np.random.default_rng(0).normal(size=(400, 2)) * np.array([2.0, 0.5]) + np.array([1.0, -1.0])
    kinds = [distance.Points(cloud), distance.Gaussian(np.array([1.0, -1.0]), np.diag([4.0, 0.25]))]
    made = {label: [[kind]] * len(study.times) for label, kind in zip([REFERENCE, "moments"], kinds, strict=True)}
    plane = dataclasses.replace(study, measures=made)
    assert "clouds" in str(plane) and "clouds" not in str(study)
    fig = render.figure(plane)
    ellipses = fig.axes[-1].patches
    assert len(ellipses) == 4
    np.testing.assert_allclose([sorted((e.width, e.height)) for e in ellipses], [[1, 4], [2, 8]] * 2, rtol=0.1)
