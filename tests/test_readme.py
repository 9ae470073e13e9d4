"""The README's steps, word by word, in an empty folder: a newcomer gets pages, and a model of their own at every level.

Load-bearing: `test_a_newcomers_own_model_runs_at_every_level`. Lines of `make` are left to whoever runs this with it.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from myoscale import store

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


STEPS = [line.split(" #")[0].strip() for line in blocks("sh")[1].splitlines() if line.strip()]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("newcomer")


def run(command, folder):
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | {"PATH": path, "MPLBACKEND": "Agg"}
    done = subprocess.run(
        ["bash", "-c", command], cwd=folder, env=environment, capture_output=True, text=True, timeout=500
    )
    assert done.returncode == 0, f"{command}: {done.stderr}"
    return done.stdout


def edited(path, *changes):
    text = path.read_text(encoding="utf-8")
    for old, new in changes:
        assert text.count(old) == 1, f"{path} has {old!r} {text.count(old)} times"
        text = text.replace(old, new)
    path.write_text(text, encoding="utf-8")


def test_the_first_steps_are_the_makefiles():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for line in blocks("sh")[0].splitlines():
        assert re.search(rf"(?m)^{line.split()[1]}:", makefile), line
    assert "myoscale compare linear --out out/linear" in makefile


def test_a_newcomers_own_model_runs_at_every_level(folder):
    assert STEPS[0] == ". .venv/bin/activate", "of a fresh clone; here the tests' own Python stands for it"
    for step in STEPS[1:]:
        said = run(step, folder)
        if step.endswith("> my.toml"):  # "change any two numbers in it"
            edited(folder / "my.toml", ("bend = 0.15 ", "bend = 0.05 "), ("t1 = 10.0", "t1 = 5.0"))
        if step.endswith("> mine.py"):  # "change the two lines that return them"
            edited(
                folder / "mine.py",
                ("return x + self.bend * x**3 - q", "return jnp.sinh(x) - q"),
                ("return 0.5 * self.stiffness * x @ x", "return self.stiffness * jnp.sum(jnp.cosh(x) - 1)"),
            )
        if step.startswith("myoscale compare"):
            out = folder / step.rsplit("--out ", 1)[1]
            assert (out / "page.html").stat().st_size > 100_000
            data = store.read(out / "study.nc")
            kinds = {str(label).split(":")[0] for label in data.level.values}
            assert kinds == {"reduced", "characteristics", "kinetic", "moments"}, said
            assert float(data.error_y.sel(level=[n for n in data.level.values if "kinetic" in n]).max()) < 1e-5
    toml = (folder / "mine.toml").read_text(encoding="utf-8")
    assert 'type = "MyBridge"' in toml


def test_cycling_of_the_readme_runs(folder):
    """The command as it stands, ended sooner: the first two milliseconds of a rise, in which nothing has let go yet to speak of."""
    (command,) = (line.split(" #")[0].strip() for line in blocks("sh")[2].splitlines() if line.strip())
    run(command + " --t1 2", folder)
    data = store.read(folder / "out/huxley/study.nc")
    share = 0.0433 * 15.6 / 2 / 36 * 2  # f₁h/2 dx/ℓ_b in 2 ms
    kinetic = [name for name in data.level.values if "kinetic" in str(name)]
    assert len(kinetic) == 2
    attached = data.cycling_attached.sel(level=kinetic)[:, -1, 0].values
    assert abs(attached / share - 1).max() < 0.06 and (attached < share).all()


def test_tissue_of_the_readme_runs(folder):
    """The command as it stands, ended sooner: heads attach along the fibres, the ends hold, and there is something to look at."""
    (command,) = (line.split(" #")[0].strip() for line in blocks("sh")[3].splitlines() if line.strip())
    said = run(command + " --t1 0.25", folder)
    out = folder / "out/twitch"
    assert (out / "page.html").stat().st_size > 100_000 and len(list((out / "series").glob("*.vtu"))) > 2
    attached = store.read(out / "solution.nc").cycling_attached.values
    assert np.all(attached[-1] > 0) and np.all(np.diff(attached.mean(1)) > 0), said


def test_the_python_of_the_readme_runs(folder):
    (python,) = blocks("python")
    (folder / "readme.py").write_text(python, encoding="utf-8")
    said = run(f"{sys.executable} readme.py", folder)
    assert "kinetic:400" in said and (folder / "solution.pdf").exists() and (folder / "out/bent/page.html").exists()
