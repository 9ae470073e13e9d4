"""Levels as the shell writes them: `name[:SIZE][,field=value]`, for instance `kinetic:400,window=8`."""

import dataclasses
import enum
import math
import re
import typing
from typing import Any

from ..errors import InputError, nearest
from . import LEVELS
from .base import AbstractLevel

_EXAMPLES = {
    "reduced": "reduced:1000",
    "characteristics": "characteristics:64",
    "kinetic": "kinetic:200",
    "moments": "moments",
    "constrained": "constrained:100",
}


def parse_level(spec: str) -> AbstractLevel:
    """The level that a text describes; the first field of a level is its size.

    **Raises:** `InputError` that names the nearest level, field or choice, or says what a value should be.
    """
    head, *settings = (part.strip() for part in spec.split(","))
    name, colon, size = (part.strip() for part in head.partition(":"))
    if name.lower() not in LEVELS:
        raise InputError(f"There is no level '{name}': {nearest(name.lower(), LEVELS)}")
    kind = LEVELS[name.lower()]
    fields = {field.name: field for field in dataclasses.fields(kind)}
    first = next(iter(fields))
    if colon:
        settings.insert(0, f"{first}={size}")
    values: dict[str, Any] = {}
    for setting in settings:
        key, equals, text = (part.strip() for part in setting.partition("="))
        if not equals:
            raise InputError(
                f"Expected field=value after the comma in '{spec}'. Received '{setting}': {_example(kind)}."
            )
        if key not in fields:
            raise InputError(f"Level '{kind.name}' has no field '{key}': {nearest(key, fields)}")
        if key in values:
            raise InputError(f"Expected {key} once in '{spec}'. Received it twice.")
        values[key] = _value(kind, fields[key], text, key == first)
    missing = [key for key, field in fields.items() if field.default is dataclasses.MISSING and key not in values]
    if missing:
        raise InputError(f"Level '{kind.name}' needs its size, the number of {missing[0]}: {_example(kind)}.")
    return kind(**values)


def parse_range(spec: str) -> tuple[AbstractLevel, tuple[int, ...]]:
    """A level and its sizes from a text with a range in the place of one: `reduced:16..1024` doubles from 16 to 1024.

    **Raises:** `InputError` where there is no such range, or as `parse_level`.
    """
    found = re.fullmatch(r"(\s*\w+\s*):\s*(\d+)\s*\.\.\s*(\d+)\s*(,.*)?", spec)
    if found is None or not 0 < int(found[2]) < int(found[3]):
        raise InputError(
            f"Expected a level with a range of sizes, reduced:16..1024 for instance, which doubles from 16 to 1024. Received '{spec}'."
        )
    first, last = int(found[2]), int(found[3])
    sizes = [first]
    while 2 * sizes[-1] <= last:
        sizes.append(2 * sizes[-1])
    return parse_level(f"{found[1]}:{first}{found[4] or ''}"), tuple(sizes)


def parse_levels(specs: list[str]) -> list[AbstractLevel]:
    """Every level in texts that may hold several, separated by spaces or semicolons.

    **Raises:** `InputError` as `parse_level`.
    """
    return [parse_level(spec) for text in specs for spec in re.split(r"[;\s]+", text) if spec]


def level_spec(level: AbstractLevel) -> str:
    """A level as text that `parse_level` reads back to the same level: every field that is not at its default."""
    first, *others = dataclasses.fields(level)
    size = getattr(level, first.name)
    text = level.name if size is None or size == first.default else f"{level.name}:{size}"
    for field in others:
        value = getattr(level, field.name)
        if value != field.default:
            text += f",{field.name}={str(value).lower() if isinstance(value, bool) else value}"
    return text


def _value(kind: type[AbstractLevel], field: dataclasses.Field, text: str, is_size: bool) -> Any:
    """A field's value, of the kind that its default or its annotation has; sizes are whole numbers."""
    if isinstance(field.default, enum.Enum):
        choices = [str(choice.value) for choice in type(field.default)]
        if text.lower() not in choices:
            raise InputError(f"Level '{kind.name}' does not know {field.name}={text}: {nearest(text.lower(), choices)}")
        return text.lower()
    if isinstance(field.default, bool):
        if text.lower() not in ("true", "false"):
            raise InputError(f"Expected {field.name} of level '{kind.name}' to be true or false. Received '{text}'.")
        return text.lower() == "true"
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    whole = (
        is_size
        or isinstance(field.default, int)
        or (int in (members := typing.get_args(field.type)) and float not in members)
    )
    if not math.isfinite(value) or (whole and value != int(value)):
        wanted = "a whole number" if whole else "a number"
        raise InputError(
            f"Expected {field.name} of level '{kind.name}' to be {wanted}. Received '{text}': {_example(kind)}."
        )
    return int(value) if whole or (int in typing.get_args(field.type) and value == int(value)) else value


def _example(kind: type[AbstractLevel]) -> str:
    return f"say {_EXAMPLES.get(kind.name, kind.name)} for instance"
