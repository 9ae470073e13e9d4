"""How well something that should be zero is kept at zero: curves on a logarithmic axis that has a place for exact zeros."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from ..types import Array
from .axes import distances, remark
from .styles import GREY, Style

_RARE = 0.05  # the part of all values above zero that may lie below the floor
THIN = 0.9  # of the curve of a rate beside that of its value


def floor(curves: Sequence[Array]) -> float | None:
    """Where values that are zero, or next to it, are drawn: below almost all others; None if nothing is above zero."""
    values = np.concatenate([np.ravel(values) for values in curves]) if len(curves) else np.zeros(0)
    above = values[np.isfinite(values) & (values > 0)]
    return float(np.quantile(above, _RARE) / 3) if len(above) else None


def residuals(axes: Axes, curves: Sequence[tuple[str, Array, Array, Style]], rounding: float = 0.0) -> None:
    """Curves (name, ts, values, style), each named at its right end, and a grey line at `rounding` if that is above zero."""
    lowest = floor([values for _, _, values, _ in curves])
    if lowest is None:
        remark(axes, "exactly zero")
        return
    drawn = [(name, ts, np.maximum(values, lowest), style) for name, ts, values, style in curves]
    if rounding > 0:
        end = max(float(ts[-1]) for _, ts, _, _ in curves)
        grey = Style(GREY, (0, (1, 2)), 1.1, 1)
        drawn.append(("rounding", np.array([0.0, end]), np.full(2, rounding), grey))
    distances(axes, drawn, nothing=0.0)
