"""The page of a run in space: the deforming tissue and the bridges at a point of it, in the frame that all pages share."""

from collections.abc import Sequence

import numpy as np

from ...study import Study
from ..tissue.fields import continuum
from . import render, words
from .tissue_data import tissue_data

_SCRIPTS = ("time.js", "charts.js", "populations.js", "page.js", "surface.js", "tissue.js")


def tissue_page(
    study: Study, title: str = "", source: str = "", command: str = "", citations: Sequence[str] = ()
) -> str:
    """The HTML of a study of one run on a continuum.

    **Arguments:** as `page`.
    """
    drawn = tissue_data(study)
    return render(
        "tissue.html.j2",
        study,
        drawn,
        _SCRIPTS,
        title,
        source,
        command,
        citations,
        verdict=_verdict(study),
        facts=facts(study),
    )


def _verdict(study: Study) -> str:
    run = next(iter(study.solutions.values()))
    tissue = continuum(run)
    moved = float(np.linalg.norm(np.asarray(run.y).reshape(len(run.ts), -1, tissue.space.dim), axis=2).max())
    said = f"{words.verdict(study)} The tissue moves by up to {moved:.3g}"
    if run.cycling is None:
        return f"{said}."
    return f"{said}, and up to {100 * float(np.max(run.cycling.attached)):.0f} % of the heads at a point are attached."


def facts(study: Study) -> list[tuple[str, str]]:
    """What was computed on, and what it took."""
    run = next(iter(study.solutions.values()))
    tissue, stats = continuum(run), run.stats
    cells, points = np.shape(tissue.space.dx)
    volume, shown = float(np.sum(tissue.space.dx)), lambda value: f"{value:,}".replace(",", " ")
    return [
        ("cells", f"{shown(cells)} of {tissue.element}, {points} quadrature points each"),
        (
            "nodes",
            f"{shown(tissue.space.count)}, {shown(tissue.ny)} displacements, {shown(tissue.space.pressure_count)} pressures",
        ),
        ("volume" if tissue.space.dim == 3 else "area", f"{volume:.5g} in the reference"),
        ("level", f"{run.scenario.level.label}, at {shown(cells * points)} points"),
        ("steps", f"{shown(stats.steps)}, {shown(stats.right_hand_sides)} iterations of Newton's method"),
        ("solver", stats.path),
        ("seconds", f"{stats.wall:.3g}, {stats.compile:.3g} more to compile"),
        ("saved", f"{len(run.ts)} times, of which the picture shows up to 61"),
    ]
