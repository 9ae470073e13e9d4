"""Figures of limits: one a study, each panel one question."""

from collections.abc import Callable
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter, NullLocator

from ... import draw
from ...types import Array
from .rates import LEVEL, QUANTITIES

_DPI = 150
_MOST = 40  # curves of single runs in a fan
_MARKS = "osD^"


def new(**options: Any) -> Figure:
    """An empty figure without global state."""
    fig = Figure(dpi=_DPI, facecolor="white", **options)
    FigureCanvasAgg(fig)
    return fig


def convergence(study: Any, title: str = "", make: Callable[..., Figure] | None = None) -> Figure:
    """Errors over sizes with their rates; runs of three sizes around the finer level; N Var y(t), which theory has the same for all sizes."""
    fig = (make or new)(figsize=(14.0, 8.6))
    rows = fig.add_gridspec(2, 1, left=0.065, right=0.975, bottom=0.075, top=0.87, hspace=0.4)
    above, below = rows[0].subgridspec(1, 2, wspace=0.22), rows[1].subgridspec(1, 3, wspace=0.24)
    _rates(fig.add_subplot(above[0]), study)
    _variance(fig.add_subplot(above[1]), study)
    shown = draw.first_middle_last(len(study.sizes))
    axes: list[Axes] = []
    for place, k in enumerate(shown):
        axes.append(fig.add_subplot(below[place], sharey=axes[0] if axes else None))
        _fan(axes[-1], study, k, "(c)  " if place == 0 else "")
    heading = title or "Convergence"
    fig.text(0.065, 0.965, heading, fontsize=17, weight="bold", va="center")
    samples = f", {study.samples} samples of each size" if study.samples > 1 else ""
    about = f"{study.scenario.level.name} against {study.reference.scenario.level.label}{samples}"
    fig.text(0.065, 0.925, about, fontsize=11.5, color=draw.GREY, va="center")
    return fig


def _rates(axes: Axes, study: Any) -> None:
    sizes = np.asarray(study.sizes, float)
    for k, (name, rate) in enumerate(study.rates.items()):
        colour, mark = draw.COLOURS[k], _MARKS[k]
        with np.errstate(invalid="ignore"):
            height = (
                np.sqrt(np.nanmean(study.errors[name] ** 2, axis=1))
                if np.isfinite(study.errors[name]).any()
                else sizes * np.nan
            )
        wanted = (
            ""
            if rate.expected.exponent is None
            else f", theory {'≤ ' * rate.expected.at_least}{rate.expected.exponent:.2f}"
        )
        found = (
            "too small"
            if np.isnan(rate.exponent)
            else f"{rate.exponent:.2f} ± {(rate.high - rate.low) / 2:.2f}{wanted}"
        )
        axes.loglog(sizes, height, mark, color=colour, markersize=6.5, label=f"{QUANTITIES[name]}: {found}")
        used = np.array(rate.used)
        if not np.isnan(rate.exponent):
            x = np.log(sizes[used])
            line = np.exp(np.mean(np.log(height[used])) + rate.exponent * (x - x.mean()))
            axes.loglog(sizes[used], line, color=colour, linewidth=1.4)
        elif np.isfinite(height).any():
            axes.loglog(sizes, height, color=colour, linewidth=0.8)
    axes.set_xticks(sizes, [f"{n:g}" for n in sizes])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.legend(frameon=False, fontsize=10.5, loc="best")
    draw.dress(axes, f"(a)  Errors and their rates, {100 * LEVEL:.0f} % intervals", "size", "greatest error over time")


def _variance(axes: Axes, study: Any) -> None:
    heading, ts = "(b)  Variance times size", study.ts
    if study.samples < 2 or not np.nanmax(np.nan_to_num(study.variance), initial=0.0) > 0:
        draw.dress(axes, "(b)  Error of y over time", "t", "distance to the finer level")
        shown = draw.first_middle_last(len(study.sizes))
        styles = draw.styles([str(study.sizes[k]) for k in shown])
        apart = np.linalg.norm(study.y[:, 0] - study.reference.y, axis=-1)
        draw.distances(axes, [(str(study.sizes[k]), ts, apart[k], styles[str(study.sizes[k])]) for k in shown])
        return
    component = int(np.nanargmax(np.nanmax(np.nan_to_num(study.variance), axis=(0, 1))))
    many = study.variance[:, :, component]
    for k, size in enumerate(study.sizes):
        share = k / max(len(study.sizes) - 1, 1)
        axes.plot(ts, many[k], color=draw.COLOURS[0], alpha=0.25 + 0.6 * share, linewidth=1.0 + share, label=f"{size}")
    name = "y" if study.y.shape[-1] == 1 else f"y_{{{component + 1}}}"
    axes.legend(title="N", frameon=False, fontsize=9.5, ncols=2, loc="upper left")
    axes.set_ylim(0, None)
    draw.dress(axes, heading + ": in theory one curve", "t", f"$N\\,\\mathrm{{Var}}\\,{name}(t)$")


def _fan(axes: Axes, study: Any, k: int, letter: str) -> None:
    """Single runs of one size around the finer level."""
    moves = bool(np.ptp(study.reference.y, axis=0).max() > 0) and "y" in study.errors
    runs, finer = (study.y, study.reference.y) if moves else (study.force[:, :, :, 0], study.reference.force[:, 0])
    c = int(np.argmax(np.ptp(finer, axis=0)))
    lines: Array = runs[k, :_MOST, :, c]
    axes.plot(study.ts, lines.T, color=draw.COLOURS[0], linewidth=0.7, alpha=0.45)
    axes.plot(study.ts, finer[:, c], color="black", linewidth=2.0)
    name = "y" if moves else "force"
    name += f" {c + 1}" if finer.shape[1] > 1 else ""
    draw.dress(axes, f"{letter}{len(lines)} run{'s' * (len(lines) > 1)} of size {study.sizes[k]}", "t", name)


def influence(found: Any, title: str = "", make: Callable[..., Figure] | None = None) -> Figure:
    """φ over the law of the bridges; the observable's scatter over N, with samples where there are some."""
    fig = (make or new)(figsize=(14.0, 4.9))
    grid = fig.add_gridspec(
        1, 3 if found.verified is not None else 2, left=0.065, right=0.975, bottom=0.14, top=0.76, wspace=0.27
    )
    _phi(fig.add_subplot(grid[0]), found)
    _scatter(fig.add_subplot(grid[1]), found)
    if found.verified is not None:
        _samples(fig.add_subplot(grid[2]), found)
    fig.text(0.065, 0.94, title or "Fluctuation", fontsize=17, weight="bold", va="center")
    about = f"{found.observable} of N random bridges, by one adjoint pass through {found.scenario.level.label}"
    fig.text(0.065, 0.87, about, fontsize=11.5, color=draw.GREY, va="center")
    return fig


def _phi(axes: Axes, found: Any) -> None:
    heading = "(a)  Influence of a bridge"
    if found.x.shape[-1] == 1:
        for p in draw.first_middle_last(len(found.x)):
            x, w, phi = found.x[p, :, 0], found.w[p], found.influence[p]
            order = np.argsort(x)
            mean, std = w @ x, np.sqrt(w @ (x - w @ x) ** 2)
            seen = order[np.abs(x[order] - mean) <= 4 * std]
            label = f"point {p}" if len(found.x) > 1 else None
            axes.plot(
                x[seen],
                phi[seen],
                "-o",
                color=draw.COLOURS[p % len(draw.COLOURS)],
                markersize=3,
                linewidth=1.6,
                label=label,
            )
        if len(found.x) > 1:
            axes.legend(frameon=False, fontsize=10)
        axes.axhline(0, color=draw.PALE, linewidth=1, zorder=0)
        draw.dress(axes, heading, "x, where it starts", "φ − mean")
        return
    x, w, phi = found.x[0], found.w[0], found.influence[0]
    deviation = (x - w @ x) / np.sqrt(w @ (x - w @ x) ** 2)
    seen = np.all(np.abs(deviation) <= 4, axis=1)
    most = float(np.abs(phi[seen]).max())
    drawn = axes.scatter(
        x[seen, 0],
        x[seen, 1],
        c=phi[seen],
        cmap="PuOr",
        vmin=-most,
        vmax=most,
        s=22,
        edgecolors=draw.GREY,
        linewidths=0.3,
    )
    axes.figure.colorbar(drawn, ax=axes, label="φ − mean")
    draw.dress(axes, heading + (": first two axes" if x.shape[1] > 2 else ""), "$x_1$", "$x_2$")


def _scatter(axes: Axes, found: Any) -> None:
    n = np.logspace(1, 5, 50)
    axes.loglog(n, np.sqrt(found.spread / n), color=draw.GREY, linewidth=1.6, label="predicted, √(Var φ/N)")
    if found.verified is not None:
        low, high = np.sqrt(np.maximum(found.verified.interval, 0.0))
        middle = np.sqrt(found.verified.variance)
        count = int(np.isfinite(found.verified.values).sum())
        axes.errorbar(
            [found.verified.n],
            [middle],
            [[middle - low], [high - middle]],
            fmt="o",
            color=draw.COLOURS[1],
            label=f"{count} samples",
        )
    axes.legend(frameon=False, fontsize=10.5)
    draw.dress(axes, "(b)  Standard deviation", "number of bridges N", "of the observable")


def _samples(axes: Axes, found: Any) -> None:
    values = found.verified.values[np.isfinite(found.verified.values)]
    std = found.std(found.verified.n)
    axes.hist(values, bins=int(np.clip(np.sqrt(len(values)), 10, 60)), density=True, color=draw.COLOURS[1], alpha=0.45)
    x = np.linspace(found.value - 4.5 * std, found.value + 4.5 * std, 201)
    axes.plot(
        x, np.exp(-((x - found.value) ** 2) / (2 * std**2)) / (std * np.sqrt(2 * np.pi)), color="black", linewidth=1.8
    )
    draw.dress(
        axes,
        f"(c)  {len(values)} samples, N = {found.verified.n}; predicted law",
        found.observable,
        "density",
    )
