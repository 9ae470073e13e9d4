"""The figure of a run in space: the tissue at three times, what holds it, how many heads are attached, where the energy is."""

import dataclasses
from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ... import draw
from ...solution import Solution
from ...study.limits.figure import new
from ...tissue import Clamp, ContinuumTissue, Motion
from ...types import Array
from .draw import add_axes, colour_bar, paint, scene
from .fields import continuum, fields, in_cells
from .shown import limits, scalar, title

_VIEW = (22.0, -62.0)
_COMPONENTS = "xyz"


def tissue_figure(
    solution: Solution, heading: str = "", units: Mapping[str, str] | None = None, field: str = "stretch"
) -> Figure:
    """Draw a run in space.

    **Arguments:** `solution` of a `ContinuumTissue`; `heading`, above everything; `units`, the base units for labels; `field`, which one colours the tissue.

    **Returns:** a matplotlib `Figure` without global state.

    **Raises:** `InputError` for a solution that is not of a continuum, or an unknown field.
    """
    tissue, names = continuum(solution), draw.labels(units)
    y = np.asarray(solution.y).reshape(len(solution.ts), -1, tissue.space.dim)
    furthest = int(np.argmax(np.max(np.linalg.norm(y - y[0], axis=2), axis=1)))
    shown = sorted({0, furthest, len(y) - 1})
    found = [in_cells(tissue, fields(solution, float(solution.ts[i]))) for i in shown]
    values = [scalar(one, field) for one in found]
    ends, made = limits(field, values), scene(tissue, y[shown], _VIEW)
    fig = new(figsize=(14.0, 8.6))
    rows = fig.add_gridspec(2, 1, left=0.03, right=0.975, bottom=0.075, top=0.9, hspace=0.3, height_ratios=(1.1, 1.0))
    above = rows[0].subgridspec(1, len(shown), wspace=0.02)
    for k, one in enumerate(found):
        axes = add_axes(fig, above[k], made)
        paint(axes, made, one.displacement, values[k], field, ends)
        place = above[k].get_position(fig)
        fig.text(place.x0 + 0.035, place.y1, f"{'(a)  ' if k == 0 else ''}t = {one.t:.4g}", fontsize=12.5, va="center")
    colour_bar(fig, fig.add_axes((0.36, 0.5, 0.28, 0.018)), field, title(field, units), ends)
    below = rows[1].subgridspec(1, 3 if solution.cycling is not None else 2, wspace=0.26)
    below_left = 0.035  # names of axes need more room than pictures
    panels = [fig.add_subplot(part) for part in below]
    for axes in panels:
        place = axes.get_position()
        axes.set_position((place.x0 + below_left, place.y0, place.width - below_left, place.height - 0.06))
    _reactions(panels[0], solution, names)
    if solution.cycling is not None:
        _attached(panels[1], solution, tissue, names)
    entries = {f.name.replace("_", " "): getattr(solution.energy, f.name) for f in dataclasses.fields(solution.energy)}
    draw.energies(panels[-1], solution.ts, entries, solution.energy.total)
    draw.dress(panels[-1], f"({'d' if solution.cycling is not None else 'c'})  Energy", names["time"], names["energy"])
    fig.text(0.062, 0.965, heading or "A run in space", fontsize=17, weight="bold", va="center")
    return fig


def reactions(solution: Solution) -> dict[str, Array]:
    """What each end that is held does to the tissue, (T,), by boundary and direction; what stays below a thousandth of the greatest is left out."""
    tissue = continuum(solution)
    held = dict.fromkeys(one.boundary for one in tissue.conditions if isinstance(one, Clamp | Motion))
    at_nodes = np.asarray(solution.reaction).reshape(len(solution.ts), -1, tissue.space.dim)
    of = lambda name, c: at_nodes[:, np.asarray(tissue.space.facets[name].on), c].sum(axis=1)
    found = {f"{name}, {_COMPONENTS[c]}": of(name, c) for name in held for c in range(tissue.space.dim)}
    most = max((float(np.abs(values).max()) for values in found.values()), default=0.0)
    return {name: values for name, values in found.items() if np.abs(values).max() > 1e-3 * most}


def _reactions(axes: Axes, solution: Solution, names: Mapping[str, str]) -> None:
    found = reactions(solution)
    for k, (name, values) in enumerate(found.items()):
        colour, dashes = draw.COLOURS[k % len(draw.COLOURS)], ("-", *((0, d) for d in draw.DASHES))[k % 7]
        axes.plot(solution.ts, values, color=colour, linestyle=dashes, linewidth=1.8, label=name)
    if found:
        axes.legend(frameon=False, fontsize=10, loc="best")
    else:
        draw.remark(axes, "nothing holds it")
    axes.axhline(0, color=draw.PALE, linewidth=1, zorder=0)
    draw.dress(axes, "(b)  What holds the tissue", names["time"], names["force"])


def _attached(axes: Axes, solution: Solution, tissue: ContinuumTissue, names: Mapping[str, str]) -> None:
    """Mean over all heads, and from the least to the greatest of all points."""
    assert solution.cycling is not None
    attached, heads = np.asarray(solution.cycling.attached), np.asarray(tissue.heads)
    colour = draw.COLOURS[0]
    axes.fill_between(
        solution.ts,
        attached.min(axis=1),
        attached.max(axis=1),
        color=colour,
        alpha=0.18,
        linewidth=0,
        label="all points",
    )
    axes.plot(solution.ts, attached @ heads / heads.sum(), color=colour, linewidth=2, label="mean of the heads")
    axes.set_ylim(0, None)
    axes.legend(frameon=False, fontsize=10, loc="best")
    draw.dress(axes, "(c)  Heads attached", names["time"], names["attached"])
