"""The uniform law of a box. Nodes by tensor Gauss–Legendre rules."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from ...fields import parameter
from .base import AbstractLaw, pointwise, uniforms
from .checks import (
    InputError,
    Leaf,
    check_finite,
    check_shapes,
    dimension,
    known,
    leaf,
    vector,
)
from .rules import legendre, tensor


class Uniform(AbstractLaw):
    """The uniform law of the box low ≤ x ≤ high.

    **Arguments:** `low` < `high`: two scalars (nx = 1), or two arrays (nx,).

    **Raises:** InputError unless both are finite and of one shape, and low < high.
    """

    low: Leaf = parameter("lower end, () or (nx,)", "length", converter=leaf)
    high: Leaf = parameter("upper end, () or (nx,)", "length", converter=leaf)

    def __check_init__(self):
        check_shapes(low=self.low, high=self.high)
        check_finite(low=self.low, high=self.high)
        if known(self.low, self.high) and not np.all(self.low < self.high):
            raise InputError(f"Expected low < high. Received low = {self.low} and high = {self.high}.")

    @property
    def nx(self) -> int:
        return dimension(self.low)

    @property
    def dim(self) -> int:
        return self.nx

    def _sides(self) -> Array:
        return vector(self.high) - vector(self.low)

    def mean(self):
        return 0.5 * (vector(self.low) + vector(self.high))

    def covariance(self):
        return jnp.diag(self._sides() ** 2 / 12)

    def transform(self, u):
        return vector(self.low)[None] + self._sides()[None] * jnp.asarray(u, float)

    def sample(self, key, n):
        return self.transform(uniforms(key, n, self.nx))

    def nodes(self, n):
        t, w = tensor(legendre, n, self.nx)
        return self.transform(t), jnp.asarray(w)

    def pdf(self, x):
        low, high = self.window(0.0)
        density = 1 / jnp.prod(self._sides())
        return pointwise(lambda x: jnp.where(jnp.all((low <= x) & (x <= high)), density, 0.0), x)

    def window(self, width):
        return vector(self.low), vector(self.high)

    def _tails(self, x):
        (low,), (high,) = self.window(0.0)
        return jnp.clip((x - low) / (high - low), 0, 1), jnp.clip((high - x) / (high - low), 0, 1)
