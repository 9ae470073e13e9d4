"""The figure of a suggestion: error against cost, and how errors fell in the pilots."""

from collections.abc import Callable
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ... import draw
from .figure import new

_MARKS = "osD^vPX"
_LEAST = 1e-16  # where an error of zero is drawn


def suggestion(found: Any, title: str = "", make: Callable[..., Figure] | None = None) -> Figure:
    """Candidates and the choice; pilots."""
    fig = (make or new)(figsize=(14.0, 5.4))
    grid = fig.add_gridspec(1, 2, left=0.07, right=0.975, bottom=0.13, top=0.79, wspace=0.22)
    _candidates(fig.add_subplot(grid[0]), found)
    _pilots(fig.add_subplot(grid[1]), found)
    fig.text(0.07, 0.945, title or "The cheapest level", fontsize=17, weight="bold", va="center")
    choice = "none of these levels" if found.choice is None else found.choice.level.label
    about = f"{found.observable} within {found.within:g} of the limit of many bridges: {choice}"
    fig.text(0.07, 0.88, about, fontsize=11.5, color=draw.GREY, va="center")
    return fig


def _candidates(axes: Axes, found: Any) -> None:
    axes.axhspan(_LEAST, found.within, color=draw.PALE, alpha=0.4, linewidth=0)
    for k, one in enumerate(found.candidates):
        if not (np.isfinite(one.cost) and np.isfinite(one.error)):
            continue
        at, colour = max(one.error, _LEAST), draw.COLOURS[k % len(draw.COLOURS)]
        axes.loglog(one.cost, at, _MARKS[k % len(_MARKS)], color=colour, markersize=8, label=one.level.label)
        if one is found.choice:
            axes.loglog(one.cost, at, "o", markersize=17, fillstyle="none", color="black", markeredgewidth=1.6)
    low = min((max(one.error, _LEAST) for one in found.candidates), default=found.within)
    axes.set_ylim(bottom=min(low, found.within) / 30)
    axes.legend(frameon=False, fontsize=9.5, loc="best")
    draw.dress(axes, "(a)  Error and cost; the choice is ringed", "s a run, without compiling", "distance to the limit")


def _pilots(axes: Axes, found: Any) -> None:
    for k, (name, tried) in enumerate(found.tried.items()):
        colour = draw.COLOURS[k % len(draw.COLOURS)]
        axes.loglog(tried.sizes, np.maximum(tried.errors, _LEAST), _MARKS[k % len(_MARKS)], color=colour, label=name)
        axes.loglog(tried.sizes, np.maximum(tried.envelope, _LEAST), color=colour, linewidth=1.2)
    axes.axhline(found.within, color=draw.GREY, linewidth=1.2, linestyle="--", label="asked for")
    axes.legend(frameon=False, fontsize=10, loc="best")
    draw.dress(axes, "(b)  Pilots, and the greatest error of larger sizes", "size", "distance to the limit")
