"""A batch is its runs: what many half-sarcomeres do together is what each does alone, and mistakes name the run."""

import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import myoscale as ms
from myoscale import zoo
from myoscale.errors import InterruptedRun
from myoscale.protocol import Hold, Ramp

F1, G1, G2, H = 43.3, 10.0, 209.0, 15.6
T = 0.06


def model(f1=F1, **others):
    return zoo.huxley(f1=f1, g1=G1, g2=G2, **others)[0]


def ramp(by):
    return ms.Protocol([Hold(0.02), Ramp(by, 0.04)])


MODELS = [model(F1), model(0.5 * F1), model(2 * F1)]
DRIVES = [ramp(-6.0), ramp(0.0), ramp(4.0)]
STARTS = [ms.Start(y) for y in (0.0, 1.0, -2.0)]
LEVELS = [ms.Kinetic(40, sites=5, dt=2e-3), ms.MomentClosure(dt=2e-3), ms.Reduced(50, dt=2e-3)]


@pytest.mark.parametrize("level", LEVELS, ids=lambda level: level.name)
def test_each_run_is_what_it_is_alone(level):
    """At the times that both take steps between: parameters, starts, drives and random numbers are the run's own."""
    many = ms.batch(MODELS, level, STARTS, t1=T, drive=DRIVES, seed=[3, 4, 5])
    assert len(many) == 3 and not many.failed and many.y.shape == (3, 201, 1)
    for i in range(3):
        alone = ms.solve(MODELS[i], level, STARTS[i], t1=T, drive=DRIVES[i], seed=3 + i)
        for name in ("y", "force", "reaction"):
            np.testing.assert_allclose(getattr(many, name)[i], getattr(alone, name), rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(many.attached[i], alone.cycling.attached, rtol=1e-9, atol=1e-12)
        run = many[i]
        assert run.scenario.model is MODELS[i] and run.energy.drift < 1e-10
        np.testing.assert_allclose(run.cycling.atp, alone.cycling.atp, rtol=1e-9, atol=1e-12)
        assert np.ptp(alone.force) > 0


def test_runs_that_do_not_cycle():
    """Springs and masses of their own, a chunk and a bit of them, against the closed form of the oscillator."""
    count = 130
    masses = np.linspace(20.0, 40.0, count)
    models = [ms.Model(ms.SpringMass(mass=m, stiffness=1.0), zoo.linear()[0].bridge) for m in masses]
    start = zoo.linear()[1]
    many = ms.batch(models, ms.MomentClosure(), start, t1=2.0, save=3)
    alone = ms.solve(models[-1], ms.MomentClosure(), start, t1=2.0, save=3)
    np.testing.assert_allclose(many.y[-1], alone.y, rtol=1e-8)
    # M ÿ = 3 − 2y: the example's bridges pull y to 3 with stiffness and mass of their own.
    bridges = float(zoo.linear()[0].tissue.heads.sum() * zoo.linear()[0].bridge.mass)
    y0, v0 = float(start.y), float(start.v)
    omega = np.sqrt(2.0 / (masses + bridges))
    exact = 1.5 + (y0 - 1.5) * np.cos(2.0 * omega) + v0 / omega * np.sin(2.0 * omega)
    np.testing.assert_allclose(many.y[:, -1, 0], exact, rtol=1e-7)


def test_one_seed_is_the_first_of_many():
    level = ms.Reduced(50, dt=2e-3)
    drives = [ramp(0.0)] * 3
    many = ms.batch(MODELS[0], level, STARTS[0], t1=T, drive=drives, save=4, seed=7)
    same = ms.batch(MODELS[0], level, STARTS[0], t1=T, seed=[7, 8, 9], drive=drives[0], save=4)
    assert np.array_equal(many.force, same.force)
    assert len({force.tobytes() for force in many.force}) == 3, "each run has random numbers of its own"
    assert [run.scenario.seed for run in many] == [7, 8, 9] and many[-1].scenario.seed == 9


def test_steps_suit_the_fastest_of_all():
    """A dt that one model's rates do not allow is divided for all."""
    slow, fast = model(), model(f1=100 * F1)
    alone = ms.batch([slow, slow], ms.Kinetic(40, sites=5, dt=2e-3), STARTS[0], t1=T, save=2)
    both = ms.batch([slow, fast], ms.Kinetic(40, sites=5, dt=2e-3), STARTS[0], t1=T, save=2)
    assert both.stats.steps > 5 * alone.stats.steps


def test_progress_comes_to_an_end():
    said = []
    level = ms.Kinetic(40, sites=5, dt=2e-3)
    ms.batch(MODELS, level, STARTS, t1=T, drive=DRIVES, progress=lambda *words: said.append(words))
    assert "compiling" in said[0][0] and said[-1][1] == 1.0


def test_interrupted_after_a_chunk(monkeypatch):
    """What has been computed is kept."""
    monkeypatch.setattr(sys.modules["myoscale.run.batch"], "_CHUNK", 2)

    def stop(word, fraction):
        if 0 < fraction < 1:
            raise KeyboardInterrupt

    with pytest.raises(InterruptedRun, match="after 2 of 3 runs") as interrupted:
        ms.batch(MODELS, LEVELS[0], STARTS, t1=T, drive=DRIVES, progress=stop)
    assert np.isfinite(interrupted.value.solution.y).all() and len(interrupted.value.solution) == 2


def run(models=MODELS[0], starts=STARTS[0], level=LEVELS[0], **options):
    return ms.batch(models, level, starts, **({"t1": T, "save": 3} | options))


MISTAKES = {
    "no list": (lambda: run(), "lists of one length.*Received no list"),
    "lengths": (lambda: run(MODELS, STARTS[:2]), "Received 3 of model, 2 of start"),
    "empty": (lambda: run([]), "lists of one length"),
    "settings": (lambda: run([model(), model(availability="pool")]), "models that differ in numbers only.*run 1"),
    "kinds": (lambda: run([MODELS[0], zoo.linear()[0]]), "models that differ in numbers only.*run 1"),
    "durations": (
        lambda: run(drive=[ms.Protocol([Hold(0.1)]), ms.Protocol([Hold(0.2)])]),
        r"steps take the same times.*\[0.2\] in run 1",
    ),
    "functions": (
        lambda: run(drive=[ms.Length(lambda t: 0.0 * t), ms.Length(lambda t: 1.0 + 0.0 * t)]),
        "functions to be the same",
    ),
    "a bad run": (lambda: run(drive=[ms.Length(0.0, activation=r) for r in (0.5, 1.5)]), "Run 1 of the batch: .*1.5"),
    "steps": (lambda: run(MODELS, drive=ms.Protocol([Hold(1e-12)])), "to take at least"),
    "several Sobol seeds": (
        lambda: ms.batch(*(zoo.linear()[0], ms.Reduced(16, sampling="sobol"), zoo.linear()[1]), t1=1.0, seed=[1, 2]),
        "one seed for Sobol",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistake_is_named(name):
    mistake, sentence = MISTAKES[name]
    with pytest.raises(ms.InputError, match=sentence) as error:
        mistake()
    assert "\n" not in str(error.value)


def test_inside_jit_there_is_solve():
    with jax.enable_x64(True), pytest.raises(ms.InputError, match="map over solve"):
        jax.jit(lambda y: run(starts=[ms.Start(y), ms.Start(y)]).y)(jnp.zeros(()))
