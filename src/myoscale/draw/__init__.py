"""Drawing arrays with matplotlib: styles that everyone can tell apart, curves over time, populations. Knows no muscle.

Nothing here keeps state; who wants a window makes the figure with pyplot and passes its axes.
"""

from .axes import distances, dress, energies, equal_aspect, first_middle_last, named_at_end, over_time, remark
from .behind import behind
from .fan import Fan, fan, fan_axis, linear_width, name_peak, outline, spread, ticks
from .labels import labels
from .population import population, same_scale
from .residuals import THIN, floor, residuals
from .run import SIZE, SIZE_CYCLING, SIZE_TIED, run
from .styles import BLACK, COLOURS, DASHES, GREY, PALE, Style, styles

__all__ = [
    "BLACK",
    "COLOURS",
    "DASHES",
    "GREY",
    "PALE",
    "SIZE",
    "SIZE_CYCLING",
    "SIZE_TIED",
    "THIN",
    "Fan",
    "Style",
    "behind",
    "distances",
    "dress",
    "energies",
    "equal_aspect",
    "fan",
    "fan_axis",
    "first_middle_last",
    "floor",
    "labels",
    "linear_width",
    "name_peak",
    "named_at_end",
    "outline",
    "over_time",
    "population",
    "remark",
    "residuals",
    "run",
    "same_scale",
    "spread",
    "styles",
    "ticks",
]
