"""A study as the plain data that the page draws: curves over time, one entry a level.

    levels        label, colours, dashes, how far it came
    t, y, force   what every level computed, at no more than `_CURVE` saved times
    ledger        energies, and what they leave unexplained relative to the greatest of them
    cycling       of bridges that attach and detach: share attached, ATP, stiffness
    fan           of levels that carry multipliers: what bridges pull one by one, as bands between quantiles and a few of them
    residual      of levels that follow bridges: |g − c|, and |ġ| of those that carry multipliers
    distance      |y − y_ref|, or of the bridges' force where they cycle;  one_way: the reference without the bridges' mass

Populations and the mechanical picture are in modules of their own. Curves are thinned by leaving out saved times, never smoothed.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from ... import draw
from ...books import Energy
from ...population import Tied
from ...solution import Solution
from ...study import Study
from ...types import Array
from .numbers import even, plain
from .picture import picture
from .populations import POINTS, populations

_CURVE = 501  # times of a curve
_FRAMES = 61  # times of populations
_DARK = {draw.BLACK: "#ffffff", "#0072B2": "#3d9be0", "#009E73": "#14b88a", "#D55E00": "#f0763b"}  # on a dark ground
_TERMS = {
    "kinetic_tissue": "motion of the tissue",
    "kinetic_bridges": "motion of the bridges",
    "passive": "passive tissue",
    "bridges": "springs of the bridges",
    "pair": "pairs of bridges",
    "load": "work of the load",
    "damping": "work of the damping",
    "cycling": "brought by cycling",
    "noise": "work of the noise",
}
_WORKS = ("load", "damping", "cycling", "noise")
_NOTHING = 1e-17  # distances below are not shown


def data(study: Study) -> dict[str, Any]:
    """Everything that is drawn."""
    runs = study.solutions
    first = next(iter(runs.values()))
    ts = np.asarray(max((run.ts for run in runs.values()), key=len))
    kept, frames = even(len(ts), _CURVE), even(len(ts), _FRAMES)
    coordinates, components = (draw.first_middle_last(n) for n in (first.y.shape[1], first.force.shape[2]))
    points = even(first.force.shape[1], POINTS).tolist()
    apart = "errors_force" if study.cycles else "errors_y"
    over_time = lambda run, values: plain(np.moveaxis(np.asarray(values)[kept[kept < len(run.ts)]], 0, -1))
    return {
        "t": plain(ts[kept]),
        "frames": plain(ts[frames]),
        "reference": study.reference,
        "labels": study.labels | ({"distance": "|Δ force| / greatest force"} if study.cycles else {}),
        "levels": levels_of(study),
        "coordinates": _names("y", coordinates, first.y.shape[1]),
        "components": _names("f", components, first.force.shape[2]),
        "points": [p + 1 for p in points],
        "count": first.force.shape[1],
        "y": {label: over_time(run, run.y[:, coordinates]) for label, run in runs.items()},
        "force": {label: over_time(run, run.force[:, points][:, :, components]) for label, run in runs.items()},
        "ledger": {label: ledger(run, over_time) for label, run in runs.items()},
        "distance": {
            row.label: plain(_visible(getattr(row, apart))[kept[kept < len(getattr(row, apart))]])
            for row in study.rows
            if row.label != study.reference and row.label in runs and len(getattr(row, apart))
        },
        "cycling": {label: _cycling(run, points, over_time) for label, run in runs.items()} if study.cycles else None,
        "fan": _fans(runs, points, over_time),
        "residual": _residuals(runs, over_time),
        "one_way": _one_way(study, coordinates, kept),
        "population": populations(runs, ts[frames], points),
        "picture": picture(study, ts[frames]),
    }


def levels_of(study: Study) -> list[dict[str, Any]]:
    """How each level is drawn."""
    styles = draw.styles(study.solutions, study.reference)
    rows = {row.label: row for row in study.rows}
    return [
        {
            "label": label,
            "light": style.colour,
            "dark": _DARK.get(style.colour, style.colour),
            "dash": [] if label == study.reference else list(style.dashes[1]),
            "width": 3.5 if label == study.reference else 2,
            "reference": label == study.reference,
            "stopped": plain(np.asarray(rows[label].reached)) if rows[label].message else None,
        }
        for label, style in styles.items()
    ]


def _names(letter: str, shown: list[int], count: int) -> list[str]:
    return [letter] if count == 1 else [f"{letter}<sub>{k + 1}</sub>" for k in shown]


def ledger(run: Solution, over_time: Any) -> dict[str, Any]:
    """Energies that are there, in plain words, and the relative balance."""
    entries = {f.name: np.asarray(getattr(run.energy, f.name)) for f in dataclasses.fields(Energy)}
    total, scale = np.asarray(run.energy.total), max(float(np.max(np.abs(e))) for e in entries.values())
    scale = max(scale, float(np.max(np.abs(total)))) or 1.0
    held = {name: values for name, values in entries.items() if np.any(values)}
    stored = [name for name in held if name not in _WORKS]
    return {
        "terms": [{"name": _TERMS[name], "values": over_time(run, held[name])} for name in stored],
        "works": [{"name": _TERMS[name], "values": over_time(run, held[name])} for name in held if name not in stored],
        "stacked": bool(all(np.min(held[name]) >= -1e-9 * scale for name in stored)),
        "total": over_time(run, total),
        "balance": over_time(run, _visible(np.abs(np.asarray(run.energy.balance)) / scale)),
    }


def _cycling(run: Solution, points: list[int], over_time: Any) -> dict[str, Any]:
    """What there is to see of cycling over time, at each point that is shown."""
    assert run.cycling is not None
    stiffness = np.asarray(run.stiffness)[:, :, 0, 0]
    series = {"attached": run.cycling.attached, "atp": run.atp_drawn(), "stiffness": stiffness}
    return {name: over_time(run, np.asarray(values)[:, points]) for name, values in series.items()}


def _fans(runs: Mapping[str, Solution], points: list[int], over_time: Any) -> dict[str, Any] | None:
    """Bands and single bridges of each level with multipliers at each point, and one axis for all; None without such levels."""
    tied = {label: run for label, run in runs.items() if isinstance(run.representation, Tied)}
    if not tied:
        return None
    levels, every = {}, []
    for label, run in tied.items():
        levels[label] = []
        for p in points:
            values, w, numbers = run.pulls_drawn(p)
            every.append(one := draw.spread(values, w))
            single = over_time(run, one.lines)
            bridges = [{"bridge": int(numbers[k]), "values": v} for k, v in zip(one.chosen, single, strict=True)]
            levels[label].append({"bands": over_time(run, one.bands.T), "bridges": bridges})
    width = draw.linear_width(every)
    low, high = min(float(one.bands[0].min()) for one in every), max(float(one.bands[-1].max()) for one in every)
    named = None if width is None else draw.ticks(low, high, width)
    sized = next(iter(tied.values())).force.shape[2] > 1
    return {"levels": levels, "width": width, "low": low, "high": high, "ticks": named, "sized": sized}


def _residuals(runs: Mapping[str, Solution], over_time: Any) -> dict[str, Any] | None:
    """How well each level that follows bridges keeps their constraints; where zeros are drawn; None without such levels."""
    found = {label: {"position": run.residual} for label, run in runs.items() if _follows(run)}
    for label, run in runs.items():
        if isinstance(run.representation, Tied):
            found[label]["velocity"] = run.velocity_residual
    lowest = draw.floor([values for each in found.values() for values in each.values()])
    if lowest is None:
        return None
    drawn = {label: {name: over_time(runs[label], v) for name, v in each.items()} for label, each in found.items()}
    rounding = max(run.rounding for run in runs.values())
    return {"levels": drawn, "floor": lowest, "rounding": rounding or None}


def _follows(run: Solution) -> bool:
    """Whether it has bridges that stay on their constraint."""
    return run.particles is not None and run.cycling is None


def _one_way(study: Study, coordinates: list[int], kept: Array) -> dict[str, Any] | None:
    if (effect := study.one_way) is None or (study.cycles and not effect.effect_y):  # a motion that is given
        return None
    here = kept[kept < len(effect.solution.ts)]
    both = kept[kept < len(effect.differences_y)]
    return {
        "y": plain(np.asarray(effect.solution.y)[here][:, coordinates].T),
        "distance": plain(_visible(effect.differences_y)[both]),
    }


def _visible(values: Array) -> Array:
    """NaN where a logarithmic axis has no place."""
    values = np.asarray(values)
    return np.where(values > _NOTHING, values, np.nan)
