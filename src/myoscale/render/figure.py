"""One figure for a study: the motion, the errors, and the populations at three times.

Every level keeps its colour (Okabe and Ito 2008, safe for colour-blind eyes) and its dashes in all panels. In one dimension all
populations are drawn as densities on one axis, in two or more as mean and covariance ellipse. Made with matplotlib's objects,
no global state.
"""

from pathlib import Path
from typing import Any, NamedTuple

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Ellipse
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

from ..errors import InputError
from ..study import Study
from ..study.distance import Array, Gaussian, Grid, Measure, Points, Table
from .files import write_whole

_SIZE, _DPI = (14.0, 8.6), 150  # inches
_GREY, _PALE = "#707070", "#d9d9d9"
_BLACK = "#000000"
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")  # Okabe and Ito, without yellow
_DASHES = ((0, (6, 4)), (0, (1.2, 2.4)), (0, (7, 3, 1.5, 3)), (0, (3, 3)), (0, (10, 3, 3, 3)), (0, (1.5, 6)))
_FEW = 50  # points that are shown one by one
_NOTHING = 1e-17  # errors below are not shown


class _Style(NamedTuple):
    colour: str
    dashes: Any
    width: float
    order: int

    @property
    def line(self) -> dict:
        """Keywords for a line."""
        return {"color": self.colour, "linestyle": self.dashes, "linewidth": self.width, "zorder": self.order}


def figure(study: Study, title: str = "") -> Figure:
    """Draw a study.

    **Arguments:** `study`; `title`, above everything.

    **Returns:** a matplotlib `Figure` that can be drawn on and saved.

    **Raises:** `InputError` if the study has no results.
    """
    if not study.solutions:
        raise InputError(
            "Expected a study with results to draw. Received one that stopped before any level had saved a time."
        )
    styles = _styles(study)
    fig = Figure(figsize=_SIZE, dpi=_DPI, facecolor="white")
    FigureCanvasAgg(fig)
    rows = fig.add_gridspec(
        2, 1, left=0.062, right=0.985, bottom=0.075, top=_legend(fig, study, styles) - 0.07, hspace=0.42
    )
    above, below = rows[0].subgridspec(1, 2, wspace=0.17), rows[1].subgridspec(1, 3, wspace=0.16)
    _motion(fig.add_subplot(above[0]), study, styles)
    _errors(fig.add_subplot(above[1]), study, styles)
    shown = (
        study.times[np.unique(np.linspace(0, len(study.times) - 1, 3).round().astype(int))] if len(study.times) else []
    )
    axes: list[Axes] = []
    for k, t in enumerate(shown):
        axes.append(fig.add_subplot(below[k]))
        _populations(axes[-1], study, styles, float(t), first=k == 0)
    _same_scale(axes, flat=_dimension(study) == 1)
    fig.text(0.062, 0.965, title or "Levels compared", fontsize=17, weight="bold", va="center")
    return fig


def save_figure(study: Study, folder: str | Path, title: str = "", name: str = "figure") -> list[Path]:
    """Draw a study and write `name`.png and `name`.svg into a folder.

    **Raises:** `InputError` if they cannot be written there, or the study has no results.
    """
    fig = figure(study, title)
    paths = []
    with matplotlib.rc_context({"svg.hashsalt": "myoscale"}):  # the same study gives the same file
        for kind, metadata in (("png", {}), ("svg", {"Date": None})):
            write = lambda part, kind=kind, metadata=metadata: fig.savefig(part, format=kind, metadata=metadata)
            paths.append(write_whole(Path(folder) / f"{name}.{kind}", write))
    return paths


def _styles(study: Study) -> dict[str, _Style]:
    """Black and solid for the reference; colour and dashes of its own for every other level."""
    styles = {}
    for label in study.solutions:
        k = len([other for other in styles if other != study.reference])
        styles[label] = _Style(_COLOURS[k % len(_COLOURS)], _DASHES[k % len(_DASHES)], 1.8, 3 + k)
        if label == study.reference:
            styles[label] = _Style(_BLACK, "-", 3.4, 2)  # broad, to be seen below others
    return styles


def _legend(fig: Figure, study: Study, styles: dict[str, _Style]) -> float:
    """Names of the levels above all panels; the height where it ends, as a fraction of the figure."""
    stopped = {row.label: f" (stopped at t = {row.reached:.3g})" for row in study.rows if row.message}
    names = {
        label: label + (", reference" if label == study.reference else "") + stopped.get(label, "") for label in styles
    }
    handles = [
        Line2D([], [], color=s.colour, linestyle=s.dashes, linewidth=2.4, label=names[label])
        for label, s in styles.items()
    ]
    if study.one_way is not None:
        handles.append(Line2D([], [], color=_GREY, linewidth=1.2, label="reference with m = 0 (one-way)"))
    columns = 4 if max(len(str(h.get_label())) for h in handles) < 34 else 3
    fig.legend(
        handles=handles, loc="upper left", bbox_to_anchor=(0.056, 0.945), ncols=columns, frameon=False, fontsize=11.5,
        handlelength=3.4, columnspacing=2.2, borderaxespad=0,
    )  # fmt: skip
    return 0.945 - 0.028 * -(-len(handles) // columns)


def _dress(axes: Axes, heading: str, x: str, y: str) -> None:
    axes.set_title(heading, loc="left", fontsize=12.5, pad=9)
    axes.set_xlabel(x, fontsize=11.5)
    axes.set_ylabel(y, fontsize=11.5)
    axes.tick_params(labelsize=10.5, color=_GREY)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(_GREY)


def _motion(axes: Axes, study: Study, styles: dict[str, _Style]) -> None:
    """y(t); of many coordinates the first, the middle and the last."""
    ny = next(iter(study.solutions.values())).y.shape[1]
    shown = range(ny) if ny <= 3 else sorted({0, ny // 2, ny - 1})
    if study.one_way is not None:
        axes.plot(study.one_way.solution.ts, study.one_way.solution.y[:, shown], color=_GREY, linewidth=1.1, zorder=1)
    for label, run in study.solutions.items():
        axes.plot(run.ts, run.y[:, shown], **styles[label].line)
    if ny > 1:
        longest = max(study.solutions.values(), key=lambda run: len(run.ts))
        for k, height in zip(shown, _spread(longest.y[-1, shown], axes, 0.07), strict=True):
            axes.annotate(
                f"$y_{{{k + 1}}}$",
                (longest.ts[-1], height),
                (5, 0),
                textcoords="offset points",
                va="center",
                fontsize=11.5,
            )
    axes.margins(x=0.01 if ny == 1 else 0.03)
    _dress(axes, "(a)  Motion of the tissue", "time t [scaled]", "displacement y [scaled]")


def _errors(axes: Axes, study: Study, styles: dict[str, _Style]) -> None:
    """|y − y_ref| on a logarithmic axis, each curve named at its right end."""
    curves = [
        (row.label, study.solutions[row.label].ts, row.errors_y, styles[row.label])
        for row in study.rows
        if row.label != study.reference and len(row.errors_y)
    ]
    if (effect := study.one_way) is not None:
        curves.append(("one-way, m = 0", effect.solution.ts, effect.differences_y, _Style(_GREY, "-", 1.1, 1)))
    end = float(max([ts[len(values) - 1] for _, ts, values, _ in curves], default=1.0))
    named: list[tuple[str, str, float]] = []
    for label, ts, values, style in curves:
        seen = np.where(values > _NOTHING, values, np.nan)
        if np.isfinite(seen).any():
            axes.semilogy(ts[: len(values)], seen, **style.line)
            named.append((label, style.colour, _level_at_end(seen)))
    _dress(axes, "(b)  Distance to the reference", "time t [scaled]", "|y − y reference| [scaled]")
    if not named:
        axes.set_yticks([])
        said = "no difference" if curves else "no other level to compare"
        axes.text(0.5, 0.5, said, transform=axes.transAxes, ha="center", color=_GREY)
        return
    low, high = axes.get_ylim()
    axes.set_ylim(max(low, high * 1e-14), high)
    axes.yaxis.set_major_locator(LogLocator(numticks=8))
    axes.yaxis.set_minor_formatter(NullFormatter())
    names = 0.02 + 0.0135 * max(len(_short(label)) for label, *_ in named)  # the share of the axis that they take
    axes.set_xlim(-0.01 * end, end / (1 - names))
    axes.set_xticks([t for t in MaxNLocator(6).tick_values(0, end) if 0 <= t <= end * (1 + 1e-9)])
    axes.hlines([h for h in axes.get_yticks() if low < h < high], 0, end, color=_PALE, linewidth=0.7, zorder=0)
    axes.spines["bottom"].set_bounds(0, end)
    axes.xaxis.set_label_coords((1 - names) / 2, -0.115)
    heights = _spread(np.log10([height for *_, height in named]), axes, 0.062, np.log10(axes.get_ylim()))
    for (label, colour, _), height in zip(named, heights, strict=True):
        axes.text(1.015 * end, 10**height, _short(label), color=colour, fontsize=10.5, va="center")


def _level_at_end(values: Array) -> float:
    """Typical height of a curve near its right end."""
    last = values[np.isfinite(values)]
    return float(np.exp(np.mean(np.log(last[-max(len(last) // 12, 1) :]))))


def _short(label: str) -> str:
    label = label.replace("sampling=", "").replace("window=", "±")
    return label if len(label) <= 22 else label[:21] + "…"


def _spread(heights, axes: Axes, gap: float, limits=None) -> Array:
    """Heights moved apart as little as possible until neighbours are `gap` of the axis apart, inside the axis."""
    heights = np.asarray(heights, float)
    low, high = limits if limits is not None else axes.get_ylim()
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


def _populations(axes: Axes, study: Study, styles: dict[str, _Style], t: float, first: bool) -> None:
    """The populations at one time, at the first point of the tissue."""
    i = int(np.argmin(np.abs(study.times - t)))
    drawn = {label: found[i][0] for label, found in study.measures.items() if i < len(found)}
    several = any(len(found[0]) > 1 for found in study.measures.values() if found)
    heading = f"(c)  Bridges{' at the first point' if several else ''}, t = {t:.4g}" if first else f"t = {t:.4g}"
    if not drawn:
        _dress(axes, heading, "extension x [scaled]", "")
        axes.text(0.5, 0.5, "no level came this far", transform=axes.transAxes, ha="center", color=_GREY)
        return
    if next(iter(drawn.values())).nx == 1:
        rugs = 0
        for label, measure in drawn.items():
            rugs += _density(axes, measure, styles[label], rugs)
        axes.locator_params(axis="y", nbins=5)
        _dress(axes, heading, "extension x [scaled]", "density [1/scaled]" if first else "")
        return
    for label, measure in drawn.items():
        _ellipse(axes, measure, styles[label], label == study.reference)
    _dress(axes, heading + ", mean ± 1 and 2 std", "extension x₁ [scaled]", "extension x₂ [scaled]" if first else "")


def _dimension(study: Study) -> int:
    return next((found[0][0].nx for found in study.measures.values() if found), 1)


def _same_scale(axes: list[Axes], flat: bool) -> None:
    """One range for all; densities stand on zero. Not shared axes, which cannot keep an aspect."""
    if not axes:
        return
    x, y = (np.array([getattr(a, get)() for a in axes]) for get in ("get_xlim", "get_ylim"))
    for a in axes:
        a.set_xlim(x[:, 0].min(), x[:, 1].max())
        a.set_ylim(0.0 if flat else y[:, 0].min(), y[:, 1].max())
        if not flat:
            _equal_aspect(a)


def _equal_aspect(axes: Axes) -> None:
    """Widen one range until both axes have one scale (matplotlib's own way also narrows)."""
    box, limits = axes.get_window_extent(), np.array([axes.get_xlim(), axes.get_ylim()])
    lengths = np.ptp(limits, axis=1)
    wanted = np.maximum(lengths, lengths[::-1] * np.array([box.width / box.height, box.height / box.width]))
    (x0, x1), (y0, y1) = limits.mean(axis=1)[:, None] + wanted[:, None] * np.array([-0.5, 0.5])
    axes.set_xlim(x0, x1)
    axes.set_ylim(y0, y1)


def _density(axes: Axes, measure: Measure, style: _Style, rugs: int) -> bool:
    """A measure on the line as a density; whether it was drawn as a rug, `rugs` of which are there already."""
    if isinstance(measure, Table):
        x, y = _curve(measure)
        axes.plot(x, y, **style.line)
    elif isinstance(measure, Gaussian):
        mean, std = measure.mean[0], float(np.sqrt(measure.covariance[0, 0]))
        z = np.linspace(-4.5, 4.5, 301)
        axes.plot(mean + std * z, np.exp(-(z**2) / 2) / (np.sqrt(2 * np.pi) * std), **style.line)
    elif isinstance(measure, Points) and len(measure.x) > _FEW:
        low, high = measure.x.min(), measure.x.max()
        count = int(np.clip(round((high - low) / _bin_width(measure)), 8, 80)) if high > low else 1
        heights, edges = np.histogram(measure.x, count, weights=measure.w, density=True)
        axes.stairs(heights, edges, color=style.colour, linewidth=1.3, fill=False, zorder=style.order)
        axes.stairs(heights, edges, color=style.colour, fill=True, alpha=0.12, zorder=1)
    elif isinstance(measure, Points):
        bottom = 0.055 * rugs
        axes.vlines(
            measure.x, bottom, bottom + 0.05, color=style.colour, linewidth=1.2, transform=axes.get_xaxis_transform()
        )
        return True
    return False


def _curve(table: Table) -> tuple[Array, Array]:
    """A density line through cells joined to about 200, without empty tails."""
    below = np.concatenate([[0.0], np.cumsum(table.masses)])
    seen = np.flatnonzero((below[1:] > 1e-5) & (below[:-1] < 1 - 1e-5))
    span = table.edges[seen[-1] + 1] - table.edges[seen[0]]
    kept = [seen[0]]
    for j in range(seen[0] + 1, seen[-1] + 2):
        if table.edges[j] - table.edges[kept[-1]] >= span / 200 or j == seen[-1] + 1:
            kept.append(j)
    edges, mass = table.edges[kept], np.diff(below[kept])
    return (edges[1:] + edges[:-1]) / 2, mass / np.diff(edges)


def _bin_width(points: Points) -> float:
    """Scott's rule, with the effective number of points."""
    mean = points.w @ points.x
    return 3.49 * float(np.sqrt(points.w @ (points.x - mean) ** 2)) * float(np.sum(points.w**2)) ** (1 / 3) or 1.0


def _ellipse(axes: Axes, measure: Measure, style: _Style, reference: bool) -> None:
    """Mean and covariance of the first two components; the points of the reference behind."""
    if isinstance(measure, Gaussian):
        mean, covariance = measure.mean, measure.covariance
    else:
        assert isinstance(measure, Points | Grid)
        points = measure.points() if isinstance(measure, Grid) else measure
        mean = points.w @ points.x
        covariance = (points.x - mean).T @ ((points.x - mean) * points.w[:, None])
        if reference:
            axes.scatter(*points.x[:, :2].T, s=5, color=_PALE, linewidths=0, zorder=0)
    values, vectors = np.linalg.eigh(covariance[:2, :2])
    angle = float(np.degrees(np.arctan2(vectors[1, 1], vectors[0, 1])))
    for size in (1, 2):
        width, height = 2 * size * np.sqrt(np.maximum(values[::-1], 0.0))
        axes.add_patch(Ellipse((mean[0], mean[1]), width, height, angle=angle, fill=False, edgecolor=style.colour, linestyle=style.dashes, linewidth=style.width, zorder=style.order))  # fmt: skip
    axes.plot(*mean[:2], marker="+", markersize=9, markeredgewidth=1.6, color=style.colour, zorder=style.order)
    axes.autoscale_view()
