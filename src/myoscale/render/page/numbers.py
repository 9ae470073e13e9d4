"""Numbers for JSON: few digits, and null for what is no number."""

from typing import Any

import numpy as np

from ...types import Array

DIGITS = 6  # of curves; nobody sees more
FEW_DIGITS = 4  # of populations and bridges, which are many


def plain(values: Array, digits: int = DIGITS) -> Any:
    """An array as nested lists of rounded numbers, None for NaN and infinities."""
    array = np.asarray(values, float)
    if array.ndim == 0:
        return _rounded(float(array), digits)
    if array.ndim == 1:
        return [_rounded(value, digits) for value in array.tolist()]
    return [plain(part, digits) for part in array]


def even(count: int, most: int) -> Array:
    """At most `most` indices below `count`, evenly spaced, both ends among them."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(int))


def _rounded(value: float, digits: int) -> float | int | None:
    if not np.isfinite(value):
        return None
    short = float(f"{value:.{digits}g}")
    return int(short) if short == int(short) and abs(short) < 1e15 else short
