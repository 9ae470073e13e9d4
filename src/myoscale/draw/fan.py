"""How a quantity of many spreads over time: bands between quantiles, and the few that go furthest as thin lines.

Where single values leave all others far behind, the axis is y ↦ asinh(y/width): linear about zero, logarithmic far out, smooth between.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from ..types import Array
from .styles import BLACK, GREY, Style

QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
SHADES = (0.14, 0.24, 0.36)  # of the bands, from the outermost
NAMES = ("all", "90 %", "50 %")
_SINGLE = 3  # shown one by one
_FAR = 10.0  # times what almost all stay below: an axis of its own kind
_ALONE = 3.0  # times what almost all others have at that time: worth a name
_GAP = 0.075  # of the axis, between two numbers on it


class Fan(NamedTuple):
    """What is drawn of many."""

    bands: Array  # (7, T), at `QUANTILES`
    chosen: list[int]  # columns that are shown one by one, the furthest first
    lines: Array  # those, (T, chosen)
    usual: float  # the median of absolute values
    almost: float  # what 95 of 100 of them stay below
    peak: int | None  # the time at which the furthest stands out from all others


def spread(values: Array, weights: Array | None = None) -> Fan:
    """The fan of `values` (T, K), whose columns have `weights` (K,), equal if left out."""
    size = np.abs(values)
    peaks = size.max(axis=0)
    wanted = [peaks.argmax(), values.max(axis=0).argmax(), values.min(axis=0).argmin(), *np.argsort(-peaks)]
    chosen = list(dict.fromkeys(int(k) for k in wanted))[:_SINGLE]
    peak = int(size[:, chosen[0]].argmax())
    stands_out = size[peak, chosen[0]] > _ALONE * np.quantile(size[peak], 0.95)
    return Fan(
        quantiles(values, weights),
        chosen,
        values[:, chosen],
        float(np.median(size)),
        float(np.quantile(size, 0.95)),
        peak if stands_out else None,
    )


def quantiles(values: Array, weights: Array | None = None) -> Array:
    """`QUANTILES` of each row."""
    if weights is None:
        return np.quantile(values, QUANTILES, axis=1)
    shares = np.broadcast_to(weights, values.shape)
    return np.quantile(values, QUANTILES, axis=1, weights=shares, method="inverted_cdf")


def linear_width(fans: Sequence[Fan]) -> float | None:
    """Up to where the axis of some fans is linear, a power of ten; None if all of it is."""
    usual, almost = max(one.usual for one in fans), max(one.almost for one in fans)
    most = max(float(np.abs(one.bands[[0, -1]]).max()) for one in fans)
    return None if most <= _FAR * almost or usual <= 0 else float(10.0 ** np.round(np.log10(usual)))


def ticks(low: float, high: float, width: float) -> list[float]:
    """Zero, powers of ten, then twice and five times those, as many as have room on such an axis."""
    place = lambda value: float(np.arcsinh(value / width))
    gap = _GAP * (place(high) - place(low))
    decades = [width * 10.0**k for k in range(-1, int(np.log10(max(high, -low) / width)) + 2)]
    wanted = [0.0, *(sign * m * d for m in (1, 2, 5) for d in decades for sign in (1, -1))]
    taken: list[float] = []
    for value in wanted:
        if low <= value <= high and all(abs(place(value) - place(other)) >= gap for other in taken):
            taken.append(float(f"{value:.6g}"))
    return sorted(taken)


def fan(axes: Axes, ts: Array, one: Fan, style: Style) -> None:
    """Draw the bands, the median and single ones."""
    for k, shade in enumerate(SHADES):
        axes.fill_between(ts, one.bands[k], one.bands[-1 - k], color=style.colour, alpha=shade, linewidth=0, zorder=1)
    axes.plot(ts, one.lines, color=_ink(style.colour), linewidth=0.8, zorder=2)
    axes.plot(ts, one.bands[len(SHADES)], color=style.colour, linestyle=style.dashes, linewidth=1.8, zorder=style.order)


def outline(axes: Axes, ts: Array, one: Fan, style: Style) -> None:
    """Draw the median, and thin where the band of 90 % ends, over another's fan."""
    axes.plot(ts, one.bands[len(SHADES)], color=style.colour, linestyle=style.dashes, linewidth=1.8, zorder=style.order)
    axes.plot(ts, one.bands[[1, -2]].T, color=style.colour, linestyle=style.dashes, linewidth=0.9, zorder=style.order)


def _ink(colour: str) -> str:
    """Of single ones in a fan of a colour."""
    return GREY if colour == BLACK else BLACK


def fan_axis(axes: Axes, fans: Sequence[Fan], style: Style) -> None:
    """The vertical axis of fans that are drawn, and what their parts mean."""
    if (width := linear_width(fans)) is not None:
        low, high = min(float(one.bands[0].min()) for one in fans), max(float(one.bands[-1].max()) for one in fans)
        axes.set_yscale("asinh", linear_width=width)
        named = ticks(low, high, width)
        axes.set_yticks(named, [_power(value) for value in named])
        axes.minorticks_off()
    low, high = axes.transData.transform([(0.0, end) for end in axes.get_ylim()])[:, 1]
    back = axes.transData.inverted().transform([(0.0, high + 0.17 * (high - low))])
    axes.set_ylim(top=float(back[0, 1]))  # room for the names
    shades = [1 - np.prod([1 - shade for shade in SHADES[: k + 1]]) for k in range(len(SHADES))]
    handles = [
        Line2D([], [], color=style.colour, linestyle=style.dashes, linewidth=1.8, label="median"),
        *(
            Patch(color=style.colour, alpha=float(shade), linewidth=0, label=name)
            for shade, name in zip(shades[::-1], NAMES[::-1], strict=True)
        ),
        Line2D([], [], color=_ink(style.colour), linewidth=0.8, label="single bridges"),
    ]
    axes.legend(
        handles=handles, loc="upper left", ncols=5, frameon=False, fontsize=9.5, handlelength=1.8, borderaxespad=0,
        columnspacing=0.9, handletextpad=0.5,
    )  # fmt: skip


def name_peak(axes: Axes, ts: Array, one: Fan, name: str) -> None:
    """Where the furthest stands out, its name and value at its peak."""
    if one.peak is None:
        return
    t, value = float(ts[one.peak]), float(one.lines[one.peak, 0])
    share = (t - ts[0]) / (ts[-1] - ts[0])
    side = "left" if share < 0.2 else "right" if share > 0.8 else "center"
    axes.annotate(
        f"{name}: {_scientific(value)}", (t, value), (0, 3 if value > 0 else -3), textcoords="offset points",
        ha=side, va="bottom" if value > 0 else "top", fontsize=10,
    )  # fmt: skip


def _power(value: float) -> str:
    """A number on the axis: one, two or five times a power of ten."""
    if value == 0 or 0.01 <= abs(value) < 1000:
        return f"{value:g}".replace("-", "−")
    digit, exponent = f"{value:.0e}".split("e")
    return f"${digit.replace('1', '')}{'' if digit.endswith('1') else '·'}10^{{{int(exponent)}}}$"


def _scientific(value: float) -> str:
    digits, exponent = f"{value:.1e}".split("e")
    return f"${digits}\\cdot 10^{{{int(exponent)}}}$"
