"""Gauss rules, computed once in NumPy and used as constants."""

import functools
import itertools

import numpy as np
from scipy import special


@functools.cache
def hermite(count: int, dimension: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Tensor Gauss–Hermite rule of the standard normal law on R^dimension: nodes (count^d, d), weights summing to 1."""
    nodes, weights = special.roots_hermitenorm(count)
    weights = weights / weights.sum()
    points = np.array(list(itertools.product(nodes, repeat=dimension)))
    return points, np.array([np.prod(w) for w in itertools.product(weights, repeat=dimension)])
