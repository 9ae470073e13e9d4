"""Parameters of shapes: conversion to plain numbers, and checks at construction with one sentence for each mistake."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...errors import InputError
from ...types import Float


def numbers(value: Any) -> tuple[float, ...]:
    """A sequence of numbers as a tuple, which hashes."""
    try:
        array = np.asarray(value, float)
    except (TypeError, ValueError):
        array = np.empty((0, 0))
    if array.ndim != 1:
        raise InputError(f"A shape expected a list of numbers, one for each axis. Received {value!r}.")
    return tuple(map(float, array))


def optional_numbers(value: Any) -> tuple[float, ...] | None:
    """The same, None left alone."""
    return None if value is None else numbers(value)


def number(value: Any) -> float:
    """One number."""
    try:
        return float(value)
    except (TypeError, ValueError):
        raise InputError(f"A shape expected a number. Received {value!r}.") from None


def wholes(value: Any) -> tuple[int, ...]:
    """A sequence of whole numbers as a tuple; 4.0 counts as whole."""
    values = numbers(value)
    if any(v != np.floor(v) or not np.isfinite(v) for v in values):
        raise InputError(f"A shape expected whole numbers of cells. Received {value!r}.")
    return tuple(map(int, values))


def check_positive(owner: str, name: str, values: Sequence[float], lengths: Sequence[int]) -> None:
    """Finite numbers > 0, as many of them as one of `lengths`."""
    if len(values) not in lengths or not all(0 < v < np.inf for v in values):
        count = " or ".join(map(str, lengths))
        raise InputError(f"{owner} expected {name} of {count} finite numbers > 0. Received {tuple(values)}.")


def check_cells(owner: str, cells: Sequence[int], least: dict[str, int]) -> None:
    """One count for each direction, each at least what its name is given in `least`."""
    if len(cells) != len(least) or any(n < m for n, m in zip(cells, least.values(), strict=True)):
        wanted = ", ".join(f"{name} ≥ {m}" for name, m in least.items())
        raise InputError(f"{owner} expected cells as ({wanted}). Received {tuple(cells)}.")


def unit(owner: str, direction: Sequence[float], dim: int) -> Float[np.ndarray, " d"]:
    """A direction of d numbers, of length 1."""
    vector = np.asarray(direction, float)
    if vector.shape != (dim,) or not np.all(np.isfinite(vector)):
        raise InputError(f"{owner} expected fibre as {dim} finite numbers, a direction. Received {tuple(direction)}.")
    if not (length := np.linalg.norm(vector)):
        raise InputError(
            f"{owner} expected a direction. Received fibres of zero length: give another, or leave `fibre` out."
        )
    return vector / length
