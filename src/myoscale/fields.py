"""Fields that say what they are: `mass: float = parameter("m, per head", "mass", default=0.5)`.

The words and the unit are shown in templates and pages and checked in scenario files; nothing is computed with them. A field
without them works too. Units are products and powers of length, force, time, mass and energy, "force/length" for instance;
a signal's values take the unit of what they drive, written "driven". What belongs to the tissue's coordinates y, which
need not be lengths, is a "coordinate", "coordinate/time", "energy/coordinate" and so on.
"""

import re
from collections.abc import Mapping
from typing import Any

import equinox as eqx


def parameter(doc: str, unit: str = "", *, key: str = "", **options: Any) -> Any:
    """A field of a bridge, tissue, law or drive.

    **Arguments:** `doc`, a few words, the symbol first; `unit`, in words, left out where it depends on the model; `key`, the
    constructor's name for it where that differs from the field's; `options` of `equinox.field`, `default` for instance.

    **Returns:** the field.
    """
    return eqx.field(metadata={"doc": doc, "unit": unit, "key": key}, **options)


_DERIVED = {"mass": "force*time**2/length", "energy": "force*length"}


_COORDINATE = {
    "coordinate": "length",
    "coordinate/time": "length/time",
    "energy/coordinate": "force",
    "energy*time**0.5/coordinate": "force*time**0.5",
    "energy*time/coordinate**2": "force*time/length",
}


def resolved(unit: str, are_lengths: bool) -> str:
    """A unit of the tissue's coordinates, which are lengths or have none; other units as they are."""
    return (_COORDINATE[unit] if are_lengths else "") if unit in _COORDINATE else unit


def expanded(unit: str) -> str:
    """A unit in words in terms of length, force and time."""
    for word, meaning in _DERIVED.items():
        unit = re.sub(rf"\b{word}\b", meaning if unit == word else f"({meaning})", unit)
    return unit


def spelled(unit: str, units: Mapping[str, str] | None) -> str:
    """A unit in words as people write it: "force/length" is "pN/nm", in words where there are no `units`."""
    if units is not None:
        unit = expanded(unit)
        for word in ("length", "force", "time"):
            unit = re.sub(rf"\b{word}\b", units[word], unit)
    return unit.replace("**2", "²").replace("**3", "³").replace("**0.5", "^½").replace("*", "·")
