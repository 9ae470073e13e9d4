"""Every mistake in the input gets one clear sentence that says what was expected and what was received, before anything runs.

Load-bearing: `test_mistake_is_named`. Wrong Python types are left to a process without the tests' type hook.
"""

import subprocess
import sys

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest

import myoscale as ms


class Spring(ms.AbstractBridge):
    """g = x − q."""

    mass: float = 0.5

    def constraint(self, x, q):
        return x - q

    def energy(self, x):
        return 0.5 * x @ x


class Odd(Spring):
    """A pair energy that is not even."""

    def interaction(self, r):
        return jnp.sum(r**3)


class OddNearby(Spring):
    """A pair energy that is not even where bridges are close, and even beyond."""

    def interaction(self, r):
        return jnp.sum(r * (jnp.abs(r) < 0.05) + r**2)


class Length(Spring):
    """A pair energy without a gradient at 0."""

    def interaction(self, r):
        return jnp.sqrt(r @ r)


class Somewhere(Spring):
    """A pair energy that is not a number everywhere."""

    def interaction(self, r):
        return jnp.sqrt(1.0 - r @ r)


class Vectors(Spring):
    """A pair energy of each component."""

    def interaction(self, r):
        return r**2


class Flat(Spring):
    """One row for two components."""

    def constraint(self, x, q):
        return x[:1] - q


class Rowless(ms.AbstractTissue):
    """Kinematics without the axis of points."""

    mass_matrix: np.ndarray = eqx.field(default_factory=lambda: np.eye(1))

    def energy(self, y):
        return 0.5 * y @ y

    def kinematics(self, y):
        return y


class Vector(Spring):
    """An energy that is not a number."""

    def energy(self, x):
        return 0.5 * x**2


LAW = ms.Normal(0.0, 1.0)
POINTS = np.linspace(-1.0, 1.0, 5)
TISSUE = ms.SpringMass()


def run(bridge=None, tissue=TISSUE, level=None, start=None, **arguments):
    start = ms.Start(1.0, x=LAW) if start is None else start
    return ms.solve(
        ms.Model(tissue, bridge or Spring()), level or ms.MomentClosure(), start, **{"t1": 1.0, **arguments}
    )


MISTAKES = {
    "negative bridge mass": (lambda: run(Spring(mass=-1.0)), "mass ≥ 0"),
    "tissue without mass": (lambda: run(tissue=ms.SpringMass(mass=0.0)), "mass to be positive"),
    "damping that drives": (lambda: run(tissue=ms.SpringMass(damping=-1.0)), "take energy out"),
    "NaN in the model": (lambda: run(tissue=ms.SpringMass(stiffness=np.nan)), "NaN"),
    "NaN in the start": (lambda: run(start=ms.Start(np.nan, x=LAW)), "NaN"),
    "NaN among points": (lambda: run(start=ms.Start(1.0, x=np.array([0.0, np.nan]))), "NaN"),
    "negative width": (lambda: ms.Normal(0.0, -1.0), "std > 0"),
    "weights that do not sum to 1": (
        lambda: run(level=ms.Reduced(), start=ms.Start(1.0, x=POINTS, weights=np.ones(5))),
        "sum to 1",
    ),
    "n against points": (lambda: run(level=ms.Reduced(7), start=ms.Start(1.0, x=POINTS)), "5 points"),
    "no n for a law": (lambda: run(level=ms.Reduced()), r"Reduced\(1_000\)"),
    "a density from points": (lambda: run(level=ms.Kinetic(50), start=ms.Start(1.0, x=POINTS)), "kernel width"),
    "nodes from points": (lambda: run(level=ms.Characteristics(8), start=ms.Start(1.0, x=POINTS)), "use Reduced"),
    "window too small": (lambda: run(level=ms.Kinetic(50, window=3.0)), "widen it"),
    "cells too few": (lambda: ms.Kinetic(3), "≥ 8"),
    "nodes too few": (lambda: ms.Characteristics(1), "≥ 2"),
    "unknown sampling": (lambda: ms.Reduced(10, sampling="sobel"), "did you mean 'sobol'"),
    "end before the start": (lambda: run(t1=-1.0), "t1 > 0"),
    "times out of order": (lambda: run(save=np.array([0.5, 0.2])), "increasing times"),
    "times beyond the end": (lambda: run(save=np.array([0.5, 2.0])), "from 0 to t1"),
    "tolerance": (lambda: run(tolerance=1.0), "tolerance between"),
    "y of the wrong shape": (lambda: run(start=ms.Start(np.ones(2), x=LAW)), r"Start.y of shape \(1,\)"),
    "too few constraint rows": (
        lambda: run(Flat(), start=ms.Start(1.0, x=ms.Normal([0.0, 0.0], [1.0, 1.0]))),
        "full rank",
    ),
    "energy that is a vector": (lambda: run(Vector()), "return a number"),
    "pair energy that is odd": (lambda: run(Odd()), "even"),
    "pair energy that is odd nearby": (lambda: run(OddNearby()), "even"),
    "pair energy with a tip": (lambda: run(Length()), "smooth at r = 0"),
    "pair energy that is no number": (lambda: run(Somewhere()), "NaN at r"),
    "pair energy that is a vector": (lambda: run(Vectors()), r"interaction\(r\) to return a number"),
    "bridges for other points": (lambda: run(ms.Stacked([Spring(), Spring()])), "one bridge for each of the 1 points"),
    "chain that does not fit": (lambda: ms.ChainTissue(np.ones(2), np.ones(3)), "as many masses as springs"),
    "kinematics without points": (lambda: run(tissue=Rowless()), r"one row a point\. Received shape \(1,\)"),
    "length of nothing": (lambda: run(drive=ms.Length(1.0, dofs=())), "different coordinates"),
    "length of the wrong size": (lambda: run(drive=ms.Length(np.ones(3))), "Length.y"),
    "singular damping, quasi-static": (
        lambda: run(tissue=ms.SpringMass(damping=0.0), drive=ms.QuasiStatic()),
        "singular D",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistake_is_named(name):
    mistake, sentence = MISTAKES[name]
    with pytest.raises(ms.InputError, match=sentence) as error:
        mistake()
    assert "\n" not in str(error.value)


def test_results_and_files_name_mistakes(tmp_path):
    solution = run(save=3)
    with pytest.raises(ms.InputError, match=r"nearest saved one is 0\.5"):
        solution.population(0.6)
    with pytest.raises(ms.InputError, match="point from 0 to 0"):
        solution.population(0.5, point=1)
    (tmp_path / "file").touch()
    with pytest.raises(ms.InputError, match="Cannot write"):
        solution.save(tmp_path / "file" / "run.nc")
    with pytest.raises(ms.InputError, match="Cannot read"):
        ms.load(tmp_path / "file")
    path = solution.save(tmp_path / "new" / "run.nc")
    with pytest.raises(ms.InputError, match=r"types=\[Spring\]"):
        ms.load(path)
    again = ms.load(path, types=[Spring])
    assert np.array_equal(again.y, solution.y) and again.stats == solution.stats
    scenario = again.scenario
    rerun = ms.solve(scenario.model, scenario.level, scenario.start, t1=scenario.t1, save=scenario.save)
    assert np.array_equal(rerun.y, solution.y)  # the same bits
    assert np.array_equal(again.population(0.5).covariance, solution.population(0.5).covariance)
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["file", "new", "run.nc"]


WRONG_TYPES = """
import myoscale as ms
class B(ms.AbstractBridge):
    mass: float = 1.0
    def constraint(self, x, q): return x - q
    def energy(self, x): return 0.5 * x @ x
model, start = ms.Model(ms.SpringMass(), B()), ms.Start(1.0, x=ms.Normal(0.0, 1.0))
for arguments in (
    (model, ms.Kinetic, start, 1.0),
    (model, "kinetic", start, 1.0),
    (model, ms.MomentClosure(), 3.0, 1.0),
    (ms.Model(ms.SpringMass, B()), ms.MomentClosure(), start, 1.0),
    (ms.Model(ms.SpringMass(mass="heavy"), B()), ms.MomentClosure(), start, 1.0),
    (model, ms.MomentClosure(), start, "long"),
):
    try:
        ms.solve(*arguments[:3], t1=arguments[3])
    except ms.InputError as error:
        print(error)
"""


def test_wrong_types_are_named():
    out = subprocess.run([sys.executable, "-c", WRONG_TYPES], capture_output=True, text=True, check=True).stdout
    lines = out.splitlines()
    assert len(lines) == 6 and all(line.startswith("Expected") and "Received" in line for line in lines), out
