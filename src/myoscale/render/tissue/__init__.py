"""Runs in space: fields, series of files for ParaView, pictures and films of the deforming tissue."""

from .fields import Fields, fields, in_cells
from .figure import tissue_figure
from .frames import save_frames
from .series import save_series

__all__ = ["Fields", "fields", "in_cells", "save_frames", "save_series", "tissue_figure"]
