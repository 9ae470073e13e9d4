"""The shell: `myoscale list`, `myoscale compare NAME`.

A user's mistake is one sentence on standard error and exit code 2. JAX is imported when a command needs it, so that help is there
at once.
"""

import contextlib
import logging
import os
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer.core import TyperGroup

from .errors import InputError, MyoscaleError

if TYPE_CHECKING:
    from .run import Progress
    from .study import Study

_INTERRUPTED = 130  # what shells report after Ctrl-C
_SPEC = "reduced|characteristics|kinetic|moments[:SIZE][,field=value]"
_FILES = ("study.nc", "figure.png", "figure.svg", "table.txt")


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
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Multi-scale muscle models: one cross-bridge model, run at every scale.",
)


@app.command("list")
def list_problems() -> None:
    """Name the built-in problems."""
    _own_process()
    from . import zoo
    from .render import listing

    typer.echo(listing((name, zoo.problem(name).title) for name in zoo.names()))


@app.command("compare")
def compare_levels(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A problem; 'myoscale list' names them.")],
    more: Annotated[list[str] | None, typer.Argument(metavar="SPEC", help="Levels, as for --levels.")] = None,
    levels: Annotated[
        list[str] | None,
        typer.Option(
            "--levels", metavar="SPEC", help=f"{_SPEC}; again, or several in quotes. Default: the problem's own."
        ),
    ] = None,
    reference: Annotated[str | None, typer.Option(metavar="SPEC", help="What errors are measured against.")] = None,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help=f"Where to write {', '.join(_FILES)}.")] = None,
    t1: Annotated[float | None, typer.Option(help="End of the run. Default: the problem's own.")] = None,
    tolerance: Annotated[float, typer.Option(help="Aimed at in y and its velocity.")] = 1e-8,
    seed: Annotated[int, typer.Option(help="Fixes every random number.")] = 0,
    quiet: Annotated[bool, typer.Option("--quiet", help="Only the table.")] = False,
) -> None:
    """Run a problem at several levels: errors, energy drift and cost, one row a level."""
    _own_process()
    from . import zoo
    from .levels.spec import parse_level, parse_levels
    from .study import compare

    problem = zoo.problem(name)
    chosen = parse_levels([*(levels or []), *(more or [])]) or list(problem.levels)
    against = parse_level(reference) if reference else None
    with _folder(out), _progress(quiet, len(chosen)) as progress:
        study = compare(
            problem.model,
            problem.start,
            t1=problem.t1 if t1 is None else t1,
            levels=chosen,
            reference=against,
            tolerance=tolerance,
            seed=seed,
            progress=progress,
        )
    typer.echo(f"{problem.title}\n\n{study}")
    if out is not None and study.solutions:
        written = _write(study, out, problem.title)
        if not quiet:
            typer.echo("\nwrote " + "\n      ".join(map(str, written)))
    if study.interrupted:
        raise typer.Exit(_INTERRUPTED)
    if all(row.message for row in study.rows):
        raise typer.Exit(1)


def _write(study: "Study", out: Path, title: str) -> list[Path]:
    """Everything about a study, into a folder."""
    from .render import save_figure, save_table

    return [study.save(out / "study.nc"), *save_figure(study, out, title), save_table(study, out / "table.txt", title)]


@contextlib.contextmanager
def _folder(out: Path | None) -> Iterator[None]:
    """Find out that nothing can be written before anything is computed; leave no empty folder behind a mistake."""
    if out is None:
        yield
        return
    from . import store

    made = [folder for folder in (out, *out.parents) if not folder.exists()]
    try:
        for file in _FILES:
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
    """A bar on standard error, or one line where that is a file."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    if quiet:
        yield None
        return
    if not console.is_terminal:
        said: list[str] = []

        def once(word: str, fraction: float) -> None:
            if not said:
                said.append(word)
                typer.echo(f"compiling and running {count} level{'s' * (count > 1)} against a reference ...", err=True)

        yield once
        return
    columns = SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn()
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("starting", total=1.0)
        yield lambda word, fraction: bar.update(task, description=word, completed=fraction)


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
