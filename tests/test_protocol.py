"""A protocol's legs are the runs they claim to be, joined so that the ledger closes.

On the linear example everything is known: M ÿ = 3 − 2y + ℓ with M = 30, so that a hold or a constant velocity takes the reaction 2y − 3, and a
load swings the tissue about (3 + ℓ)/2. Load-bearing: `test_every_leg_is_its_closed_form`, `test_work_of_impulses_is_in_the_ledger` and
`test_interrupted_after_every_stretch`.
"""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from mortal import bits

import myoscale as ms
from myoscale import scenario, zoo
from myoscale.errors import InterruptedRun
from myoscale.fingerprint import fingerprint
from myoscale.protocol import Activate, Hold, Load, Ramp, Release
from myoscale.run.check import check
from myoscale.solution import Scenario
from myoscale.study.inertia import kinetic_bridges

MODEL, START = zoo.linear()
MASS, OMEGA = 30.0, np.sqrt(2 / 30)
GROWING = ms.Polyline([0.0, 12.0, 14.0], [0.4, 0.4, 1.0])  # in the run's time
PROTOCOL = ms.Protocol(
    [
        Hold(1.0),
        Ramp(0.3, 2.0),
        Hold(0.5),
        Release(-0.2, 0.1),
        Load(0.4, 3.0),
        Ramp(-0.2, 1.0),
        Load(0.4, 2.4),
        Load(GROWING, 4.0, slow=True),
        Load(1.0, 2.0),
        Load(0.2, 1.0, slow=True),
    ]
)
ENDS = np.cumsum([float(step.duration) for step in PROTOCOL.steps])
T = 19.0  # the last load goes on
OPTIONS = {"t1": T, "drive": PROTOCOL, "save": 191, "tolerance": 1e-11}


def solve(level=ms.MomentClosure(4), **options):
    return ms.solve(MODEL, level, START, **OPTIONS | options)


@pytest.fixture(scope="module")
def run():
    return solve()


def swing(t, y, v, load):
    """M ÿ = 3 − 2y + ℓ."""
    middle = (3 + load) / 2
    c, s = np.cos(OMEGA * t), np.sin(OMEGA * t)
    return middle + (y - middle) * c + v / OMEGA * s, -(y - middle) * OMEGA * s + v * c


def expected(t):
    """y, ẏ and reaction of every leg by hand; a boundary belongs to the leg that ends there."""
    leg, begin = np.searchsorted(ENDS, t - 1e-9), np.concatenate([[0.0], ENDS])
    y, v, reaction = (np.full_like(t, np.nan) for _ in range(3))

    def put(k, position, velocity, force):
        here = leg == k
        y[here], v[here] = position(t[here]), velocity(t[here])
        reaction[here] = force(y[here])

    def free(k, y0, v0, load):
        put(k, *(lambda t, i=i: swing(t - begin[k], y0, v0, load)[i] for i in (0, 1)), lambda y: 0 * y)
        return [float(a) for a in swing(begin[k + 1] - begin[k], y0, v0, load)]

    springs = lambda y: 2 * y - 3
    put(0, lambda t: 1.0 + 0 * t, lambda t: 0 * t, springs)
    put(1, lambda t: 1.0 + 0.15 * (t - 1.0), lambda t: 0.15 + 0 * t, springs)
    put(2, lambda t: 1.3 + 0 * t, lambda t: 0 * t, springs)
    s = lambda t: (t - begin[3]) / 0.1
    put(
        3,
        lambda t: 1.3 - 0.2 * (10 * s(t) ** 3 - 15 * s(t) ** 4 + 6 * s(t) ** 5),
        lambda t: -2.0 * (30 * s(t) ** 2 * (1 - s(t)) ** 2),
        springs,
    )
    y4, v4 = free(4, 1.1, 0.0, 0.4)
    put(5, lambda t: y4 - 0.2 * (t - begin[5]), lambda t: -0.2 + 0 * t, springs)
    _, v6 = free(6, y4 - 0.2, -0.2, 0.4)
    load = lambda t: np.interp(t, [0.0, 12.0, 14.0], [0.4, 0.4, 1.0])
    rate = lambda t: np.where(t <= 12.0, 0.0, np.where(t <= 14.0, 0.15, 0.0))
    put(7, lambda t: (3 + load(t)) / 2, rate, lambda y: 0 * y)
    _, v8 = free(8, (3 + load(begin[8])) / 2, 0.0, 1.0)
    put(9, lambda t: 1.6 + 0 * t, lambda t: 0 * t, lambda y: 0 * y)
    put(10, lambda t: 1.6 + 0 * t, lambda t: 0 * t, lambda y: 0 * y)
    return y, v, reaction, {"free to ramp": v4, "free to slow": v6, "again": v8}


def test_every_leg_is_its_closed_form(run):
    y, v, reaction, _ = expected(run.ts)
    kink = np.abs(run.ts - 12.0) < 1e-9  # of the load: its rate is one side's or the other's
    for name, observed, by_hand in (
        ("y", run.y[:, 0], y),
        ("ẏ", run.v[~kink, 0], v[~kink]),
        ("reaction", run.reaction[run.ts > 3.6 + 1e-9, 0], reaction[run.ts > 3.6 + 1e-9]),
        ("reaction at first", run.reaction[run.ts < 3.5, 0], reaction[run.ts < 3.5]),
    ):
        error = np.max(np.abs(observed - by_hand))
        assert error <= 1e-9, f"{name}: expected the closed form, observed an error of {error:.2e}"
    assert np.ptp(y) > 0.5 and np.ptp(v) > 0.1 and np.ptp(reaction) > 0.1, "nothing moved"


def test_work_of_impulses_is_in_the_ledger(run):
    """What holds the tissue changes its velocity at once; where inertia ends, kinetic energy is lost."""
    assert run.energy.drift <= 1e-9, f"expected the ledger to close, observed {run.energy.drift:.2e}"
    *_, v = expected(run.ts)
    lost = -0.5 * MASS * (v["free to slow"] ** 2 + v["again"] ** 2)
    assert lost < -1e-3 and run.energy.damping[-1] == pytest.approx(lost, abs=1e-10)
    # Work up to the end of the first ramp: ½Mv² from rest, and the springs' (y − 3/2)².
    k = int(np.argmin(np.abs(run.ts - 3.0)))
    assert run.energy.load[k] == pytest.approx(0.5 * MASS * 0.15**2 + (0.2**2 - 0.5**2), abs=1e-10)
    # Held again, all of that kinetic energy has gone back: what is left is the springs'.
    assert run.energy.load[k + 1] == pytest.approx(0.2**2 - 0.5**2, abs=1e-10)


def test_kinetic_energy_counted_afterwards_is_that_of_the_run(run):
    again = kinetic_bridges(MODEL, run)
    assert np.max(np.abs(again - run.energy.kinetic_bridges)) < 1e-12 and np.max(again) > 1e-2
    assert not again[run.ts > ENDS[-2] + 0.01].any(), "a slow leg has no kinetic energy"


def test_boundaries_are_recorded_and_belong_to_the_leg_that_ends(run):
    for end in ENDS:
        assert np.min(np.abs(run.path[:, 0] - end)) < 1e-12
    assert np.all(np.diff(run.path[:, 0]) > 1e-8)
    k = int(np.argmin(np.abs(run.ts - 3.0)))
    assert run.v[k, 0] == pytest.approx(0.15) and run.v[k + 1, 0] == 0.0


def test_a_step_that_the_end_cuts_off_is_what_it_would_have_been(run):
    part = solve(t1=2.0, save=[1.5, 2.0])
    assert part.y[:, 0] == pytest.approx([1.075, 1.15], abs=1e-12) and part.ts[-1] == 2.0


@pytest.mark.parametrize("level", [ms.Reduced(64), ms.Kinetic(32)], ids=lambda level: level.name)
def test_ledger_closes_at_other_levels(level):
    drive = ms.Protocol([Load(0.4, 3.0), Ramp(-0.2, 1.0), Hold(0.5)])
    run = solve(level, drive=drive, t1=4.5, save=46)
    assert run.energy.drift <= 1e-9, f"expected the ledger to close, observed {run.energy.drift:.2e}"
    work = np.abs(np.diff(run.energy.load))
    assert work[np.argmin(np.abs(run.ts - 4.0))] > 0.1, "no impulse: nothing was tested"


def test_an_impulse_at_the_end_of_a_chain_conserves_momentum_elsewhere():
    """Bridges' mass couples neighbours: pulling one end sets the other in motion as M v says, with M by hand."""
    model = ms.Model(ms.ChainTissue(np.array([2.0, 1.0]), np.array([1.0, 3.0])), zoo.LinearBridge(1.5, 0.7, 1.0))
    start, soon = ms.Start(np.array([0.1, 0.3]), np.zeros(2), x=ms.Normal(0.2, 0.3)), 1.0 + 1e-6
    drive = ms.Protocol([Hold(1.0), Ramp(0.4, 1.0)], dofs=(-1,))
    run = ms.solve(model, ms.MomentClosure(4), start, t1=2.0, drive=drive, save=[0.0, 1.0, soon, 2.0], tolerance=1e-11)
    mass = np.diag([2.0, 1.0]) + 1.5 * np.array([[2.0, -1.0], [-1.0, 1.0]])
    before, after = run.v[1], run.v[2]
    assert before[1] == 0.0 and after[1] == pytest.approx(0.4) and run.y[-1, 1] == pytest.approx(0.7, abs=1e-13)
    assert abs(before[0]) > 0.01 and after[0] - before[0] > 0.1, "the free end should have been moving, and been hit"
    assert (mass @ (after - before))[0] == pytest.approx(0.0, abs=1e-5)
    assert run.energy.drift <= 1e-9


def test_damped_and_slow_keeps_its_length_and_loses_its_speed():
    model = dataclasses.replace(MODEL, tissue=ms.SpringMass(mass=20.0, damping=4.0))
    drive = ms.Protocol([Ramp(0.2, 1.0), Load(0.4, 2.0, slow=True)])
    run = ms.solve(model, ms.MomentClosure(4), START, t1=3.0, drive=drive, save=31, tolerance=1e-11)
    t = run.ts[run.ts > 1.0 + 1e-9] - 1.0
    y = 1.7 - 0.5 * np.exp(-t / 2)  # 4 ẏ = 3.4 − 2y from 1.2
    assert np.max(np.abs(run.y[-len(t) :, 0] - y)) <= 1e-9 and run.energy.drift <= 1e-9


def test_a_slope_is_that_of_the_closed_form():
    """Reverse mode through two legs."""

    def end(by):
        drive = ms.Protocol([Ramp(by, 1.0), Load(0.4, 2.0)])
        return ms.solve(MODEL, ms.MomentClosure(4), START, t1=3.0, drive=drive, save=[3.0], tolerance=1e-10).y[-1, 0]

    with jax.enable_x64(True):
        y, slope = jax.jit(jax.value_and_grad(end))(jnp.asarray(0.3))
    assert float(y) == pytest.approx(swing(2.0, 1.3, 0.3, 0.4)[0], abs=1e-9)
    by_hand = np.cos(2 * OMEGA) + np.sin(2 * OMEGA) / OMEGA
    assert float(slope) == pytest.approx(by_hand, abs=1e-8)


def test_interrupted_after_every_stretch(run, tmp_path):
    """Each process does one stretch; the last has the bits of the run that nobody disturbed."""
    said = []

    def progress(word, fraction):
        if not word.endswith("compiling"):
            said.append(fraction)
            raise KeyboardInterrupt

    result = None
    while result is None:
        try:
            result = solve(resume=tmp_path, progress=progress)
        except InterruptedRun:
            assert len(said) < 40
            if said[-1] == 1.0:
                progress = None
    assert bits(result) == bits(run) and len(said) >= 20 and said == sorted(set(said))


def test_files_hold_protocols(run, tmp_path):
    back = ms.load(run.save(tmp_path / "run.nc"))
    assert fingerprint(back.scenario.drive) == fingerprint(PROTOCOL)
    problem = dataclasses.replace(zoo.problem("linear"), drive=PROTOCOL)
    written = scenario.text(problem)
    again = scenario.parse(written)
    assert scenario.text(again) == written and fingerprint(again.drive) == fingerprint(PROTOCOL)


def test_units_of_steps_are_converted():
    text = scenario.text(
        dataclasses.replace(zoo.problem("linear"), drive=ms.Protocol([Ramp(0.3, 2.0), Load(0.4, 1.0)]))
    )
    for old, new in (
        ("[tissue]", '[units]\nlength = "nm"\nforce = "pN"\ntime = "ms"\n\n[tissue]'),
        ("by = 0.3", 'by = "0.001 um"'),
        ("duration = 2.0", 'duration = "0.5 s"'),
        ("load = 0.4", 'load = "2 nN"'),
    ):
        assert old in text
        text = text.replace(old, new, 1)
    ramp, load = scenario.parse(text).drive.steps
    assert (float(ramp.by), ramp.duration, load.load) == pytest.approx((1.0, 500.0, 2000.0))


def test_polyline_is_linear_between_its_knots():
    knots, values = np.array([0.0, 0.5, 2.0]), np.array([1.0, 2.0, -1.0])
    t = np.linspace(-0.5, 3.0, 36)
    with jax.enable_x64(True):
        line = ms.Polyline(knots, values)
        found = np.stack([np.asarray(line(jnp.asarray(s))) for s in t])
        assert np.max(np.abs(found - np.interp(t, knots, values))) < 1e-14
        slope = lambda s: float(jax.grad(line)(jnp.asarray(s)))
        assert [slope(s) for s in (-0.1, 0.2, 0.5, 1.0, 2.1)] == pytest.approx([0.0, 2.0, -2.0, -2.0, 0.0])
        two = ms.Polyline(knots, np.stack([values, 3 * values], 1))(jnp.asarray(0.25))
        assert np.asarray(two) == pytest.approx([1.5, 4.5])
        assert float(ms.Line(1.0, 2.0, 3.0)(jnp.asarray(3.5))) == 2.0


# Mistakes


def run_with(drive, **options):
    return solve(drive=drive, **{"t1": 2.0, "save": 3} | options)


def check_cycling(drive, t1=2.0):
    model = ms.Model(MODEL.tissue, zoo.LinearBridge(1.0, 1.0, 1.0, cycling=ms.Huxley1957()))
    with jax.enable_x64(True):
        return check(Scenario(model, ms.MomentClosure(), ms.Start(0.0), t1, drive, 3, 1e-8, 0))


FAR = ms.Polyline([0.0, 1.0, 2.0], [0.0, 1.5, 0.0])
MISTAKES = {
    "no steps": (lambda: ms.Protocol([]), "expected steps"),
    "no duration": (lambda: Hold(0.0), "Hold expected duration > 0"),
    "endless": (lambda: Ramp(0.1, np.inf), "Ramp expected duration > 0, finite"),
    "nowhere": (lambda: Release(np.nan, 1.0), "Release expected by to be a finite number"),
    "too active": (lambda: Activate(1.2, 1.0), "Activate expected 0 ≤ to ≤ 1"),
    "too active at first": (lambda: ms.Protocol([Hold(1.0)], activation=-0.1), "Protocol expected 0 ≤ activation ≤ 1"),
    "other coordinates": (lambda: run_with(ms.Protocol([Hold(1.0)], dofs=(1,))), "Protocol.dofs to be different"),
    "by of the wrong size": (
        lambda: run_with(ms.Protocol([Hold(1.0), Ramp(np.ones(2), 1.0)])),
        r"by in Protocol.steps\[1\], Ramp, to be a number or of shape \(1,\)",
    ),
    "too short": (lambda: run_with(ms.Protocol([Hold(1e-12)])), r"steps\[0\], Hold, to take at least 1e-08 of t1"),
    "load of the wrong size": (lambda: run_with(ms.Protocol([Load(np.ones(2), 1.0)])), "load at t = 0 to be finite"),
    "singular damping": (
        lambda: ms.solve(
            ms.Model(ms.SpringMass(damping=0.0), MODEL.bridge),
            ms.MomentClosure(4),
            START,
            t1=1.0,
            drive=ms.Protocol([Hold(0.5), Load(0.1, 0.5, slow=True)]),
        ),
        "singular D",
    ),
    "traced durations": (
        lambda: jax.grad(lambda d: run_with(ms.Protocol([Hold(d)])).y[-1, 0])(1.0),
        "durations that are numbers",
    ),
    "activation of what does not cycle": (lambda: run_with(ms.Free(activation=0.5)), "belongs to cycling bridges"),
    "a step that does nothing": (lambda: run_with(ms.Protocol([Activate(1.0, 1.0)])), "an Activate step"),
    "half active, not cycling": (lambda: run_with(ms.Protocol([Hold(1.0)], activation=0.5)), "activation = 0.5"),
    "activation beyond 1": (lambda: check_cycling(ms.Free(activation=FAR)), r"Received 1\.002 at t = 0\.668"),
    "negative activation": (lambda: check_cycling(ms.QuasiStatic(activation=-0.1)), r"Received -0\.1 at t = 0\."),
    "activation that is no number": (
        lambda: check_cycling(ms.Free(activation=lambda t: t / 0.0 if t is None else jnp.sqrt(t - 1.0))),
        r"Received nan at t = 0\.",
    ),
    "activation of two": (lambda: check_cycling(ms.Free(activation=lambda t: jnp.ones(2))), r"Received shape \(2,\)"),
    "a length with kinks": (lambda: run_with(ms.Length(FAR)), "velocity without jumps"),
    "a line of one point": (lambda: ms.Polyline([0.0], [1.0]), "Polyline expected times"),
    "a line backwards": (lambda: ms.Polyline([1.0, 0.0], [1.0, 0.0]), "increasing times"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistake_is_named(name):
    mistake, sentence = MISTAKES[name]
    with jax.enable_x64(name == "traced durations"), pytest.raises(ms.InputError, match=sentence) as error:
        mistake()
    assert "\n" not in str(error.value)


def test_activation_of_cycling_bridges_is_let_through():
    for drive in (ms.Free(activation=ms.Polyline([0.0, 1.0], [0.0, 1.0])), ms.Length(1.0, activation=0.3)):
        assert len(check_cycling(drive)) == 3
    protocol = ms.Protocol([Activate(1.0, 1.0), Hold(0.5), Activate(0.25, 1.0)], activation=0.5)
    assert len(check_cycling(protocol)) == 3
    with jax.enable_x64(True):
        at = lambda leg, t: float(leg.drive(np.zeros(1)).activation(jnp.asarray(t)))
        legs = protocol.legs(4.0)
        assert [(leg.begin, leg.end) for leg in legs] == [(0.0, 1.0), (1.0, 1.5), (1.5, 2.5), (2.5, 4.0)]
        found = [at(legs[0], 0.0), at(legs[0], 0.5), at(legs[1], 1.2), at(legs[2], 2.0), at(legs[3], 3.0)]
        (cut,) = protocol.legs(0.5)
        assert cut.end == 0.5 and at(cut, 0.5) == 0.75, "the end of a run does not hurry a step"
    assert found == pytest.approx([0.5, 0.75, 1.0, 0.625, 0.25])


def test_a_mistake_in_a_step_is_a_line_and_a_key():
    text = scenario.text(dataclasses.replace(zoo.problem("linear"), drive=ms.Protocol([Hold(1.0), Ramp(0.3, 2.0)])))
    for old, new, said in (
        ("by = 0.3", "bi = 0.3", r"drive.steps\[1\] has no key 'bi': did you mean 'by'"),
        ("by = 0.3", "", r"drive.steps\[1\] lacks 'by' \(change of length\)"),
        ('"Hold"', '"Hodl"', "did you mean 'Hold'"),
    ):
        assert old in text
        with pytest.raises(ms.InputError, match=said):
            scenario.parse(text.replace(old, new))
