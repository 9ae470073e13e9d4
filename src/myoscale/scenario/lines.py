"""On which line of a TOML text a key is: the parser does not say.

A key is on the first line that mentions it after which the text, cut off at the end of that statement, holds it.
"""

import tomllib
from collections.abc import Sequence
from typing import Any


def line_of(text: str, path: Sequence[str | int]) -> int | None:
    """The line, from 1, of the longest part of `path` that the text holds; None if it holds nothing of it."""
    lines = text.splitlines()
    for end in range(len(path), 0, -1):
        part = path[:end]
        name = next((str(item) for item in reversed(part) if isinstance(item, str)), "")
        for number, line in enumerate(lines, 1):
            if name not in line:
                continue
            for last in range(number, len(lines) + 1):
                tree = _parsed("\n".join(lines[:last]))
                if tree is not None:
                    break
            else:
                continue
            if _holds(tree, part):
                return number
    return None


def _parsed(text: str) -> Any:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return None


def _holds(tree: Any, path: Sequence[str | int]) -> bool:
    for item in path:
        try:
            tree = tree[item]
        except (KeyError, IndexError, TypeError):
            return False
    return True
