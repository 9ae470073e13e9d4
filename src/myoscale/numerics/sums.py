"""Sums that are fast where a program spends its time."""

import jax.numpy as jnp
import numpy as np

from ..types import Array, Float


def total(values: Array) -> Float[Array, ""]:
    """The sum of all values, as a product with ones: XLA's reduction takes twice as long on a CPU, and forty times of a batch of columns."""
    return jnp.ravel(values) @ np.ones(values.size)
