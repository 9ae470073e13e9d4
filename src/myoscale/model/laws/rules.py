"""The fixed Gauss rules behind `nodes`, as numpy constants, and how a count of nodes is shared out."""

import functools
from collections.abc import Callable

import numpy as np
from scipy.special import roots_hermitenorm, roots_legendre

from .checks import InputError


@functools.lru_cache(maxsize=64)
def hermite(k: int) -> tuple[np.ndarray, np.ndarray]:
    """Gauss rule of the standard normal law: nodes, weights (k,). scipy's has no overflow, numpy's has."""
    z, w = roots_hermitenorm(k)
    return z, w / np.sum(w)


@functools.lru_cache(maxsize=64)
def legendre(k: int) -> tuple[np.ndarray, np.ndarray]:
    """Gauss rule of the uniform law of (0, 1): nodes and weights (k,)."""
    t, w = roots_legendre(k)
    return 0.5 * (1 + t), 0.5 * w


def tensor(rule: Callable, n: int, nx: int) -> tuple[np.ndarray, np.ndarray]:
    """The product of `rule` over nx axes with n nodes in total: nodes (n, nx), weights (n,)."""
    z, w = rule(per_axis(n, nx))
    grid = np.meshgrid(*[z] * nx, indexing="ij")
    return np.stack(grid, axis=-1).reshape(-1, nx), functools.reduce(np.multiply.outer, [w] * nx).ravel()


def per_axis(n: int, nx: int, parts: int = 1) -> int:
    """k with n = parts·k^nx, or an InputError that names the two nearest counts."""
    k = max(1, round(max(n / parts, 0) ** (1 / nx)))
    if parts * k**nx != n:
        k = max(1, k - (parts * k**nx > n))
        form = ("" if parts == 1 else f"{parts} * ") + ("k" if nx == 1 else f"k**{nx}")
        nearest = f"{parts * k**nx} and {parts * (k + 1) ** nx}"
        raise InputError(
            f"Expected n = {form} nodes for nx = {nx}, k >= 1. Received n = {n}; the nearest counts are {nearest}."
        )
    return k


def shares(n: int, parts: int, part: str) -> np.ndarray:
    """n split into `parts` whole numbers as equal as possible, the larger first; shape (parts,)."""
    if n < parts or n != int(n):
        raise InputError(f"Expected a whole number n >= {parts} of nodes, one or more a {part}. Received n = {n}.")
    return int(n) // parts + (np.arange(parts) < n % parts)
