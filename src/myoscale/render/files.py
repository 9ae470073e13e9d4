"""Files written whole or not at all."""

from collections.abc import Callable
from pathlib import Path

from .. import store
from ..errors import InputError


def write_whole(path: str | Path, write: Callable[[Path], object]) -> Path:
    """Let `write` make a file beside `path`, then put it in its place.

    **Raises:** `InputError` if nothing can be written there.
    """
    path = store.writable(path)
    part = path.with_name(f".{path.name}.part")
    try:
        write(part)
        part.replace(path)
    except OSError as error:
        raise InputError(f"Cannot write '{path}': {error.strerror or error}.") from None
    finally:
        part.unlink(missing_ok=True)
    return path
