"""A run that is kept in a folder ends with the same bits however often it is killed, and a disk that fails loses nothing.

Load-bearing: `test_killed_at_random_moments` (SIGKILL, in the middle of computing and of writing) and
`test_interrupted_and_resumed` (every level). `test_a_fault_in_what_is_kept_shows` plants faults that they would see. Disks are
filled by the kernel's limit on the size of a file, which fails in the same calls as a full disk.
"""

import codecs
import contextlib
import json
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from mortal import bits

import myoscale as ms
from myoscale import checkpoint
from myoscale.errors import InterruptedRun, NotKeptError
from myoscale.fingerprint import fingerprint
from myoscale.run.stretches import Run

PROBLEM = ms.zoo.problem("linear")
CLOSURE = ms.MomentClosure()
LEVELS = [ms.Reduced(1_000), ms.Reduced(8), ms.Characteristics(8), ms.Kinetic(32), CLOSURE]


def solve(level=CLOSURE, model=PROBLEM.model, **options):
    return ms.solve(model, level, PROBLEM.start, **({"t1": 10.0, "save": 21} | options))


@pytest.fixture(scope="module")
def whole():
    """The closure's run that nobody disturbed."""
    return solve()


def stopping(at):
    """A user who presses Ctrl-C once the fraction `at` is done."""

    def progress(word, fraction):
        if fraction >= at and not word.endswith("compiling"):
            raise KeyboardInterrupt

    return progress


def interrupt(folder, at=0.5, **options):
    with pytest.raises(InterruptedRun) as stop:
        solve(resume=folder, progress=stopping(at), **options)
    return stop.value.solution


@contextlib.contextmanager
def files_up_to(size):
    """No file can grow beyond `size` bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def names(folder):
    return sorted(path.name for path in Path(folder).iterdir() if path.name != "lock")


# Killed


class Mortals:
    """The process of `mortal.py`."""

    def __init__(self):
        command = [sys.executable, str(Path(__file__).with_name("mortal.py"))]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def order(self, what, folder=None, death=None):
        assert self.process.stdin is not None and self.process.stdout is not None
        print(json.dumps({"what": what, "folder": folder and str(folder), "death": death}), file=self.process.stdin)
        self.process.stdin.flush()
        answer = {}
        while "status" not in answer:
            answer |= json.loads(self.process.stdout.readline())
        return answer


@pytest.fixture
def mortals():
    them = Mortals()
    with them.process:  # closes the pipes and waits
        yield them
    assert them.process.returncode == 0


def test_killed_at_random_moments(mortals, tmp_path):
    """24 times, from birth to the last file; each folder is used until its run or study has ended."""
    chance, folder, resumed = random.Random(0), 0, []
    for what, count in (("solve", 16), ("compare", 4), ("converge", 4)):
        truth = mortals.order(what)["bits"]
        kills = 0
        while kills < count:
            how = chance.choice(["birth", "stretch", "stretch", "file", "file"])
            when = {"birth": chance.uniform(0, 1), "stretch": chance.uniform(0, 0.1), "file": chance.randint(1, 9)}
            answer = mortals.order(what, tmp_path / str(folder), [how, when[how]])
            resumed.append(answer.get("began", 0.0))
            if answer["status"]:
                assert answer["status"] == 9, f"{how} {when[how]}: {answer}"
                kills += 1
            else:
                assert answer["bits"] == truth
                folder += 1
        last = mortals.order(what, tmp_path / str(folder))
        assert last["status"] == 0 and last["bits"] == truth
        left = names(tmp_path / str(folder) / {"solve": "", "compare": "reduced-8", "converge": "finer"}[what])
        assert left == ["run.json", "solution.npz"], "a kill left something behind"
        folder += 1
    print("resumed from", [round(fraction, 2) for fraction in resumed])
    assert len({fraction for fraction in resumed if fraction}) >= 3, (
        "hardly any of them went on from where one was killed"
    )


# Interrupted


@pytest.mark.parametrize("level", LEVELS, ids=lambda level: level.label)
def test_interrupted_and_resumed(level, tmp_path):
    whole, said = solve(level), []
    first = interrupt(tmp_path, 0.3, level=level)
    assert 0 < first.ts[-1] < 5 and np.array_equal(first.y, whole.y[: len(first.y)])
    second = interrupt(tmp_path, 0.7, level=level)
    assert 5 < second.ts[-1] < 10
    result = solve(level, resume=tmp_path, progress=lambda word, fraction: said.append(fraction))
    assert bits(result) == bits(whole) and bits(whole) != bits(second)
    assert said[0] == pytest.approx(0.7) and said == sorted(said)
    assert result.stats.wall > second.stats.wall > first.stats.wall > 0, "costs of all parts"
    assert names(tmp_path) == ["run.json", "solution.npz"]
    back = solve(level, resume=tmp_path)
    assert bits(back) == bits(whole) and back.stats == result.stats
    assert jax.tree.structure(back.z) == jax.tree.structure(whole.z)
    assert fingerprint(back.representation) == fingerprint(whole.representation)
    for one, other in zip(
        jax.tree.leaves(vars(back.populations(10.0))), jax.tree.leaves(vars(whole.populations(10.0))), strict=True
    ):
        assert np.array_equal(one, other)


class Wavy(ms.AbstractBridge):
    """An energy that 64 labels do not resolve, 256 do."""

    mass: float = 0.5

    def constraint(self, x, q):
        return x - q

    def energy(self, x):
        return 0.5 * x @ x + 0.01 * jnp.cos(30 * x[0])


def test_the_second_rung_of_compression_is_resumed_there(tmp_path):
    options = {"model": ms.Model(ms.SpringMass(), Wavy()), "level": ms.Reduced(2_000), "t1": 1.0}
    whole = solve(**options)
    assert "256" in whole.stats.path, "this model does not climb"
    with pytest.raises(InterruptedRun):
        rungs = []

        def progress(word, fraction):
            rungs.append(fraction)
            if len(rungs) > 22 and fraction > 0.5:  # the first rung has said 21 words
                raise KeyboardInterrupt

        solve(**options, resume=tmp_path, progress=progress)
    said = []
    result = solve(**options, resume=tmp_path, progress=lambda word, fraction: said.append(fraction))
    assert bits(result) == bits(whole) and len(said) < 12


class Circle(ms.AbstractBridge):
    """g = x² + (q − 2)² (theory.md 7.4): singular where x reaches zero."""

    mass: float = 1.0

    def constraint(self, x, q):
        return x**2 + (q - 2.0) ** 2

    def energy(self, x):
        return 0.0 * x @ x


def test_a_run_that_stops_stops_again(tmp_path):
    model = ms.Model(ms.SpringMass(mass=2.0, stiffness=1.0), Circle())
    start, said = ms.Start(y=3.0, x=np.linspace(1.5, 2.5, 9)), []
    run = lambda **options: ms.solve(model, ms.Reduced(), start, t1=20.0, **options)
    with pytest.raises(ms.SingularConstraintError) as whole:
        run()
    for _ in range(2):
        said.clear()
        with pytest.raises(ms.SingularConstraintError) as stop:
            run(resume=tmp_path, progress=lambda word, fraction: said.append(fraction))
        assert str(stop.value) == str(whole.value) and bits(stop.value.solution) == bits(whole.value.solution)
    assert len(said) == 1 and said[0] > 0, "more than the last stretch was computed again"


def test_a_study_goes_on_and_grows(tmp_path, monkeypatch):
    options = {"t1": 10.0, "save": 21, "reference": ms.Characteristics(8)}
    compare = lambda levels, **more: ms.compare(PROBLEM.model, PROBLEM.start, levels=levels, **options, **more)
    whole = compare([CLOSURE, ms.Kinetic(32)])
    first = compare([CLOSURE], resume=tmp_path, progress=stopping(0.5))
    assert first.interrupted and [row.label for row in first.rows] == ["characteristics:8", "moments"]
    assert bits(compare([CLOSURE, ms.Kinetic(32)], resume=tmp_path)) == bits(whole)
    monkeypatch.setattr(Run, "__call__", lambda *_: pytest.fail("a level was run again"))
    assert bits(compare([CLOSURE, ms.Kinetic(32)], resume=tmp_path)) == bits(whole)
    with pytest.raises(ms.InputError, match="keeps a study of another scenario"):
        ms.compare(PROBLEM.model, PROBLEM.start, levels=[CLOSURE], **options | {"t1": 11.0}, resume=tmp_path)


# Faults


def spoil(folder, change):
    """Let `change` alter what the last state holds."""
    path = max(folder.glob("state-*.npz"), key=lambda path: checkpoint._unpack(path.read_bytes())[1]["serial"])
    arrays, about = checkpoint._unpack(path.read_bytes())
    arrays = {name: array.copy() for name, array in arrays.items()}
    change(arrays, about)
    path.write_bytes(checkpoint._pack(arrays, about))


def test_a_fault_in_what_is_kept_shows(whole, tmp_path):
    """The bits depend on every number that a state holds, so a state that lost one would be noticed."""
    interrupt(tmp_path / "kept")

    def nudge(name):
        return lambda arrays, about: arrays[name].__iadd__(4 * np.spacing(arrays[name]))

    faults = {
        "nothing": lambda arrays, about: None,
        "first step": lambda arrays, about: about.update(dt0=about["dt0"] / 2),
        "steps": lambda arrays, about: about.update(steps=0),
        **{name: nudge(name) for name in ("state.motion.y", "state.motion.v", "state.motion.z.p", "record.force")},
    }
    same = {}
    for name, fault in faults.items():
        shutil.copytree(tmp_path / "kept", tmp_path / name)
        spoil(tmp_path / name, fault)
        same[name] = bits(solve(resume=tmp_path / name)) == bits(whole)
    assert same.pop("nothing") and not any(same.values()), same


@pytest.mark.parametrize("states", ["last", "both"])
@pytest.mark.parametrize("how", ["cut", "empty", "flipped"])
def test_a_broken_state_is_passed_over(whole, tmp_path, states, how):
    interrupt(tmp_path, 0.3)
    interrupt(tmp_path, 0.6)
    paths = sorted(tmp_path.glob("state-*.npz"), key=lambda path: path.stat().st_mtime_ns)
    assert len(paths) == 2
    for path in paths[1:] if states == "last" else paths:
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes({"cut": data[: len(data) // 2], "empty": b"", "flipped": data}[how])
    said = []
    result = solve(resume=tmp_path, progress=lambda word, fraction: said.append(fraction))
    assert bits(result) == bits(whole)
    assert said[0] < 0.6 and (said[0] > 0) == (states == "last")


def test_a_broken_result_is_computed_again(whole, tmp_path):
    solve(resume=tmp_path)
    path = tmp_path / "solution.npz"
    path.write_bytes(path.read_bytes()[:-100])
    assert bits(solve(resume=tmp_path)) == bits(whole)


# Another scenario


def pull(strength):
    return lambda t: strength * jnp.sin(t)


STRENGTH = 0.1


def test_another_scenario_is_refused_by_name(tmp_path, monkeypatch):
    options = {"drive": ms.Free(load=pull(0.1)), "t1": 1.0}
    interrupt(tmp_path, **options)
    before, software = {path.name: path.read_bytes() for path in tmp_path.iterdir()}, checkpoint.software()
    changes = {
        "t1": {"t1": 2.0},
        "seed": {"seed": 1},
        "tolerance": {"tolerance": 1e-7},
        "save": {"save": 22},
        "level": {"level": ms.MomentClosure(8)},
        "drive": {"drive": ms.Free(load=pull(0.2))},
        "model": {"model": PROBLEM.model.one_way()},
    }
    for name, change in changes.items():
        with pytest.raises(ms.InputError, match=f"not the same {name}.*choose another folder, or delete") as refused:
            solve(resume=tmp_path, **options | change)
        assert str(tmp_path) in str(refused.value)
    monkeypatch.setattr(checkpoint, "software", lambda: {**software, "jax": "0.0.1"})
    with pytest.raises(ms.InputError, match="of other software"):
        solve(resume=tmp_path, **options)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    monkeypatch.undo()
    assert solve(resume=tmp_path, **options | {"drive": ms.Free(load=pull(0.1))}).ts[-1] == 1.0


def test_fingerprints_tell_values_and_code_apart():
    def bridge(power, text="0.5 * x @ x", inner="x"):
        scope = {"__name__": "own", "ms": ms, "STRENGTH": 0.1, "helper": eval(f"lambda x: {inner}")}
        source = (
            "class Own(ms.AbstractBridge):\n    mass: float = 0.5\n    power = {0}\n"
            "    def constraint(self, x, q):\n        return helper(x) * STRENGTH - q\n"
            "    def energy(self, x):\n        return {1}\n"
        )
        exec(compile(source.format(power, text), "own", "exec"), scope)
        return scope["Own"]()

    same = [(1, 1.0), (np.float64(2), 2), (np.arange(3), jnp.arange(3.0)), ((1, 2), [1, 2]), (np.array(3.0), 3)]
    same += [(bridge(2), bridge(2)), (pull(0.1), pull(0.1)), (PROBLEM.start, ms.zoo.problem("linear").start)]
    shared = ms.Normal(0.0, 1.0)
    same += [([shared, shared], [ms.Normal(0.0, 1.0), ms.Normal(0.0, 1.0)])]
    for one, other in same:
        assert fingerprint(one) == fingerprint(other), (one, other)
    apart = [
        0,
        -0.0,
        1,
        2**60,
        2**60 + 1,
        "1",
        True,
        None,
        (),
        (1,),
        (1, (2, 3)),
        (1, 2, 3),
        np.zeros(2),
        np.zeros((2, 1)),
    ]
    apart += [pull(0.1), pull(0.2), lambda t: t, lambda t: t + 1, lambda t: [t for _ in (1, 2)], lambda t: STRENGTH * t]
    apart += [bridge(2), bridge(3), bridge(2, "0.5 * x @ x + 1"), bridge(2, inner="x + 1"), {1, "a"}, {1, "b"}]
    apart += [ms.Normal(0.0, 1.0), ms.Normal(0.0, 1.1), ms.Uniform(0.0, 1.0), ms.Reduced(8), ms.Reduced(8, "sobol")]
    prints = [fingerprint(value) for value in apart]
    assert len(set(prints)) == len(prints), [apart[k] for k, one in enumerate(prints) if one in prints[:k]]


def test_fingerprints_are_the_same_in_another_process(tmp_path):
    """Whatever the order in which Python keeps sets there."""
    path = tmp_path / "own.py"
    path.write_text(
        "import jax, jax.numpy as jnp, myoscale as ms\n"
        "from myoscale.fingerprint import fingerprint\n"
        "class Own(ms.AbstractBridge):\n    mass: float = 0.5\n"
        "    def constraint(self, x, q):\n        return x - q if 'a' in {'a', 'b', 'c', 'd'} else {'e', 'f'}\n"
        "    @jax.jit\n    def energy(self, x):\n        return 0.5 * x @ x\n"
        "print(fingerprint((Own(), lambda t: jnp.sin(t), {'x', 'y', 'z'}, Own, object())))\n"
    )
    run = lambda seed: subprocess.run(
        [sys.executable, path], env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
    )
    assert run("1").stdout == run("2").stdout != ""


# The disk


def test_one_process_at_a_time(tmp_path):
    with checkpoint.hold(tmp_path / "a", {"holds": "a run", "scenario": {}, "software": {}}):
        with pytest.raises(ms.InputError, match="in use by another run"):
            solve(resume=tmp_path / "a")


@pytest.mark.parametrize("size", [0, 100])
def test_a_disk_that_is_full_from_the_start(size, tmp_path):
    with files_up_to(size), pytest.raises(ms.InputError, match=r"Cannot keep the run in .*File too large"):
        solve(resume=tmp_path / "new")
    assert names(tmp_path / "new") == []


def test_a_disk_that_fills_up_loses_nothing(whole, tmp_path):
    interrupt(tmp_path, 0.2)
    kept = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with files_up_to(3_000), pytest.raises(NotKeptError, match="File too large") as stop:
        solve(resume=tmp_path)
    assert str(tmp_path) in str(stop.value) and "stops at t = " in str(stop.value)
    so_far = stop.value.solution
    assert 2 < so_far.ts[-1] < 10 and np.array_equal(so_far.y, whole.y[: len(so_far.y)])
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == kept
    assert bits(solve(resume=tmp_path)) == bits(whole)


def test_a_disk_that_is_full_at_the_end(whole, tmp_path):
    with contextlib.ExitStack() as stack:

        def progress(word, fraction):
            if fraction == 1.0:
                stack.enter_context(files_up_to(100))

        with pytest.raises(NotKeptError, match=r"is computed.*File too large") as stop:
            solve(resume=tmp_path, progress=progress)
    assert bits(stop.value.solution) == bits(whole)
    assert "solution.npz" not in names(tmp_path) and not [name for name in names(tmp_path) if "part" in name]
    assert bits(solve(resume=tmp_path)) == bits(whole)


def test_a_study_on_a_disk_that_fills_up_has_rows(tmp_path):
    compare = lambda: ms.compare(
        PROBLEM.model,
        PROBLEM.start,
        t1=10.0,
        save=21,
        levels=[CLOSURE],
        reference=ms.Characteristics(8),
        resume=tmp_path,
    )
    with files_up_to(3_000):
        study = compare()
    assert [row.label for row in study.rows] == ["characteristics:8", "moments"] and not study.interrupted
    assert all("Cannot keep the run" in row.message and row.reached > 0 for row in study.rows)
    assert not [row.message for row in compare().rows if row.message]


@pytest.fixture
def nobody():
    """A user whom permissions bind, and a folder of theirs."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o777)
    user = os.geteuid()
    codecs.lookup("cp437")  # zip files need it, and nobody may not be able to read Python's own folder,
    solve(resume=folder / "first")  # nor what a first run imports late
    if user == 0:
        os.seteuid(65534)
    yield folder
    os.seteuid(user)
    shutil.rmtree(folder)


def test_a_folder_that_is_read_only(whole, nobody):
    (nobody / "mine").mkdir()
    interrupt(nobody / "mine", 0.2)
    (nobody / "mine").chmod(0o555)
    for folder, reason in ((nobody / "mine", "Permission denied"), (nobody / "mine" / "below", "Permission denied")):
        with pytest.raises(ms.InputError, match=f"Cannot write '{folder / 'run.json'}': {reason}"):
            solve(resume=folder)
    (nobody / "file").write_text("mine")
    with pytest.raises(ms.InputError, match="Cannot write"):
        solve(resume=nobody / "file")
    (nobody / "mine").chmod(0o777)
    assert bits(solve(resume=nobody / "mine")) == bits(whole)


def test_a_folder_that_becomes_read_only(whole, nobody):
    (nobody / "mine").mkdir()
    with pytest.raises(NotKeptError, match=r"stops at t = .*Permission denied") as stop:
        solve(resume=nobody / "mine", progress=lambda *_: (nobody / "mine").chmod(0o555))
    assert len(stop.value.solution.ts) >= 1
    (nobody / "mine").chmod(0o777)
    assert bits(solve(resume=nobody / "mine")) == bits(whole)


def test_a_result_on_a_full_disk_is_one_sentence(whole, tmp_path):
    """Also when the process ends: HDF5 would crash there, holding a file that it cannot close."""
    whole.save(tmp_path / "old.nc")
    old = (tmp_path / "old.nc").read_bytes()
    program = (
        "import resource, sys\n"
        "from myoscale import errors, store\n"
        "data = store.read(sys.argv[1])\n"
        "for size in (1, 3_000, len(open(sys.argv[1], 'rb').read()) - 1):\n"
        "    resource.setrlimit(resource.RLIMIT_FSIZE, (size, -1))\n"
        "    try:\n        store.write(data, sys.argv[1])\n"
        "    except errors.InputError as error:\n        print(error)\n"
    )
    run = subprocess.run([sys.executable, "-c", program, tmp_path / "old.nc"], capture_output=True, text=True)
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout.splitlines() == [f"Cannot write '{tmp_path / 'old.nc'}': File too large."] * 3
    assert names(tmp_path) == ["old.nc"] and (tmp_path / "old.nc").read_bytes() == old


def test_resume_is_not_for_programs_that_are_differentiated(tmp_path):
    with jax.enable_x64(True), pytest.raises(ms.InputError, match="outside of jit"):
        jax.grad(lambda m: solve(model=ms.Model(ms.SpringMass(mass=m), Wavy()), resume=tmp_path).y[-1, 0])(1.0)
    assert not list(tmp_path.iterdir())
