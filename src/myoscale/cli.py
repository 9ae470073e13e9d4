"""The shell: `myoscale list | new | check | run | compare | cite`.

A user's mistake is one sentence on standard error and exit code 2. JAX is imported when a command needs it, so that help is there
at once. What a command found goes to standard output, everything else to standard error.
"""

import contextlib
import json
import logging
import os
import shlex
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from .errors import InputError, InterruptedRun, MyoscaleError, StoppedError, nearest

if TYPE_CHECKING:
    from .run import Progress
    from .study import Study
    from .zoo import Problem

_INTERRUPTED = 130  # what shells report after Ctrl-C
_SPEC = "reduced|characteristics|kinetic|moments[:SIZE][,field=value]"
PROBLEMS = (
    "linear",
    "linear-matrix",
    "onion",
    "singular",
    "bent",
    "element",
    "element-polar",
    "chain",
)  # of the zoo, JAX not yet there

_EPILOG = """\b
Begin:
  myoscale compare linear --out out/linear      the page is out/linear/page.html
  myoscale new bent > my.toml                   a scenario to edit
  myoscale check my.toml                        is it sound? what does theory ask of it?
  myoscale compare my.toml --out out/my
\b
Exit codes: 0 done; 1 stopped before the end (compare: at every level); 2 a mistake in what was asked for;
130 interrupted (Ctrl-C), what was computed is kept."""


class _Shell(TyperGroup):
    """Commands whose failures are one sentence, not a panel and not a traceback."""

    def main(
        self, args=None, prog_name=None, complete_var=None, standalone_mode=True, windows_expand_args=True, **extra
    ):
        if not standalone_mode:
            return super().main(args, prog_name, complete_var, False, windows_expand_args, **extra)
        args = list(sys.argv[1:] if args is None else args) or ["--help"]
        try:
            code = super().main(args, prog_name or "myoscale", complete_var, False, windows_expand_args, **extra)
        except InputError as error:
            code = _fail(str(error), 2)
        except MyoscaleError as error:
            code = _fail(str(error), 1)
        except (KeyboardInterrupt, typer.Abort):
            code = _fail("Interrupted.", _INTERRUPTED)
        except BrokenPipeError:  # the reader has seen enough: head, less
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            code = 0
        except OSError as error:  # standard output on a full disk
            code = _fail(f"Cannot write the output: {error.strerror or error}.", 1)
        except Exception as error:
            message = getattr(
                error, "format_message", None
            )  # of what typer or click raise for an unreadable command line
            if message is None:
                raise
            code = _fail(message(), 2)
        sys.exit(code if isinstance(code, int) else 0)


def _fail(message: str, code: int) -> int:
    typer.echo(" ".join(message.split()), err=True)
    return code


app = typer.Typer(
    cls=_Shell,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Multi-scale muscle models: one cross-bridge model, run at every scale.",
    epilog=_EPILOG,
)


def _built_in(incomplete: str) -> list[str]:
    """Completion of a built-in problem."""
    return [name for name in PROBLEMS if name.startswith(incomplete)]


def _names(incomplete: str) -> list[str]:
    """Completion of a problem: built-in names and scenario files."""
    return [*_built_in(incomplete), *(str(p) for p in sorted(Path().glob("*.toml")) if p.name.startswith(incomplete))]


def _levels(incomplete: str) -> list[str]:
    """Completion of a level, with a size to begin with."""
    return [s for s in ("reduced:1000", "characteristics:64", "kinetic:200", "moments") if s.startswith(incomplete)]


Name = Annotated[
    str,
    typer.Argument(
        metavar="NAME|FILE", help="A built-in problem ('myoscale list') or a scenario file.", autocompletion=_names
    ),
]
Module = Annotated[
    Path | None, typer.Option(metavar="FILE.py", help="Python file with bridges of your own that the scenario names.")
]
Out = Annotated[Path | None, typer.Option(metavar="DIR", help="Folder for the page, figures, table and data.")]
Resume = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR", help="Keep the state of the run in DIR, and go on from what is there: the same bits as without."
    ),
]
End = Annotated[float | None, typer.Option(help="End of the run. Default: the problem's own.")]
Tolerance = Annotated[float | None, typer.Option(help="Aimed at in y and its velocity. Default: the problem's own.")]
Seed = Annotated[int | None, typer.Option(help="Fixes every random number. Default: the problem's own.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts; what is not known is null.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="Print the result only: no progress, no list of files.")]


@app.command("list", epilog="\b\nExample:\n  myoscale list --json")
def list_problems(as_json: Json = False) -> None:
    """Name the built-in problems."""
    _own_process()
    from . import zoo
    from .render import listing

    problems = [zoo.problem(name) for name in zoo.names()]
    if as_json:
        _print_json([{"name": p.name, "title": p.title, "source": p.source} for p in problems])
    else:
        typer.echo(listing((problem.name, problem.title) for problem in problems))


@app.command(
    "new",
    epilog="""\b
Examples:
  myoscale new bent > my.toml                      a commented scenario: edit it, then check, run or compare it
  myoscale new bent --python > mine.py             a bridge of your own: change its constraint and its energy
  myoscale new bent --module mine.py > mine.toml   a scenario with that bridge in it""",
)
def new_scenario(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            help="The built-in problem to begin from.",
            autocompletion=_built_in,
        ),
    ] = "bent",
    module: Module = None,
    python: Annotated[
        bool, typer.Option("--python", help="Write a Python file with a bridge of your own instead.")
    ] = False,
) -> None:
    """Write a commented template on standard output."""
    _own_process()
    from . import scenario, zoo

    problem = zoo.problem(name)
    if python:
        typer.echo(scenario.own_bridge(), nl=False)
        return
    catalogue = scenario.Catalogue(module)
    if module is not None:
        problem = scenario.with_own_bridge(problem, catalogue)
    typer.echo(scenario.text(problem, catalogue), nl=False)


@app.command(
    "check",
    epilog="""\b
Examples:
  myoscale check onion
  myoscale check my.toml --module mine.py --json""",
)
def check_problem(
    name: Name, module: Module = None, t1: End = None, as_json: Json = False, quiet: Quiet = False
) -> None:
    """Say whether a scenario is sound.

    It is run once at a cheap level; reported is what theory assumes of it: bounds, Lipschitz constants, ellipticity.
    """
    _own_process()
    from .study import assumptions

    problem, _ = _problem(name, module, t1=t1)
    with _progress(quiet or as_json, 1) as progress:
        options = {name: value for name, value in problem.options.items() if name != "save"}
        found = assumptions(problem.model, problem.start, **options, progress=progress)
    if as_json:
        _print_json({"title": problem.title, "levels": [level.label for level in problem.levels], **found.as_dict()})
        return
    verdict = "what the theory assumes holds where it goes" if found.hold else "not all that the theory assumes holds"
    typer.echo(f"{problem.title or name}\nThe scenario can be run; {verdict}.\n\n{found}")


@app.command(
    "run",
    epilog="""\b
Examples:
  myoscale run linear --level kinetic:200 --out out/run
  myoscale run my.toml --level reduced:100000 --resume state --out out/run
The data can be read in Python: ms.load("out/run/solution.nc").""",
)
def run_level(
    name: Name,
    level: Annotated[
        str | None, typer.Option(metavar="SPEC", help=f"{_SPEC}. Default: the problem's first.", autocompletion=_levels)
    ] = None,
    out: Out = None,
    module: Module = None,
    t1: End = None,
    tolerance: Tolerance = None,
    seed: Seed = None,
    resume: Resume = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Run a problem at one level.

    Printed are energy drift and cost; written are a page, figures and data.
    """
    _own_process()
    from .levels.spec import parse_level
    from .run import solve
    from .study import alone

    problem, _ = _problem(name, module, t1=t1, tolerance=tolerance, seed=seed)
    chosen = parse_level(level) if level else problem.levels[0]
    out, message = _out(problem, out), None
    with _folder(out), _progress(quiet or as_json, 1) as progress:
        try:
            solution = solve(problem.model, chosen, problem.start, resume=resume, progress=progress, **problem.options)
        except StoppedError as error:
            solution, message = error.solution, error
    if solution is not None:
        _show(problem, alone(solution, message), out, as_json, quiet)
    elif as_json:
        _print_json({"title": problem.title, "levels": [{"label": chosen.label, "message": str(message)}]})
    if message is not None:
        _fail(str(message), 1)
        raise typer.Exit(_INTERRUPTED if isinstance(message, InterruptedRun) else 1)


@app.command(
    "compare",
    epilog="""\b
Examples:
  myoscale compare linear --out out/linear
  myoscale compare onion reduced:1000 kinetic:400 moments --reference characteristics:128
  myoscale compare my.toml --module mine.py --json > result.json
  myoscale compare my.toml --resume state --out out/my      after an interruption: the same again""",
)
def compare_levels(
    name: Name,
    more: Annotated[
        list[str] | None, typer.Argument(metavar="SPEC", help="Levels, as for --levels.", autocompletion=_levels)
    ] = None,
    levels: Annotated[
        list[str] | None,
        typer.Option(
            "--levels",
            metavar="SPEC",
            help=f"{_SPEC}; again, or several in quotes. Default: the problem's own.",
            autocompletion=_levels,
        ),
    ] = None,
    reference: Annotated[
        str | None, typer.Option(metavar="SPEC", help="What errors are measured against.", autocompletion=_levels)
    ] = None,
    out: Out = None,
    module: Module = None,
    t1: End = None,
    tolerance: Tolerance = None,
    seed: Seed = None,
    resume: Resume = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Run a problem at several levels.

    Printed are errors, energy drift and cost, one row a level; written are a page, figures, the table and data.
    """
    _own_process()
    from .levels.spec import parse_level, parse_levels
    from .study import compare

    problem, _ = _problem(name, module, t1=t1, tolerance=tolerance, seed=seed)
    chosen = parse_levels([*(levels or []), *(more or [])]) or list(problem.levels)
    against = parse_level(reference) if reference else problem.reference
    out = _out(problem, out)
    with _folder(out), _progress(quiet or as_json, len(chosen)) as progress:
        study = compare(
            problem.model,
            problem.start,
            levels=chosen,
            reference=against,
            resume=resume,
            progress=progress,
            **problem.options,
        )
    _show(problem, study, out, as_json, quiet)
    if study.interrupted:
        raise typer.Exit(_INTERRUPTED)
    if all(row.message for row in study.rows):
        raise typer.Exit(1)


@app.command("cite", epilog="\b\nExamples:\n  myoscale cite onion > onion.bib\n  myoscale cite my.toml")
def cite_problem(
    name: Annotated[
        str | None,
        typer.Argument(metavar="[NAME|FILE]", help="What was run; myoscale alone if left out.", autocompletion=_names),
    ] = None,
    module: Module = None,
) -> None:
    """Print what to cite, as BibTeX.

    That is the models, the methods and the libraries that a problem uses.
    """
    _own_process()
    from .study import cite

    typer.echo(cite(None if name is None else _problem(name, module)[0]))


def _problem(name: str, module: Path | None, **changes: Any) -> tuple["Problem", tuple[type, ...]]:
    """A built-in problem or a scenario file, with what the command line says otherwise; and the user's classes."""
    import dataclasses

    from . import scenario, zoo

    catalogue = scenario.Catalogue(module)
    if name in PROBLEMS:
        problem = zoo.problem(name)
    elif name.endswith(".toml") or Path(name).exists():
        problem = scenario.read(name, catalogue)
    else:
        raise InputError(
            f"There is no problem '{name}' in the zoo and no file of that name: {nearest(name, PROBLEMS)} "
            "A scenario file ends in .toml."
        )
    return dataclasses.replace(problem, **{k: v for k, v in changes.items() if v is not None}), catalogue.own


def _out(problem: "Problem", out: Path | None) -> Path | None:
    """Where results go: what the command line says, or the scenario."""
    return out or (Path(problem.output) if problem.output else None)


def _show(problem: "Problem", study: "Study", out: Path | None, as_json: bool, quiet: bool) -> None:
    """Print what was found and write it."""
    from .render import report
    from .study import cited

    if as_json:
        _print_json({"title": problem.title, **study.as_dict()})
    else:
        typer.echo(f"{problem.title}\n\n{study}" if problem.title else str(study))
    if out is None or not study.solutions:
        return
    command = shlex.join(["myoscale", *sys.argv[1:]])
    texts = [citation.text for citation in cited(study)]
    about = {"title": problem.title, "source": problem.source, "units": problem.units}
    try:
        written = report(study, out, command=command, citations=texts, **about)
    except InputError as error:  # a full disk: not a mistake in what was asked for
        raise typer.Exit(_fail(str(error), 1)) from None
    if not (quiet or as_json):
        typer.echo("\nwrote " + "\n      ".join(map(str, written)))


def _print_json(value: Any) -> None:
    typer.echo(json.dumps(_known(value), indent=1, ensure_ascii=False, allow_nan=False))


def _known(value: Any) -> Any:
    """For JSON, which has no NaN and no infinity: null."""
    if isinstance(value, dict):
        return {key: _known(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_known(item) for item in value]
    if isinstance(value, float) and value - value != 0.0:
        return None
    return value


@contextlib.contextmanager
def _folder(out: Path | None) -> Iterator[None]:
    """Find out that nothing can be written before anything is computed; leave no empty folder behind a mistake."""
    if out is None:
        yield
        return
    from . import store
    from .render import FILES

    made = [folder for folder in (out, *out.parents) if not folder.exists()]
    try:
        for file in FILES:
            store.writable(out / file)
            if (out / file).is_dir():
                raise InputError(f"Cannot write '{out / file}': it is a folder. Choose another --out.")
        yield
    except InputError:
        for folder in made:
            with contextlib.suppress(OSError):
                folder.rmdir()
        raise


@contextlib.contextmanager
def _progress(quiet: bool, count: int) -> Iterator["Progress | None"]:
    """A bar with the time left on standard error, or one line where that is a file."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    console = Console(stderr=True)
    if quiet:
        yield None
        return
    if not console.is_terminal:
        said: list[str] = []

        def once(word: str, fraction: float) -> None:
            if not said:
                said.append(word)
                typer.echo(f"compiling and running {count} level{'s' * (count > 1)} ...", err=True)

        yield once
        return
    left = TextColumn("left"), TimeRemainingColumn()
    columns = SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), *left
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("starting", total=1.0)

        def advance(word: str, fraction: float) -> None:
            if bar.tasks[0].description == "starting":  # a resumed run's first part was not done just now
                begun: Any = fraction  # rich says int and takes any number
                bar.reset(task, completed=begun, description=word)
            bar.update(task, description=word, completed=fraction)

        yield advance


def _own_process() -> None:
    """Settings of a process that is the shell's own: compiled programs are kept between calls, in the user's cache folder."""
    if "equinox" not in sys.modules:
        # Programs that check values by calling back into Python are never kept. Those checks (diffrax's, of what `solve` has
        # checked already) are left out here.
        os.environ.setdefault("EQX_ON_ERROR", "off")
    logging.getLogger("matplotlib").setLevel(logging.ERROR)  # it has a cache folder of its own to complain about
    import jax

    if jax.config.values["jax_compilation_cache_dir"] is not None:  # somebody has chosen
        return
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "myoscale" / "jax"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError:
        return
    warnings.filterwarnings("ignore", "Error (reading|writing) persistent compilation cache entry", UserWarning)
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


def main() -> None:
    """The entry point."""
    app()


if __name__ == "__main__":
    main()
