"""Everything about a study in one folder: the page, the figure, the table, the data."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

from .. import store
from ..errors import InputError
from ..solution import Solution
from ..study import Limit, Study, alone
from ..tissue import ContinuumTissue
from .figure import save_figure, write_figure
from .table import save_table
from .tissue import save_series, tissue_figure

FILES = ("study.nc", "solution.nc", "table.txt", "figure.png", "figure.svg", "figure.pdf", "page.html")


def report(
    study: Study | Solution | Limit,
    folder: str | Path,
    *,
    title: str = "",
    source: str = "",
    command: str = "",
    citations: Sequence[str] = (),
    units: Mapping[str, str] | None = None,
) -> list[Path]:
    """Write what a study found into a folder, each file whole or not at all.

    **Arguments:** `study`, a single `Solution`, or what a study of limits found; `folder`, made if need be; `title`, above everything; `source`, where the model
    was published; `command`, what to type to run it again; `citations`, what to cite;
    `units`, the base units of all numbers for labels, "scaled" if left out.

    Of a single run on a `ContinuumTissue` the page shows the deforming tissue, and a folder `series` holds what `save_series` writes.

    **Returns:** the paths: `page.html` (one self-contained interactive page), `figure` as PNG, SVG and PDF, `table.txt` and
    the data: `study.nc`, which holds numbers and scenarios, or `solution.nc`, which `load` reads back.

    **Raises:** `InputError` if they cannot be written there, or there are no results.
    """
    if isinstance(study, Limit):
        return _limits(study, Path(folder), title, source, command, citations, units)
    from .page import page  # here, because it brings a megabyte of JavaScript

    study = alone(study) if isinstance(study, Solution) else study
    study = dataclasses.replace(study, units=units or study.units)
    if not study.solutions:
        raise InputError("Expected a study with results. Received one that stopped before any level had saved a time.")
    if study.alone and isinstance(study.solutions[study.reference].scenario.model.tissue, ContinuumTissue):
        return _tissue(study, Path(folder), title, source, command, citations)
    folder, html = Path(folder), page(study, title, source, command, citations)
    run = study.solutions[study.reference] if study.alone else None
    return [  # what cannot be made again at once comes first: a disk may be nearly full
        study.save(folder / "study.nc") if run is None else run.save(folder / "solution.nc"),
        save_table(study, folder / "table.txt", title),
        *save_figure(study, folder, title),
        store.put(folder / "page.html", html.encode()),
    ]


def _tissue(study: Study, folder: Path, title: str, source: str, command: str, citations: Sequence[str]) -> list[Path]:
    from .page.tissue import tissue_page

    run = study.solutions[study.reference]
    paths = [
        run.save(folder / "solution.nc"),
        save_table(study, folder / "table.txt", title),
        *write_figure(tissue_figure(run, title, study.units), folder),
    ]
    html = tissue_page(study, title, source, command, citations)
    return [*paths, store.put(folder / "page.html", html.encode()), *save_series(run, folder / "series")]


def _limits(
    found: Limit,
    folder: Path,
    title: str,
    source: str,
    command: str,
    citations: Sequence[str],
    units: Mapping[str, str] | None,
) -> list[Path]:
    from .page.limits import limits_page

    paths = [
        found.save(folder / "study.nc"),
        save_table(found, folder / "table.txt", title),
        *save_figure(found, folder, title),
    ]
    svg = (folder / "figure.svg").read_bytes()
    html = limits_page(found, svg, title, source, command, citations, units)
    return [*paths, store.put(folder / "page.html", html.encode())]
