"""The shell: `myoscale list | new | check | run | compare | converge | stability | fluctuation | suggest | cite`.

A user's mistake is one sentence on standard error and exit code 2. JAX is imported when a command needs it, so that help is there
at once. What a command found goes to standard output, everything else to standard error.
"""

import shlex
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import InputError, InterruptedRun, StoppedError
from . import limits
from .around import folder, own_process, print_json, progress_bar
from .options import (
    End,
    Json,
    Module,
    Name,
    Out,
    Quiet,
    Resume,
    Seed,
    Tolerance,
    built_in,
    find,
    out_of,
)
from .options import levels as complete_levels
from .options import names as complete_names
from .shell import INTERRUPTED, Shell, fail

if TYPE_CHECKING:
    from ..study import Study
    from ..zoo import Problem

_SPEC = "reduced|characteristics|kinetic|moments|constrained[:SIZE][,field=value]"
_EPILOG = """\b
Begin:
  myoscale compare linear --out out/linear      the page is out/linear/page.html
  myoscale new bent > my.toml                   a scenario to edit
  myoscale check my.toml                        is it sound? what does theory ask of it?
  myoscale compare my.toml --out out/my
\b
Exit codes: 0 done; 1 stopped before the end (compare: at every level); 2 a mistake in what was asked for;
130 interrupted (Ctrl-C), what was computed is kept."""


app = typer.Typer(
    cls=Shell,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Multi-scale muscle models: one cross-bridge model, run at every scale.",
    epilog=_EPILOG,
)


@app.command("list", epilog="\b\nExample:\n  myoscale list --json")
def list_problems(as_json: Json = False) -> None:
    """Name the built-in problems."""
    own_process()
    from .. import zoo
    from ..render import listing

    problems = [zoo.problem(name) for name in zoo.names()]
    if as_json:
        print_json([{"name": p.name, "title": p.title, "source": p.source} for p in problems])
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
            autocompletion=built_in,
        ),
    ] = "bent",
    module: Module = None,
    python: Annotated[
        bool, typer.Option("--python", help="Write a Python file with a bridge of your own instead.")
    ] = False,
) -> None:
    """Write a commented template on standard output."""
    own_process()
    from .. import scenario, zoo

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
    own_process()
    import dataclasses

    from ..study import assumptions, step_advice

    problem, _ = find(name, module, t1=t1)
    with progress_bar(quiet or as_json, 1) as progress:
        options = {name: value for name, value in problem.options.items() if name != "save"}
        found = assumptions(problem.model, problem.start, **options, progress=progress)
        steps = step_advice(problem.model, problem.start, **options)
    if as_json:
        advice = None if steps is None else dataclasses.asdict(steps)
        levels = [level.label for level in problem.levels]
        print_json({"title": problem.title, "levels": levels, **found.as_dict(), "steps": advice})
        return
    verdict = "what the theory assumes holds where it goes" if found.hold else "not all that the theory assumes holds"
    typer.echo(f"{problem.title or name}\nThe scenario can be run; {verdict}.\n\n{found}")
    if steps is not None:
        typer.echo(f"\n{steps}")


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
        str | None,
        typer.Option(metavar="SPEC", help=f"{_SPEC}. Default: the problem's first.", autocompletion=complete_levels),
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
    own_process()
    from ..levels.spec import parse_level
    from ..run import solve
    from ..study import alone

    problem, _ = find(name, module, t1=t1, tolerance=tolerance, seed=seed)
    chosen = parse_level(level) if level else problem.levels[0]
    out, message = out_of(problem, out), None
    with folder(out), progress_bar(quiet or as_json, 1) as progress:
        try:
            solution = solve(problem.model, chosen, problem.start, resume=resume, progress=progress, **problem.options)
        except StoppedError as error:
            solution, message = error.solution, error
    if solution is not None:
        _show(problem, alone(solution, message), out, as_json, quiet)
    elif as_json:
        print_json({"title": problem.title, "levels": [{"label": chosen.label, "message": str(message)}]})
    if message is not None:
        fail(str(message), 1)
        raise typer.Exit(INTERRUPTED if isinstance(message, InterruptedRun) else 1)


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
        list[str] | None,
        typer.Argument(metavar="SPEC", help="Levels, as for --levels.", autocompletion=complete_levels),
    ] = None,
    levels: Annotated[
        list[str] | None,
        typer.Option(
            "--levels",
            metavar="SPEC",
            help=f"{_SPEC}; again, or several in quotes. Default: the problem's own.",
            autocompletion=complete_levels,
        ),
    ] = None,
    reference: Annotated[
        str | None,
        typer.Option(metavar="SPEC", help="What errors are measured against.", autocompletion=complete_levels),
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
    own_process()
    from ..levels.spec import parse_level, parse_levels
    from ..study import compare

    problem, _ = find(name, module, t1=t1, tolerance=tolerance, seed=seed)
    chosen = parse_levels([*(levels or []), *(more or [])]) or list(problem.levels)
    against = parse_level(reference) if reference else problem.reference
    out = out_of(problem, out)
    with folder(out), progress_bar(quiet or as_json, len(chosen)) as progress:
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
        raise typer.Exit(INTERRUPTED)
    if all(row.message for row in study.rows):
        raise typer.Exit(1)


app.command("converge", epilog=limits.CONVERGE)(limits.converge_level)
app.command("stability", epilog=limits.STABILITY)(limits.stability_of)
app.command("fluctuation", epilog=limits.FLUCTUATION)(limits.fluctuation_of)
app.command("suggest", epilog=limits.SUGGEST)(limits.suggest_level)


@app.command("cite", epilog="\b\nExamples:\n  myoscale cite onion > onion.bib\n  myoscale cite my.toml")
def citefind(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="[NAME|FILE]", help="What was run; myoscale alone if left out.", autocompletion=complete_names
        ),
    ] = None,
    module: Module = None,
) -> None:
    """Print what to cite, as BibTeX.

    That is the models, the methods and the libraries that a problem uses.
    """
    own_process()
    from ..study import cite

    typer.echo(cite(None if name is None else find(name, module)[0]))


def _show(problem: "Problem", study: "Study", out: Path | None, as_json: bool, quiet: bool) -> None:
    """Print what was found and write it."""
    from ..render import report
    from ..study import cited
    from ..study.text import WIDTH

    if as_json:
        print_json({"title": problem.title, **study.as_dict()})
    else:
        text = study.text(shutil.get_terminal_size((WIDTH, 24)).columns)
        typer.echo(f"{problem.title}\n\n{text}" if problem.title else text)
    if out is None or not study.solutions:
        return
    command = shlex.join(["myoscale", *sys.argv[1:]])
    texts = [citation.text for citation in cited(study)]
    about = {"title": problem.title, "source": problem.source, "units": problem.units}
    try:
        written = report(study, out, command=command, citations=texts, **about)
    except InputError as error:  # a full disk: not a mistake in what was asked for
        raise typer.Exit(fail(str(error), 1)) from None
    if not (quiet or as_json):
        typer.echo("\nwrote " + "\n      ".join(map(str, written)))


def main() -> None:
    """The entry point."""
    app()
