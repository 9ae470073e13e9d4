"""The constrained level steps the DAE of theory.md section 2: at its order, on both constraints, and as its steppers promise.

Load-bearing: `test_multipliers_solve_the_saddle_point_system` (a dense NumPy solve that shares nothing with the code), `test_order`
(against `Reduced`, an adaptive integrator of the reduced equation) and the energy and reversal tests.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from oracle import Shape, constraints, random_case, relative, saddle_point, tissue_force

import myoscale as ms
from myoscale import dae
from myoscale.dae import projected
from myoscale.model.scenario import tree_float
from myoscale.run.begin import begin

RATTLE, ENERGY_MOMENTUM = ms.Stepper.RATTLE, ms.Stepper.ENERGY_MOMENTUM


def drawn(name, n):
    """A model of the zoo, and its start with n particles drawn once for all."""
    model, start = ms.zoo._PAGES[name].build()
    level = ms.Reduced(n)
    x = ms.solve(model, level, start, t1=1e-3, save=2, seed=n).population(0.0).points
    return model, ms.Start(start.y, start.v, x=x)


# --- what it solves ---------------------------------------------------------------------------------------------------------------------

SHAPES = (
    Shape(1, 1, 1, 1, 1, False, True, False),
    Shape(2, 3, 2, 1, 6, True, False, False),
    Shape(3, 2, 4, 2, 3, False, False, True),
)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_multipliers_solve_the_saddle_point_system(shape):
    worst = {"multiplier": 0.0, "force": 0.0}
    for seed in (0, 1, 4, 6):  # 4 is massless
        case = random_case(shape, seed)
        case = case._replace(y=case.y_in)
        bridges = constraints(case)
        if np.linalg.cond(bridges.A).max() > 1e3:
            continue
        answer = saddle_point(case.model.tissue.mass_matrix, tissue_force(case), bridges)
        start = ms.Start(case.y, case.v, x=case.x_in, weights=case.w)
        level = ms.Constrained(order=2, dt=1e-4)
        seen = ms.solve(case.model, level, start, t1=1e-4, save=2, drive=ms.Free(case.load))
        found = seen.multipliers[0].reshape(answer.multiplier.shape)
        worst["multiplier"] = max(worst["multiplier"], relative(found, answer.multiplier))
        each = bridges.weight[:, None] * np.einsum("nij,ni->nj", bridges.g_q, answer.multiplier)
        worst["force"] = max(worst["force"], relative(seen.pulls[0].reshape(each.shape), each))
    assert max(worst.values()) < 1e-10, worst


# --- order ------------------------------------------------------------------------------------------------------------------------------

T1 = 1.5
CASES = {"linear": 1, "onion": 30, "element": 7, "bent": 1000}


@pytest.fixture(scope="module", params=CASES.items(), ids=lambda case: f"{case[0]}-{case[1]}")
def problem(request):
    """A model, a start, and where it is at T1 to nearly rounding: y, ẏ and λ."""
    model, start = drawn(*request.param)
    fine = ms.solve(model, ms.Reduced(), start, t1=T1, save=2, tolerance=1e-13)
    return model, start, fine


@pytest.mark.parametrize("stepper", [RATTLE, ENERGY_MOMENTUM])
@pytest.mark.parametrize("order", [2, 4, 6])
def test_order(problem, stepper, order):
    model, start, fine = problem
    exact = None
    errors, counts = [], (20, 40)
    for count in counts:
        level = ms.Constrained(stepper=stepper, order=order, dt=T1 / count)
        seen = ms.solve(model, level, start, t1=T1, save=2)
        if exact is None:
            exact = _at(model, start, fine, level)
        ends = np.concatenate([seen.y[-1], seen.v[-1], seen.multipliers[-1].ravel() / np.abs(exact[2]).max()])
        truth = np.concatenate([exact[0], exact[1], exact[2].ravel() / np.abs(exact[2]).max()])
        errors.append(np.abs(ends - truth).max())
        assert seen.residual.max() < 1e-13 and seen.velocity_residual.max() < 1e-13
    observed = np.log2(errors[0] / errors[1])
    assert errors[1] < 2e-12 or observed == pytest.approx(order, abs=0.35), (errors, observed)
    assert errors[0] < 0.2


def _at(model, start, fine, level):
    """y, ẏ and the KKT multipliers of the reduced equation's end: at the start of a run that begins there."""
    x = fine.population(T1).points
    there = ms.Start(fine.y[-1], fine.v[-1], x=x if x.ndim == 3 else x[None])
    begins = ms.solve(model, level, there, t1=T1, save=2)
    return fine.y[-1], fine.v[-1], begins.multipliers[0]


def test_explicit_steps_are_of_order_8(problem):
    """One step brought back to the constraint errs like h⁹, the solution within it like h⁶; constraints hold to rounding."""
    model, start, _ = problem

    @eqx.filter_jit
    def ended(model, start, h):
        begun = begin(model, ms.Constrained(), start, ms.Free(), jax.random.key(0), 0, 0)
        system = dae.System(model, ms.Free(), *begun.state.still, begun.population.scale)
        zero, motion = jnp.zeros(()), begun.state.motion
        rates = projected.stages(system, zero, motion, projected.rate(zero, motion, system), h)
        free = projected.combine(motion, h, projected._C[-1], projected._A[-1], projected._AA[-1], rates)
        after, there, met = projected.project(system, h, free)
        within = projected.between(motion, h, jnp.asarray(0.4), rates, projected.rate(h, after, system))
        slip = jnp.einsum("pnkx,pnx->pnk", there.A, after.z.v) + there.B @ after.v
        residual = jnp.maximum(jnp.abs(there.r).max(), jnp.abs(slip).max())
        return [jnp.stack([m.y[0], m.v[0]]) for m in (within, after)], residual, met

    errors = []
    for h in (0.4, 0.2) if start.count == 30 else (1.0, 0.5):
        exact = ms.solve(model, ms.Reduced(), start, t1=h, save=[0.4 * h, h], tolerance=1e-13)
        with jax.enable_x64(True):
            found, residual, met = jax.tree.map(np.asarray, ended(*tree_float((model, start)), jnp.asarray(h)))
        assert met and residual < 1e-13
        truth = np.stack([exact.y[:, 0], exact.v[:, 0]], axis=1)
        errors.append(np.abs(np.stack(found) - truth).max(axis=1))
    coarse, fine = np.array(errors)
    assert np.all((fine < 1e-13) | (np.log2(coarse / fine) > [5.5, 7.5])), errors
    assert np.all(coarse < 1e-4)


def test_adaptive_steps_meet_the_tolerance():
    for name, n in (("linear", 10), ("bent", 20), ("chain", 5)):
        model, start = drawn(name, n)
        exact = ms.solve(model, ms.Reduced(), start, t1=5.0, save=6, tolerance=1e-12)
        for tolerance, stepper in ((1e-5, None), (1e-9, None), (1e-9, RATTLE)):
            seen = ms.solve(model, ms.Constrained(stepper=stepper), start, t1=5.0, save=6, tolerance=tolerance)
            assert np.abs(seen.y - exact.y).max() < tolerance, (name, tolerance)
            assert np.abs(seen.v - exact.v).max() < 3 * tolerance, (name, tolerance)


# --- structure --------------------------------------------------------------------------------------------------------------------------


def stepped(model, start, stepper, order, h, count, every):
    """Energies, residuals and the end of `count` steps of h, and `count` steps back."""

    @eqx.filter_jit
    def run(model, start):
        level = ms.Constrained(stepper=stepper, order=order, dt=1.0)
        begun = begin(model, level, start, ms.Free(), jax.random.key(0), 0, 0)
        system = dae.System(model, ms.Free(), *begun.state.still, begun.population.scale)
        scheme, true = dae.Scheme(stepper, order), jnp.array(True)
        start = dae.place(system, begun.state.motion)
        at = dae.Progress(jnp.zeros(()), start, jnp.asarray(h), jnp.zeros((), int), true, true)

        def some(at, k):
            at = dae.evenly(system, scheme, at, (k + 1.0) * every * h, every)
            now = dae.instant(system, at.t, at.motion)
            return at, (sum(dae.energies(system, at.motion)), now.position, now.velocity)

        end, (energy, position, velocity) = jax.lax.scan(some, at, jnp.arange(count // every))
        first = sum(dae.energies(system, start))
        back = dae.evenly(system, scheme, end, jnp.zeros(()), count)
        return start, end, back, energy / first - 1, position, velocity

    with jax.enable_x64(True):
        return jax.tree.map(np.asarray, run(*tree_float((model, start))))


def trend(values):
    """Slope of a fitted line over all of the run, and its standard error from the scatter about it."""
    s = np.linspace(-0.5, 0.5, len(values))
    slope = (s @ values) / (s @ s)
    rest = values - values.mean() - slope * s
    return slope, np.sqrt(rest @ rest / (len(s) - 2) / (s @ s))


@pytest.mark.parametrize(("name", "h"), [("onion", 0.02), ("linear", 0.05)])
def test_energy_over_1e5_steps_of_the_discrete_gradient(name, h):
    model, start = drawn(name, 20)
    _, end, _, energy, position, velocity = stepped(model, start, ENERGY_MOMENTUM, 2, h, 100_000, 1000)
    assert end.solved and end.steps == 100_000
    assert np.abs(energy).max() < 1e-11
    assert abs(trend(energy)[0]) < 5e-12
    assert position.max() < 1e-13 and velocity.max() < 1e-13


def test_energy_over_1e5_steps_of_rattle_stays_in_its_band():
    model, start = drawn("bent", 20)
    _, end, _, energy, position, velocity = stepped(model, start, RATTLE, 2, 0.02, 100_000, 97)
    slope, error = trend(energy)
    assert end.solved and np.abs(energy).max() < 2e-3
    assert abs(slope) < 3 * error + 0.02 * np.abs(energy).max(), (slope, error)
    assert position.max() < 1e-13 and velocity.max() < 1e-13


@pytest.mark.parametrize(("stepper", "order"), [(RATTLE, 2), (RATTLE, 6), (ENERGY_MOMENTUM, 2), (ENERGY_MOMENTUM, 4)])
def test_time_reversal(stepper, order):
    model, start = drawn("bent", 10)
    first, end, back, *_ = stepped(model, start, stepper, order, 0.05, 1000, 1000)
    assert np.abs(end.motion.y - first.y).max() > 1e-2
    for name in ("y", "v"):
        assert np.abs(getattr(back.motion, name) - getattr(first, name)).max() < 1e-10
    assert np.abs(back.motion.z.x - first.z.x).max() < 1e-10
    assert np.abs(back.motion.z.v - first.z.v).max() < 1e-10


# --- what else acts ---------------------------------------------------------------------------------------------------------------------


class Pairs(ms.AbstractBridge):
    """g = x + 0.15x³ − q with a pair energy."""

    mass: float = 0.5

    def constraint(self, x, q):
        return x + 0.15 * x**3 - q

    def energy(self, x):
        return 0.5 * x @ x

    def interaction(self, r):
        return 0.3 * jnp.exp(-r @ r)


DAMPED = ms.Model(ms.SpringMass(mass=1.0, stiffness=2.0, damping=0.3), Pairs())
PUSHED = ms.Start(1.0, 0.2, x=np.linspace(-0.5, 1.0, 12), weights=np.arange(1, 13) / 78)


@pytest.mark.parametrize("stepper", [RATTLE, ENERGY_MOMENTUM])
def test_interaction_damping_and_load(stepper):
    drive = ms.Free(load=ms.Sine(amplitude=0.4, period=3.0))
    exact = ms.solve(DAMPED, ms.Reduced(), PUSHED, t1=4.0, save=5, drive=drive, tolerance=1e-12)
    errors = []
    for dt in (0.2, 0.1):
        seen = ms.solve(DAMPED, ms.Constrained(stepper=stepper, order=4, dt=dt), PUSHED, t1=4.0, save=5, drive=drive)
        errors.append(np.abs(seen.y - exact.y).max())
        for entry in ("load", "damping", "pair"):
            assert np.abs(getattr(seen.energy, entry) - getattr(exact.energy, entry)).max() < 30 * dt**4
        assert seen.energy.drift < (1e-12 if stepper is ENERGY_MOMENTUM else dt**4)
    assert np.log2(errors[0] / errors[1]) == pytest.approx(4.0, abs=0.4)


def test_interaction_damping_and_load_with_explicit_steps():
    drive = ms.Free(load=ms.Sine(amplitude=0.4, period=3.0))
    options = dict(t1=4.0, save=5, drive=drive)
    exact = ms.solve(DAMPED, ms.Reduced(), PUSHED, tolerance=1e-12, **options)
    seen = ms.solve(DAMPED, ms.Constrained(), PUSHED, tolerance=1e-9, **options)
    assert np.abs(seen.y - exact.y).max() < 1e-9
    for entry in ("load", "damping", "pair"):
        assert np.abs(getattr(seen.energy, entry) - getattr(exact.energy, entry)).max() < 1e-8
    assert seen.energy.drift < 1e-9


@pytest.mark.parametrize("stepper", [None, RATTLE])
@pytest.mark.parametrize("name", ["linear", "bent", "chain"])
def test_prescribed_motion(name, stepper):
    model, start = drawn(name, 6)
    if name == "chain":
        drive = ms.Length(ms.Ramp(before=np.asarray(start.y)[-1], after=1.4, duration=2.0), dofs=(-1,))
    else:
        drive = ms.Length(ms.Ramp(before=start.y, after=start.y - 0.4, duration=2.0))
    exact = ms.solve(model, ms.Reduced(), start, t1=3.0, save=13, drive=drive, tolerance=1e-12)
    seen = ms.solve(model, ms.Constrained(stepper=stepper), start, t1=3.0, save=13, drive=drive, tolerance=1e-9)
    assert np.abs(seen.y - exact.y).max() < 1e-8
    assert relative(seen.reaction, exact.reaction) < 1e-6
    assert np.abs(seen.energy.load - exact.energy.load).max() < 1e-7


@pytest.mark.parametrize("stepper", [None, RATTLE])
def test_protocol_of_ramps_with_jumps_of_velocity(stepper):
    model, start = drawn("bent", 6)
    p = ms.protocol
    drive = ms.Protocol([p.Hold(0.5), p.Ramp(by=-0.3, duration=0.5), p.Hold(0.5)])
    exact = ms.solve(model, ms.Reduced(), start, t1=1.5, save=16, drive=drive, tolerance=1e-12)
    seen = ms.solve(model, ms.Constrained(stepper=stepper), start, t1=1.5, save=16, drive=drive, tolerance=1e-9)
    assert np.abs(seen.y - exact.y).max() < 1e-8
    assert relative(seen.energy.load, exact.energy.load) < 1e-7


@pytest.mark.parametrize("stepper", [None, RATTLE])
def test_without_mass_it_is_the_one_way_model(stepper):
    model, start = drawn("bent", 8)
    seen = ms.solve(model.one_way(), ms.Constrained(stepper=stepper), start, t1=3.0, save=4, tolerance=1e-9)
    exact = ms.solve(model.one_way(), ms.Reduced(), start, t1=3.0, save=4, tolerance=1e-12)
    assert np.abs(seen.y - exact.y).max() < 1e-8


def test_derivatives_pass_through():
    """Of y(t1) in the tissue's stiffness, in reverse mode, against differences."""
    with jax.enable_x64(True):
        x = jnp.linspace(0.1, 0.7, 5)

        def end(stiffness, stepper):
            model, _ = ms.zoo.bent(kappa0=stiffness)
            level = ms.Constrained(stepper=stepper, order=4, dt=0.1)
            return ms.solve(model, level, ms.Start(1.0, x=x), t1=1.0, save=2).y[-1, 0]

        for stepper in (RATTLE, ENERGY_MOMENTUM):
            slope = jax.grad(end)(2.0, stepper)
            change = (end(2.0 + 1e-5, stepper) - end(2.0 - 1e-5, stepper)) / 2e-5
            assert slope == pytest.approx(change, rel=1e-7)


def test_a_first_step_that_is_rejected_leaves_no_trace():
    """The first step tried is a tenth of the first time saved, here 60, and it begins where a time is saved."""
    model, start = drawn("onion", 10)
    seen = ms.solve(model, ms.Constrained(), start, t1=600.0, save=[0.0, 1.0, 600.0], tolerance=1e-6)
    longer = ms.solve(model, ms.Constrained(), start, t1=600.0, save=[0.0, 600.0], tolerance=1e-6)
    assert seen.y[0] == start.y and seen.v[0] == 0.0 and longer.y[0] == start.y
    assert longer.energy.drift < 1e-6


def test_stretches_of_few_steps_are_joined():
    """As many pieces as make twenty steps or more: fewer stretches than pieces, and still several for progress and Ctrl-C."""
    model, start = drawn("linear", 10)
    said = []
    seen = ms.solve(
        model, ms.Constrained(), start, t1=60.0, save=601, progress=lambda _, fraction: said.append(fraction)
    )
    assert 3 <= len(said) - 1 <= 10 and said == sorted(said) and said[-1] == 1.0, said
    exact = ms.solve(model, ms.Reduced(), start, t1=60.0, save=601, tolerance=1e-12)
    assert np.abs(seen.y - exact.y).max() < 1e-8


def test_a_kept_run_goes_on_to_the_same_bits(tmp_path):
    model, start = drawn("bent", 10)
    options = dict(t1=40.0, save=9)
    whole = ms.solve(model, ms.Constrained(), start, **options)
    calls = []

    def stop(word, fraction):
        calls.append(fraction)
        if fraction > 0.5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ms.solve(model, ms.Constrained(), start, resume=tmp_path / "state", progress=stop, **options)
    resumed = ms.solve(model, ms.Constrained(), start, resume=tmp_path / "state", **options)
    assert max(calls) < 1.0
    for name in ("y", "v", "multipliers", "residual"):
        assert np.array_equal(getattr(resumed, name), getattr(whole, name)), name


def test_files_hold_multipliers(tmp_path):
    model, start = ms.zoo.linear()
    seen = ms.solve(model, ms.Constrained(30, keep=7), start, t1=1.0, save=3)
    back = ms.load(seen.save(tmp_path / "run.nc"))
    assert np.array_equal(back.multipliers, seen.multipliers) and back.multipliers.shape == (3, 1, 7, 1)
    assert np.array_equal(back.followed, [0, 5, 10, 14, 19, 24, 29])
    assert back.population(1.0).points.shape == (7, 1)


def test_pulls_add_up_to_the_force():
    model, start = drawn("chain", 9)
    seen = ms.solve(model, ms.Constrained(), start, t1=1.0, save=5)
    assert relative(seen.pulls.sum(axis=2), seen.force) < 1e-13


def test_multipliers_of_a_linear_oscillator():
    """λ_i = m γ ÿ + κ₁ X_i: by hand from theory.md section 2."""
    problem = ms.zoo.problem("linear")
    seen = ms.solve(problem.model, ms.Constrained(5), problem.start, t1=2.0, save=5)
    x = seen.population(2.0).points[:, 0]
    m, k1, gain = 10.0, 1.0, -1.0
    w0 = lambda y, x0: (-y - gain * (np.mean(x0) + gain * (y - 1.0))) / 30.0
    acceleration = w0(seen.y[-1, 0], seen.population(0.0).points)
    assert np.abs(seen.multipliers[-1, 0, :, 0] - (m * gain * acceleration + k1 * x)).max() < 1e-9
