"""Bridges at the points of a continuum are those of lumped tissue: every level, attached or cycling, and what they add to stress and equilibrium.

Load-bearing: `test_one_element_is_the_lumped_tissue` and `test_cycling_heads_in_one_element` (another integrator, dense matrices),
`test_active_stress` (closed forms).
"""

import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest

import myoscale as ms
from myoscale import implicit, zoo
from myoscale.errors import InputError, InterruptedRun
from myoscale.fields import parameter
from myoscale.model import AbstractTissue
from myoscale.types import Array, as_float

SHEAR, BULK, DENSITY, HEADS, LENGTH = 1.0, 5.0, 3.0, 2.0, 1.3
MATERIAL = ms.NeoHookean(SHEAR)
SIDES = (ms.Clamp("x0"), *(ms.Clamp(f"{axis}{end}", (k,)) for k, axis in ((1, "y"), (2, "z")) for end in (0, 1)))
SCHEME = ms.Huxley1957(spacing=4.0, h=1.0, f1=0.8, g1=0.2, g2=4.0)


class Column(AbstractTissue):
    """What is left of one cell 1 × 1 × 1 whose sides are held and whose end is a plate: one coordinate, λ_f = 1 + y."""

    mass_matrix: Array = parameter("M₀", converter=as_float)

    @property
    def heads(self):
        """n_b V."""
        return HEADS * jnp.ones(1)

    def energy(self, y):
        """W and ½κ(J − 1)²."""
        F = jnp.diag(jnp.array([1.0, 0.0, 0.0]) * y[0] + jnp.ones(3))
        return MATERIAL.energy(F.T @ F, jnp.eye(3)[0]) + 0.5 * BULK * y[0] ** 2

    def kinematics(self, y):
        """λ_f."""
        return (1.0 + y)[None]


def cell(cells=1, **options):
    """The cell itself, or a column of some."""
    given = {"density": DENSITY, "bridges": HEADS, "conditions": (*SIDES, ms.Tie("x1", 0))} | options
    return ms.ContinuumTissue(ms.Block((1.0, 1.0, 1.0), (cells, 1, 1)), MATERIAL, bulk=BULK, **given)


def end(tissue):
    """The coordinate that moves."""
    return 3 * int(np.argmax(np.asarray(tissue.space.locations)[:, 0]))


def stretched(tissue, by, rate):
    """y and v of a homogeneous stretch."""
    x = np.asarray(tissue.space.locations)[:, :1] * np.array([1.0, 0.0, 0.0])
    return by * x.ravel(), rate * x.ravel()


LEVELS = [ms.Characteristics(16), ms.Kinetic(48), ms.MomentClosure(), ms.Reduced(50, "quantile")]


@pytest.mark.parametrize("level", LEVELS, ids=lambda level: level.label)
def test_one_element_is_the_lumped_tissue(level):
    """y, ẏ, force and energy to 1e-8, with bridges of mass."""
    bridge, law = zoo.LinearBridge(mass=0.7, stiffness=0.8, gain=LENGTH), ms.Normal(0.3, 0.5)
    lumped = ms.Model(Column(np.array([[DENSITY / 3]])), bridge)
    truth = ms.solve(lumped, level, ms.Start(0.2, 0.1, x=law), t1=2.0, save=11, tolerance=1e-11)
    tissue = cell(order=6, dt=0.05)
    y, v = stretched(tissue, 0.2, 0.1)
    run = ms.solve(ms.Model(tissue, bridge), level, ms.Start(y, v, x=law), t1=2.0, save=11)
    k = end(tissue)
    for mine, other in (
        (run.y[:, k], truth.y[:, 0]),
        (run.v[:, k], truth.v[:, 0]),
        (run.force.sum(1), truth.force[:, 0]),
    ):
        np.testing.assert_allclose(mine, other, atol=1e-8)
    np.testing.assert_allclose(run.energy.total, truth.energy.total, atol=1e-8)
    assert run.energy.drift < 1e-10 and np.ptp(run.y[:, k]) > 0.05


@pytest.mark.parametrize(
    ("level", "drive", "mass", "momentum"),
    [
        (ms.Kinetic, ms.Free(), 0.5, "comoving"),
        (ms.Kinetic, ms.QuasiStatic(), 0.0, "comoving"),
        (ms.MomentClosure, ms.Free(), 0.5, "comoving"),
        (ms.MomentClosure, ms.Free(), 1.5, "at_rest"),
    ],
    ids=["kinetic", "kinetic, slow", "closure", "closure, at rest"],
)
def test_cycling_heads_in_one_element(level, drive, mass, momentum):
    """Heads attach and pull the cell together as they do the lumped tissue; what is left falls with dt², and the ledger closes."""
    make = lambda dt: level(60, dt=dt) if level is ms.Kinetic else level(watch=False, dt=dt)
    scheme = dataclasses.replace(SCHEME, momentum=ms.Momentum(momentum))
    bridge = zoo.LinearBridge(mass=mass, stiffness=2.0, gain=LENGTH, cycling=scheme)
    options = {"t1": 2.0, "save": 6, "drive": drive}
    lumped = ms.Model(Column(np.array([[DENSITY / 3]])), bridge)
    errors = []
    for dt in (0.05, 0.025):
        truth = ms.solve(lumped, make(0.0125), ms.Start(0.0, 0.0), **options)
        tissue = cell(dt=dt)
        run = ms.solve(ms.Model(tissue, bridge), make(dt), ms.Start(0.0), **options)
        errors.append(np.abs(run.y[:, end(tissue)] - truth.y[:, 0]).max())
        assert np.abs(run.energy.balance).max() < 1e-12
        np.testing.assert_allclose(run.cycling.attached.mean(1), truth.cycling.attached[:, 0], atol=2e-3)
    order = np.log2(errors[0] / errors[1])
    print(f"errors {errors}, order {order:.2f}, expected 2")
    assert np.abs(truth.y).max() > 0.02 and errors[1] < 1e-3 and order > 1.5
    if momentum == "at_rest":  # which costs the tissue velocity: the same heads at its own velocity end elsewhere
        other = ms.Model(tissue, dataclasses.replace(bridge, cycling=SCHEME))
        assert np.abs(ms.solve(other, make(dt), ms.Start(0.0), **options).y - run.y).max() > 10 * errors[1]


def test_slow_steps_that_newton_cannot_make_attach_less_at_a_time(monkeypatch):
    """Heads that attach together turn the cell inside out: half as long a step lets half as many attach. What is asked of a step is asked of each half."""
    bridge = zoo.LinearBridge(mass=0.0, stiffness=2.0, gain=LENGTH, cycling=SCHEME)
    tissue = cell()
    solve = lambda dt: ms.solve(
        ms.Model(tissue, bridge), ms.Kinetic(60, dt=dt), ms.Start(0.0), t1=0.8, save=3, drive=ms.QuasiStatic()
    )
    whole, halves = solve(0.1), solve(0.05)
    tried, step = [], implicit.Solver.step

    def short(self, z, mass, begin, t, h, *more):
        tried.append(h)
        found = step(self, z, mass, begin, t, h, *more)
        return found if h <= 0.025 + 1e-12 else found._replace(converged=False)

    monkeypatch.setattr(implicit.Solver, "step", short)
    run = solve(0.1)
    assert max(tried) > 0.04 and run.stats.steps == halves.stats.steps == 2 * whole.stats.steps
    np.testing.assert_allclose(run.y, halves.y, rtol=0, atol=1e-12)
    assert np.abs(whole.y - halves.y).max() > 1e-6 and np.abs(run.energy.balance).max() < 1e-12


def test_released_against_a_load():
    """Held until t = 1, then drawn by a traction: where a column of the passive material balances it, pressure included."""
    pull = 0.4
    conditions = (
        *SIDES,
        ms.During(ms.Motion("x1", 0, 0.0), until=1.0),
        ms.During(ms.Tie("x1", 0), since=1.0),
        ms.During(ms.Traction("x1", np.array([pull, 0.0, 0.0])), since=1.0),
    )
    tissue = cell(2, conditions=conditions, bridges=0.0)
    model = ms.Model(tissue, zoo.LinearBridge(mass=0.0, stiffness=1.0, gain=1.0))
    run = ms.solve(
        model, ms.MomentClosure(), ms.Start(0.0, x=ms.Normal(0.0, 1.0)), t1=2.0, save=5, drive=ms.QuasiStatic()
    )
    y, k = run.y[:, end(tissue)], end(tissue)
    assert np.all(y[:3] == 0.0) and abs(run.reaction[2, k]) < 1e-12
    lam = 1.0 + y[-1]
    # d/dλ of ½μ(λ^{-2/3}(λ² + 2) − 3) + ½κ(λ − 1)²
    slope = 0.5 * SHEAR * (4 / 3 * lam ** (1 / 3) - 4 / 3 * lam ** (-5 / 3)) + BULK * (lam - 1)
    assert slope == pytest.approx(pull, rel=1e-9)


@pytest.mark.parametrize(("drive", "mass"), [(ms.Free(), 0.5), (ms.QuasiStatic(), 0.0)], ids=["free", "slow"])
def test_interrupted_and_resumed(drive, mass, tmp_path):
    """From the last step, to the same bits, also where conditions change."""
    conditions = (*SIDES, ms.During(ms.Motion("x1", 0, 0.0), until=0.5), ms.During(ms.Tie("x1", 0), since=0.5))
    bridge = zoo.LinearBridge(mass=mass, stiffness=2.0, gain=LENGTH, cycling=SCHEME)
    model = ms.Model(cell(2, conditions=conditions), bridge)
    level = ms.MomentClosure(watch=False, dt=0.05)
    solve = lambda **more: ms.solve(model, level, ms.Start(0.0), t1=1.0, save=3, drive=drive, **more)
    whole, starts = solve(), []
    for stop in (0.27, 0.5, 0.62, 0.8, 1.1):
        seen = []

        def progress(word, fraction, stop=stop, seen=seen):
            if "residuals" in word:
                seen.append(fraction)
                if fraction >= stop:
                    raise KeyboardInterrupt

        if stop > 1.0:
            again = solve(resume=tmp_path, progress=progress)
        else:
            with pytest.raises(InterruptedRun) as found:
                solve(resume=tmp_path, progress=progress)
            assert f"{found.value.solution.ts[-1]:g}" == ("0" if stop < 0.5 else "0.5")
        starts.append(seen[0])
    assert starts == pytest.approx([0.0, 0.27, 0.5, 0.62, 0.8], abs=0.051)  # nothing is done twice but a step
    assert again.stats.steps == whole.stats.steps
    for name in ("y", "v", "force", "reaction"):
        np.testing.assert_array_equal(getattr(again, name), getattr(whole, name))
    np.testing.assert_array_equal(again.energy.total, whole.energy.total)
    assert np.abs(whole.y).max() > 1e-3
    back = ms.load(whole.save(tmp_path / "run.nc"))
    np.testing.assert_array_equal(back.y, whole.y)
    assert back.scenario.model.tissue.conditions[-1].condition == ms.Tie("x1", 0)


def test_a_condition_that_ends_at_a_saved_time_but_for_rounding(tmp_path):
    """0.1 · 3 is not 0.3: no step is made between the two, and an interrupted run knows no difference either."""
    conditions = (*SIDES, ms.During(ms.Motion("x1", 0, 0.0), until=0.3), ms.During(ms.Tie("x1", 0), since=0.3))
    bridge = zoo.LinearBridge(mass=0.5, stiffness=2.0, gain=LENGTH, cycling=SCHEME)
    model, save = ms.Model(cell(2, conditions=conditions), bridge), 0.1 * np.arange(6.0)
    assert save[3] != 0.3
    solve = lambda **more: ms.solve(model, ms.Kinetic(60, dt=0.05), ms.Start(0.0), t1=0.5, save=save, **more)
    whole = solve()
    assert whole.y[3, end(model.tissue)] == 0.0 and abs(whole.y[-1, end(model.tissue)]) > 1e-5

    def progress(word, fraction):
        if "residuals" in word and fraction >= 0.59:
            raise KeyboardInterrupt

    with pytest.raises(InterruptedRun):
        solve(resume=tmp_path, progress=progress)
    again = solve(resume=tmp_path)
    np.testing.assert_array_equal(again.y, whole.y)
    np.testing.assert_array_equal(again.v, whole.v)


def test_activation_and_overlap_are_fields():
    """Half of the cell is activated, and filaments that do not overlap attach nothing."""
    heads = lambda **options: ms.Model(
        cell(**options), zoo.LinearBridge(mass=0.0, stiffness=2.0, gain=LENGTH, cycling=SCHEME)
    )
    run = lambda model: ms.solve(
        model, ms.MomentClosure(watch=False), ms.Start(0.0), t1=1.0, save=3, drive=ms.QuasiStatic()
    )
    half = heads(activation=lambda t, X: jnp.where(X[0] > 0.5, 1.0, 0.0))
    attached = run(half).cycling.attached[-1]
    places = np.asarray(half.tissue.space.places).reshape(-1, 3)
    assert np.all(attached[places[:, 0] < 0.5] == 0.0) and np.all(attached[places[:, 0] > 0.5] > 0.05)
    assert not np.any(run(heads(overlap=lambda stretch: 0.0 * stretch)).cycling.attached)


# Stress alone


def test_active_stress():
    """Fibre and vector bridges against closed forms; the tangent against differences; conventions of stress."""
    F, a0 = np.array([[1.1, 0.2, 0.0], [-0.1, 0.95, 0.1], [0.05, 0.0, 1.05]]), np.array([0.6, 0.8, 0.0])
    x = np.array([0.2, 0.7, 1.1])
    fibre = zoo.LinearBridge(mass=3.0, stiffness=2.0, gain=np.array(LENGTH))
    found = ms.active_stress(fibre, x, F, fibre=a0, bridges=HEADS)
    b = F @ a0
    np.testing.assert_allclose(
        found.piola, HEADS * LENGTH * 2.0 * x.mean() * np.outer(b, a0) / np.linalg.norm(b), atol=1e-13
    )
    np.testing.assert_allclose(found.cauchy, found.piola @ F.T / np.linalg.det(F), atol=1e-14)
    np.testing.assert_allclose(F @ found.second, found.piola, atol=1e-13)

    points = np.random.default_rng(0).normal(size=(5, 3))
    vector = zoo.ElementBridge(mass=3.0, stiffness=2.0)
    whole = ms.active_stress(vector, points, F, bridges=HEADS, local=ms.DeformationGradient())
    second = HEADS * 2.0 * points.T @ points / 5
    np.testing.assert_allclose(whole.piola, second @ np.linalg.inv(F).T, atol=1e-13)
    np.testing.assert_allclose(whole.cauchy, second / np.linalg.det(F), atol=1e-13)  # n_b κ ⟨x ⊗ x⟩/J

    # carried along: fibre bridges by ℓ_h (λ − λ₀), vectors by F F₀⁻¹
    moved = lambda G: x + LENGTH * (np.linalg.norm(G @ a0) - np.linalg.norm(b))
    turned = lambda G: points @ np.linalg.inv(F).T @ G.T
    for stress, one in (
        (lambda G: ms.active_stress(fibre, moved(G), G, fibre=a0, bridges=HEADS).piola, found),
        (lambda G: ms.active_stress(vector, turned(G), G, bridges=HEADS, local=ms.DeformationGradient()).piola, whole),
    ):
        direction = np.random.default_rng(1).normal(size=(3, 3))
        slope = (stress(F + 1e-6 * direction) - stress(F - 1e-6 * direction)) / 2e-6
        np.testing.assert_allclose(np.einsum("ijkl,kl->ij", one.tangent, direction), slope, rtol=1e-7, atol=1e-7)


def test_vector_bridges_pull_across():
    """Bridges along the fibre add no stress across it; those that scatter across do, in the ratio of their second moments, and so stiffen it.

    That cross-bridges stress muscle across its fibres is Zahalak's finding (1996); here the sign and size follow from the constraint.
    """
    along, across = 1.0, 0.25
    law = ms.MultivariateNormal(mean=np.zeros(3), covariance=np.diag([along, across, across]))
    found = ms.active_stress(zoo.ElementBridge(mass=0.0, stiffness=2.0), law, np.eye(3), local=ms.DeformationGradient())
    np.testing.assert_allclose(found.cauchy, 2.0 * np.diag([along, across, across]), atol=1e-12)
    thin = ms.active_stress(zoo.LinearBridge(mass=0.0, stiffness=2.0, gain=1.0), ms.Normal(1.0, 0.1), np.eye(3))
    np.testing.assert_allclose(thin.cauchy, np.diag([2.0, 0.0, 0.0]), atol=1e-12)


def test_stress_of_a_snapshot():
    """A run's own population, in each form in which it is kept, gives the force that the run has."""
    for level in (ms.Characteristics(16), ms.Kinetic(200), ms.MomentClosure()):
        bridge = zoo.LinearBridge(mass=0.0, stiffness=0.8, gain=1.0)
        model = ms.Model(ms.SpringMass(mass=1.0), bridge)
        run = ms.solve(model, level, ms.Start(1.0, x=ms.Normal(0.3, 0.5)), t1=1.0, save=2)
        stretch = np.diag([float(run.y[-1, 0]), 1.0, 1.0])
        found = ms.active_stress(bridge, run.population(1.0), stretch)
        assert -found.piola[0, 0] == pytest.approx(run.force[-1, 0, 0], abs=1e-6)


@pytest.mark.parametrize(
    ("F", "more", "said"),
    [
        (np.eye(4), {}, r"\(2, 2\) or \(3, 3\)"),
        (-np.eye(3), {}, "det F = -1"),
        (np.eye(3), {"fibre": np.zeros(3)}, "a direction of 3"),
        (np.eye(3), {"fibre": np.ones(2)}, "a direction of 3"),
    ],
)
def test_mistakes_of_stress(F, more, said):
    with pytest.raises(InputError, match=said):
        ms.active_stress(zoo.LinearBridge(mass=0.0, stiffness=1.0, gain=1.0), ms.Normal(0.0, 1.0), F, **more)


# Heads at random places


def test_heads_at_random_places():
    """Z = (X, p): heads whose extension and place are both drawn at random reach the model with a population at each point like N^(−1/2)."""
    shape = ms.Block((2.0, 1.0), (2, 1))
    make = lambda heads: ms.ContinuumTissue(
        shape, MATERIAL, bulk=BULK, bridges=heads, conditions=(ms.Clamp("x0"), ms.Traction("x1", np.array([0.3, 0.1])))
    )
    bridge, options = (
        zoo.LinearBridge(mass=0.0, stiffness=0.8, gain=LENGTH),
        {"t1": 1.0, "save": 2, "drive": ms.QuasiStatic()},
    )
    law, sizes, rng = ms.Normal(0.5, 0.5), (32, 512), np.random.default_rng(3)
    truth = ms.solve(ms.Model(make(HEADS), bridge), ms.Characteristics(8), ms.Start(0.0, x=law), **options).y[-1]
    volume = np.asarray(make(HEADS).space.dx).ravel()
    most, errors = 128, []
    for n in sizes:
        apart = []
        for _ in range(10):
            counts = rng.multinomial(n, volume / volume.sum())
            x = rng.normal(0.5, 0.5, (len(volume), most, 1))
            there = np.arange(most)[None] < np.maximum(counts, 1)[:, None]
            heads = HEADS * volume.sum() * counts / n / volume  # each head stands for as many
            start = ms.Start(0.0, x=x, weights=there / there.sum(1, keepdims=True))
            run = ms.solve(ms.Model(make(heads), bridge), ms.Reduced(), start, **options)
            apart.append(np.linalg.norm(run.y[-1] - truth))
        errors.append(np.sqrt(np.mean(np.square(apart))))
    slope = np.polyfit(np.log(sizes), np.log(errors), 1)[0]
    print(f"errors {errors}, slope {slope:.2f}, expected -0.5")
    assert errors[0] > 1e-3 and abs(slope + 0.5) < 0.15


# Studies


def test_levels_compared_on_a_field():
    """Vector bridges with springs: the closure is exact on a field as it is on one element; random bridges are not. Populations are seen at a few points."""
    problem = zoo.problem("element-shear", cells=(2, 1))
    levels = [ms.MomentClosure(), ms.Reduced(16)]
    study = ms.compare(problem.model, problem.start, t1=0.25, save=5, levels=levels, reference=ms.Characteristics(16))
    assert study["moments"].error_y < 1e-10 < 1e-4 < study["reduced:16"].error_y
    assert study["reduced:16"].wasserstein > 0.01 and study["moments"].drift < 1e-10
    assert study.solutions["moments"].y.shape == (5, 4 * 4) and study.one_way.ledger_error > 1e-4
    assert len(study.plot()) > 0 and "Q1/P0 on 2 cells" in str(study)


def test_a_run_seen_from_a_few_points():
    problem = zoo.problem("element-shear", cells=(2, 1))
    run = ms.solve(problem.model, ms.Characteristics(64), problem.start, t1=0.5, save=3)
    seen = run.at([0, -1])
    q = np.asarray(problem.model.tissue.kinematics(jnp.asarray(run.y[-1], jnp.float32)))
    np.testing.assert_allclose(seen.y[-1].reshape(2, 4), q[[0, -1]], atol=1e-6)
    np.testing.assert_array_equal(seen.force, run.force[:, [0, -1]])
    here, there = seen.populations(0.5), run.populations(0.5)
    np.testing.assert_allclose(here.points, there.points[[0, -1]], atol=1e-12)
    with pytest.raises(InputError, match="points from 0 to 7"):
        run.at([8])


def test_what_holds_where_a_field_goes():
    problem = zoo.problem("element-shear", cells=(2, 1))
    found = ms.assumptions(problem.model, problem.start, t1=0.5)
    assert found.ellipticity > 0.5 and not any(finding.kind == "fails" for finding in found.findings)


HELD = (*SIDES, ms.Tie("x1", 0))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"level": ms.Constrained(5)}, "carries multipliers"),
        ({"drive": ms.Length(0.0)}, "expected drive to be Free or QuasiStatic. Received Length"),
        ({"noise": ms.Noise(1.0)}, "without noise"),
        ({"tissue": {"density": 0.0}}, "density > 0 for a drive with inertia"),
        ({"bridge": zoo.bent()[0].bridge}, r"linear in what they see \(Ω = 0\)"),
        ({"y": np.zeros(5)}, r"Start.y of shape \(24,\)"),
    ],
)
def test_mistakes(changes, said):
    changes = {"level": ms.MomentClosure(), "drive": ms.Free(), "noise": None, "tissue": {}, "y": 0.0} | changes
    bridge = changes.get("bridge", zoo.LinearBridge(mass=0.1, stiffness=1.0, gain=1.0))
    model = ms.Model(cell(**changes["tissue"]), bridge, changes["noise"])
    start = ms.Start(changes["y"], x=ms.Normal(0.3, 0.1))
    with pytest.raises(InputError, match=said):
        ms.solve(model, changes["level"], start, t1=1.0, save=3, drive=changes["drive"])


class Turned(ms.AbstractShape):
    """A block with something wrong."""

    dim = 2
    flip: bool = False

    def cut(self, simplices):
        grid = ms.Block((1.0, 1.0), (2, 1)).cut(simplices)
        if not self.flip:
            return dataclasses.replace(grid, fibre=lambda cells, X: 0.0 * grid.fibre(cells, X))
        mesh = dataclasses.replace(grid.mesh, doflocs=np.asarray(grid.mesh.p) * np.array([[1.0], [-1.0]]))
        return dataclasses.replace(grid, mesh=mesh)


@pytest.mark.parametrize(("flip", "said"), [(True, "2 that are, cell 0 first"), (False, "length 0 in cell 0")])
def test_meshes_that_are_wrong(flip, said):
    with pytest.raises(InputError, match=said):
        ms.ContinuumTissue(Turned(flip), MATERIAL, bulk=BULK)
