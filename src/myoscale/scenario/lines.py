"""On which line of a TOML text a key is: the parser does not say.

A key is on the first line that mentions it after which the text, cut off at the end of that statement, holds it.
"""

import bisect
import re
import tomllib
from collections.abc import Sequence
from typing import Any

_STATEMENT = re.compile(r"""\s*(\[\[?[\w"'. -]+\]\]?\s*(#.*)?$|[\w"'.-]+[\w"'. -]*=)""")  # a table, or a key and its =


def line_of(text: str, path: Sequence[str | int]) -> int | None:
    """The line, from 1, of the longest part of `path` that the text holds; None if it holds nothing of it."""
    lines = text.splitlines()
    ends = [
        *(k for k, line in enumerate(lines) if _STATEMENT.match(line)),
        len(lines),
    ]  # before which a statement may end
    for end in range(len(path), 0, -1):
        part = path[:end]
        name = next((str(item) for item in reversed(part) if isinstance(item, str)), "")
        for number, line in enumerate(lines, 1):
            if name not in line or not _STATEMENT.match(line):
                continue
            for last in ends[bisect.bisect_left(ends, number) :]:
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
