"""One figure for a study: the motion, the errors, and the populations at three times.

Every level keeps its colour and its dashes in all panels. In one dimension all populations are drawn as densities on one axis, in
two or more as mean and covariance ellipse. Where bridges attach and detach, also their force, how many are attached, what ATP they split,
and the rates behind the populations; where levels carry multipliers, what single bridges pull and how well constraints are kept. Below `result` and hence without its types.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from .. import draw
from ..errors import InputError
from ..model import scheme_at
from ..model.cycling import rate_curves, rate_limit
from ..population import Tied
from .mass import Gaussian, Grid, Measure, Points, Table

_SIZE, _DPI = (14.0, 8.6), 150  # inches
_ROW = 3.6  # what one more row of panels needs


def figure(study: Any, title: str = "", new: Callable[..., Figure] | None = None) -> Figure:
    """Draw a study.

    **Arguments:** `study`; `title`, above everything; `new`, what makes an empty figure, `pyplot.figure` for instance;
    one without global state if left out.

    **Returns:** a matplotlib `Figure` that can be drawn on and saved.

    **Raises:** `InputError` if the study has no results.
    """
    if not study.solutions:
        raise InputError(
            "Expected a study with results to draw. Received one that stopped before any level had saved a time."
        )
    styles = draw.styles(study.solutions, study.reference)
    tied = _tied(study)
    more = study.cycles + bool(tied)
    size = (_SIZE[0], _SIZE[1] + _ROW * more)
    fig, scale = (new or _figure)(figsize=size, facecolor="white"), _SIZE[1] / size[1]
    top = 1 - (1 - _legend(fig, study, styles, scale) + 0.07) * scale
    rows = fig.add_gridspec(
        2 + more, 1, left=0.062, right=0.985 - 0.03 * study.cycles, bottom=0.075 * scale, top=top, hspace=0.42
    )
    above, below = rows[0].subgridspec(1, 2, wspace=0.17), rows[-1].subgridspec(1, 3, wspace=0.16)
    _motion(fig.add_subplot(above[0]), study, styles)
    _errors(fig.add_subplot(above[1]), study, styles)
    if study.cycles:
        middle = rows[1].subgridspec(1, 4, wspace=0.36)
        for k, (key, heading, get) in enumerate(_OVER_TIME):
            _over_time(fig.add_subplot(middle[k]), study, styles, key, f"({'cdef'[k]})  {heading}", get)
    shown = study.times[_three(len(study.times), study.cycles)] if len(study.times) else []
    if tied:
        middle = rows[-2].subgridspec(1, 2, wspace=0.17)
        _fan(fig.add_subplot(middle[0]), study, styles, tied, f"({'cg'[study.cycles]})")
        _residuals(fig.add_subplot(middle[1]), study, styles, f"({'dh'[study.cycles]})")
    letter = "cgei"[study.cycles + 2 * bool(tied)]
    axes: list[Axes] = []
    for k, t in enumerate(shown):
        axes.append(fig.add_subplot(below[k]))
        _populations(axes[-1], study, styles, float(t), f"({letter})  " if k == 0 else "")
    draw.same_scale(axes, flat=_dimension(study) == 1)
    if study.cycles:
        _rates(axes, study)
    fig.text(0.062, 1 - 0.035 * scale, title or "Levels compared", fontsize=17, weight="bold", va="center")
    return fig


def _figure(**options: Any) -> Figure:
    fig = Figure(dpi=_DPI, **options)
    FigureCanvasAgg(fig)
    return fig


def _legend(fig: Figure, study: Any, styles: dict[str, draw.Style], scale: float) -> float:
    """Names of the levels above all panels; the height where it ends, as a fraction of a figure of the common size."""
    stopped = {row.label: f" (stopped at t = {row.reached:.3g})" for row in study.rows if row.message}
    names = {
        label: label + (", reference" if label == study.reference else "") + stopped.get(label, "") for label in styles
    }
    handles = [
        Line2D([], [], color=s.colour, linestyle=s.dashes, linewidth=2.4, label=names[label])
        for label, s in styles.items()
    ]
    if study.one_way is not None:
        handles.append(Line2D([], [], color=draw.GREY, linewidth=1.2, label="reference with m = 0 (one-way)"))
    columns = 4 if max(len(str(h.get_label())) for h in handles) < 31 else 3
    fig.legend(
        handles=handles, loc="upper left", bbox_to_anchor=(0.056, 1 - 0.055 * scale), ncols=columns, frameon=False, fontsize=11.5,
        handlelength=3.4, columnspacing=2.2, borderaxespad=0,
    )  # fmt: skip
    return 0.945 - 0.028 * -(-len(handles) // columns)


def _three(count: int, cycles: bool) -> list[int]:
    """Which of many times to show populations at; of heads that attach not the first, when few have."""
    first = 1 if cycles and count > 3 else 0
    return sorted({round(k) for k in np.linspace(first, count - 1, 3).tolist()})


def _motion(axes: Axes, study: Any, styles: dict[str, draw.Style]) -> None:
    """y(t); of many coordinates the first, the middle and the last."""
    ny = next(iter(study.solutions.values())).y.shape[1]
    shown = draw.first_middle_last(ny)
    if study.one_way is not None:
        axes.plot(
            study.one_way.solution.ts, study.one_way.solution.y[:, shown], color=draw.GREY, linewidth=1.1, zorder=1
        )
    for label, run in study.solutions.items():
        axes.plot(run.ts, run.y[:, shown], **styles[label].line)
    axes.margins(x=0.01)
    if ny > 1:
        longest = max(study.solutions.values(), key=lambda run: len(run.ts))
        draw.named_at_end(axes, longest.ts[-1], longest.y[-1, shown], [f"$y_{{{k + 1}}}$" for k in shown])
    draw.dress(axes, "(a)  Motion of the tissue", study.labels["time"], study.labels["y"])


def _errors(axes: Axes, study: Any, styles: dict[str, draw.Style]) -> None:
    """|y − y_ref| on a logarithmic axis; where bridges attach and detach, the relative distance of their force."""
    name = "errors_force" if study.cycles else "errors_y"
    curves = [
        (row.label, study.solutions[row.label].ts, getattr(row, name), styles[row.label])
        for row in study.rows
        if row.label != study.reference and len(getattr(row, name))
    ]
    if study.cycles:
        label = "|Δ force| / greatest force"
        draw.dress(axes, "(b)  Distance to the reference's force", study.labels["time"], label)
        draw.distances(axes, curves)
        return
    if (effect := study.one_way) is not None:
        grey = draw.Style(draw.GREY, "-", 1.1, 1)
        curves.append(("one-way, m = 0", effect.solution.ts, effect.differences_y, grey))
    draw.dress(axes, "(b)  Distance to the reference", study.labels["time"], study.labels["distance"])
    draw.distances(axes, curves)


_OVER_TIME: tuple[tuple[str, str, Callable[[Any], Any]], ...] = (
    ("force", "Force of the bridges", lambda run: run.force[:, :, 0]),
    ("stiffness", "Stiffness", lambda run: run.stiffness[:, :, 0, 0]),
    ("attached", "Heads attached", lambda run: run.cycling.attached),
    ("atp", "ATP split", lambda run: run.atp_drawn()),
)


def _over_time(axes: Axes, study: Any, styles: dict[str, draw.Style], key: str, heading: str, get: Callable) -> None:
    """A quantity of each point; of many points the first, the middle and the last."""
    for label, run in study.solutions.items():
        values = get(run)
        shown = draw.first_middle_last(values.shape[1])
        axes.plot(run.ts, values[:, shown], **styles[label].line)
    axes.margins(x=0.01)
    if key != "force":
        axes.set_ylim(0.0)
    draw.dress(axes, heading, study.labels["time"], study.labels[key])
    longest = max(study.solutions.values(), key=lambda run: len(run.ts))
    if len(shown := draw.first_middle_last(longest.force.shape[1])) > 1:
        draw.named_at_end(axes, longest.ts[-1], get(longest)[-1, shown], [f"{k + 1}" for k in shown])


def _rates(axes: list[Axes], study: Any) -> None:
    """The rates at the first point behind the populations, on one axis of extension."""
    ends = np.array([run.visited() for run in study.solutions.values()])
    x = np.linspace(ends[:, 0].min(), ends[:, 1].max(), 401)
    curves = rate_curves(scheme_at(next(iter(study.solutions.values())).scenario.model.bridge, 0), x)
    for k, one in enumerate(axes):
        last = k == len(axes) - 1
        second = draw.behind(one, x, curves, rate_limit(curves), study.labels["rates"] if last else "")
        one.set_xlim(second.get_xlim())
        if last:  # beside the heading, where no curve is
            second.legend(
                loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=2, frameon=False, fontsize=9.5, labelcolor=draw.GREY,
                handlelength=1.6, columnspacing=1.2, borderaxespad=0.2,
            )  # fmt: skip
        else:
            second.set_yticks([])


def _tied(study: Any) -> dict[str, Any]:
    """Runs that carry multipliers, that with most bridges first."""
    found = {label: run for label, run in study.solutions.items() if isinstance(run.representation, Tied)}
    return dict(sorted(found.items(), key=lambda item: -item[1].particles.x.shape[1]))


def _fan(axes: Axes, study: Any, styles: dict[str, draw.Style], tied: dict[str, Any], letter: str) -> None:
    """What bridges pull one by one, at the first point of the tissue; of further levels the outline."""
    fans, (first, run) = {}, next(iter(tied.items()))
    for label, other in tied.items():
        fans[label] = draw.spread(*other.pulls_drawn()[:2])
        (draw.fan if label == first else draw.outline)(axes, other.ts, fans[label], styles[label])
    axes.margins(x=0.01)
    draw.fan_axis(axes, list(fans.values()), styles[first])
    draw.name_peak(axes, run.ts, fans[first], f"bridge {run.pulls_drawn()[2][fans[first].chosen[0]]}")
    where = (" at the first point" if run.force.shape[1] > 1 else "") + (f", {first}" if len(tied) > 1 else "")
    pull = "pull" if run.force.shape[2] == 1 else "pull_size"
    draw.dress(axes, f"{letter}  Force of single bridges{where}", study.labels["time"], study.labels[pull])


def _residuals(axes: Axes, study: Any, styles: dict[str, draw.Style], letter: str) -> None:
    """|g − c| of every level that follows bridges, thin |ġ| of those that carry multipliers."""
    curves, rounding = [], 0.0
    for label, run in study.solutions.items():
        if run.particles is None:
            continue
        curves.append((label, run.ts, run.residual, styles[label]._replace(width=1.6)))
        if isinstance(run.representation, Tied):
            thin = styles[label]._replace(width=draw.THIN, dashes="-")
            curves.append((f"{label}, ġ", run.ts, run.velocity_residual, thin))
            rounding = max(rounding, run.rounding)
    draw.dress(axes, f"{letter}  How well constraints are kept", study.labels["time"], study.labels["residual"])
    draw.residuals(axes, curves, rounding)


def _populations(axes: Axes, study: Any, styles: dict[str, draw.Style], t: float, letter: str) -> None:
    """The populations at one time, at the first point of the tissue; `letter` of the first panel."""
    first = bool(letter)
    i = int(np.argmin(np.abs(study.times - t)))
    if study.cycles:
        _attached(axes, study, styles, t, letter)
        return
    drawn = {label: found[i][0] for label, found in study.measures.items() if i < len(found)}
    several = any(len(found[0]) > 1 for found in study.measures.values() if found)
    heading = f"{letter}Bridges{' at the first point' if several else ''}, t = {t:.4g}" if first else f"t = {t:.4g}"
    if not drawn:
        draw.dress(axes, heading, study.labels["x"], "")
        draw.remark(axes, "no level came this far")
        return
    rugs = 0
    for label, measure in drawn.items():
        rugs += draw.population(axes, styles[label], rugs=rugs, cloud=label == study.reference, **_as_keywords(measure))
    if next(iter(drawn.values())).nx == 1:
        axes.locator_params(axis="y", nbins=5)
        draw.dress(axes, heading, study.labels["x"], study.labels["density"] if first else "")
        return
    spread = "" if first and several else ", mean ± 1 and 2 std"  # where there is room
    draw.dress(axes, heading + spread, study.labels["x1"], study.labels["x2"] if first else "")


def _attached(axes: Axes, study: Any, styles: dict[str, draw.Style], t: float, letter: str) -> None:
    """Attached heads at one time, at the first point of the tissue: their density, whose integral is their share."""
    first = bool(letter)
    several = next(iter(study.solutions.values())).force.shape[1] > 1
    heading = (
        f"{letter}Attached heads{' at the first point' if several else ''}, t = {t:.4g}" if first else f"t = {t:.4g}"
    )
    for label, run in study.solutions.items():
        if run.ts[-1] < t:
            continue
        one = run.population(t)
        bins = run.representation.bins(float(one.attached))
        draw.population(axes, styles[label], edges=one.edges, masses=one.masses, bins=bins)
    draw.dress(axes, heading, study.labels["x"], study.labels["attached_density"] if first else "")


def _as_keywords(measure: Measure) -> dict[str, Any]:
    """What `draw.population` takes."""
    if isinstance(measure, Table):
        return {"edges": (measure.edges,), "masses": measure.masses}
    if isinstance(measure, Gaussian):
        return {"mean": measure.mean, "covariance": measure.covariance}
    points = measure.points() if isinstance(measure, Grid) else measure
    assert isinstance(points, Points)
    return {"points": points.x, "weights": points.w}


def _dimension(study: Any) -> int:
    return next((found[0][0].nx for found in study.measures.values() if found), 1)
