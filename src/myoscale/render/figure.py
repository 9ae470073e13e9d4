"""The figure of a study as files: PNG, SVG and PDF, the same bytes for the same study."""

from pathlib import Path

import matplotlib

from ..study import Study
from ..study.figure import figure
from .files import write_whole

__all__ = ["figure", "save_figure"]

_KINDS = {"png": {}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}  # and what would differ from day to day


def save_figure(study: Study, folder: str | Path, title: str = "", name: str = "figure") -> list[Path]:
    """Draw a study and write `name`.png, `name`.svg and `name`.pdf into a folder.

    **Raises:** `InputError` if they cannot be written there, or the study has no results.
    """
    fig = figure(study, title)
    paths = []
    with matplotlib.rc_context({"svg.hashsalt": "myoscale"}):
        for kind, metadata in _KINDS.items():
            write = lambda part, kind=kind, metadata=metadata: fig.savefig(part, format=kind, metadata=metadata)
            paths.append(write_whole(Path(folder) / f"{name}.{kind}", write))
    return paths
