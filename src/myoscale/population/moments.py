"""Mean and spread of μ, closed by a Gaussian.

The state is the mean p and a factor S of the covariance, Q = S Sᵀ. With Gauss–Hermite nodes x = p + Sζ, ζ standard normal,

    ṗ = E[Φu],   Ṡ = E[(Φu) ζᵀ],   hence   Q̇ = E[(Φu)(x − p)ᵀ + (x − p)(Φu)ᵀ],                  (theory.md section 9)

so Q stays positive semi-definite with nothing to enforce, and an affine flow carries p and S exactly.
"""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp

from .. import mechanics
from ..model.bridge import AbstractBridge
from ..numerics import small
from ..numerics.quadrature import hermite
from ..types import Array, Float
from .base import AbstractPopulation, Measure


class Spread(NamedTuple):
    """State of `Moments`: mean p and covariance factor S."""

    p: Float[Array, " nx"]
    s: Float[Array, "nx nx"]


class Moments(AbstractPopulation):
    """Two moments and a Gaussian closure, integrals by `nodes` Gauss–Hermite nodes an axis."""

    nodes: int = eqx.field(static=True, default=24)

    def start(self, mean: Float[Array, " nx"], covariance: Float[Array, "nx nx"]) -> Spread:
        """From the moments of μ^in; a direction without spread (one bridge, say) stays without."""
        return Spread(mean, small.cholesky(covariance))

    def measure(self, bridge, z, q):
        """Gauss–Hermite nodes of N(p, SSᵀ)."""
        zeta, w = hermite(self.nodes, z.p.shape[0])
        return Measure(z.p[None] + zeta @ z.s.T, jnp.asarray(w))

    def transport(self, bridge: AbstractBridge, z, q, u):
        """ṗ and Ṡ."""
        zeta, w = hermite(self.nodes, z.p.shape[0])
        velocity = jax.vmap(lambda x: mechanics.flow(bridge, x, q) @ u)(z.p[None] + zeta @ z.s.T)
        return Spread(w @ velocity, velocity.T @ (w[:, None] * zeta))
