"""What results show of bridges that attach and detach: populations, stiffness, files, resumed runs, comparisons, pictures.

Load-bearing: `test_populations_are_the_profile_of_1957` (the closed form of steady shortening, read off the cells that are shown) and
`test_killed_and_resumed` (the same bits). One half-sarcomere that shortens.
"""

import dataclasses

import matplotlib.pyplot as plt
import numpy as np
import pytest
from mortal import bits

import myoscale as ms
from myoscale.drive import Length, Line
from myoscale.errors import InterruptedRun
from myoscale.model import Huxley1957, Momentum
from myoscale.render.page.data import data
from myoscale.study.compare import _runs
from myoscale.study.measures import distance, measures

H, SPACING, F1, G1, G2, KAPPA = 1.0, 6.0, 43.3, 10.0, 209.0, 2.0
PHI = (F1 + G1) * H / 2
ALPHA = F1 / (F1 + G1)
SCHEME = Huxley1957(spacing=SPACING, h=H, momentum="at_rest")
BRIDGE = ms.zoo.LinearBridge(mass=0.5, stiffness=KAPPA, gain=1.0, cycling=SCHEME)
MODEL = ms.Model(ms.SpringMass(mass=1.0, stiffness=0.0), BRIDGE)
DRIVE = Length(Line(0.0, -PHI, 0.0))
LEVELS = [ms.Kinetic(480, sites=1, dt=2e-3), ms.Characteristics(480, sites=1, dt=2e-3), ms.Reduced(20_000, dt=2e-3)]


def solve(level, **options):
    return ms.solve(MODEL, level, ms.Start(0.0), **({"t1": 0.4, "drive": DRIVE, "save": 9} | options))


@pytest.fixture(scope="module")
def runs():
    return {level.name: solve(level) for level in LEVELS}


@pytest.fixture(params=["kinetic", "characteristics", "reduced"])
def run(runs, request):
    return runs[request.param]


def shortening(x):
    """The share attached at x in steady shortening at the speed φ, after all heads have passed (theory of 1957)."""
    inside = ALPHA * -np.expm1((x**2 / H**2 - 1) * PHI / PHI)
    behind = ALPHA * -np.expm1(-1.0) * np.exp(G2 * np.minimum(x, 0.0) / PHI)
    return np.where(x > H, 0.0, np.where(x > 0, inside, behind))


@pytest.mark.parametrize("level", [ms.Kinetic(48, sites=3), ms.MomentClosure()], ids=lambda level: level.name)
def test_slow_loads_keep_the_ledger(level):
    """Without inertia, with bridges that come and go and a load that rises; the tissue does move."""
    model = ms.Model(ms.SpringMass(mass=1.0, stiffness=0.05), BRIDGE)
    steps = [ms.protocol.Hold(0.1), ms.protocol.Load(ms.Line(0.1, 0.5), 0.1, slow=True)]
    run = ms.solve(model, level, ms.Start(0.0), t1=0.2, drive=ms.Protocol(steps), save=9)
    assert np.ptp(run.y) > 0.1 and abs(run.energy.cycling[-1] - run.energy.cycling[4]) > 1e-3
    assert run.energy.drift < 1e-12


def test_populations_are_the_profile_of_1957(run):
    """Masses of cells against integrals of the closed form; the mean, and what the cells say of their total."""
    shown = run.population(0.4)
    (edges,), fine = shown.edges, np.linspace(-8.0, 2.0, 200_001)
    below = np.concatenate([[0.0], np.cumsum(shortening((fine[1:] + fine[:-1]) / 2) * np.diff(fine))]) / SPACING
    coarse = np.linspace(-2.0, 1.25, 14)
    wanted = np.diff(np.interp(coarse, fine, below))
    found = np.diff(np.interp(coarse, edges, np.concatenate([[0.0], np.cumsum(shown.masses)])))
    heads = 20_000 if run.scenario.level.name == "reduced" else np.inf
    noise = 4 * np.sqrt(below[-1] / heads)  # of any share
    assert below[-1] > 8 * noise, "too little is attached to tell"
    cell = 0.05 * ALPHA / SPACING  # what a cut through a cell may move
    np.testing.assert_allclose(found, wanted, rtol=0, atol=noise + 0.2 * cell)
    assert shown.kind == "density" and shown.attached == pytest.approx(below[-1], abs=noise + 1e-3 * below[-1])
    assert shown.attached == pytest.approx(run.cycling.attached[-1, 0], rel=1e-12)
    assert shown.states.shape == (1, len(shown.masses)) and np.array_equal(shown.states[0], shown.masses)
    mean = np.sum(shortening(fine) * fine) / np.sum(shortening(fine))
    assert shown.mean[0] == pytest.approx(mean, abs=4 / np.sqrt(heads * below[-1]) + 2e-3)
    assert np.sum(shown.density * np.diff(edges)) == pytest.approx(shown.attached, rel=1e-12)


def test_cells_fill_the_window_and_nothing_is_attached_at_first(run):
    shown = run.population(0.0)
    assert shown.attached == 0 and not shown.masses.any() and np.isnan(shown.mean).all()
    (edges,) = run.population(0.2).edges
    assert (np.diff(edges) > 0).all() and np.ptp(edges) >= SPACING * (1 - 1e-12)


def test_stiffness_and_rates_of_springs(run):
    """κ for each attached head; what attached and did not let go is attached; a cycle splits one ATP."""
    cycling = run.cycling
    np.testing.assert_allclose(run.stiffness[:, 0, 0, 0], KAPPA * cycling.attached[:, 0], rtol=1e-12)
    steps = np.diff(run.ts)[:, None]
    net = (cycling.attachment_rate - cycling.detachment_rate)[1:] * steps
    np.testing.assert_allclose(np.cumsum(net, axis=0) - (cycling.lost[1:]), cycling.attached[1:], atol=1e-12)
    assert np.array_equal(cycling.atp_rate, cycling.detachment_rate) and not cycling.atp_rate[0].any()
    steady = ALPHA * -np.expm1(-1.0) * PHI / SPACING  # heads that pass x = 0 attached, all of which let go behind it
    inside = G1 / H * np.sum((x := np.linspace(0, H, 10_001)[1:]) * shortening(x)) * (H / 10_000) / SPACING
    noise = 4 * np.sqrt((steady + inside) / (20_000 * 0.05)) if run.scenario.level.name == "reduced" else 0.0
    assert cycling.atp_rate[-1, 0] == pytest.approx(steady + inside, abs=noise + 2e-3 * (steady + inside))


def test_a_file_holds_all_of_it(run, tmp_path):
    back = ms.load(run.save(tmp_path / "run.nc"))
    assert bits(back) == bits(run) and type(back.z) is type(run.z)
    for name in ("energy_in", "energy_out", "attachments", "detachments", "atp", "lost", "attached", "atp_rate"):
        assert np.array_equal(getattr(back.cycling, name), getattr(run.cycling, name))
    assert np.array_equal(back.stiffness, run.stiffness)
    one, other = back.population(0.4), run.population(0.4)
    assert np.array_equal(one.masses, other.masses) and np.array_equal(one.edges[0], other.edges[0])
    scheme = back.scenario.model.bridge.cycling
    assert scheme.momentum is Momentum.AT_REST and back.scenario.level.label == run.scenario.level.label


@pytest.mark.parametrize("level", [LEVELS[0], LEVELS[2]], ids=lambda level: level.name)
def test_killed_and_resumed(runs, level, tmp_path):
    """Interrupted twice, the run ends with the bits of the one that was not; also when it is then read back."""
    for at in (0.3, 0.6):

        def stop(word, fraction, at=at):
            if fraction >= at and not word.endswith("compiling"):
                raise KeyboardInterrupt

        with pytest.raises(InterruptedRun) as interrupted:
            solve(level, resume=tmp_path, progress=stop)
        assert 0 < interrupted.value.solution.ts[-1] < 0.4
    whole = runs[level.name]
    for result in (solve(level, resume=tmp_path), solve(level, resume=tmp_path)):
        assert bits(result) == bits(whole)
        assert all(np.array_equal(a, b) for a, b in zip(result.z, whole.z, strict=True))
        assert np.array_equal(result.cycling.atp, whole.cycling.atp)


@pytest.fixture(scope="module")
def study():
    return ms.compare(MODEL, ms.Start(0.0), t1=0.4, levels=LEVELS[1:], reference=LEVELS[0], drive=DRIVE, save=9)


def test_a_study_measures_force_share_and_population(study, runs):
    """Errors against their definitions; two deterministic levels agree, heads that jump are off by what chance does."""
    reference = runs["kinetic"]
    nodes, heads = (study[level.label] for level in LEVELS[1:])
    for row, run in ((nodes, runs["characteristics"]), (heads, runs["reduced"])):
        wanted = np.abs(run.force - reference.force).max() / np.abs(reference.force).max()
        assert row.error_force == pytest.approx(wanted, rel=1e-12) and row.error_y == 0
        share = np.abs(run.cycling.attached - reference.cycling.attached).max()
        assert row.error_attached == pytest.approx(share, rel=1e-12)
    share, std = reference.cycling.attached[-1, 0], np.sqrt(reference.population(0.4).covariance[0, 0])
    assert nodes.wasserstein < 0.01 * std and nodes.error_force < 0.01 and nodes.error_attached < 0.01 * share
    few = 4 / np.sqrt(20_000 * reference.cycling.attached[2, 0])
    assert nodes.wasserstein < heads.wasserstein < few * std and heads.error_attached < 4 * np.sqrt(share / 20_000)
    assert study.one_way is not None and study.one_way.ledger_error > 0, "the bridges have mass"
    moved = reference.z._replace(x=reference.z.x + 0.125)
    ahead = measures(dataclasses.replace(reference, z=moved), reference.ts[4:5])
    assert distance(ahead[0], measures(reference, reference.ts[4:5])[0]) == pytest.approx(0.125, rel=1e-9)


def test_a_study_says_it_as_text_json_and_data(study):
    text, data, rows = str(study), study.to_xarray(), study.as_dict()["levels"]
    head = text.splitlines()[0]
    assert "max|Δf|" in head and "max|Δa|" in head and "max|Δy|" not in head and "residual" not in head
    assert max(map(len, text.splitlines())) <= 110
    narrow = study.text(80)
    assert max(map(len, narrow.splitlines())) <= 80 and "max|Δf|" in narrow and "characteristics:480,sites=1" in narrow
    assert [row["error_force"] for row in rows] == [row.error_force for row in study.rows]
    assert data["cycling_attached"].shape == (3, 9, 1) and data["errors_attached"].shape == (3, 9)
    np.testing.assert_array_equal(data["error_attached"], [row.error_attached for row in study.rows])
    np.testing.assert_array_equal(data["force"][0], study.solutions[study.reference].force)


def test_without_a_word_the_reference_is_kinetic():
    assert _runs(MODEL, ms.Start(0.0), LEVELS[1:], None)[0].label == "kinetic:800"


def test_assumptions_and_citations_know_schemes(study):
    """δ of g = x − q is 1 whatever heads do; F₁ is κ times the greatest extension; Huxley's rates jump at 0 and at h."""
    found = ms.assumptions(MODEL, ms.Start(0.0), t1=0.2, drive=DRIVE, level=LEVELS[0])
    assert found.ellipticity == pytest.approx(1.0) and found.hold
    (force,) = (row for row in found.rows if row.name.startswith("F₁"))
    low, high = found.x[0][0, 0], found.x[1][0, 0]
    assert low < -H / 2 and high > H and force.bound == pytest.approx(KAPPA * max(-low, high)), "all that was visited"
    (rates,) = (finding for finding in found.findings if "Rates" in finding.text)
    assert rates.kind == "note" and "209" in rates.text and "x = 0, 1 " in rates.text
    assert "Huxley1957" in ms.cite(study) or "Muscle structure and theories of contraction" in ms.cite(study)
    assert "carried by the flow" not in str(found)


def test_a_run_a_study_and_a_page_show_it(study, runs, tmp_path):
    """Areas below what is drawn are the share attached; the page holds the rates of the scheme."""
    axes = runs["kinetic"].plot()
    assert len(axes) == 6
    (curve,) = axes[3].get_lines()
    x, density = curve.get_data()
    share = runs["kinetic"].cycling.attached[-1, 0]
    assert np.trapezoid(density, x) == pytest.approx(share, rel=0.02)
    np.testing.assert_array_equal(axes[4].get_lines()[0].get_ydata(), runs["kinetic"].cycling.attached[:, 0])
    plt.close("all")
    drawn = data(study)
    for label, (one,) in drawn["population"]["levels"].items():
        low, high, height = one["low"][-1], one["high"][-1], np.array(one["height"][-1])
        area = np.sum(height) * (high - low) / len(height)
        assert area == pytest.approx(study.solutions[label].cycling.attached[-1, 0], rel=2e-3)
        for t, heights in zip(drawn["frames"], one["height"], strict=True):  # with four digits
            seen = study.solutions[label].population(float(t)).density.max()
            assert max(heights) <= seen * (1 + 1e-3), "a jump of the profile must not be drawn with a peak"
    rates = drawn["population"]["rates"]
    attach = np.array(next(c["rate"] for c in rates["points"][0] if c["attaches"]), float)
    x = np.array(rates["x"])
    np.testing.assert_allclose(attach, np.where((x > 0) & (x <= H), F1 * x / H, 0.0), atol=1e-3)
    paths = ms.report(study, tmp_path, title="Shortening")
    page = next(path for path in paths if path.suffix == ".html").read_text()
    assert "How many heads are attached" in page
