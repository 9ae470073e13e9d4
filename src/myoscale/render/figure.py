"""The figure of a study as files: PNG, SVG and PDF, the same bytes for the same study."""

import io
from pathlib import Path

import matplotlib
from matplotlib.figure import Figure

from .. import store
from ..study import Limit, Study
from ..study.figure import figure

__all__ = ["figure", "save_figure", "write_figure"]

_KINDS = {"png": {}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}  # and what would differ from day to day


def save_figure(study: Study | Limit, folder: str | Path, title: str = "", name: str = "figure") -> list[Path]:
    """Draw a study and write `name`.png, `name`.svg and `name`.pdf into a folder.

    **Raises:** `InputError` if they cannot be written there, or the study has no results.
    """
    return write_figure(figure(study, title) if isinstance(study, Study) else study.figure(title), folder, name)


def write_figure(fig: Figure, folder: str | Path, name: str = "figure") -> list[Path]:
    """Any figure as those files.

    **Raises:** `InputError` if they cannot be written there.
    """
    paths = []
    with matplotlib.rc_context({"svg.hashsalt": "myoscale"}):
        for kind, metadata in _KINDS.items():
            drawn = io.BytesIO()
            fig.savefig(drawn, format=kind, metadata=metadata)
            paths.append(store.put(Path(folder) / f"{name}.{kind}", drawn.getvalue()))
    return paths
