"""Fields that say what they are: `mass: float = parameter("m, per head", "mass", default=0.5)`.

The words and the unit are shown in templates and pages and checked in scenario files; nothing is computed with them. A field
without them works too. Units are products and powers of length, force, time, mass and energy, "force/length" for instance;
a signal's values take the unit of what they drive, written "driven".
"""

from typing import Any

import equinox as eqx


def parameter(doc: str, unit: str = "", *, key: str = "", **options: Any) -> Any:
    """A field of a bridge, tissue, law or drive.

    **Arguments:** `doc`, a few words, the symbol first; `unit`, in words, left out where it depends on the model; `key`, the
    constructor's name for it where that differs from the field's; `options` of `equinox.field`, `default` for instance.

    **Returns:** the field.
    """
    return eqx.field(metadata={"doc": doc, "unit": unit, "key": key}, **options)
