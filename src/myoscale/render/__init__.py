"""What a study looks like: a page, a figure and tables."""

from .figure import figure, save_figure
from .report import FILES, report
from .table import listing, save_table

__all__ = ["FILES", "figure", "listing", "report", "save_figure", "save_table"]
