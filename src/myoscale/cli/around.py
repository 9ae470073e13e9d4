"""What surrounds a command: settings of its process, the folder for its results, progress, JSON."""

import contextlib
import json
import logging
import os
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from ..errors import InputError

if TYPE_CHECKING:
    from ..run import Progress


def print_json(value: Any) -> None:
    """A value as JSON on standard output."""
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
def folder(out: Path | None) -> Iterator[None]:
    """Find out that nothing can be written before anything is computed; leave no empty folder behind a mistake."""
    if out is None:
        yield
        return
    from .. import store
    from ..render import FILES

    made = [place for place in (out, *out.parents) if not place.exists()]
    try:
        for file in FILES:
            store.writable(out / file)
            if (out / file).is_dir():
                raise InputError(f"Cannot write '{out / file}': it is a folder. Choose another --out.")
        yield
    except InputError:
        for place in made:
            with contextlib.suppress(OSError):
                place.rmdir()
        raise


@contextlib.contextmanager
def progress_bar(quiet: bool, count: int) -> Iterator["Progress | None"]:
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


def own_process() -> None:
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
