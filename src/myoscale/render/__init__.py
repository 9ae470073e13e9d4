"""What a study looks like: a figure and tables."""

from .figure import figure, save_figure
from .table import listing, save_table

__all__ = ["figure", "listing", "save_figure", "save_table"]
