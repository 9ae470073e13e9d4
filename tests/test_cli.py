"""The shell does what it says, a mistake is one sentence and exit code 2, and nothing is written half.

Load-bearing: `test_files_hold_what_the_table_says` and `test_a_mistake_is_one_sentence`. Two runs are computed, one here and one in
a process of its own; the others are replayed or end before anything runs.
"""

import contextlib
import html
import importlib
import io
import json
import os
import re
import subprocess
import sys
import time

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

import myoscale as ms
from myoscale import cli, store, zoo
from myoscale.errors import InputError
from myoscale.levels.spec import level_spec, parse_level, parse_levels, parse_range

COMPARE = importlib.import_module("myoscale.study.compare")
QUICK = ["compare", "linear", "--t1", "5", "--reference", "characteristics:8", "--levels", "moments:4"]


WRITTEN = ["figure.pdf", "figure.png", "figure.svg", "page.html", "study.nc", "table.txt"]


def shell(*arguments, **environment):
    return CliRunner(env=environment).invoke(cli.app, [str(a) for a in arguments])


def process(*arguments, **environment):
    ours = ("JAX_COMPILATION_CACHE", "EQX_ON_ERROR")
    environ = {k: v for k, v in os.environ.items() if not k.startswith(ours)} | environment
    command = [sys.executable, "-W", "error", "-m", "myoscale.cli", *map(str, arguments)]
    return subprocess.run(command, env=environ, capture_output=True, text=True, timeout=300)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    out = tmp_path_factory.mktemp("run") / "a" / "b"
    return shell(*QUICK, "--out", out, COLUMNS="120"), out  # wide enough for the whole table


# What it does


def test_files_hold_what_the_table_says(run):
    result, out = run
    assert result.exit_code == 0, result.stderr
    assert sorted(path.name for path in out.iterdir()) == WRITTEN
    assert all(str(out / name) in result.stdout for name in WRITTEN)
    table = (out / "table.txt").read_text()
    assert table in result.stdout and table.startswith(zoo.problem("linear").title)
    data = store.read(out / "study.nc")
    assert list(data.level.values) == ["characteristics:8", "moments:4"] and data.time.values[-1] == 5.0
    row = next(line for line in table.splitlines() if line.startswith("moments:4"))
    assert row.split()[1] == f"{float(data.error_y.sel(level='moments:4')):.1e}"
    assert result.stderr.count("compiling") == 1 and len(result.stderr.splitlines()) == 1


def test_a_process_of_its_own_keeps_compiled_programs(tmp_path):
    result = process(*QUICK, "--quiet", "--out", tmp_path / "out", XDG_CACHE_HOME=str(tmp_path / "cache"))
    assert (result.returncode, result.stderr) == (0, "")
    assert (
        "moments:4" in result.stdout and "wrote" not in result.stdout and len(list((tmp_path / "out").iterdir())) == 6
    )
    programs = [path for path in (tmp_path / "cache" / "myoscale" / "jax").iterdir() if path.name.startswith("jit_run")]
    assert max(path.stat().st_size for path in programs) > 50_000, "the long program, of the integration, was not kept"


def test_list_names_problems_and_needs_no_cache():
    result = process("list", XDG_CACHE_HOME="/proc/nowhere")
    assert (result.returncode, result.stderr) == (0, "")
    assert re.search(r"(?m)^linear +\S", result.stdout) and result.stdout.splitlines()[0].split() == ["name", "title"]


def test_help_does_not_wait_for_jax():
    heavy = re.compile(r"\| +(jax|numpy|equinox|matplotlib|xarray|scipy)$", re.MULTILINE)
    python = lambda *arguments: subprocess.run(
        [sys.executable, "-X", "importtime", *arguments], capture_output=True, text=True
    )
    shown = python("-m", "myoscale.cli", "--help")
    assert shown.returncode == 0 and "compare" in shown.stdout and not heavy.search(shown.stderr)
    assert heavy.search(python("-c", "import numpy").stderr), "the search finds nothing"


@pytest.mark.parametrize(
    ("spec", "level"),
    [
        ("reduced", ms.Reduced()),
        ("reduced:1_000,sampling=sobol", ms.Reduced(1000, "sobol")),
        ("Kinetic:400, window=8", ms.Kinetic(400, window=8.0)),
        ("kinetic,cells=1e2", ms.Kinetic(100)),
        ("characteristics:64", ms.Characteristics(64)),
        ("moments", ms.MomentClosure()),
        ("moments:8", ms.MomentClosure(8)),
    ],
)
def test_a_spec_is_a_level(spec, level):
    assert parse_level(spec) == level
    assert parse_level(level.label) == level, "a label can be typed in"


@pytest.mark.parametrize(
    "level", [ms.Kinetic(60, window=7.123456789012345), ms.Reduced(7, sampling="sobol"), ms.MomentClosure()]
)
def test_a_level_is_written_as_the_spec_that_reads_it(level):
    assert parse_level(level_spec(level)) == level


def test_several_levels_in_one_text():
    assert parse_levels(["moments kinetic:60;reduced:7", "characteristics:8"]) == [
        ms.MomentClosure(),
        ms.Kinetic(60),
        ms.Reduced(7),
        ms.Characteristics(8),
    ]


def test_a_level_with_a_range_of_sizes():
    assert parse_range("reduced:16..100,sampling=quantile") == (ms.Reduced(16, "quantile"), (16, 32, 64))
    for text in ("reduced:16", "reduced", "reduced:64..16", "reduced:0..4", "16..64"):
        with pytest.raises(InputError, match="range of sizes"):
            parse_range(text)


@pytest.mark.parametrize(
    "command", [("converge", "linear", "--level", "reduced:8..32", "--samples", "4"), ("fluctuation", "linear")]
)
def test_studies_of_limits_write_what_they_found(command, tmp_path):
    done = shell(*command, "--t1", "2", "--out", tmp_path / "out", "--json")
    assert done.exit_code == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["title"].startswith("Linear") and ("rates" in found or "spread" in found)
    page = (tmp_path / "out" / "page.html").read_text()
    assert "data:image/svg+xml;base64," in page and found["title"] in page and "How to run it again" in page
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "study.nc",
        "table.txt",
        "page.html",
        *(f"figure.{kind}" for kind in ("png", "svg", "pdf")),
    }


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("converge", "linear", "--level", "reduced:64"), "range of sizes"),
        (("converge", "linear", "--level", "reduced:16..32"), "three or more increasing sizes"),
        (("converge", "linear", "--level", "reduced:16..64", "--reference", "moments"), "Expected a reference finer"),
        (
            ("converge", "linear", "--level", "reduced:16..64", "--scheduler", "nowhere"),
            "No scheduler answers at 'nowhere'",
        ),
        (("fluctuation", "linear", "--observable", "x"), "one of y, v, force"),
        (("stability", "linear", "--epsilon", "0"), "epsilon > 0"),
        (("stability", "linear", "--coarse", "kinetic:40"), "whose defect is known"),
        (("suggest", "linear", "--within", "0"), "within > 0"),
        (("fluctuation", "huxley"), "jumps are a noise of their own"),
    ],
)
def test_mistakes_about_limits(arguments, said):
    done = shell(*arguments)
    assert (
        done.exit_code == 2 and said in done.stderr and done.stderr.count("\n") <= 2 and "Traceback" not in done.stderr
    )


def test_every_help_teaches_by_example():
    commands = typer.main.get_command(cli.app).commands
    assert list(commands) == [
        "list",
        "new",
        "check",
        "run",
        "compare",
        "converge",
        "stability",
        "fluctuation",
        "suggest",
        "cite",
    ]
    for name in commands:
        said = shell(name, "--help").stdout
        assert "Example" in said and f"myoscale {name}" in said.partition("Example")[2], name
    assert "Exit codes: 0 done; 1 stopped" in shell("--help").stdout


def test_problems_known_without_jax_are_the_zoo():
    assert zoo.names() == cli.options.PROBLEMS


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ("myoscale comp", "compare"),
        ("myoscale compare oni", "onion"),
        ("myoscale run mine", "mine.toml"),
        ("myoscale run linear --level ki", "kinetic:200"),
    ],
)
def test_the_shell_completes(words, wanted, tmp_path):
    (tmp_path / "mine.toml").touch()
    environment = os.environ | {
        "_MYOSCALE_COMPLETE": "complete_bash",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split()) - 1),
    }
    command = [sys.executable, "-m", "myoscale.cli"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, cwd=tmp_path)
    assert wanted in done.stdout.split(), done.stderr


def test_json_is_the_table(run):
    result = shell(*QUICK, "--json")
    found = json.loads(result.stdout, parse_constant=lambda name: pytest.fail(f"{name} in JSON"))
    assert result.exit_code == 0 and not result.stderr and found["reference"] == "characteristics:8"
    by_label = {row["label"]: row for row in found["levels"]}
    table = (run[1] / "table.txt").read_text()
    row = next(line for line in table.splitlines() if line.startswith("moments:4"))
    assert row.split()[1] == f"{by_label['moments:4']['error_y']:.1e}"
    assert by_label["characteristics:8"]["error_y"] == 0.0
    assert [p["name"] for p in json.loads(shell("list", "--json").stdout)] == list(zoo.names())


def test_a_file_is_compared_as_the_problem_that_it_holds(run, tmp_path):
    (tmp_path / "my.toml").write_text(
        shell("new", "linear").stdout + f'\n[output]\nfolder = "{tmp_path / "results"}"\n'
    )
    result = shell(QUICK[0], tmp_path / "my.toml", *QUICK[2:])
    assert result.exit_code == 0, result.stderr
    times = (tmp_path / "my.toml").read_text().replace("save = 201 ", "save = [0.0, 2.5, 5.0] ")
    (tmp_path / "few.toml").write_text(times)
    result = shell("run", tmp_path / "few.toml", "--t1", "5", "--level", "moments:4", "--out", tmp_path / "few")
    assert result.exit_code == 0 and list(ms.load(tmp_path / "few" / "solution.nc").ts) == [0.0, 2.5, 5.0]
    ours, theirs = store.read(tmp_path / "results" / "study.nc"), store.read(run[1] / "study.nc")
    for name in ("y", "v", "errors_y", "wassersteins", "energy_total"):
        assert ours[name].values.tobytes() == theirs[name].values.tobytes(), name


def test_a_run_can_be_loaded(run, tmp_path):
    result = shell("run", "linear", "--t1", "5", "--level", "moments:4", "--out", tmp_path)
    assert result.exit_code == 0 and "moments:4" in result.stdout, result.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*WRITTEN[:4], "solution.nc", "table.txt"])
    data = store.read(run[1] / "study.nc")
    assert np.array_equal(ms.load(tmp_path / "solution.nc").y, data.y.sel(level="moments:4"))


def test_a_run_that_stops_says_so_everywhere(tmp_path):
    result = shell("run", "singular", "--level", "moments:4", "--json", "--out", tmp_path)
    (row,) = json.loads(result.stdout)["levels"]
    assert result.exit_code == 1 and row["message"] in result.stderr and "lost rank" in row["message"]
    assert (
        "lost rank" in (tmp_path / "table.txt").read_text() and "Stopped early" in (tmp_path / "page.html").read_text()
    )
    assert 'ms.load("solution.nc")' in html.unescape((tmp_path / "page.html").read_text())


NAN = """
import jax.numpy as jnp
import myoscale as ms
class Lost(ms.AbstractBridge):
    mass: float = 0.5
    def constraint(self, x, q):
        return x - q
    def energy(self, x):
        return 0.5 * x @ x + jnp.nan
"""


def test_an_energy_that_is_no_number_is_not_printed_as_one(tmp_path):
    (tmp_path / "lost.py").write_text(NAN)
    module = ("--module", tmp_path / "lost.py")
    (tmp_path / "lost.toml").write_text(shell("new", "bent", *module).stdout)
    arguments = ("--t1", "1", "--levels", "moments:4", "--reference", "characteristics:8", "--out", tmp_path / "out")
    result = shell("compare", tmp_path / "lost.toml", *module, *arguments)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert "nan" not in result.stdout.replace("finance", "") and "? moments:4 lost its energy balance" in result.stdout
    assert (tmp_path / "out" / "page.html").exists()


def test_results_that_cannot_be_written_are_still_printed(run, monkeypatch, tmp_path):
    def put(path, data):
        raise ms.InputError(f"Cannot write '{path}': No space left on device.")

    monkeypatch.setattr(store, "put", put)
    result = shell(*QUICK, "--out", tmp_path)
    assert result.exit_code == 1 and "moments:4" in result.stdout
    assert result.stderr.splitlines()[-1] == f"Cannot write '{tmp_path / 'study.nc'}': No space left on device."


def test_check_says_what_the_theory_asks(tmp_path):
    result = shell("check", "linear", "--t1", "2", "--json")
    found = json.loads(result.stdout, parse_constant=lambda name: pytest.fail(f"{name} in JSON"))
    assert result.exit_code == 0 and found["levels"][0] == "reduced:1000"
    said = shell("check", "linear", "--t1", "2", "--quiet").stdout
    assert (
        "can be run; what the theory assumes holds" in said
        and "uniformly elliptic" in said
        and "nan" not in said.lower()
    )


def test_cite_prints_bibtex():
    result = shell("cite", "onion")
    assert result.exit_code == 0 and "10.3934/krm.2023012" in result.stdout and result.stdout.lstrip().startswith("@")


def test_resume_returns_what_was_finished(run, tmp_path):
    first = shell(*QUICK, "--resume", tmp_path / "state", "--json")
    again = shell(*QUICK, "--resume", tmp_path / "state", "--json")
    assert (first.exit_code, again.exit_code) == (0, 0), again.stderr
    errors = [[row["error_y"] for row in json.loads(r.stdout)["levels"]] for r in (first, again)]
    assert errors[0] == errors[1]
    other = shell("compare", "linear", "--t1", "6", *QUICK[4:], "--resume", tmp_path / "state")
    assert other.exit_code == 2 and str(tmp_path / "state") in other.stderr and len(other.stderr.splitlines()) == 1


def test_a_terminal_is_shown_the_time_left(monkeypatch):
    """A resumed run begins at 0.5: had that counted as done in no time, nothing would seem left."""
    console = importlib.import_module("rich.console").Console
    file = io.StringIO()
    monkeypatch.setattr("rich.console.Console", lambda **_: console(file=file, force_terminal=True, width=100))
    with cli.progress_bar(False, 2) as progress:
        progress("moments: compiling", 0.5)
        for k in range(1, 5):
            time.sleep(0.3)
            progress("moments", 0.5 + k / 40)
    said = re.sub(r"\x1b\[[^a-zA-Z]*[a-zA-Z]", "", file.getvalue())
    left = re.findall(r"left (\S+)", said)
    assert "moments" in said and left[-1] in {"0:00:04", "0:00:05", "0:00:06"}, (
        left
    )  # 16 fortieths at 0.3 s each: 4.8 s


# What goes wrong


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["compare", "linaer"], "'linear'"),
        (["compare", "linear", "kinetik:60"], "'kinetic'"),
        (["compare", "linear", "--levels", "moments kinetic:60,windw=3"], "'window'"),
        (["compare", "linear", "--levels", "reduced:9,sampling=quantiel"], "'quantile'"),
        (["compare", "linear", "--levels", "kinetic"], "kinetic:200"),
        (["compare", "linear", "--levels", "kinetic:many"], "kinetic:200"),
        (["compare", "linear", "--levels", "kinetic:60.5"], "whole number"),
        (["compare", "linear", "--levels", "kinetic:60,window=nan"], "a number"),
        (["compare", "linear", "--levels", "kinetic:60,8"], "field=value"),
        (["compare", "linear", "--levels", "kinetic:3"], "≥ 8"),
        (["compare", "linear", "--levels", "moments;moments"], "twice"),
        (["compare", "linear", "--reference", "reduced"], "Reduced"),
        (["compare", "linear", "--t1", "-1"], "t1 > 0"),
        (["compare", "linear", "--t1", "0"], "t1 > 0"),
        (["compare", "linear", "--t1", "soon"], "--t1"),
        (["compare", "linear", "--tolerance", "1"], "tolerance"),
        (["compare", "linear", "--leves", "moments"], "--levels"),
        (["compare"], "NAME"),
        (["compar", "linear"], "compare"),
        (["run", "linear", "--level", "kinetik:60"], "'kinetic'"),
        (["run", "nowhere.toml"], "No such file"),
        (["check", "onoin"], "'onion'"),
        (["new", "bend"], "'bent'"),
        (["new", "bent", "--module", "nowhere.py"], "nowhere.py"),
        (["cite", "liner"], "'linear'"),
        (["compare", "linear", "--seed", "-1"], "seed"),
    ],
)
def test_a_mistake_is_one_sentence(arguments, said, monkeypatch, tmp_path):
    monkeypatch.setattr("myoscale.run.stretches.Run.__call__", lambda *_: pytest.fail("a level was run"))
    result = shell(*arguments, *(["--out", tmp_path / "new" / "out"] if arguments[:2] == ["compare", "linear"] else []))
    assert result.exit_code == 2
    assert said in result.stderr and len(result.stderr.splitlines()) == 1 and not result.stdout
    assert not list(tmp_path.iterdir()), "a mistake left a folder behind"


def test_a_folder_that_cannot_be_written_is_found_first(monkeypatch, tmp_path):
    monkeypatch.setattr(COMPARE, "solve", lambda *_, **__: pytest.fail("a level was run"))
    (tmp_path / "file").write_text("mine")
    (tmp_path / "used" / "study.nc").mkdir(parents=True)
    for out in ("/proc/out", tmp_path / "file", tmp_path / "file" / "below", tmp_path / "used"):
        result = shell(*QUICK, "--out", out)
        assert (result.exit_code, len(result.stderr.splitlines())) == (2, 1) and str(out) in result.stderr
    assert (tmp_path / "file").read_text() == "mine"


def test_interrupt_writes_what_was_computed(run, monkeypatch, tmp_path):
    @contextlib.contextmanager
    def impatient(quiet, count):
        def progress(word, fraction):
            if word.startswith("moments"):
                raise KeyboardInterrupt

        yield progress

    monkeypatch.setattr(cli, "progress_bar", impatient)
    result = shell(*QUICK, "--out", tmp_path)
    assert result.exit_code == 130 and "Interrupted" in result.stdout
    assert list(store.read(tmp_path / "study.nc").level.values) == ["characteristics:8"]
    assert len(list(tmp_path.iterdir())) == 6


def test_interrupt_before_any_result_writes_nothing(monkeypatch, tmp_path):
    def solve(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(COMPARE, "solve", solve)
    result = shell(*QUICK, "--out", tmp_path)
    assert result.exit_code == 130 and not list(tmp_path.iterdir()) and "Traceback" not in result.stderr


@pytest.mark.parametrize(("survivor", "code"), [("characteristics", 0), ("nobody", 1)])
def test_levels_that_stop_are_rows(run, monkeypatch, survivor, code):
    real = COMPARE.solve

    def solve(model, level, start, **options):
        if level.name == survivor:
            return real(model, level, start, **options)
        raise ms.StoppedError(f"{level.label} stops at t = 1: too stiff.")

    monkeypatch.setattr(COMPARE, "solve", solve)
    result = shell(*QUICK)
    assert result.exit_code == code and "! moments:4 stops at t = 1: too stiff." in result.stdout
