"""What commands of the shell have in common: their arguments and options, and the problem that they name."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import InputError, nearest

if TYPE_CHECKING:
    from ..zoo import Problem

# Of the zoo, which would wait for JAX.
PROBLEMS = (
    *("linear", "linear-matrix", "onion", "singular", "bent", "element", "element-polar", "chain", "lateral"),
    *("huxley", "huxley-chain", "power-stroke", "block-isometric", "fusiform-twitch", "element-shear"),
)


def built_in(incomplete: str) -> list[str]:
    """Completion of a built-in problem."""
    return [name for name in PROBLEMS if name.startswith(incomplete)]


def names(incomplete: str) -> list[str]:
    """Completion of a problem: built-in names and scenario files."""
    return [*built_in(incomplete), *(str(p) for p in sorted(Path().glob("*.toml")) if p.name.startswith(incomplete))]


def levels(incomplete: str) -> list[str]:
    """Completion of a level, with a size to begin with."""
    return [
        s
        for s in ("reduced:1000", "characteristics:64", "kinetic:200", "moments", "constrained:100")
        if s.startswith(incomplete)
    ]


Name = Annotated[
    str,
    typer.Argument(
        metavar="NAME|FILE", help="A built-in problem ('myoscale list') or a scenario file.", autocompletion=names
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


def find(name: str, module: Path | None, **changes: Any) -> tuple["Problem", tuple[type, ...]]:
    """A built-in problem or a scenario file, with what the command line says otherwise; and the user's classes."""
    import dataclasses

    from .. import scenario, zoo

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


def out_of(problem: "Problem", out: Path | None) -> Path | None:
    """Where results go: what the command line says, or the scenario."""
    return out or (Path(problem.output) if problem.output else None)
