"""Runs under noise are runs: every level on one path, the tolerance meant, the same bits again, in files, and each mistake one sentence.

Load-bearing: `test_levels_share_one_path`, `test_the_tolerance_is_met` and `test_killed_under_noise`.
"""

import dataclasses
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from mortal import bits

import myoscale as ms
from myoscale.errors import InterruptedRun


def shaken(noise, name="bent", **others):
    model, start = getattr(ms.zoo, name)(**others)
    return ms.Model(model.tissue, model.bridge, noise), start


COMMON = ms.Noise(1.0, dt=0.1)


def test_levels_share_one_path():
    """What tells levels apart under noise is what does so without: Kinetic's cells, the quantiles' number."""
    model, start = shaken(COMMON)
    run = lambda level, **others: ms.solve(model, level, start, t1=4.0, seed=3, **others)
    field, cells, particles = (
        run(ms.Characteristics(64)),
        run(ms.Kinetic(400)),
        run(ms.Reduced(4_000, sampling="quantile")),
    )
    other = ms.solve(model, ms.Characteristics(64), start, t1=4.0, seed=4)
    assert np.abs(field.y - other.y).max() > 0.1, "another seed, another path"
    apart = [np.abs(level.y - field.y).max() for level in (cells, particles)]
    print("apart by", apart)
    assert max(apart) < 1e-4
    for level in (field, cells, particles):
        assert level.energy.drift < 1e-7 < np.abs(level.energy.noise).max()
    flat, begin = shaken(COMMON, "linear")
    both = [ms.solve(flat, level, begin, t1=4.0, seed=3) for level in (ms.MomentClosure(), ms.Characteristics(8))]
    assert np.abs(both[0].y - both[1].y).max() < 1e-8


def test_the_tolerance_is_met():
    """Pieces are halved until the path is as near as was asked."""
    model, start = shaken(ms.Noise(1.0))
    finely, _ = shaken(ms.Noise(1.0, dt=4.0 / 2**14))
    level, many = ms.Characteristics(16), {"t1": 4.0, "save": 3}
    for seed in (1, 2):
        fine = ms.solve(finely, level, start, seed=seed, tolerance=1e-10, **many)
        for tolerance in (1e-4, 1e-6):
            run = ms.solve(model, level, start, seed=seed, tolerance=tolerance, **many)
            error = max(np.abs(run.y - fine.y).max(), np.abs(run.v - fine.v).max())
            print(
                f"asked {tolerance:g}, error {error:.1e}, changed {run.stats.unresolved:.1e} in {run.stats.pieces} pieces"
            )
            assert error < 2 * tolerance and 0 < run.stats.unresolved <= tolerance
    with pytest.raises(ms.InputError, match=r"Expected a tolerance that the path of noise can meet.*Received 1e-13"):
        ms.solve(model, level, start, seed=1, tolerance=1e-13, **many)


def test_a_batch_is_its_runs():
    model, start = shaken(COMMON)
    level, options = ms.Characteristics(16), {"t1": 4.0, "tolerance": 1e-9}
    many = ms.batch(model, level, start, seed=[3, 4], **options)
    for i in range(2):
        alone = ms.solve(model, level, start, seed=3 + i, **options)
        assert np.abs(many.y[i] - alone.y).max() < 1e-10
        np.testing.assert_allclose(many[i].energy.noise, alone.energy.noise, atol=1e-9)
    free, _ = shaken(ms.Noise(1.0))
    resolved = ms.batch(free, level, start, seed=[3, 4], t1=4.0, tolerance=1e-5)
    fine, _ = shaken(ms.Noise(1.0, dt=4.0 / 2**13))
    alone = ms.solve(fine, level, start, seed=4, **options)
    assert np.abs(resolved.y[1] - alone.y).max() < 2e-5 and resolved.stats.unresolved <= 1e-5


def test_killed_under_noise(tmp_path):
    """Interrupted while pieces are halved, and again: the same bits as a run that nobody disturbed."""
    model, start = shaken(ms.Noise(1.0, bridges=0.5))
    options = {"t1": 4.0, "save": 21, "tolerance": 1e-5, "seed": 5}
    run = lambda **others: ms.solve(model, ms.Reduced(50), start, **options, **others)
    whole, again = run(), run()
    assert bits(whole) == bits(again) and whole.stats.pieces > 200

    def stop_at(last):
        calls = []

        def stop(word, fraction):
            calls.append(fraction)
            if len(calls) == last:
                raise KeyboardInterrupt

        return stop

    for last in (7, 30):  # the second in twice as many pieces
        with pytest.raises(InterruptedRun):
            run(resume=tmp_path / "kept", progress=stop_at(last))
    resumed = run(resume=tmp_path / "kept")
    assert bits(resumed) == bits(whole) and bits(run(resume=tmp_path / "kept")) == bits(whole)


def test_held_coordinates_take_their_noise():
    """A prescribed end of a chain, the other free: the ledger closes, and noise on what is held does nothing."""
    model, start = ms.zoo.chain()
    ny = model.tissue.ny
    ramp = ms.Ramp(np.asarray(start.y)[-1:], np.asarray(start.y)[-1:] + 0.3, 2.0)
    drive = ms.Length(ramp, dofs=(ny - 1,))
    on = lambda amplitude: ms.Model(model.tissue, model.bridge, ms.Noise(amplitude, dt=0.1))
    level, every, last = ms.MomentClosure(), np.full(ny, 0.3), np.eye(ny)[-1] * 0.3
    free = ms.solve(on(every), level, start, t1=3.0, drive=drive)
    assert free.energy.drift < 1e-7 and np.abs(free.energy.noise).max() > 1e-3
    held, still = (ms.solve(m, level, start, t1=3.0, drive=drive) for m in (on(last), model))
    assert np.abs(held.y - still.y).max() < 1e-7 and not np.any(held.energy.noise)


def test_cycling_bridges_under_noise():
    """Exchange and noise in turn: the ledger closes, and without bridges that attach the mass on a spring is left."""
    bridge = ms.zoo.LinearBridge(0.2, 1.0, np.asarray(1.0), cycling=ms.Huxley1957())
    tissue, start = ms.SpringMass(mass=1.0, stiffness=400.0, damping=2.0), ms.Start(0.5)
    model = ms.Model(tissue, bridge, ms.Noise(3.0, bridges=5.0))
    for level in (ms.Kinetic(60), ms.Reduced(200)):
        runs = [ms.solve(model, level, start, t1=0.3, seed=seed, tolerance=1e-6) for seed in (1, 2)]
        assert runs[0].energy.drift < 1e-6 < np.abs(runs[0].energy.noise).max()
        assert np.abs(runs[0].y - runs[1].y).max() > 1e-3 and runs[0].cycling.attached.max() > 0.05
    passive = ms.Free(activation=0.0)
    alone = ms.solve(model, ms.Kinetic(60, dt=1e-3), start, t1=0.3, seed=1, drive=passive, tolerance=1e-8)
    plain = ms.Model(tissue, ms.zoo.LinearBridge(0.0, 0.0, np.asarray(1.0)), ms.Noise(3.0, dt=1e-3))
    spring = ms.solve(plain, ms.MomentClosure(), ms.Start(0.5, x=ms.Normal(0.0, 1.0)), t1=0.3, seed=1, tolerance=1e-8)
    assert np.abs(alone.y - spring.y).max() < 1e-5 < np.abs(spring.y - spring.y[0]).max()


def test_derivatives_and_maps():
    """With respect to stiffness, by reverse mode, against a difference of runs."""

    def end(stiffness):
        model, start = ms.zoo.linear(kappa0=stiffness)
        model = ms.Model(model.tissue, model.bridge, ms.Noise(1.0, dt=0.5))
        return ms.solve(model, ms.MomentClosure(), start, t1=2.0, save=[2.0], tolerance=1e-10).y[-1, 0]

    difference = (end(1.001) - end(0.999)) / 0.002
    jax.config.update("jax_enable_x64", True)
    try:
        slope = float(jax.grad(end)(jnp.asarray(1.0)))
        several = np.asarray(jax.vmap(end)(jnp.array([0.999, 1.001])))
    finally:
        jax.config.update("jax_enable_x64", False)
    assert abs(slope - difference) < 1e-4 * abs(difference)
    assert np.abs(several - [end(0.999), end(1.001)]).max() < 1e-8


def test_files_hold_noise(tmp_path):
    problem = ms.zoo.problem("bent")
    for noise in (ms.Noise(0.3, bridges=0.1), ms.Thermostat(0.2, 0.5, dt=0.1)):
        model = ms.Model(problem.model.tissue, problem.model.bridge, noise)
        text = ms.scenario.text(dataclasses.replace(problem, model=model))
        assert "[noise]" in text and type(noise).__name__ in text
        again = ms.scenario.parse(text).model.noise
        assert type(again) is type(noise)
        for field in dataclasses.fields(noise):
            assert np.all(np.asarray(getattr(again, field.name)) == np.asarray(getattr(noise, field.name)))
    assert "noise" not in ms.scenario.text(problem)
    model, start = shaken(COMMON, "linear")
    run = ms.solve(model, ms.MomentClosure(), start, t1=2.0)
    back = ms.load(run.save(tmp_path / "run.nc"))
    assert np.array_equal(back.energy.noise, run.energy.noise) and back.scenario.model.noise.common == 1.0
    labels = [text.get_text() for text in run.plot()[1].get_legend().get_texts()]
    plain = ms.solve(ms.Model(model.tissue, model.bridge), ms.MomentClosure(), start, t1=2.0)
    assert "noise" in labels and "noise" not in [t.get_text() for t in plain.plot()[1].get_legend().get_texts()]


def wrong_noise(noise, **options):
    model, start = shaken(noise)
    return ms.solve(model, options.pop("level", ms.Characteristics(8)), start, t1=1.0, **options)


MISTAKES = {
    "amplitude": (lambda: ms.Noise(np.inf), "Noise expected common to be finite numbers"),
    "axes": (lambda: ms.Noise(np.zeros((1, 1, 1))), "common to be a number, (ny,) or (ny, nw)"),
    "bridges": (lambda: ms.Noise(bridges=-1.0), "Noise expected bridges ≥ 0"),
    "dt": (lambda: ms.Noise(1.0, dt=0.0), "Noise expected dt > 0"),
    "cold": (lambda: ms.Thermostat(-1.0, 1.0), "Thermostat expected temperature ≥ 0"),
    "square": (lambda: ms.Thermostat(1.0, np.zeros((1, 2))), "friction to be a number, (ny,) or (ny, ny)"),
    "skew": (lambda: ms.Thermostat(1.0, np.array([[1.0, 1.0], [0.0, 1.0]])), "friction to be symmetric"),
    "drives": (lambda: ms.Thermostat(1.0, -1.0), "friction to take energy out"),
    "coordinates": (
        lambda: wrong_noise(ms.Noise(np.ones(3))),
        "Noise.common to be a number, (ny,) or (ny, nw) with ny = 1",
    ),
    "bath": (lambda: wrong_noise(ms.Thermostat(1.0, np.eye(2))), "Thermostat.friction to be a number"),
    "slow": (lambda: wrong_noise(ms.Noise(1.0), drive=ms.QuasiStatic()), "Noise expected a drive with inertia"),
    "multipliers": (lambda: wrong_noise(ms.Noise(1.0), level=ms.Constrained(4)), "use Reduced"),
    "pieces": (lambda: wrong_noise(ms.Noise(1.0, dt=1e-9)), "Received dt = 1e-09"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistake_is_named(name):
    make, said = MISTAKES[name]
    with pytest.raises(ms.InputError, match=re.escape(said)) as error:
        make()
    assert str(error.value).endswith(".") and "\n" not in str(error.value)
