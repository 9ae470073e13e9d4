"""Mean and spread of μ, closed by a Gaussian.

The state is the mean p and a factor S of the covariance, Q = S Sᵀ. With Gauss–Hermite nodes x = p + Sζ, ζ standard normal,

    ṗ = E[Φu],   Ṡ = E[(Φu) ζᵀ],   hence   Q̇ = E[(Φu)(x − p)ᵀ + (x − p)(Φu)ᵀ],                  (theory.md section 9)

so Q stays positive semi-definite with nothing to enforce, and an affine flow carries p and S exactly.
"""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

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

    def energies(self, bridge, z, q):
        """E[W₁], and ½E[V(√2 Sζ)]: the difference of two independent bridges is N(0, 2Q), and one rule does for both.

        It has twice the nodes an axis, for a spread √2 times as wide and V that may be narrow; V is even, and half of them suffice.
        """
        elastic = self.measure(bridge, z, q).expect(bridge.energy)
        if bridge.interaction is None:
            return elastic, jnp.zeros(())
        zeta, w = (a[: len(a) // 2] for a in hermite(2 * self.nodes, z.p.shape[0]))
        return elastic, w @ jax.vmap(bridge.interaction)(np.sqrt(2.0) * zeta @ z.s.T)

    def transport(self, bridge: AbstractBridge, z, q, u):
        """ṗ and Ṡ."""
        zeta, w = hermite(self.nodes, z.p.shape[0])
        velocity = jax.vmap(lambda x: mechanics.flow(bridge, x, q) @ u)(z.p[None] + zeta @ z.s.T)
        return Spread(w @ velocity, velocity.T @ (w[:, None] * zeta))
