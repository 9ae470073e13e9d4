"""What every law answers: ∫φ dμ = ∫φ(T(u)) du ≈ Σ_i w_i φ(x_i). New laws subclass AbstractLaw."""

import abc
from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Float, PRNGKeyArray

from ...errors import InputError
from ...types import Scalar


class AbstractLaw(eqx.Module):
    """A probability law μ on R^nx: μ = T_#(uniform law of the open cube (0, 1)^dim), T = `transform`."""

    @property
    @abc.abstractmethod
    def nx(self) -> int:
        """The dimension of X: 1, 2 or 3."""

    @property
    @abc.abstractmethod
    def dim(self) -> int:
        """How many uniforms one point needs: nx, or nx + 1 for a mixture in nx > 1."""

    @abc.abstractmethod
    def mean(self) -> Float[Array, " nx"]:
        """∫x dμ, shape (nx,)."""

    @abc.abstractmethod
    def covariance(self) -> Float[Array, "nx nx"]:
        """∫(x − mean)(x − mean)ᵀ dμ, shape (nx, nx)."""

    @abc.abstractmethod
    def transform(self, u: Float[ArrayLike, "n dim"]) -> Float[Array, "n nx"]:
        """Maps uniforms to points of the law by the inverse Rosenblatt transform, increasing in u where nx =
        1.

        **Arguments:** `u`, shape (n, dim), every entry in the open interval (0, 1).

        **Returns:** T(u), shape (n, nx).
        """

    @abc.abstractmethod
    def sample(self, key: PRNGKeyArray, n: int) -> Float[Array, "n nx"]:
        """Draws `n` independent points of the law from `key`; shape (n, nx)."""

    @abc.abstractmethod
    def nodes(self, n: int) -> tuple[Float[Array, "n nx"], Float[Array, " n"]]:
        """A Gauss rule of the law, ∫φ dμ ≈ Σ_i w_i φ(x_i) with Σ_i w_i = 1.

        **Arguments:** `n`, the count in total: k**nx, times the number of components of a mixture in nx > 1.

        **Returns:** the nodes x, shape (n, nx), and their weights w ≥ 0, shape (n,).

        **Raises:** InputError if the law has no rule of `n` nodes; it names the nearest counts.
        """

    @abc.abstractmethod
    def pdf(self, x: Float[ArrayLike, "*n nx"]) -> Float[Array, "*n"]:
        """The density of μ at x, shape (..., nx); one value a point, shape (...)."""

    @abc.abstractmethod
    def window(self, width: Scalar) -> tuple[Float[Array, " nx"], Float[Array, " nx"]]:
        """The box that holds the law: mean ± `width` standard deviations an axis, or the support where it is
        bounded.

        **Returns:** the lower and the upper corner, shape (nx,) each.
        """

    @abc.abstractmethod
    def _tails(self, x: Array) -> tuple[Array, Array]:
        """`tails` for nx = 1, each of the two accurate relative to itself where it is small."""

    def tails(self, x: Float[ArrayLike, "*n"]) -> tuple[Float[Array, "*n"], Float[Array, "*n"]]:
        """P(X ≤ x) and P(X > x) at x, any shape, for nx = 1.

        **Raises:** InputError for nx > 1, where no distribution function is defined here.
        """
        if self.nx != 1:
            raise InputError(
                f"Expected a law with nx = 1 for a distribution function. Received nx = {self.nx}; use pdf."
            )
        return self._tails(jnp.asarray(x, float))

    def cdf(self, x: Float[ArrayLike, "*n"]) -> Float[Array, "*n"]:
        """P(X ≤ x) at x, any shape, for nx = 1. **Raises:** InputError for nx > 1."""
        return self.tails(x)[0]

    def cell_masses(self, edges: Float[ArrayLike, " edges"]) -> Float[Array, " cells"]:
        """The masses of the cells between increasing `edges`, shape (n + 1,), for nx = 1; mass outside them
        is dropped.

        **Returns:** P(e_j < X ≤ e_{j+1}) ≥ 0, shape (n,): differences of the smaller tail, as accurate right
        of the median as left of it.

        **Raises:** InputError for nx > 1.
        """
        below, above = self.tails(edges)
        return jnp.maximum(jnp.where(below[:-1] < 0.5, jnp.diff(below), -jnp.diff(above)), 0.0)


def uniforms(key: PRNGKeyArray, n: int, dim: int) -> Float[Array, "n dim"]:
    """Independent uniforms in the open interval (0, 1), shape (n, dim)."""
    return jax.random.uniform(key, (n, dim), float, minval=np.finfo(float).tiny)


def pointwise(density: Callable[[Array], Array], x: ArrayLike) -> Array:
    """`density`, (nx,) -> (), at every point of x, (..., nx) -> (...)."""
    return jnp.vectorize(density, signature="(a)->()")(jnp.asarray(x, float))
