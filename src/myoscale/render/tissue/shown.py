"""Fields that pictures and pages colour a tissue by: their names in words, colours, and one scale for all times."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from ...errors import InputError, nearest
from ...types import Array
from .fields import Fields


class Shown(NamedTuple):
    """One field."""

    title: str
    unit: str  # as `fields.parameter` has them
    diverges: bool  # about zero, or about 1 for stretch: what is above and below differs in colour
    middle: float = 0.0


SHOWN: dict[str, Shown] = {
    "stretch": Shown("fibre stretch λ", "", True, 1.0),
    "attached": Shown("share of heads attached", "", False),
    "tension": Shown("active tension along fibres", "force/length**2", False),
    "pressure": Shown("pressure p = κ(J − 1)", "force/length**2", True),
    "extension": Shown("mean extension of bridges", "length", False),
}


def scalar(found: Fields, name: str) -> Array:
    """The values of a field of `SHOWN`; of an extension of several components, the length of its mean.

    **Raises:** `InputError` for any other name.
    """
    if name not in SHOWN:
        raise InputError(f"Expected a field of a tissue. Received {name!r:.40}: {nearest(str(name), SHOWN)}")
    if name != "extension":
        return np.asarray(getattr(found, name))
    return found.mean[:, 0] if found.mean.shape[1] == 1 else np.linalg.norm(found.mean, axis=1)


def limits(name: str, values: Sequence[Array]) -> tuple[float, float]:
    """From the least to the greatest value of all times, symmetric about the middle where the field has one."""
    every = np.concatenate([np.ravel(each) for each in values])
    every = every[np.isfinite(every)]
    low, high = (float(every.min()), float(every.max())) if len(every) else (0.0, 1.0)
    if SHOWN[name].diverges:
        half = max(high - SHOWN[name].middle, SHOWN[name].middle - low)
        low, high = SHOWN[name].middle - half, SHOWN[name].middle + half
    elif name in ("attached", "tension") and high > 0:
        low = min(low, 0.0)
    if not high - low > 1e-9 * max(abs(low), abs(high), 1e-12):
        return low - 0.5, high + 0.5
    return low, high


def title(name: str, units: Mapping[str, str] | None = None) -> str:
    """What a field is called, in the units of a run where they are known."""
    one = SHOWN[name]
    if not one.unit or units is None:
        return one.title
    length = units["length"]
    return f"{one.title} [{units['force']}/{length}²]" if "force" in one.unit else f"{one.title} [{length}]"
