"""Tables: of a study as a text file, of names and titles for the shell."""

from collections.abc import Iterable
from pathlib import Path

from .. import store
from ..study import Limit, Study


def save_table(study: Study | Limit, path: str | Path, title: str = "") -> Path:
    """Write the study's table as text.

    **Raises:** `InputError` if it cannot be written there.
    """
    text = f"{title}\n\n{study}\n" if title else f"{study}\n"
    return store.put(path, text.encode())


def listing(rows: Iterable[tuple[str, str]], header: tuple[str, str] = ("name", "title")) -> str:
    """Two columns of text under a header."""
    rows = [header, *rows]
    width = max(len(name) for name, _ in rows)
    lines = [f"{name.ljust(width)}  {text}".rstrip() for name, text in rows]
    return "\n".join([lines[0], "-" * max(map(len, lines)), *lines[1:]])
