"""A scenario file is the problem: read and written to the same bits, and every mistake in it is a sentence with its line.

Load-bearing: `test_every_problem_survives_the_round_trip`, `test_a_file_runs_to_the_same_bits_as_the_api` and
`test_a_mistake_is_a_line_and_a_key`.
"""

import dataclasses
import importlib.util
import random
import sys
import time
from pathlib import Path

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.interpolate import CubicSpline

import myoscale as ms
from myoscale import scenario, zoo
from myoscale.draw import labels
from myoscale.fields import spelled
from myoscale.fingerprint import fingerprint
from myoscale.scenario.lines import line_of
from myoscale.study import alone

ROOT = Path(__file__).resolve().parent.parent
BENT = scenario.text(zoo.problem("bent"))
CHAIN = scenario.text(zoo.problem("chain"))
ELEMENT = scenario.text(zoo.problem("element"))
UNITS = '[units]\nlength = "nm"\nforce = "pN"\ntime = "ms"\n\n[tissue]'


def changed(text, *changes):
    for old, new in changes:
        assert old in text, f"the test's own text lacks {old!r}"
        text = text.replace(old, new, 1)
    return text


def leaves(problem):
    return [np.asarray(leaf) for leaf in jax.tree.leaves((problem.model, problem.start, problem.drive))]


@pytest.mark.parametrize("name", zoo.names())
def test_every_problem_survives_the_round_trip(name):
    problem = zoo.problem(name)
    written = scenario.text(problem)
    again = scenario.parse(written)
    assert scenario.text(again) == written
    assert jax.tree.structure((again.model, again.start)) == jax.tree.structure((problem.model, problem.start))
    for old, new in zip(leaves(problem), leaves(again), strict=True):
        assert old.shape == new.shape and old.tobytes() == np.asarray(new, old.dtype).tobytes()
    assert again.levels == problem.levels and again.options == problem.options
    assert (again.title, again.source) == (problem.title, problem.source)


def test_a_series_drives_at_its_own_times():
    """Saved exactly at a knot, velocity and force are those of the spline; the ledger closes."""
    times, values = [0.0, 1.0, 2.0, 3.0, 4.0], [1.0, 1.2, 1.1, 1.6, 1.5]
    model, start = zoo.bent()
    length = ms.Length(ms.Series(times, values))
    solution = ms.solve(model, ms.MomentClosure(4), start, t1=4.0, drive=length, save=np.array(times))
    slope = CubicSpline(times, values, bc_type="clamped")(times, 1)
    assert np.abs(solution.v[:, 0] - slope).max() < 1e-9 and solution.energy.drift < 1e-7


OTHERS = {
    "points with weights": ms.Start(1.0, x=np.array([[0.1], [0.2], [1 / 3]]), weights=np.array([0.5, 0.25, 0.25])),
    "mixture": ms.Start(1.0, x=ms.Mixture([ms.Normal(0.1, 0.2), ms.Uniform(-1.0, 1.0)], [0.3, 0.7])),
    "table": ms.Start(1.0, 2.0, x=ms.Tabulated(np.array([0.0, 1.0, 2.0]), np.array([0.0, 1.0, 0.0]))),
}
DRIVES = {
    "load": ms.Free(load=0.1),
    "ramp": ms.Length(ms.Ramp(0.0, 0.3, duration=2.0, begin=1.0), dofs=(0,)),
    "sine": ms.QuasiStatic(ms.Sine(0.2, 3.0, mean=0.1)),
    "series": ms.Free(ms.Series([0.0, 1.0, 2.5], [0.0, 0.2, 0.1])),
    "polyline": ms.QuasiStatic(ms.Polyline([0.0, 1.0, 2.5], [0.0, 0.2, 0.1])),
    "line": ms.Length(ms.Line(0.1, 0.2, 0.3), load=ms.Line(1.0, 0.0)),
    "protocol": ms.Protocol(
        [ms.protocol.Load(ms.Sine(0.2, 3.0), 0.1, slow=True), ms.protocol.Ramp(1 / 3, 0.1)], dofs=(-1,)
    ),
}


@pytest.mark.parametrize("what", [*OTHERS, *DRIVES, "stacked", "levels"])
def test_what_the_zoo_does_not_have_survives_too(what):
    model = ms.Model(ms.SpringMass(damping=0.2), zoo.BentBridge())
    if what == "stacked":
        each = [zoo.BentBridge(stiffness=s) for s in (0.1, 0.2)]
        model = ms.Model(ms.ChainTissue(np.array([1.0, 2.0]), np.ones(2)), ms.Stacked(each))
    start = OTHERS.get(what, ms.Start(np.ones(2), np.zeros(2), x=ms.Normal(0.1, 0.2)))
    if what not in OTHERS and what != "stacked":
        start = ms.Start(1.0, x=ms.Normal(0.1, 0.2))
    levels = (ms.Reduced() if what == "points with weights" else ms.MomentClosure(),)
    if what == "levels":
        levels = (ms.Reduced(7, sampling="sobol"), ms.Kinetic(60, window=7.123456789012345), ms.MomentClosure(8))
    problem = zoo.Problem(
        what, model, start, 1.0, levels, drive=DRIVES.get(what, ms.Free()), save=(0.0, 0.5), output="a"
    )
    written = scenario.text(problem)
    again = scenario.parse(written)
    assert scenario.text(again) == written and again.levels == levels and again.output == "a"
    assert type(again.drive) is type(problem.drive)
    for old, new in zip(leaves(problem), leaves(again), strict=True):
        assert old.tobytes() == np.asarray(new, old.dtype).tobytes()


def test_a_file_runs_to_the_same_bits_as_the_api(tmp_path):
    (tmp_path / "linear.toml").write_text(scenario.text(zoo.problem("linear")), encoding="utf-8")
    model, start = zoo.linear()
    read = scenario.read(tmp_path / "linear.toml")
    for level in (ms.MomentClosure(4), ms.Reduced(9)):
        by_hand = ms.solve(model, level, start, t1=5.0)
        by_file = ms.solve(read.model, level, read.start, **read.options | {"t1": 5.0})
        for name in ("y", "v", "force", "path"):
            assert getattr(by_hand, name).tobytes() == getattr(by_file, name).tobytes(), name
        assert by_hand.energy.total.tobytes() == by_file.energy.total.tobytes()


def test_a_function_cannot_be_written():
    problem = zoo.problem("bent")
    problem = zoo.Problem("", problem.model, problem.start, 1.0, problem.levels, drive=ms.Free(load=lambda t: t))
    with pytest.raises(ms.InputError, match=r"drive\.load: use a signal"):
        scenario.text(problem)


def test_signals_are_what_they_say():
    t = np.linspace(-0.5, 4.0, 46)
    knots, values = np.array([0.0, 0.5, 2.0, 3.0]), np.array([[1.0, 0.0], [2.0, 1.0], [-1.0, 0.5], [0.0, 0.0]])
    spline = CubicSpline(knots, values, bc_type="clamped")
    with jax.enable_x64(True):
        series = ms.Series(knots, values)
        for order in (1, 2):  # at the knots too, where a clip would halve the slope
            derived = series
            for _ in range(order):
                derived = jax.jacfwd(derived)
            inside = np.array([0.0, 0.25, 0.5, 1.0, 1.9, 2.0, 2.7, 3.0])
            if order == 2:  # jumps from and to rest at the ends
                inside = inside[1:-1]
            found = np.stack([np.asarray(derived(jax.numpy.asarray(s))) for s in inside])
            assert np.abs(found - spline(inside, order)).max() < 1e-12
        at = lambda signal: np.stack([np.asarray(signal(jax.numpy.asarray(s))) for s in t])
        assert np.abs(at(ms.Series(knots, values)) - spline(np.clip(t, 0, 3))).max() < 1e-14
        assert np.abs(at(ms.Sine(2.0, 4.0, mean=1.0, phase=0.3)) - (1 + 2 * np.sin(np.pi * t / 2 + 0.3))).max() < 1e-14
        ramp = ms.Ramp(1.0, 3.0, duration=2.0, begin=0.5)
        assert np.all(at(ramp)[t <= 0.5] == 1.0) and np.all(at(ramp)[t >= 2.5] == 3.0)
        assert float(ramp(jax.numpy.asarray(1.5))) == 2.0, "half way in the middle"
        for order in (1, 2):  # velocity and acceleration vanish at both ends
            slope = ramp
            for _ in range(order):
                slope = jax.grad(slope)
            assert abs(float(slope(0.5 + 1e-9))) < 1e-6 and abs(float(slope(2.5 - 1e-9))) < 1e-6


def test_units_are_converted():
    # µN/m to pN/nm by hand: 1e-6 N / 1 m = 1e6 pN / 1e9 nm = 1e-3 pN/nm; a mass of 1 pN ms²/nm is 1e-9 kg = 1 µg.
    text = changed(
        BENT,
        ("[tissue]", UNITS),
        ("stiffness = 2.0", 'stiffness = "2 uN/m"'),
        ("mass = 1.0", 'mass = "3 ug"'),
        ("y = 1.0", 'y = "0.5 um"'),
        ("t1 = 10.0", 't1 = "0.02 s"'),
        ("bend = 0.15", 'bend = "0.1 / nm**2"'),
    )
    problem = scenario.parse(text)
    tissue = problem.model.tissue
    assert np.allclose(
        [tissue.stiffness, tissue.mass, problem.start.y, problem.t1], [2e-3, 3.0, 500.0, 20.0], rtol=1e-12
    )
    assert np.isclose(problem.model.bridge.bend, 0.1)
    again = scenario.text(problem)
    assert "[pN/nm]" in again and scenario.text(scenario.parse(again)) == again


def test_axes_are_labelled_in_the_units_of_the_scenario():
    units = {"length": "nm", "force": "pN", "time": "ms"}
    named = labels(units)
    assert (named["time"], named["y"], named["density"]) == ("time t [ms]", "displacement y [nm]", "density [1/nm]")
    assert named["energy"] == "energy [pN·nm]" and labels()["y"] == "displacement y [scaled]"
    assert labels(units, lengths=False)["y"] == "displacement y", "the entries of F are no lengths"
    # A mass is force·time²/length: m a = f in the file's units.
    assert spelled("mass", units) == "pN·ms²/nm" and spelled("1/length**2", units) == "1/nm²"
    problem = zoo.problem("element")
    solution = ms.solve(problem.model, ms.MomentClosure(4), problem.start, t1=0.1, save=2)
    study = dataclasses.replace(alone(solution), units=units)
    assert study.labels["y"] == "displacement y" and study.labels["x1"] == "extension x₁ [nm]"


MISTAKES = [
    ((BENT, ("stiffness = 2.0", "stifness = 2.0")), 16, "did you mean 'stiffness'?"),
    ((BENT, ("stiffness = 2.0", 'stiffness = "two"')), 16, "tissue.stiffness: expected a number"),
    ((BENT, ("stiffness = 2.0", 'stiffness = "2.0"')), 16, "without quotes"),
    ((BENT, ("stiffness = 2.0", "stiffness = nan")), 16, "finite number"),
    ((BENT, ("stiffness = 2.0", "stiffness = inf")), 16, "finite number"),
    ((BENT, ("stiffness = 2.0", "stiffness = [1, 2]")), 16, "one number"),
    ((BENT, ("stiffness = 2.0", 'stiffness = "2 pN/nm"')), 16, "[units]"),
    ((BENT, ('"SpringMass"', '"SpringMas"')), 14, "did you mean 'SpringMass'?"),
    ((BENT, ('"BentBridge"', '"MyBridge"')), 23, "--module"),
    ((BENT, ('type = "SpringMass"', "")), 13, "lacks 'type'"),
    ((BENT, ("[tissue]", "[tisue]")), 13, "did you mean 'tissue'?"),
    ((BENT, ("t1 = 10.0", "")), None, "lacks 't1' (the end of the run)"),
    ((BENT, ("std = 0.3", "")), 35, "start.x lacks 'std'"),
    ((BENT, ("std = 0.3", "std = -0.3")), 35, "std > 0"),
    ((BENT, ('["reduced:1000"', '["kinetik:1000"')), 9, "did you mean 'kinetic'?"),
    ((BENT, ('["reduced:1000"', '["reduced:9999999999999"')), None, "needs 2.4e+05 GB"),
    ((BENT, ('levels = ["reduced:1000", "characteristics:64", "kinetic:400", "moments"]', "levels = []")), None, "one level"),
    ((BENT, ("save = 201", "save = 1.5")), 5, "whole number"),
    ((BENT, ("save = 201", "save = 1")), None, "save ≥ 2"),
    ((BENT, ("t1 = 10.0", "t1 = -1")), None, "t1 > 0"),
    ((BENT, ("seed = 0", "seed = -3")), None, "seed"),
    ((BENT, ("tolerance = 1e-08", "tolerance = 1")), None, "tolerance between"),
    ((BENT, ("mass = 1.0", "mass = -1.0")), None, "mass to be positive"),
    ((BENT, ('"Free"', '"Length"\ny = {type = "Ramp", before = 0, after = 1, duration = 0}')), 43, "duration > 0"),
    ((BENT, ('"Free"', '"Length"\ny = {type = "Rampe", before = 0}')), 43, "did you mean 'Ramp'?"),
    ((BENT, ('"Free"', '"Length"\ny = [1.0, 2.0]')), None, "Length.y"),
    ((BENT, ("t1 = 10.0", 't1 = "9**9**9**9 ms"'), ("[tissue]", UNITS)), 4, "a quantity"),
    ((BENT, ("t1 = 10.0", 't1 = "1 ms**99999999"'), ("[tissue]", UNITS)), 4, "a quantity"),
    ((BENT, ('"Free"', '"Length"\ny = 1.0\ndofs = []')), None, "different coordinates"),
    ((BENT, ('["reduced:1000"', '["moments", "reduced:1000"')), None, "'moments' twice"),
    ((ELEMENT, ("y = [1.1,", 'y = ["1.1 nm",'), ("[tissue]", UNITS)), 50, "a plain number"),
    ((BENT, ("[tissue]", UNITS.replace("nm", "nN"))), 13, "a unit of length"),
    ((BENT, ("[tissue]", UNITS.replace("nm", "nmm"))), 13, "did you mean 'nm'?"),
    ((BENT, ("[tissue]", UNITS.replace("length", "lenght"))), 13, "did you mean 'length'?"),
    ((BENT, ("[tissue]", UNITS), ("stiffness = 2.0", 'stiffness = "2 kg"')), 21, "Expected force/length, in pN/nm"),
    ((CHAIN, ("held = false", "held = 0")), 20, "true or false"),
    ((CHAIN, ("masses = [20.0, 20.0, 20.0]", "masses = [1.0, 2.0]")), 13, "as many masses as springs"),
    ((BENT, ("title = ", "title = '")), None, "as TOML"),
    ((BENT, ("[drive]", '[output]\nfodler = "x"\n[drive]')), 42, "did you mean 'folder'?"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "line", "said"), MISTAKES, ids=[said for *_, said in MISTAKES])
def test_a_mistake_is_a_line_and_a_key(text, line, said):
    with pytest.raises(ms.InputError) as error:
        scenario.parse(changed(*text), name="my.toml")
    message = str(error.value)
    assert said in message and "my.toml" in message and "\n" not in message and not message.endswith("..")
    assert (f"my.toml, line {line}:" in message) if line else ", line" not in message.partition(":")[0]


@given(st.data())
@settings(max_examples=30)
def test_lines_are_found_whatever_stands_before(data):
    blank = st.sampled_from(["", "# std = 3", "  ", "# [start.x]"])
    lines = BENT.splitlines()
    for _ in range(data.draw(st.integers(0, 5))):
        lines.insert(data.draw(st.integers(0, len(lines))), data.draw(blank))
    truth = next(k for k, line in enumerate(lines, 1) if line.startswith("std"))
    assert line_of("\n".join(lines), ["start", "x", "std"]) == truth


def test_files_that_cannot_be_read(tmp_path):
    (tmp_path / "latin.toml").write_bytes(b"title = '\xe9'")
    for path, said in (
        (tmp_path / "no.toml", "No such file"),
        (tmp_path, "directory"),
        (tmp_path / "latin.toml", "UTF-8"),
    ):
        with pytest.raises(ms.InputError, match=said):
            scenario.read(path)


MODULES = {
    "import myoscale as ms\nx = 1": "to define a bridge",
    "def f(:": "line 1",
    "\n\n1 / 0": "line 3: ZeroDivisionError",
    "import nowhere_at_all": "ModuleNotFoundError",
    "raise SystemExit(3)": "SystemExit",
    "import myoscale as ms\nclass BentBridge(ms.AbstractBridge):\n    mass: float = 1.0\n"
    "    def constraint(self, x, q): return x\n    def energy(self, x): return x @ x": "call it something else",
}


@pytest.mark.parametrize("source", MODULES, ids=MODULES.values())
def test_modules_that_cannot_be_used(source, tmp_path):
    (tmp_path / "own.py").write_text(source)
    with pytest.raises(ms.InputError, match=MODULES[source]) as error:
        scenario.Catalogue(tmp_path / "own.py")
    assert "\n" not in str(error.value)


OWN = """
from __future__ import annotations
from typing import ClassVar, Literal
import jax
import jax.numpy as jnp
import myoscale as ms

class Mine(ms.AbstractBridge):
    kinds: ClassVar[int] = 2
    mass: float = 0.5
    soft: bool = True
    order: int = 2
    shape: Literal["a", "b"] = ms.parameter("which", default="a", static=True)
    gain: jax.Array = ms.parameter("a list", default=(1.0, 2.0), converter=jnp.asarray)
    def constraint(self, x, q):
        return x - q
    def energy(self, x):
        return 0.5 * x @ x

class Wave(ms.AbstractSignal):
    height: float = 0.1
    def __call__(self, t):
        return self.height * jnp.sin(t)
"""


def test_parts_of_ones_own_are_read_as_they_are_written(tmp_path):
    """In a file with a library's name, with annotations as text."""
    (tmp_path / "wave.py").write_text(OWN)
    catalogue = scenario.Catalogue(tmp_path / "wave.py")
    problem = scenario.with_own_bridge(zoo.problem("bent"), catalogue)
    text = changed(
        scenario.text(problem, catalogue),
        ("soft = true", "soft = false"),
        ('shape = "a"', 'shape = "b"'),
        ("order = 2", "order = 3"),
    )
    text = changed(text, ('type = "Free"', 'type = "Free"\nload = {type = "Wave", height = 0.2}'))
    again = scenario.parse(text, catalogue)
    bridge = again.model.bridge
    assert (bridge.soft, bridge.order, bridge.shape, again.drive.load.height) == (False, 3, "b", 0.2)
    assert scenario.text(scenario.parse(scenario.text(again, catalogue), catalogue), catalogue) == scenario.text(
        again, catalogue
    )
    with pytest.raises(ms.InputError, match=r"bridge\.order: expected a whole number"):
        scenario.parse(changed(text, ("order = 3", "order = 3.5")), catalogue)
    prints = [fingerprint(bridge)]
    (tmp_path / "wave.py").write_text(OWN.replace("return x - q", "return x - 2 * q"))
    prints.append(fingerprint(scenario.parse(text, scenario.Catalogue(tmp_path / "wave.py")).model.bridge))
    assert prints[0] != prints[1], "a changed module must not pass for the old one"


def test_a_line_is_found_among_thousands():
    rows = "".join(f"    [{k}.0],\n" for k in range(3000)).replace("[2900.0]", '["two"]')
    text = (
        BENT[: BENT.index("# The law")].replace("[start]\n", f"[start]\nx = [\n{rows}]\n")
        + BENT[BENT.index("# What is done") :]
    )
    began = time.perf_counter()
    with pytest.raises(ms.InputError, match=r"line 30: start\.x: expected a number"):
        scenario.parse(text)
    assert time.perf_counter() - began < 5.0, "not a speed claim: it took 17 s when every row was tried"


def test_the_template_of_a_bridge_runs_as_the_built_in_one(tmp_path):
    (tmp_path / "mine.py").write_text(scenario.own_bridge(), encoding="utf-8")
    catalogue = scenario.Catalogue(tmp_path / "mine.py")
    problem = scenario.with_own_bridge(zoo.problem("bent"), catalogue)
    own = scenario.parse(scenario.text(problem, catalogue), catalogue)
    theirs = zoo.problem("bent")
    assert type(own.model.bridge).__name__ == "MyBridge"
    solved = [ms.solve(p.model, ms.MomentClosure(4), p.start, t1=2.0) for p in (own, theirs)]
    assert np.array_equal(solved[0].y, solved[1].y)


def _fuzzer():
    spec = importlib.util.spec_from_file_location("fuzz_scenarios", ROOT / "benchmarks" / "fuzz_scenarios.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["fuzz_scenarios"] = module
    spec.loader.exec_module(module)
    return module


FUZZER = _fuzzer()
TEXTS = [scenario.text(zoo.problem(name), comments=False) for name in zoo.names()]


def refused(rng):
    """Whether a damaged file is refused; if so in one sentence."""
    try:
        scenario.parse(FUZZER.mutated(rng, TEXTS))
    except ms.InputError as error:
        assert str(error) and "\n" not in str(error).strip()
        return True
    return False


@given(st.randoms(use_true_random=False))
@settings(max_examples=120)
def test_damaged_files_are_refused_in_a_sentence_or_used(rng):
    refused(rng)


def test_the_damage_is_neither_none_nor_total():
    count = sum(refused(random.Random(seed)) for seed in range(60))
    assert 15 < count < 60, count
