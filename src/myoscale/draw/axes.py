"""Axes: dressed alike, curves over time with their names beside them, energies, distances on a logarithmic axis."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

from ..types import Array
from .styles import COLOURS, DASHES, GREY, PALE, Style

_NOTHING = 1e-17  # distances below are not shown


def dress(axes: Axes, heading: str, x: str, y: str) -> None:
    """Heading, names of the axes, and no more ink than needed."""
    axes.set_title(heading, loc="left", fontsize=12.5, pad=9)
    axes.set_xlabel(x, fontsize=11.5)
    axes.set_ylabel(y, fontsize=11.5)
    axes.tick_params(labelsize=10.5, color=GREY)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(GREY)


def remark(axes: Axes, text: str) -> None:
    """A sentence in the place of curves."""
    axes.set_yticks([])
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", color=GREY)


def first_middle_last(count: int) -> list[int]:
    """Which of many curves to show."""
    return list(range(count)) if count <= 3 else sorted({0, count // 2, count - 1})


def over_time(axes: Axes, ts: Array, values: Array, name: str, **line: Any) -> None:
    """Columns of `values` (T, n) over time, of many the first, the middle and the last, each with its name at its right end."""
    shown = first_middle_last(values.shape[1])
    axes.plot(ts, values[:, shown], **line)
    if values.shape[1] > 1:
        named_at_end(axes, float(ts[-1]), values[-1, shown], [f"${name}_{{{k + 1}}}$" for k in shown])


def named_at_end(axes: Axes, t: float, heights: Array, names: Sequence[str]) -> None:
    """Names beside the right ends of curves, moved apart where they would overlap."""
    for name, height in zip(names, _apart(heights, 0.07, axes.get_ylim()), strict=True):
        axes.annotate(name, (t, height), (5, 0), textcoords="offset points", va="center", fontsize=11.5)
    axes.margins(x=0.03)


def energies(axes: Axes, ts: Array, entries: Mapping[str, Array], total: Array) -> None:
    """The entries of a ledger that are not zero throughout, and their total."""
    axes.plot(ts, total, color="black", linewidth=2.8, zorder=2, label="total")
    shown = {name: values for name, values in entries.items() if np.any(values)}
    for k, (name, values) in enumerate(shown.items()):
        dashes: Any = (0, DASHES[k % len(DASHES)])
        axes.plot(ts, values, color=COLOURS[k % len(COLOURS)], linestyle=dashes, linewidth=1.8, zorder=3, label=name)
    low, high = axes.get_ylim()
    axes.set_ylim(low, high + 0.32 * (high - low))  # room for the names
    axes.legend(
        loc="upper left", ncols=2, frameon=False, fontsize=10, handlelength=3, borderaxespad=0, columnspacing=1.2
    )


def distances(axes: Axes, curves: Sequence[tuple[str, Array, Array, Style]], nothing: float = _NOTHING) -> None:
    """Curves (name, ts, values, style) on a logarithmic axis, each named at its right end; what is not above `nothing` is not shown."""
    end = float(max([ts[len(values) - 1] for _, ts, values, _ in curves], default=1.0))
    named: list[tuple[str, str, float]] = []
    for label, ts, values, style in curves:
        seen = np.where(values > nothing, values, np.nan)
        if np.isfinite(seen).any():
            axes.semilogy(ts[: len(values)], seen, **style.line)
            named.append((label, style.colour, _height_at_end(seen)))
    if not named:
        remark(axes, "no difference" if curves else "no other level to compare")
        return
    low, high = axes.get_ylim()
    axes.set_ylim(min(max(low, high * 1e-14), high / 100), high)  # two decades have two numbers
    axes.yaxis.set_major_locator(LogLocator(numticks=8))
    axes.yaxis.set_minor_formatter(NullFormatter())
    names = 0.02 + 0.0135 * max(len(_short(label)) for label, *_ in named)  # the share of the axis that they take
    axes.set_xlim(-0.01 * end, end / (1 - names))
    axes.set_xticks([t for t in MaxNLocator(6).tick_values(0, end) if 0 <= t <= end * (1 + 1e-9)])
    axes.hlines([h for h in axes.get_yticks() if low < h < high], 0, end, color=PALE, linewidth=0.7, zorder=0)
    axes.spines["bottom"].set_bounds(0, end)
    axes.xaxis.set_label_coords((1 - names) / 2, -0.115)
    heights = _apart(np.log10([height for *_, height in named]), 0.062, np.log10(axes.get_ylim()))
    for (label, colour, _), height in zip(named, heights, strict=True):
        axes.text(1.015 * end, 10**height, _short(label), color=colour, fontsize=10.5, va="center")


def equal_aspect(axes: Axes) -> None:
    """Widen one range until both axes have one scale (matplotlib's own way also narrows)."""
    box, limits = axes.get_window_extent(), np.array([axes.get_xlim(), axes.get_ylim()])
    lengths = np.ptp(limits, axis=1)
    wanted = np.maximum(lengths, lengths[::-1] * np.array([box.width / box.height, box.height / box.width]))
    (x0, x1), (y0, y1) = limits.mean(axis=1)[:, None] + wanted[:, None] * np.array([-0.5, 0.5])
    axes.set_xlim(x0, x1)
    axes.set_ylim(y0, y1)


def _height_at_end(values: Array) -> float:
    """Typical height of a curve near its right end."""
    last = values[np.isfinite(values)]
    return float(np.exp(np.mean(np.log(last[-max(len(last) // 12, 1) :]))))


def _short(label: str) -> str:
    label = label.replace("sampling=", "").replace("window=", "±")
    return label if len(label) <= 22 else label[:21] + "…"


def _apart(heights: Array, gap: float, limits: tuple[float, float] | Array) -> Array:
    """Heights moved apart as little as possible until neighbours are `gap` of the axis apart, inside the axis."""
    heights = np.asarray(heights, float)
    low, high = (float(limit) for limit in limits)
    gap *= high - low
    order = np.argsort(heights)
    steps = gap * np.arange(len(heights))
    # Isotonic regression of heights − steps: the nearest sequence whose neighbours keep their distance.
    blocks: list[list[float]] = []
    for value in heights[order] - steps:
        blocks.append([value])
        while len(blocks) > 1 and np.mean(blocks[-2]) > np.mean(blocks[-1]):
            blocks[-2:] = [blocks[-2] + blocks[-1]]
    placed = np.concatenate([np.full(len(block), np.mean(block)) for block in blocks])
    result = np.empty_like(heights)
    result[order] = np.clip(placed, low + gap / 2, max(high - steps[-1] - gap / 2, low + gap / 2)) + steps
    return result
