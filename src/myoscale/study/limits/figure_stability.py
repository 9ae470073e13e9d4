"""The figure of a study of stability: how two runs part, and how fast the tangent flow says they do."""

from collections.abc import Callable
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from ... import draw
from .figure import new

_MOST = 6.0  # Lyapunov rates are drawn one by one up to so many
_ROOM, _DEPTH = 1e3, 0.1  # around what is measured: how far up a bound is shown, how far down anything


def growth(found: Any, title: str = "", make: Callable[..., Figure] | None = None) -> Figure:
    """D(t) measured, by the tangent flow, and its bound; the rates over time; with a coarser level its error and bound."""
    panels = 2 if found.coarser is None else 3
    fig = (make or new)(figsize=(14.0, 4.9))
    grid = fig.add_gridspec(1, panels, left=0.065, right=0.975, bottom=0.14, top=0.76, wspace=0.27)
    _distance(fig.add_subplot(grid[0]), found)
    _rates(fig.add_subplot(grid[1]), found)
    if found.coarser is not None:
        _coarse(fig.add_subplot(grid[2]), found)
    fig.text(0.065, 0.94, title or "Stability", fontsize=17, weight="bold", va="center")
    fig.text(0.065, 0.87, found.headline, fontsize=11.5, color=draw.GREY, va="center")
    return fig


def _distance(axes: Axes, found: Any) -> None:
    _logarithmic(axes, found.ts, found.measured, found.log_bound)
    axes.plot(
        found.ts, found.predicted, color=draw.COLOURS[1], linewidth=1.6, zorder=2, label="tangent flow (computed)"
    )
    axes.legend(frameon=False, fontsize=10, loc="best")
    draw.dress(axes, "(a)  Distance of two starts", "t", "‖Δy‖ + ‖Δẏ‖ + W₁")


def _coarse(axes: Axes, found: Any) -> None:
    one = found.coarser
    _logarithmic(axes, found.ts, one.measured, one.log_bound(found.ts))
    axes.legend(frameon=False, fontsize=10, loc="best")
    draw.dress(axes, f"(c)  Error of {one.label}", "t", "‖Δy‖ + ‖Δẏ‖ + W₁")


def _logarithmic(axes: Axes, ts: np.ndarray, measured: np.ndarray, log_bound: np.ndarray) -> None:
    """What was measured and its bound, which is cut off where it has left the picture."""
    known = np.isfinite(measured) & (np.nan_to_num(measured) > 0)
    axes.semilogy(ts[known], measured[known], "o", color=draw.COLOURS[0], markersize=3.5, zorder=3, label="measured")
    highest = float(np.max(measured[known], initial=1e-300)) * _ROOM
    log = np.linspace(0, 1, 400) * (ts[-1] - ts[0]) + ts[0]
    bound = np.interp(log, ts, log_bound)
    seen = bound < np.log(highest)
    axes.semilogy(log[seen], np.exp(bound[seen]), color="black", linestyle=(0, (6, 3)), linewidth=1.6, label="bound")
    axes.set_xlim(ts[0], ts[-1])
    low, high = axes.get_ylim()
    axes.set_ylim(max(low, float(np.min(measured[known][1:], initial=highest)) * _DEPTH), high)
    axes.yaxis.set_major_locator(LogLocator(numticks=8))
    axes.yaxis.set_minor_formatter(NullFormatter())


def _rates(axes: Axes, found: Any) -> None:
    rates, ts = found.rates, found.ts
    later = ts >= 0.02 * ts[-1]
    count = rates.shape[1]
    shown = range(count) if count <= _MOST else (0, count // 2, count - 1)
    for k in shown:
        axes.plot(ts[later], rates[later, k], color=draw.PALE if k else draw.GREY, linewidth=1.2)
    axes.plot(ts[later], found.greatest[later] / ts[later], color=draw.COLOURS[1], linewidth=2.0, label="log σ₁(t)/t")
    axes.plot([], [], color=draw.GREY, linewidth=1.2, label="λ(t) by QR, the others pale")
    axes.axhline(0, color=draw.GREY, linewidth=0.7, zorder=0)
    axes.set_xlim(ts[0], ts[-1])
    axes.legend(frameon=False, fontsize=10, loc="best")
    draw.dress(axes, "(b)  Lyapunov rates (computed)", "t", "rate")
