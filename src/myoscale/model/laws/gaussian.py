"""Normal laws: X = p + Lz, z standard normal, Q = LLᵀ. Nodes: tensor Gauss–Hermite rules; points: ndtri."""

import abc

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.linalg import solve_triangular
from jax.scipy.special import ndtr, ndtri
from jaxtyping import Array, Float

from ...fields import parameter
from .base import AbstractLaw, pointwise
from .checks import (
    Given,
    InputError,
    Leaf,
    check_finite,
    check_shapes,
    dimension,
    known,
    leaf,
    vector,
)
from .rules import hermite, tensor


class _AbstractGaussian(AbstractLaw):
    """X = p + L z with z standard normal and L lower triangular with a positive diagonal, Q = LLᵀ."""

    p: eqx.AbstractVar[Leaf]

    @abc.abstractmethod
    def _factor(self) -> Float[Array, "nx nx"]:
        """L, shape (nx, nx)."""

    @property
    def nx(self) -> int:
        return dimension(self.p)

    @property
    def dim(self) -> int:
        return self.nx

    def mean(self):
        return vector(self.p)

    def _move(self, z: Array) -> Array:
        return self.mean()[None] + z @ self._factor().T

    def transform(self, u):
        return self._move(ndtri(jnp.asarray(u, float)))

    def sample(self, key, n):
        return self._move(jax.random.normal(key, (n, self.nx), float))

    def nodes(self, n):
        z, w = tensor(hermite, n, self.nx)
        return self._move(jnp.asarray(z)), jnp.asarray(w)

    def pdf(self, x):
        mean, factor = self.mean(), self._factor()
        inverse = solve_triangular(factor, jnp.eye(self.nx), lower=True)
        scale = jnp.prod(jnp.diag(inverse)) / (2 * np.pi) ** (self.nx / 2)
        return pointwise(lambda x: scale * jnp.exp(-0.5 * jnp.sum((inverse @ (x - mean)) ** 2)), x)

    def window(self, width):
        mean, std = self.mean(), jnp.sqrt(jnp.diag(self.covariance()))
        return mean - width * std, mean + width * std

    def _tails(self, x):
        z = (x - self.mean()[0]) / self._factor()[0, 0]
        return ndtr(z), ndtr(-z)


class Normal(_AbstractGaussian):
    """The normal law with independent axes, density Π_a exp(−(x_a − p_a)²/(2 std_a²))/(√(2π) std_a).

    The field is called p, theory.md's symbol for a mean: `mean` is the method that every law has.

    **Arguments:** `mean` and `std` (standard deviation, > 0): two scalars (nx = 1), or two arrays (nx,).

    **Raises:** InputError unless both are finite and of one shape, and std > 0.
    """

    p: Leaf = parameter("mean, () or (nx,)", "length", key="mean")
    std: Leaf = parameter("standard deviation, () or (nx,)", "length")

    def __init__(self, mean: Given, std: Given):
        self.p, self.std = leaf(mean), leaf(std)

    def __check_init__(self):
        check_shapes(mean=self.p, std=self.std)
        check_finite(mean=self.p, std=self.std)
        if known(self.std) and not np.all(self.std > 0):
            raise InputError(f"Expected std > 0. Received std = {self.std}.")

    def covariance(self):
        return jnp.diag(vector(self.std) ** 2)

    def _factor(self):
        return jnp.diag(vector(self.std))


class MultivariateNormal(_AbstractGaussian):
    """The normal law with density exp(−½(x − p)ᵀQ⁻¹(x − p))/√det(2πQ).

    **Arguments:** `mean`, shape (nx,); `covariance`, shape (nx, nx), symmetric positive definite.

    **Raises:** InputError unless that holds, and all entries are finite.
    """

    p: Leaf = parameter("mean, (nx,)", "length", key="mean")
    Q: Leaf = parameter("covariance, (nx, nx)", "length**2", key="covariance")

    def __init__(self, mean: Given, covariance: Given):
        self.p, self.Q = leaf(mean), leaf(covariance)

    def __check_init__(self):
        shapes = jnp.shape(self.p), jnp.shape(self.Q)
        if shapes not in [((nx,), (nx, nx)) for nx in (1, 2, 3)]:
            raise InputError(
                "Expected mean of shape (nx,) and covariance of shape (nx, nx), nx = 1, 2, 3. "
                f"Received shapes {shapes[0]} and {shapes[1]}."
            )
        check_finite(mean=self.p, covariance=self.Q)
        if known(self.Q):
            asymmetry, largest = np.max(np.abs(self.Q - self.Q.T)), np.max(np.abs(self.Q))
            if asymmetry > 1e-9 * largest:
                raise InputError(
                    f"Expected a symmetric covariance. Received one off by {asymmetry:.3g}: use (Q + Q.T)/2."
                )
            lowest = np.linalg.eigvalsh(self.Q)[0]
            if lowest <= 1e-14 * largest:
                raise InputError(
                    f"Expected a positive definite covariance. Received one with the eigenvalue {lowest:.3g}."
                )

    def covariance(self):
        return jnp.asarray(self.Q, float)

    def _factor(self):
        return jnp.linalg.cholesky(self.covariance())
