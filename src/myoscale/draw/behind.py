"""Light curves on an axis of their own behind a picture, rates behind densities for instance."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from ..types import Array
from .styles import GREY

UP, DOWN = "#7FB8A4", "#E3A57C"  # pale green and orange


def behind(axes: Axes, x: Array, curves: Sequence[tuple[str, bool, Array]], top: float, name: str = "") -> Axes:
    """Draw curves (name, whether it is of the first kind, values) over x up to `top`; where one leaves the axis it is cut.

    **Returns:** the second axes.
    """
    second = axes.twinx()
    second.set_zorder(axes.get_zorder() - 1)
    axes.patch.set_visible(False)
    dashes = {True: iter(("-", "--", ":")), False: iter(("-", "--", ":"))}
    for word, first, values in curves:
        seen = np.where(np.asarray(values) <= top, values, np.nan)
        second.plot(x, seen, color=UP if first else DOWN, linewidth=1.6, linestyle=next(dashes[first], ":"), label=word)
    second.set_ylim(0.0, top)
    second.set_xlim(float(x[0]), float(x[-1]))
    second.spines[["top", "left", "bottom"]].set_visible(False)
    second.spines["right"].set_color(GREY)
    second.tick_params(labelsize=9.5, color=GREY, labelcolor=GREY)
    second.locator_params(axis="y", nbins=5)
    if name:
        second.set_ylabel(name, fontsize=10.5, color=GREY)
    return second
