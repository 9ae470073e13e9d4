"""Panels of one run: motion, ledger of energies, force of the bridges, their population at one time; how many are attached, ATP;
what single bridges pull, and how well their constraints are kept."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..types import Array
from .axes import dress, energies, over_time
from .behind import behind
from .fan import Fan, fan, fan_axis, name_peak
from .labels import labels
from .population import population, same_scale
from .residuals import THIN, residuals
from .styles import BLACK, COLOURS, GREY, Style

SIZE = (12.0, 8.0)  # inches
SIZE_CYCLING = SIZE_TIED = (16.0, 8.0)
_ORDER = {"cycling": (0, 5, 1, 3, 2, 4), "tied": (0, 4, 1, 3, 2, 5)}  # of the axes that are returned


def run(
    fig: Figure,
    ts: Array,
    y: Array,
    entries: Mapping[str, Array],
    total: Array,
    force: Array,
    one: Mapping[str, Any],
    where: str = "",
    when: str = "",
    cycling: Mapping[str, Any] | None = None,
    tied: Mapping[str, Any] | None = None,
) -> list[Axes]:
    """Draw a run into an empty figure.

    **Arguments:** `ts` (T,); `y` (T, ny); `entries` of the ledger and their `total`, each (T,); `force` (T, nq); `one`, the
    population as keywords of `population`; `where` and `when` it is, for the headings; `cycling`, of bridges that attach and
    detach: `attached` and `atp` (T,), and `behind`, what `behind` takes from x on; `tied`, of bridges with multipliers: `fan`, what they
    pull one by one, `names` of those that it chose, `position`, `velocity` (T,) and `rounding`, what is left of their constraints.

    **Returns:** the axes: motion, energy, force, population; then share attached and ATP, of bridges that attach and detach, or
    fan and residuals, of those with multipliers.
    """
    names = labels()
    fig.set_layout_engine("constrained", w_pad=0.12, h_pad=0.12)
    kind = "tied" if tied is not None else "cycling" if cycling is not None else ""
    axes = list(fig.subplots(2, 3 if kind else 2).flat)
    axes = [axes[k] for k in _ORDER.get(kind, range(4))]
    line = {"color": BLACK, "linewidth": 1.8}
    over_time(axes[0], ts, y, "y", **line)
    dress(axes[0], "Motion of the tissue", names["time"], names["y"])
    energies(axes[1], ts, entries, total)
    dress(axes[1], "Energy", names["time"], names["energy"])
    over_time(axes[2], ts, force, "f", **line)
    dress(axes[2], f"Force of the bridges on the tissue{where}", names["time"], names["force"])
    population(axes[3], Style(COLOURS[0], "-", 1.8, 3), cloud=True, **one)
    nx = len(np.asarray(one["mean"]))
    of = ("x", "density") if nx == 1 else ("x1", "x2")
    dress(
        axes[3], f"Bridges{where}, {when}" + ("" if nx == 1 else ", mean ± 1 and 2 std"), *(names[name] for name in of)
    )
    same_scale(axes[3:4], flat=nx == 1)
    if tied is not None:
        _tied(axes[4:], ts, tied, names | ({"pull": names["pull_size"]} if force.shape[1] > 1 else {}), where)
    if cycling is None:
        return axes
    axes[3].set_ylabel(names["attached_density"])
    second = behind(axes[3], *cycling["behind"], names["rates"])
    axes[3].set_xlim(second.get_xlim())
    second.legend(loc="upper left", frameon=False, fontsize=9.5, labelcolor=GREY)
    for axis, key, heading in ((axes[4], "attached", "Heads attached"), (axes[5], "atp", "ATP split")):
        axis.plot(ts, cycling[key], **line)
        axis.set_ylim(0.0)
        dress(axis, f"{heading}{where}", names["time"], names[key])
    return axes


def _tied(axes: list[Axes], ts: Array, tied: Mapping[str, Any], names: Mapping[str, str], where: str) -> None:
    """What single bridges pull, and what is left of their constraints and of those one derivative on."""
    found: Fan = tied["fan"]
    style = Style(COLOURS[0], "-", 1.8, 3)
    fan(axes[0], ts, found, style)
    fan_axis(axes[0], [found], style)
    name_peak(axes[0], ts, found, f"bridge {tied['names'][0]}")
    dress(axes[0], f"Force of single bridges{where}", names["time"], names["pull"])
    dress(axes[1], "How well constraints are kept", names["time"], names["residual"])
    thin = style._replace(width=THIN)
    curves = [("|g − c|", ts, tied["position"], style), ("|ġ|", ts, tied["velocity"], thin)]
    residuals(axes[1], curves, tied["rounding"])
