"""Bridges that several pages share: the linear constraint and the deformed element (theory.md section 7, 1 and 2)."""

from typing import ClassVar

import jax.numpy as jnp

from ..citations import PLUNDER_SIMEON_2020, PLUNDER_SIMEON_2023
from ..fields import parameter
from ..model import AbstractBridge, AbstractCycling
from ..numerics import small
from ..types import Array, Float, Scalar, as_float


class LinearBridge(AbstractBridge):
    """g = x − Gq with a spring, W₁ = κ₁|x|²/2; hence Φ = G and Ω = 0.

    **Arguments:** `mass` m ≥ 0; `stiffness` κ₁; `gain` G, (nx, nq), or a scalar γ for G = γ1 with nx = nq;
    `cycling`, a scheme of attachment and detachment, or None.
    """

    cites: ClassVar = (PLUNDER_SIMEON_2020,)

    mass: Scalar = parameter("m, mass of a head", "mass")
    stiffness: Scalar = parameter("κ₁, stiffness of a bridge", "force/length")
    gain: Float[Array, "..."] = parameter("G, extension for each unit of q", converter=as_float)
    cycling: AbstractCycling | None = parameter("how bridges attach and detach; never if left out", default=None)

    def constraint(self, x, q):
        """x − Gq."""
        return x - self._moved(q)

    def energy(self, x):
        """κ₁|x|²/2."""
        return 0.5 * self.stiffness * x @ x

    def extension(self, c, q):
        """c + Gq."""
        return c + self._moved(q)

    def flow(self, x, q):
        """G."""
        return self.gain * jnp.eye(x.size) if jnp.ndim(self.gain) == 0 else jnp.asarray(self.gain)

    def _moved(self, q):
        return self.gain * q if jnp.ndim(self.gain) == 0 else jnp.asarray(self.gain) @ q


class ElementBridge(AbstractBridge):
    """g = F⁻¹x with q = F row by row, nq = nx², and a spring, W₁ = κ₁|x|²/2: the bridge deforms with the element.

    Φq̇ = F′[q̇]F⁻¹x, and Ω = 0 where F is affine in y.

    **Arguments:** `mass` m ≥ 0; `stiffness` κ₁.
    """

    cites: ClassVar = (PLUNDER_SIMEON_2023,)

    mass: Scalar = parameter("m, mass of a head", "mass")
    stiffness: Scalar = parameter("κ₁, stiffness of a bridge", "force/length")

    def constraint(self, x, q):
        """F⁻¹x."""
        return small.inverse(_matrix(q, x.size)) @ x

    def energy(self, x):
        """κ₁|x|²/2."""
        return 0.5 * self.stiffness * x @ x

    def extension(self, c, q):
        """Fc."""
        return _matrix(q, c.size) @ c

    def flow(self, x, q):
        """I ⊗ (F⁻¹x)ᵀ."""
        return jnp.kron(jnp.eye(x.size), self.constraint(x, q)[None, :])


def _matrix(q: Float[Array, " nq"], n: int) -> Float[Array, "n n"]:
    return q.reshape(n, n)
