"""Commands about limits: `converge`, `stability`, `fluctuation` and `suggest`."""

import os
import shlex
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import InputError
from .around import folder, own_process, print_json, progress_bar
from .options import End, Json, Module, Name, Out, Quiet, Resume, Seed, Tolerance, find, out_of
from .shell import INTERRUPTED, fail

if TYPE_CHECKING:
    from ..zoo import Problem

CONVERGE = """\b
Examples:
  myoscale converge linear --level reduced:4..1024 --out out/limit
  myoscale converge bent --level reduced:64..4096,sampling=quantile
  myoscale converge element --samples 20 --resume state --out out/element    after an interruption: the same again
  myoscale converge onion --scheduler tcp://host:8786"""

STABILITY = """\b
Examples:
  myoscale stability bent --out out/stable
  myoscale stability onion --epsilon 1e-6 --coarse moments"""

FLUCTUATION = """\b
Examples:
  myoscale fluctuation onion --out out/chance
  myoscale fluctuation bent --observable force --bridges 256 --verify 2000"""

SUGGEST = """\b
Examples:
  myoscale suggest onion --within 1e-3
  myoscale suggest bent --within 1e-4 --observable force --verify --out out/suggest"""

Observed = Annotated[
    str, typer.Option(metavar="y|v|force", help="What to look at, at the end of the run: its first coordinate.")
]


def converge_level(
    name: Name,
    level: Annotated[
        str,
        typer.Option("--level", metavar="SPEC", help="The level and its range of sizes, doubled from first to last."),
    ] = "reduced:16..1024",
    samples: Annotated[int, typer.Option(help="Runs of each size, for levels with random numbers.")] = 100,
    reference: Annotated[
        str | None, typer.Option(metavar="SPEC", help="The finer level. Default: the mean field on many nodes.")
    ] = None,
    out: Out = None,
    module: Module = None,
    t1: End = None,
    tolerance: Tolerance = None,
    seed: Seed = None,
    resume: Resume = None,
    scheduler: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="A running dask scheduler to compute with.")
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            help="Processes on this machine, started where the work is long. Default: one for each processor."
        ),
    ] = None,
    fallback: Annotated[
        bool, typer.Option("--fallback", help="Compute on this machine if the scheduler cannot be used.")
    ] = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Measure how fast a level comes near its limit.

    Printed are errors by size, their rates with intervals, and what theory expects; written are a page, figures and data.
    """
    own_process()
    from ..levels.spec import parse_level, parse_range
    from ..study import Where, converge

    problem, _ = find(name, module, t1=t1, tolerance=tolerance, seed=seed)
    chosen, sizes = parse_range(level)
    fine = parse_level(reference) if reference else problem.reference
    where = Where(scheduler, workers if workers is not None else os.cpu_count() or 1, fallback)
    options = {key: value for key, value in problem.options.items() if key != "save"}
    out = out_of(problem, out)
    with folder(out), progress_bar(quiet or as_json, len(sizes)) as progress:
        found = converge(
            problem.model, problem.start, level=chosen, sizes=sizes, samples=samples, reference=fine, where=where,
            progress=progress, resume=resume, **options,
        )  # fmt: skip
    _show(problem, found, out, as_json, quiet)
    if found.interrupted:
        raise typer.Exit(INTERRUPTED)


def stability_of(
    name: Name,
    epsilon: Annotated[float, typer.Option(help="How far apart the two starts are.")] = 1e-3,
    coarse: Annotated[
        str | None,
        typer.Option(metavar="SPEC", help="A coarser level whose error is bounded too: moments, for instance."),
    ] = None,
    out: Out = None,
    module: Module = None,
    t1: End = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Say how fast small differences grow.

    Two runs that start close to each other are measured, the tangent flow is computed, and both are bounded.
    """
    own_process()
    from ..levels.spec import parse_level
    from ..study import stability

    problem, _ = find(name, module, t1=t1)
    options = {key: problem.options[key] for key in ("t1", "drive", "seed")}
    out = out_of(problem, out)
    with folder(out), progress_bar(quiet or as_json, 2) as progress:
        found = stability(
            problem.model, problem.start, epsilon=epsilon, coarse=parse_level(coarse) if coarse else None,
            progress=progress, **options,
        )  # fmt: skip
    _show(problem, found, out, as_json, quiet)


def fluctuation_of(
    name: Name,
    observable: Observed = "y",
    bridges: Annotated[int, typer.Option(help="Bridges of each run that verifies.")] = 256,
    verify: Annotated[int, typer.Option(help="How many runs with random bridges to compare with; 0: none.")] = 0,
    out: Out = None,
    module: Module = None,
    t1: End = None,
    tolerance: Tolerance = None,
    seed: Seed = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Predict how far chance takes a muscle of N bridges.

    One adjoint pass through the mean field says how much each bridge matters; written are a page, figures and data.
    """
    own_process()
    from ..study import fluctuation

    observed = _observable(observable)
    problem, _ = find(name, module, t1=t1, tolerance=tolerance, seed=seed)
    options = {key: value for key, value in problem.options.items() if key != "save"}
    out = out_of(problem, out)
    with folder(out), progress_bar(quiet or as_json, 1) as progress:
        found = fluctuation(
            problem.model, problem.start, observable=observed, n=bridges, verify=verify,
            progress=progress, **options,
        )  # fmt: skip
    _show(problem, found, out, as_json, quiet)


def suggest_level(
    name: Name,
    within: Annotated[float, typer.Option(help="How far the observable may be from the limit of many bridges.")],
    observable: Observed = "y",
    verify: Annotated[bool, typer.Option("--verify", help="Run the choice and the next cheaper one.")] = False,
    out: Out = None,
    module: Module = None,
    t1: End = None,
    seed: Seed = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Name the cheapest level and size that is near enough to the limit.

    Cheap pilots say what each level gets wrong and costs; printed are all candidates, written are a page, figures and data.
    """
    own_process()
    from ..study import suggest

    observed = _observable(observable)
    problem, _ = find(name, module, t1=t1, seed=seed)
    options = {key: problem.options[key] for key in ("t1", "drive", "seed")}
    out = out_of(problem, out)
    with folder(out), progress_bar(quiet or as_json, 6) as progress:
        found = suggest(
            problem.model,
            problem.start,
            within=within,
            observable=observed,
            verify=verify,
            progress=progress,
            **options,
        )
    _show(problem, found, out, as_json, quiet)


def _observable(name: str) -> Any:
    from ..study.limits import OBSERVABLES

    if name not in OBSERVABLES:
        raise InputError(f"Expected --observable to be one of {', '.join(OBSERVABLES)}. Received '{name}'.")
    return OBSERVABLES[name]


def _show(problem: "Problem", found: Any, out: Path | None, as_json: bool, quiet: bool) -> None:
    """Print what was found and write it."""
    from ..render import report
    from ..study import cited

    if as_json:
        print_json({"title": problem.title, **found.as_dict()})
    else:
        text = found.text(max(72, min(shutil.get_terminal_size((110, 24)).columns, 110)))
        typer.echo(f"{problem.title}\n\n{text}" if problem.title else text)
    if out is None:
        return
    command = shlex.join(["myoscale", *sys.argv[1:]])
    texts = [citation.text for citation in cited(found)]
    about: dict[str, Any] = {"title": problem.title, "source": problem.source, "units": problem.units}
    try:
        written = report(found, out, command=command, citations=texts, **about)
    except InputError as error:  # a full disk: not a mistake in what was asked for
        raise typer.Exit(fail(str(error), 1)) from None
    if not (quiet or as_json):
        typer.echo("\nwrote " + "\n      ".join(map(str, written)))
