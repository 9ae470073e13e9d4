"""Mistakes at the constrained level: one sentence each that says what, where and what to do."""

import numpy as np
import pytest

import myoscale as ms
from myoscale import zoo


class Flat(ms.AbstractBridge):
    """One row for two components."""

    mass: float = 0.5

    def constraint(self, x, q):
        return x[:1] - q

    def energy(self, x):
        return 0.5 * x @ x


class Tall(Flat):
    """Two rows for one component."""

    def constraint(self, x, q):
        import jax.numpy as jnp

        return jnp.concatenate([x - q, x + q])


LINEAR = zoo.linear()
TISSUE = ms.SpringMass(mass=1.0)
PLANE = ms.MultivariateNormal(np.zeros(2), np.eye(2))
LOWER = ms.Model(TISSUE, Flat()), ms.Start(1.0, x=PLANE)


def solve(problem, level, **options):
    model, start = problem
    return ms.solve(model, level, start, **({"t1": 1.0} | options))


MISTAKES = {
    "dt-zero": (lambda: ms.Constrained(10, dt=0.0), "expected dt > 0.*Received 0.0"),
    "dt-negative": (lambda: ms.Constrained(10, dt=-0.1), "expected dt > 0.*Received -0.1"),
    "order": (lambda: ms.Constrained(10, order=3), "order 2, 4 or 6. Received 3"),
    "steps of the explicit stepper": (
        lambda: ms.Constrained(10, stepper="projected", dt=0.1),
        "chooses the steps of 'projected' by the tolerance.*use the stepper 'rattle'",
    ),
    "stepper": (lambda: ms.Constrained(10, stepper="ratle"), "stepper 'ratle': did you mean 'rattle'"),
    "keep": (lambda: ms.Constrained(10, keep=0), "keep, a whole number of bridges ≥ 1. Received 0"),
    "no-n": (lambda: solve(LINEAR, ms.Constrained()), "expected n.*say Constrained"),
    "too-many-rows": (
        lambda: solve((ms.Model(TISSUE, Tall()), ms.Start(1.0, x=ms.Normal(0.0, 1.0))), ms.Constrained(5)),
        r"one row for each component of x or fewer, k ≤ nx = 1. Received \(2,\)",
    ),
    "lower-rank-reduced": (lambda: solve(LOWER, ms.Reduced(10)), "full rank, k = nx = 2. Received k = 1.*Constrained"),
    "lower-rank-kinetic": (lambda: solve(LOWER, ms.Kinetic(20)), "full rank, k = nx = 2. Received k = 1.*Constrained"),
    "lower-rank-massless": (
        lambda: solve((ms.Model(TISSUE, Flat(mass=0.0)), LOWER[1]), ms.Constrained(5)),
        "bridges with mass, m > 0.*k = 1 rows for nx = 2",
    ),
    "energy-momentum-massless": (
        lambda: solve((LINEAR[0].one_way(), LINEAR[1]), ms.Constrained(5, stepper="energy-momentum")),
        "expected bridges with mass. Received m = 0: use the stepper 'rattle'",
    ),
    "energy-momentum-length": (
        lambda: solve(LINEAR, ms.Constrained(5, stepper="energy-momentum"), drive=ms.Length(1.0)),
        "conserves the energy.*use the stepper 'rattle'",
    ),
    "quasi-static": (
        lambda: solve(LINEAR, ms.Constrained(5), drive=ms.QuasiStatic()),
        "a drive with inertia.*Received QuasiStatic: use Reduced",
    ),
    "velocity-of-reduced": (
        lambda: solve((LINEAR[0], ms.Start(1.0, x=np.ones(3), velocity=np.zeros(3))), ms.Reduced()),
        "Received Start.velocity: leave it out, or use Constrained",
    ),
    "velocity-law-at-full-rank": (
        lambda: solve((LINEAR[0], ms.Start(1.0, x=np.ones(3), velocity=ms.Normal(0.0, 1.0))), ms.Constrained()),
        "constraints of lower rank.*leave it out",
    ),
    "velocity-and-law": (
        lambda: solve((LOWER[0], ms.Start(1.0, x=PLANE, velocity=np.zeros((3, 2)))), ms.Constrained(3)),
        "belongs to given points.*law of velocities",
    ),
    "velocity-shape": (
        lambda: solve((LOWER[0], ms.Start(1.0, x=np.zeros((4, 2)), velocity=np.zeros((3, 2)))), ms.Constrained()),
        r"Start.velocity of shape \(4, 2\).*Received shape \(3, 2\)",
    ),
    "inconsistent": (
        lambda: solve((LOWER[0], ms.Start(1.0, 0.5, x=np.zeros((4, 2)), velocity=np.ones((4, 2)))), ms.Constrained()),
        "Expected Start.velocity consistent with ẏ.*had to be moved by 0.5 of the greatest",
    ),
    "nodes-not-square": (
        lambda: solve((LOWER[0], ms.Start(1.0, x=PLANE, velocity=PLANE)), ms.Characteristics(20)),
        "a square number.*Received 20: say 16",
    ),
    "multipliers-of-reduced": (lambda: solve(LINEAR, ms.Reduced(5)).multipliers, "eliminates multipliers.*Constrained"),
    "inside-grad-without-dt": (
        lambda: ms.batch(LINEAR[0], ms.Constrained(5), [LINEAR[1], LINEAR[1]], t1=1.0),
        "with dt=….*Received none",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=MISTAKES)
def test_mistake_is_named(mistake):
    make, message = mistake
    with pytest.raises(ms.InputError, match=message) as error:
        make()
    assert "\n" not in str(error.value)


def test_a_step_that_is_too_long_says_which_works():
    """And that one does work, from the start."""
    model, start = zoo.singular()
    with pytest.raises(ms.StoppedError, match=r"dt = 0.5 is too long there.*dt = \S+ works there") as stop:
        ms.solve(model, ms.Constrained(100, dt=0.5), start, t1=20.0)
    found = float(str(stop.value).split("dt = ")[2].split()[0])
    assert 0 < found < 0.5 and stop.value.solution.ts[-1] > 1.0
    before = stop.value.solution
    k = len(before.ts) - 1
    there = ms.Start(before.y[k], before.v[k], x=before.population(before.ts[k]).points)
    ms.solve(model, ms.Constrained(dt=found), there, t1=found, save=2)


def test_a_singular_start_is_named():
    model, _ = zoo.singular()
    with pytest.raises(
        ms.SingularConstraintError, match=r"t = 0: the constraint of bridge 1 .* nor can a run begin there"
    ):
        ms.solve(model, ms.Constrained(), ms.Start(3.0, x=np.array([1.0, 0.0])), t1=1.0)


def test_many_runs_at_once():
    """A batch of constrained runs is those runs."""
    model, start = zoo.bent()
    starts = [ms.Start(y, 0.0, x=start.x) for y in (0.8, 1.0, 1.2)]
    together = ms.batch(model, ms.Constrained(6, dt=0.1), starts, t1=1.0, save=3, seed=4)
    for k, one in enumerate(together):
        alone = ms.solve(model, ms.Constrained(6, dt=0.1), starts[k], t1=1.0, save=3, seed=4 + k)
        assert np.abs(one.y - alone.y).max() < 1e-6


def test_spec_reads_back():
    from myoscale.levels.spec import level_spec, parse_level

    for level in (
        ms.Constrained(100),
        ms.Constrained(10, stepper="energy-momentum", order=2, dt=0.01),
        ms.Constrained(5, sampling="sobol", keep=3),
    ):
        assert parse_level(level_spec(level)) == level
    assert parse_level("constrained:50,dt=0.05,order=4") == ms.Constrained(50, order=4, dt=0.05)


def test_the_last_step_is_too_long():
    """The step that fails is the one that would end the run."""
    model, start = zoo.singular()
    with pytest.raises(ms.StoppedError) as stop:
        ms.solve(model, ms.Constrained(100, dt=0.5), start, t1=20.0)
    failed = float(str(stop.value).split("t = ")[1].split(":")[0])
    with pytest.raises(ms.StoppedError, match="too long there") as last:
        ms.solve(model, ms.Constrained(100, dt=0.5), start, t1=failed + 0.5, save=2)
    assert str(last.value).split(":")[0] == str(stop.value).split(":")[0]
    assert list(last.value.solution.ts) == [0.0]
