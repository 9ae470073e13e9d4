"""What is drawn of multipliers is what the solution holds: the fan of pulls, the residuals of the constraint, only where there are any.

Load-bearing: `test_the_fan_of_a_run_holds_its_pulls` (quantiles counted from `pulls`, whose sum is the force) and
`test_bridges_are_drawn_where_they_went` (a bridge that has passed through rank loss is on the other side).
"""

import dataclasses
import importlib

import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.figure import Figure

import myoscale as ms
from myoscale import draw, render, zoo
from myoscale.model import AbstractBridge
from myoscale.render.page.data import data
from myoscale.study.inertia import kinetic_bridges
from myoscale.types import Scalar

N, T1 = 30, 4.0  # one bridge passes x = 0 at about t = 2
PARTS = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)


class Lateral(AbstractBridge):
    """Tied along x₁, free across."""

    mass: Scalar = 0.5

    def constraint(self, x, q):
        return x[:1] - q

    def energy(self, x):
        return 0.5 * x[0] ** 2 + 2.0 * x[1] ** 2 + 0.2 * x[0] * x[1]


@pytest.fixture(scope="module")
def study():
    """Through a rank loss; `reduced` stops there."""
    levels = [ms.Constrained(N), ms.Reduced(N)]
    return ms.compare(*zoo.singular(), t1=T1, levels=levels, reference=levels[0], save=81, one_way=False)


@pytest.fixture(scope="module")
def run(study):
    return study.solutions[f"constrained:{N}"]


@pytest.fixture(scope="module")
def plane():
    """Two components of q, and bridges of unequal weight."""
    model, start = zoo.element()
    return ms.solve(model, ms.Constrained(20), start, t1=0.5, save=11)


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def band(collection):
    """Lower and upper edge of what `fill_between` drew, over its times."""
    (path,) = collection.get_paths()
    ts = np.unique(path.vertices[:, 0])
    here = [path.vertices[path.vertices[:, 0] == t, 1] for t in ts]
    return ts, np.array([(y.min(), y.max()) for y in here]).T


# The fan


def test_the_fan_of_a_run_holds_its_pulls(run):
    axes = run.plot()
    assert len(axes) == 6
    fan = axes[4]
    pulls = N * run.pulls[:, 0, :, 0]
    np.testing.assert_allclose(pulls.mean(axis=1), run.force[:, 0, 0], rtol=1e-9, atol=1e-9)
    for k, drawn in enumerate(fan.collections):
        ts, (low, high) = band(drawn)
        np.testing.assert_array_equal(ts, run.ts)
        np.testing.assert_allclose(low, np.quantile(pulls, PARTS[k], axis=1), rtol=1e-12)
        np.testing.assert_allclose(high, np.quantile(pulls, PARTS[-1 - k], axis=1), rtol=1e-12)
    assert len(fan.collections) == 3
    *single, median = (line.get_ydata() for line in fan.lines)
    np.testing.assert_allclose(median, np.median(pulls, axis=1), rtol=1e-12)
    columns = [int(np.flatnonzero((pulls == y[:, None]).all(axis=0))[0]) for y in single]
    peaks = np.abs(pulls).max(axis=0)
    assert len(set(columns)) == 3 and columns[0] == peaks.argmax()


def test_a_spike_has_its_name_and_hides_nothing(run):
    """The bridge that passes goes a thousand times further than others, which keep a readable part of the axis all the same."""
    fan = run.plot()[4]
    pulls = N * run.pulls[:, 0, :, 0]
    t, k = np.unravel_index(np.abs(pulls).argmax(), pulls.shape)
    assert np.abs(pulls).max() > 50 * np.quantile(np.abs(pulls), 0.95)
    (note,) = fan.texts
    assert note.get_text().startswith(f"bridge {run.followed[k]}: ") and note.xy == (run.ts[t], pulls[t, k])
    place = lambda y: fan.transAxes.inverted().transform(fan.transData.transform((0.0, y)))[1]
    low, high = np.quantile(pulls, [0.05, 0.95])
    assert place(high) - place(low) > 0.15
    assert 0 < place(pulls.min()) < place(pulls.max()) < 0.9, "a spike leaves the axis, or reaches into the names"


def test_numbers_on_the_axis_are_apart_and_true(run):
    fan = run.plot()[4]
    ticks, names = fan.get_yticks(), [label.get_text() for label in fan.get_yticklabels()]
    heights = fan.transAxes.inverted().transform(fan.transData.transform([(0.0, tick) for tick in ticks]))[:, 1]
    assert len(ticks) > 4 and 0.0 in ticks and np.diff(heights).min() > 0.05
    for tick, name in zip(ticks, names, strict=True):
        plain = name.strip("$").replace("−", "-").replace("·", "*").replace("{", "").replace("}", "")
        assert eval(plain.replace("^", "**")) == pytest.approx(tick)


def test_lengths_of_forces_in_the_plane(plane):
    fan = plane.plot()[4]
    sizes = 20 * np.linalg.norm(plane.pulls[:, 0], axis=2)
    np.testing.assert_allclose(fan.lines[-1].get_ydata(), np.median(sizes, axis=1), rtol=1e-12)
    assert fan.get_yscale() == "linear" and fan.get_ylabel().startswith("|force|")


def test_weights_count():
    """Nine of ten parts of the weight on one bridge of three: the median is that bridge, the mean is the force."""
    model, start = zoo.linear()
    start = dataclasses.replace(start, x=np.array([[-1.0], [0.5], [2.0]]), weights=np.array([0.9, 0.1, 0.0]))
    run = ms.solve(model, ms.Constrained(), start, t1=1.0, save=5)
    values, w, numbers = run.pulls_drawn()
    assert list(numbers) == [0, 1]
    np.testing.assert_allclose(values @ w, run.force[:, 0, 0], rtol=1e-12)
    np.testing.assert_array_equal(draw.spread(values, w).bands[3], values[:, 0])


# Residuals


def test_residuals_are_those_of_the_solution_and_zeros_have_a_place(run):
    axes = run.plot()[5]
    assert axes.get_yscale() == "log" and run.residual[0] * run.velocity_residual[0] == 0
    position, velocity, rounding = (np.asarray(line.get_ydata()) for line in axes.lines)
    for drawn, values in ((position, run.residual), (velocity, run.velocity_residual)):
        lowest = drawn.min()
        assert np.isfinite(drawn).all() and lowest > 0
        np.testing.assert_array_equal(drawn, np.maximum(values, lowest))
        assert (values >= lowest).mean() > 0.9
    assert (rounding == run.rounding).all() and 1e-16 < run.rounding < 1e-13
    low, high = axes.get_ylim()
    assert low < 1e-16 and high > run.rounding


def test_nothing_but_zeros_is_a_sentence():
    axes = Figure().subplots()
    draw.residuals(axes, [("a", np.arange(3.0), np.zeros(3), draw.Style("#000000", "-", 1.0, 1))])
    assert [text.get_text() for text in axes.texts] == ["exactly zero"]


# A study


def test_the_figure_has_both_and_only_where_there_are_multipliers(study, run):
    fig = render.figure(study)
    headings = [axes.get_title(loc="left") for axes in fig.axes]
    assert [heading[:3] for heading in headings if heading.startswith("(")] == ["(a)", "(b)", "(c)", "(d)", "(e)"]
    fan, residuals = fig.axes[2:4]
    _, (low, _) = band(fan.collections[1])
    np.testing.assert_allclose(low, np.quantile(N * run.pulls[:, 0, :, 0], 0.05, axis=1), rtol=1e-12)
    assert sorted(text.get_text() for text in residuals.texts) == [
        f"constrained:{N}", f"constrained:{N}, ġ", f"reduced:{N}", "rounding",
    ]  # fmt: skip
    label = f"reduced:{N}"
    others = dataclasses.replace(
        study, solutions={label: study.solutions[label]}, measures={label: study.measures[label]}
    )
    assert len(render.figure(others).axes) == len(fig.axes) - 2
    assert len(study.solutions[label].plot()) == 4
    with pytest.raises(ms.InputError, match="Constrained"):
        _ = study.solutions[label].multipliers


def test_a_second_fan_is_an_outline(study, run):
    twice = dataclasses.replace(study, solutions=study.solutions | {"again": run})
    fan = render.figure(twice).axes[2]
    assert len(fan.collections) == 3 and len(fan.lines) == 4 + 3


def test_the_page_has_the_same_numbers(study, run, plane):
    drawn = data(study)
    (one,) = drawn["fan"]["levels"][f"constrained:{N}"]
    pulls = N * run.pulls[:, 0, :, 0]
    np.testing.assert_allclose(one["bands"], np.quantile(pulls, PARTS, axis=1), rtol=1e-5, atol=1e-300)
    for line in one["bridges"]:
        np.testing.assert_allclose(line["values"], pulls[:, line["bridge"]], rtol=1e-5, atol=1e-300)
    assert list(drawn["fan"]["levels"]) == [f"constrained:{N}"] and drawn["fan"]["width"] > 0
    levels = drawn["residual"]["levels"]
    np.testing.assert_allclose(levels[f"constrained:{N}"]["velocity"], run.velocity_residual, rtol=1e-5)
    stopped = study.solutions[f"reduced:{N}"]
    np.testing.assert_allclose(levels[f"reduced:{N}"]["position"], stopped.residual, rtol=1e-5)
    assert set(levels[f"reduced:{N}"]) == {"position"}
    assert data(ms.study.alone(stopped))["fan"] is None
    flat = data(ms.study.alone(plane))
    assert flat["fan"]["width"] is None and flat["fan"]["sized"]


def test_levels_without_labels_have_neither():
    model, start = zoo.linear()
    run = ms.solve(model, ms.MomentClosure(), start, t1=1.0, save=5)
    drawn = data(ms.study.alone(run))
    assert drawn["fan"] is None and drawn["residual"] is None


def test_bridges_are_drawn_where_they_went(run):
    """Also of levels that follow only some: on the far side of x = 0, where no label would find them."""
    drawn = data(ms.study.alone(run))
    assert run.population(T1).points.min() < 0 < run.population(0.0).points.min()
    np.testing.assert_allclose(np.sort(np.array(drawn["picture"]["x"])[0, :, -1]), np.sort(run.z.x[-1, 0, :, 0]), rtol=1e-3)  # fmt: skip
    model, start = zoo.singular()
    some = ms.solve(model, ms.Constrained(N, keep=N - 1), start, t1=T1, save=81)
    drawn = data(ms.study.alone(some))
    assert np.array(drawn["picture"]["x"]).shape[1] == N - 1
    here = np.sort(some.z.x[-1, 0, :, 0])
    np.testing.assert_allclose(np.sort(np.array(drawn["picture"]["x"])[0, :, -1]), here, rtol=1e-3)
    (rug,) = drawn["population"]["levels"][some.scenario.level.label]
    np.testing.assert_allclose(np.sort(rug["x"][-1]), here, rtol=1e-3)


# What a study computes


def test_kinetic_energy_is_that_of_the_tracks(run):
    """With its own mass it is the ledger's; through the rank loss too."""
    model = run.scenario.model
    np.testing.assert_allclose(kinetic_bridges(model, run), run.energy.kinetic_bridges, rtol=1e-12, atol=1e-15)
    onion, start = zoo.onion()
    some = ms.solve(onion, ms.Constrained(N, keep=7), start, t1=3.0, save=7)
    np.testing.assert_allclose(kinetic_bridges(onion, some), some.energy.kinetic_bridges, rtol=1e-7, atol=1e-12)


@pytest.mark.parametrize("kind", ["free", "energy-momentum"])
def test_where_mass_is_needed_there_is_no_one_way(kind):
    """Bridges that are free to move, and a stepper that divides by m."""
    if kind == "free":
        model = ms.Model(ms.SpringMass(mass=2.0, stiffness=1.0), Lateral())
        start = ms.Start(1.0, x=ms.Normal(mean=jnp.array([1.0, 0.0]), std=jnp.array([0.2, 0.1])))
        levels = [ms.Characteristics(16), ms.Constrained(20)]
    else:
        (model, start), levels = zoo.linear(), [ms.Constrained(20, stepper="energy-momentum", dt=0.1)]
    study = ms.compare(model, start, t1=1.0, levels=levels, reference=levels[0], save=5)
    assert study.one_way is None and [row.message for row in study.rows] == [None] * len(levels)
    assert len(study.to_xarray().level) == len(levels)
    assert data(study)["fan"]["levels"].keys() == study.solutions.keys()


def test_a_drive_that_a_level_cannot_have_is_found_before_anything_runs(monkeypatch):
    model, start = zoo.linear()
    levels = [ms.Reduced(20), ms.Constrained(20)]
    monkeypatch.setattr(
        importlib.import_module("myoscale.study.compare"), "solve", lambda *_, **__: pytest.fail("a level was run")
    )
    with pytest.raises(ms.InputError, match="inertia"):
        ms.compare(model, start, t1=1.0, levels=levels, reference=levels[0], drive=ms.QuasiStatic())
