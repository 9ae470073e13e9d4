"""A study as plain text, at most 110 columns wide, or as wide as a terminal: `print(study)`. Below `result` and hence without its types."""

import math
import textwrap
from collections.abc import Callable
from typing import Any

import numpy as np

from .measures import CLOUD

WIDTH = 110
_NARROW = 72  # no terminal is taken to be narrower
_SPARED = ("MB", "compile s", "steps", "residual")  # what a narrow terminal does not show, in this order
_LABEL = 32
_NUMBER = lambda value, form: "-" if math.isnan(value) else format(value, form)
COLUMNS: dict[str, tuple[int, Callable[[Any], str]]] = {
    "max|Δy|": (9, lambda row: _NUMBER(row.error_y, ".1e")),
    "max|Δẏ|": (9, lambda row: _NUMBER(row.error_v, ".1e")),
    "max|Δf|": (9, lambda row: _NUMBER(row.error_force, ".1e")),
    "max|Δa|": (9, lambda row: _NUMBER(row.error_attached, ".1e")),
    "max W1": (9, lambda row: _NUMBER(row.wasserstein, ".1e")),
    "drift": (9, lambda row: _NUMBER(row.drift, ".1e")),
    "residual": (9, lambda row: _NUMBER(row.residual, ".1e")),
    "steps": (7, lambda row: str(row.steps) if row.steps else "-"),
    "run s": (8, lambda row: _NUMBER(row.wall, ".2f")),
    "compile s": (10, lambda row: _NUMBER(row.compile, ".1f")),
    "MB": (8, lambda row: f"{row.memory / 1e6:.2f}" if row.memory else "-"),
}


def columns_of(study: Any) -> dict[str, tuple[int, Callable[[Any], str]]]:
    """The columns in which a study has something to say.

    Of bridges that attach and detach, force and share attached instead of ẏ and the constraint's residual, and y only where the motion is not
    the same for all by decree.
    """
    left_out = {"max|Δf|", "max|Δa|"}
    if study.cycles:
        given = not any(np.any(row.errors_y) for row in study.rows)
        left_out = {"residual", "max|Δẏ|", *(["max|Δy|"] if given else [])}
    if len(study.rows) < 2:
        left_out |= {name for name in COLUMNS if name.startswith("max")}
    return {name: column for name, column in COLUMNS.items() if name not in left_out}


def _fitting(study: Any, width: int) -> tuple[int, dict[str, tuple[int, Callable[[Any], str]]]]:
    """How wide the labels may be, and the columns for which there is room."""
    columns, label = columns_of(study), _LABEL
    room = lambda: width - sum(column for column, _ in columns.values())
    if room() < label:
        label = min(_LABEL, max([len(row.label) for row in study.rows], default=0) + 5)  # its marks
    for name in _SPARED:
        if room() < label:
            columns.pop(name, None)
    return max(min(label, room()), 12), columns


def study_text(study: Any, width: int = WIDTH) -> str:
    """One row a level, then what the numbers mean, what stopped, and the effect of m; costs are left out where `width` is too small."""
    compared = len(study.rows) > 1
    width = min(max(width, _NARROW), WIDTH)
    wide, columns = _fitting(study, width)
    header = "level".ljust(wide) + "".join(name.rjust(size) for name, (size, _) in columns.items())
    lines = [header, "-" * len(header)]
    for row in study.rows:
        mark = (
            (" *" if compared and row.label == study.reference else "")
            + (" !" if row.message else "")
            + (" ?" if row.broken else "")
        )
        cells = "".join(cell(row).rjust(size) for size, cell in columns.values())
        lines.append((_shortened(row.label, wide - len(mark)) + mark).ljust(wide) + cells)
    said = {"max|Δy|": "Δy", "max|Δẏ|": "Δẏ", "max|Δf|": "Δf", "max|Δa|": "Δa"}
    named = ", ".join(word for name, word in said.items() if name in columns)
    what = (
        " (f: of the bridges' force, as a fraction of its greatest; a: of the share attached)" if study.cycles else ""
    )
    whom = "of what is attached to that of its own" if study.cycles else "to its population"
    apart = f"* reference. {named}: distance to it{what}, greatest over time; W1: {whom} at {_listed(study.times)}{_clouds(study)}; "
    residual = "; residual: of the constraint" if "residual" in columns else ""
    notes = [f"{apart if compared else ''}drift: of the energy, relative{residual}."]
    notes += [f"! {row.message}" for row in study.rows if row.message]
    notes += [
        f"? {row.label} lost its energy balance (drift {_NUMBER(row.drift, '.1e')}): do not trust it."
        for row in study.rows
        if row.broken
    ]
    if study.one_way is not None:
        notes += _effect(study.one_way)
    if study.interrupted:
        notes.append("Interrupted: only what was computed until then is shown.")
    paths = {
        row.path: [other.label for other in study.rows if other.path == row.path] for row in study.rows if row.path
    }
    notes += [f"{', '.join(labels)}: {path}." for path, labels in paths.items()]
    return "\n".join([*lines, "", *(textwrap.fill(note, width, subsequent_indent="  ") for note in notes)])


def _effect(effect: Any) -> list[str]:
    percent = lambda value: f"{100 * value:.3g}% of the amplitude" if math.isfinite(value) else "of no motion"
    known = math.isfinite(effect.ledger_error)
    ledger = f"leaves the ledger off by {100 * effect.ledger_error:.2g}%" if known else "leaves no ledger to speak of"
    notes = [
        f"Without the bridges' mass in the equation (one-way, m = 0) y differs by {effect.effect_y:.3g} ({percent(effect.relative_y)}) "
        f"and ẏ by {effect.effect_v:.3g} ({percent(effect.relative_v)}); counting their kinetic energy all the same "
        f"{ledger}."
    ]
    return notes + ([f"! one-way: {effect.message}"] if effect.message else [])


def _shortened(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"


def _clouds(study: Any) -> str:
    plane = any(found and found[0][0].nx > 1 for found in study.measures.values())
    return f", between clouds of at most {CLOUD} points, whose own distance is {CLOUD}^(-1/nx) spreads" if plane else ""


def _listed(times) -> str:
    return "t = " + ", ".join(f"{t:.4g}" for t in times) if len(times) else "no time"
