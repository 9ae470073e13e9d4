"""Drawing arrays with matplotlib: styles that everyone can tell apart, curves over time, populations. Knows no muscle.

Nothing here keeps state; who wants a window makes the figure with pyplot and passes its axes.
"""

from .axes import distances, dress, energies, equal_aspect, first_middle_last, named_at_end, over_time, remark
from .behind import behind
from .labels import labels
from .population import population, same_scale
from .run import SIZE, SIZE_CYCLING, run
from .styles import BLACK, COLOURS, DASHES, GREY, PALE, Style, styles

__all__ = [
    "BLACK",
    "COLOURS",
    "DASHES",
    "GREY",
    "PALE",
    "SIZE",
    "SIZE_CYCLING",
    "Style",
    "behind",
    "distances",
    "dress",
    "energies",
    "equal_aspect",
    "first_middle_last",
    "labels",
    "named_at_end",
    "over_time",
    "population",
    "remark",
    "run",
    "same_scale",
    "styles",
]
