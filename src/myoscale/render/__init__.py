"""What a study looks like: a page, a figure and tables."""

from .figure import figure, save_figure
from .report import FILES, report
from .table import listing, save_table
from .tissue import Fields, fields, save_frames, save_series

__all__ = [
    "FILES",
    "Fields",
    "fields",
    "figure",
    "listing",
    "report",
    "save_figure",
    "save_frames",
    "save_series",
    "save_table",
]
